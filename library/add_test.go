package library

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sightline"
	"sightline/feature"
	"sightline/video"
)

func TestAddFindsVideos(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	m, _ := fakeModel("head", "enc")
	writeFake(t, filepath.Join(dir, "a.mp4"), 3, 1)
	writeFake(t, filepath.Join(dir, "sub/deep/B.MKV"), 30, 2)
	writeFake(t, filepath.Join(dir, "name with 'quotes'\nand a line.gif"), 1, 3)
	writeFake(t, filepath.Join(dir, "sub/.hidden.mp4"), 3, 4)
	writeFake(t, filepath.Join(dir, ".hidden/c.mp4"), 3, 5)
	writeFake(t, filepath.Join(dir, "notes.txt"), 3, 6)
	writeFake(t, filepath.Join(dir, "odd.bin"), 3, 7)
	os.Symlink(dir, filepath.Join(dir, "sub/loop"))
	os.Symlink("nowhere.mp4", filepath.Join(dir, "dangling.mp4"))

	summary := mustAdd(t, a, m, dir, filepath.Join(dir, "odd.bin"), filepath.Join(dir, "sub"))
	var names []string
	for _, entry := range summary.Added {
		names = append(names, filepath.Base(entry.Path))
	}
	slices.Sort(names)
	if want := []string{"B.MKV", "a.mp4", "name with 'quotes'\nand a line.gif", "odd.bin"}; !slices.Equal(names, want) {
		t.Errorf("added %q, want %q", names, want)
	}
	if len(summary.Refused)+len(summary.Known)+summary.Unchanged != 0 {
		t.Errorf("summary %+v", summary)
	}
	checkConsistent(t, a, m)

	again := mustAdd(t, a, m, dir)
	if again.Unchanged != 3 || len(again.Added)+len(again.Known)+len(again.Refused) != 0 {
		t.Errorf("second add: %+v", again)
	}
}

func TestRowsCoverTheVideo(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	m, _ := fakeModel("head", "enc")
	path := filepath.Join(dir, "a.mp4")
	writeFake(t, path, 40, 1) // more than two batches
	id := mustAdd(t, a, m, path).Added[0].ID
	f, err := a.Features().Read(feature.Header{VideoID: id, Stream: feature.Frame, Space: a.FeatureSpace(m.Encoder)})
	if err != nil {
		t.Fatal(err)
	}
	for i, span := range f.Spans {
		if want := (sightline.Span{Start: float64(i), End: float64(i + 1)}); span != want || f.Rows.At(i, 2) != float32(i) {
			t.Errorf("row %d covers %v and is of frame %v", i, span, f.Rows.At(i, 2))
		}
	}
	if f.Rows.Rows != 40 {
		t.Errorf("%d rows", f.Rows.Rows)
	}
	if got := rowsOf(t, a)[id]; got != 6 { // 0–12, 6–18, … 24–36, 30–40
		t.Errorf("%d windows, want 6", got)
	}
}

func TestSameContentIsOneVideo(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	m, e := fakeModel("head", "enc")
	one, two := filepath.Join(dir, "one.mp4"), filepath.Join(dir, "two.mp4")
	writeFake(t, one, 5, 1)
	writeFake(t, two, 5, 1)
	summary := mustAdd(t, a, m, dir)
	if e.count() != 5 {
		t.Errorf("%d frames were encoded, want those of one video", e.count())
	}
	videos, err := a.Videos(context.Background())
	if err != nil || len(videos) != 1 || !slices.Equal(videos[0].Paths, []string{one, two}) {
		t.Errorf("videos %+v, %v", videos, err)
	}
	if len(summary.Added) != 1 || len(summary.Known) != 1 {
		t.Errorf("summary %+v, want one added, one known", summary)
	}
	checkComplete(t, a, m, dir)
}

