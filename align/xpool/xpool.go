// Package xpool is X-Pool: each sentence attends to the frames of a video and pools them for itself, and the similarity is
// the cosine of sentence and pooled video.
//
// Written out, that is a vector of width D for every pair of sentence and video, and two products by [D, D] matrices. This
// package scores without these vectors: up to the last normalisation everything is linear in the attention weights but
// for two lengths, and lengths are quadratic forms in the weights, so a pair costs O(T·D + T²) and no vector of its own
// (see closed). The direct form stands beside it for dropout and for several attention heads.
//
// Source: Gorti et al., X-Pool: Cross-Modal Language-Video Attention for Text-Video Retrieval, 2022, section 4, from its
// formulas. Parameter names are those of published checkpoints.
package xpool

import (
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Name is the head's name in run configs and bundles.
const Name = "xpool"

func init() { align.Register(Name, func() align.Head { return Default() }) }

// Head is the X-Pool head.
type Head struct {
	Heads   int     `json:"heads"`   // attention heads
	Dropout float64 `json:"dropout"` // after the last linear layer, in training
}

// Default returns the head as published: one attention head, dropout 0.3.
func Default() *Head { return &Head{Heads: 1, Dropout: 0.3} }

const (
	query, key, value, out = "cross_attn.q_proj", "cross_attn.k_proj", "cross_attn.v_proj", "cross_attn.out_proj"
	linear                 = "linear_proj"
	norm1, norm2, norm3    = "layer_norm1", "layer_norm2", "layer_norm3"
)

// Init adds linear layers that are the identity and normalisations that change nothing, as published.
func (h *Head) Init(weights *engine.Weights, dim int, _ *rand.Rand) {
	for _, name := range []string{query, key, value, out, linear} {
		identity := make([]float32, dim*dim)
		for i := range dim {
			identity[i*dim+i] = 1
		}
		weights.Set(name+".weight", identity, dim, dim)
		weights.Set(name+".bias", make([]float32, dim), dim)
	}
	for _, name := range []string{norm1, norm2, norm3} {
		transformer.InitLayerNorm(weights, name, dim)
	}
}

// Video keeps the frames as they are.
func (*Head) Video(_ engine.Vars, frames align.Frames) align.Frames { return frames }

// Text keeps the sentence vectors [B, D] as they are.
func (*Head) Text(_ engine.Vars, sentence *Node) *Node { return sentence }

// Recall returns what a sentence without preference would pool: all frames with equal weight, then the layers of Score.
func (h *Head) Recall(vars engine.Vars, videos align.Frames) *Node {
	count := MaxScalar(ReduceAndKeep(videos.Mask, ReduceSum, 1), 1)
	even := Div(videos.Mask, BroadcastToShape(count, videos.Mask.Shape())) // [N, T]
	values := h.values(vars, videos)                                       // [N, T, D]
	pooled := ReduceSum(Mul(values, BroadcastToShape(ExpandAxes(even, -1), values.Shape())), 1)
	return transformer.Normalize(refine(vars, pooled, nil)) // [N, D]
}

// Score returns the cosines [A, N] of each sentence with each video as pooled for it.
func (h *Head) Score(vars engine.Vars, texts *Node, videos align.Frames) *Node {
	if h.Heads > 1 {
		return h.direct(vars, texts, videos, nil)
	}
	return h.closed(vars, texts, videos)
}

// values returns W_out·(W_v·LN₁(F) + b_v) + b_out [N, T, D]. The output layer may come before the weighted sum, because
// weights sum to one.
func (h *Head) values(vars engine.Vars, videos align.Frames) *Node {
	return transformer.Linear(vars, out, transformer.Linear(vars, value, transformer.LayerNorm(vars, norm1, videos.Vectors, transformer.Epsilon)))
}

// weights returns the attention of every sentence over the frames of every video [N, heads, A, T].
func (h *Head) weights(vars engine.Vars, texts *Node, videos align.Frames) *Node {
	dims := videos.Vectors.Shape().Dimensions
	n, t, dim, a := dims[0], dims[1], dims[2], texts.Shape().Dimensions[0]
	depth := dim / h.Heads
	q := transformer.Linear(vars, query, transformer.LayerNorm(vars, norm1, texts, transformer.Epsilon))
	q = MulScalar(q, 1/sqrt(depth))
	k := transformer.Linear(vars, key, transformer.LayerNorm(vars, norm1, videos.Vectors, transformer.Epsilon))
	q = Reshape(q, a, h.Heads, depth)
	k = Reshape(k, n*t, h.Heads, depth)
	logits := Dot(q, k).General([]int{2}, []int{1}, []int{2}, []int{1}) // [heads, A, N·T]
	logits = TransposeAllAxes(Reshape(logits, h.Heads, a, n, t), 2, 0, 1, 3)
	hidden := MulScalar(OneMinus(videos.Mask), transformer.Hidden)
	return Softmax(Add(logits, BroadcastToShape(Reshape(hidden, n, 1, 1, t), logits.Shape())), -1)
}

// Pool returns every video as pooled for every text [N, A, D], not normalised: the vector whose cosine with the text is the
// score, for heads that need it. Keep [N, A, D] are the factors of dropout; nil for none.
func (h *Head) Pool(vars engine.Vars, texts *Node, videos align.Frames, keep *Node) *Node {
	if keep == nil && h.Heads == 1 {
		return h.unfolded(vars, texts, videos)
	}
	return h.pool(vars, texts, videos, keep)
}

// direct scores by a pooled vector for every pair.
func (h *Head) direct(vars engine.Vars, texts *Node, videos align.Frames, keep *Node) *Node {
	pooled := transformer.Normalize(h.pool(vars, texts, videos, keep))
	scores := ReduceSum(Mul(pooled, BroadcastToShape(ExpandAxes(transformer.Normalize(texts), 0), pooled.Shape())), -1)
	return Transpose(scores, 0, 1)
}

// pool is Pool in the direct form.
func (h *Head) pool(vars engine.Vars, texts *Node, videos align.Frames, keep *Node) *Node {
	dims := videos.Vectors.Shape().Dimensions
	n, t, dim, a := dims[0], dims[1], dims[2], texts.Shape().Dimensions[0]
	weights := h.weights(vars, texts, videos) // [N, heads, A, T]
	var pooled *Node                          // [N, A, D]
	if h.Heads == 1 {
		pooled = Dot(Reshape(weights, n, a, t), h.values(vars, videos)).General([]int{2}, []int{0}, []int{1}, []int{0})
	} else {
		values := transformer.Linear(vars, value, transformer.LayerNorm(vars, norm1, videos.Vectors, transformer.Epsilon))
		values = Reshape(values, n, t, h.Heads, dim/h.Heads)
		pooled = Dot(weights, values).General([]int{3}, []int{0, 1}, []int{1}, []int{0, 2}) // [N, heads, A, depth]
		pooled = transformer.Linear(vars, out, Reshape(TransposeAllAxes(pooled, 0, 2, 1, 3), n, a, dim))
	}
	return refine(vars, pooled, keep)
}

// refine returns LN₃(y + dropout(W_lin·y + b_lin)) with y = LN₂(pooled).
func refine(vars engine.Vars, pooled, keep *Node) *Node {
	y := transformer.LayerNorm(vars, norm2, pooled, transformer.Epsilon)
	z := transformer.Linear(vars, linear, y)
	if keep != nil {
		z = Mul(z, keep)
	}
	return transformer.LayerNorm(vars, norm3, Add(y, z), transformer.Epsilon)
}

// Noise is what dropout draws: one number a component of each pooled vector.
func (h *Head) Noise(pairs, _, dim int) [][]int {
	if h.Dropout == 0 {
		return nil
	}
	return [][]int{{pairs, pairs, dim}}
}

// Loss is InfoNCE of the scaled scores, with dropout where the head has it.
func (h *Head) Loss(vars engine.Vars, contrast align.Contrast, videos align.Frames, sentence *Node, noise []*Node) *Node {
	if h.Dropout == 0 {
		return contrast.Loss(h.Score(vars, sentence, videos))
	}
	return contrast.Loss(h.direct(vars, sentence, videos, align.Keep(noise[0], h.Dropout)))
}

// Traits: pairs are small in closed form; with several heads each is a vector of its own.
func (h *Head) Traits() align.Traits {
	if h.Heads > 1 {
		return align.Traits{TwoStage: true, Texts: 64, Videos: 64}
	}
	return align.Traits{TwoStage: true, Texts: 1024, Videos: 64}
}
