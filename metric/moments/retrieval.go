package moments

import (
	"slices"
	"strconv"
	"strings"

	"sightline"
)

// Cuts are where recall is taken.
type Cuts struct {
	IoU []float64 // overlaps from which on a prediction is correct
	K   []int     // how many predictions count
}

// The cuts of the TVR paper, and those in use for Charades-STA, ActivityNet Captions and TACoS.
var (
	TVRCuts       = Cuts{IoU: []float64{0.5, 0.7}, K: []int{1, 5, 10, 100}}
	GroundingCuts = Cuts{IoU: []float64{0.3, 0.5, 0.7}, K: []int{1, 5}}
)

// listed is how many predictions of a query the TVR script looks at.
const listed = 100

// Retrieval scores lists by the rules of TVR (Lei et al., 2020; standalone_eval/eval.py) in one of the tasks VCMR, SVMR, VR:
//
//   - The first 100 predictions of a query count. In SVMR those of another video are dropped after that, and before K.
//   - Times and overlaps are float32; a prediction is correct when its video is right and its overlap reaches the
//     threshold. In VR the video is all that counts, and a video listed twice takes two places.
//   - A query with four gold spans or more (DiDeMo) wants two of them reached. Two or three are an error: the script
//     does not know them.
//
// R@K is the share of queries with a correct one among the first K. An empty list misses.
func Retrieval(task Task, queries []sightline.MomentQuery, lists Lists, cuts Cuts) (Scores, error) {
	if task != VCMR && task != SVMR && task != VR {
		return Scores{}, invalid("%s is no task of TVR", task)
	}
	if err := match(queries, lists); err != nil {
		return Scores{}, err
	}
	s := newScores(task, queries)
	thresholds := cuts.IoU
	if task == VR {
		thresholds = []float64{0} // any overlap will do
	}
	for _, iou := range thresholds {
		for _, k := range cuts.K {
			if task == VR {
				s.name("r"+strconv.Itoa(k), "R@%d", k)
			} else {
				s.name(pythonFloat(iou)+"-r"+strconv.Itoa(k), "R@%d IoU=%v", k, iou)
			}
		}
	}
	for _, q := range queries {
		if n := len(q.Gold); n == 2 || n == 3 {
			return Scores{}, invalid("query %s has %d gold spans; TVR's rules know one, or four and more", q.ID, n)
		}
		list := lists[q.ID]
		list = list[:min(len(list), listed)]
		if task == SVMR {
			list = slices.DeleteFunc(slices.Clone(list), func(p sightline.VideoMoment) bool { return p.Video != q.Video })
		}
		row := make([]float64, 0, len(s.Names))
		for _, iou := range thresholds {
			first := slices.IndexFunc(list, func(p sightline.VideoMoment) bool {
				return p.Video == q.Video && (task == VR || reaches(p.Span, q.Gold, float32(iou)))
			})
			row = append(row, within(first, cuts.K)...)
		}
		s.Rows = append(s.Rows, row)
	}
	return s, nil
}

// reaches reports whether a span's overlap with the gold reaches a threshold, in float32.
func reaches(p sightline.Span, gold []sightline.Span, threshold float32) bool {
	needed := 1
	if len(gold) >= 4 {
		needed = 2
	}
	for _, g := range gold {
		if hullIoU(float32(p.Start), float32(p.End), float32(g.Start), float32(g.End)) >= threshold {
			needed--
		}
	}
	return needed <= 0
}

// within returns for each K whether the first correct prediction, at a position from 0 or at −1, is among the first K.
func within(first int, ks []int) []float64 {
	hits := make([]float64, len(ks))
	for i, k := range ks {
		hits[i] = share(first >= 0 && first < k)
	}
	return hits
}

// share is what one query adds to a share of queries.
func share(correct bool) float64 {
	if correct {
		return 1
	}
	return 0
}

// pythonFloat writes a number as Python's str does in the range of thresholds: 0.5, 1.0.
func pythonFloat(x float64) string {
	s := strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
