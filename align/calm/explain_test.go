package calm_test

import (
	"math"
	"slices"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/calm"
	"sightline/align/meanpool"
	"sightline/engine/enginetest"
)

// unmistakable returns a part whose anchors are axes, and a video of frames along the given ones, a second each.
func unmistakable(t *testing.T, options string, along ...int) (*calm.Part, align.Video) {
	t.Helper()
	p := part(t, options)
	axes := sightline.NewMatrix(12, dim)
	for i := range axes.Rows {
		axes.Row(i)[i] = 1
	}
	p.Take(axes)
	v := align.Video{ID: "v", Features: sightline.NewMatrix(len(along), dim)}
	for t, axis := range along {
		v.Features.Row(t)[axis] = 2
		v.Spans = append(v.Spans, sightline.Span{Start: float64(t), End: float64(t + 1)})
	}
	return p, v
}

func axis(i int) align.Sentence {
	s := align.Sentence{Vector: make([]float32, dim)}
	s.Vector[i] = 5
	return s
}

func TestExplainNamesWhatIsShared(t *testing.T) {
	p, v := unmistakable(t, `{"position": "none"}`, 3, 3, 3, 7, 7)
	x, err := calm.NewExplainer(train(t, p).model)
	if err != nil {
		t.Fatal(err)
	}
	look, err := x.Video(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	labels := x.Labels()
	e, err := x.Explain(t.Context(), axis(3), look, 2)
	if err != nil {
		t.Fatal(err)
	}
	first := e.Concepts[0]
	if len(e.Concepts) != 2 || first.Label != labels[3] || first.Text < 0.99 || first.Video < 0.5 || e.Overlap <= 0 || e.Overlap > 1 {
		t.Errorf("a sentence along anchor 3 (%s): %+v", labels[3], e)
	}
	if *e.Likelihood <= 0 || *e.Likelihood > 1 || e.Ambiguity.Units != 4 || e.Ambiguity.Variance <= 0 {
		t.Errorf("likelihood %v, %+v", *e.Likelihood, e.Ambiguity)
	}
	again, err := x.Explain(t.Context(), axis(3), look, 2)
	if err != nil || *again.Likelihood != *e.Likelihood {
		t.Errorf("asked twice, the likelihood is %v and %v; %v", *e.Likelihood, *again.Likelihood, err)
	}
	want := []calm.Stretch{{Span: sightline.Span{Start: 0, End: 3}, Label: labels[3]}, {Span: sightline.Span{Start: 3, End: 5}, Label: labels[7]}}
	line := x.Timeline(look)
	for i := range line {
		if line[i].Probability < 0.9 {
			t.Errorf("stretch %d has probability %v", i, line[i].Probability)
		}
		line[i].Probability = 0
	}
	if !slices.Equal(line, want) {
		t.Errorf("timeline %v, want %v", line, want)
	}
}

// With a latent distribution of no width, the Monte-Carlo mean is what the mean vector alone generates; with all of the
// prior's, the video does not matter.
func TestLikelihood(t *testing.T) {
	for _, options := range []string{`{"position": "none"}`, `{"position": "none", "level": "frame"}`, `{"position": "none", "beyond": {"segments": 2}}`} {
		p, v := unmistakable(t, options, 3, 3, 5)
		m := train(t, p)
		fill := func(name string, value float32) {
			m.model.Weights.Update("calm."+name, func(data []float32) {
				for i := range data {
					data[i] = value
				}
			})
		}
		fill("logvar.weight", 0)
		fill("logvar.bias", -60)
		fill("mu.weight", 0)
		x, err := calm.NewExplainer(m.model)
		if err != nil {
			t.Fatal(err)
		}
		explain := func(v align.Video) calm.Explanation {
			t.Helper()
			look, err := x.Video(t.Context(), v)
			if err != nil {
				t.Fatal(err)
			}
			e, err := x.Explain(t.Context(), axis(3), look, 12)
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		e := explain(v)
		if e.Ambiguity.Variance > 1e-6 || e.Ambiguity.Active != 4 {
			t.Errorf("%s: without any width the ambiguity is %+v", options, e.Ambiguity)
		}
		generated := m.generated(t, v)
		var want float64 // −KL(S_p ‖ Ŝ_p)
		for _, c := range e.Concepts {
			k := slices.Index(x.Labels(), c.Label)
			want += c.Text * (math.Log(float64(generated[k])) - math.Log(c.Text))
		}
		if math.Abs(math.Log(*e.Likelihood)-want) > 1e-3 {
			t.Errorf("%s: log-likelihood %v, want %v", options, math.Log(*e.Likelihood), want)
		}

		fill("mu.bias", 0)
		fill("logvar.bias", 0)
		prior := explain(v)
		_, other := unmistakable(t, options, 9, 1, 1)
		if prior.Ambiguity.Active != 0 || math.Abs(prior.Ambiguity.Variance-1) > 1e-6 || *explain(other).Likelihood != *prior.Likelihood {
			t.Errorf("%s: at the prior the ambiguity is %+v and the video matters", options, prior.Ambiguity)
		}
	}
}

// generated returns Ŝ_p [K] of a video through the model's say in the scores, where √Ŝ_p is kept.
func (m trained) generated(t *testing.T, v align.Video) []float32 {
	t.Helper()
	p := m.model.Parts[0].Part.(*calm.Part)
	p.Beyond.Mix = 1
	defer func() { p.Beyond.Mix = 0 }()
	model, err := align.With(m.model.Engine, m.model.Tower, m.model.Head, m.model.Weights, m.model.Parts...)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := model.EncodeVideos(t.Context(), []align.Video{v})
	if err != nil {
		t.Fatal(err)
	}
	for i, root := range encoded.View {
		encoded.View[i] = root * root
	}
	return encoded.View
}

func TestExplainWithoutVAE(t *testing.T) {
	p, v := unmistakable(t, `{"loss": "kl"}`, 3)
	x, err := calm.NewExplainer(train(t, p).model)
	if err != nil {
		t.Fatal(err)
	}
	look, err := x.Video(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	if e, err := x.Explain(t.Context(), axis(3), look, 1); err != nil || e.Likelihood != nil || e.Ambiguity != nil || len(e.Concepts) != 1 {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestOnlyAnchorsExplain(t *testing.T) {
	model, err := align.New(enginetest.Open(t), align.Stored{VideoDim: dim, TextDim: dim}, meanpool.Head{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := calm.NewExplainer(model); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("a model without the part: %v", err)
	}
	if _, err := calm.NewExplainer(train(t, part(t, `{"anchors": 0}`)).model); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("a model without anchors: %v", err)
	}
}
