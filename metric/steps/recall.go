package steps

import (
	"fmt"
	"math"
	"slices"

	"sightline"
	"sightline/metric"
)

// Truth says which steps people marked at which frames; a frame may show several.
type Truth struct {
	Frames, Steps int
	marked        []bool // [T, K]
}

// NewTruth returns a truth of so many frames and steps with no mark.
func NewTruth(frames, steps int) Truth { return Truth{frames, steps, make([]bool, frames*steps)} }

// Mark marks a step, from 0, at every frame of one second that the span touches: floor(start) to ceil(end) − 1, cut at the
// last frame, as CrossTask's code does.
func (t Truth) Mark(step int, span sightline.Span) {
	for frame := max(0, math.Floor(span.Start)); frame < math.Ceil(span.End) && frame < float64(t.Frames); frame++ {
		t.marked[int(frame)*t.Steps+step] = true
	}
}

// At reports whether a step is marked at a frame.
func (t Truth) At(frame, step int) bool { return t.marked[frame*t.Steps+step] }

// occurring returns how many steps are marked anywhere.
func (t Truth) occurring() int {
	n := 0
	for k := range t.Steps {
		for f := range t.Frames {
			if t.At(f, k) {
				n++
				break
			}
		}
	}
	return n
}

// Video is a video of a task with the steps that people marked and those that were located in it.
type Video struct {
	ID, Task string
	Truth    Truth
	Located  []int // the step of each frame, or None
}

// Recall is the share of steps located, in percent.
type Recall struct {
	Name string `json:"name"`
	metric.Estimate
}

// Report is the recall of located steps. Every number is in percent.
type Report struct {
	Videos int      `json:"videos"`
	Tasks  []Recall `json:"tasks"` // of each task, in order of first appearance
	Mean   Recall   `json:"mean"`  // over tasks, each counted once
	// Baselines need no model: uniform spreads the steps evenly in their order; random order gives the same frames to the
	// steps in any order; random frames draws the frames and keeps the order. The random ones are expectations, computed
	// and not drawn.
	Baselines []Recall `json:"baselines"`
}

// Judge computes CrossTask's recall: of each task, located steps that hit a marked frame over steps that occur, summed over
// its videos; and their mean over tasks. Intervals come from drawing videos.
func Judge(videos []Video, options metric.Options) (Report, error) {
	tasks, place, err := tasksOf(videos)
	if err != nil {
		return Report{}, err
	}
	report := Report{Videos: len(videos), Tasks: tasks}
	run := recalls(tasks)
	expected := map[string]*metric.Totals{}
	names := []string{"uniform", "random order", "random frames"}
	for _, name := range names {
		expected[name] = &metric.Totals{Numbers: run.Numbers, Names: run.Names}
	}
	for _, v := range videos {
		add := func(to *metric.Totals, hits float64) {
			to.Items = append(to.Items, v.sums(len(tasks), place[v.Task], hits))
		}
		add(&run, v.hits())
		inOrder, anyOrder := v.Truth.uniform()
		add(expected["uniform"], inOrder)
		add(expected["random order"], anyOrder)
		add(expected["random frames"], v.Truth.randomFrames())
	}
	estimates, err := run.Summarize(options)
	if err != nil {
		return Report{}, err
	}
	for i := range report.Tasks {
		report.Tasks[i].Estimate = estimates[i]
	}
	last := len(report.Tasks)
	report.Mean = Recall{"mean over tasks", estimates[last]}
	for _, name := range names {
		plain, err := expected[name].Summarize(metric.Options{Resamples: -1})
		if err != nil {
			return Report{}, err
		}
		report.Baselines = append(report.Baselines, Recall{name, plain[last]})
	}
	return report, nil
}

