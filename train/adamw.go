package train

import (
	"fmt"
	"math"
	"sync"

	"sightline/engine"
)

// AdamW is the optimiser of Loshchilov and Hutter (Decoupled Weight Decay Regularization, 2019) with bias correction, in
// the form of Hugging Face's class that X-Pool and T-MASS train with (retrieval.md 0.4): the update divides by
// √v̂-without-correction + ε scaled by √(1−β₂ᵗ), and decay is applied to the updated value. It runs outside the graph, in
// one pass over each parameter.
type AdamW struct {
	Beta1, Beta2 float64
	Epsilon      float64
	Decay        float64                             // λ, times the learning rate
	Decays       func(name string, shape []int) bool // which parameters decay; nil means all
	Rate         func(name string) float64           // factor on the learning rate of a parameter; nil means 1

	weights *engine.Weights
	names   []string
	first   map[string][]float32 // m
	second  map[string][]float32 // v
	steps   int
}

// Attach makes the optimiser move the named weights, starting from zero moments.
func (a *AdamW) Attach(weights *engine.Weights, names []string) {
	a.weights, a.names, a.steps = weights, names, 0
	a.first, a.second = map[string][]float32{}, map[string][]float32{}
	for _, name := range names {
		size := len(weights.Float32s(name))
		a.first[name], a.second[name] = make([]float32, size), make([]float32, size)
	}
}

// Step moves every parameter against its gradient, gradients in the order of the attached names, with learning rate rate.
func (a *AdamW) Step(gradients [][]float32, rate float64) {
	a.steps++
	correction := math.Sqrt(1-math.Pow(a.Beta2, float64(a.steps))) / (1 - math.Pow(a.Beta1, float64(a.steps)))
	var group sync.WaitGroup
	half := (len(a.names) + 1) / 2
	for _, part := range [][2]int{{0, half}, {half, len(a.names)}} {
		group.Go(func() {
			for i := part[0]; i < part[1]; i++ {
				a.move(a.names[i], gradients[i], rate, correction)
			}
		})
	}
	group.Wait()
}

func (a *AdamW) move(name string, gradient []float32, rate, correction float64) {
	if a.Rate != nil {
		rate *= a.Rate(name)
	}
	decay := float32(rate * a.Decay)
	if a.Decays != nil && !a.Decays(name, a.weights.Shape(name)) {
		decay = 0
	}
	m, v := a.first[name], a.second[name]
	b1, b2 := float32(a.Beta1), float32(a.Beta2)
	step, epsilon := float32(rate*correction), float32(a.Epsilon)
	a.weights.Update(name, func(p []float32) {
		for i, g := range gradient {
			m[i] = b1*m[i] + (1-b1)*g
			v[i] = b2*v[i] + (1-b2)*g*g
			p[i] -= step * m[i] / (float32(math.Sqrt(float64(v[i]))) + epsilon)
			p[i] -= decay * p[i]
		}
	})
}

// ClipNorm scales all gradients by one factor so that their joint Euclidean norm is at most limit, as PyTorch's
// clip_grad_norm_ does, and returns the norm before. A norm that is NaN or infinite is an error: the run has diverged.
func ClipNorm(gradients [][]float32, limit float64) (float64, error) {
	var square float64
	for _, gradient := range gradients {
		for _, g := range gradient {
			square += float64(g) * float64(g)
		}
	}
	norm := math.Sqrt(square)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm, fmt.Errorf("gradient norm is %v", norm)
	}
	if factor := limit / (norm + 1e-6); limit > 0 && factor < 1 {
		for _, gradient := range gradients {
			for i := range gradient {
				gradient[i] *= float32(factor)
			}
		}
	}
	return norm, nil
}

// WarmupCosine is the factor on the learning rate at a step, from 0, of total: a linear rise over the first warmup steps,
// then half a cosine over the rest (Hugging Face's get_cosine_schedule_with_warmup).
func WarmupCosine(step, warmup, total int) float64 {
	if step < warmup {
		return float64(step) / float64(max(1, warmup))
	}
	progress := float64(step-warmup) / float64(max(1, total-warmup))
	return max(0, 0.5*(1+math.Cos(math.Pi*progress)))
}
