package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sightline"
	"sightline/align"
	"sightline/align/locate"
	"sightline/encoder"
	"sightline/moment"
)

// MomentQuery asks for the stretches of video that a sentence describes.
type MomentQuery struct {
	sightline.Query
	Video string // id of the one video that is looked into; "" for all
}

// Moment is an answer to a MomentQuery.
type Moment struct {
	sightline.Hit
	Contrast float64            `json:"contrast,omitempty"` // of a proposal: beyond 1 it is no chance, see moment.Proposal
	Gates    *Gates             `json:"gates,omitempty"`    // of a moment model: what decided
	Curve    []sightline.Moment `json:"curve"`              // how much every row or clip of the video fits the sentence
}

// Gates say how much picture and subtitles weighed; their sum is 1.
type Gates struct {
	Picture   float64 `json:"picture"`
	Subtitles float64 `json:"subtitles"`
}

// limited checks the query's text and returns how many answers it asks for.
func limited(verb string, query sightline.Query) (int, error) {
	if strings.TrimSpace(query.Text) == "" {
		return 0, &sightline.Error{
			Kind: sightline.Usage, What: verb, Err: errors.New("the query is empty"),
			Try: `say what is to be seen: sightline ` + verb + ` "a dog catches a frisbee"`,
		}
	}
	if query.Limit <= 0 {
		return DefaultLimit, nil
	}
	return query.Limit, nil
}

// Moments returns the best moments for the query, any number a video, the best first. It needs no model of moments: in each of
// the videos that the index puts first, the similarities of the sentence with every stored row say which stretches stand
// out (moment.Propose). A moment scores as the mean of its rows. Proposals rank by less inside their video, for they make
// allowance for chance; but across videos that buries short moments of high similarity under long ones of none.
func (s *Searcher) Moments(ctx context.Context, query MomentQuery) ([]Moment, error) {
	limit, err := limited("moments", query.Query)
	if err != nil {
		return nil, err
	}
	fail := func(err error) ([]Moment, error) { return nil, fmt.Errorf("find moments of %q: %w", query.Text, err) }
	vector, err := s.encode(ctx, query.Text)
	if err != nil {
		return fail(err)
	}
	videos := []string{query.Video}
	if query.Video == "" {
		windows, err := s.best(ctx, vector, max(limit, cmp.Or(s.Candidates, DefaultCandidates)))
		if err != nil {
			return fail(err)
		}
		videos = videos[:0]
		for _, window := range windows {
			videos = append(videos, window.Row.VideoID)
		}
	}
	var moments []Moment
	for _, id := range videos {
		some, err := s.propose(ctx, vector, id, limit)
		if err != nil {
			return fail(fmt.Errorf("video %s: %w", id, err))
		}
		moments = append(moments, some...)
	}
	slices.SortStableFunc(moments, func(a, b Moment) int { return cmp.Compare(b.Score, a.Score) })
	return moments[:min(limit, len(moments))], nil
}

// propose returns the best moments of one video.
func (s *Searcher) propose(ctx context.Context, query align.Encoded, id string, limit int) ([]Moment, error) {
	video, err := s.Archive.Video(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := s.Archive.Rows(ctx, id)
	if err != nil {
		return nil, err
	}
	scores, err := s.scoreRows(ctx, query, rows)
	if err != nil {
		return nil, err
	}
	proposals, err := moment.Propose(scores, rows.Spans, moment.Bounds{}, limit)
	if err != nil {
		return nil, err
	}
	curve, moments := curveOf(scores, rows.Spans), make([]Moment, len(proposals))
	for i, p := range proposals {
		hit := sightline.Hit{Video: video, Span: p.Span, Score: meanWithin(curve, p.Span)}
		moments[i] = Moment{Hit: hit, Contrast: p.Contrast, Curve: curve}
	}
	return moments, nil
}

// meanWithin returns the mean score of the rows that a span is made of.
func meanWithin(curve []sightline.Moment, span sightline.Span) float64 {
	sum, rows := 0.0, 0.0
	for _, row := range curve {
		if row.Start >= span.Start && row.End <= span.End {
			sum, rows = sum+row.Score, rows+1
		}
	}
	return sum / max(1, rows)
}

// curveOf puts scores beside what they are of.
func curveOf(scores []float32, spans []sightline.Span) []sightline.Moment {
	curve := make([]sightline.Moment, len(scores))
	for i, score := range scores {
		curve[i] = sightline.Moment{Span: spans[i], Score: float64(score)}
	}
	return curve
}

// Locator answers queries for moments with a moment model, over a corpus of clips that it made. It is safe for concurrent use.
type Locator struct {
	Model  *locate.Model
	Words  encoder.WordEncoder
	Corpus *moment.Corpus
	Video  func(ctx context.Context, id string) (sightline.Video, error) // what is known of a video

	// Distinct drops moments that overlap with a better one of the same video by a greater IoU. 0 drops none.
	Distinct float64
}

// Moments returns the best moments for the query, any number a video, by P_start·P_end·exp(α·φ), the best first. None is longer
// than those the model was trained on.
func (l *Locator) Moments(ctx context.Context, query MomentQuery) ([]Moment, error) {
	limit, err := limited("moments", query.Query)
	if err != nil {
		return nil, err
	}
	fail := func(err error) ([]Moment, error) { return nil, fmt.Errorf("find moments of %q: %w", query.Text, err) }
	sentence := []align.Sentence{{Text: query.Text}}
	if err := align.ReadWords(ctx, l.Words, sentence); err != nil {
		return fail(err)
	}
	encoded, err := l.Model.EncodeTexts(ctx, sentence)
	if err != nil {
		return fail(err)
	}
	found, err := l.find(ctx, encoded[0], query.Video, limit)
	if err != nil {
		return fail(err)
	}
	moments := make([]Moment, len(found))
	for i, m := range found {
		video, err := l.Video(ctx, m.VideoID)
		if err != nil {
			return fail(fmt.Errorf("video %s: %w", m.VideoID, err))
		}
		moments[i] = Moment{
			Hit:   sightline.Hit{Video: video, Span: m.Span, Score: m.Score},
			Gates: &Gates{Picture: float64(m.Gate[locate.Visual]), Subtitles: float64(m.Gate[locate.Subtitle])},
			Curve: curveOf(m.Curve, m.Match.Spans),
		}
	}
	return moments, nil
}

// find looks in one video, or in all where none is named.
func (l *Locator) find(ctx context.Context, query locate.Query, video string, limit int) ([]moment.Moment, error) {
	if video != "" {
		return l.Corpus.Within(ctx, video, query, l.options(limit))
	}
	answer, err := l.Corpus.Search(ctx, query, l.options(limit))
	return answer.Moments, err
}

// options says how the model's moments are looked for. Videos longer than the model sees at once are cut into windows that
// overlap by half, as where they were encoded.
func (l *Locator) options(limit int) moment.Options {
	config := l.Model.Config
	options := moment.Options{
		Boundary: l.Model.Boundary(), Alpha: config.Alpha, Moments: limit, Distinct: l.Distinct,
		Window: config.Clips, Overlap: config.Clips / 2, Curves: true,
	}
	if config.Longest > 0 {
		const oneClip = 1e-3 // seconds, less than any
		options.Shortest, options.Longest = oneClip, config.Longest
	}
	return options
}
