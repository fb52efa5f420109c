package taco_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sightline/align"
	"sightline/align/taco"
	"sightline/align/taco/tagger"
	"sightline/engine"
)

// step takes a training step and returns its outputs: the loss, its parts, gradients.
func step(t *testing.T, m *taco.Model, batch align.Batch, masked bool, seed uint64) ([][]float32, []string) {
	t.Helper()
	s, err := m.Step(batch, masked, rand.New(rand.NewPCG(seed, 6)))
	if err != nil {
		t.Fatal(err)
	}
	program, err := m.Gradient(s, m.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(s.Arrays()...)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]float32
	for i, array := range out {
		for _, v := range engine.Values(array) {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("output %d of a training step (0 the loss, its parts, then gradients) has %v", i, v)
			}
		}
		all = append(all, engine.Values(array))
	}
	return all, m.Parameters()
}

// Steps have finite losses and gradients in every variant, each parameter has one, and steps are drawn from the seed.
func TestSteps(t *testing.T) {
	for name, change := range map[string]func(*taco.Config){
		"as published":     func(*taco.Config) {},
		"L1 alone":         func(c *taco.Config) { c.L2, c.L3 = 0, 0 },
		"L3 alone":         func(c *taco.Config) { c.L1, c.L2, c.Negatives = 0, 0, taco.Random },
		"without tokens":   func(c *taco.Config) { c.Tokens = tagger.NoTokens },
		"function words":   func(c *taco.Config) { c.Tokens = tagger.Function },
		"random negatives": func(c *taco.Config) { c.Negatives = taco.Random },
		"S2 mines alone":   func(c *taco.Config) { c.L1, c.Weighted, c.Average = 0, true, true },
		"no dropout":       func(c *taco.Config) { c.Dropout = 0 },
		"many negatives":   func(c *taco.Config) { c.Hard = 50 },
	} {
		t.Run(name, func(t *testing.T) {
			c := small()
			change(&c)
			m := fresh(t, c)
			batch := corpus(c, rand.New(rand.NewPCG(3, 4)))
			out, parameters := step(t, m, batch, false, 5)
			if len(out) != 1+len(m.Watched())+len(parameters) {
				t.Fatalf("%d outputs for %d parts and %d parameters", len(out), len(m.Watched()), len(parameters))
			}
			for i, parameter := range parameters {
				gradient := out[1+len(m.Watched())+i]
				moved := slices.ContainsFunc(gradient, func(v float32) bool { return v != 0 })
				// A shift of all keys moves no softmax, one of all scores no contrast.
				if !moved && !strings.HasSuffix(parameter, ".k.bias") && parameter != "score.bias" {
					t.Errorf("%s has no gradient", parameter)
				}
			}
			if again, _ := step(t, m, batch, true, 5); again[0][0] != out[0][0] {
				t.Errorf("the loss is %v, and %v with duplicates masked where there are none", out[0][0], again[0][0])
			}
			if c.Dropout > 0 || c.Negatives == taco.Random {
				if other, _ := step(t, m, batch, false, 6); other[0][0] == out[0][0] {
					t.Error("another seed changes nothing")
				}
			}
			same := align.Batch{Videos: slices.Repeat(batch.Videos[:1], 4), Texts: batch.Texts[:4]}
			if losses, _ := step(t, m, same, true, 5); losses[0][0] > 1e-6 {
				t.Errorf("without any negative the loss is %v", losses[0][0])
			}
			if losses, _ := step(t, m, align.Batch{Videos: batch.Videos[:1], Texts: batch.Texts[:1]}, false, 5); losses[0][0] > 1e-6 {
				t.Errorf("the loss of one pair is %v", losses[0][0])
			}
		})
	}
}

// A few steps of plain gradient descent teach four pairs.
func TestLearns(t *testing.T) {
	c := small()
	c.Dropout = 0
	m := fresh(t, c)
	batch := corpus(c, rand.New(rand.NewPCG(3, 4)))
	batch.Videos, batch.Texts = batch.Videos[:4], batch.Texts[:4]
	s, err := m.Step(batch, false, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	program, err := m.Gradient(s, m.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	var losses []float32
	for range 60 {
		out, err := program.Run(s.Arrays()...)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, engine.Values(out[0])[0])
		for i, name := range m.Parameters() {
			gradient := engine.Values(out[1+len(m.Watched())+i])
			m.Weights.Update(name, func(p []float32) {
				for j := range p {
					p[j] -= 0.02 * gradient[j]
				}
			})
		}
	}
	if last := losses[len(losses)-1]; !(last < losses[0]/4) {
		t.Errorf("the loss went from %v to %v", losses[0], last)
	}
}
