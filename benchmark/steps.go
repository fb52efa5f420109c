package benchmark

import (
	"context"
	"fmt"
	"path/filepath"

	"sightline"
	"sightline/align"
	"sightline/corpus"
	"sightline/dataset/world"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/metric/steps"
	"sightline/train"
)

// StepPlan says what a benchmark of steps consists of: heads trained on the clips of the world's domain A, as those of
// Retrieval are, tested on the films of tasks of A and of B.
type StepPlan struct {
	Size  string // of the world
	Seeds int    // trainings
	Dir   string // where runs, features and results are kept
}

// stepMethods are the rows of the table: the encoder as it is, and the plain head of configs/ablations/baseline.yaml.
var stepMethods = []Method{Methods[0], {Name: "meanP", Config: onFeatures(align.Choice{Kind: "meanpool"}, 20, 128, 1e-3)}}

// stepsFound is what a model finds in the films of one domain.
type stepsFound struct {
	located   []steps.Video
	labelled  []steps.Labelled
	alone     []steps.Labelled // where background is no choice
	inOrder   []steps.Labelled // by the order of the steps, without a threshold
	threshold float64          // of background
}

// stepBench is a benchmark of steps that runs.
type stepBench struct {
	*bench
	val  train.Tasks   // of domain A
	test []train.Tasks // of each domain
}

// Steps runs the plan and writes results.json, table.md and steps.png into its folder.
func Steps(ctx context.Context, e *engine.Engine, plan StepPlan, report func(Stage)) (StepResult, error) {
	encoder, err := tiny.Embedded(e)
	if err != nil {
		return StepResult{}, err
	}
	clips := Plan{Size: plan.Size, Rho: world.DefaultRho, Captions: 1, Seeds: plan.Seeds, On: "test", Methods: stepMethods, Dir: plan.Dir}
	b := stepBench{bench: &bench{Plan: clips, engine: e, encoder: encoder, report: report}}
	if b.val, err = b.tasks(ctx, "A", "val"); err != nil {
		return StepResult{}, err
	}
	for _, d := range domains {
		tasks, err := b.tasks(ctx, d.domain, "test")
		if err != nil {
			return StepResult{}, err
		}
		b.test = append(b.test, tasks)
	}
	var all [][][]stepsFound // by method, seed and domain
	for _, method := range stepMethods {
		var seeds [][]stepsFound
		for seed := range uint64(plan.Seeds) {
			found, err := b.find(ctx, method, seed+1)
			if err != nil {
				return StepResult{}, fmt.Errorf("%s, seed %d: %w", method.Name, seed+1, err)
			}
			seeds = append(seeds, found)
			if method.Config == nil {
				break // the same for every seed
			}
		}
		all = append(all, seeds)
	}
	result, err := b.tabulate(all)
	if err != nil {
		return StepResult{}, err
	}
	if err := saveResult(plan.Dir, result, result.markdown); err != nil {
		return StepResult{}, err
	}
	sheet, err := b.sheet(ctx, all)
	if err != nil {
		return StepResult{}, err
	}
	return result, sheet.draw(filepath.Join(plan.Dir, "steps.png"))
}

// tasksName names a split of films of tasks.
func (b stepBench) tasksName(domain, part string) string {
	return fmt.Sprintf("%s%s/%s/tasks/%s", corpus.Scheme, domain, b.Size, part)
}

func (b stepBench) tasks(ctx context.Context, domain, part string) (train.Tasks, error) {
	tasks, _, err := train.OpenTasks(ctx, b.tasksName(domain, part), "", b.setting(b.encoder, ""))
	return tasks, err
}

// find returns what a method's model of one seed, trained now or read back from its finished run, finds in the films of every
// domain. What it calls background is chosen on the validation films of A.
func (b stepBench) find(ctx context.Context, method Method, seed uint64) ([]stepsFound, error) {
	model, _, err := b.trained(ctx, method, seed)
	if err != nil {
		return nil, err
	}
	b.report(Stage{fmt.Sprintf("Testing %s, seed %d", method.Name, seed), 0, 1, 0})
	scores, err := b.val.Score(ctx, model)
	if err != nil {
		return nil, err
	}
	threshold := b.val.Threshold(scores)
	var all []stepsFound
	for _, tasks := range b.test {
		found := stepsFound{threshold: threshold}
		if scores, err = tasks.Score(ctx, model); err != nil {
			return nil, err
		}
		if found.located, err = tasks.Locate(scores, model.Scale()); err != nil {
			return nil, err
		}
		found.labelled, found.alone = tasks.Label(scores, threshold), tasks.Label(scores, train.NoBackground)
		if found.inOrder, err = tasks.LabelInOrder(scores, model.Scale()); err != nil {
			return nil, err
		}
		all = append(all, found)
	}
	return all, nil
}

// sheet returns what is drawn: the first test film of domain A, with what the encoder as it is and the first training of each
// method find in it.
func (b stepBench) sheet(ctx context.Context, all [][][]stepsFound) (stepSheet, error) {
	split, err := corpus.Open(b.tasksName("A", "test"))
	if err != nil {
		return stepSheet{}, err
	}
	frames, err := split.Frames(ctx, 0, corpus.Rate(1), 0)
	if err != nil {
		return stepSheet{}, err
	}
	video := b.test[0].Set.Videos[0]
	task := b.test[0].Set.Tasks[video.Task]
	sheet := stepSheet{video: video, task: task, frames: frames, labels: b.test[0].Set.Labels(video.Task)}
	for m, method := range stepMethods {
		found := all[m][0][0]
		name := method.Name
		if method.Config != nil {
			name += ", seed 1"
		}
		sheet.bands = append(sheet.bands, stepBand{name, found.labelled[0].Predicted, found.located[0].Located})
	}
	truth := all[0][0][0].labelled[0].Truth
	none := make([]int, len(truth))
	for i := range none {
		none[i] = steps.None
	}
	sheet.bands = append([]stepBand{{"as marked", truth, none}}, sheet.bands...)
	if len(frames) != len(truth) {
		return stepSheet{}, &sightline.Error{Kind: sightline.Failed, What: "draw the steps of " + video.ID, Err: fmt.Errorf("%d frames for %d seconds", len(frames), len(truth))}
	}
	return sheet, nil
}
