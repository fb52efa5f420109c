package dataset

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sightline"
)

// StepSet is a set of videos in which people carry out tasks, step by step.
type StepSet struct {
	Name   string
	Tasks  []Task
	Videos []TaskVideo
}

// Task is a list of steps that follow each other.
type Task struct {
	ID    string
	Name  string
	Steps []string
	// Labels are the numbers of the steps among all of the data set, from 1, where it has such numbers (COIN); nil else.
	Labels []int
}

// TaskVideo is a video of a task and where its steps are to be seen.
type TaskVideo struct {
	sightline.Video
	Task  int    // index into StepSet.Tasks
	Part  string // "train", "val", "test"; empty where the data set does not say
	Steps []Step // in the order of the annotation
}

// Step is one step of a task as a video shows it.
type Step struct {
	sightline.Span
	Number int `json:"number"` // index into the task's steps
}

func unreadableSteps(path string, err error) error {
	return &sightline.Error{
		Kind: sightline.Failed, What: "read steps from " + path, Err: err,
		Try: "docs/formats.md says which official files it needs",
	}
}

// stepFault says what is wrong with a step of a task of count steps; nil when nothing is.
func stepFault(s Step, count int) error {
	switch {
	case s.Number < 0 || s.Number >= count:
		return fmt.Errorf("step %d of a task of %d steps", s.Number+1, count)
	case !(s.Start >= 0 && s.End > s.Start) || math.IsInf(s.End, 0):
		return fmt.Errorf("the step runs from %v s to %v s", s.Start, s.End)
	}
	return nil
}

