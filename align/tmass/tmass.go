// Package tmass is T-MASS: a sentence is not a point but a mass. Around its vector lies a cloud whose radius, component by
// component, depends on how the sentence agrees with the frames of the video it is compared with; X-Pool pools the video, and
// the best of some draws from the cloud is what the video is compared with.
//
// It stands beside package xpool, whose pooling it uses. Start at Head. What it will not do is the published scoring code's
// way: there each video is pooled by its own caption of the test set, so the scores know the answer (retrieval.md, section 3).
// Here every video is pooled by the sentence it is compared with.
//
// Source: Wang et al., Text Is MASS: Modeling as Stochastic Embedding for Text-Video Retrieval, 2024, from its formulas.
package tmass

import (
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/align/xpool"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Name is the head's name in run configs and bundles.
const Name = "tmass"

func init() { align.Register(Name, func() align.Head { return Default() }) }

// Head is the T-MASS head.
type Head struct {
	Heads   int     `json:"heads"`   // X-Pool's attention heads
	Dropout float64 `json:"dropout"` // X-Pool's, in training
	Frames  int     `json:"frames"`  // agreements that the radius looks at; videos of another length are brought to it
	Support float64 `json:"support"` // weight w of the support text's loss; the paper has 0.8 for MSR-VTT and 0 elsewhere
	Sigma   float64 `json:"sigma"`   // draws come from N(0, sigma²); 0 for U(0, 1). The paper has 0, and 0.003 for LSMDC
	Draws   int     `json:"draws"`   // from each cloud when scoring
	Seed    uint64  `json:"seed"`    // of these draws
}

// Default returns the head as published for MSR-VTT, with 20 draws.
func Default() *Head {
	return &Head{Heads: 1, Dropout: 0.3, Frames: 12, Support: 0.8, Draws: 20, Seed: 24}
}

const (
	pool   = "pool."
	radius = "stoch.std_branch.linear_proj"
)

// pooling returns the head that pools the frames.
func (h *Head) pooling() *xpool.Head { return &xpool.Head{Heads: h.Heads, Dropout: h.Dropout} }

// Init adds X-Pool's parameters and the radius, whose weight is the identity as published.
func (h *Head) Init(weights *engine.Weights, dim int, random *rand.Rand) {
	part := engine.NewWeights()
	h.pooling().Init(part, dim, random)
	weights.Merge(pool, part)
	eye := make([]float32, dim*h.Frames)
	for i := range min(dim, h.Frames) {
		eye[i*h.Frames+i] = 1
	}
	weights.Set(radius+".weight", eye, dim, h.Frames)
	weights.Set(radius+".bias", make([]float32, dim), dim)
}

// Video keeps the frames as they are.
func (*Head) Video(_ engine.Vars, frames align.Frames) align.Frames { return frames }

// Text keeps the sentence vectors [B, D] as they are.
func (*Head) Text(_ engine.Vars, sentence *Node) *Node { return sentence }

// Recall returns X-Pool's recall vectors [B, D].
func (h *Head) Recall(vars engine.Vars, videos align.Frames) *Node {
	return h.pooling().Recall(vars.Under(pool), videos)
}

// Score returns max_k cos(s_a + ε_k ⊙ r_an, z_na) [A, N]. The draws ε are the same for every pair and every call, so that a
// score depends on nothing but its own sentence and video.
func (h *Head) Score(vars engine.Vars, texts *Node, videos align.Frames) *Node {
	return h.best(vars, texts, videos, h.draws(texts.Graph(), texts.Shape().Dim(-1)))
}

// draws returns what is drawn once and for all [K, D].
func (h *Head) draws(g *Graph, dim int) *Node {
	random := rand.New(rand.NewPCG(h.Seed, 0x7a55))
	values := make([]float32, h.Draws*dim)
	for i := range values {
		if h.Sigma > 0 {
			values[i] = float32(random.NormFloat64() * h.Sigma)
		} else {
			values[i] = random.Float32()
		}
	}
	return transformer.ConstFlat(g, values, h.Draws, dim)
}

// best scores with given draws ε [K, D]. No draw gets a vector of its own for a pair: with r the radius and z of length 1,
//
//	t·z = s·z + ε·(r ⊙ z)        ‖t‖² = ‖s‖² + 2 ε·(s ⊙ r) + (ε ⊙ ε)·(r ⊙ r)
//
// so K draws are three products of [N·A, D] by [D, K].
func (h *Head) best(vars engine.Vars, texts *Node, videos align.Frames, draws *Node) *Node {
	z := transformer.Normalize(h.pooling().Pool(vars.Under(pool), texts, videos, nil)) // [N, A, D]
	c := Dot(transformer.Normalize(videos.Vectors), transformer.Normalize(texts)).General([]int{2}, nil, []int{1}, nil)
	r := h.radius(vars, TransposeAllAxes(c, 0, 2, 1), videos.Mask) // [N, A, D]
	s := BroadcastToShape(ExpandAxes(texts, 0), z.Shape())
	along := func(x, draws *Node) *Node { return Dot(x, draws).General([]int{2}, nil, []int{1}, nil) } // [N, A, K]
	spread := func(x, over *Node) *Node { return BroadcastToShape(ReduceAndKeep(x, ReduceSum, -1), over.Shape()) }
	dot := along(Mul(r, z), draws)
	dot = Add(dot, spread(Mul(s, z), dot))
	square := Add(MulScalar(along(Mul(s, r), draws), 2), along(Mul(r, r), Mul(draws, draws)))
	square = Add(square, spread(Mul(s, s), dot))
	cosines := Div(dot, Sqrt(MaxScalar(square, 1e-24)))
	return Transpose(ReduceMax(cosines, -1), 0, 1)
}

// radius returns r = exp(W c + b) [..., D] for the cosines c [N, ..., T] of sentences with the frames of N videos.
func (h *Head) radius(vars engine.Vars, cosines, mask *Node) *Node {
	n := mask.Shape().Dimensions[0]
	dims := append(cosines.Shape().Clone().Dimensions[:cosines.Rank()-1], h.Frames)
	c := Dot(Reshape(cosines, n, -1, mask.Shape().Dim(-1)), align.Stretches(mask, h.Frames)).General([]int{2}, []int{0}, []int{2}, []int{0})
	return Exp(transformer.Linear(vars, radius, Reshape(c, dims...)))
}

// Noise is what a training step draws: X-Pool's dropout, then the draws from the clouds.
func (h *Head) Noise(pairs, rows, dim int) [][]int {
	shapes := append(h.pooling().Noise(pairs, rows, dim), []int{pairs, dim})
	if h.Sigma > 0 {
		shapes = append(shapes, []int{pairs, dim})
	}
	return shapes
}

// Loss is L(t) + w·L(t_sup), L being InfoNCE: each sentence is drawn once, with the radius of its own video, and compared with
// all videos as pooled for it.
func (h *Head) Loss(vars engine.Vars, contrast align.Contrast, videos align.Frames, sentence *Node, noise []*Node) *Node {
	var keep *Node
	if h.Dropout > 0 {
		keep, noise = align.Keep(noise[0], h.Dropout), noise[1:]
	}
	eps := noise[0]
	if h.Sigma > 0 {
		eps = MulScalar(align.Bell(noise[0], noise[1]), h.Sigma)
	}
	drawn, support := h.losses(vars, contrast, videos, sentence, keep, eps)
	if h.Support == 0 {
		return drawn
	}
	return Add(drawn, MulScalar(support, h.Support))
}

// losses returns L(t) and L(t_sup) with dropout's factors [N, A, D], nil for none, and draws ε [B, D]. The support text
// lies where the cloud ends towards the video: t_sup = s + r ⊙ n(z̄ − s), z̄ being the video as pooled by the batch's
// sentences on average.
func (h *Head) losses(vars engine.Vars, contrast align.Contrast, videos align.Frames, s, keep, eps *Node) (drawn, support *Node) {
	pooled := h.pooling().Pool(vars.Under(pool), s, videos, keep) // [N, A, D]
	z := transformer.Normalize(pooled)
	own := Mul(transformer.Normalize(videos.Vectors), BroadcastToShape(ExpandAxes(transformer.Normalize(s), 1), videos.Vectors.Shape()))
	r := h.radius(vars, ReduceSum(own, -1), videos.Mask) // [B, D]
	loss := func(t *Node) *Node {
		return contrast.Loss(Transpose(ReduceSum(Mul(z, BroadcastToShape(ExpandAxes(transformer.Normalize(t), 0), z.Shape())), -1), 0, 1))
	}
	towards := transformer.Normalize(Sub(ReduceMean(pooled, 1), s))
	return loss(Add(s, Mul(eps, r))), loss(Add(s, Mul(towards, r)))
}

// Traits: a pair has some vectors of its own, so few are compared at a time.
func (*Head) Traits() align.Traits { return align.Traits{TwoStage: true, Texts: 32, Videos: 32} }
