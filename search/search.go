// Package search answers a sentence with moments: it encodes the query with the model that made the index, recalls
// windows by an exact scan, takes each video's best one, re-scores the best of them where the model looks at sentence and
// frames together, and narrows each to the rows that carry the match.
//
// It stands between index and library. Start at Searcher: Search finds one moment a video, Moments any number, with the model
// that serves search; TokenSearcher does where that is TACo, and says which word it found when. Locator finds moments with a model that was trained for it, over what Clips keeps. Search trains nothing,
// and it refuses to compare vectors of two spaces.
package search

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sightline"
	"sightline/align"
	"sightline/encoder"
	"sightline/feature"
	"sightline/index"
)

// DefaultLimit is the number of hits when a query does not say.
const DefaultLimit = 10

// DefaultCandidates is how many videos the first stage hands to the second, for models that need one.
const DefaultCandidates = 50

// Archive is what a search needs of an archive.
type Archive interface {
	// Video returns what is known of a video.
	Video(ctx context.Context, id string) (sightline.Video, error)
	// Rows returns the stored features of a video.
	Rows(ctx context.Context, id string) (feature.Features, error)
}

// Searcher answers queries over one index with the model that made it. It is safe for concurrent use.
type Searcher struct {
	Model   *align.Model
	Texts   encoder.TextEncoder
	Index   index.Searcher
	Archive Archive

	// Candidates is how many videos the recall vectors select for re-scoring, where the model's score is more than their dot
	// product; 0 means DefaultCandidates. A video that is not among them is not found.
	Candidates int
}

// Search returns the best moments for the query, at most one a video, the best first.
func (s *Searcher) Search(ctx context.Context, query sightline.Query) ([]sightline.Hit, error) {
	limit, err := limited("search", query)
	if err != nil {
		return nil, err
	}
	vector, err := s.encode(ctx, query.Text)
	if err != nil {
		return nil, fmt.Errorf("search %q: %w", query.Text, err)
	}
	windows, err := s.best(ctx, vector, limit)
	if err != nil {
		return nil, fmt.Errorf("search %q: %w", query.Text, err)
	}
	hits := make([]sightline.Hit, 0, len(windows))
	for _, window := range windows {
		hit, err := s.narrow(ctx, vector, window)
		if err != nil {
			return nil, fmt.Errorf("search %q: video %s: %w", query.Text, window.Row.VideoID, err)
		}
		hits = append(hits, hit)
	}
	return hits, nil
}

// encode returns the query's vector [1, 1, D].
func (s *Searcher) encode(ctx context.Context, text string) (align.Encoded, error) {
	vectors, err := s.Texts.EncodeTexts(ctx, []string{text})
	if err != nil {
		return align.Encoded{}, err
	}
	return s.Model.EncodeTexts(ctx, []align.Sentence{{Text: text, Vector: vectors.Row(0)}})
}

// best returns the best window of each of the limit best videos, the best first: as the index has them, or re-scored by
// the model.
func (s *Searcher) best(ctx context.Context, query align.Encoded, limit int) ([]index.Scored, error) {
	if !s.Model.TwoStage() {
		return recall(ctx, s.Index, s.Model.RecallTexts(query).Row(0), limit)
	}
	candidates := s.Candidates
	if candidates <= 0 {
		candidates = DefaultCandidates
	}
	windows, err := recall(ctx, s.Index, s.Model.RecallTexts(query).Row(0), max(limit, candidates))
	if err != nil || len(windows) == 0 {
		return nil, err
	}
	if err := s.rescore(ctx, query, windows); err != nil {
		return nil, fmt.Errorf("re-score: %w", err)
	}
	slices.SortStableFunc(windows, func(a, b index.Scored) int { return cmp.Compare(b.Score, a.Score) })
	return windows[:min(limit, len(windows))], nil
}

// rescore gives every window the score of the model itself.
func (s *Searcher) rescore(ctx context.Context, query align.Encoded, windows []index.Scored) error {
	videos := make([]align.Video, len(windows))
	for i, window := range windows {
		rows, err := s.Archive.Rows(ctx, window.Row.VideoID)
		if err != nil {
			return fmt.Errorf("video %s: %w", window.Row.VideoID, err)
		}
		videos[i] = Window(rows.Within(window.Row.Span))
	}
	encoded, err := s.Model.EncodeVideos(ctx, videos)
	if err != nil {
		return err
	}
	scores, err := s.Model.ScoreBlock(ctx, query, encoded)
	if err != nil {
		return err
	}
	for i := range windows {
		windows[i].Score = float64(scores.At(0, i))
	}
	return nil
}

