package corpus_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"sightline"
	"sightline/corpus"
	"sightline/encoder/tiny"
	"sightline/engine/enginetest"
	"sightline/feature"
	"sightline/internal/atomicfile"
	"sightline/internal/golden"
)

func TestOpenRefusesNamesThatMakeNoSense(t *testing.T) {
	for _, name := range []string{
		"world:", "world:A/base", "world:C/base/train", "world:A/huge/train", "world:A/base/dev",
		"world:A/base/train?rho=0", "world:A/base/train?rho=2", "world:A/base/train?captions=0", "world:A/base/train?seed=x", "world:A/base/train?sed=1",
		"world:stills/0", "world:stills/many",
	} {
		if _, err := corpus.Open(name); sightline.KindOf(err) != sightline.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := corpus.Open("no/such/file.jsonl"); err == nil {
		t.Error("a file that is not there opened")
	}
}

func TestRenderedSplitsAreFixedByTheirNames(t *testing.T) {
	open := func(name string) *corpus.Corpus {
		t.Helper()
		c, err := corpus.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a, again := open("world:A/demo/test"), open("world:A/demo/test")
	if a.Hash() != again.Hash() {
		t.Error("one name has two hashes")
	}
	for _, other := range []string{"world:B/demo/test", "world:A/demo/val", "world:A/demo/test?seed=1", "world:A/demo/test?rho=1"} {
		if a.Hash() == open(other).Hash() {
			t.Errorf("%s has the hash of world:A/demo/test", other)
		}
	}
	frames, err := a.Frames(t.Context(), 3, corpus.Uniform(8), 0)
	if err != nil {
		t.Fatal(err)
	}
	same, err := again.Frames(t.Context(), 3, corpus.Uniform(8), 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(frames) != 8 || !slices.Equal(frames[7].RGB, same[7].RGB) {
		t.Error("one name gives two videos")
	}
}

func TestEncodeGivesRowsOfEveryVideoInOrder(t *testing.T) {
	c, err := corpus.Open("world:stills/70?seed=5")
	if err != nil {
		t.Fatal(err)
	}
	e := enginetest.Open(t)
	encoder, err := tiny.Embedded(e)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	features, err := c.Encode(t.Context(), encoder, corpus.Uniform(1), feature.Store{}, func(done int) { last = done })
	if err != nil {
		t.Fatal(err)
	}
	if last != 70 {
		t.Errorf("progress ended at %d of 70", last)
	}
	for i, f := range features {
		frames, err := c.Frames(t.Context(), i, corpus.Uniform(1), 0)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := encoder.EncodeFrames(t.Context(), frames)
		if err != nil {
			t.Fatal(err)
		}
		if f.VideoID != c.Set.Videos[i].ID {
			t.Fatalf("features %d are of %s", i, f.VideoID)
		}
		golden.Close(t, f.VideoID, f.Rows.Data, rows.Data, 1e-4, 1e-4)
	}
}

// Pairs need not say how long their videos are, and a video may have fewer pictures than frames are asked for.
func TestEncodeStoresFilesWhateverTheirPairsSayOfThem(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	dir := t.TempDir()
	pairs := ""
	for pictures, id := range map[int]string{1: "one", 3: "three", 20: "twenty"} {
		out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=10", "-frames:v", fmt.Sprint(pictures),
			"-pix_fmt", "yuv420p", "-c:v", "mpeg4", filepath.Join(dir, id+".mp4")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		pairs += fmt.Sprintf("{\"video\": \"%s.mp4\", \"id\": \"%s\", \"caption\": \"a test\"}\n", id, id)
	}
	name := filepath.Join(dir, "pairs.jsonl")
	if err := os.WriteFile(name, []byte(pairs), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := corpus.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	e := enginetest.Open(t)
	encoder, err := tiny.Embedded(e)
	if err != nil {
		t.Fatal(err)
	}
	store := feature.Store{Dir: filepath.Join(dir, "features")}
	made, err := c.Encode(t.Context(), encoder, corpus.Uniform(8), store, nil)
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]string{"one": "0:00.0–0:00.1", "three": "0:00.2–0:00.3", "twenty": "0:01.8–0:02.0"}
	for _, f := range made {
		if want := last[f.VideoID]; len(f.Spans) != 8 || f.Spans[7].String() != want {
			t.Errorf("%s: %d rows, the last over %v, want 8, the last over %v", f.VideoID, len(f.Spans), f.Spans[7], want)
		}
	}

	// What a killed process left unfinished goes, and what is there is not made again.
	folder := store.SpaceDir(made[0].Space)
	left, err := atomicfile.Create(filepath.Join(folder, "left.frame.feat"))
	if err != nil {
		t.Fatal(err)
	}
	left.File.Close()
	before := names(t, folder)
	again, err := c.Encode(t.Context(), encoder, corpus.Uniform(8), store, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range again {
		if !slices.Equal(f.Spans, made[i].Spans) || !slices.Equal(f.Rows.Data, made[i].Rows.Data) {
			t.Errorf("%s: what is stored is not what was given when it was made", f.VideoID)
		}
	}
	if after := names(t, folder); len(after) != len(made)+1 || len(before) != len(made)+2 {
		t.Errorf("the store holds %v, want %d files of features and space.json", after, len(made))
	}

	// Another file under a known id is another video.
	if err := os.Rename(filepath.Join(dir, "three.mp4"), filepath.Join(dir, "one.mp4")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(`{"video": "one.mp4", "id": "one", "caption": "a test"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if c, err = corpus.Open(name); err != nil {
		t.Fatal(err)
	}
	replaced, err := c.Encode(t.Context(), encoder, corpus.Uniform(8), store, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := replaced[0].Spans[7].String(); replaced[0].VideoID != "one" || got != last["three"] {
		t.Errorf("a replaced file has the features of the old one: the last row covers %s", got)
	}
}

// names lists a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
