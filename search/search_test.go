package search_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/meanpool"
	"sightline/engine"
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
func archive(t *testing.T) *search.Searcher {
	t.Helper()
	e, err := engine.Open("")
	if err != nil {
		t.Fatal(err)
	}
	model, err := align.New(e, align.Stored{VideoDim: dim, TextDim: dim}, meanpool.Head{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	space := sightline.Space{Video: words{}.ID(), Text: words{}.ID()}
	memory, random, videos := index.NewMemory(space), rand.New(rand.NewPCG(1, 2)), shelf{}
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
		windows := f.Windows(12, 6)
		vectors, err := search.Recall(model)(t.Context(), windows)
		if err != nil {
			t.Fatal(err)
		}
		var entries []index.Row
		for w, window := range windows {
			entries = append(entries, index.Row{ID: uint64(i*100 + w + 1), VideoID: f.VideoID, Kind: "frame", Span: window.Span()})
		}
		if err := memory.Add(t.Context(), entries, vectors); err != nil {
			t.Fatal(err)
		}
	}
	if err := memory.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &search.Searcher{Model: model, Texts: words{}, Index: memory, Archive: videos}
}

func TestSearchFindsThePlantedMoments(t *testing.T) {
	s := archive(t)
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
	hits, err := archive(t).Search(t.Context(), sightline.Query{Text: "axis 3", Limit: 1000})
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
	if _, err := archive(t).Search(t.Context(), sightline.Query{Text: " \n"}); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("an empty query gives %v", err)
	}
}
