package pixels_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"sightline"
	"sightline/encoder/pixels"
	"sightline/internal/ffmpeg"
	"sightline/video"
)

// TestDecodeScaling states how far frames that video.Sample scales down while decoding are from full-size frames that
// PIL's arithmetic scales: the mean and the 99th percentile of the difference, in steps of 255.
func TestDecodeScaling(t *testing.T) {
	if _, err := ffmpeg.Find("ffmpeg"); err != nil {
		t.Skipf("skipped: %v (%s)", err, sightline.TryOf(err))
	}
	edges := filepath.Join(t.TempDir(), "edges.mp4")
	cmd, err := ffmpeg.Command(t.Context(), ffmpeg.Guards{}, "-f", "lavfi", "-i", "testsrc2=size=640x480:rate=1",
		"-frames:v", "3", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", ffmpeg.Literal(edges))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	type bound struct {
		path       string
		mean, high float64
	}
	bounds := []bound{{edges, 2, 40}} // nothing but hard edges between full colours
	if data := sharedData(); data == "" {
		t.Log("real clips are not here: set SIGHTLINE_SHARED_DATA to include them")
	} else {
		for _, name := range []string{"intel/asl_gestures/milk.mkv", "signs/Day.mp4"} {
			bounds = append(bounds, bound{filepath.Join(data, "clips", name), 1, 6})
		}
	}
	for _, b := range bounds {
		mean, high := deviation(t, b.path)
		t.Logf("%s: mean %.2f, 99th percentile %.0f of 255", filepath.Base(b.path), mean, high)
		if mean > b.mean || high > b.high {
			t.Errorf("%s: more than a mean of %v and a 99th percentile of %v", filepath.Base(b.path), b.mean, b.high)
		}
	}
}

// deviation compares three frames of the video decoded at full size and at CLIP's.
func deviation(t *testing.T, path string) (mean, high float64) {
	const size = 224
	level := pixels.Transform{Size: size, Std: [3]float32{1.0 / 255, 1.0 / 255, 1.0 / 255}}
	var runs [2][]float32
	for k, decoded := range []int{0, size} {
		for f, err := range video.Sample(t.Context(), path, video.Uniform(3), decoded) {
			if err != nil {
				t.Fatal(err)
			}
			out := make([]float32, level.Len())
			if err := level.Apply(out, f); err != nil {
				t.Fatal(err)
			}
			runs[k] = append(runs[k], out...)
		}
	}
	var counts [256]int
	for k := range runs[0] {
		d := math.Abs(float64(runs[0][k] - runs[1][k]))
		mean += d / float64(len(runs[0]))
		counts[int(math.Round(d))]++
	}
	for d, below := 0, 0; d < len(counts); d++ {
		if below += counts[d]; float64(below) >= 0.99*float64(len(runs[0])) {
			return mean, float64(d)
		}
	}
	return mean, 255
}

// sharedData returns the folder of real clips, or "".
func sharedData() string {
	if dir := os.Getenv("SIGHTLINE_SHARED_DATA"); dir != "" {
		return dir
	}
	for dir, err := os.Getwd(); err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if shared := filepath.Join(dir, "shared", "data"); isDir(shared) {
			return shared
		}
	}
	return ""
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
