package corpus_test

import (
	"slices"
	"testing"

	"sightline"
	"sightline/corpus"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/feature"
)

func TestOpenRefusesNamesThatMakeNoSense(t *testing.T) {
	for _, name := range []string{
		"world:", "world:A/base", "world:C/base/train", "world:A/huge/train", "world:A/base/dev",
		"world:A/base/train?rho=0", "world:A/base/train?rho=2", "world:A/base/train?seed=x", "world:A/base/train?sed=1",
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
	frames, err := a.Frames(t.Context(), 3, 8, 0)
	if err != nil {
		t.Fatal(err)
	}
	same, err := again.Frames(t.Context(), 3, 8, 0)
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
	e, err := engine.Open("")
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := tiny.Embedded(e)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	features, err := c.Encode(t.Context(), encoder, 1, feature.Store{}, func(done int) { last = done })
	if err != nil {
		t.Fatal(err)
	}
	if last != 70 {
		t.Errorf("progress ended at %d of 70", last)
	}
	for i, f := range features {
		frames, err := c.Frames(t.Context(), i, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := encoder.EncodeFrames(t.Context(), frames)
		if err != nil {
			t.Fatal(err)
		}
		if f.VideoID != c.Set.Videos[i].ID || !slices.Equal(f.Rows.Data, rows.Data) {
			t.Fatalf("features %d are of %s", i, f.VideoID)
		}
	}
}
