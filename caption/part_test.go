package caption

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/calm"
	_ "sightline/align/emcl"
	"sightline/engine"
)

// taught returns a model that learns with CALM, the text given as its options' JSON, and everything away from zero.
func taught(t *testing.T, dropout float64, options map[string]any) *Model {
	t.Helper()
	c := config()
	c.Dropout = dropout
	m := fresh(t, c)
	if err := m.Learn(calmParts(t, options), 4); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(7, 7))
	for _, name := range m.Weights.Names() {
		if strings.HasPrefix(name, viewLayer) {
			m.Weights.Update(name, func(p []float32) { copy(p, engine.Normal(random, len(p), 0.3)) })
		}
	}
	return m
}

func calmParts(t *testing.T, options map[string]any) align.Parts {
	t.Helper()
	parts, err := align.NewParts([]align.Choice{{Kind: calm.Name, Options: options}})
	if err != nil {
		t.Fatal(err)
	}
	part := parts[0].Part.(align.Prompted)
	prompts, err := part.Prompts()
	if err != nil {
		t.Fatal(err)
	}
	if len(prompts) > 0 {
		part.Take(sightline.Matrix{Rows: len(prompts), Cols: dim, Data: engine.Normal(rand.New(rand.NewPCG(2, 2)), len(prompts)*dim, 1)})
	}
	return parts
}

// few are options with a small VAE over few anchors, and distributions that are not sharp.
func few() map[string]any {
	return map[string]any{"anchors": 6, "tau": 5, "hidden": []int{8}, "latent": 4}
}

func lesson() align.Batch {
	random := rand.New(rand.NewPCG(9, 9))
	batch := align.Batch{Videos: films(4)}
	for _, text := range texts {
		batch.Texts = append(batch.Texts, align.Sentence{Text: text, Vector: engine.Normal(random, dim, 1)})
	}
	return batch
}

