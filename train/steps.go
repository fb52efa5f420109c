package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"sightline"
	"sightline/align"
	"sightline/corpus"
	"sightline/dataset"
	"sightline/metric/steps"
)

// Tasks is a split of videos in which the steps of tasks are to be found, as a model of retrieval sees it: a row of features
// for each second, and the text of every step. Nothing is trained on it.
type Tasks struct {
	Set    dataset.StepSet
	Videos []align.Video      // one for each of the set, T rows
	Texts  [][]align.Sentence // of the steps of each task
}

// stepRate is how many frames a second steps are found in, as CrossTask's evaluation has it.
const stepRate = 1

// OpenTasks opens a split of tasks: a rendered one (world:A/base/tasks/test), or one of CrossTask's or COIN's official files
// (dataset.ReadSteps). Features are the setting's encoders', or those made elsewhere that the folder imported holds:
//
//	video/VIDEO.npy     [T, Dv], a row a second
//	step/TASK.npy       [K, Dt], a row for each of the task's steps in their order
//
// Role is left out of the record.
func OpenTasks(ctx context.Context, name, imported string, setting Setting) (Tasks, DataRecord, error) {
	fail := func(err error) (Tasks, DataRecord, error) { return Tasks{}, DataRecord{}, err }
	c, set, err := openSteps(name)
	if err != nil {
		return fail(err)
	}
	tasks := Tasks{Set: set, Texts: make([][]align.Sentence, len(set.Tasks))}
	if imported != "" {
		if err := tasks.imported(imported); err != nil {
			return fail(err)
		}
		return tasks, DataRecord{Name: name, Hash: c.Hash(), Videos: len(set.Videos), Captions: tasks.steps(),
			Sampling: "imported, a row a second", Decoder: imported}, nil
	}
	if i := missing(c, set); i >= 0 {
		return fail(&sightline.Error{
			Kind: sightline.Failed, What: "open " + name, Err: fmt.Errorf("the file of video %s is not there", set.Videos[i].ID),
			Try: "put the videos below videos/ under their ids, or name a folder of features made elsewhere (docs/formats.md)",
		})
	}
	pairs, err := storedVideos(ctx, c, setting, corpus.Rate(stepRate))
	if err != nil {
		return fail(err)
	}
	for _, v := range pairs.Videos {
		tasks.Videos = append(tasks.Videos, everySecond(v))
	}
	for i, task := range set.Tasks {
		vectors, err := setting.Encoders.Texts.EncodeTexts(ctx, task.Steps)
		if err != nil {
			return fail(fmt.Errorf("steps of %s: %w", task.Name, err))
		}
		for k, text := range task.Steps {
			tasks.Texts[i] = append(tasks.Texts[i], align.Sentence{Text: text, Vector: vectors.Row(k)})
		}
	}
	record := describe(ctx, "", c, corpus.Rate(stepRate))
	record.Captions = tasks.steps()
	return tasks, record, nil
}

// openSteps opens the videos of a split of tasks, and reads its tasks.
func openSteps(name string) (*corpus.Corpus, dataset.StepSet, error) {
	if dataset.IsSteps(name) {
		set, err := dataset.ReadSteps(name)
		c := &corpus.Corpus{Name: name, Set: dataset.Set{Name: name}}
		for _, v := range set.Videos {
			c.Set.Videos = append(c.Set.Videos, v.Video)
		}
		return c, set, err
	}
	c, err := corpus.Open(name)
	if err != nil {
		return nil, dataset.StepSet{}, err
	}
	set, ok := c.Steps()
	if !ok {
		return nil, dataset.StepSet{}, &sightline.Error{
			Kind: sightline.Usage, What: "open " + name, Err: errors.New("its videos carry out no tasks"),
			Try: "world:A/base/tasks/test, crosstask:FOLDER/val or coin:FOLDER/test",
		}
	}
	return c, set, nil
}

// missing returns the first video whose file is not there; -1 where none is missing.
func missing(c *corpus.Corpus, set dataset.StepSet) int {
	for i, v := range set.Videos {
		if !c.Rendered && v.Path == "" {
			return i
		}
	}
	return -1
}

