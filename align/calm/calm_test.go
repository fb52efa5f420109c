package calm_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/aligntest"
	"sightline/align/calm"
	"sightline/align/meanpool"
	"sightline/engine"
	"sightline/engine/enginetest"
)

const dim = 16

// part returns the part with options as in a run file, small where they do not say, its prompts read as noise.
func part(t testing.TB, options string) *calm.Part {
	t.Helper()
	small := map[string]any{"labels": "coco80", "anchors": 12, "hidden": []int{8, 6}, "latent": 4, "tau": 10}
	if err := json.Unmarshal([]byte(options), &small); err != nil {
		t.Fatal(err)
	}
	parts, err := align.NewParts([]align.Choice{{Kind: calm.Name, Options: small}})
	if err != nil {
		t.Fatal(err)
	}
	p := parts[0].Part.(*calm.Part)
	prompts, err := p.Prompts()
	if err != nil {
		t.Fatal(err)
	}
	if len(prompts) > 0 {
		p.Take(noise(rand.New(rand.NewPCG(5, 5)), len(prompts)))
	}
	return p
}

func noise(random *rand.Rand, rows int) sightline.Matrix {
	return sightline.Matrix{Rows: rows, Cols: dim, Data: engine.Normal(random, rows*dim, 1)}
}

// Whatever is chosen, the model trains with finite losses and gradients, and no score knows what belongs together.
func TestEveryOption(t *testing.T) {
	for _, options := range []string{
		`{}`, `{"anchors": 0}`, `{"anchors": 1}`, `{"anchors": -1}`, `{"choose": "coverage"}`,
		`{"position": "zeros"}`, `{"position": "none"}`, `{"live": true}`, `{"live": true, "position": "none", "loss": "ce"}`,
		`{"tau": 0.001}`, `{"tau": 1000000}`, `{"alpha": 0}`, `{"alpha": 0, "tau": 1000000, "anchors": 1}`,
		`{"loss": "mse"}`, `{"loss": "kl"}`, `{"loss": "ce", "detach": true}`, `{"detach": true}`, `{"hidden": []}`, `{"latent": 1, "hidden": [384]}`,
		`{"level": "frame"}`, `{"level": "frame", "loss": "kl"}`,
		`{"beyond": {"anneal": 10}}`, `{"beyond": {"free_bits": 0.05}}`, `{"beyond": {"anchors": "centred"}}`, `{"beyond": {"anchors": "whitened"}}`,
		`{"anchors": 1, "beyond": {"anchors": "whitened", "confidence": 1, "mix": 0.5}}`,
		`{"beyond": {"symmetric": true}}`, `{"detach": true, "beyond": {"symmetric": true, "segments": 3}}`, `{"level": "frame", "beyond": {"symmetric": true}}`,
		`{"level": "frame", "beyond": {"divergence": "js"}}`, `{"level": "frame", "beyond": {"divergence": "skl"}}`, `{"tau": 1000000, "beyond": {"divergence": "js"}}`,
		`{"beyond": {"segments": 4}}`, `{"loss": "ce", "beyond": {"segments": 2}}`, `{"beyond": {"confidence": 2}}`,
		`{"beyond": {"mix": 0.2}}`, `{"loss": "kl", "beyond": {"mix": 1}}`, `{"level": "frame", "beyond": {"mix": 0.5}}`, `{"live": true, "beyond": {"mix": 0.5, "anneal": 3, "confidence": 1}}`,
	} {
		t.Run(options, func(t *testing.T) {
			aligntest.Head(t, meanpool.Head{}, align.NamedPart{Name: calm.Name, Part: part(t, options)})
		})
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.txt")
	if err := os.WriteFile(empty, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for options, says := range map[string]string{
		`{"tau": 0}`: "tau is 0", `{"tau": 1e9}`: "tau is", `{"alpha": -1}`: "alpha", `{"latent": 0}`: "latent", `{"hidden": [0]}`: "hidden",
		`{"loss": "l2"}`: "none of vae, mse, kl, ce", `{"prompt": "a photo"}`: "[label]", `{"anchors": -2}`: "anchors",
		`{"anchors": 81}`: "coco80 has 80", `{"labels": "absent.txt"}`: "absent.txt", `{"labels": "` + empty + `"}`: "has no label",
		`{"level": "clip"}`: "level", `{"choose": "random"}`: "choose", `{"position": "sine"}`: "position",
		`{"beyond": {"mix": 2}}`: "mix", `{"beyond": {"anchors": "centred"}, "live": true}`: "live", `{"loss": "kl", "beyond": {"symmetric": true}}`: "symmetric",
		`{"level": "frame", "beyond": {"segments": 2}}`: "segments", `{"beyond": {"divergence": "kl"}}`: "divergence",
	} {
		all := map[string]any{"labels": "coco80"}
		if err := json.Unmarshal([]byte(options), &all); err != nil {
			t.Fatal(err)
		}
		parts, err := align.NewParts([]align.Choice{{Kind: calm.Name, Options: all}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = parts[0].Part.(*calm.Part).Prompts()
		if err == nil || sightline.KindOf(err) != sightline.Usage || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", options, err, says)
		}
	}
	for name, change := range map[string]func(*sightline.Matrix){
		"prompts of another width": func(m *sightline.Matrix) { *m = sightline.NewMatrix(12, dim/2) },
		"NaN":                      func(m *sightline.Matrix) { m.Data[3] = float32(math.NaN()) },
		"none encoded":             func(m *sightline.Matrix) { *m = sightline.Matrix{} },
	} {
		p, vectors := part(t, `{}`), noise(rand.New(rand.NewPCG(1, 1)), 12)
		change(&vectors)
		p.Take(vectors)
		_, err := align.New(enginetest.Open(t), align.Stored{VideoDim: dim, TextDim: dim}, meanpool.Head{}, 1, align.NamedPart{Name: calm.Name, Part: p})
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// trained is a model with the part, and a batch of six pairs to try it on.
type trained struct {
	model *align.Model
	batch align.Batch
	step  align.Step
}

func train(t testing.TB, p *calm.Part) trained {
	t.Helper()
	model, err := align.New(enginetest.Open(t), align.Stored{VideoDim: dim, TextDim: dim}, meanpool.Head{}, 1, align.NamedPart{Name: calm.Name, Part: p})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(8, 9))
	m := trained{model: model}
	for i := range 6 {
		m.batch.Videos = append(m.batch.Videos, align.Video{ID: strconv.Itoa(i), Features: noise(random, 1+i%4)})
		m.batch.Texts = append(m.batch.Texts, align.Sentence{Vector: noise(random, 1).Data})
	}
	if m.step, err = model.Step(m.batch, false, random); err != nil {
		t.Fatal(err)
	}
	return m
}

// run returns the loss and what is watched, with every kept value taken over.
func (m trained) run(t testing.TB) (float64, map[string]float64) {
	t.Helper()
	program, err := m.model.Gradient(m.step, m.model.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(m.step.Arrays()...)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range out {
		for _, v := range engine.Values(part) {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("output %d has %v", i, v)
			}
		}
	}
	watched := map[string]float64{}
	for i, name := range m.model.Watched() {
		watched[name] = float64(engine.Values(out[1+i])[0])
	}
	for i, name := range m.model.Kept() {
		m.model.Weights.Update(name, func(p []float32) { copy(p, engine.Values(out[1+len(watched)+i])) })
	}
	return float64(engine.Values(out[0])[0]), watched
}

func TestTenThousandLabels(t *testing.T) {
	path := filepath.Join(t.TempDir(), "labels.txt")
	var text strings.Builder
	for i := range 10_000 {
		text.WriteString("label " + strconv.Itoa(i) + "\n")
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	train(t, part(t, `{"labels": "`+path+`", "anchors": -1}`)).run(t)
	train(t, part(t, `{"labels": "`+path+`", "anchors": 20, "choose": "coverage"}`)).run(t)
}

// An encoder that reads all labels alike makes nothing infinite.
func TestAnchorsThatAreAllTheSame(t *testing.T) {
	for _, options := range []string{`{}`, `{"choose": "coverage"}`, `{"beyond": {"anchors": "centred"}}`, `{"beyond": {"anchors": "whitened"}}`} {
		p, same := part(t, options), noise(rand.New(rand.NewPCG(1, 1)), 12)
		for i := range same.Rows {
			copy(same.Row(i), same.Row(0))
		}
		p.Take(same)
		train(t, p).run(t)
	}
}

// Without anchors the loss is the head's alone.
func TestNoAnchorsIsTheBaseline(t *testing.T) {
	without, err := align.New(enginetest.Open(t), align.Stored{VideoDim: dim, TextDim: dim}, meanpool.Head{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	off := train(t, part(t, `{"anchors": 0}`))
	if got, want := off.model.Weights.Names(), without.Weights.Names(); len(got) != len(want) {
		t.Errorf("parameters are %v, want %v", got, want)
	}
	got, _ := off.run(t)
	off.model = without
	off.step.Parts = nil
	if want, _ := off.run(t); got != want {
		t.Errorf("the loss is %v, the baseline's %v", got, want)
	}
}

// Alpha rises with the steps and then stands still; free bits are a floor under each unit's share.
func TestWhatKLCosts(t *testing.T) {
	plain, watched := train(t, part(t, `{"alpha": 1}`)).run(t)
	rising := train(t, part(t, `{"alpha": 1, "beyond": {"anneal": 2}}`))
	for step, share := range []float64{0, 0.5, 1, 1} {
		loss, _ := rising.run(t)
		if want := plain - (1-share)*watched["calm.kl"]; math.Abs(loss-want) > 1e-4 {
			t.Errorf("step %d costs %v, want %v", step, loss, want)
		}
	}
	free, _ := train(t, part(t, `{"alpha": 1, "beyond": {"free_bits": 50}}`)).run(t)
	if want := plain - watched["calm.kl"] + 4*50; math.Abs(free-want) > 1e-3 {
		t.Errorf("with free bits the loss is %v, want %v", free, want)
	}
}

// Segments tell a video from the same backwards; the mean frame and single frames do not.
func TestOnlySegmentsSeeOrder(t *testing.T) {
	for options, sees := range map[string]bool{`{}`: false, `{"level": "frame"}`: false, `{"beyond": {"segments": 2}}`: true} {
		m := train(t, part(t, options))
		if m.step.Parts[0].Noise != nil && options == `{"level": "frame"}` { // each frame draws its own ε: give all the same
			for _, array := range m.step.Parts[0].Noise {
				for i := range engine.Values(array) {
					engine.Values(array)[i] = 0.25
				}
			}
		}
		_, there := m.run(t)
		for i, v := range m.batch.Videos {
			turned := sightline.NewMatrix(v.Features.Rows, dim)
			for r := range turned.Rows {
				copy(turned.Row(r), v.Features.Row(turned.Rows-1-r))
			}
			m.batch.Videos[i].Features = turned
		}
		var err error
		if m.step.Videos, err = m.model.Tower.VideoInputs(m.batch.Videos); err != nil {
			t.Fatal(err)
		}
		_, back := m.run(t)
		if moved := math.Abs(there["calm.rec"]-back["calm.rec"]) > 1e-5; moved != sees {
			t.Errorf("%s: the loss is %v forwards and %v backwards", options, there["calm.rec"], back["calm.rec"])
		}
	}
}

// A model with live anchors is stored with those that the tower makes in the end.
func TestLiveAnchorsSettle(t *testing.T) {
	m := train(t, part(t, `{"live": true}`))
	before := m.model.Weights.Float32s("calm.anchors")
	if before[0] != 0 {
		t.Fatalf("anchors start as %v", before[:3])
	}
	if err := m.model.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := noise(rand.New(rand.NewPCG(5, 5)), 12) // the tower has no adapters
	for i, v := range m.model.Weights.Float32s("calm.anchors") {
		if v != want.Data[i] {
			t.Fatalf("anchor element %d is %v, want %v", i, v, want.Data[i])
		}
	}
}

// A bundle keeps the labels, and an opened model scores as the saved one did.
func TestBundleKeepsAnchors(t *testing.T) {
	options := map[string]any{"labels": "coco80", "anchors": 12, "hidden": []int{8, 6}, "latent": 4, "tau": 10, "beyond": map[string]any{"mix": 0.4}}
	m := train(t, part(t, `{"beyond": {"mix": 0.4}}`))
	score := func(model *align.Model) []float32 {
		t.Helper()
		v, err := model.EncodeVideos(t.Context(), m.batch.Videos)
		if err != nil {
			t.Fatal(err)
		}
		s, err := model.EncodeTexts(t.Context(), m.batch.Texts)
		if err != nil {
			t.Fatal(err)
		}
		scores, err := model.ScoreBlock(t.Context(), s, v)
		if err != nil {
			t.Fatal(err)
		}
		return scores.Data
	}
	dir := filepath.Join(t.TempDir(), "model")
	if _, err := align.Save(dir, "m", align.Choice{Kind: meanpool.Name}, []align.Choice{{Kind: calm.Name, Options: options}}, m.model, sightline.Space{}); err != nil {
		t.Fatal(err)
	}
	opened, _, err := align.Open(enginetest.Open(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	want := score(m.model)
	for i, got := range score(opened) {
		if got != want[i] {
			t.Fatalf("score %d is %v, was %v", i, got, want[i])
		}
	}
	if err := os.Remove(filepath.Join(dir, calm.Name, "labels.txt")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := align.Open(enginetest.Open(t), dir); err == nil || !strings.Contains(err.Error(), "labels.txt") {
		t.Errorf("a bundle without labels: %v", err)
	}
}