// CrossTask reads CrossTask (Zhukov et al., 2019) from its folder: tasks_primary.txt, tasks_related.txt where it is there,
// and annotations/TASK_VIDEO.csv with rows step,start,end, steps counted from 1. Videos without annotations are left out.
// Those of videos_val.csv are the part "val", which results are reported on; where that file is missing no part is given.
func CrossTask(dir string) (StepSet, error) {
	set := StepSet{Name: "CrossTask"}
	places := map[string]int{}
	for _, name := range []string{"tasks_primary.txt", "tasks_related.txt"} {
		err := crossTaskTasks(filepath.Join(dir, name), func(task Task) error {
			if _, twice := places[task.ID]; twice {
				return fmt.Errorf("task %s is there twice", task.ID)
			}
			places[task.ID] = len(set.Tasks)
			set.Tasks = append(set.Tasks, task)
			return nil
		})
		if err != nil && !(name == "tasks_related.txt" && errors.Is(err, fs.ErrNotExist)) {
			return StepSet{}, unreadableSteps(dir, err)
		}
	}
	val := map[string]bool{}
	path := filepath.Join(dir, "videos_val.csv")
	err := eachLine(path, func(line int, text string) error {
		fields := strings.Split(text, ",")
		if len(fields) < 2 {
			return &placeError{path, line, fmt.Errorf("%d fields parted by commas, want task, video and address", len(fields))}
		}
		val[fields[0]+"_"+fields[1]] = true
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return StepSet{}, unreadableSteps(dir, err)
	}
	files, err := os.ReadDir(filepath.Join(dir, "annotations"))
	if err != nil {
		return StepSet{}, unreadableSteps(dir, err)
	}
	for _, file := range files {
		name, isCSV := strings.CutSuffix(file.Name(), ".csv")
		path := filepath.Join(dir, "annotations", file.Name())
		if !isCSV || file.IsDir() {
			continue
		}
		task, video, named := strings.Cut(name, "_")
		place, known := places[task]
		if !named || !known {
			return StepSet{}, unreadableSteps(dir, &placeError{path, 0, fmt.Errorf("the name does not begin with a task's number and _")})
		}
		v := TaskVideo{Video: sightline.Video{ID: video}, Task: place}
		switch {
		case val[name]:
			v.Part = "val"
		case len(val) > 0:
			v.Part = "train"
		}
		if v.Steps, err = crossTaskSteps(path, len(set.Tasks[place].Steps)); err != nil {
			return StepSet{}, unreadableSteps(dir, err)
		}
		set.Videos = append(set.Videos, v)
	}
	if len(set.Videos) == 0 {
		return StepSet{}, unreadableSteps(dir, errors.New("there are no annotations in it"))
	}
	return set, nil
}

// crossTaskTasks reads a list of tasks: number, name, address, how many steps there are, and the steps parted by commas, a
// line each.
func crossTaskTasks(path string, do func(Task) error) error {
	var block []string
	first := 0
	err := eachLine(path, func(line int, text string) error {
		if len(block) == 0 {
			first = line
		}
		if block = append(block, strings.TrimSpace(text)); len(block) < 5 {
			return nil
		}
		task := Task{ID: block[0], Name: block[1]}
		for step := range strings.SplitSeq(block[4], ",") {
			task.Steps = append(task.Steps, strings.TrimSpace(step))
		}
		count, err := strconv.Atoi(block[3])
		switch {
		case err != nil:
			return &placeError{path, first + 3, fmt.Errorf("%q where the number of steps should be", block[3])}
		case count != len(task.Steps) || slices.Contains(task.Steps, ""):
			return &placeError{path, line, fmt.Errorf("task %s has %d steps, the line above says %d", task.ID, len(task.Steps), count)}
		}
		block = block[:0]
		if err := do(task); err != nil {
			return &placeError{path, first, err}
		}
		return nil
	})
	if err == nil && len(block) > 0 {
		err = &placeError{path, first, fmt.Errorf("the task has %d lines, not 5", len(block))}
	}
	return err
}

// crossTaskSteps reads the annotation of a video whose task has count steps.
func crossTaskSteps(path string, count int) ([]Step, error) {
	steps := []Step{}
	err := eachLine(path, func(line int, text string) error {
		fields, err := csv.NewReader(strings.NewReader(text)).Read()
		if err != nil || len(fields) != 3 {
			return &placeError{path, line, fmt.Errorf("%q is not step,start,end", text)}
		}
		number, err := strconv.Atoi(strings.TrimSpace(fields[0]))
		if err != nil {
			return &placeError{path, line, fmt.Errorf("%q is no number of a step", fields[0])}
		}
		var ends [2]float64
		for i := range ends {
			if ends[i], err = strconv.ParseFloat(strings.TrimSpace(fields[i+1]), 64); err != nil {
				return &placeError{path, line, fmt.Errorf("%q is no number of seconds", fields[i+1])}
			}
		}
		step := Step{sightline.Span{Start: ends[0], End: ends[1]}, number - 1}
		if err := stepFault(step, count); err != nil {
			return &placeError{path, line, err}
		}
		steps = append(steps, step)
		return nil
	})
	return steps, err
}

// looseID is an identifier that some write as a string and some as a number.
type looseID string

// UnmarshalJSON reads either.
func (id *looseID) UnmarshalJSON(text []byte) error {
	var s string
	if json.Unmarshal(text, &s) == nil {
		*id = looseID(s)
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(text, &n); err != nil {
		return errors.New("an id is neither a string nor a number")
	}
	*id = looseID(n)
	return nil
}

// coinVideo is a video in COIN.json.
type coinVideo struct {
	Class      string  `json:"class"`
	Subset     string  `json:"subset"`
	Duration   float64 `json:"duration"`
	Annotation []struct {
		ID      looseID    `json:"id"`
		Label   string     `json:"label"`
		Segment [2]float64 `json:"segment"`
	} `json:"annotation"`
}

// COIN reads COIN (Tang et al., 2019): COIN.json, an object whose database has a member for each video. A task is a class of
// videos; its steps are those that its videos show, in the order of their numbers.
func COIN(path string) (StepSet, error) {
	set := StepSet{Name: "COIN"}
	places := map[string]int{}
	texts := map[int]string{}
	labels := [][]int{} // of each video's steps
	err := eachMember(path, []string{"database"}, func(line int, id string, v coinVideo) error {
		fail := func(err error) error { return &placeError{path, line, fmt.Errorf("video %s: %w", id, err)} }
		part, known := map[string]string{"training": "train", "testing": "test", "validation": "val", "": ""}[v.Subset]
		switch {
		case v.Class == "":
			return fail(errors.New("it has no class"))
		case !known:
			return fail(fmt.Errorf("its subset is %q, not training or testing", v.Subset))
		case !(v.Duration >= 0) || math.IsInf(v.Duration, 0):
			return fail(fmt.Errorf("it lasts %v s", v.Duration))
		}
		place, known := places[v.Class]
		if !known {
			place = len(set.Tasks)
			places[v.Class] = place
			set.Tasks = append(set.Tasks, Task{ID: v.Class, Name: v.Class})
		}
		video := TaskVideo{Video: sightline.Video{ID: id, Duration: v.Duration}, Task: place, Part: part}
		var numbers []int
		for _, a := range v.Annotation {
			label, err := strconv.Atoi(string(a.ID))
			if err != nil || label < 1 {
				return fail(fmt.Errorf("%q is no number of a step", a.ID))
			}
			if text, ok := texts[label]; ok && text != a.Label {
				return fail(fmt.Errorf("step %d is %q, and %q before", label, a.Label, text))
			}
			texts[label] = a.Label
			if !slices.Contains(set.Tasks[place].Labels, label) {
				set.Tasks[place].Labels = append(set.Tasks[place].Labels, label)
			}
			step := Step{Span: sightline.Span{Start: a.Segment[0], End: a.Segment[1]}}
			if err := stepFault(step, 1); err != nil {
				return fail(err)
			}
			video.Steps, numbers = append(video.Steps, step), append(numbers, label)
		}
		set.Videos, labels = append(set.Videos, video), append(labels, numbers)
		return nil
	})
	if err == nil && len(set.Videos) == 0 {
		err = errors.New("there are no videos in it")
	}
	if err != nil {
		return StepSet{}, unreadableSteps(path, err)
	}
	for i := range set.Tasks {
		task := &set.Tasks[i]
		slices.Sort(task.Labels)
		for _, label := range task.Labels {
			task.Steps = append(task.Steps, texts[label])
		}
	}
	for i, v := range set.Videos {
		for n, label := range labels[i] {
			v.Steps[n].Number, _ = slices.BinarySearch(set.Tasks[v.Task].Labels, label)
		}
	}
	return set, nil
}
