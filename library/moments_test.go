package library

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sightline"
	"sightline/align/locate"
	"sightline/feature"
	"sightline/index"
	"sightline/moment"
)

// rawClips is a corpus whose clips are the stored rows themselves, and whose subtitle rows, where there are cues, are their
// double.
type rawClips struct {
	*moment.Writer
	each  func() error // called before each Add
	added *int         // videos
}

func (c rawClips) Add(ctx context.Context, videos []feature.Features, cues [][]sightline.Cue) ([]int, error) {
	if err := c.each(); err != nil {
		return nil, err
	}
	var counts []int
	for i, v := range videos {
		clips := locate.Clips{VideoID: v.VideoID, Spans: v.Spans, Rows: [locate.Modalities]sightline.Matrix{locate.Visual: v.Rows}}
		if len(cues[i]) > 0 {
			double := sightline.NewMatrix(v.Rows.Rows, v.Rows.Cols)
			for j, x := range v.Rows.Data {
				double.Data[j] = 2 * x
			}
			clips.Rows[locate.Subtitle] = double
		}
		if err := c.Writer.Add(ctx, clips); err != nil {
			return nil, err
		}
		counts, *c.added = append(counts, v.Rows.Rows), *c.added+1
	}
	return counts, nil
}

// rawMoments returns a moment model of the encoder of fakeModel, and a count of the videos that it encodes.
func rawMoments(encoder string, each func() error) (MomentModel, *int) {
	m, _ := fakeModel("head", encoder)
	space := sightline.Space{
		Video: m.Encoder.ID(), Preprocess: m.Encoder.Preprocess(), Sampling: "1fps", Text: m.Text,
		Head: sightline.ModelID{Name: "raw", Hash: "01"},
	}
	added := new(int)
	return MomentModel{
		Name: "raw", Space: space,
		Held: func(dir string) ([]string, error) {
			corpus, err := moment.Open(dir, space)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			defer corpus.Close()
			return corpus.Videos()
		},
		Open: func(dir string) (ClipWriter, error) {
			writer, err := moment.OpenWriter(dir, space, index.Single)
			return rawClips{writer, each, added}, err
		},
	}, added
}

func always() error { return nil }