// steps counts the steps of all tasks.
func (t Tasks) steps() int {
	n := 0
	for _, task := range t.Set.Tasks {
		n += len(task.Steps)
	}
	return n
}

// imported reads features made elsewhere.
func (t *Tasks) imported(dir string) error {
	width := 0
	for _, v := range t.Set.Videos {
		rows, err := matrix(filepath.Join(dir, "video", v.ID+".npy"))
		if err != nil {
			return lacking(dir, err)
		}
		if width == 0 {
			width = rows.Cols
		}
		if rows.Cols != width {
			return lacking(dir, fmt.Errorf("the features of %s are %d wide, those before them %d", v.ID, rows.Cols, width))
		}
		t.Videos = append(t.Videos, align.Video{ID: v.ID, Features: rows, Spans: seconds(rows.Rows)})
		if t.Texts[v.Task] != nil {
			continue
		}
		task := t.Set.Tasks[v.Task]
		path := filepath.Join(dir, "step", task.ID+".npy")
		texts, err := matrix(path)
		if err == nil && texts.Rows != len(task.Steps) {
			err = fmt.Errorf("%s has %d rows, the task %d steps", path, texts.Rows, len(task.Steps))
		}
		if err != nil {
			return lacking(dir, err)
		}
		for k, text := range task.Steps {
			t.Texts[v.Task] = append(t.Texts[v.Task], align.Sentence{Text: text, Vector: texts.Row(k)})
		}
	}
	return nil
}

// Shown counts the tasks that videos carry out.
func (t Tasks) Shown() int {
	shown := map[int]bool{}
	for _, v := range t.Set.Videos {
		shown[v.Task] = true
	}
	return len(shown)
}

// Widths returns those of the features and of the texts.
func (t Tasks) Widths() (video, text int) {
	for _, v := range t.Set.Videos {
		return t.Videos[0].Features.Cols, len(t.Texts[v.Task][0].Vector)
	}
	return 0, 0
}

// seconds returns n spans of one second from the start.
func seconds(n int) []sightline.Span {
	spans := make([]sightline.Span, n)
	for i := range spans {
		spans[i] = sightline.Span{Start: float64(i), End: float64(i + 1)}
	}
	return spans
}

// everySecond gives a video one row for each second: the first of the rows that begin in it, and where none does, because the
// file has no new picture there, the row before.
func everySecond(v align.Video) align.Video {
	end := v.Spans[len(v.Spans)-1].End
	var chosen []int
	for t, row := 0, 0; t == 0 || float64(t) < end; t++ {
		for row+1 < len(v.Spans) && v.Spans[row].Start < float64(t) && v.Spans[row+1].Start < float64(t+1) {
			row++
		}
		chosen = append(chosen, row)
	}
	rows := sightline.NewMatrix(len(chosen), v.Features.Cols)
	for t, row := range chosen {
		copy(rows.Row(t), v.Features.Row(row))
	}
	v.Features, v.Spans = rows, seconds(len(chosen))
	return v
}

// Score returns the similarities [T, K] of every second of each video with the steps of its task.
func (t Tasks) Score(ctx context.Context, model *align.Model) ([]sightline.Matrix, error) {
	texts := make([]align.Encoded, len(t.Set.Tasks))
	var scores []sightline.Matrix
	for i, v := range t.Videos {
		task := t.Set.Videos[i].Task
		if texts[task].N == 0 {
			var err error
			if texts[task], err = model.EncodeTexts(ctx, t.Texts[task]); err != nil {
				return nil, err
			}
		}
		similar, err := model.ScoreRows(ctx, texts[task], v)
		if err == nil {
			err = similar.Finite()
		}
		if err != nil {
			return nil, fmt.Errorf("score the steps of %s: %w", v.ID, err)
		}
		scores = append(scores, similar.T())
	}
	return scores, nil
}

// Ordered tells whether the steps of tasks follow each other, so that they can be located in order: COIN's are sorted by their
// numbers and nothing else.
func (t Tasks) Ordered() bool {
	for _, task := range t.Set.Tasks {
		if task.Labels != nil {
			return false
		}
	}
	return true
}

