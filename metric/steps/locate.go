// Package steps says how well the steps of a task are found in videos: CrossTask's recall, and COIN's accuracy over frames.
//
// It stands beside metric at the end of the pipeline. A model scores frames against the texts of steps; Costs and Locate
// turn its scores into one frame for each step, in the order of the task, and Judge compares them with what people marked.
// JudgeLabels does the same for frames that carry one label each. Both print what needs no model beside it: evenly spread
// steps, random ones, and the most frequent label.
//
// It does not read annotations; package dataset does. Frames are stretches of equal length from the start of the video, one
// a second for CrossTask.
package steps

import (
	"fmt"
	"math"

	"sightline"
)

// None is the step of a frame that shows none.
const None = -1

// Costs returns −log softmax over the steps of each frame, [T, K], of a model's scores [T, K]: what CrossTask's evaluation
// minimises.
func Costs(scores sightline.Matrix) sightline.Matrix {
	costs := sightline.NewMatrix(scores.Rows, scores.Cols)
	for t := range scores.Rows {
		row, into := scores.Row(t), costs.Row(t)
		most := math.Inf(-1)
		for _, v := range row {
			most = max(most, float64(v))
		}
		sum := 0.0
		for _, v := range row {
			sum += math.Exp(float64(v) - most)
		}
		for k, v := range row {
			into[k] = float32(most + math.Log(sum) - float64(v))
		}
	}
	return costs
}

// Indifferent is the cost of a frame that fits all of so many steps alike.
func Indifferent(steps int) float64 { return math.Log(float64(steps)) }

// Options are those of Locate. The zero value is CrossTask's evaluation.
type Options struct {
	Repeat     bool    // a step may take several frames in a row; else each takes exactly one
	Background float64 // cost of a frame that shows no step
}

// Locate returns the step of each frame, None for background: the cheapest way through costs [T, K] in which every step
// occurs, in order (Zhukov et al., 2019, section 4.3). It is the dynamic programme of CrossTask's code over 2K+1 states,
// even ones background, ties included, but for T = K: there every frame is a step, and the official code returns
// none at all. Fewer frames than steps are an error, as are costs that are no numbers.
func Locate(costs sightline.Matrix, options Options) ([]int, error) {
	frames, count := costs.Rows, costs.Cols
	fail := func(try, format string, args ...any) ([]int, error) {
		return nil, &sightline.Error{
			Kind: sightline.Usage, What: fmt.Sprintf("locate %d steps in %d frames", count, frames), Err: fmt.Errorf(format, args...), Try: try,
		}
	}
	if count == 0 {
		return fail("give the costs of at least one step", "there are no steps")
	}
	if frames < count {
		return fail("sample the video more densely", "every step needs a frame of its own")
	}
	for i, c := range costs.Data {
		if math.IsNaN(float64(c)) || math.IsInf(float64(c), 0) {
			return fail("look for what made the scores infinite", "the cost of step %d at frame %d is %v", i%count, i/count, c)
		}
	}
	states := 2*count + 1
	least := make([][]float64, frames+1) // least[t][k]: cost of the first t frames, the last of them in state k
	from := make([][]int, frames+1)      // the state before; None where k cannot be reached
	for t := range from {
		least[t], from[t] = make([]float64, states), make([]int, states)
		for k := range from[t] {
			from[t][k] = None
		}
	}
	from[0][0] = 0
	for t := 1; t <= frames; t++ {
		for k := range states {
			step := k%2 == 1
			best, before := 0.0, None
			try := func(j int) {
				if j >= 0 && from[t-1][j] != None && (before == None || best > least[t-1][j]) {
					best, before = least[t-1][j], j
				}
			}
			if !step || options.Repeat {
				try(k)
			}
			try(k - 1)
			if step {
				try(k - 2)
			}
			if before == None {
				continue
			}
			cost := options.Background
			if step {
				cost = float64(costs.Row(t - 1)[k/2])
			}
			least[t][k], from[t][k] = best+cost, before
		}
	}
	last := states - 2 // the last step, at the last frame
	if from[frames][last] == None || from[frames][last+1] != None && least[frames][last+1] < least[frames][last] {
		last++
	}
	located := make([]int, frames)
	for t, k := frames, last; t > 0; t, k = t-1, from[t][k] {
		located[t-1] = None
		if k%2 == 1 {
			located[t-1] = k / 2
		}
	}
	return located, nil
}
