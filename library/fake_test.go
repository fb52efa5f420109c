package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sightline"
	"sightline/feature"
	"sightline/index"
	"sightline/video"
)

// The videos of these tests are text files, "fake <frames> <seed>", one frame a second. fakeMedia reads them without
// ffmpeg, so that the tests are about the archive.
func writeFake(t testing.TB, path string, frames, seed int) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, fmt.Appendf(nil, "fake %d %d", frames, seed), 0o666); err != nil {
		t.Fatal(err)
	}
}

type fakeMedia struct {
	delay time.Duration // for every frame
	fault func(path string, frame int) error
}

func (fakeMedia) probe(_ context.Context, path string) (*video.Info, error) {
	frames, _, err := readFake(path)
	if err != nil {
		return nil, err
	}
	return &video.Info{Path: path, Container: "mp4", Duration: float64(frames), FPS: video.Rational{Num: 25, Den: 1}, Width: 2, Height: 1}, nil
}

func readFake(path string) (frames, seed int, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscanf(string(text), "fake %d %d", &frames, &seed); err != nil {
		return 0, 0, &sightline.Error{Kind: sightline.Failed, What: "read video",
			Err: &video.Refusal{Path: path, Cause: video.ErrNotVideo}, Try: "convert it"}
	}
	return frames, seed, nil
}

func (m fakeMedia) frames(ctx context.Context, info *video.Info, rate float64, size int) iter.Seq2[sightline.Frame, error] {
	return func(yield func(sightline.Frame, error) bool) {
		frames, seed, err := readFake(info.Path)
		if err != nil {
			yield(sightline.Frame{}, err)
			return
		}
		for i := range frames {
			select {
			case <-ctx.Done():
				yield(sightline.Frame{}, ctx.Err())
				return
			case <-time.After(m.delay):
			}
			if m.fault != nil {
				if err := m.fault(info.Path, i); err != nil {
					yield(sightline.Frame{}, err)
					return
				}
			}
			frame := sightline.Frame{Time: float64(i), Width: 2, Height: 1, RGB: []byte{byte(seed), byte(seed >> 8), byte(i), 1, 2, 3}}
			if !yield(frame, nil) {
				return
			}
		}
	}
}

func (fakeMedia) subtitles(_ context.Context, path string) ([]sightline.Cue, error) {
	text, err := os.ReadFile(strings.TrimSuffix(path, filepath.Ext(path)) + ".srt")
	if err != nil {
		return nil, nil
	}
	if bytes.HasPrefix(text, []byte("bad")) {
		return nil, errors.New("subtitles are damaged")
	}
	return []sightline.Cue{{Span: sightline.Span{Start: 0, End: 1.5}, Text: string(text)}}, nil
}

// fakeEncoder makes vectors of width 3 from the first three bytes of a picture.
type fakeEncoder struct {
	name string
	mu   sync.Mutex
	seen int // frames encoded
}

func (e *fakeEncoder) ID() sightline.ModelID { return sightline.ModelID{Name: e.name, Hash: "00"} }
func (*fakeEncoder) Preprocess() string      { return "none" }
func (*fakeEncoder) FrameSize() int          { return 1 }
func (*fakeEncoder) FrameDim() int           { return 3 }

func (e *fakeEncoder) EncodeFrames(ctx context.Context, frames []sightline.Frame) (sightline.Matrix, error) {
	e.mu.Lock()
	e.seen += len(frames)
	e.mu.Unlock()
	m := sightline.NewMatrix(len(frames), 3)
	for i, frame := range frames {
		for j := range 3 {
			m.Data[3*i+j] = float32(frame.RGB[j])
		}
	}
	return m, ctx.Err()
}

func (e *fakeEncoder) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen
}

// fakeModel sums the rows of a window.
func fakeModel(name, encoder string) (Model, *fakeEncoder) {
	e := &fakeEncoder{name: encoder}
	return Model{
		Name:    name,
		Encoder: e,
		Text:    sightline.ModelID{Name: "text", Hash: "00"},
		Head:    sightline.ModelID{Name: name, Hash: "00"},
		Recall: func(ctx context.Context, windows []feature.Features) (sightline.Matrix, error) {
			m := sightline.NewMatrix(len(windows), 3)
			for i, window := range windows {
				for k := range window.Rows.Rows {
					for j, v := range window.Rows.Row(k) {
						m.Data[3*i+j] += v
					}
				}
			}
			return m, ctx.Err()
		},
	}, e
}

