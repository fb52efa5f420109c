package qacln_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/locate"
	"sightline/align/locate/locatetest"
	"sightline/align/qacln"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/train"
)

// planted draws videos of noise in which something is planted for some clips: a vector in the picture that its word names, or
// one in the subtitles. The words of a query are that word among noise; what it names is planted once in its video.
type planted struct {
	config                   locate.Config
	words, pictures, lines   sightline.Matrix // a row a thing
	things, shortest, spread int
}

func plant(c locate.Config) planted {
	random := rand.New(rand.NewPCG(11, 12))
	p := planted{config: c, things: 4, shortest: 3, spread: 3}
	draw := func(width int) sightline.Matrix {
		return sightline.Matrix{Rows: p.things, Cols: width, Data: engine.Normal(random, p.things*width, 1)}
	}
	p.words, p.pictures, p.lines = draw(c.Text), draw(c.Video), draw(c.Subtitle)
	return p
}

func (p planted) draw(count int, random *rand.Rand) align.Batch {
	noise := func(rows, cols int) sightline.Matrix {
		return sightline.Matrix{Rows: rows, Cols: cols, Data: engine.Normal(random, rows*cols, 0.3)}
	}
	var b align.Batch
	for i := range count {
		clips := 10 + random.IntN(p.config.Clips-9)
		v := align.Video{ID: fmt.Sprint(i), Features: noise(clips, p.config.Video), Subtitle: noise(clips, p.config.Subtitle)}
		for l := range clips {
			v.Spans = append(v.Spans, sightline.Span{Start: float64(l), End: float64(l + 1)})
		}
		thing := random.IntN(p.things)
		length := p.shortest + random.IntN(p.spread)
		start := random.IntN(clips - length)
		rows, pattern := v.Features, p.pictures.Row(thing)
		if thing%2 == 1 { // spoken of, not seen
			rows, pattern = v.Subtitle, p.lines.Row(thing)
		}
		for l := start; l < start+length; l++ {
			for d, x := range pattern {
				rows.Row(l)[d] += x
			}
		}
		tokens := noise(2+random.IntN(3), p.config.Text)
		for d, x := range p.words.Row(thing) {
			tokens.Row(tokens.Rows - 1)[d] += x
		}
		b.Videos, b.Texts = append(b.Videos, v), append(b.Texts, align.Sentence{Tokens: tokens})
		b.Spans = append(b.Spans, sightline.Span{Start: float64(start), End: float64(start + length)})
	}
	return b
}

// The model as the training loop takes it.
var _ train.Learner = (*locate.Model)(nil)

// A small QACLN learns on its own batches to find what is planted in videos it has not seen.
func TestQACLNFindsWhatIsPlanted(t *testing.T) {
	c := locatetest.Tiny(t, align.Choice{Kind: qacln.Name, Options: map[string]any{"spans": 0.5}})
	c.Hidden, c.Dropout, c.InputDropout = 32, 0, 0
	model, err := locate.New(enginetest.Open(t), c, 4)
	if err != nil {
		t.Fatal(err)
	}
	world := plant(c)
	const steps, batch = 160, 16
	optimizer := &train.BertAdam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-6, Clip: 1}
	optimizer.Attach(model.Weights, model.Parameters())
	spans := slices.Index(model.Watched(), "spans")
	var program *engine.Program
	var losses []float64
	for step := range steps {
		random := rand.New(rand.NewPCG(5, uint64(step)))
		laid, err := model.Step(world.draw(batch, random), false, random)
		if err != nil {
			t.Fatal(err)
		}
		if program == nil {
			if program, err = model.Gradient(laid, model.Parameters()); err != nil {
				t.Fatal(err)
			}
		}
		out, err := program.Run(laid.Arrays()...)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, float64(engine.Values(out[1+spans])[0]))
		var gradients [][]float32
		for _, gradient := range out[1+len(model.Watched()):] {
			gradients = append(gradients, engine.Values(gradient))
		}
		optimizer.Step(gradients, 2e-3*train.BertLinear(step, steps/10, steps))
	}
	first, last := mean(losses[:10]), mean(losses[steps-10:])
	t.Logf("span loss %.2f, then %.2f", first, last)
	if last > first/2 {
		t.Errorf("the span loss went from %.2f to %.2f", first, last)
	}

	unseen := world.draw(60, rand.New(rand.NewPCG(99, 99)))
	compared, err := model.Compare(t.Context(), unseen.Texts, unseen.Videos)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i, gold := range unseen.Spans {
		start, end := compared.Start[i].Row(i), compared.End[i].Row(i)
		best, at := math.Inf(-1), sightline.Span{}
		for s := range start {
			for e := s + 1; e < len(end); e++ {
				if score := float64(start[s]) + float64(end[e]); score > best {
					best, at = score, sightline.Span{Start: float64(s), End: float64(e)}
				}
			}
		}
		if at.IoU(gold) >= 0.5 {
			found++
		}
	}
	t.Logf("%d of %d moments found", found, len(unseen.Spans))
	if found < len(unseen.Spans)*8/10 {
		t.Errorf("%d of %d planted moments are found", found, len(unseen.Spans))
	}
}

func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
