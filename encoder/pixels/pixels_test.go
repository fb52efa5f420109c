package pixels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/feature/npy"
	"sightline/internal/golden"
)

// frameOf makes a frame of an array [H, W, 3].
func frameOf(a npy.Array) sightline.Frame {
	f := sightline.Frame{Width: a.Shape[1], Height: a.Shape[0]}
	for _, v := range a.Ints() {
		f.RGB = append(f.RGB, byte(v))
	}
	return f
}

// wantBytes requires equality: the arithmetic is PIL's own.
func wantBytes(t *testing.T, what string, got sightline.Frame, want npy.Array) {
	t.Helper()
	if got.Height != want.Shape[0] || got.Width != want.Shape[1] {
		t.Errorf("%s: %d×%d pixels, want shape %v", what, got.Width, got.Height, want.Shape)
		return
	}
	for k, w := range want.Ints() {
		if int(got.RGB[k]) != w {
			t.Errorf("%s: byte %d is %d, want %d", what, k, got.RGB[k], w)
			return
		}
	}
}

func TestGoldenPreprocess(t *testing.T) {
	v := golden.Open(t, "retrieval", "preprocess.npz")
	cases := 0
	for name := range v.Archive {
		base, ok := strings.CutSuffix(name, "_in")
		if !ok {
			continue
		}
		cases++
		f := frameOf(v.Array(name))
		resized, out := v.Array(base+"_resized_u8"), v.Array(base+"_out")
		small, err := Resize(f, resized.Shape[1], resized.Shape[0])
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, base, small, resized)
		transform := CLIP(out.Shape[1])
		got := make([]float32, transform.Len())
		if err := transform.Apply(got, f); err != nil {
			t.Fatal(err)
		}
		golden.Close(t, base, got, out.Float32s(), golden.ForwardAbs, golden.ForwardRel)
	}
	if cases == 0 {
		t.Error("no case in preprocess.npz")
	}
}

func TestGoldenPreprocessFrameChoice(t *testing.T) {
	v := golden.Open(t, "retrieval", "preprocess.npz")
	cases := 0
	for name := range v.Archive {
		var n, count int
		choose := CLIP4ClipFrames
		if _, err := fmt.Sscanf(name, "slice_%d_%d", &n, &count); err != nil {
			choose = XPoolFrames
			if _, err := fmt.Sscanf(name, "xpool_%d_%d", &n, &count); err != nil {
				continue
			}
		}
		cases++
		if got, want := choose(n, count), v.Array(name).Ints(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if cases == 0 {
		t.Error("no case in preprocess.npz")
	}
}

// TestOddMargins compares with PIL where the golden file has no case (testdata/make_pil.py).
func TestOddMargins(t *testing.T) {
	archive, err := npy.Open(filepath.Join("testdata", "pil.npz"))
	if err != nil {
		t.Fatal(err)
	}
	for name, array := range archive {
		base, ok := strings.CutSuffix(name, "_in")
		if !ok {
			continue
		}
		f, resized, out := frameOf(array), archive[base+"_resized"], archive[base+"_out"]
		small, err := Resize(f, resized.Shape[1], resized.Shape[0])
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, base, small, resized)
		transform := CLIP(out.Shape[1])
		got := make([]float32, transform.Len())
		if err := transform.Apply(got, f); err != nil {
			t.Fatal(err)
		}
		for k, w := range out.Float32s() {
			if math.Abs(float64(got[k]-w)) > 1e-6 {
				t.Errorf("%s: number %d is %v, want %v", base, k, got[k], w)
				break
			}
		}
	}
}

func TestFrameChoiceAtTheEdges(t *testing.T) {
	for _, c := range []struct{ got, want []int }{
		{CLIP4ClipFrames(0, 12), []int{}},
		{CLIP4ClipFrames(1, 12), []int{0}},
		{CLIP4ClipFrames(9, 1), []int{0}},
		{CLIP4ClipFrames(2, 2), []int{0, 1}},
		{XPoolFrames(0, 12), []int{}},
		{XPoolFrames(1, 3), []int{0, 0, 0}},
		{XPoolFrames(9, 1), []int{4}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
}

func TestFramesThatDoNotFit(t *testing.T) {
	good := sightline.Frame{Width: 2, Height: 2, RGB: make([]byte, 12)}
	if err := CLIP(4).Apply(make([]float32, 47), good); err == nil {
		t.Error("no error for too short an output")
	}
	for _, f := range []sightline.Frame{{}, {Width: 2, Height: 2, RGB: make([]byte, 11)}, {Width: -1, Height: -1, RGB: make([]byte, 3)}} {
		if err := CLIP(4).Apply(make([]float32, 48), f); err == nil {
			t.Errorf("no error for a frame of %d×%d with %d bytes", f.Width, f.Height, len(f.RGB))
		}
		if _, err := Resize(f, 2, 2); err == nil {
			t.Errorf("no error for a frame of %d×%d with %d bytes", f.Width, f.Height, len(f.RGB))
		}
	}
	if _, err := Resize(good, 0, 2); err == nil {
		t.Error("no error for a width of 0")
	}
}

func TestName(t *testing.T) {
	if name := CLIP(224).Name(); name != "clip-bicubic-224" {
		t.Errorf("name %q", name)
	}
	other := CLIP(224)
	other.Mean[0] = 0.5
	if other.Name() == CLIP(224).Name() {
		t.Error("another mean has the same name")
	}
}

// TestConcurrent applies one Transform to frames of many sizes at once; all must come out as one after the other.
func TestConcurrent(t *testing.T) {
	transform := CLIP(16)
	frames := make([]sightline.Frame, 40)
	want := make([][]float32, len(frames))
	for k := range frames {
		frames[k] = noise(20+k%7, 18+k%5)
		want[k] = make([]float32, transform.Len())
		if err := transform.Apply(want[k], frames[k]); err != nil {
			t.Fatal(err)
		}
	}
	for k := range frames {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			got := make([]float32, transform.Len())
			if err := transform.Apply(got, frames[k]); err != nil || !slices.Equal(got, want[k]) {
				t.Errorf("frame %d differs, error %v", k, err)
			}
		})
	}
}

func noise(width, height int) sightline.Frame {
	f := sightline.Frame{Width: width, Height: height, RGB: make([]byte, 3*width*height)}
	r := rand.New(rand.NewPCG(1, uint64(width*height)))
	for k := range f.RGB {
		f.RGB[k] = byte(r.Uint32())
	}
	return f
}

func BenchmarkApply(b *testing.B) {
	for _, size := range [][2]int{{1920, 1080}, {640, 360}, {398, 224}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			f, transform := noise(size[0], size[1]), CLIP(224)
			dst := make([]float32, transform.Len())
			b.ReportAllocs()
			for b.Loop() {
				if err := transform.Apply(dst, f); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
		})
	}
}
