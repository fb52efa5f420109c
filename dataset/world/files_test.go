package world

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sightline"
	"sightline/dataset"
	"sightline/internal/ffmpeg"
)

var tinyOptions = Options{Seed: 11, Rho: 0.75, Extent: Extent{
	Name: "demo", Train: 4, Val: 2, Test: 2, Moments: [3]int{1, 1, 1}, Tasks: [3]int{1, 1, 1},
}}

var tinyMeta = Meta{Rendered: true, Version: Version, Seed: 11, Size: "demo", Rho: 0.75, Clips: true}

func needFFmpeg(t *testing.T) {
	t.Helper()
	if _, err := ffmpeg.Find("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
}

// decode returns every frame of a file as packed RGB.
func decode(t *testing.T, path string) [][]byte {
	t.Helper()
	args := append(ffmpeg.Input(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1")
	cmd, err := ffmpeg.Command(t.Context(), ffmpeg.Guards{}, args...)
	if err != nil {
		t.Fatal(err)
	}
	data, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	for ; len(data) >= 3*Side*Side; data = data[3*Side*Side:] {
		frames = append(frames, data[:3*Side*Side])
	}
	return frames
}

func psnr(a, b []byte) float64 {
	sum := 0.0
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return 10 * math.Log10(255*255*float64(len(a))/max(sum, 1e-9))
}

// same checks that a file holds these frames and no others, each at its place: every decoded frame must be near its own
// drawing, and nearer to it than to the drawing before where the two differ by more than grain. It returns the worst PSNR.
func same(t *testing.T, path string, want []sightline.Frame) float64 {
	t.Helper()
	got := decode(t, path)
	if len(got) != len(want) {
		t.Errorf("%s has %d frames, want %d", path, len(got), len(want))
		return 0
	}
	worst := math.Inf(1)
	for i, f := range want {
		own := psnr(got[i], f.RGB)
		worst = min(worst, own)
		if i > 0 && psnr(f.RGB, want[i-1].RGB) < 30 && psnr(got[i], want[i-1].RGB) >= own {
			t.Errorf("%s: frame %d looks like the one before", path, i)
		}
	}
	if worst < 25 {
		t.Errorf("%s: worst frame has a PSNR of %.1f dB", path, worst)
	}
	return worst
}

func TestFilesHoldTheFramesDrawnDirectly(t *testing.T) {
	needFFmpeg(t)
	dir := filepath.Join(t.TempDir(), "a world, 100% 'new'")
	calls := 0
	err := write(t.Context(), dir, tinyMeta, tinyOptions, func(done, total int) { calls++ })
	if err != nil {
		t.Fatal(err)
	}
	if calls != 2*(8+6) {
		t.Errorf("progress was told of %d videos", calls)
	}
	worst := math.Inf(1)
	for _, d := range []Domain{A, B} {
		c := New(d, tinyOptions)
		for split := range c.Clips {
			for _, clip := range c.Clips[split] {
				var frames []sightline.Frame
				for f := range clip.all() {
					frames = append(frames, f)
				}
				worst = min(worst, same(t, filepath.Join(dir, d.String(), "videos", clip.ID+".mp4"), frames))
			}
			for folder, films := range map[string][]Film{"moments": c.Moments[split], "tasks": c.Tasks[split]} {
				for _, film := range films {
					var frames []sightline.Frame
					for f := range film.Frames() {
						frames = append(frames, f)
					}
					worst = min(worst, same(t, filepath.Join(dir, d.String(), folder, "videos", film.ID+".mp4"), frames))
				}
			}
		}
	}
	t.Logf("worst PSNR of any frame: %.1f dB", worst)

	splits, err := dataset.ReadSplits(filepath.Join(dir, "A"))
	if err != nil {
		t.Fatal(err)
	}
	if len(splits.Train.Videos) != 4 || len(splits.Test.Captions) != 2*CaptionsPerClip {
		t.Errorf("read back %v, %v, %v", splits.Train, splits.Val, splits.Test)
	}
	for _, folder := range []string{"A", "B/moments", "A/tasks"} {
		report, err := dataset.Check(filepath.Join(dir, filepath.FromSlash(folder)), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range report.Problems {
			if p.Fatal || strings.Contains(p.What, "file") {
				t.Error(p)
			}
		}
	}
	asked, err := dataset.ReadMoments(filepath.Join(dir, "A", "moments", "test.jsonl"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var queries []Query
	for _, film := range New(A, tinyOptions).Moments[Test] {
		queries = append(queries, film.Queries...)
	}
	if len(queries) == 0 || len(asked.Queries) != len(queries) || len(asked.Repairs) > 0 {
		t.Fatalf("%d moments were read back, repairs %v; %d were drawn", len(asked.Queries), asked.Repairs, len(queries))
	}
	for i, q := range asked.Queries {
		if q.Text != queries[i].Text || q.Kind != queries[i].Kind || q.Gold[0] != queries[i].Span {
			t.Errorf("query %d is %+v, %+v was drawn", i, q, queries[i])
		}
	}
	meta, err := Open(dir)
	if err != nil || meta != tinyMeta {
		t.Errorf("world.json says %+v, %v", meta, err)
	}
	if _, err := os.Stat(filepath.Join(dir, staging)); err == nil {
		t.Error("unfinished files are left behind")
	}

	before := times(t, dir)
	if err := write(t.Context(), dir, tinyMeta, tinyOptions, nil); err != nil {
		t.Fatal(err)
	}
	if times(t, dir) != before {
		t.Error("a second call changed a finished world")
	}
	other := tinyMeta
	other.Seed++
	if err := write(t.Context(), dir, other, tinyOptions, nil); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("another seed into the same folder: %v", err)
	}
	if times(t, dir) != before {
		t.Error("a refused call changed the world")
	}
}

func times(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		fmt.Fprintln(&b, path, info.ModTime(), info.Size())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestInterruptedWorldIsCompleted(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	options := tinyOptions
	options.Extent.Moments, options.Extent.Tasks = [3]int{1}, [3]int{}
	ctx, cancel := context.WithCancel(t.Context())
	err := write(ctx, dir, tinyMeta, options, func(done, total int) {
		if done == 8 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || sightline.TryOf(err) == "" {
		t.Fatalf("interrupted: %v", err)
	}
	if _, err := Open(dir); sightline.KindOf(err) != sightline.NotReady {
		t.Errorf("an unfinished world opens: %v", err)
	}
	leftover := filepath.Join(dir, staging, "batch-x")
	if err := os.MkdirAll(leftover, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := write(t.Context(), dir, tinyMeta, options, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(leftover); err == nil {
		t.Error("leftovers of the interrupted run remain")
	}
	videos, err := filepath.Glob(filepath.Join(dir, "*", "videos", "*.mp4"))
	if err != nil || len(videos) != 2*8 {
		t.Errorf("%d clips, %v", len(videos), err)
	}
}

func TestForeignFoldersAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "holiday.mp4")
	if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := write(t.Context(), dir, tinyMeta, tinyOptions, nil)
	if sightline.KindOf(err) != sightline.Usage || !strings.Contains(err.Error(), "holiday.mp4") {
		t.Errorf("error is %v", err)
	}
	entries, _ := os.ReadDir(dir)
	if text, _ := os.ReadFile(path); len(entries) != 1 || !bytes.Equal(text, []byte("mine")) {
		t.Error("the folder was changed")
	}
}

func TestMetaRefusesWhatItCannotDraw(t *testing.T) {
	m := tinyMeta
	m.Version++
	if _, err := m.Options(); err == nil {
		t.Error("a world of a later version is accepted")
	}
	m = tinyMeta
	m.Rho = 0
	if _, err := m.Options(); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("rho 0: %v", err)
	}
}

// BenchmarkWriteDemo renders the demo-size world to files.
func BenchmarkWriteDemo(b *testing.B) {
	for b.Loop() {
		if err := Write(b.Context(), filepath.Join(b.TempDir(), "world"), tinyMeta, nil); err != nil {
			b.Fatal(err)
		}
	}
}