// checkClips compares the corpus with the archive: the same videos, each once (which the corpus itself insists on).
func checkClips(t *testing.T, a *Archive, m MomentModel) {
	t.Helper()
	held, err := m.Held(a.MomentsDir(m))
	if err != nil {
		t.Fatal(err)
	}
	videos, err := a.Videos(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, v := range videos {
		want = append(want, v.ID)
	}
	slices.Sort(held)
	slices.Sort(want)
	if !slices.Equal(held, want) {
		t.Errorf("the corpus holds %v, the archive %v", held, want)
	}
}

func TestCatchUp(t *testing.T) {
	ctx, videos := t.Context(), t.TempDir()
	a := newArchive(t)
	m, _ := fakeModel("head", "enc")
	raw, added := rawMoments("enc", always)
	if _, err := a.CatchUp(ctx, raw, nil); sightline.KindOf(err) != sightline.NotReady {
		t.Errorf("an archive without a video gives %v", err)
	}
	catchUp := func(want int) {
		t.Helper()
		*added = 0
		behind, err := a.CatchUp(ctx, raw, nil)
		if err != nil || behind != 0 || *added != want {
			t.Fatalf("%d behind, %d encoded, %v; want %d encoded", behind, *added, err, want)
		}
		checkClips(t, a, raw)
	}
	for i, name := range []string{"a.mp4", "b.mp4", "c.mp4"} {
		writeFake(t, filepath.Join(videos, name), 10+i, i)
	}
	if err := os.WriteFile(filepath.Join(videos, "b.srt"), []byte("hello"), 0o666); err != nil {
		t.Fatal(err)
	}
	add := func() {
		t.Helper()
		if _, err := a.Add(ctx, m, AddOptions{}, videos); err != nil {
			t.Fatal(err)
		}
	}
	add()
	catchUp(3)
	catchUp(0)
	corpus, err := moment.Open(a.MomentsDir(raw), raw.Space)
	if err != nil {
		t.Fatal(err)
	}
	defer corpus.Close()
	if _, clips, err := corpus.Size(); err != nil || clips != 10+11+12 {
		t.Errorf("%d clips, %v", clips, err)
	}

	// A video comes, one goes, one comes back.
	writeFake(t, filepath.Join(videos, "d.mp4"), 20, 7)
	if _, err := a.Remove(ctx, filepath.Join(videos, "a.mp4")); err != nil {
		t.Fatal(err)
	}
	catchUp(0)
	add()
	catchUp(2)

	// Features that are imported anew take the place of the old ones.
	made := feature.Features{Header: feature.Header{VideoID: "made", Stream: feature.Frame}, Rows: sightline.NewMatrix(4, 3)}
	if made.Spans, err = feature.Grid(4, 1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := a.Import(ctx, m, made); err != nil {
			t.Fatal(err)
		}
		catchUp(1)
	}

	// A corpus that was thrown away is made again.
	if err := os.RemoveAll(a.MomentsDir(raw)); err != nil {
		t.Fatal(err)
	}
	catchUp(5)

	if name, err := a.MomentModel(ctx); name != "" || err != nil {
		t.Errorf("the archive has the moment model %q, %v", name, err)
	}
	if err := a.UseMoments(ctx, raw); err != nil {
		t.Fatal(err)
	}
	if name, err := a.MomentModel(ctx); name != "raw" || err != nil {
		t.Errorf("the archive has the moment model %q, %v", name, err)
	}
	if serving, err := a.Serving(ctx); err != nil || serving.Model != "head" {
		t.Errorf("%v serves, %v", serving, err)
	}
	if err := a.Adopt(ctx, m, nil); err != nil {
		t.Errorf("adopting a search model beside a moment model: %v", err)
	}
}

func TestCatchUpInterrupted(t *testing.T) {
	ctx, videos := t.Context(), t.TempDir()
	a := newArchive(t)
	m, _ := fakeModel("head", "enc")
	for i := range 5 {
		writeFake(t, filepath.Join(videos, string(rune('a'+i))+".mp4"), clipRows, i) // a batch each
	}
	if _, err := a.Add(ctx, m, AddOptions{}, videos); err != nil {
		t.Fatal(err)
	}
	calls, broken := 0, errors.New("broken")
	raw, added := rawMoments("enc", func() error {
		if calls++; calls == 3 {
			return broken
		}
		return nil
	})
	if _, err := a.CatchUp(ctx, raw, nil); !errors.Is(err, broken) || sightline.TryOf(err) == "" {
		t.Fatalf("the error is %v", err)
	}
	if held, err := raw.Held(a.MomentsDir(raw)); err != nil || len(held) != 2 {
		t.Errorf("after it %v are in, %v", held, err)
	}
	*added = 0
	if _, err := a.CatchUp(ctx, raw, nil); err != nil || *added != 3 {
		t.Errorf("the next one encoded %d, %v", *added, err)
	}
	checkClips(t, a, raw)
}

// Where another process changes the archive, what is in the corpus can be searched; but a removed video is never found.
func TestCatchUpBesideAnother(t *testing.T) {
	ctx, videos := t.Context(), t.TempDir()
	a := newArchive(t)
	m, _ := fakeModel("head", "enc")
	raw, _ := rawMoments("enc", always)
	add := func(name string, seed int) {
		t.Helper()
		writeFake(t, filepath.Join(videos, name), 10, seed)
		if _, err := a.Add(ctx, m, AddOptions{}, videos); err != nil {
			t.Fatal(err)
		}
	}
	add("a.mp4", 1)
	if _, err := a.CatchUp(ctx, raw, nil); err != nil {
		t.Fatal(err)
	}
	add("b.mp4", 2)
	busy := func() (unlock func()) {
		unlock, mine, err := a.lockNow()
		if err != nil || !mine {
			t.Fatal(mine, err)
		}
		return unlock
	}
	unlock := busy()
	if behind, err := a.CatchUp(ctx, raw, nil); behind != 1 || err != nil {
		t.Errorf("beside another process %d videos are missing, %v", behind, err)
	}
	unlock()
	if _, err := a.Remove(ctx, filepath.Join(videos, "a.mp4")); err != nil {
		t.Fatal(err)
	}
	unlock = busy()
	waiting, waited := context.WithTimeout(ctx, 300*time.Millisecond)
	defer waited()
	told := false
	if _, err := a.CatchUp(waiting, raw, func(p Progress) { told = told || p.Waiting != "" }); !errors.Is(err, context.DeadlineExceeded) || !told {
		t.Errorf("with a video that has to leave: %v, told to wait: %v", err, told)
	}
	unlock()
	if behind, err := a.CatchUp(ctx, raw, nil); behind != 0 || err != nil {
		t.Errorf("%d missing, %v", behind, err)
	}
	checkClips(t, a, raw)
}

func TestMomentModelOfAnotherKind(t *testing.T) {
	a := newArchive(t)
	m, _ := fakeModel("head", "enc")
	writeFake(t, filepath.Join(t.TempDir(), "a.mp4"), 3, 1)
	if _, err := a.Add(t.Context(), m, AddOptions{}); err != nil {
		t.Fatal(err)
	}
	raw, _ := rawMoments("another", always)
	fast, _ := rawMoments("enc", always)
	fast.Space.Sampling = "1.5fps"
	for name, c := range map[string]struct {
		model MomentModel
		says  []string
	}{
		"encoder": {raw, []string{"enc@00", "another@00"}},
		"rate":    {fast, []string{"1.5fps", "1fps"}},
	} {
		_, err := a.CatchUp(t.Context(), c.model, nil)
		if sightline.KindOf(err) != sightline.Usage || sightline.TryOf(err) == "" {
			t.Errorf("another %s gives %v", name, err)
		}
		for _, part := range c.says {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("another %s gives %v, which does not name %s", name, err, part)
			}
		}
		if err := a.UseMoments(t.Context(), c.model); err == nil {
			t.Errorf("another %s is accepted", name)
		}
	}
}

