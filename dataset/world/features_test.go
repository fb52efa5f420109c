package world

import (
	"math"
	"path/filepath"
	"testing"

	"sightline"
	"sightline/encoder/tiny"
	"sightline/engine/enginetest"
	"sightline/video"
)

// TestFilesGiveTheFeaturesOfFramesDrawnDirectly compares both ways from a clip to features: through an MP4 file and its
// decoder, and straight from the renderer, as benchmarks beyond the demo size do.
func TestFilesGiveTheFeaturesOfFramesDrawnDirectly(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	if err := write(t.Context(), dir, tinyMeta, tinyOptions, nil); err != nil {
		t.Fatal(err)
	}
	e := enginetest.Open(t)
	encoder, err := tiny.Embedded(e)
	if err != nil {
		t.Fatal(err)
	}
	const frames = 8
	worst := 1.0
	for _, d := range []Domain{A, B} {
		for _, clips := range New(d, tinyOptions).Clips {
			for _, clip := range clips {
				var decoded []sightline.Frame
				path := filepath.Join(dir, d.String(), "videos", clip.ID+".mp4")
				for frame, err := range video.Sample(t.Context(), path, video.Uniform(frames), encoder.FrameSize()) {
					if err != nil {
						t.Fatal(err)
					}
					decoded = append(decoded, frame)
				}
				rows, err := encoder.EncodeFrames(t.Context(), append(decoded, clip.Frames(frames)...))
				if err != nil {
					t.Fatal(err)
				}
				for i := range frames {
					similarity := cosine(rows.Row(i), rows.Row(frames+i))
					worst = min(worst, similarity)
					if !(similarity >= 0.98) {
						t.Errorf("clip %s of %v, frame %d: cosine %.4f between file and renderer", clip.ID, d, i, similarity)
					}
				}
			}
		}
	}
	t.Logf("smallest cosine: %.4f", worst)
}

func cosine(a, b []float32) float64 {
	var dot, aa, bb float64
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return dot / math.Sqrt(aa*bb)
}
