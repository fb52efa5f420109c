package align

import (
	. "github.com/gomlx/gomlx/core/graph"

	"sightline/encoder/transformer"
	"sightline/engine"
)

// What the heads that keep one vector a video share: CLIP4Clip's parameter-free types and, after their temporal models, its
// sequential types.

// OneRow is embedded by heads that keep one normalised vector a video and compare it by cosine: their recall vectors are the
// whole model.
type OneRow struct{}

// Text returns the normalised sentence vectors [B, D].
func (OneRow) Text(_ engine.Vars, sentence *Node) *Node { return transformer.Normalize(sentence) }

// Recall returns the stored vector itself [B, D].
func (OneRow) Recall(_ engine.Vars, videos Frames) *Node { return Squeeze(videos.Vectors, 1) }

// Score returns the cosines [A, N].
func (OneRow) Score(_ engine.Vars, texts *Node, videos Frames) *Node { return Cosines(texts, videos) }

// Traits: one stage.
func (OneRow) Traits() Traits { return Traits{Unit: true, Texts: 256, Videos: 256} }

// MeanRow returns n(Σ_t m_t n(F_t) / max(Σ_t m_t, 1 if 0)) [B, 1, D], n(x) = x/‖x‖: the mean of the normalised frames that
// are there, normalised again (CLIP4Clip, section 3.3).
func MeanRow(frames Frames) Frames {
	dims := frames.Mask.Shape().Dimensions
	mask := Reshape(frames.Mask, dims[0], dims[1], 1)                             // [B, T, 1]
	sum := ReduceSum(Mul(transformer.Normalize(frames.Vectors), mask), 1)         // [B, D]
	count := MaxScalar(ReduceAndKeep(frames.Mask, ReduceSum, 1), 1)               // [B, 1]
	mean := transformer.Normalize(Div(sum, BroadcastToShape(count, sum.Shape()))) // [B, D]
	return Frames{Vectors: ExpandAxes(mean, 1), Mask: OnesLike(count)}
}

// Cosines returns the dot products [A, N] of texts [A, D] with videos of one row, all normalised.
func Cosines(texts *Node, videos Frames) *Node {
	return Dot(texts, Squeeze(videos.Vectors, 1)).General([]int{1}, nil, []int{1}, nil)
}
