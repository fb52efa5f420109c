package moments

import (
	"slices"

	"sightline"
)

// clipSeconds is the length of the clips that QVHighlights' annotators rated.
const clipSeconds = 2

// levels are the ratings from which on a clip counts as a highlight.
var levels = []struct {
	name  string
	least int
}{{"Fair", 2}, {"Good", 3}, {"VeryGood", 4}}

// Highlight scores how a model rates clips, one number for each clip of two seconds, by the rules of QVHighlights. A clip
// is a highlight for an annotator who rated it at least Fair (2), Good (3) or VeryGood (4).
//
// Hit1 is the share of queries whose best clip, the first of equals, is a highlight for any annotator; a best clip beyond
// the end of the video misses. mAP is the mean over queries and annotators of an average precision that takes clips of
// equal score together: numbers beyond the last whole clip of the video are cut off, missing ones are 0.
func Highlight(queries []sightline.MomentQuery, saliency map[string][]float64) (Scores, error) {
	if err := match(queries, saliency); err != nil {
		return Scores{}, err
	}
	s := newScores(HL, queries)
	for _, level := range levels {
		s.name("HL-min-"+level.name+"/HL-mAP", "mAP %s", level.name)
		s.name("HL-min-"+level.name+"/HL-Hit1", "Hit1 %s", level.name)
	}
	for _, q := range queries {
		ratings, err := ratingsOf(q)
		if err != nil {
			return Scores{}, err
		}
		predicted := saliency[q.ID]
		if len(predicted) == 0 {
			return Scores{}, invalid("query %s has no saliency scores", q.ID)
		}
		best := slices.Index(predicted, slices.Max(predicted))
		clips := len(ratings[0])
		if len(predicted) > clips {
			predicted = predicted[:clips]
		} else {
			predicted = append(slices.Clone(predicted), make([]float64, clips-len(predicted))...)
		}
		var row []float64
		for _, level := range levels {
			mean, hit := 0.0, 0.0
			for _, annotator := range ratings {
				positive := make([]bool, clips)
				for i, rating := range annotator {
					positive[i] = rating >= level.least
				}
				mean += tiedPrecision(positive, predicted) / float64(len(ratings))
				if best < clips && positive[best] {
					hit = 1
				}
			}
			row = append(row, mean, hit)
		}
		s.Rows = append(s.Rows, row)
	}
	return s, nil
}

// ratingsOf spreads a query's ratings over all clips of its video.
func ratingsOf(q sightline.MomentQuery) ([][]int, error) { // [annotators][clips]
	if len(q.Saliency) == 0 {
		return nil, invalid("query %s has no ratings of its clips", q.ID)
	}
	clips := int(q.Duration / clipSeconds)
	ratings := make([][]int, len(q.Saliency[0].Scores))
	for a := range ratings {
		ratings[a] = make([]int, clips)
	}
	for _, rating := range q.Saliency {
		if rating.Clip < 0 || rating.Clip >= clips || len(rating.Scores) != len(ratings) || len(ratings) == 0 {
			return nil, invalid("query %s: the video has %d clips and %d annotators, clip %d has %d ratings", q.ID, clips, len(ratings), rating.Clip, len(rating.Scores))
		}
		for a, score := range rating.Scores {
			ratings[a][rating.Clip] = score
		}
	}
	return ratings, nil
}

// tiedPrecision is the average precision of the QVHighlights script. Clips of one score form a group; the precision of a
// group is that of all clips that score as high, or the best of any lower group; the result is the plain mean over the
// groups that hold a positive, however many they hold. Without positives it is 0, without negatives 1.
func tiedPrecision(positive []bool, scores []float64) float64 {
	order := make([]int, len(scores))
	positives := 0
	for i := range order {
		order[i] = i
		if positive[i] {
			positives++
		}
	}
	switch positives {
	case 0:
		return 0
	case len(positive):
		return 1
	}
	slices.SortFunc(order, func(a, b int) int { return compareDown(scores[a], scores[b]) })
	type group struct {
		precision float64
		positive  bool
	}
	var groups []group
	found := 0
	for at, i := range order {
		if at == 0 || scores[i] != scores[order[at-1]] {
			groups = append(groups, group{})
		}
		last := &groups[len(groups)-1]
		if positive[i] {
			found++
			last.positive = true
		}
		last.precision = float64(found) / float64(at+1)
	}
	sum, counted, best := 0.0, 0, 0.0
	for _, g := range slices.Backward(groups) {
		best = max(best, g.precision)
		if g.positive {
			sum += best
			counted++
		}
	}
	return sum / float64(counted)
}
