// Package qacln is QACLN, the query-aware dual contrastive learning network: the query says how much the picture and the
// subtitles of a clip count, the two are fused by these gates, and three contrasts teach fused clips: with the query clip by
// clip (FrameCL) and video by video (VideoCL), and with each other (VVCL).
//
// A fused clip depends on the query, and B queries with B videos would make B² fused videos. None is written down: all that is
// asked of them are dot products, lengths and weighted sums, which are linear or quadratic in two gates.
//
// Source: Yin et al., Query Aware Dual Contrastive Learning Network for Cross-modal Retrieval, Journal of Software, 2023,
// section 2. There is no published code; docs/methods.md says how its equations are read here.
package qacln

import (
	"fmt"
	"math/rand/v2"
	"sync"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align/locate"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Name is the method's name in run configs and bundles.
const Name = "qacln"

func init() { locate.Register(Name, func() locate.Method { return Default() }) }

// Method is QACLN. The paper's ablations are: without inter-modal contrast, video_cl and frame_cl 0; without intra-modal
// contrast, clip_cl 0; without query-aware fusion, even_gates true; ReLoNet, all three contrasts 0 and even_gates true.
type Method struct {
	// The weights λ₁ … λ₅ of equation 20.
	Videos  float64 `json:"videos"`   // video retrieval, equation 14
	Spans   float64 `json:"spans"`    // start and end, equation 19
	VideoCL float64 `json:"video_cl"` // equation 10
	FrameCL float64 `json:"frame_cl"` // equation 12
	ClipCL  float64 `json:"clip_cl"`  // equation 7, VVCL

	// VideoContrast is how equation 8 is read.
	VideoContrast locate.VideoContrast `json:"video_contrast"`
	// Clusters > 0 makes the gates from a NetVLAD summary of the query's words with that many clusters (equation 1) in place of
	// the pooled query.
	Clusters int `json:"clusters"`
	// EvenGates weighs picture and subtitles the same, whatever is asked.
	EvenGates bool `json:"even_gates"`
}

// Default returns the method with the paper's set of weights.
func Default() *Method {
	return &Method{Videos: 1, Spans: 0.01, VideoCL: 0.03, FrameCL: 0.03, ClipCL: 0.001, VideoContrast: locate.PerQuery}
}

const (
	poolName             = "pool"
	gateName             = "gate"
	alphaName            = "w_alpha"
	ofVideo, ofQuery     = "f", "g"
	startName, endName   = "conv_st.weight", "conv_ed.weight"
	weightOf, biasSuffix = ".weight", ".bias"
)

// Defaults: ReLoCLNet's encoders as they are.
func (*Method) Defaults(*locate.Config) {}

// Init adds the method's parameters.
func (m *Method) Init(weights *engine.Weights, c locate.Config, random *rand.Rand) {
	project := func(name string, out, in int) {
		weights.Set(name+weightOf, engine.Normal(random, out*in, locate.Deviation), out, in)
	}
	project(poolName, 1, c.Hidden)
	switch {
	case m.EvenGates:
	case m.Clusters > 0:
		initVLAD(weights, m.Clusters, c.Hidden, random)
		project(gateName, locate.Modalities, m.Clusters*c.Hidden)
	default:
		project(gateName, locate.Modalities, c.Hidden)
	}
	project(alphaName, 1, c.Hidden)
	for _, name := range []string{ofVideo, ofQuery} {
		transformer.InitLinear(weights, name, c.Hidden, c.Hidden, locate.Deviation, random)
	}
	locate.InitFilter(weights, startName, c.Kernel, random)
	locate.InitFilter(weights, endName, c.Kernel, random)
}

// Query pools the words to q and makes the gates μ of it (equation 2), or of the words' NetVLAD summary.
func (m *Method) Query(vars engine.Vars, words locate.Words) locate.Comparison {
	logits := Squeeze(transformer.Linear(vars, poolName, words.Rows), 2) // [A, W]
	attention := Softmax(locate.Present(logits, words.Mask), -1)         // [A, W]
	q := locate.OwnSums(attention, words.Rows)                           // [A, D]
	comparison := locate.Comparison{Retrieve: [locate.Modalities]*Node{q, q}, Locate: [locate.Modalities]*Node{q, q}}
	switch {
	case m.EvenGates:
		comparison.Gate = locate.EvenGates(q)
	case m.Clusters > 0:
		comparison.Gate = Softmax(transformer.Linear(vars, gateName, netVLAD(vars, words.Rows, words.Mask)), -1)
	default:
		comparison.Gate = Softmax(transformer.Linear(vars, gateName, q), -1) // eq. 2 [A, 2]
	}
	return comparison
}

// Fused: equation 13.
func (*Method) Fused() bool { return true }

// Filters returns the names of the boundary filters.
func (*Method) Filters() (start, end string) { return startName, endName }

// Parts returns the parts of the loss.
func (m *Method) Parts(vars engine.Vars, c locate.Config, pairs locate.Pairs) []locate.Part {
	fused := sync.OnceValue(func() *Node { return fuseOwn(pairs) }) // [B, L, D]
	return []locate.Part{
		{Name: "videos", Weight: m.Videos, Loss: func() *Node { // eq. 14
			similarities := locate.FusedSimilarities(pairs.Query, pairs.Videos)
			return Add(c.RankVideos(similarities, pairs.Gold), c.RankQueries(similarities, pairs.Gold))
		}},
		{Name: "spans", Weight: m.Spans, Loss: func() *Node { // eq. 15, 16, 19
			return MulScalar(pairs.Gold.Entropy(c.Boundaries(vars, m, pairs.OwnCurves(), pairs.Videos.Mask)), 0.5)
		}},
		{Name: "video_cl", Weight: m.VideoCL, Loss: func() *Node { // eq. 10
			return m.VideoContrast.Loss(Contrasts(vars, pairs.Query, pairs.Videos), pairs.Gold)
		}},
		{Name: "frame_cl", Weight: m.FrameCL, Loss: func() *Node { // eq. 12
			return Neg(ReduceAllMean(inform(pairs, fused(), pairs.Query.Retrieve[locate.Visual])))
		}},
		{Name: "clip_cl", Weight: m.ClipCL, Loss: func() *Node { // eq. 7
			s, e, a := intra(pairs, fused())
			return MulScalar(ReduceAllMean(Add(Add(s, e), a)), -1.0/3)
		}},
	}
}

// Loss is equation 20.
func (m *Method) Loss(vars engine.Vars, c locate.Config, pairs locate.Pairs) []*Node {
	return locate.Sum(m.Parts(vars, c, pairs))
}

// Check returns what is implausible.
func (m *Method) Check() error {
	if m.Clusters < 0 {
		return fmt.Errorf("clusters is %d", m.Clusters)
	}
	if err := m.VideoContrast.Check(); err != nil {
		return err
	}
	return locate.CheckWeights(m.Parts(engine.Vars{}, locate.Config{}, locate.Pairs{}))
}

// Watched names the parts.
func (m *Method) Watched() []string {
	return locate.Names(m.Parts(engine.Vars{}, locate.Config{}, locate.Pairs{}))
}

// fuseOwn returns H = μ_v H_v + μ_s H_s of matched pairs [B, L, D] (equation 3).
func fuseOwn(pairs locate.Pairs) *Node {
	var sum *Node
	gates := pairs.OwnGates()
	for _, m := range pairs.Videos.Modalities() {
		sum = locate.Plus(sum, Mul(ExpandAxes(gates[m], 1, 2), pairs.Videos.Rows[m]))
	}
	return sum
}

// Contrasts returns X_ij = f(c_ij)·g(q_i) [A, N] (equation 8) with c_ij = Σ_l α_ijl H_ijl and α = softmax_l(w·H_ijl)
// (equation 9), without c: f is linear, so X_ij = Σ_l α_ijl H_ijl·(W_fᵀ g_i) + b_f·g_i.
func Contrasts(vars engine.Vars, q locate.Comparison, videos locate.Context) *Node {
	gates := videos.Gates(q)
	var logits *Node // [A, N, L]
	for _, m := range videos.Modalities() {
		own := transformer.Linear(vars, alphaName, videos.Rows[m]) // [N, L, 1]
		logits = locate.Plus(logits, Mul(ExpandAxes(gates[m], -1), ExpandAxes(Squeeze(own, 2), 0)))
	}
	alpha := Softmax(locate.Present(logits, ExpandAxes(videos.Mask, 0)), -1)                   // eq. 9
	g := transformer.Linear(vars, ofQuery, q.Retrieve[locate.Visual])                          // [A, D]
	back := MatMul(g, vars.Get(ofVideo+weightOf))                                              // W_fᵀ g [A, D]
	shift := ReduceAndKeep(Mul(g, ExpandAxes(vars.Get(ofVideo+biasSuffix), 0)), ReduceSum, -1) // [A, 1]
	dots := videos.Fuse(gates, [locate.Modalities]*Node{back, back})                           // [A, N, L]
	return Add(ReduceSum(Mul(alpha, dots), -1), shift)
}

// inform returns the information [B] of anchors [B, D] about the moments of their fused clips [B, L, D] (equations 5, 6, 11).
func inform(pairs locate.Pairs, fused, anchors *Node) *Node {
	return locate.Information(locate.OwnDots(anchors, fused), pairs.Gold.Inside, pairs.Outside(), 0)
}

// intra returns the information of the first clip of each moment, of its last, and of all of its clips on the average, about
// the moment [B] (equations 5, 6 and 4; a clip is also compared with itself).
func intra(pairs locate.Pairs, fused *Node) (start, end, all *Node) {
	at := func(one *Node) *Node { return locate.OwnSums(one, fused) } // [B, D]
	inside := pairs.Gold.Inside
	products := Dot(fused, fused).General([]int{2}, []int{0}, []int{2}, []int{0})                  // [B, L, L]
	each := locate.Information(products, ExpandAxes(inside, 1), ExpandAxes(pairs.Outside(), 1), 0) // [B, L]
	all = Div(ReduceSum(Mul(each, inside), 1), AddScalar(ReduceSum(inside, 1), 1e-12))
	return inform(pairs, fused, at(pairs.Gold.Start)), inform(pairs, fused, at(pairs.Gold.End)), all
}
