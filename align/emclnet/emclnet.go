// Package emclnet is EMCL-Net: CLIP4Clip's transformer over frames, frames pooled for each sentence by how well they fit it, and
// EMCL's decomposition (package emcl) of sentences and pooled videos before their cosine.
//
// In training a batch is decomposed as published: all A·N pooled videos and A sentences together. Official evaluation does
// the same in blocks of test queries; here Score uses bases that were fitted once and frozen, so that a pair has one
// score. Frozen, the decomposition is a linear map L, and pooling is linear too: v'_an = Σ_t w_ant L F_nt. So a pair needs
// products of sentence and frames and the T × T Gram matrix of the video, and no vector of its own.
//
// Source: Jin et al., Expectation-Maximization Contrastive Learning for Compact Video-and-Language Representations, 2022,
// section 3.5; its official code for what the paper leaves open (retrieval.md 4.2).
package emclnet

import (
	"fmt"
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/align/emcl"
	"sightline/align/seqtransf"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Name is the head's name in run configs and bundles.
const Name = "emclnet"

func init() { align.Register(Name, func() align.Head { return Default() }) }

// Head is the EMCL-Net head.
type Head struct {
	seqtransf.Head
	emcl.EM
	Temperature float64 `json:"temperature"` // of the softmax over frames, which divides s·F
}

// Default returns the head as published.
func Default() *Head { return &Head{Head: *seqtransf.Default(), EM: emcl.Default(), Temperature: 3} }

// decomposition is where the parameters of EM stand among the head's.
const decomposition = "em."

// Valid returns an error for constants that make no sense.
func (h *Head) Valid() error {
	if !(h.Temperature > 0) {
		return fmt.Errorf("temperature is %v, and must be positive", h.Temperature)
	}
	return h.EM.Valid()
}

// Init adds the transformer over frames and the parameters of EM.
func (h *Head) Init(weights *engine.Weights, dim int, random *rand.Rand) {
	h.Head.Init(weights, dim, random)
	h.Add(weights, decomposition, dim, random)
}

// Fixed names the parameters of EM.
func (h *Head) Fixed() []string { return emcl.Names(decomposition) }

// Kept names what a training step changes without a gradient.
func (h *Head) Kept() []string { return emcl.Maintained(decomposition) }

// Video keeps F + transformer(F) [N, T, D], not normalised.
func (h *Head) Video(vars engine.Vars, frames align.Frames) align.Frames {
	return h.Sequence(vars, frames)
}

// Text keeps the sentence vectors [A, D] as they are.
func (*Head) Text(_ engine.Vars, sentence *Node) *Node { return sentence }

// Recall returns n(L²v) [N, D], v the mean of a video's frames, as a sentence without preference would pool them. A
// sentence's recall vector is not mapped; L is symmetric, so their product is s'·v', but for the length.
func (h *Head) Recall(vars engine.Vars, videos align.Frames) *Node {
	mask := BroadcastToShape(ExpandAxes(videos.Mask, -1), videos.Vectors.Shape())
	mean := transformer.Normalize(ReduceSum(Mul(videos.Vectors, mask), 1)) // [N, D]
	em := vars.Under(decomposition)
	return transformer.Normalize(h.Frozen(em, h.Frozen(em, mean)))
}

// logits returns s_a·F_nt divided by the temperature [N, A, T].
func (h *Head) logits(texts *Node, videos align.Frames) *Node {
	return TransposeAllAxes(MulScalar(products(texts, videos.Vectors), 1/h.Temperature), 1, 0, 2)
}

// products returns s_a·F_nt [A, N, T].
func products(texts, frames *Node) *Node {
	return Dot(texts, frames).General([]int{1}, nil, []int{2}, nil)
}

// Joint returns the cosines [A, N] of a batch that is decomposed as a whole. As published, the weights of frames are
// multiplied with the mask after their softmax, so padding takes its share of them and makes the pooled video shorter.
func (h *Head) Joint(vars engine.Vars, texts *Node, videos align.Frames) (scores *Node, kept []*Node) {
	dims := videos.Vectors.Shape().Dimensions
	n, dim, a := dims[0], dims[2], texts.Shape().Dimensions[0]
	w := Softmax(h.logits(texts, videos), -1)
	w = Mul(w, BroadcastToShape(ExpandAxes(videos.Mask, 1), w.Shape()))              // [N, A, T]
	pooled := Dot(w, videos.Vectors).General([]int{2}, []int{0}, []int{1}, []int{0}) // v_an [N, A, D]
	x := Concatenate([]*Node{Reshape(pooled, n*a, dim), texts}, 0)                   // X [N·A + A, D]
	more, kept := h.Reconstruct(vars.Under(decomposition), x, Scalar(x.Graph(), x.DType(), n*a+a))
	pooled = transformer.Normalize(Add(pooled, Reshape(Slice(more, AxisRange(0, n*a)), n, a, dim)))
	s := transformer.Normalize(Add(texts, Slice(more, AxisRange(n*a))))
	return Transpose(ReduceSum(Mul(pooled, BroadcastToShape(ExpandAxes(s, 0), pooled.Shape())), -1), 0, 1), kept
}

// Score returns the cosines [A, N] with frozen bases: s' = L s, F' = L F, v' = Σ w F'. Padding is hidden from the softmax,
// which changes the length of v' against Joint and not its direction.
func (h *Head) Score(vars engine.Vars, texts *Node, videos align.Frames) *Node {
	logits := h.logits(texts, videos)
	hidden := MulScalar(OneMinus(videos.Mask), transformer.Hidden)
	w := Softmax(Add(logits, BroadcastToShape(ExpandAxes(hidden, 1), logits.Shape())), -1) // [N, A, T]
	em := vars.Under(decomposition)
	s, frames := transformer.Normalize(h.Frozen(em, texts)), h.Frozen(em, videos.Vectors)
	dot := ReduceSum(Mul(w, TransposeAllAxes(products(s, frames), 1, 0, 2)), -1)                  // s'·v' [N, A]
	gram := Dot(frames, frames).General([]int{2}, []int{0}, []int{2}, []int{0})                   // [N, T, T]
	square := ReduceSum(Mul(Dot(w, gram).General([]int{2}, []int{0}, []int{1}, []int{0}), w), -1) // ‖v'‖² [N, A]
	return Transpose(Div(dot, Sqrt(MaxScalar(square, 1e-24))), 0, 1)
}

// Traits: two stages; pairs are small.
func (*Head) Traits() align.Traits { return align.Traits{TwoStage: true, Texts: 1024, Videos: 64} }

// referencePairs is how many videos and sentences are crossed to fit the bases: 64² + 64 rows.
const referencePairs = 64

// Fit freezes the bases on what sentences pool of videos, every sentence of every video, and the sentences themselves.
func (h *Head) Fit(weights *engine.Weights, videos, texts align.Encoded) error {
	n, a := min(videos.N, referencePairs), min(texts.N, referencePairs)
	x := sightline.NewMatrix(n*a+a, texts.Dim)
	for i := range a {
		sentence := texts.Data[i*texts.Dim : (i+1)*texts.Dim]
		copy(x.Row(n*a+i), sentence)
		for j := range n {
			h.pool(sentence, videos.Rows(j, j+1), x.Row(i*n+j))
		}
	}
	return h.Freeze(weights, decomposition, x)
}

// pool adds Σ_t w_t F_t of one video to into, w the softmax over its frames of s·F/temperature.
func (h *Head) pool(sentence []float32, video align.Encoded, into []float32) {
	weights := make([]float64, video.R)
	largest := math.Inf(-1)
	frame := func(t int) []float32 { return video.Data[t*video.Dim : (t+1)*video.Dim] }
	for t := range weights {
		for d, v := range frame(t) {
			weights[t] += float64(v) * float64(sentence[d]) / h.Temperature
		}
		if video.Mask[t] != 0 {
			largest = max(largest, weights[t])
		}
	}
	var sum float64
	for t, v := range weights {
		weights[t] = float64(video.Mask[t]) * math.Exp(min(v-largest, 0))
		sum += weights[t]
	}
	for t, w := range weights {
		for d, v := range frame(t) {
			into[d] += float32(w / sum * float64(v))
		}
	}
}
