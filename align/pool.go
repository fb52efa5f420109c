package align

import (
	"math"

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

// Stretches returns how n equal stretches of each video average its frames [B, n, T], for a mask [B, T]: of C frames that are
// there, stretch i averages those numbered ⌊iC/n⌋ to ⌈(i+1)C/n⌉ − 1. Where C = n that is each frame by itself, where C < n
// frames repeat. A video without frames has weights of zero.
func Stretches(mask *Node, n int) *Node {
	g, dims := mask.Graph(), mask.Shape().Dimensions
	batch, length := dims[0], dims[1]
	earlier, index := make([]float32, length*length), make([]float32, n)
	for i := range length {
		for j := i + 1; j < length; j++ {
			earlier[i*length+j] = 1
		}
	}
	for i := range n {
		index[i] = float32(i)
	}
	shape := []int{batch, n, length}
	number := Dot(mask, transformer.ConstFlat(g, earlier, length, length)).General([]int{1}, nil, []int{0}, nil) // [B, T]
	number = BroadcastToDims(ExpandAxes(number, 1), shape...)
	count := BroadcastToDims(Reshape(ReduceSum(mask, 1), batch, 1, 1), shape...)
	from := BroadcastToDims(transformer.ConstFlat(g, index, 1, n, 1), shape...)
	start := Floor(DivScalar(Mul(from, count), float64(n)))
	end := Ceil(DivScalar(Mul(AddScalar(from, 1), count), float64(n)))
	inside := Mul(within(number, start, end), BroadcastToDims(ExpandAxes(mask, 1), shape...))
	return Div(inside, BroadcastToShape(MaxScalar(ReduceAndKeep(inside, ReduceSum, -1), 1), inside.Shape()))
}

// within is 1 where start ≤ x < end, and else 0.
func within(x, start, end *Node) *Node {
	return ConvertDType(LogicalAnd(GreaterOrEqual(x, start), LessThan(x, end)), x.DType())
}

// Bell turns two arrays of uniform numbers in [0, 1) into one from N(0, 1): √(−2 ln(1 − u)) cos 2πv (Box and Muller, 1958).
func Bell(u, v *Node) *Node {
	radius := Sqrt(MulScalar(Log(OneMinus(u)), -2))
	return Mul(radius, Cos(MulScalar(v, 2*math.Pi)))
}
