package benchmark

import (
	"fmt"
	"io"

	"sightline/metric"
	"sightline/metric/steps"
)

// StepResult is everything a benchmark of steps found. Its JSON lies beside the table.
type StepResult struct {
	Size     string        `json:"size"`
	Seeds    int           `json:"seeds"`
	Encoder  string        `json:"encoder"`
	Backend  string        `json:"backend"`
	Val      string        `json:"val"` // the films that the threshold of background was chosen on
	Sections []StepSection `json:"sections"`
}

// StepSection is what was found in the films of one domain.
type StepSection struct {
	Title      string    `json:"title"`
	Data       string    `json:"data"`
	Videos     int       `json:"videos"`
	Tasks      int       `json:"tasks"`
	Frames     int       `json:"frames"`
	Background float64   `json:"background_share"` // percent of the frames
	Rows       []StepRow `json:"rows"`
	Tests      []Test    `json:"tests,omitempty"`
}

// StepRow is a method, in the mean over seeds, or what is reached without a model. Numbers are in percent; those that a row
// does not have are missing.
type StepRow struct {
	Name       string           `json:"name"`
	Recall     *metric.Estimate `json:"recall,omitempty"`                   // of located steps, the mean over tasks
	Accuracy   *metric.Estimate `json:"accuracy_with_background,omitempty"` // of labelled frames
	OnSteps    *metric.Estimate `json:"accuracy_on_steps,omitempty"`        // of frames that show a step
	Alone      *metric.Estimate `json:"accuracy_steps_alone,omitempty"`     // of those, where background is no choice
	Thresholds []float64        `json:"thresholds,omitempty"`               // of background, a seed each
}

// tabulate makes the sections from what was found, by method, seed and domain.
func (b stepBench) tabulate(all [][][]stepsFound) (StepResult, error) {
	result := StepResult{Size: b.Size, Seeds: b.Seeds, Encoder: b.encoder.ID().String(), Backend: b.engine.Name(), Val: b.tasksName("A", "val")}
	for d, domain := range domains {
		section := StepSection{Title: domain.name, Data: b.tasksName(domain.domain, "test"), Tasks: b.test[d].Shown()}
		var first []stepsFound
		for m, method := range stepMethods {
			var seeds []stepsFound
			for _, found := range all[m] {
				seeds = append(seeds, found[d])
			}
			if err := section.add(method.Name, seeds, m == 0); err != nil {
				return StepResult{}, err
			}
			if m == 0 {
				first = seeds
				continue
			}
			test, err := compareSteps(method.Name, seeds, stepMethods[0].Name, first)
			if err != nil {
				return StepResult{}, err
			}
			section.Tests = append(section.Tests, test)
		}
		if err := section.baselines(first[0], b.test[d].LabelEvenly()); err != nil {
			return StepResult{}, err
		}
		result.Sections = append(result.Sections, section)
	}
	return result, nil
}

// add makes the row of a method: the mean over its trainings with Student's interval over them, or of the one model with a
// bootstrap interval over videos.
func (s *StepSection) add(name string, seeds []stepsFound, single bool) error {
	row := StepRow{Name: name}
	options := metric.Options{Resamples: -1}
	if single || len(seeds) == 1 {
		options.Resamples = 0
	} else {
		row.Name = fmt.Sprintf("%s (%d seeds)", name, len(seeds))
	}
	ordered := StepRow{Name: row.Name + ", in order"}
	var numbers [6][]metric.Estimate
	for _, found := range seeds {
		recall, err := steps.Judge(found.located, options)
		if err != nil {
			return err
		}
		frames, err := steps.JudgeLabels(found.labelled, options)
		if err != nil {
			return err
		}
		alone, err := steps.JudgeLabels(found.alone, options)
		if err != nil {
			return err
		}
		inOrder, err := steps.JudgeLabels(found.inOrder, options)
		if err != nil {
			return err
		}
		s.Videos, s.Frames, s.Background = frames.Videos, frames.Frames, frames.Background
		for i, estimate := range []metric.Estimate{recall.Mean.Estimate, frames.Accuracy, frames.Steps, alone.Steps, inOrder.Accuracy, inOrder.Steps} {
			numbers[i] = append(numbers[i], estimate)
		}
		row.Thresholds = append(row.Thresholds, found.threshold)
	}
	for i, into := range []**metric.Estimate{&row.Recall, &row.Accuracy, &row.OnSteps, &row.Alone, &ordered.Accuracy, &ordered.OnSteps} {
		estimate := numbers[i][0]
		if len(seeds) > 1 {
			var values []float64
			for _, e := range numbers[i] {
				values = append(values, e.Value)
			}
			estimate = metric.MeanOverSeeds(values, 0.95)
		}
		*into = &estimate
	}
	s.Rows = append(s.Rows, row, ordered)
	return nil
}

