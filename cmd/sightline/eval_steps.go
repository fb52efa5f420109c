package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sightline/align"
	"sightline/align/meanpool"
	"sightline/corpus"
	"sightline/internal/terminal"
	"sightline/metric"
	"sightline/metric/steps"
	"sightline/train"
)

// evalStepsJSON is the contract of eval steps --json.
type evalStepsJSON struct {
	Data       train.DataRecord `json:"data"`
	Val        string           `json:"val,omitempty"` // the split that thresholds were chosen on
	Backend    string           `json:"backend"`
	Confidence float64          `json:"confidence,omitempty"`
	Tasks      int              `json:"tasks"`
	Models     []stepsRow       `json:"models"`
	// Evenly is the accuracy of frames dealt out to the steps in equal parts; missing where steps have no order.
	Evenly *steps.LabelReport `json:"evenly,omitempty"`
	Tests  []stepsTest        `json:"tests"` // of every model against the first
}

// stepsRow is what a model reaches.
type stepsRow struct {
	Model     string            `json:"model"`
	Recall    *steps.Report     `json:"recall,omitempty"`    // missing where steps have no order (COIN)
	Threshold *float64          `json:"threshold,omitempty"` // below it a frame is background; missing where none was chosen
	Frames    steps.LabelReport `json:"frames"`
	// Alone is the accuracy over frames with a step where background is no choice.
	Alone metric.Estimate `json:"accuracy_steps_alone"`
	// InOrder is of frames that are labelled by the order of the steps, without a threshold; missing where they have none.
	InOrder *steps.LabelReport `json:"in_order,omitempty"`

	data     train.DataRecord
	tasks    int // that videos of the split carry out
	located  []steps.Video
	labelled []steps.Labelled
	alone    []steps.Labelled
	inOrder  []steps.Labelled
	evenly   []steps.Labelled
}

// stepsTest is the paired test between two models on the same videos.
type stepsTest struct {
	A           string              `json:"a"`
	B           string              `json:"b"`
	Differences []metric.Difference `json:"differences"`
}

func (a *app) evalStepsCommand() *cobra.Command {
	var how resampling
	var models []string
	var from stepsSource
	var encoder, features string
	cmd := &cobra.Command{
		Use:   "steps --model MODEL --data DATA",
		Short: "Measure models on the steps of tasks: recall as CrossTask's, frame accuracy as COIN's",
		Long: `Steps compares every second of the videos of a split with the steps of their tasks.

Recall is CrossTask's: one frame for each step, in order, by the official dynamic programme, and the
mean over tasks; beside it what evenly spread steps, a random order and random frames reach.

Accuracy is COIN's: every second is called by the step that fits it best, or background where even that
one scores below a threshold; beside it the share of background and what one label for all frames
reaches. No classifier is trained, so the number is no row of COIN's table: steps are told by their
texts, among those of the video's own task. The threshold is the one that is right about most frames of
--val; a rendered test split has its own. Without --val no frame of other data is called background.
Steps alone is the accuracy over frames with a step where background is no choice. Rows in order know
the order of the steps and no threshold: each step in turn takes some seconds in a row.

DATA is a rendered split (world:A/base/tasks/test), or crosstask:FOLDER/val or coin:FOLDER/test with
the official files in FOLDER and the videos in FOLDER/videos, or features made elsewhere in --imported
(docs/formats.md). MODEL is as in sightline eval. COIN's steps have no order, so they have no recall.`,
		Example: `  sightline eval steps --model untrained --model runs/first --data world:A/base/tasks/test --encoder tiny
  sightline eval steps --model untrained --data crosstask:data/crosstask/val --encoder clip
  sightline eval steps --model untrained --data coin:data/coin/test --imported features --val coin:data/coin/train --json`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := how.options()
			if err != nil {
				return err
			}
			s, err := a.settings(encoder, features)
			if err != nil {
				return err
			}
			o, err := s.opener()
			if err != nil {
				return err
			}
			if from.val == "" {
				from.val = ownValidation(from.data)
			}
			result := evalStepsJSON{Val: from.val, Backend: o.engine.Name(), Tests: []stepsTest{}}
			if options.Resamples >= 0 {
				result.Confidence = how.confidence
			}
			for _, name := range models {
				row, err := a.measureSteps(cmd.Context(), o, name, from, options)
				if err != nil {
					return fmt.Errorf("measure %s: %w", name, err)
				}
				result.Data, result.Tasks, result.Models = row.data, row.tasks, append(result.Models, row)
			}

			if evenly := result.Models[0].evenly; evenly != nil {
				report, err := steps.JudgeLabels(evenly, metric.Options{Resamples: -1})
				if err != nil {
					return err
				}
				result.Evenly = &report
			}
			for _, row := range result.Models[1:] {
				if options.Resamples < 0 {
					break
				}
				test, err := result.Models[0].against(row, options)
				if err != nil {
					return err
				}
				result.Tests = append(result.Tests, test)
			}
			return a.print(result, func() error { return a.printEvalSteps(result) })
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&models, "model", nil, "model to measure; may be given again (needed)")
	flags.StringVar(&from.data, "data", "", "split to measure on (needed)")
	flags.StringVar(&from.val, "val", "", "split to choose the threshold of background on (default a rendered test split's own)")
	flags.StringVar(&from.imported, "imported", "", "folder of features made elsewhere, for both splits")
	a.encoderFlag(cmd, &encoder)
	flags.StringVar(&features, "features", "", "folder of stored features (default below the XDG cache home)")
	how.flags(cmd)
	for _, needed := range []string{"model", "data"} {
		if err := cmd.MarkFlagRequired(needed); err != nil {
			panic(err)
		}
	}
	return cmd
}

