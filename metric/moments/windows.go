package moments

import (
	"slices"

	"sightline"
)

// Range is a class of moments by their length in seconds: over Over, up to UpTo.
type Range struct {
	Name       string
	Over, UpTo float64
}

// The ranges of QVHighlights. Full holds every moment, whatever its length.
var (
	Full   = Range{Name: "full"}
	Short  = Range{"short", 0, 10}
	Middle = Range{"middle", 10, 30}
	Long   = Range{"long", 30, 150}
)

// Ranges are the ranges in the order of the official report.
var Ranges = []Range{Full, Long, Middle, Short}

func (r Range) holds(s sightline.Span) bool {
	length := s.End - s.Start
	return r == Full || r.Over < length && length <= r.UpTo
}

// steps are the overlaps of QVHighlights' average precision.
var steps = []float64{0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95}

// detected is how many windows of a query the average precision looks at.
const detected = 10

// Windows scores lists of windows in the query's own video by the rules of QVHighlights (Lei et al., 2021;
// standalone_eval/eval.py), for the gold windows of a range; queries without one are left out, predictions are not.
//
// R1@t is the share of queries whose first window, in the order of the list, overlaps by t or more with the gold window
// that fits it best. AP@t takes the first ten windows of the list, sorts them by score, gives each the best gold window
// still free, and averages VOC's interpolated precision over recall; mAP is the mean of the ten AP@t of 0.5, 0.55, … 0.95.
//
// An empty list scores 0; the official script leaves such a query out of mAP in silence, and stops at it in R1.
func Windows(queries []sightline.MomentQuery, lists Lists, of Range) (Scores, error) {
	if err := match(queries, lists); err != nil {
		return Scores{}, err
	}
	var kept []sightline.MomentQuery
	for _, q := range queries {
		var gold []sightline.Span
		for _, g := range q.Gold {
			if of.holds(g) {
				gold = append(gold, g)
			}
		}
		if q.Gold = gold; len(gold) > 0 {
			kept = append(kept, q)
		}
	}
	s := newScores(MR, kept)
	s.brief = []string{"R1@0.5", "R1@0.7", "mAP", "mAP@0.5", "mAP@0.75"}
	for _, t := range steps {
		s.name("MR-R1/"+pythonFloat(t), "R1@%v", t)
	}
	s.name("MR-mAP/average", "mAP")
	for _, t := range steps {
		s.name("MR-mAP/"+pythonFloat(t), "mAP@%v", t)
	}
	for _, q := range kept {
		list := lists[q.ID]
		if err := inVideo(q, list); err != nil {
			return Scores{}, err
		}
		row := make([]float64, 0, len(s.Names))
		overlap := firstOverlap(list, q.Gold)
		for _, t := range steps {
			row = append(row, share(overlap >= t))
		}
		precisions := averagePrecisions(list, q.Gold)
		mean := 0.0
		for _, p := range precisions {
			mean += p
		}
		s.Rows = append(s.Rows, append(append(row, mean/float64(len(steps))), precisions...))
	}
	return s, nil
}

// firstOverlap returns the overlap of the first window with the gold window that fits it best, the first of equals.
func firstOverlap(list []sightline.VideoMoment, gold []sightline.Span) float64 {
	if len(list) == 0 {
		return 0
	}
	first, best := list[0].Span, gold[0]
	for _, g := range gold[1:] {
		if first.IoU(g) > first.IoU(best) {
			best = g
		}
	}
	return hullIoU(first.Start, first.End, best.Start, best.End)
}

// averagePrecisions returns AP at each of the steps.
func averagePrecisions(list []sightline.VideoMoment, gold []sightline.Span) []float64 {
	sorted := slices.Clone(list[:min(len(list), detected)])
	slices.SortStableFunc(sorted, func(a, b sightline.VideoMoment) int { return compareDown(a.Score, b.Score) })
	overlaps := make([][]float64, len(sorted)) // [predictions][gold]
	for i, p := range sorted {
		for _, g := range gold {
			overlaps[i] = append(overlaps[i], p.IoU(g))
		}
	}
	precisions := make([]float64, len(steps))
	for at, t := range steps {
		taken := make([]bool, len(gold))
		hits := make([]bool, len(sorted))
		for i := range sorted {
			best := -1 // of equal overlaps the later gold window, as in the script
			for j := range gold {
				if !taken[j] && overlaps[i][j] >= t && (best < 0 || overlaps[i][j] >= overlaps[i][best]) {
					best = j
				}
			}
			if best >= 0 {
				taken[best], hits[i] = true, true
			}
		}
		precisions[at] = interpolatedPrecision(hits, len(gold))
	}
	return precisions
}

// interpolatedPrecision is VOC 2010's area below precision over recall: at each recall, the best precision from there on.
func interpolatedPrecision(hits []bool, gold int) float64 {
	precision, recall := make([]float64, len(hits)), make([]float64, len(hits))
	found := 0
	for i, hit := range hits {
		if hit {
			found++
		}
		precision[i], recall[i] = float64(found)/float64(i+1), float64(found)/float64(gold)
	}
	for i := len(hits) - 2; i >= 0; i-- {
		precision[i] = max(precision[i], precision[i+1])
	}
	area, before := 0.0, 0.0
	for i := range hits {
		area += (recall[i] - before) * precision[i]
		before = recall[i]
	}
	return area
}
