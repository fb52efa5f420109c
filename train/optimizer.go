package train

import (
	"math"
	"sync"

	"sightline/engine"
)

// Optimizer moves weights against their gradients. It runs outside the graph, in one pass over each parameter.
type Optimizer interface {
	// Attach makes the optimiser move the named weights, starting from zero moments.
	Attach(weights *engine.Weights, names []string)
	// Step moves every parameter against its gradient, gradients in the order of the attached names, with learning rate rate.
	// Gradients may be changed by it.
	Step(gradients [][]float32, rate float64)
	// state is what a resumed run needs.
	state() *moments
}

// Rules say how parameters differ in the eyes of an optimiser.
type Rules struct {
	Decays func(name string, shape []int) bool // which parameters decay; nil means all
	Rate   func(name string) float64           // factor on the learning rate of a parameter; nil means 1
}

// moments are running means of each parameter's gradient and its square, and what they belong to.
type moments struct {
	weights *engine.Weights
	names   []string
	first   map[string][]float32 // m
	second  map[string][]float32 // v
	steps   int
}

// Attach makes the optimiser move the named weights, starting from zero moments.
func (m *moments) Attach(weights *engine.Weights, names []string) {
	*m = moments{weights: weights, names: names, first: map[string][]float32{}, second: map[string][]float32{}}
	for _, name := range names {
		size := len(weights.Float32s(name))
		m.first[name], m.second[name] = make([]float32, size), make([]float32, size)
	}
}

func (m *moments) state() *moments { return m }

// each calls move for every parameter, on two cores.
func (m *moments) each(move func(i int)) {
	var group sync.WaitGroup
	half := (len(m.names) + 1) / 2
	for _, part := range [][2]int{{0, half}, {half, len(m.names)}} {
		group.Go(func() {
			for i := part[0]; i < part[1]; i++ {
				move(i)
			}
		})
	}
	group.Wait()
}

// of returns the learning rate and the decay of a parameter.
func (r Rules) of(name string, shape []int, rate, decay float64) (float64, float64) {
	if r.Rate != nil {
		rate *= r.Rate(name)
	}
	if r.Decays != nil && !r.Decays(name, shape) {
		decay = 0
	}
	return rate, decay
}

// AdamW is the optimiser of Loshchilov and Hutter (Decoupled Weight Decay Regularization, 2019) with bias correction, in
// the form of Hugging Face's class that X-Pool and T-MASS train with (retrieval.md 0.4): the update divides by
// √v-without-correction + ε, scaled by √(1−β₂ᵗ)/(1−β₁ᵗ), and decay, λ times the learning rate, is applied to the updated
// value.
type AdamW struct {
	Beta1, Beta2   float64
	Epsilon, Decay float64
	Rules
	moments
}

// Step moves every parameter.
func (a *AdamW) Step(gradients [][]float32, rate float64) {
	a.steps++
	correction := math.Sqrt(1-math.Pow(a.Beta2, float64(a.steps))) / (1 - math.Pow(a.Beta1, float64(a.steps)))
	a.each(func(i int) {
		name, gradient := a.names[i], gradients[i]
		own, decay := a.of(name, a.weights.Shape(name), rate, a.Decay)
		shrink, step, epsilon := float32(own*decay), float32(own*correction), float32(a.Epsilon)
		m, v := a.first[name], a.second[name]
		b1, b2 := float32(a.Beta1), float32(a.Beta2)
		a.weights.Update(name, func(p []float32) {
			for i, g := range gradient {
				m[i] = b1*m[i] + (1-b1)*g
				v[i] = b2*v[i] + (1-b2)*g*g
				p[i] -= step * m[i] / (float32(math.Sqrt(float64(v[i]))) + epsilon)
				p[i] -= shrink * p[i]
			}
		})
	})
}

// BertAdam is the optimiser of CLIP4Clip, EMCL and ReLoCLNet, from Google's BERT: no bias correction, decay inside the
// update, and each parameter's gradient clipped to norm 1 by itself, after whatever clipping the trainer does
// (retrieval.md 0.4).
type BertAdam struct {
	Beta1, Beta2   float64
	Epsilon, Decay float64
	Clip           float64 // largest norm of one parameter's gradient; 0 for none
	Rules
	moments
}

// Step moves every parameter: p −= rate·(m/(√v + ε) + λp).
func (b *BertAdam) Step(gradients [][]float32, rate float64) {
	b.steps++
	b.each(func(i int) {
		name, gradient := b.names[i], gradients[i]
		clip(gradients[i:i+1], norm(gradients[i:i+1]), b.Clip)
		own, shrink := b.of(name, b.weights.Shape(name), rate, b.Decay)
		step, decay, epsilon := float32(own), float32(shrink), float32(b.Epsilon)
		m, v := b.first[name], b.second[name]
		b1, b2 := float32(b.Beta1), float32(b.Beta2)
		b.weights.Update(name, func(p []float32) {
			for i, g := range gradient {
				m[i] = b1*m[i] + (1-b1)*g
				v[i] = b2*v[i] + (1-b2)*g*g
				p[i] -= step * (m[i]/(float32(math.Sqrt(float64(v[i])))+epsilon) + decay*p[i])
			}
		})
	})
}