// stepsSource says where tasks and their features come from.
type stepsSource struct{ data, val, imported string }

// ownValidation returns the validation split that belongs to a rendered test split; "" for other names.
func ownValidation(name string) string {
	path, options, some := strings.Cut(name, "?")
	path, test := strings.CutSuffix(path, "/test")
	if !strings.HasPrefix(name, corpus.Scheme) || !test {
		return ""
	}
	if path += "/val"; some {
		path += "?" + options
	}
	return path
}

// measureSteps measures a model.
func (a *app) measureSteps(ctx context.Context, o *opener, name string, from stepsSource, options metric.Options) (stepsRow, error) {
	row := stepsRow{Model: name}
	progress := series{start: a.bar}
	defer func() { progress.close() }()
	setting := train.Setting{Engine: o.engine, Store: o.store(), Encoding: progress.encoding}
	var m *align.Model
	if from.imported == "" {
		opened, err := o.model(name)
		if err != nil {
			return row, err
		}
		m, setting.Encoders = opened.align, opened.encoders
	}
	tasks, record, err := train.OpenTasks(ctx, from.data, from.imported, setting)
	if err != nil {
		return row, err
	}
	record.Role = "test"
	row.data, row.tasks = record, tasks.Shown()
	if from.imported != "" {
		if m, err = o.onImported(name, tasks); err != nil {
			return row, err
		}
	}
	if from.val != "" {
		val, _, err := train.OpenTasks(ctx, from.val, from.imported, setting)
		if err != nil {
			return row, err
		}
		scores, err := val.Score(ctx, m)
		if err != nil {
			return row, err
		}
		threshold := val.Threshold(scores)
		row.Threshold = &threshold
	}
	scores, err := tasks.Score(ctx, m)
	if err != nil {
		return row, err
	}
	if tasks.Ordered() {
		if row.located, err = tasks.Locate(scores, m.Scale()); err != nil {
			return row, err
		}
		report, err := steps.Judge(row.located, options)
		if err != nil {
			return row, err
		}
		row.Recall = &report
		if row.inOrder, err = tasks.LabelInOrder(scores, m.Scale()); err != nil {
			return row, err
		}
		inOrder, err := steps.JudgeLabels(row.inOrder, options)
		if err != nil {
			return row, err
		}
		row.InOrder, row.evenly = &inOrder, tasks.LabelEvenly()
	}
	threshold := train.NoBackground
	if row.Threshold != nil {
		threshold = *row.Threshold
	}
	row.labelled, row.alone = tasks.Label(scores, threshold), tasks.Label(scores, train.NoBackground)
	if row.Frames, err = steps.JudgeLabels(row.labelled, options); err != nil {
		return row, err
	}
	alone, err := steps.JudgeLabels(row.alone, options)
	row.Alone = alone.Steps
	return row, err
}

// onImported opens a model for features made elsewhere, of which nothing is known but their width.
func (o *opener) onImported(name string, tasks train.Tasks) (*align.Model, error) {
	video, text := tasks.Widths()
	what := fmt.Sprintf("use %s on imported features", name)
	if name == untrained {
		if video != text {
			return nil, usage(what, "name a model that was trained on such features", "frames are %d wide, texts %d", video, text)
		}
		return align.New(o.engine, align.Stored{VideoDim: video, TextDim: text}, meanpool.Head{}, 0)
	}
	dir, kind, ok := o.findBundle(name)
	if !ok || kind != "" {
		return nil, usage(what, "name the folder of a training run, or untrained", "there is no such model of retrieval")
	}
	m, _, err := align.Open(o.engine, dir)
	if err != nil {
		return nil, err
	}
	if tower, stored := m.Tower.(align.Stored); !stored || tower.VideoDim != video || tower.TextDim != text {
		return nil, usage(what, "name a model that was trained on such features", "frames are %d wide, texts %d, and the model takes others", video, text)
	}
	return m, nil
}