// stepped runs one training step on a batch and returns its outputs by name: "loss", what is watched, and gradients.
func stepped(t *testing.T, m *Model, batch align.Batch) map[string][]float32 {
	t.Helper()
	s, err := m.Step(batch, false, rand.New(rand.NewPCG(1, 5)))
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
	names := slices.Concat([]string{"loss"}, m.Watched(), m.Kept(), m.Parameters())
	if len(out) != len(names) {
		t.Fatalf("a step returns %d outputs for %v", len(out), names)
	}
	values := map[string][]float32{}
	for i, name := range names {
		values[name] = engine.Values(out[i])
		if err := (sightline.Matrix{Rows: 1, Cols: len(values[name]), Data: values[name]}).Finite(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	return values
}

// Where the part is off, or its loss is none, a step is the plain model's to the last bit, dropout included.
func TestStepWithoutItsLossIsThePlainOne(t *testing.T) {
	c := config()
	c.Dropout = 0.3
	plain := stepped(t, fresh(t, c), lesson())
	none := few()
	none["loss"] = "none"
	for name, options := range map[string]map[string]any{"no anchors": {"anchors": 0}, "no loss": none} {
		got := stepped(t, taught(t, 0.3, options), lesson())
		for parameter, want := range plain {
			if !slices.Equal(got[parameter], want) {
				t.Errorf("%s: %s is %v, without the part %v", name, parameter, got[parameter], want)
			}
		}
	}
}

// The loss is the caption's and CALM's together, and gradients of both sides are what differences of the loss say.
func TestCALMTrainsWhatCaptionsAreWrittenFrom(t *testing.T) {
	plain := stepped(t, fresh(t, config()), lesson())
	m := taught(t, 0, few())
	got := stepped(t, m, lesson())
	own := got["calm.rec"][0] + float32(calm.Default().Alpha)*got["calm.kl"][0]
	if want := plain["loss"][0] + own; math.Abs(float64(got["loss"][0]-want)) > 1e-5*float64(want) {
		t.Errorf("the loss is %v; the caption's %v and CALM's %v", got["loss"][0], plain["loss"][0], own)
	}
	random := rand.New(rand.NewPCG(3, 3))
	for _, name := range []string{
		"visual.encoder.layer.0.output.dense.weight", "visual.embeddings.word_embeddings.weight", "view.weight", "view.bias",
		"calm.enc.0.weight", "calm.dec.1.bias", "calm.anchor.pos", "decoder.embeddings.word_embeddings.weight",
	} {
		gradient := got[name]
		direction := engine.Normal(random, len(gradient), 1)
		before := slices.Clone(m.Weights.Float32s(name))
		moved := func(by float32) float64 {
			m.Weights.Update(name, func(p []float32) {
				for i := range p {
					p[i] = before[i] + by*direction[i]
				}
			})
			return float64(stepped(t, m, lesson())["loss"][0])
		}
		const h = 2e-3
		slope := (moved(h) - moved(-h)) / (2 * h)
		moved(0)
		var want float64
		for i, g := range gradient {
			want += float64(g) * float64(direction[i])
		}
		if math.Abs(slope-want) > 0.02*math.Abs(want)+5e-3 {
			t.Errorf("%s: the loss rises by %v, its gradient says %v", name, slope, want)
		}
	}
	for _, name := range []string{"visual.encoder.layer.0.output.dense.weight", "normalize_video.visual_norm2d.bias"} {
		if slices.Equal(got[name], plain[name]) {
			t.Errorf("%s feels nothing of CALM", name)
		}
	}
	for _, name := range []string{"decoder.classifier.cls.predictions.bias", "decoder.embeddings.position_embeddings.weight"} {
		if !slices.Equal(got[name], plain[name]) {
			t.Errorf("%s, which CALM does not see, moves by it", name)
		}
	}
}

// What trains a model is not in its bundle, and the bundle writes what the model did.
func TestBundleLeavesPartsOut(t *testing.T) {
	m, videos := taught(t, 0, few()), films(3)
	dir := filepath.Join(t.TempDir(), "model")
	b, err := Save(dir, "trial", m, sightline.Space{Sampling: "uniform-5"})
	if err != nil {
		t.Fatal(err)
	}
	back, _, err := Open(m.Engine, dir)
	if err != nil {
		t.Fatal(err)
	}
	plain := fresh(t, config())
	if got, want := back.Weights.Names(), plain.Weights.Names(); !slices.Equal(got, want) || b.Space.Head.Hash != plain.Weights.Hash() {
		t.Errorf("the bundle holds %v, want %v", got, want)
	}
	if !m.Weights.Has("calm.anchors") {
		t.Error("saving took the part from the model")
	}
	want := generate(t, m, videos, Options{})
	for i, got := range generate(t, back, videos, Options{}) {
		if got[0] != want[i][0] {
			t.Errorf("video %d: %v, was %v", i, got[0], want[i][0])
		}
	}
}

func TestLearnRefuses(t *testing.T) {
	m := fresh(t, config())
	layers, err := align.NewParts([]align.Choice{{Kind: "emcl"}})
	if err != nil {
		t.Fatal(err)
	}
	mixing := few()
	mixing["beyond"] = map[string]any{"mix": 0.5}
	for name, parts := range map[string]align.Parts{"a layer": layers, "a share of scores": calmParts(t, mixing)} {
		if err := m.Learn(parts, 1); sightline.KindOf(err) != sightline.Usage || sightline.TryOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	narrow := *m
	narrow.Tower.TextDim, narrow.Tower.Joint = dim+1, dim
	if err := narrow.Learn(calmParts(t, few()), 1); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("sentence vectors of another width: %v", err)
	}
	weighing := few()
	weighing["beyond"] = map[string]any{"confidence": 1}
	if err := m.Learn(calmParts(t, weighing), 1); err != nil {
		t.Fatal(err)
	}
	s, err := m.Step(lesson(), false, rand.New(rand.NewPCG(1, 5)))
	if err != nil {
		t.Fatal(err)
	}
	program, err := m.Gradient(s, m.Parameters())
	if err == nil {
		_, err = program.Run(s.Arrays()...)
	}
	if err == nil || !strings.Contains(err.Error(), "part calm weighs the pairs") {
		t.Errorf("weights of pairs: %v", err)
	}
	batch := lesson()
	batch.Texts[1].Vector = nil
	if _, err := m.Step(batch, false, rand.New(rand.NewPCG(1, 5))); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("takes %d", dim)) {
		t.Errorf("a caption without a vector: %v", err)
	}
}

// Captions that are no ordinary sentences train like others: one without a word, emoji, Chinese, ten thousand words; with CALM
// too, although an encoder may have no vector for them but zeros.
func TestOddCaptionsTrain(t *testing.T) {
	odd := lesson()
	for i, text := range []string{"", "🙂🎉", "一个孩子打开礼物", strings.Repeat("a red dog runs ", 2_500)} {
		odd.Texts[i].Text = text
		clear(odd.Texts[i].Vector)
	}
	for name, m := range map[string]*Model{"plain": fresh(t, config()), "with CALM": taught(t, 0, few())} {
		s, err := m.Step(odd, false, rand.New(rand.NewPCG(1, 5)))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Targets[0].Shape[1]; got != m.Config.Words {
			t.Errorf("%s: captions are %d pieces wide, the model writes %d", name, got, m.Config.Words)
		}
		stepped(t, m, odd)
	}
}
