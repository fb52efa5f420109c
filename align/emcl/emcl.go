// Package emcl is EMCL's layer: expectation-maximisation finds K bases of the space that videos and sentences share, and
// what the bases can say of a vector is added to it. It goes between any head and its scores, as a part that trains with
// the model, or without training.
//
// What EM clusters are the D components of the vectors, each a point with one coordinate for every row of a batch. In
// training, a batch is decomposed as a whole, as published: every row looks at all others. That cannot serve a single query, nor
// give a pair the same score in other company, so search and evaluation use bases that were fitted once on a reference set
// and then frozen: one linear map x ↦ x + β ((xZ)/ν) Zᵀ (Map), the same as the layer on the reference's own rows.
//
// Start at Layer, and at EM for the equations. The package does not score blocks of test queries together; package align
// does, where somebody asks for rows that say so.
//
// Source: Jin et al., Expectation-Maximization Contrastive Learning for Compact Video-and-Language Representations, 2022,
// sections 3.2 to 3.4; its official code for what the paper leaves open (retrieval.md 4.1).
package emcl

import (
	"errors"
	"fmt"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/engine"
)

// Name is the part's name in run configs and bundles.
const Name = "emcl"

func init() { align.RegisterPart(Name, func() align.Part { return DefaultLayer() }) }

// Layer is the EM layer between a head and its scores.
type Layer struct {
	EM
	Train bool `json:"train"` // decompose batches in training; else the head trains without it, and it is fitted afterwards
}

// DefaultLayer returns the layer as EMCL-Net trains it.
func DefaultLayer() *Layer { return &Layer{EM: Default(), Train: true} }

// Init adds the maintained initial value and bases that change nothing.
func (l *Layer) Init(weights *engine.Weights, dim int, random *rand.Rand) {
	l.Add(weights, "", dim, random)
}

// Fixed names everything: no gradient moves the layer.
func (*Layer) Fixed() []string { return Names("") }

// Trains tells whether batches are decomposed in training.
func (l *Layer) Trains() bool { return l.Train }

// Kept names what a training step changes.
func (*Layer) Kept() []string { return Maintained("") }

// Joint decomposes a batch: X [B·R + B, D] are the rows of its videos that are no padding, and its texts.
func (l *Layer) Joint(vars engine.Vars, videos align.Frames, texts *Node) (align.Frames, *Node, []*Node) {
	dims, pairs := videos.Vectors.Shape().Dimensions, texts.Shape().Dimensions[0]
	n, r, dim := dims[0], dims[1], dims[2]
	there := BroadcastToShape(ExpandAxes(videos.Mask, -1), videos.Vectors.Shape())
	rows := Reshape(Mul(videos.Vectors, there), n*r, dim)
	count := AddScalar(ReduceAllSum(videos.Mask), float64(pairs))
	x := Concatenate([]*Node{rows, texts}, 0)
	more, kept := l.Reconstruct(vars, x, count) // β X̂ [B·R + B, D]
	videos.Vectors = Add(videos.Vectors, Reshape(Slice(more, AxisRange(0, n*r)), dims...))
	return videos, Add(texts, Slice(more, AxisRange(n*r))), kept
}

// Alone adds what the frozen bases can say of each vector.
func (l *Layer) Alone(vars engine.Vars, vectors *Node) *Node { return l.Frozen(vars, vectors) }

// Fit freezes the bases on the rows of both modalities together.
func (l *Layer) Fit(weights *engine.Weights, videos, texts sightline.Matrix) error {
	return l.Freeze(weights, "", sightline.Matrix{
		Rows: videos.Rows + texts.Rows, Cols: texts.Cols, Data: append(append([]float32(nil), videos.Data...), texts.Data...),
	})
}

// The two ways to start EM.
const (
	Official = "official"
	Random   = "random"
)