// against tests another model against this one.
func (r stepsRow) against(other stepsRow, options metric.Options) (stepsTest, error) {
	test := stepsTest{A: r.Model, B: other.Model}
	if r.located != nil {
		d, err := steps.Compare([][]steps.Video{r.located}, [][]steps.Video{other.located}, options)
		if err != nil {
			return test, err
		}
		d.Metric = "step recall, " + d.Metric
		test.Differences = append(test.Differences, d)
	}
	for _, way := range []struct {
		name      string
		first     int // of the differences that say something
		ours, its []steps.Labelled
	}{{"", 0, r.labelled, other.labelled}, {"steps alone: ", 1, r.alone, other.alone}, {"in order: ", 0, r.inOrder, other.inOrder}} {
		if way.ours == nil {
			continue
		}
		labels, err := steps.CompareLabels([][]steps.Labelled{way.ours}, [][]steps.Labelled{way.its}, options)
		if err != nil {
			return test, err
		}
		for _, d := range labels[way.first:] {
			d.Metric = way.name + d.Metric
			test.Differences = append(test.Differences, d)
		}
	}
	return test, nil
}

// printEvalSteps prints the tables of recall and accuracy, and the tests.
func (a *app) printEvalSteps(result evalStepsJSON) error {
	a.out.Printf("%s: %s of %s, %s, %s\n", terminal.Clean(result.Data.Name), terminal.Count(result.Data.Videos, "video", "videos"),
		terminal.Count(result.Tasks, "task", "tasks"), terminal.Count(result.Models[0].Frames.Frames, "frame", "frames"), result.Data.Sampling)
	first := result.Models[0]
	if first.Recall != nil {
		recall := metric.Grid{Title: "\nStep recall % as CrossTask's", Decimals: 1, Head: []string{"mean over tasks"}}
		for _, row := range result.Models {
			recall.Lines = append(recall.Lines, metric.Line{Name: row.Model, Cells: []*metric.Estimate{&row.Recall.Mean.Estimate}})
		}
		for _, b := range first.Recall.Baselines {
			recall.Lines = append(recall.Lines, metric.Line{Name: b.Name, Cells: []*metric.Estimate{&b.Estimate}})
		}
		if err := recall.Write(a.out, a.out.Width()); err != nil {
			return err
		}
	}
	frames := metric.Grid{Title: "\nFrame accuracy % as COIN's, among the steps of the task and background", Decimals: 1, Head: []string{"with background", "on steps", "steps alone"}}
	for _, row := range result.Models {
		frames.Lines = append(frames.Lines, metric.Line{Name: row.Model, Cells: []*metric.Estimate{&row.Frames.Accuracy, &row.Frames.Steps, &row.Alone}})
		if row.InOrder != nil {
			cells := []*metric.Estimate{&row.InOrder.Accuracy, &row.InOrder.Steps, nil}
			frames.Lines = append(frames.Lines, metric.Line{Name: row.Model + ", in order", Cells: cells})
		}
	}
	if result.Evenly != nil {
		cells := []*metric.Estimate{&result.Evenly.Accuracy, &result.Evenly.Steps, nil}
		frames.Lines = append(frames.Lines, metric.Line{Name: "uniform", Cells: cells})
	}
	majority := []*metric.Estimate{&first.Frames.Majority, nil, nil}
	frames.Lines = append(frames.Lines, metric.Line{Name: "one label for all frames", Cells: majority})
	if err := frames.Write(a.out, a.out.Width()); err != nil {
		return err
	}
	a.out.Printf("\n%.1f %% of the frames are background. ", first.Frames.Background)
	switch {
	case result.Val == "":
		a.out.Printf("No frame was called background: --val SPLIT chooses a threshold.\n")
	default:
		a.out.Printf("What is called background was chosen on %s.\n", terminal.Clean(result.Val))
	}
	if result.Confidence > 0 {
		a.out.Printf("± is half the %g %% bootstrap interval over videos\n", 100*result.Confidence)
	}
	for _, test := range result.Tests {
		a.out.Printf("\n%s − %s:\n", terminal.Clean(test.B), terminal.Clean(test.A))
		for _, d := range test.Differences {
			a.out.Printf("\t%v\n", d)
		}
	}
	return nil
}
