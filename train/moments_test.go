package train

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"sightline"
	"sightline/corpus"
	"sightline/dataset"
	"sightline/encoder/tiny"
	"sightline/engine/enginetest"
	"sightline/feature"
)

// Films of the world come as moment models see them, the same rendered as through the feature store.
func TestStoredMoments(t *testing.T) {
	encoder, err := tiny.Embedded(enginetest.Open(t))
	if err != nil {
		t.Fatal(err)
	}
	c, err := corpus.Open("world:A/demo/moments/val")
	if err != nil {
		t.Fatal(err)
	}
	setting := Setting{Encoders: Encoders{Frames: encoder, Texts: encoder}, Store: feature.Store{Dir: filepath.Join(t.TempDir(), "features")}}
	data, err := StoredMoments(t.Context(), c, setting, 1)
	if err != nil {
		t.Fatal(err)
	}
	spoken := 0
	for i, v := range data.Videos {
		if v.Features.Rows != len(v.Spans) || v.Spans[len(v.Spans)-1].End != c.Set.Videos[i].Duration {
			t.Errorf("%s: %d rows, the last to %v of %v s", v.ID, v.Features.Rows, v.Spans[len(v.Spans)-1], c.Set.Videos[i].Duration)
		}
		if v.Subtitle.Rows > 0 {
			spoken++
			if v.Subtitle.Rows != v.Features.Rows || v.Subtitle.Cols != encoder.WordDim() {
				t.Errorf("%s: subtitles of shape [%d, %d] beside %d rows", v.ID, v.Subtitle.Rows, v.Subtitle.Cols, v.Features.Rows)
			}
		}
	}
	if spoken == 0 {
		t.Error("nobody speaks")
	}
	batch, err := data.Batch(t.Context(), 0, 3, 5, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if len(batch.Spans) != 5 || batch.Spans[0].Length() == 0 || batch.Texts[0].Tokens.Rows < 3 || len(batch.Texts[0].Offsets) != batch.Texts[0].Tokens.Rows {
		t.Errorf("a batch has spans %v and %d words in its first text", batch.Spans, batch.Texts[0].Tokens.Rows)
	}
	c.Set.Captions = []dataset.Caption{{Text: "no span"}}
	if _, err := StoredMoments(t.Context(), c, setting, 1); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("a sentence without a span gives %v", err)
	}
}