func TestFind(t *testing.T) {
	a, videos := newArchive(t), t.TempDir()
	m, _ := fakeModel("head", "enc")
	for i, name := range []string{"one/a.mp4", "one/b.mp4", "two/b.mp4"} {
		writeFake(t, filepath.Join(videos, name), 3, i)
	}
	if _, err := a.Add(t.Context(), m, AddOptions{}, videos); err != nil {
		t.Fatal(err)
	}
	first, err := a.Find(t.Context(), "a.mp4")
	if err != nil || filepath.Base(first.Path) != "a.mp4" {
		t.Errorf("a.mp4 is %v, %v", first, err)
	}
	for _, name := range []string{first.ID, first.Path} {
		if v, err := a.Find(t.Context(), name); err != nil || v.ID != first.ID {
			t.Errorf("%s is %v, %v", name, v, err)
		}
	}
	for _, name := range []string{"b.mp4", "c.mp4", ""} {
		if _, err := a.Find(t.Context(), name); sightline.KindOf(err) != sightline.Usage || sightline.TryOf(err) == "" {
			t.Errorf("%q gives %v", name, err)
		}
	}
}

// TestClipsKilledAtAnyMoment kills processes that catch up with SIGKILL at random moments, while videos come and go.
func TestClipsKilledAtAnyMoment(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	dir, videos := filepath.Join(t.TempDir(), "archive"), t.TempDir()
	a, err := Create(dir, Settings{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.media = fakeMedia{}
	m, _ := fakeModel("head", "enc")
	raw, _ := rawMoments("enc", always)
	name := func(i int) string { return filepath.Join(videos, string(rune('a'+i))+".mp4") }
	for round := range killCount(t) {
		for i := range 3 {
			writeFake(t, name((3*round+i)%12), clipRows/2, 100*round+i)
		}
		if _, err := a.Add(t.Context(), m, AddOptions{}, videos); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SIGHTLINE_KILL_ARCHIVE="+dir, "SIGHTLINE_KILL_VERB=clips")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond))))
		cmd.Process.Kill()
		cmd.Wait()
		if _, err := raw.Held(a.MomentsDir(raw)); err != nil {
			t.Fatalf("after kill %d the corpus cannot be read: %v", round+1, err)
		}
	}
	if _, err := a.CatchUp(t.Context(), raw, nil); err != nil {
		t.Fatal(err)
	}
	checkClips(t, a, raw)
}