// recall returns the best window of each of the limit best videos by their recall vectors, the best first. It scans for
// more windows until that many videos are among them or no window is left.
func recall(ctx context.Context, windows index.Searcher, vector []float32, limit int) ([]index.Scored, error) {
	for k := 4 * limit; ; k *= 4 {
		found, err := windows.Search(ctx, vector, k, index.Filter{})
		if err != nil {
			return nil, err
		}
		best := bestByVideo(found)
		if len(best) >= limit || len(found) < k {
			return best[:min(limit, len(best))], nil
		}
	}
}

// bestByVideo keeps the first of each video's windows, which come best first.
func bestByVideo(windows []index.Scored) []index.Scored {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(windows), func(w index.Scored) bool {
		known := seen[w.Row.VideoID]
		seen[w.Row.VideoID] = true
		return known
	})
}

// narrow turns a window into a hit whose span holds the rows that carry the match: the run of rows, around the best one,
// that score above halfway between the video's mean row and the best row. The window's score stays the hit's.
func (s *Searcher) narrow(ctx context.Context, query align.Encoded, window index.Scored) (sightline.Hit, error) {
	video, err := s.Archive.Video(ctx, window.Row.VideoID)
	if err != nil {
		return sightline.Hit{}, err
	}
	hit := sightline.Hit{Video: video, Span: window.Row.Span, Score: float64(window.Score)}
	rows, err := s.Archive.Rows(ctx, window.Row.VideoID)
	if err != nil {
		return sightline.Hit{}, err
	}
	scores, err := s.scoreRows(ctx, query, rows)
	if err != nil {
		return sightline.Hit{}, err
	}
	if run, ok := peak(scores, rows.Spans, window.Row.Span); ok {
		hit.Span = run
	}
	return hit, nil
}

// scoreRows returns the similarity of the query with every single row of a video.
func (s *Searcher) scoreRows(ctx context.Context, query align.Encoded, rows feature.Features) ([]float32, error) {
	scores, err := s.Model.ScoreRows(ctx, query, Window(rows))
	return scores.Data, err
}

// peak returns the run of rows inside the window, around the best of them, that score at least halfway between the mean
// of all rows and the best. It is false when no row lies inside the window.
func peak(scores []float32, spans []sightline.Span, window sightline.Span) (sightline.Span, bool) {
	inside := func(i int) bool {
		return i >= 0 && i < len(spans) && spans[i].Start >= window.Start && spans[i].End <= window.End
	}
	var mean float64
	best := -1
	for i, score := range scores {
		mean += float64(score) / float64(len(scores))
		if inside(i) && (best < 0 || score > scores[best]) {
			best = i
		}
	}
	if best < 0 {
		return sightline.Span{}, false
	}
	enough := float32((mean + float64(scores[best])) / 2)
	first, last := best, best
	for inside(first-1) && scores[first-1] >= enough {
		first--
	}
	for inside(last+1) && scores[last+1] >= enough {
		last++
	}
	return sightline.Span{Start: spans[first].Start, End: spans[last].End}, true
}

// Window returns rows of stored features as a model sees them.
func Window(rows feature.Features) align.Video {
	return align.Video{ID: rows.VideoID, Features: rows.Rows, Spans: rows.Spans}
}

// Recall returns the function that gives an archive its recall vectors: those of the model for each window [N, D].
func Recall(m *align.Model) func(context.Context, []feature.Features) (sightline.Matrix, error) {
	return func(ctx context.Context, windows []feature.Features) (sightline.Matrix, error) {
		videos := make([]align.Video, len(windows))
		for i, window := range windows {
			videos[i] = Window(window)
		}
		encoded, err := m.EncodeVideos(ctx, videos)
		if err != nil {
			return sightline.Matrix{}, err
		}
		return m.RecallVectors(ctx, encoded)
	}
}