// newArchive returns an archive of fake videos.
func newArchive(t testing.TB) *Archive {
	t.Helper()
	a, err := Create(filepath.Join(t.TempDir(), "archive"), Settings{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	a.media = fakeMedia{}
	return a
}

func mustAdd(t testing.TB, a *Archive, m Model, paths ...string) Summary {
	t.Helper()
	summary, err := a.Add(context.Background(), m, AddOptions{}, paths...)
	if err != nil {
		t.Fatal(err)
	}
	return summary
}

// rowsOf returns how many rows of each video are in the index that serves.
func rowsOf(t testing.TB, a *Archive) map[string]int {
	t.Helper()
	ctx := context.Background()
	counts := map[string]int{}
	reader, _, err := a.OpenIndex(ctx)
	if sightline.KindOf(err) == sightline.NotReady {
		return counts
	}
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	snapshot, err := reader.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close()
	if snapshot.Len() == 0 {
		return counts
	}
	query := []float32{rand.Float32(), rand.Float32(), rand.Float32()}
	rows, err := snapshot.Search(ctx, query, snapshot.Len()+1, index.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != snapshot.Len() {
		t.Fatalf("%d of %d rows can be found", len(rows), snapshot.Len())
	}
	spans := map[string]bool{}
	for _, row := range rows {
		counts[row.VideoID]++
		key := fmt.Sprint(row.VideoID, row.Kind, row.Span)
		if spans[key] {
			t.Errorf("row %s is there twice", key)
		}
		spans[key] = true
	}
	return counts
}

// checkConsistent checks that what the archive shows is whole: every listed video has readable features and exactly its
// windows in the index. It returns the paths that are listed.
func checkConsistent(t testing.TB, a *Archive, m Model) []string {
	t.Helper()
	videos, err := a.Videos(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	counts := rowsOf(t, a)
	var paths []string
	for _, v := range videos {
		f, err := a.Features().Read(feature.Header{VideoID: v.ID, Stream: feature.Frame, Space: a.FeatureSpace(m.Encoder)})
		if err != nil {
			t.Errorf("features of %s: %v", v.ID, err)
			continue
		}
		if f.Rows.Rows != int(v.Duration) {
			t.Errorf("video %s of %v s has %d rows", v.ID, v.Duration, f.Rows.Rows)
		}
		windows := len(f.Windows(a.settings.WindowRows, a.settings.Overlap))
		if counts[v.ID] != windows || v.Windows != windows {
			t.Errorf("video %s has %d rows in the index and %d in the catalogue, want %d", v.ID, counts[v.ID], v.Windows, windows)
		}
		paths = append(paths, v.Paths...)
	}
	slices.Sort(paths)
	return paths
}

// checkComplete checks that the archive holds exactly the fake videos of a folder, each once, and nothing else.
func checkComplete(t testing.TB, a *Archive, m Model, dir string) {
	t.Helper()
	want, err := filepath.Glob(filepath.Join(dir, "*.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	if got := checkConsistent(t, a, m); !slices.Equal(got, want) {
		t.Errorf("the archive holds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	contents := map[string]bool{}
	for _, path := range want {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contents[string(text)] = true
	}
	stored, err := a.Features().List(a.FeatureSpace(m.Encoder))
	if err != nil {
		t.Fatal(err)
	}
	if counts := rowsOf(t, a); len(stored) != len(contents) || len(counts) != len(contents) {
		t.Errorf("%d contents have %d feature files and %d videos in the index", len(contents), len(stored), len(counts))
	}
	if backlog, err := a.jobs.Backlog(context.Background()); err != nil || backlog.Jobs != 0 {
		t.Errorf("backlog %+v, %v", backlog, err)
	}
	unfinished, _ := filepath.Glob(filepath.Join(a.dir, "features", "*", ".sightline-*"))
	if len(unfinished) > 0 {
		t.Errorf("unfinished files are left: %v", unfinished)
	}
}