// Locate finds one frame for every step of each video, in the order of its task, as CrossTask's evaluation does. The costs are
// those of the softmax over the steps of similarities times scale.
func (t Tasks) Locate(scores []sightline.Matrix, scale float64) ([]steps.Video, error) {
	var videos []steps.Video
	for i, v := range t.Set.Videos {
		task := t.Set.Tasks[v.Task]
		truth := steps.NewTruth(scores[i].Rows, len(task.Steps))
		for _, step := range v.Steps {
			truth.Mark(step.Number, step.Span)
		}
		located, err := steps.Locate(steps.Costs(Scaled(scores[i], scale)), steps.Options{})
		if err != nil {
			return nil, fmt.Errorf("video %s of task %q: %w", v.ID, task.Name, err)
		}
		videos = append(videos, steps.Video{ID: v.ID, Task: task.ID, Truth: truth, Located: located})
	}
	return videos, nil
}

// LabelInOrder gives every second of each video a label as its task's order has it: each step in turn takes some seconds in a
// row, and those that fit the step that is due no better than steps at large are background. It needs no threshold, but knows
// the order. Scale is that of Locate.
func (t Tasks) LabelInOrder(scores []sightline.Matrix, scale float64) ([]steps.Labelled, error) {
	var videos []steps.Labelled
	for i, v := range t.Set.Videos {
		labels := t.Set.Labels(v.Task)
		options := steps.Options{Repeat: true, Background: steps.Indifferent(len(labels))}
		located, err := steps.Locate(steps.Costs(Scaled(scores[i], scale)), options)
		if err != nil {
			return nil, fmt.Errorf("video %s: %w", v.ID, err)
		}
		predicted := make([]int, len(located))
		for frame, k := range located {
			if k != steps.None {
				predicted[frame] = labels[k]
			}
		}
		videos = append(videos, steps.Labelled{ID: v.ID, Truth: t.labels(i, len(located)), Predicted: predicted})
	}
	return videos, nil
}

// LabelEvenly deals the seconds of each video out to the steps of its task in equal parts, whatever they show.
func (t Tasks) LabelEvenly() []steps.Labelled {
	var videos []steps.Labelled
	for i, v := range t.Set.Videos {
		frames := t.Videos[i].Features.Rows
		videos = append(videos, steps.Labelled{ID: v.ID, Truth: t.labels(i, frames), Predicted: steps.Evenly(frames, t.Set.Labels(v.Task))})
	}
	return videos
}

// Scaled returns a matrix times a factor.
func Scaled(m sightline.Matrix, factor float64) sightline.Matrix {
	scaled := sightline.NewMatrix(m.Rows, m.Cols)
	for i, v := range m.Data {
		scaled.Data[i] = float32(factor * float64(v))
	}
	return scaled
}

// NoBackground is the threshold with which Label calls no second background.
var NoBackground = math.Inf(-1)

// Label gives every second of each video a label: that of the best step of its task, or background where even that one scores
// below threshold.
func (t Tasks) Label(scores []sightline.Matrix, threshold float64) []steps.Labelled {
	var videos []steps.Labelled
	for i, v := range t.Set.Videos {
		labels := t.Set.Labels(v.Task)
		videos = append(videos, steps.Labelled{ID: v.ID, Truth: t.labels(i, scores[i].Rows), Predicted: steps.Label(scores[i], labels, threshold)})
	}
	return videos
}

// labels returns what people call each of the frames of video i.
func (t Tasks) labels(i, frames int) []int {
	v := t.Set.Videos[i]
	labels := t.Set.Labels(v.Task)
	var spans []sightline.Span
	var numbers []int
	for _, step := range v.Steps {
		spans, numbers = append(spans, step.Span), append(numbers, labels[step.Number])
	}
	return steps.Labels(frames, spans, numbers)
}

// Threshold returns the threshold with which Label is right about most seconds. It is chosen on validation videos, and used on
// others.
func (t Tasks) Threshold(scores []sightline.Matrix) float64 {
	var labels, truth [][]int
	for i, v := range t.Set.Videos {
		labels, truth = append(labels, t.Set.Labels(v.Task)), append(truth, t.labels(i, scores[i].Rows))
	}
	return steps.Threshold(scores, labels, truth)
}