// compareSteps tests all trainings of a method against those of another on the same videos.
func compareSteps(method string, seeds []stepsFound, against string, others []stepsFound) (Test, error) {
	test := Test{Method: method, Against: against}
	var located [2][][]steps.Video
	for i, list := range [][]stepsFound{others, seeds} {
		for _, found := range list {
			located[i] = append(located[i], found.located)
		}
	}
	recall, err := steps.Compare(located[0], located[1], metric.Options{})
	if err != nil {
		return test, err
	}
	recall.Metric = "step recall, " + recall.Metric
	test.Differences = append(test.Differences, recall)
	for _, way := range []struct {
		name  string
		first int // of the differences that say something
		of    func(stepsFound) []steps.Labelled
	}{
		{"", 0, func(f stepsFound) []steps.Labelled { return f.labelled }},
		{"steps alone: ", 1, func(f stepsFound) []steps.Labelled { return f.alone }},
		{"in order: ", 0, func(f stepsFound) []steps.Labelled { return f.inOrder }},
	} {
		var labelled [2][][]steps.Labelled
		for i, list := range [][]stepsFound{others, seeds} {
			for _, found := range list {
				labelled[i] = append(labelled[i], way.of(found))
			}
		}
		differences, err := steps.CompareLabels(labelled[0], labelled[1], metric.Options{})
		if err != nil {
			return test, err
		}
		for _, d := range differences[way.first:] {
			d.Metric = way.name + d.Metric
			test.Differences = append(test.Differences, d)
		}
	}
	return test, nil
}

// baselines adds what is reached without a model.
func (s *StepSection) baselines(any stepsFound, evenly []steps.Labelled) error {
	recall, err := steps.Judge(any.located, metric.Options{Resamples: -1})
	if err != nil {
		return err
	}
	even, err := steps.JudgeLabels(evenly, metric.Options{Resamples: -1})
	if err != nil {
		return err
	}
	for i, b := range recall.Baselines {
		row := StepRow{Name: b.Name, Recall: &b.Estimate}
		if i == 0 { // uniform
			row.Accuracy, row.OnSteps = &even.Accuracy, &even.Steps
		}
		s.Rows = append(s.Rows, row)
	}
	frames, err := steps.JudgeLabels(any.labelled, metric.Options{Resamples: -1})
	s.Rows = append(s.Rows, StepRow{Name: "one label for all frames", Accuracy: &frames.Majority})
	return err
}

// grid tabulates a section.
func (s StepSection) grid() metric.Grid {
	g := metric.Grid{
		Title: fmt.Sprintf("%s: %d films of %d tasks, %d frames, %.1f %% of them background", s.Title, s.Videos, s.Tasks, s.Frames, s.Background),
		Head:  []string{"step recall", "accuracy with background", "accuracy on steps", "steps alone"}, Decimals: 1,
	}
	for _, row := range s.Rows {
		g.Lines = append(g.Lines, metric.Line{Name: row.Name, Cells: []*metric.Estimate{row.Recall, row.Accuracy, row.OnSteps, row.Alone}})
	}
	return g
}

// Write prints the tables for people.
func (r StepResult) Write(w io.Writer, width int) error {
	return r.write(w, func(g metric.Grid) error { return g.Write(w, width) })
}

func (r StepResult) markdown(w io.Writer) error {
	return r.write(w, func(g metric.Grid) error {
		g.Title = "### " + g.Title
		return g.Markdown(w)
	})
}

// write prints every section's grid, and its tests below.
func (r StepResult) write(w io.Writer, print func(metric.Grid) error) error {
	for _, section := range r.Sections {
		if err := print(section.grid()); err != nil {
			return err
		}
		fmt.Fprintln(w)
		for _, test := range section.Tests {
			for _, d := range test.Differences {
				fmt.Fprintf(w, "- %s against %s, paired over all seeds: %v\n", test.Method, test.Against, d)
			}
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}
