package search_test

import (
	"context"
	"math"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/meanpool"
	"sightline/align/taco"
	"sightline/align/taco/tagger"
	"sightline/encoder"
	"sightline/engine/enginetest"
	"sightline/feature"
	"sightline/search"
)

// spelt gives every text its axis as one word.
type spelt struct{ words }

func (spelt) WordDim() int { return dim }
func (w spelt) EncodeWords(ctx context.Context, texts []string) ([]encoder.Words, error) {
	rows, err := w.EncodeTexts(ctx, texts)
	var all []encoder.Words
	for i, text := range texts {
		row := sightline.Matrix{Rows: 1, Cols: dim, Data: rows.Row(i)}
		all = append(all, encoder.Words{Text: text, Vectors: row, Offsets: [][2]int{{0, len(text)}}})
	}
	return all, err
}

// A search with TACo has the model's own scores of its candidates' windows, and says when each word was met.
func TestTokenSearch(t *testing.T) {
	c := taco.Default()
	c.Video, c.Sentence, c.Text = dim, dim, dim
	c.Hidden, c.Heads, c.FeedForward, c.VideoLayers, c.FusionLayers, c.Clips, c.Words = 16, 2, 16, 1, 1, 12, 4
	idf, err := tagger.Count(tagger.List{}, []string{"axis", "other"})
	if err != nil {
		t.Fatal(err)
	}
	model, err := taco.New(enginetest.Open(t), c, taco.Lexicon{Tagger: tagger.List{}, IDF: idf}, 1)
	if err != nil {
		t.Fatal(err)
	}
	videos := archive(t, meanpool.Head{}).Archive.(shelf)
	s := search.TokenSearcher{Model: model, Texts: spelt{}, Words: spelt{}, Index: indexed(t, videos, search.RecallTokens(model)), Archive: videos}
	hits, err := s.Search(t.Context(), sightline.Query{Text: "axis 5", Limit: dim})
	if err != nil {
		t.Fatal(err)
	}
	if len(hits) != dim {
		t.Fatalf("%d hits of %d videos", len(hits), dim)
	}
	sentence := align.Sentence{Text: "axis 5", Vector: unit(5), Read: "axis 5", Tokens: sightline.Matrix{Rows: 1, Cols: dim, Data: unit(5)}, Offsets: [][2]int{{0, 6}}}
	texts, err := model.EncodeTexts(t.Context(), []align.Sentence{sentence})
	if err != nil {
		t.Fatal(err)
	}
	for h, hit := range hits {
		if h > 0 && hit.Score > hits[h-1].Score {
			t.Errorf("hit %d scores higher than the one before it", h)
		}
		found := false
		for _, window := range videos[hit.Video.ID].Windows(12, 6) {
			found = found || matches(t, model, texts, window, hit)
		}
		if !found {
			t.Errorf("video %s has score %v, which the model gives to none of its windows", hit.Video.ID, hit.Score)
		}
		a := hit.Alignment
		if len(a.Words) != 1 || a.Products.Cols != len(a.Spans) || a.Weights[0] <= 0 {
			t.Errorf("alignment %+v", a)
		}
	}
	s.Candidates = 2
	few, err := s.Search(t.Context(), sightline.Query{Text: "axis 5", Limit: 1})
	if err != nil || len(few) != 1 {
		t.Errorf("of two candidates %d hits, %v", len(few), err)
	}
	if _, err := s.Search(t.Context(), sightline.Query{Text: " "}); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("an empty query gives %v", err)
	}
}

// matches tells whether a window has the hit's score, and then checks that the hit lies in it.
func matches(t *testing.T, model *taco.Model, texts []taco.Text, window feature.Features, hit search.TokenHit) bool {
	t.Helper()
	encoded, err := model.EncodeVideos(t.Context(), []align.Video{search.Window(window)})
	if err != nil {
		t.Fatal(err)
	}
	scores, err := model.ScoreBlock(t.Context(), texts, encoded)
	if err != nil {
		t.Fatal(err)
	}
	inside := hit.Span.Start >= window.Span().Start && hit.Span.End <= window.Span().End
	return math.Abs(float64(scores.Sum().At(0, 0))-hit.Score) < 1e-3 && inside
}
