package video

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// realClips returns the real clips of the shared data, or skips the test.
func realClips(t *testing.T) []string {
	t.Helper()
	need(t)
	data := os.Getenv("SIGHTLINE_SHARED_DATA")
	for dir, err := os.Getwd(); data == "" && err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if info, err := os.Stat(filepath.Join(dir, "shared", "data", "clips")); err == nil && info.IsDir() {
			data = filepath.Join(dir, "shared", "data")
		}
	}
	var clips []string
	filepath.WalkDir(filepath.Join(data, "clips"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && slices.Contains([]string{".mp4", ".mkv", ".gif"}, filepath.Ext(path)) {
			clips = append(clips, path)
		}
		return nil
	})
	if data == "" || len(clips) == 0 {
		t.Skip("skipped: the real clips are not here; set SIGHTLINE_SHARED_DATA to the folder that has clips/")
	}
	return clips
}

// TestRealClips decodes real clips of three containers. Every tenth is decoded, all of them with SIGHTLINE_LONG=1.
func TestRealClips(t *testing.T) {
	clips := realClips(t)
	if len(clips) != 184 {
		t.Errorf("%d clips, want 184", len(clips))
	}
	step := 10
	if os.Getenv("SIGHTLINE_LONG") != "" {
		step = 1
	}
	for k := 0; k < len(clips); k += step {
		path := clips[k]
		info, err := Probe(t.Context(), path)
		if err != nil {
			t.Error(err)
			continue
		}
		if !(info.Duration > 0 && info.Duration < 1000) || info.Width < 16 || info.Height < 16 || info.FPS.Num == 0 {
			t.Errorf("probed %+v", *info)
		}
		for _, plan := range []Plan{Rate(1), Uniform(8)} {
			before, frames := 0.0, 0
			for f, err := range info.Sample(t.Context(), plan, 64) {
				if err != nil {
					t.Error(err)
					break
				}
				if !(f.Time >= before) || f.Time > info.Duration || len(f.RGB) != 3*f.Width*f.Height ||
					min(f.Width, f.Height) != min(64, info.Width, info.Height) {
					t.Errorf("%s of %s: frame %d at %v s after %v s, %d×%d", plan, path, frames, f.Time, before, f.Width, f.Height)
				}
				before = f.Time
				frames++
			}
			if plan == Rate(1) && math.Abs(float64(frames)-info.Duration) > 1.5 || plan == Uniform(8) && frames != 8 {
				t.Errorf("%s of %s: %d frames of %v s", plan, path, frames, info.Duration)
			}
		}
	}
}