// EM is the decomposition with its constants. On rows X [b, D] with bases Mu [b, K] (paper, equations 5 to 8):
//
//	Z ← softmax over bases of Xᵀ Mu / λ     [D, K]   E-step; λ is the variance of the paper's Gaussian kernel
//	Z ← Z / (ε + Σ_d Z)                              each basis is a mean of components
//	Mu ← X Z;  Mu ← Mu / (ε + ‖Mu‖)         [b, K]   M-step; length of each column
//
// repeated R times; then X̂ = Mu Zᵀ, and X + β X̂ is the output. All of it is without gradient, so d out / d X is the
// identity.
//
// How sharp Z is and how large X̂ is depend on the number of rows: Xᵀ Mu grows with its square root, and entries of Mu
// shrink with it. Freeze makes up for that, so that bases from a large reference act as a training batch did.
type EM struct {
	Bases      int     `json:"bases"`      // K
	Iterations int     `json:"iterations"` // R
	Lambda     float64 `json:"lambda"`     // λ
	Beta       float64 `json:"beta"`       // β, of X̂ in the output
	Momentum   float64 `json:"momentum"`   // μ, of the maintained initial value
	// Multiply makes the E-step softmax(λ Xᵀ Mu), as in the authors' module for MMT.
	Multiply bool `json:"multiply"`
	// Init is how EM starts. Official: every row starts from the same maintained M [1, K], whose fresh entries are +1 or −1,
	// because the official code divides N(0, 2/K) by the length of vectors of one component. Columns of Mu that begin equal stay equal,
	// so there are never more than two different bases. Random: from a maintained Z [D, K], at first K components drawn at
	// random, one to a basis; all bases differ.
	Init string `json:"init"`
}

// Default returns the constants of EMCL-Net.
func Default() EM {
	return EM{Bases: 32, Iterations: 9, Lambda: 1, Beta: 3, Momentum: 0.9, Init: Official}
}

// TrainingFree returns the constants that the authors add to CLIP2Video without training.
func TrainingFree() EM {
	return EM{Bases: 7, Iterations: 10, Lambda: 0.1, Beta: 4, Momentum: 0.9, Init: Official}
}

// Valid returns an error for constants that make no sense.
func (e EM) Valid() error {
	switch {
	case e.Bases < 1:
		return fmt.Errorf("bases is %d, and must be at least 1", e.Bases)
	case e.Iterations < 1:
		return fmt.Errorf("iterations is %d, and must be at least 1", e.Iterations)
	case !(e.Lambda > 0):
		return fmt.Errorf("lambda is %v, and must be positive", e.Lambda)
	case !(e.Momentum >= 0 && e.Momentum <= 1):
		return fmt.Errorf("momentum is %v, not in [0, 1]", e.Momentum)
	case e.Init != Official && e.Init != Random:
		return fmt.Errorf("init is %q, not %s or %s", e.Init, Official, Random)
	case e.Beta != e.Beta:
		return errors.New("beta is NaN")
	}
	return nil
}

// sharpness is the factor on Xᵀ Mu.
func (e EM) sharpness() float64 {
	if e.Multiply {
		return e.Lambda
	}
	return 1 / e.Lambda
}

// epsilon keeps divisions apart from zero, as published.
const epsilon = 1e-6

// Names of the parameters.
const (
	initial = "initial" // M [1, K], or Z [D, K] where it starts at random
	count   = "rows"    // [1], of the last training batch; 0 before any
	bases   = "bases"   // Z [D, K], frozen
	lengths = "lengths" // ν [K]
)

// Names returns all parameters that Add adds.
func Names(prefix string) []string {
	return append(Maintained(prefix), prefix+bases, prefix+lengths)
}

// Maintained returns the parameters whose new values Reconstruct returns.
func Maintained(prefix string) []string { return []string{prefix + initial, prefix + count} }

// Add adds the parameters for vectors of width dim under a prefix: the initial value as Init says, and bases that change
// nothing.
func (e EM) Add(weights *engine.Weights, prefix string, dim int, random *rand.Rand) {
	value := e.Start(dim, random)
	weights.Set(prefix+initial, value, len(value)/e.Bases, e.Bases)
	weights.Set(prefix+count, []float32{0}, 1)
	weights.Set(prefix+bases, make([]float32, dim*e.Bases), dim, e.Bases)
	weights.Set(prefix+lengths, engine.Constant(e.Bases, 1), e.Bases)
}

