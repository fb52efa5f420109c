package moment

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync/atomic"

	"sightline"
	"sightline/align/locate"
	"sightline/internal/parallel"
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

// SearchAll is Search for many queries, whose answers it hands to yield in their order. Clips are read from memory once for
// some dozens of queries, so a query costs a fraction of a single search. Where yield fails, the search ends with its error.
func (c *Corpus) SearchAll(ctx context.Context, queries []locate.Query, o Options, yield func(i int, a Answer) error) error {
	o, err := o.filled()
	if err != nil {
		return err
	}
	shelf, err := c.open()
	if err != nil {
		return fmt.Errorf("search the corpus: %w", err)
	}
	defer shelf.close()
	together := shelf.tile()
	for from := 0; from < len(queries); from += together {
		answers, err := shelf.answer(ctx, queries[from:min(from+together, len(queries))], from, o)
		if err != nil {
			return err
		}
		for i, a := range answers {
			if err := yield(from+i, a); err != nil {
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
	videos := []ranked{{number, prepared[0].phiWithin(shelf.segments[v.segment], v, 0, v.clips)}}
	found := shelf.answerIn(prepared[0], videos, shelf.curves(ctx, prepared, [][]ranked{videos})[0], o)
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

// answer answers the queries of a tile, the first of which is number from.
func (s *shelf) answer(ctx context.Context, queries []locate.Query, from int, o Options) ([]Answer, error) {
	answers := make([]Answer, len(queries))
	if len(s.videos) == 0 {
		return answers, ctx.Err()
	}
	prepared, err := s.prepare(queries, from)
	if err != nil {
		return nil, err
	}
	w := newSweep(s, min(o.Videos, len(s.videos)), prepared)
	if err := w.run(ctx); err != nil {
		return nil, err
	}
	videos := make([][]ranked, len(queries))
	each(ctx, len(queries), func(i int) { videos[i] = w.finish(i) })
	curves := s.curves(ctx, prepared, videos)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	each(ctx, len(queries), func(i int) { answers[i] = s.answerIn(prepared[i], videos[i], curves[i], o) })
	return answers, ctx.Err()
}

// each calls f for 0 … n−1, on all cores, until the context ends.
func each(ctx context.Context, n int, f func(i int)) {
	var next atomic.Int64
	parallel.Run(min(n, runtime.GOMAXPROCS(0)), func() {
		for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
			f(i)
		}
	})
}

// curves returns the curves of every query with its videos. It goes by videos: many of them are among the best of several
// queries, and their rows are read from memory once for these.
func (s *shelf) curves(ctx context.Context, queries []*query, videos [][]ranked) [][][]float32 {
	type place struct{ query, rank int }
	asked := map[int][]place{} // of every video
	curves := make([][][]float32, len(queries))
	for i, list := range videos {
		curves[i] = make([][]float32, len(list))
		for rank, r := range list {
			asked[r.video] = append(asked[r.video], place{i, rank})
		}
	}
	numbers := slices.Sorted(maps.Keys(asked))
	each(ctx, len(numbers), func(k int) {
		places, v := asked[numbers[k]], s.videos[numbers[k]]
		sharing := make([]*query, len(places))
		for i, p := range places {
			sharing[i] = queries[p.query]
		}
		for i, curve := range curvesIn(s.segments[v.segment], v, sharing) {
			curves[places[i].query][places[i].rank] = curve
		}
	})
	return curves
}

// answerIn looks for the moments of a query in videos, the best of them first, whose curves are given.
func (s *shelf) answerIn(q *query, videos []ranked, curves [][]float32, o Options) Answer {
	matches, a := make([]Match, len(videos)), Answer{Videos: make([]*Match, len(videos))}
	b := newBrowser(s, q, o)
	for i, r := range videos {
		v := s.videos[r.video]
		gate := q.gates(v)
		matches[i] = Match{VideoID: v.id, Phi: r.phi}
		for m := range locate.Modalities {
			matches[i].Gate[m] = float32(gate[m])
		}
		if o.Curves {
			matches[i].Curve = curves[i]
			for l := range v.clips {
				matches[i].Spans = append(matches[i].Spans, s.segments[v.segment].Row(v.visual+l).Span)
			}
		}
		a.Videos[i] = &matches[i]
		b.video(i, r, curves[i])
	}
	found := b.ranking.Best()
	a.Moments = make([]Moment, len(found))
	for i, c := range found {
		v := s.videos[videos[c.Video].video]
		segment := s.segments[v.segment]
		a.Moments[i] = Moment{
			Match: a.Videos[c.Video], First: c.Start, Until: c.End,
			Moment: sightline.Moment{Score: float64(c.Score), Span: sightline.Span{
				Start: segment.Row(v.visual + c.Start).Span.Start, End: segment.Row(v.visual + c.End).Span.Start,
			}},
		}
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
