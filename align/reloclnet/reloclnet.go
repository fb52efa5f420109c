// Package reloclnet is ReLoCLNet: XML with two contrasts, which teach a query to tell the clips of its moment from the others
// (FrameCL) and its video from the others (VideoCL), so that what is encoded separately is aligned already.
//
// Source: Zhang et al., Video Corpus Moment Retrieval with Contrastive Learning, 2021, section 3, and the authors' code
// (github.com/26hzhang/ReLoCLNet at 56cb666), whose vectors it reproduces. Parameter names are those of its checkpoints.
package reloclnet

import (
	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align/locate"
	"sightline/align/xml"
	"sightline/engine"
)

// Name is the method's name in run configs and bundles.
const Name = "reloclnet"

func init() { locate.Register(Name, func() locate.Method { return Default() }) }

// Method is ReLoCLNet. Without contrasts (frame_cl and video_cl 0) it is the paper's ReLoNet.
type Method struct {
	xml.Method
	FrameCL float64 `json:"frame_cl"`
	VideoCL float64 `json:"video_cl"`
}

// Default returns the method as published.
func Default() *Method { return &Method{Method: *xml.Default(), FrameCL: 0.03, VideoCL: 0.03} }

// Defaults: those of locate.Base.
func (*Method) Defaults(*locate.Config) {}

// Parts returns the parts of the loss: XML's, then the contrasts, which read the rows of one layer before the last.
func (m *Method) Parts(vars engine.Vars, c locate.Config, pairs locate.Pairs) []locate.Part {
	query, videos := pairs.Query, pairs.Videos
	frames := func() *Node {
		var sum *Node // [B]
		gates := pairs.OwnGates()
		for _, modality := range videos.Modalities() {
			dots := locate.OwnDots(query.Retrieve[modality], videos.Middle[modality]) // [B, L]
			information := locate.Information(dots, pairs.Gold.Inside, pairs.Outside(), locate.Log2)
			sum = locate.Plus(sum, Mul(gates[modality], information))
		}
		return Neg(ReduceAllMean(sum))
	}
	contrast := func() *Node {
		var logits *Node // [B, B]
		gates := videos.Gates(query)
		for _, modality := range videos.Modalities() {
			best := videos.Best(locate.Dots(query.Retrieve[modality], videos.Middle[modality]))
			logits = locate.Plus(logits, Mul(gates[modality], best))
		}
		return locate.PerQuery.Loss(logits, pairs.Gold)
	}
	return append(m.Method.Parts(vars, c, pairs),
		locate.Part{Name: "frame_cl", Weight: m.FrameCL, Loss: frames},
		locate.Part{Name: "video_cl", Weight: m.VideoCL, Loss: contrast})
}

// Loss is the weighted sum of its parts.
func (m *Method) Loss(vars engine.Vars, c locate.Config, pairs locate.Pairs) []*Node {
	return locate.Sum(m.Parts(vars, c, pairs))
}

// Check returns what is implausible.
func (m *Method) Check() error {
	return locate.CheckWeights(m.Parts(engine.Vars{}, locate.Config{}, locate.Pairs{}))
}

// Watched names the parts.
func (m *Method) Watched() []string {
	return locate.Names(m.Parts(engine.Vars{}, locate.Config{}, locate.Pairs{}))
}