// Start returns a fresh initial value: M [1, K] with entries ±1, or Z [D, K].
func (e EM) Start(dim int, random *rand.Rand) []float32 {
	if e.Init == Official {
		m := engine.Normal(random, e.Bases, 1)
		for k, v := range m {
			m[k] = 1
			if v < 0 {
				m[k] = -1
			}
		}
		return m
	}
	z := make([]float32, dim*e.Bases)
	order := random.Perm(dim)
	for k := range e.Bases {
		z[order[k%dim]*e.Bases+k] = 1
	}
	return z
}

// Reconstruct returns β X̂ of rows x [b, D], and the new values of what Maintained names. Rows of zeros have no influence; real
// is the number of the others.
func (e EM) Reconstruct(vars engine.Vars, x, real *Node) (more *Node, kept []*Node) {
	x, start := StopGradient(x), StopGradient(vars.Get(initial))
	b := x.Shape().Dimensions[0]
	maximise := func(z *Node) *Node { // [b, K]
		mu := Dot(x, z).General([]int{1}, nil, []int{0}, nil)
		length := Sqrt(ReduceAndKeep(Mul(mu, mu), ReduceSum, 0))
		return Div(mu, BroadcastToShape(AddScalar(length, epsilon), mu.Shape()))
	}
	var mu, z *Node
	if e.Init == Official {
		mu = BroadcastToDims(start, b, e.Bases)
	} else {
		mu = maximise(start)
	}
	for range e.Iterations {
		z = Softmax(MulScalar(Dot(x, mu).General([]int{0}, nil, []int{0}, nil), e.sharpness()), -1) // [D, K]
		sum := AddScalar(ReduceAndKeep(z, ReduceSum, 0), epsilon)
		z = Div(z, BroadcastToShape(sum, z.Shape()))
		mu = maximise(z)
	}
	reached := z
	if e.Init == Official {
		mean := ReduceAndKeep(mu, ReduceSum, 0)
		reached = Div(mean, BroadcastToShape(real, mean.Shape())) // [1, K]
	}
	next := Add(MulScalar(start, e.Momentum), MulScalar(reached, 1-e.Momentum))
	more = MulScalar(Dot(mu, z).General([]int{1}, nil, []int{1}, nil), e.Beta)
	more = StopGradient(more) // said again, for callers who slice it: onnx has no gradient of a slice
	return more, []*Node{next, Reshape(real, 1)}
}

// Frozen returns x + β ((xZ)/ν) Zᵀ for vectors x [..., D], with the bases that Freeze left; x itself before that.
func (e EM) Frozen(vars engine.Vars, x *Node) *Node {
	z, nu := vars.Get(bases), vars.Get(lengths)
	last := x.Rank() - 1
	mu := Dot(x, z).General([]int{last}, nil, []int{0}, nil) // [..., K]
	for range last {
		nu = ExpandAxes(nu, 0)
	}
	mu = Div(mu, BroadcastToShape(nu, mu.Shape()))
	return Add(x, MulScalar(Dot(mu, z).General([]int{last}, nil, []int{1}, nil), e.Beta))
}

// Freeze fits bases on reference rows [n, D], from the maintained initial value, for Frozen. After training they act as on
// batches of the size that was trained.
func (e EM) Freeze(weights *engine.Weights, prefix string, x sightline.Matrix) error {
	like := int(weights.Float32s(prefix + count)[0])
	if like == 0 {
		like = x.Rows
	}
	fitted, err := e.Fit(x, weights.Float32s(prefix+initial), like)
	if err != nil {
		return err
	}
	weights.Update(prefix+bases, func(p []float32) { narrow(p, fitted.Z) })
	weights.Update(prefix+lengths, func(p []float32) { narrow(p, fitted.Lengths) })
	return nil
}

func narrow(into []float32, from []float64) {
	for i, v := range from {
		into[i] = float32(v)
	}
}
