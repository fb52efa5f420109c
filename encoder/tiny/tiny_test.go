package tiny_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/encoder"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/engine/enginetest"
)

var (
	_ encoder.FrameEncoder = (*tiny.Encoder)(nil)
	_ encoder.TextEncoder  = (*tiny.Encoder)(nil)
	_ encoder.WordEncoder  = (*tiny.Encoder)(nil)
)

func embedded(t testing.TB) (*engine.Engine, *tiny.Encoder) {
	t.Helper()
	e := enginetest.Open(t)
	enc, err := tiny.Embedded(e)
	if err != nil {
		t.Fatal(err)
	}
	return e, enc
}

func noise(n, width, height int) []sightline.Frame {
	random := rand.New(rand.NewPCG(1, 2))
	frames := make([]sightline.Frame, n)
	for i := range frames {
		frames[i] = sightline.Frame{Width: width, Height: height, RGB: make([]byte, 3*width*height)}
		for j := range frames[i].RGB {
			frames[i].RGB[j] = byte(random.Uint32())
		}
	}
	return frames
}

// A frame's vector depends on no other frame, however many share its block.
func TestVectorsDependOnNothingElse(t *testing.T) {
	_, enc := embedded(t)
	frames := noise(70, 64, 64)
	all, err := enc.EncodeFrames(t.Context(), frames)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"a red ball", "", "words nobody ever taught it", "a small blue boat on the sea at night"}
	sentences, err := enc.EncodeTexts(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 3, 63, 64, 69} {
		one, err := enc.EncodeFrames(t.Context(), frames[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		near(t, "frame", one.Row(0), all.Row(i))
	}
	for i := range texts {
		one, err := enc.EncodeTexts(t.Context(), texts[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		near(t, texts[i], one.Row(0), sentences.Row(i))
	}
}

func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 1e-4*max(1, math.Abs(float64(want[i]))) {
			t.Errorf("%s: element %d is %v alone and %v in company", what, i, got[i], want[i])
			return
		}
	}
}

func TestFramesOfEverySizeAreTaken(t *testing.T) {
	_, enc := embedded(t)
	for _, size := range [][2]int{{64, 64}, {1, 1}, {3, 500}, {640, 360}, {65, 63}} {
		rows, err := enc.EncodeFrames(t.Context(), noise(1, size[0], size[1]))
		if err != nil || rows.Finite() != nil {
			t.Errorf("%v: %v, %v", size, err, rows.Finite())
		}
	}
	if rows, err := enc.EncodeFrames(t.Context(), nil); err != nil || rows.Rows != 0 {
		t.Errorf("no frames give %d rows, %v", rows.Rows, err)
	}
}

func TestSaveAndOpen(t *testing.T) {
	e, enc := embedded(t)
	dir := filepath.Join(t.TempDir(), "encoder")
	if err := enc.Save(dir); err != nil {
		t.Fatal(err)
	}
	back, err := tiny.Open(e, dir)
	if err != nil {
		t.Fatal(err)
	}
	if back.ID() != enc.ID() { // what was half precision stays as it was
		t.Errorf("read back %v, saved %v", back.ID(), enc.ID())
	}
	if _, err := tiny.Open(e, t.TempDir()); err == nil {
		t.Error("an empty folder opened")
	}
}

func TestVocabulary(t *testing.T) {
	v := tiny.LearnVocabulary([]string{"A red ball.", "the red Ball!", "a blue ball", "once"}, 2)
	if got := v.List(); !slices.Equal(got, []string{"ball", "a", "red"}) {
		t.Errorf("learned %q", got)
	}
	ids := v.IDs("Red balls, a ball", 6)
	if want := []int32{4, 1, 3, 2, 0, 0}; !slices.Equal(ids, want) {
		t.Errorf("ids are %v, want %v", ids, want)
	}
	if ids := v.IDs("", 3); !slices.Equal(ids, []int32{1, 0, 0}) {
		t.Errorf("no words give %v", ids)
	}
}

func BenchmarkFrames(b *testing.B) {
	_, enc := embedded(b)
	frames := noise(64, 64, 64)
	for b.Loop() {
		if _, err := enc.EncodeFrames(b.Context(), frames); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(frames))/b.Elapsed().Seconds(), "frames/s")
}

func TestEncodeWords(t *testing.T) {
	_, e := embedded(t)
	texts := []string{"A Red ball, falling!", "", strings.Repeat("ball ", 40)}
	all, err := e.EncodeWords(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{4, 1, e.Config.TextLength} {
		if got := all[i]; got.Vectors.Rows != want || len(got.Offsets) != want || got.Vectors.Cols != e.WordDim() {
			t.Errorf("%q: vectors of shape [%d, %d], %d offsets, want %d words", texts[i], got.Vectors.Rows, got.Vectors.Cols, len(got.Offsets), want)
		}
	}
	if at := all[0].Offsets[1]; texts[0][at[0]:at[1]] != "Red" {
		t.Errorf("the second word is at %v", at)
	}
}
