// Package xml is XML, cross-modal moment localisation: each modality of a clip is compared with a query vector of its own, and
// two filters find in the curve of these similarities where a moment starts and ends.
//
// Source: Lei et al., TVR: A Large-Scale Dataset for Video-Subtitle Moment Retrieval, 2020, section 4. Parameter names are
// those of the official checkpoints. Different here, and in ReLoCLNet: videos are ranked by the same rows in which moments
// are located, where XML ranks by rows from before the modalities meet; an index then keeps one row a clip and modality.
package xml

import (
	"math/rand/v2"
	"sync"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align/locate"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Name is the method's name in run configs and bundles.
const Name = "xml"

func init() { locate.Register(Name, func() locate.Method { return Default() }) }

// Method is XML: what each part of its loss weighs.
type Method struct {
	Videos  float64 `json:"videos"`  // a wrong video for a query
	Queries float64 `json:"queries"` // a wrong query for a video
	Spans   float64 `json:"spans"`   // start and end
}

// Default returns the method as published.
func Default() *Method { return &Method{Videos: 1, Queries: 1, Spans: 0.01} }

// Parameters that XML and ReLoCLNet have.
const (
	modular    = "modular_vector_mapping.weight"
	videoQuery = "video_query_linear"
	subQuery   = "sub_query_linear"
	startName  = "merged_st_predictor.weight"
	endName    = "merged_ed_predictor.weight"
)

// Defaults: smaller and one layer shallower than ReLoCLNet, 100 clips, α 20.
func (*Method) Defaults(c *locate.Config) {
	c.Hidden, c.Heads, c.Clips, c.Refine, c.Alpha = 256, 4, 100, false, 20
}

// Init adds the query's projections and the boundary filters.
func (*Method) Init(weights *engine.Weights, c locate.Config, random *rand.Rand) {
	weights.Set(modular, engine.Normal(random, locate.Modalities*c.Hidden, locate.Deviation), locate.Modalities, c.Hidden)
	for _, name := range []string{videoQuery, subQuery} {
		transformer.InitLinear(weights, name, c.Hidden, c.Hidden, locate.Deviation, random)
	}
	locate.InitFilter(weights, startName, c.Kernel, random)
	locate.InitFilter(weights, endName, c.Kernel, random)
}

// Query is modular attention: each modality pools the words with a softmax of its own, q_m = Σ_w softmax_w(W_m·E_q)_w E_q,w,
// and locates with a linear layer over q_m. Both modalities weigh the same.
func (*Method) Query(vars engine.Vars, words locate.Words) locate.Comparison {
	logits := Dot(words.Rows, vars.Get(modular)).General([]int{2}, nil, []int{1}, nil)                     // [A, W, 2]
	attention := Softmax(locate.Present(logits, ExpandAxes(words.Mask, -1)), 1)                            // [A, W, 2]
	pooled := Dot(attention, words.Rows).General([]int{1}, []int{0}, []int{1}, []int{0})                   // [A, 2, D]
	pooled = TransposeAllAxes(pooled, 1, 0, 2)                                                             // [2, A, D]
	visual, subtitle := transformer.Pick(pooled, locate.Visual), transformer.Pick(pooled, locate.Subtitle) // [A, D]
	return locate.Comparison{
		Retrieve: [locate.Modalities]*Node{visual, subtitle},
		Locate: [locate.Modalities]*Node{
			transformer.Linear(vars, videoQuery, visual), transformer.Linear(vars, subQuery, subtitle),
		},
		Gate: locate.EvenGates(visual),
	}
}

// Fused: no.
func (*Method) Fused() bool { return false }

// Filters returns the names of the boundary filters.
func (*Method) Filters() (start, end string) { return startName, endName }

// Parts returns the parts of the loss.
func (m *Method) Parts(vars engine.Vars, c locate.Config, pairs locate.Pairs) []locate.Part {
	similarities := sync.OnceValue(func() *Node { return locate.Similarities(pairs.Query, pairs.Videos) })
	return []locate.Part{
		{Name: "videos", Weight: m.Videos, Loss: func() *Node { return c.RankVideos(similarities(), pairs.Gold) }},
		{Name: "queries", Weight: m.Queries, Loss: func() *Node { return c.RankQueries(similarities(), pairs.Gold) }},
		{Name: "spans", Weight: m.Spans, Loss: func() *Node {
			return pairs.Gold.Entropy(c.Boundaries(vars, m, pairs.OwnCurves(), pairs.Videos.Mask))
		}},
	}
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
