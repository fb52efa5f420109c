package locate_test

import (
	"math/rand/v2"
	"testing"

	"sightline"
	"sightline/align"
	_ "sightline/align/heads"
	"sightline/align/locate"
	"sightline/align/locate/locatetest"
	"sightline/engine"
	"sightline/engine/enginetest"
)

// Every array of chance reaches the loss: dropping all at one place changes it.
func TestDropoutReachesEveryPlace(t *testing.T) {
	for _, subtitle := range []int{0, 5} {
		c := locatetest.Tiny(t, align.Choice{Kind: "reloclnet"})
		c.Subtitle = subtitle
		model, err := locate.New(enginetest.Open(t), c, 1)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(1, 2))
		for _, name := range model.Weights.Names() { // fresh layers do so little that nothing would be missed
			model.Weights.Update(name, func(p []float32) { copy(p, engine.Normal(random, len(p), 0.5)) })
		}
		step, err := model.Step(locatetest.Corpus(c, 5, random), false, random)
		if err != nil {
			t.Fatal(err)
		}
		if len(step.Noise) == 0 {
			t.Fatal("nothing is left to chance")
		}
		program, err := model.Gradient(step, nil)
		if err != nil {
			t.Fatal(err)
		}
		loss := func(dropped int) float32 {
			changed := step
			changed.Noise = nil
			for i, array := range step.Noise {
				kept := engine.Constant(len(engine.Values(array)), 0.999)
				if i == dropped {
					clear(kept)
				}
				changed.Noise = append(changed.Noise, engine.Floats(kept, array.Shape...))
			}
			out, err := program.Run(changed.Arrays()...)
			if err != nil {
				t.Fatal(err)
			}
			return engine.Values(out[0])[0]
		}
		whole := loss(-1)
		for i := range step.Noise {
			if loss(i) == whole {
				t.Errorf("with subtitles of width %d, dropping at place %d changes nothing", subtitle, i)
			}
		}
	}
}

// A step is a function of its batch and of chance.
func TestStepIsDrawnFromTheSeed(t *testing.T) {
	c := locatetest.Tiny(t, align.Choice{Kind: "qacln"})
	model, err := locate.New(enginetest.Open(t), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	batch := locatetest.Corpus(c, 4, rand.New(rand.NewPCG(1, 2)))
	var losses [3]float32
	for i, seed := range []uint64{7, 7, 8} {
		step, err := model.Step(batch, false, rand.New(rand.NewPCG(seed, 0)))
		if err != nil {
			t.Fatal(err)
		}
		program, err := model.Gradient(step, nil)
		if err != nil {
			t.Fatal(err)
		}
		out, err := program.Run(step.Arrays()...)
		if err != nil {
			t.Fatal(err)
		}
		losses[i] = engine.Values(out[0])[0]
	}
	if losses[0] != losses[1] || losses[0] == losses[2] {
		t.Errorf("losses of seeds 7, 7 and 8 are %v", losses)
	}
}

func TestConfigRefuses(t *testing.T) {
	for name, change := range map[string]func(*locate.Config){
		"no such method": func(c *locate.Config) { c.Method.Kind = "abacus" },
		"no such option": func(c *locate.Config) { c.Method.Options = map[string]any{"beads": 7} },
		"no such reading": func(c *locate.Config) {
			c.Method = align.Choice{Kind: "qacln", Options: map[string]any{"video_contrast": "sideways"}}
		},
		"no loss": func(c *locate.Config) {
			c.Method = align.Choice{Kind: "xml", Options: map[string]any{"videos": 0, "queries": 0, "spans": 0}}
		},
		"heads that do not divide": func(c *locate.Config) { c.Heads = 5 },
		"an even filter":           func(c *locate.Config) { c.Kernel = 4 },
		"no width":                 func(c *locate.Config) { c.Text = 0 },
		"dropout of everything":    func(c *locate.Config) { c.Dropout = 1 },
	} {
		c := locatetest.Tiny(t, align.Choice{Kind: "xml"})
		change(&c)
		if _, err := locate.New(enginetest.Open(t), c, 1); sightline.KindOf(err) != sightline.Usage {
			t.Errorf("%s gives %v", name, err)
		}
	}
}

// Weights of another config are refused by name.
func TestWithRefusesOtherWeights(t *testing.T) {
	c := locatetest.Tiny(t, align.Choice{Kind: "reloclnet"})
	model, err := locate.New(enginetest.Open(t), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	wider := c
	wider.Video++
	if _, err := locate.With(model.Engine, wider, model.Weights); err == nil {
		t.Error("weights of another width passed")
	}
	flat := c
	flat.Refine = false
	if _, err := locate.With(model.Engine, flat, model.Weights); err == nil {
		t.Error("weights of a deeper model passed")
	}
}
