package corpus_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline/corpus"
	"sightline/encoder/tiny"
	"sightline/engine/enginetest"
	"sightline/feature"
)

// dish writes a video of two seconds of red and two of blue, dish.mp4, and returns the folder of its benchmark.
func dish(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "videos"), 0o777); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=red:size=96x64:rate=10:duration=2",
		"-f", "lavfi", "-i", "color=blue:size=96x64:rate=10:duration=2", "-filter_complex", "concat", "-pix_fmt", "yuv420p", "-c:v", "mpeg4",
		filepath.Join(dir, "videos", "dish.mp4")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// cook opens the segments of dish.mp4, [start, end] each, as videos dish_0, dish_1 … of YouCook2.
func cook(t *testing.T, dir string, segments ...string) *corpus.Corpus {
	t.Helper()
	for i, segment := range segments {
		segments[i] = `{"segment": ` + segment + `, "sentence": "cook it"}`
	}
	annotations := `{"database": {"dish": {"subset": "validation", "annotations": [` + strings.Join(segments, ",") + `]}}}`
	if err := os.WriteFile(filepath.Join(dir, "youcookii_annotations_trainval.json"), []byte(annotations), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := corpus.Open("youcook2:" + dir + "/test")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFramesOfAStretchComeFromThere(t *testing.T) {
	c := cook(t, dish(t), "[0, 2]", "[2, 4]", "[1.05, 9]", "[4.5, 6]")
	for i, want := range []string{
		"r0.20 r0.70 r1.20 r1.70 ",
		"b0.20 b0.70 b1.20 b1.70 ",
		"r0.35 b1.05 b1.75 b2.55 ", // to the end of the file, 2.95 s long
	} {
		frames, err := c.Frames(t.Context(), i, corpus.Uniform(4), 0)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, frame := range frames {
			colour := "r"
			if frame.RGB[2] > frame.RGB[0] {
				colour = "b"
			}
			got += fmt.Sprintf("%s%.2f ", colour, frame.Time)
		}
		if got != want {
			t.Errorf("segment %d has frames %s, want %s", i, got, want)
		}
	}
	first, err := cook(t, dish(t), "[1.05, 1.15]").Frames(t.Context(), 0, corpus.Uniform(4), 0)
	if err != nil {
		t.Fatal(err)
	}
	if first[0].Time != 0 {
		t.Errorf("a picture from before the segment has time %v, want 0", first[0].Time)
	}
	if _, err := c.Frames(t.Context(), 3, corpus.Uniform(4), 0); err == nil || !strings.Contains(err.Error(), "it ends at 4.0 s, before the stretch from 4.5 to 6.0 s") {
		t.Errorf("a segment behind the end of the file: %v", err)
	}
}

// One id and one file, cut in two ways, are two videos: in the feature store and in the hash of the data.
func TestStretchesOfOneFileAreStoredApart(t *testing.T) {
	dir := dish(t)
	encoder, err := tiny.Embedded(enginetest.Open(t))
	if err != nil {
		t.Fatal(err)
	}
	store := feature.Store{Dir: t.TempDir()}
	encode := func(c *corpus.Corpus) feature.Features {
		t.Helper()
		all, err := c.Encode(t.Context(), encoder, corpus.Uniform(4), store, nil)
		if err != nil {
			t.Fatal(err)
		}
		return all[0]
	}
	red, blue := cook(t, dir, "[0, 2]"), cook(t, dir, "[2, 4]")
	if red.Hash() == blue.Hash() {
		t.Error("two stretches have one hash")
	}
	r, b := encode(red), encode(blue)
	if r.VideoID != "dish_0" || b.VideoID != "dish_0" || slices.Equal(r.Rows.Data, b.Rows.Data) {
		t.Errorf("%s, red, and %s, blue, have the same features", r.VideoID, b.VideoID)
	}
	if last := b.Spans[3].String(); last != "0:01.7–0:02.0" {
		t.Errorf("the last row covers %s, want 0:01.7–0:02.0 of the segment", last)
	}
	if again := encode(red); !slices.Equal(again.Rows.Data, r.Rows.Data) || !slices.Equal(again.Spans, r.Spans) {
		t.Error("what is stored is not what was made")
	}
}
