package xpool

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// closed scores without a pooled vector for each pair. With u_t the frame's value behind the output layer, α the attention
// weights of a sentence over the frames, C the removal of the mean over components, and g, b the parameters of the
// normalisations:
//
//	o = Σ α_t u_t                       the pooled vector
//	σ₂² = ‖C o‖²/D + ε = αᵀG_u α + ε     a quadratic form
//	LN₂(o) + W_lin LN₂(o) + b_lin = Σ α_t p_t / σ₂ + c   with p_t = (I + W_lin)(g₂ ⊙ C u_t), c = (I + W_lin) b₂ + b_lin
//	w = C(…) = Σ α_t C p_t / σ₂ + C c
//	σ₃² = ‖w‖²/D + ε                     a quadratic form again, in α/σ₂
//	z = g₃ ⊙ w/σ₃ + b₃                   the vector that is compared
//
// Numerator s·z and length ‖z‖ of the cosine are linear and quadratic in α/σ₂ too. So all that a pair needs are products
// of the sentence with frames, and the T × T Gram matrices of each video.
func (h *Head) closed(vars engine.Vars, texts *Node, videos align.Frames) *Node {
	dims := videos.Vectors.Shape().Dimensions
	n, t, dim, a := dims[0], dims[1], dims[2], texts.Shape().Dimensions[0]
	width := float64(dim)
	g3, b3 := vars.Get(norm3+".weight"), vars.Get(norm3+".bias")
	u, p, c := h.behind(vars, videos)
	p3 := Mul(p, beside(g3, p)) // g₃ ⊙ C p_t
	c3 := Mul(c, g3)

	// What a video brings: Gram matrices [N, T, T] and products of its frames with the parameters [N, T].
	with := func(x, vector *Node) *Node { return Dot(x, vector).General([]int{2}, nil, []int{0}, nil) }
	constant := func(x, y *Node) *Node { return ReduceAllSum(Mul(x, y)) }

	// What a pair brings: weights and products of the sentence with frames, [N, A, T].
	alpha := Reshape(h.weights(vars, texts, videos), n, a, t)
	s := transformer.Normalize(texts)
	products := Dot(s, Reshape(p3, n*t, dim)).General([]int{1}, nil, []int{1}, nil) // [A, N·T]
	products = TransposeAllAxes(Reshape(products, a, n, t), 1, 0, 2)

	along := func(alpha, vector *Node) *Node { // α·v [N, A], v [N, T]
		return ReduceSum(Mul(alpha, BroadcastToShape(ExpandAxes(vector, 1), alpha.Shape())), -1)
	}
	ofText := func(vector *Node) *Node { // s·v [1, A] beside [N, A]
		return BroadcastToDims(ExpandAxes(Dot(s, vector).General([]int{1}, nil, []int{0}, nil), 0), n, a)
	}

	sigma2 := Sqrt(AddScalar(MulScalar(quadratic(alpha, gram(u)), 1/width), transformer.Epsilon)) // [N, A]
	alpha = Div(alpha, BroadcastToShape(ExpandAxes(sigma2, -1), alpha.Shape()))                   // α/σ₂
	square := Add(quadratic(alpha, gram(p)), MulScalar(along(alpha, with(p, c)), 2))
	square = Add(square, constant(c, c))
	sigma3 := Sqrt(AddScalar(MulScalar(MaxScalar(square, 0), 1/width), transformer.Epsilon))

	dot := Div(Add(ReduceSum(Mul(products, alpha), -1), ofText(c3)), sigma3)
	dot = Add(dot, ofText(b3)) // s·z

	scaled := Add(quadratic(alpha, gram(p3)), MulScalar(along(alpha, with(p3, c3)), 2))
	scaled = Div(Add(scaled, constant(c3, c3)), Mul(sigma3, sigma3))
	cross := Div(Add(along(alpha, with(p, Mul(g3, b3))), constant(c, Mul(g3, b3))), sigma3)
	length := Add(Add(scaled, MulScalar(cross, 2)), constant(b3, b3)) // ‖z‖²
	return Transpose(Div(dot, Sqrt(MaxScalar(length, 1e-24))), 0, 1)
}

// behind returns what the closed form needs of videos and parameters alone: C u_t and C p_t [N, T, D], and C c [D].
func (h *Head) behind(vars engine.Vars, videos align.Frames) (u, p, c *Node) {
	g2, b2 := vars.Get(norm2+".weight"), vars.Get(norm2+".bias")
	u = centre(h.values(vars, videos))
	p = Mul(u, beside(g2, u))
	p = centre(Add(p, transformer.Project(p, vars.Get(linear+".weight"), nil)))
	c = centre(Add(b2, Reshape(transformer.Linear(vars, linear, ExpandAxes(b2, 0)), -1)))
	return u, p, c
}

// unfolded returns z [N, A, D] itself, without the two products by [D, D] matrices that a pair costs in the direct form.
func (h *Head) unfolded(vars engine.Vars, texts *Node, videos align.Frames) *Node {
	dims := videos.Vectors.Shape().Dimensions
	n, t, width := dims[0], dims[1], float64(dims[2])
	u, p, c := h.behind(vars, videos)
	alpha := Reshape(h.weights(vars, texts, videos), n, -1, t)
	sigma2 := Sqrt(AddScalar(MulScalar(quadratic(alpha, gram(u)), 1/width), transformer.Epsilon)) // [N, A]
	alpha = Div(alpha, BroadcastToShape(ExpandAxes(sigma2, -1), alpha.Shape()))                   // α/σ₂
	w := Dot(alpha, p).General([]int{2}, []int{0}, []int{1}, []int{0})                            // [N, A, D]
	w = Add(w, beside(c, w))
	sigma3 := Sqrt(AddScalar(ReduceAndKeep(Mul(w, w), ReduceMean, -1), transformer.Epsilon))
	z := Div(w, BroadcastToShape(sigma3, w.Shape()))
	return Add(Mul(z, beside(vars.Get(norm3+".weight"), z)), beside(vars.Get(norm3+".bias"), z))
}

// beside spreads a parameter [D] over the shape of x [..., ..., D].
func beside(parameter, x *Node) *Node {
	return BroadcastToShape(Reshape(parameter, 1, 1, x.Shape().Dim(-1)), x.Shape())
}

// gram returns the products [N, T, T] of the rows of x [N, T, D] with each other.
func gram(x *Node) *Node { return Dot(x, x).General([]int{2}, []int{0}, []int{2}, []int{0}) }

// quadratic returns αᵀGα [N, A].
func quadratic(alpha, gram *Node) *Node {
	return ReduceSum(Mul(Dot(alpha, gram).General([]int{2}, []int{0}, []int{1}, []int{0}), alpha), -1)
}

// centre takes the mean over the last axis away.
func centre(x *Node) *Node {
	return Sub(x, BroadcastToShape(ReduceAndKeep(x, ReduceMean, -1), x.Shape()))
}

func sqrt(n int) float64 { return math.Sqrt(float64(n)) }
