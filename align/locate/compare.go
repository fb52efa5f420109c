package locate

import (
	. "github.com/gomlx/gomlx/core/graph"

	"sightline/encoder/transformer"
	"sightline/engine"
)

// absent takes the place of the score of a clip that is not there, as in the official code.
const absent = -1e10

// Present returns x with absent where mask, which broadcasts to it, is 0.
func Present(x, mask *Node) *Node {
	return Add(Mul(x, mask), MulScalar(OneMinus(mask), absent))
}

// Gates returns what each modality weighs in every pair, [A, N] for each of v.Modalities: the query's gates, or the picture
// alone where a video has no subtitles.
func (v Context) Gates(q Comparison) []*Node {
	if v.Spoken == nil {
		return []*Node{OnesLike(Mul(gate(q, Visual), ExpandAxes(ReduceMax(v.Mask, 1), 0)))}
	}
	spoken := ExpandAxes(v.Spoken, 0) // [1, N]
	return []*Node{
		Add(OneMinus(spoken), Mul(gate(q, Visual), spoken)),
		Mul(gate(q, Subtitle), spoken),
	}
}

// OwnGates returns what each modality weighs in matched pairs, [B] for each of the videos' Modalities.
func (p Pairs) OwnGates() []*Node {
	spoken := p.Videos.Spoken
	if spoken == nil {
		return []*Node{OnesLike(ReduceMax(p.Videos.Mask, 1))}
	}
	return []*Node{
		Add(OneMinus(spoken), Mul(Squeeze(gate(p.Query, Visual), 1), spoken)),
		Mul(Squeeze(gate(p.Query, Subtitle), 1), spoken),
	}
}

// EvenGates returns gates that weigh all modalities the same [A, Modalities], for queries [A, D].
func EvenGates(query *Node) *Node {
	return BroadcastToDims(Scalar(query.Graph(), query.DType(), 1.0/Modalities), query.Shape().Dim(0), Modalities)
}

// gate returns the gates of one modality [A, 1].
func gate(q Comparison, m int) *Node {
	return ExpandAxes(transformer.Pick(TransposeAllAxes(q.Gate, 1, 0), m), -1)
}

// Dots returns the dot products [A, N, L] of anchors [A, D] with rows [N, L, D].
func Dots(anchors, rows *Node) *Node {
	return Dot(anchors, rows).General([]int{1}, nil, []int{2}, nil)
}

// OwnSums returns the weighted sums [B, D] of each one's own rows [B, L, D] by its weights [B, L]. As in OwnDots, what stands
// beside the rows is a matrix of one row: ONNX Runtime's backend takes a product of vectors with matrices, and so the
// gradient of one, for a product of matrices.
func OwnSums(weights, rows *Node) *Node {
	return Squeeze(Dot(ExpandAxes(weights, 1), rows).General([]int{2}, []int{0}, []int{1}, []int{0}), 1)
}

// OwnDots returns the dot products [B, L] of each anchor [B, D] with its own rows [B, L, D].
func OwnDots(anchors, rows *Node) *Node {
	return Squeeze(Dot(ExpandAxes(anchors, 1), rows).General([]int{2}, []int{0}, []int{2}, []int{0}), 1)
}

// Best returns the highest score [A, N] of the clips that are there, of scores [A, N, L].
func (v Context) Best(scores *Node) *Node {
	return ReduceMax(Present(scores, ExpandAxes(v.Mask, 0)), 2)
}

// FusedSimilarities returns φ [A, N] of methods that fuse the modalities of a clip before they compare it (see Query).
func FusedSimilarities(q Comparison, v Context) *Node {
	gates := v.Gates(q)
	anchors := q.Retrieve
	for m := range anchors {
		anchors[m] = transformer.Normalize(anchors[m])
	}
	lengths := Sqrt(MaxScalar(v.SquaredLengths(gates), 1e-24))
	return v.Best(Div(v.Fuse(gates, anchors), lengths))
}

// Similarities returns φ [A, N] of methods that compare each modality by itself (see Query).
func Similarities(q Comparison, v Context) *Node {
	var sum *Node
	gates := v.Gates(q)
	for _, m := range v.Modalities() {
		cosines := Dots(transformer.Normalize(q.Retrieve[m]), transformer.Normalize(v.Rows[m]))
		sum = Plus(sum, Mul(gates[m], v.Best(cosines)))
	}
	return sum
}

// Curves returns how much every clip of every video answers every query [A, N, L].
func Curves(q Comparison, v Context) *Node { return v.Fuse(v.Gates(q), q.Locate) }

// OwnCurves returns the curves of matched pairs [B, L].
func (p Pairs) OwnCurves() *Node {
	var sum *Node
	gates := p.OwnGates()
	for _, m := range p.Videos.Modalities() {
		sum = Plus(sum, Mul(ExpandAxes(gates[m], -1), OwnDots(p.Query.Locate[m], p.Videos.Rows[m])))
	}
	return sum
}

// Fuse returns Σ_m gates_m · (H_m · anchors_m) [A, N, L].
func (v Context) Fuse(gates []*Node, anchors [Modalities]*Node) *Node {
	var sum *Node
	for _, m := range v.Modalities() {
		sum = Plus(sum, Mul(ExpandAxes(gates[m], -1), Dots(anchors[m], v.Rows[m])))
	}
	return sum
}

// SquaredLengths returns ‖Σ_m gates_m H_m‖² [A, N, L] for gates [A, N] from products of rows with each other, which know no
// query, so that no fused row is ever written down.
func (v Context) SquaredLengths(gates []*Node) *Node {
	var sum *Node
	for _, m := range v.Modalities() {
		for _, n := range v.Modalities()[:m+1] {
			products := ReduceSum(Mul(v.Rows[m], v.Rows[n]), -1) // [N, L]
			weight := Mul(gates[m], gates[n])
			if n != m {
				weight = MulScalar(weight, 2)
			}
			sum = Plus(sum, Mul(ExpandAxes(weight, -1), ExpandAxes(products, 0)))
		}
	}
	return sum
}

// Plus returns sum + x, or x where there is no sum yet.
func Plus(sum, x *Node) *Node {
	if sum == nil {
		return x
	}
	return Add(sum, x)
}

// Boundaries returns the logits of where moments start and end, of curves [..., L] of videos with masks [..., L].
func (c Config) Boundaries(vars engine.Vars, method Method, curves, mask *Node) (start, end *Node) {
	if !c.Parity { // zeros beyond both ends of each video, however long its neighbours are
		curves = Mul(curves, mask)
	}
	first, second := method.Filters()
	return Present(convolve(curves, vars.Get(first)), mask), Present(convolve(curves, vars.Get(second)), mask)
}

// convolve returns Σ_k w_k x_(l+k−K/2) for x [..., L], zero beyond its ends, and w [1, 1, K]. It is a product with a banded
// matrix, whose gradient every backend has.
func convolve(x, filter *Node) *Node {
	length, width := x.Shape().Dim(-1), filter.Shape().Dim(-1)
	places := make([]float32, width*length*length)
	for k := range width {
		for l := range length {
			if i := l + k - width/2; i >= 0 && i < length {
				places[(k*length+i)*length+l] = 1
			}
		}
	}
	band := MatMul(Reshape(filter, 1, width), transformer.ConstFlat(x.Graph(), places, width, length*length))
	return Dot(x, Reshape(band, length, length)).General([]int{x.Rank() - 1}, nil, []int{0}, nil)
}