// tasksOf returns the tasks of videos in order of first appearance, and the place of each by its name. It refuses videos that
// cannot be judged.
func tasksOf(videos []Video) (tasks []Recall, place map[string]int, err error) {
	const what = "judge located steps"
	if len(videos) == 0 {
		return nil, nil, &sightline.Error{Kind: sightline.Usage, What: what, Err: fmt.Errorf("there are no videos"), Try: "give at least one"}
	}
	place = map[string]int{}
	for _, v := range videos {
		fail := func(format string, args ...any) ([]Recall, map[string]int, error) {
			return nil, nil, &sightline.Error{
				Kind: sightline.Usage, What: what, Err: fmt.Errorf("video %q of task %q: %w", v.ID, v.Task, fmt.Errorf(format, args...)),
				Try: "give truth and located steps of the same frames",
			}
		}
		if len(v.Located) != v.Truth.Frames {
			return fail("%d frames were located, %d are marked", len(v.Located), v.Truth.Frames)
		}
		if v.Truth.Frames < v.Truth.Steps {
			return fail("it has %d frames for %d steps", v.Truth.Frames, v.Truth.Steps)
		}
		if i := slices.IndexFunc(v.Located, func(k int) bool { return k < None || k >= v.Truth.Steps }); i >= 0 {
			return fail("frame %d was given step %d of %d", i, v.Located[i], v.Truth.Steps)
		}
		if _, ok := place[v.Task]; !ok {
			place[v.Task] = len(tasks)
			tasks = append(tasks, Recall{Name: v.Task})
		}
	}
	return tasks, place, nil
}

// sums returns what a video with so many hits adds to the totals of recalls, its task being the one at place.
func (v Video) sums(tasks, place int, hits float64) []float64 {
	sums := make([]float64, 2*tasks)
	sums[2*place], sums[2*place+1] = hits, float64(v.Truth.occurring())
	return sums
}

// recalls are totals without items whose numbers are each task's recall and their mean. A task of which a draw has no steps
// has recall 0 and does not count in the mean.
func recalls(tasks []Recall) metric.Totals {
	t := metric.Totals{Numbers: func(sums []float64) []float64 {
		numbers := make([]float64, len(tasks)+1)
		counted := 0.0
		for i := range tasks {
			if hits, steps := sums[2*i], sums[2*i+1]; steps > 0 {
				numbers[i] = 100 * hits / steps
				numbers[len(tasks)] += numbers[i]
				counted++
			}
		}
		numbers[len(tasks)] /= max(counted, 1)
		return numbers
	}}
	for _, task := range tasks {
		t.Names = append(t.Names, task.Name)
	}
	t.Names = append(t.Names, "mean over tasks")
	return t
}

// hits counts frames at which the located step is marked.
func (v Video) hits() (hits float64) {
	for frame, step := range v.Located {
		if step != None && v.Truth.At(frame, step) {
			hits++
		}
	}
	return hits
}

// uniform returns the hits of evenly spread steps, step k at the middle of the k-th of K equal parts: in their order, and
// expected over all orders.
func (t Truth) uniform() (inOrder, anyOrder float64) {
	for place := range t.Steps {
		frame := (2*place + 1) * t.Frames / (2 * t.Steps)
		for step := range t.Steps {
			if !t.At(frame, step) {
				continue
			}
			anyOrder += 1 / float64(t.Steps)
			if step == place {
				inOrder++
			}
		}
	}
	return inOrder, anyOrder
}

// randomFrames returns the expected hits of K frames drawn without repetition and given to the steps in order: step k falls
// on frame t with probability C(t, k)·C(T−1−t, K−1−k) / C(T, K).
func (t Truth) randomFrames() (hits float64) {
	all := logChoose(t.Frames, t.Steps)
	for frame := range t.Frames {
		for step := range min(t.Steps, frame+1) {
			if t.At(frame, step) && t.Frames-1-frame >= t.Steps-1-step {
				hits += math.Exp(logChoose(frame, step) + logChoose(t.Frames-1-frame, t.Steps-1-step) - all)
			}
		}
	}
	return hits
}

// logChoose returns the logarithm of the binomial coefficient.
func logChoose(n, k int) float64 {
	gamma := func(n int) float64 {
		v, _ := math.Lgamma(float64(n + 1))
		return v
	}
	return gamma(n) - gamma(k) - gamma(n-k)
}
