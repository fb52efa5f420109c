package steps

import (
	"cmp"
	"math"
	"slices"

	"sightline"
)

// Label returns the label of each frame from the scores [T, K] of the steps of its task: that of the best step, the first of
// equals, and Background where even the best scores below threshold. Labels has the label of each step.
func Label(scores sightline.Matrix, labels []int, threshold float64) []int {
	result := make([]int, scores.Rows)
	for t := range result {
		if k, score := best(scores.Row(t)); score >= threshold {
			result[t] = labels[k]
		}
	}
	return result
}

// Evenly returns the labels of frames that are dealt out to the steps in equal parts, in their order: what knowing the order
// alone gives.
func Evenly(frames int, labels []int) []int {
	result := make([]int, frames)
	for t := range result {
		result[t] = labels[t*len(labels)/frames]
	}
	return result
}

// best returns the step of the highest score, the first of equals.
func best(row []float32) (step int, score float64) {
	score = math.Inf(-1)
	for k, v := range row {
		if float64(v) > score {
			step, score = k, float64(v)
		}
	}
	return step, score
}

// Threshold returns the threshold with which Label is right about most frames, background counted: of several the one that
// calls the fewest frames background. It is meant for validation videos, whose scores [T, K], labels of steps and labels of
// frames it takes.
func Threshold(scores []sightline.Matrix, labels, truth [][]int) float64 {
	type frame struct {
		score float64
		gain  int // of calling it by its best step instead of background
	}
	var frames []frame
	for v := range scores {
		for t, label := range truth[v] {
			k, score := best(scores[v].Row(t))
			f := frame{score: score}
			switch label {
			case labels[v][k]:
				f.gain = 1
			case Background:
				f.gain = -1
			}
			frames = append(frames, f)
		}
	}
	slices.SortStableFunc(frames, func(a, b frame) int { return cmp.Compare(b.score, a.score) })
	if len(frames) == 0 {
		return 0
	}
	threshold := math.Nextafter(frames[0].score, math.Inf(1)) // all frames are background
	gain, most := 0, 0
	for i, f := range frames {
		if gain += f.gain; gain >= most && (i+1 == len(frames) || frames[i+1].score < f.score) {
			most, threshold = gain, f.score
		}
	}
	return threshold
}
