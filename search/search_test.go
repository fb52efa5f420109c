package search_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/meanpool"
	"sightline/align/xpool"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/feature"
	"sightline/index"
	"sightline/search"
)

const dim = 16

// words is a text encoder whose sentence "axis i" is the i-th unit vector.
type words struct{}

func (words) ID() sightline.ModelID { return sightline.ModelID{Name: "words", Hash: "0"} }
func (words) TextDim() int          { return dim }
func (words) EncodeTexts(_ context.Context, texts []string) (sightline.Matrix, error) {
	m := sightline.NewMatrix(len(texts), dim)
	for i, text := range texts {
		var axis int
		if _, err := fmt.Sscanf(text, "axis %d", &axis); err != nil {
			return m, err
		}
		m.Row(i)[axis] = 1
	}
	return m, nil
}

// shelf is an archive in memory.
type shelf map[string]feature.Features

func (s shelf) Video(_ context.Context, id string) (sightline.Video, error) {
	return sightline.Video{ID: id, Path: id + ".mp4"}, nil
}
func (s shelf) Rows(_ context.Context, id string) (feature.Features, error) { return s[id], nil }

// archive returns 20 videos of 40 one-second rows of noise; in video i, axis i%dim stands out from second 10+i to 14+i.
func archive(t *testing.T, head align.Head) *search.Searcher {
	t.Helper()
	e := enginetest.Open(t)
	model, err := align.New(e, align.Stored{VideoDim: dim, TextDim: dim}, head, 1)
	if err != nil {
		t.Fatal(err)
	}
	space := sightline.Space{Video: words{}.ID(), Text: words{}.ID()}
	random, videos := rand.New(rand.NewPCG(1, 2)), shelf{}
	for i := range dim {
		const rows = 40
		f := feature.Features{Header: feature.Header{VideoID: fmt.Sprintf("v%02d", i), Stream: feature.Frame, Space: space}}
		f.Rows = sightline.Matrix{Rows: rows, Cols: dim, Data: engine.Normal(random, rows*dim, 0.2)}
		for r := range rows {
			f.Spans = append(f.Spans, sightline.Span{Start: float64(r), End: float64(r + 1)})
			if r >= 10+i && r < 14+i {
				f.Rows.Row(r)[i] += 3
			}
		}
		videos[f.VideoID] = f
	}
	return &search.Searcher{Model: model, Texts: words{}, Index: indexed(t, videos, search.Recall(model)), Archive: videos}
}

// indexed returns an index of all windows of some videos.
func indexed(t *testing.T, videos shelf, recall func(context.Context, []feature.Features) (sightline.Matrix, error)) index.Searcher {
	t.Helper()
	memory := index.NewMemory(sightline.Space{Video: words{}.ID(), Text: words{}.ID()})
	for i, id := range slices.Sorted(maps.Keys(videos)) {
		windows := videos[id].Windows(12, 6)
		vectors, err := recall(t.Context(), windows)
		if err != nil {
			t.Fatal(err)
		}
		var entries []index.Row
		for w, window := range windows {
			entries = append(entries, index.Row{ID: uint64(i*100 + w + 1), VideoID: id, Kind: "frame", Span: window.Span()})
		}
		if err := memory.Add(t.Context(), entries, vectors); err != nil {
			t.Fatal(err)
		}
	}
	if err := memory.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	return memory
}

func TestSearchFindsThePlantedMoments(t *testing.T) {
	for name, head := range map[string]align.Head{"one stage": meanpool.Head{}, "two stages": xpool.Default()} {
		t.Run(name, func(t *testing.T) { findPlanted(t, archive(t, head)) })
	}
}

func findPlanted(t *testing.T, s *search.Searcher) {
	t.Helper()
	for i := range dim {
		hits, err := s.Search(t.Context(), sightline.Query{Text: fmt.Sprintf("axis %d", i), Limit: 3})
		if err != nil {
			t.Fatal(err)
		}
		want := sightline.Span{Start: float64(10 + i), End: float64(14 + i)}
		if len(hits) != 3 || hits[0].Video.ID != fmt.Sprintf("v%02d", i) || hits[0].Span.IoU(want) < 0.7 {
			t.Errorf("axis %d lies at %v of v%02d, found %+v", i, want, i, hits)
		}
		for j := 1; j < len(hits); j++ {
			if hits[j].Score > hits[j-1].Score {
				t.Errorf("axis %d: hit %d scores higher than the one before it", i, j)
			}
		}
	}
}

func TestSearchReturnsEveryVideoOnce(t *testing.T) {
	hits, err := archive(t, meanpool.Head{}).Search(t.Context(), sightline.Query{Text: "axis 3", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, hit := range hits {
		seen[hit.Video.ID] = true
	}
	if len(hits) != dim || len(seen) != dim {
		t.Errorf("%d hits of %d videos, want each of %d once", len(hits), len(seen), dim)
	}
}

func TestSearchRefusesAnEmptyQuery(t *testing.T) {
	if _, err := archive(t, meanpool.Head{}).Search(t.Context(), sightline.Query{Text: " \n"}); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("an empty query gives %v", err)
	}
}

// Of a model that looks at sentence and frames together, a hit has the model's own score, which may put a candidate first
// that the recall vectors put lower; what is no candidate is not found.
func TestSearchRescoresCandidates(t *testing.T) {
	s := archive(t, xpool.Default())
	query := sightline.Query{Text: "axis 5", Limit: dim}
	s.Candidates = 4
	few, err := s.Search(t.Context(), sightline.Query{Text: query.Text, Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Search(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	if len(few) != 2 || len(all) != dim {
		t.Fatalf("%d and %d hits, want 2 and %d", len(few), len(all), dim)
	}
	if few[0].Video.ID != all[0].Video.ID || few[0].Score != all[0].Score {
		t.Errorf("four candidates give %+v, all videos %+v", few[0], all[0])
	}
	text, err := s.Model.EncodeTexts(t.Context(), []align.Sentence{{Vector: unit(5)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, hit := range all {
		rows, err := s.Archive.Rows(t.Context(), hit.Video.ID)
		if err != nil {
			t.Fatal(err)
		}
		best := -1.0
		for _, window := range rows.Windows(12, 6) {
			encoded, err := s.Model.EncodeVideos(t.Context(), []align.Video{search.Window(window)})
			if err != nil {
				t.Fatal(err)
			}
			scores, err := s.Model.ScoreBlock(t.Context(), text, encoded)
			if err != nil {
				t.Fatal(err)
			}
			if gap := math.Abs(float64(scores.At(0, 0)) - hit.Score); gap < 1e-5 {
				best = hit.Score
			}
		}
		if best < -0.5 {
			t.Errorf("video %s has score %v, which the model gives to none of its windows", hit.Video.ID, hit.Score)
		}
	}
}

func unit(axis int) []float32 {
	v := make([]float32, dim)
	v[axis] = 1
	return v
}
