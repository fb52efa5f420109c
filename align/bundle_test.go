package align_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/meanpool"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/engine/enginetest"
)

var space = sightline.Space{
	Video: sightline.ModelID{Name: "v", Hash: "1"}, Text: sightline.ModelID{Name: "t", Hash: "2"},
	Preprocess: "p", Sampling: "uniform-8",
}

var meanP = align.Choice{Kind: meanpool.Name}

func TestBundleKeepsTheModel(t *testing.T) {
	e := enginetest.Open(t)
	const dim = 8
	m, err := align.New(e, align.Stored{VideoDim: dim, TextDim: dim, Hidden: 4}, meanpool.Head{}, 5)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 1))
	for _, name := range m.Weights.Names() {
		m.Weights.Update(name, func(p []float32) { copy(p, engine.Normal(random, len(p), 1)) })
	}
	dir := filepath.Join(t.TempDir(), "model")
	saved, err := align.Save(dir, "trial", meanP, nil, m, space)
	if err != nil {
		t.Fatal(err)
	}
	back, b, err := align.Open(e, dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(b, saved) {
		t.Errorf("read back %+v, saved %+v", b, saved)
	}
	if got, want := back.Weights.Hash(), m.Weights.Hash(); got != want {
		t.Errorf("weights have hash %s, had %s", got, want)
	}
	if err := b.Accepts(space.Video, space.Text, space.Preprocess); err != nil {
		t.Errorf("the model refuses its own encoders: %v", err)
	}
	other := sightline.ModelID{Name: "v", Hash: "9"}
	if err := b.Accepts(other, space.Text, space.Preprocess); err == nil || !strings.Contains(err.Error(), "video encoder") {
		t.Errorf("another video encoder gives %v", err)
	}
	if _, err := align.Save(dir, "trial", meanP, nil, m, space); err == nil {
		t.Error("a second model overwrote the first")
	}
	damage(t, filepath.Join(dir, "model.safetensors"))
	if _, _, err := align.Open(e, dir); err == nil {
		t.Error("a damaged model opened")
	}
}

// damage flips a bit of the last byte.
func damage(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// A model trained end to end becomes, at rest, its encoder and a head, which together score as it did but for the
// rounding of weights to half precision.
func TestBundleOfALiveModel(t *testing.T) {
	e := enginetest.Open(t)
	config := tiny.Default
	config.Layers, config.TextLayers = 1, 1
	vocabulary := tiny.NewVocabulary([]string{"red", "ball", "sea"})
	tower := align.Live{Config: config, Vocabulary: vocabulary, WordWeight: 1, WordValue: make([]float32, vocabulary.Len())}
	live, err := align.New(e, tower, meanpool.Head{}, 5)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 1))
	var frames []sightline.Frame
	for range 3 {
		rgb := make([]byte, 3*config.Side*config.Side)
		for i := range rgb {
			rgb[i] = byte(random.Uint32())
		}
		frames = append(frames, sightline.Frame{Width: config.Side, Height: config.Side, RGB: rgb})
	}
	texts := []string{"a red ball", "the sea"}
	score := func(m *align.Model, video align.Video, sentences []align.Sentence) sightline.Matrix {
		t.Helper()
		v, err := m.EncodeVideos(t.Context(), []align.Video{video})
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.EncodeTexts(t.Context(), sentences)
		if err != nil {
			t.Fatal(err)
		}
		scores, err := m.ScoreBlock(t.Context(), s, v)
		if err != nil {
			t.Fatal(err)
		}
		return scores
	}
	want := score(live, align.Video{Frames: frames}, []align.Sentence{{Text: texts[0]}, {Text: texts[1]}})

	dir := filepath.Join(t.TempDir(), "model")
	if _, err := align.Save(dir, "live", meanP, nil, live, sightline.Space{Sampling: "uniform-8"}); err != nil {
		t.Fatal(err)
	}
	stored, b, err := align.Open(e, dir)
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := tiny.Open(e, align.EncoderDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Accepts(encoder.ID(), encoder.ID(), encoder.Preprocess()); err != nil {
		t.Fatal(err)
	}
	rows, err := encoder.EncodeFrames(t.Context(), frames)
	if err != nil {
		t.Fatal(err)
	}
	vectors, err := encoder.EncodeTexts(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	got := score(stored, align.Video{Features: rows}, []align.Sentence{{Vector: vectors.Row(0)}, {Vector: vectors.Row(1)}})
	for i := range want.Data {
		if d := got.Data[i] - want.Data[i]; d > 5e-3 || d < -5e-3 {
			t.Errorf("score %d is %v at rest, %v live", i, got.Data[i], want.Data[i])
		}
	}
}