func TestMovedFileIsNotEncodedAgain(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	m, e := fakeModel("head", "enc")
	old, moved := filepath.Join(dir, "old.mp4"), filepath.Join(dir, "moved.mp4")
	writeFake(t, old, 5, 1)
	mustAdd(t, a, m, dir)
	if err := os.Rename(old, moved); err != nil {
		t.Fatal(err)
	}
	summary := mustAdd(t, a, m, dir)
	if len(summary.Known) != 1 || summary.Known[0].Path != moved || len(summary.Added) != 0 || e.count() != 5 {
		t.Errorf("summary %+v after a move; %d frames encoded", summary, e.count())
	}
	checkComplete(t, a, m, dir)
}

func TestChangedFileReplacesItsVideo(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	m, _ := fakeModel("head", "enc")
	path := filepath.Join(dir, "a.mp4")
	writeFake(t, path, 5, 1)
	before := mustAdd(t, a, m, dir).Added[0].ID
	writeFake(t, path, 17, 2)
	summary := mustAdd(t, a, m, dir)
	if len(summary.Added) != 1 || summary.Added[0].ID == before || !slices.Equal(summary.Removed, []string{before}) {
		t.Errorf("summary %+v", summary)
	}
	checkComplete(t, a, m, dir)
	if _, err := a.Video(context.Background(), before); !errors.Is(err, ErrNoVideo) {
		t.Errorf("the old video: %v", err)
	}
}

func TestBadFilesAreRefusedAndTheRestGoesIn(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	m, _ := fakeModel("head", "enc")
	bad := filepath.Join(dir, "bad.mp4")
	if err := os.WriteFile(bad, []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	writeFake(t, filepath.Join(dir, "good.mp4"), 3, 1)
	absent := filepath.Join(dir, "absent.mp4")
	summary := mustAdd(t, a, m, dir, absent)
	if len(summary.Added) != 1 || len(summary.Refused) != 2 {
		t.Fatalf("summary %+v", summary)
	}
	for _, r := range summary.Refused {
		if r.Cause == "" || r.Try == "" || r.Path != bad && r.Path != absent {
			t.Errorf("refusal %+v", r)
		}
	}
	quarantine, err := a.Refused(context.Background())
	if err != nil || len(quarantine) != 1 || quarantine[0].Path != bad {
		t.Errorf("quarantine %+v, %v", quarantine, err)
	}

	probed := 0
	a.media = probeCounter{fakeMedia{}, &probed}
	summary = mustAdd(t, a, m, dir)
	if probed != 0 || len(summary.Refused) != 1 || !summary.Refused[0].Again || summary.Unchanged != 1 {
		t.Errorf("unchanged bad file: summary %+v, probed %d times", summary, probed)
	}
	summary, err = a.Add(context.Background(), m, AddOptions{Retry: true}, dir)
	if err != nil || probed != 1 || len(summary.Refused) != 1 || summary.Refused[0].Again {
		t.Errorf("retry: summary %+v, %v, probed %d times", summary, err, probed)
	}
	writeFake(t, bad, 4, 9)
	if summary = mustAdd(t, a, m, dir); len(summary.Added) != 1 || len(summary.Refused) != 0 {
		t.Errorf("repaired file: summary %+v", summary)
	}
	checkComplete(t, a, m, dir)
}

type probeCounter struct {
	fakeMedia
	probed *int
}

func (p probeCounter) probe(ctx context.Context, path string) (*video.Info, error) {
	*p.probed++
	return p.fakeMedia.probe(ctx, path)
}

func TestFileThatGoesBadKeepsWhatWasSeen(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	m, _ := fakeModel("head", "enc")
	path := filepath.Join(dir, "a.mp4")
	writeFake(t, path, 5, 1)
	id := mustAdd(t, a, m, dir).Added[0].ID
	if err := os.WriteFile(path, []byte("cut short"), 0o666); err != nil {
		t.Fatal(err)
	}
	if summary := mustAdd(t, a, m, dir); len(summary.Refused) != 1 || len(summary.Removed) != 0 {
		t.Errorf("summary %+v", summary)
	}
	if got := rowsOf(t, a)[id]; got != 1 {
		t.Errorf("the video has %d rows left, want 1", got)
	}
}

func TestFaultsInTheMiddle(t *testing.T) {
	m, _ := fakeModel("head", "enc")
	for name, c := range map[string]struct {
		fault  error
		begun  int // how often the file is begun
		refuse bool
	}{
		"refusal": {&video.Refusal{Path: "bad.mp4", Cause: video.ErrBroken}, 1, true},
		"passing": {errors.New("decoder was killed"), maxAttempts, true},
		"fatal":   {&sightline.Error{Kind: sightline.NotReady, What: "find ffmpeg", Err: errors.New("not installed")}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, dir := newArchive(t), t.TempDir()
			begun := 0
			a.media = fakeMedia{fault: func(path string, frame int) error {
				if filepath.Base(path) == "bad.mp4" && frame == 20 {
					begun++
					return c.fault
				}
				return nil
			}}
			for i, name := range []string{"a.mp4", "bad.mp4", "c.mp4"} {
				writeFake(t, filepath.Join(dir, name), 25+i, i)
			}
			summary, err := a.Add(context.Background(), m, AddOptions{}, dir)
			if begun != c.begun {
				t.Errorf("the bad file was begun %d times, want %d", begun, c.begun)
			}
			if c.refuse {
				if err != nil || len(summary.Added) != 2 || len(summary.Refused) != 1 {
					t.Errorf("summary %+v, %v", summary, err)
				}
				return
			}
			if sightline.KindOf(err) != sightline.NotReady || len(summary.Refused) != 0 {
				t.Errorf("summary %+v, %v; want the work to stop", summary, err)
			}
			checkConsistent(t, a, m)
			a.media = fakeMedia{}
			mustAdd(t, a, m) // resumes
			checkComplete(t, a, m, dir)
		})
	}
}

