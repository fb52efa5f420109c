package moment

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"sightline"
	"sightline/align/locate"
	"sightline/internal/best"
)

// Search returns the videos of highest φ and the best moments in them (VCMR).
func (c *Corpus) Search(ctx context.Context, q locate.Query, o Options) (Answer, error) {
	var answer Answer
	err := c.SearchAll(ctx, []locate.Query{q}, o, func(_ int, a Answer) error {
		answer = a
		return nil
	})
	return answer, err
}

// SearchAll is Search for many queries, whose answers it hands to each in their order. Clips are read from memory once for
// some dozens of queries, so a query costs a fraction of a single search. Where each fails, the search ends with its error.
func (c *Corpus) SearchAll(ctx context.Context, queries []locate.Query, o Options, each func(i int, a Answer) error) error {
	o, err := o.filled()
	if err != nil {
		return err
	}
	shelf, err := c.open()
	if err != nil {
		return fmt.Errorf("search the corpus: %w", err)
	}
	defer shelf.close()
	for from := 0; from < len(queries); from += tile {
		answers, err := shelf.answer(ctx, queries[from:min(from+tile, len(queries))], from, o)
		if err != nil {
			return err
		}
		for i, a := range answers {
			if err := each(from+i, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// Within returns the best moments of one video (SVMR). A video that is not in the corpus is an error.
func (c *Corpus) Within(ctx context.Context, videoID string, q locate.Query, o Options) ([]Moment, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	shelf, err := c.open()
	if err != nil {
		return nil, fmt.Errorf("search the corpus: %w", err)
	}
	defer shelf.close()
	number, known := shelf.number[videoID]
	if !known {
		return nil, &sightline.Error{
			Kind: sightline.NotReady, What: fmt.Sprintf("search video %q for a moment", videoID),
			Err: fmt.Errorf("it is none of the %d videos of the corpus", len(shelf.videos)), Try: "add the video first",
		}
	}
	prepared, err := shelf.prepare([]locate.Query{q}, 0)
	if err != nil {
		return nil, err
	}
	v := shelf.videos[number]
	phi := prepared[0].phiWithin(shelf.segments[v.segment], v, 0, v.clips)
	found := shelf.answerIn(ctx, prepared[0], []ranked{{number, phi}}, o, 1)
	return found.Moments, ctx.Err()
}

// prepare makes queries ready; the first is number from.
func (s *shelf) prepare(queries []locate.Query, from int) ([]*query, error) {
	if len(s.segments) == 0 {
		return nil, nil
	}
	prepared := make([]*query, len(queries))
	for i, q := range queries {
		var err error
		if prepared[i], err = prepare(q, s.segments[0].Dim()); err != nil {
			return nil, &sightline.Error{
				Kind: sightline.Usage, What: fmt.Sprintf("query %d", from+i), Err: err,
				Try: "encode the query with the model that encoded the clips",
			}
		}
	}
	return prepared, nil
}

// answer answers up to tile queries, the first of which is number from.
func (s *shelf) answer(ctx context.Context, queries []locate.Query, from int, o Options) ([]Answer, error) {
	answers := make([]Answer, len(queries))
	if len(s.videos) == 0 {
		return answers, ctx.Err()
	}
	prepared, err := s.prepare(queries, from)
	if err != nil {
		return nil, err
	}
	workers := runtime.GOMAXPROCS(0)
	w := newSweep(s, min(o.Videos, len(s.videos)), prepared)
	if err := w.run(ctx, workers); err != nil {
		return nil, err
	}
	var next atomic.Int64
	atOnce := min(workers, len(queries))
	parallel(atOnce, func() {
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(queries) {
				return
			}
			answers[i] = s.answerIn(ctx, prepared[i], w.finish(i), o, (workers+atOnce-1)/atOnce)
		}
	})
	return answers, ctx.Err()
}

// answerIn looks for the moments of a query in videos, the best of them first, with so many workers.
func (s *shelf) answerIn(ctx context.Context, q *query, videos []ranked, o Options, workers int) Answer {
	a := Answer{Videos: make([]*Match, len(videos))}
	for i, r := range videos {
		v := s.videos[r.video]
		gate := q.gates(v)
		a.Videos[i] = &Match{VideoID: v.id, Phi: r.phi}
		for m := range locate.Modalities {
			a.Videos[i].Gate[m] = float32(gate[m])
		}
	}
	var next atomic.Int64
	lists := make(chan []Candidate, workers)
	parallel(workers, func() {
		b := newBrowser(s, q, o)
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(videos) {
				break
			}
			b.video(i, videos[i], a.Videos[i])
		}
		lists <- b.ranking.found.Items()
	})
	found := best.New(o.Moments, worseFirst)
	for range workers {
		for _, c := range <-lists {
			found.Offer(c)
		}
	}
	for _, c := range found.Sorted() {
		v := s.videos[videos[c.Video].video]
		segment := s.segments[v.segment]
		a.Moments = append(a.Moments, Moment{
			Match: a.Videos[c.Video], First: c.Start, Until: c.End,
			Moment: sightline.Moment{Score: float64(c.Score), Span: sightline.Span{
				Start: segment.Row(v.visual + c.Start).Span.Start, End: segment.Row(v.visual + c.End).Span.Start,
			}},
		})
	}
	return a
}

// distinct keeps of a video's candidates, the best first, up to limit that overlap with no better one by a greater IoU.
func distinct(candidates []Candidate, iou float64, limit int) []Candidate {
	kept := candidates[:0]
	for _, c := range candidates {
		if len(kept) == limit {
			break
		}
		if !slices.ContainsFunc(kept, func(k Candidate) bool { return k.Span(1).IoU(c.Span(1)) > iou }) {
			kept = append(kept, c)
		}
	}
	return kept
}
