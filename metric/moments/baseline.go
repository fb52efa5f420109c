package moments

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"sightline"
)

// RandomSpans answers every query with n spans of its own video, both ends drawn evenly over its length: what one reaches
// in SVMR and its like without looking at anything. The durations of the videos must be known.
func RandomSpans(queries []sightline.MomentQuery, n int, seed uint64) (Lists, error) {
	random := rand.New(rand.NewPCG(seed, 3))
	lists := Lists{}
	for _, q := range queries {
		if q.Duration <= 0 {
			return nil, unknownDuration(q.Video)
		}
		list := make([]sightline.VideoMoment, n)
		for i := range list {
			list[i] = randomMoment(random, sightline.Video{ID: q.Video, Duration: q.Duration}, 1-float64(i)/float64(n))
		}
		lists[q.ID] = list
	}
	return lists, nil
}

// RandomMoments answers every query with n spans, each of a video drawn evenly from all: the same for VCMR.
func RandomMoments(queries []sightline.MomentQuery, videos []sightline.Video, n int, seed uint64) (Lists, error) {
	random := rand.New(rand.NewPCG(seed, 4))
	lists := Lists{}
	for _, v := range videos {
		if v.Duration <= 0 {
			return nil, unknownDuration(v.ID)
		}
	}
	for _, q := range queries {
		list := make([]sightline.VideoMoment, n)
		for i := range list {
			list[i] = randomMoment(random, videos[random.IntN(len(videos))], 1-float64(i)/float64(n))
		}
		lists[q.ID] = list
	}
	return lists, nil
}

// RandomVideos answers every query with n videos, or all if there are fewer, in random order: the same for VR.
func RandomVideos(queries []sightline.MomentQuery, videos []sightline.Video, n int, seed uint64) Lists {
	random := rand.New(rand.NewPCG(seed, 5))
	order := slices.Clone(videos)
	n = min(n, len(order))
	lists := Lists{}
	for _, q := range queries {
		list := make([]sightline.VideoMoment, n)
		for i := range list {
			j := i + random.IntN(len(order)-i)
			order[i], order[j] = order[j], order[i]
			list[i] = sightline.VideoMoment{Video: order[i].ID, Moment: sightline.Moment{Score: 1 - float64(i)/float64(n)}}
		}
		lists[q.ID] = list
	}
	return lists
}

// RandomSaliency rates every clip of every query at random: the same for highlights.
func RandomSaliency(queries []sightline.MomentQuery, seed uint64) map[string][]float64 {
	random := rand.New(rand.NewPCG(seed, 6))
	saliency := map[string][]float64{}
	for _, q := range queries {
		scores := make([]float64, max(1, int(q.Duration/clipSeconds)))
		for i := range scores {
			scores[i] = random.Float64()
		}
		saliency[q.ID] = scores
	}
	return saliency
}

func randomMoment(random *rand.Rand, v sightline.Video, score float64) sightline.VideoMoment {
	a, b := v.Duration*random.Float64(), v.Duration*random.Float64()
	return sightline.VideoMoment{Video: v.ID, Moment: sightline.Moment{Span: sightline.Span{Start: min(a, b), End: max(a, b)}, Score: score}}
}

// Prior is where moments lie in the videos of a training set, whatever the query: positions in parts of the video's length,
// the most common first.
type Prior []sightline.Moment // the score is the share of training moments

// cells is how finely Prior tells positions apart: start and end each fall into one of so many parts of the video.
const cells = 20

// NewPrior counts the gold spans of training queries by position; each position stands for the mean of the spans in it. A
// model that does no better than this answers from the data set's habits and not from the video or the sentence.
func NewPrior(train []sightline.MomentQuery) (Prior, error) {
	type cell struct{ start, end int }
	sums := map[cell]sightline.Moment{}
	total := 0.0
	for _, q := range train {
		if len(q.Gold) > 0 && q.Duration <= 0 {
			return nil, unknownDuration(q.Video)
		}
		for _, g := range q.Gold {
			start, end := g.Start/q.Duration, min(1, g.End/q.Duration)
			at := cell{int(math.Round(start * cells)), int(math.Round(end * cells))}
			sum := sums[at]
			sum.Start, sum.End, sum.Score = sum.Start+start, sum.End+end, sum.Score+1
			sums[at] = sum
			total++
		}
	}
	if total == 0 {
		return nil, invalid("the training queries have no gold spans")
	}
	var prior Prior
	for _, sum := range sums {
		n := sum.Score
		prior = append(prior, sightline.Moment{Span: sightline.Span{Start: sum.Start / n, End: sum.End / n}, Score: n / total})
	}
	slices.SortFunc(prior, func(a, b sightline.Moment) int {
		return cmp.Or(compareDown(a.Score, b.Score), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	return prior, nil
}

// Spans answers every query with the n most common positions in its own video.
func (p Prior) Spans(queries []sightline.MomentQuery, n int) (Lists, error) {
	lists := Lists{}
	for _, q := range queries {
		if q.Duration <= 0 {
			return nil, unknownDuration(q.Video)
		}
		for _, m := range p[:min(n, len(p))] {
			m.Start, m.End = m.Start*q.Duration, m.End*q.Duration
			lists[q.ID] = append(lists[q.ID], sightline.VideoMoment{Video: q.Video, Moment: m})
		}
	}
	return lists, nil
}

func unknownDuration(video string) error {
	return invalid("the duration of video %q is not known, so no baseline can be drawn", video)
}
