package search

import (
	"cmp"
	"context"
	"fmt"

	"sightline"
	"sightline/align"
	"sightline/align/taco"
	"sightline/encoder"
	"sightline/feature"
	"sightline/index"
)

// TokenSearcher answers queries with a TACo model, over an index of the vectors that RecallTokens makes: S1 finds candidates,
// S1 + S2 + S3 ranks them. It is safe for concurrent use.
type TokenSearcher struct {
	Model   *taco.Model
	Texts   encoder.TextEncoder
	Words   encoder.WordEncoder
	Index   index.Searcher
	Archive Archive

	// Candidates is how many videos S1 selects; 0 means DefaultCandidates. A video that is not among them is not found.
	Candidates int
}

// TokenHit is a hit with what each word of the query met in the window that the hit lies in.
type TokenHit struct {
	sightline.Hit
	Alignment taco.Alignment
}

// Search returns the best moments for the query, at most one a video, the best first.
func (s *TokenSearcher) Search(ctx context.Context, query sightline.Query) ([]TokenHit, error) {
	limit, err := limited("search", query)
	if err != nil {
		return nil, err
	}
	hits, err := s.search(ctx, query.Text, limit)
	if err != nil {
		return nil, fmt.Errorf("search %q: %w", query.Text, err)
	}
	return hits, nil
}

func (s *TokenSearcher) search(ctx context.Context, query string, limit int) ([]TokenHit, error) {
	vectors, err := s.Texts.EncodeTexts(ctx, []string{query})
	if err != nil {
		return nil, err
	}
	sentence := []align.Sentence{{Text: query, Vector: vectors.Row(0)}}
	if err := align.ReadWords(ctx, s.Words, sentence); err != nil {
		return nil, err
	}
	texts, err := s.Model.EncodeTexts(ctx, sentence)
	if err != nil {
		return nil, err
	}
	windows, err := recall(ctx, s.Index, texts[0].Recall(), max(limit, cmp.Or(s.Candidates, DefaultCandidates)))
	if err != nil || len(windows) == 0 {
		return nil, err
	}
	seen := make([]align.Video, len(windows))
	for i, window := range windows {
		rows, err := s.Archive.Rows(ctx, window.Row.VideoID)
		if err != nil {
			return nil, fmt.Errorf("video %s: %w", window.Row.VideoID, err)
		}
		seen[i] = Window(rows.Within(window.Row.Span))
	}
	videos, err := s.Model.EncodeVideos(ctx, seen)
	if err != nil {
		return nil, err
	}
	found, err := s.Model.Search(ctx, texts, videos, len(videos))
	if err != nil {
		return nil, err
	}
	var hits []TokenHit
	for _, f := range found[0][:min(limit, len(videos))] {
		hit, err := s.hit(ctx, texts[0], videos[f.Video], windows[f.Video].Span)
		if err != nil {
			return nil, fmt.Errorf("video %s: %w", videos[f.Video].VideoID, err)
		}
		hit.Score = float64(f.Score)
		hits = append(hits, hit)
	}
	return hits, nil
}

// hit narrows a window to the rows that carry the match and says which word met which of its rows.
func (s *TokenSearcher) hit(ctx context.Context, text taco.Text, video taco.Video, window sightline.Span) (TokenHit, error) {
	about, err := s.Archive.Video(ctx, video.VideoID)
	if err != nil {
		return TokenHit{}, err
	}
	hit := TokenHit{Hit: sightline.Hit{Video: about, Span: window}}
	if hit.Alignment, err = taco.Explain(text, video); err != nil {
		return TokenHit{}, err
	}
	fits, err := taco.Fits(text, video)
	if err != nil {
		return TokenHit{}, err
	}
	if run, ok := peak(fits, video.Spans, window); ok {
		hit.Span = run
	}
	return hit, nil
}

// RecallTokens returns the function that gives an archive its recall vectors: those of a TACo model for each window [N, D].
func RecallTokens(m *taco.Model) func(context.Context, []feature.Features) (sightline.Matrix, error) {
	return func(ctx context.Context, windows []feature.Features) (sightline.Matrix, error) {
		seen := make([]align.Video, len(windows))
		for i, window := range windows {
			seen[i] = Window(window)
		}
		videos, err := m.EncodeVideos(ctx, seen)
		if err != nil {
			return sightline.Matrix{}, err
		}
		vectors := sightline.NewMatrix(len(videos), m.Config.Hidden)
		for i, video := range videos {
			copy(vectors.Row(i), video.Recall())
		}
		return vectors, nil
	}
}
