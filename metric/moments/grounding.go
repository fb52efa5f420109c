package moments

import (
	"slices"

	"sightline"
)

// Ground scores lists of spans in the query's own video as is usual for Charades-STA, ActivityNet Captions and TACoS: R@n,
// IoU=m is the share of queries with a span among the first n whose overlap is m or more; mIoU is the mean overlap of the
// first span. Overlaps are float64.
//
// Of several gold spans, agree must be reached: 1 where any is an answer, 2 where several people marked one moment, as in
// DiDeMo; the overlap of a span is then the agree-th best of its overlaps. An empty list misses, with overlap 0.
func Ground(queries []sightline.MomentQuery, lists Lists, cuts Cuts, agree int) (Scores, error) {
	if err := match(queries, lists); err != nil {
		return Scores{}, err
	}
	s := newScores(Grounding, queries)
	for _, iou := range cuts.IoU {
		for _, k := range cuts.K {
			s.name("", "R@%d IoU=%v", k, iou)
		}
	}
	s.name("", "mIoU")
	for _, q := range queries {
		if len(q.Gold) < agree {
			return Scores{}, invalid("query %s has %d gold spans, of which %d must be reached", q.ID, len(q.Gold), agree)
		}
		list := lists[q.ID]
		if err := inVideo(q, list); err != nil {
			return Scores{}, err
		}
		overlaps := make([]float64, len(list))
		for i, p := range list {
			overlaps[i] = agreed(p.Span, q.Gold, agree)
		}
		row := make([]float64, 0, len(s.Names))
		for _, iou := range cuts.IoU {
			first := slices.IndexFunc(overlaps, func(overlap float64) bool { return overlap >= iou })
			row = append(row, within(first, cuts.K)...)
		}
		if len(overlaps) == 0 {
			overlaps = []float64{0}
		}
		s.Rows = append(s.Rows, append(row, overlaps[0]))
	}
	return s, nil
}

// agreed returns the nth best overlap of a span with gold spans.
func agreed(p sightline.Span, gold []sightline.Span, nth int) float64 {
	overlaps := make([]float64, len(gold))
	for i, g := range gold {
		overlaps[i] = hullIoU(p.Start, p.End, g.Start, g.End)
	}
	slices.Sort(overlaps)
	return overlaps[len(overlaps)-max(1, nth)]
}