func TestEncoderFaults(t *testing.T) {
	dir := t.TempDir()
	writeFake(t, filepath.Join(dir, "a.mp4"), 3, 1)
	for name, spoil := range map[string]func(*Model){
		"NaN features": func(m *Model) { m.Encoder = nanEncoder{m.Encoder.(*fakeEncoder)} },
		"recall": func(m *Model) {
			m.Recall = func(context.Context, []feature.Features) (sightline.Matrix, error) {
				return sightline.Matrix{}, errors.New("no memory")
			}
		},
		"recall count": func(m *Model) {
			m.Recall = func(context.Context, []feature.Features) (sightline.Matrix, error) {
				return sightline.NewMatrix(7, 3), nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArchive(t)
			m, _ := fakeModel("head", "enc")
			good := m
			spoil(&m)
			if summary := mustAdd(t, a, m, dir); len(summary.Refused) != 1 || len(summary.Added) != 0 {
				t.Errorf("summary %+v", summary)
			}
			if videos, _ := a.Videos(context.Background()); len(videos) != 0 {
				t.Errorf("videos %+v", videos)
			}
			if _, err := a.Add(context.Background(), good, AddOptions{Retry: true}, dir); err != nil {
				t.Fatal(err)
			}
			checkComplete(t, a, good, dir)
		})
	}
}

func TestCancelThenResume(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	m, _ := fakeModel("head", "enc")
	for i := range 6 {
		writeFake(t, filepath.Join(dir, string(rune('a'+i))+".mp4"), 20, i)
	}
	a.media = fakeMedia{delay: time.Millisecond}
	ctx, cancel := context.WithCancel(context.Background())
	_, err := a.Add(ctx, m, AddOptions{Progress: func(p Progress) {
		if p.Files == 2 {
			cancel()
		}
	}}, dir)
	if !errors.Is(err, context.Canceled) || !strings.Contains(sightline.TryOf(err), "resume") {
		t.Fatalf("error %v, try %q", err, sightline.TryOf(err))
	}
	if got := len(checkConsistent(t, a, m)); got < 2 || got == 6 {
		t.Errorf("%d videos are in after the stop, want those that were done", got)
	}
	a.media = fakeMedia{}
	mustAdd(t, a, m)
	checkComplete(t, a, m, dir)
}

