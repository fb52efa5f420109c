package rival

import (
	"fmt"
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Sparse adds to each vector β times what a sparse autoencoder makes of it:
//
//	h = ReLU(W_e x + b_e)          x̂ = W_d h + b_d          x + β x̂
//	L = Loss · [ mean ‖x − x̂‖² / r² + Sparsity · mean Σ h / r ],   r² = mean ‖x‖²
//
// L is added to the head's loss where it trains, without a gradient to x. Where it does not, Fit minimises it on a
// reference set.
type Sparse struct {
	Hidden   int     `json:"hidden"`   // width of h
	Beta     float64 `json:"beta"`     // β
	Sparsity float64 `json:"sparsity"` // of the activations' sum against the squared error
	Weight   float64 `json:"weight"`   // of L in the loss
	Train    bool    `json:"train"`    // train with the head; else the head trains without it, and it is fitted afterwards
}

// DefaultSparse returns an autoencoder of like cost with a fully connected layer at width 512.
func DefaultSparse() *Sparse {
	return &Sparse{Hidden: 256, Beta: 1, Sparsity: 0.01, Weight: 1, Train: true}
}

const encoding, decoding = "encoding", "decoding"

var sparseNames = []string{encoding + ".weight", encoding + ".bias", decoding + ".weight", decoding + ".bias"}

// Valid returns an error for constants that make no sense.
func (s *Sparse) Valid() error {
	switch {
	case s.Hidden < 1:
		return fmt.Errorf("hidden is %d, and must be at least 1", s.Hidden)
	case s.Sparsity < 0 || s.Weight < 0:
		return fmt.Errorf("sparsity %v and weight %v must not be negative", s.Sparsity, s.Weight)
	}
	return nil
}

// Init adds both layers; the decoder is zero at first.
func (s *Sparse) Init(weights *engine.Weights, dim int, random *rand.Rand) {
	transformer.InitLinear(weights, encoding, dim, s.Hidden, math.Pow(float64(dim), -0.5), random)
	transformer.InitLinear(weights, decoding, s.Hidden, dim, 0, random)
}

// Fixed names everything where it does not train.
func (s *Sparse) Fixed() []string {
	if s.Train {
		return nil
	}
	return sparseNames
}

// Trains tells whether it trains with the head.
func (s *Sparse) Trains() bool { return s.Train }

// Kept names nothing.
func (*Sparse) Kept() []string { return nil }

// Joint treats every vector alone.
func (s *Sparse) Joint(vars engine.Vars, videos align.Frames, texts *Node) (align.Frames, *Node, []*Node) {
	return together(s, vars, videos, texts)
}

// Alone returns x + β x̂.
func (s *Sparse) Alone(vars engine.Vars, x *Node) *Node {
	_, made := s.code(vars, x)
	return Add(x, MulScalar(made, s.Beta))
}

// code returns h and x̂.
func (s *Sparse) code(vars engine.Vars, x *Node) (h, made *Node) {
	h = transformer.ReLU(transformer.Linear(vars, encoding, x))
	return h, transformer.Linear(vars, decoding, h)
}

// Noise draws nothing.
func (*Sparse) Noise(int, int, int) [][]int { return nil }

// Watched names the relative squared error, and the mean number of active units.
func (s *Sparse) Watched() []string {
	if !s.Train {
		return nil
	}
	return []string{"sparse_error", "sparse_active"}
}

// Loss is L on what the head keeps of the batch, padding left out.
func (s *Sparse) Loss(vars engine.Vars, seen align.Seen, _ []*Node) (*Node, []*Node) {
	if !s.Train {
		return ScalarZero(seen.Said.Graph(), seen.Said.DType()), nil
	}
	dim := seen.Said.Shape().Dim(-1)
	x := StopGradient(Concatenate([]*Node{Reshape(seen.Kept.Vectors, -1, dim), seen.Said}, 0)) // [B·R + B, D]
	pairs := seen.Said.Shape().Dimensions[0]
	there := Concatenate([]*Node{Reshape(seen.Kept.Mask, -1), OnesLike(ReduceSum(seen.Said, -1))}, 0)
	rows := AddScalar(ReduceAllSum(seen.Kept.Mask), float64(pairs))
	mean := func(of *Node) *Node { // over rows that are there, of sums over components
		return Div(ReduceAllSum(Mul(ReduceSum(of, -1), there)), rows)
	}
	h, made := s.code(vars, x)
	square := MaxScalar(mean(Mul(x, x)), 1e-12)
	off := Sub(made, x)
	failure := Div(mean(Mul(off, off)), square)
	loss := Add(failure, MulScalar(Div(mean(h), Sqrt(square)), s.Sparsity))
	active := mean(ConvertDType(GreaterThan(h, ZerosLike(h)), h.DType()))
	return MulScalar(loss, s.Weight), []*Node{failure, active}
}

// How an autoencoder that does not train with the head is fitted: Adam on batches drawn from the reference.
const (
	fitSteps, fitBatch, fitRate = 300, 64, 3e-3
	beta1, beta2, tiny          = 0.9, 0.98, 1e-8
)

// Fit minimises L on the rows of both modalities together, where it does not train with the head. It starts anew, from a fixed seed.
func (s *Sparse) Fit(weights *engine.Weights, videos, texts sightline.Matrix) error {
	if s.Train {
		return nil
	}
	x := stack(videos, texts)
	if err := x.Finite(); err != nil {
		return fmt.Errorf("fit a sparse autoencoder: %w", err)
	}
	random := rand.New(rand.NewPCG(0, 0))
	a := s.fresh(x, random)
	m, v := a.like(), a.like()
	batch := make([]int, min(fitBatch, x.Rows))
	for step := range fitSteps {
		for i := range batch {
			batch[i] = random.IntN(x.Rows)
		}
		gradient := a.gradient(s, x, batch)
		rate := fitRate * math.Sqrt(1-math.Pow(beta2, float64(step+1))) / (1 - math.Pow(beta1, float64(step+1)))
		for p := range a.parameters {
			for i, g := range gradient.parameters[p] {
				m.parameters[p][i] = beta1*m.parameters[p][i] + (1-beta1)*g
				v.parameters[p][i] = beta2*v.parameters[p][i] + (1-beta2)*g*g
				a.parameters[p][i] -= float32(rate) * m.parameters[p][i] / (float32(math.Sqrt(float64(v.parameters[p][i]))) + tiny)
			}
		}
	}
	for p, name := range sparseNames {
		weights.Update(name, func(into []float32) {
			for i, v := range a.parameters[p] {
				if p == 1 || p == 3 { // it was fitted to rows of mean square length 1
					v *= a.length
				}
				into[i] = v
			}
		})
	}
	return nil
}

// autoencoder holds the parameters while they are fitted, in the order of sparseNames: [H, D], [H], [D, H], [D].
type autoencoder struct {
	hidden, dim int
	length      float32 // r, by which rows are divided
	parameters  [4][]float32
}

// fresh returns an autoencoder whose decoder is the encoder's transpose.
func (s *Sparse) fresh(x sightline.Matrix, random *rand.Rand) autoencoder {
	a := autoencoder{hidden: s.Hidden, dim: x.Cols}
	var square float64
	for _, v := range x.Data {
		square += float64(v) * float64(v)
	}
	a.length = float32(math.Sqrt(max(square/float64(x.Rows), 1e-12)))
	a.parameters = [4][]float32{
		engine.Normal(random, a.hidden*a.dim, math.Pow(float64(a.dim), -0.5)), make([]float32, a.hidden),
		make([]float32, a.dim*a.hidden), make([]float32, a.dim),
	}
	for h := range a.hidden {
		for d := range a.dim {
			a.parameters[2][d*a.hidden+h] = a.parameters[0][h*a.dim+d]
		}
	}
	return a
}

// like returns zeros of the same shapes.
func (a autoencoder) like() autoencoder {
	zero := a
	for p := range zero.parameters {
		zero.parameters[p] = make([]float32, len(a.parameters[p]))
	}
	return zero
}

// gradient returns the gradient of L / Weight on some rows.
func (a autoencoder) gradient(s *Sparse, x sightline.Matrix, batch []int) autoencoder {
	g := a.like()
	row, h, up := make([]float32, a.dim), make([]float32, a.hidden), make([]float32, a.hidden)
	each := 1 / float32(len(batch))
	for _, r := range batch {
		for d, v := range x.Row(r) {
			row[d] = v / a.length
		}
		for k := range h {
			sum := a.parameters[1][k]
			for d, w := range a.parameters[0][k*a.dim : (k+1)*a.dim] {
				sum += w * row[d]
			}
			h[k], up[k] = max(sum, 0), float32(s.Sparsity)*each
		}
		for d := range row {
			w, into := a.parameters[2][d*a.hidden:(d+1)*a.hidden], g.parameters[2][d*a.hidden:(d+1)*a.hidden]
			off := a.parameters[3][d] - row[d]
			for k, v := range h {
				off += w[k] * v
			}
			off *= 2 * each
			g.parameters[3][d] += off
			for k, v := range h {
				into[k] += off * v
				up[k] += off * w[k]
			}
		}
		for k, v := range h {
			if v == 0 {
				continue
			}
			g.parameters[1][k] += up[k]
			into := g.parameters[0][k*a.dim : (k+1)*a.dim]
			for d, v := range row {
				into[d] += up[k] * v
			}
		}
	}
	return g
}