func TestProgressComesToItsTotals(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	m, _ := fakeModel("head", "enc")
	for i := range 3 {
		writeFake(t, filepath.Join(dir, string(rune('a'+i))+".mp4"), 20, i)
	}
	os.WriteFile(filepath.Join(dir, "bad.mp4"), []byte("bad"), 0o666)
	var last Progress
	_, err := a.Add(context.Background(), m, AddOptions{Progress: func(p Progress) {
		if p.Files < last.Files || p.Files > p.FilesTotal || p.Bytes > p.BytesTotal || p.At > p.Duration {
			t.Errorf("progress %+v after %+v", p, last)
		}
		last = p
	}}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if last.Files != 4 || last.FilesTotal != 4 || last.Bytes != last.BytesTotal || last.Bytes == 0 || last.Seconds < 3*19 {
		t.Errorf("at the end: %+v", last)
	}
}

func TestCuesAndWarnings(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	m, _ := fakeModel("head", "enc")
	writeFake(t, filepath.Join(dir, "a.mp4"), 3, 1)
	writeFake(t, filepath.Join(dir, "b.mp4"), 3, 2)
	os.WriteFile(filepath.Join(dir, "a.srt"), []byte("hello"), 0o666)
	os.WriteFile(filepath.Join(dir, "b.srt"), []byte("bad"), 0o666)
	summary := mustAdd(t, a, m, dir)
	if len(summary.Added) != 2 || len(summary.Warnings) != 1 || filepath.Base(summary.Warnings[0].Path) != "b.mp4" {
		t.Fatalf("summary %+v", summary)
	}
	cues, err := a.Cues(context.Background(), summary.Added[0].ID)
	if err != nil || len(cues) != 1 || cues[0].Text != "hello" || cues[0].End != 1.5 {
		t.Errorf("cues %+v, %v", cues, err)
	}
}

func TestTwoProcessesTakeTurns(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	m, _ := fakeModel("head", "enc")
	a.media = fakeMedia{delay: time.Millisecond}
	b, err := Open(a.Dir()) // file locks are held by open files, so a second Archive stands for a second process
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	b.media = a.media
	for i := range 4 {
		writeFake(t, filepath.Join(dir, string(rune('a'+i))+".mp4"), 20, i)
	}
	type result struct {
		summary Summary
		err     error
	}
	results := make(chan result)
	for _, archive := range []*Archive{a, b} {
		go func() {
			summary, err := archive.Add(context.Background(), m, AddOptions{}, dir)
			results <- result{summary, err}
		}()
	}
	for range 2 {
		r := <-results
		if r.err != nil || len(r.summary.Added)+r.summary.Unchanged != 4 {
			t.Errorf("summary %+v, %v; want to hear of 4 videos", r.summary, r.err)
		}
	}
	checkComplete(t, a, m, dir)
}

func TestFileThatVanishesWhileItWaits(t *testing.T) {
	a, dir := newArchive(t), t.TempDir()
	m, _ := fakeModel("head", "enc")
	path := filepath.Join(dir, "a.mp4")
	writeFake(t, path, 3, 1)
	if err := a.jobs.Put(context.Background(), Job{Path: path, Size: 1}); err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	if summary := mustAdd(t, a, m); len(summary.Refused)+len(summary.Added) != 0 {
		t.Errorf("summary %+v", summary)
	}
	checkComplete(t, a, m, dir)
}

type nanEncoder struct{ *fakeEncoder }

func (e nanEncoder) EncodeFrames(ctx context.Context, frames []sightline.Frame) (sightline.Matrix, error) {
	m, err := e.fakeEncoder.EncodeFrames(ctx, frames)
	zero := float32(0)
	m.Data[0] = zero / zero
	return m, err
}
