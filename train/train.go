// Package train fits a model to pairs of videos and sentences. Run is the loop, flat, to be read from top to bottom:
// draw a batch, run the step, clip, move the weights, now and then validate and save. A run lives in a folder; killed at
// any time it continues exactly, with the losses and weights of a run that was never interrupted.
//
// It sits beside align and above dataset: Config says what a run is, package corpus provides the pairs, Run trains and
// Record tells what happened. It chooses the best checkpoint on a validation split and never sees a test split.
package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"sightline/align"
	"sightline/engine"
)

// Data is what a run learns from. Batch must depend on its arguments alone, so that a resumed run sees the same pairs.
type Data interface {
	// Len returns the number of pairs an epoch goes through.
	Len() int
	// Batch returns size pairs of an epoch, from a place in its shuffled order on; what else is left to chance (which
	// frames, which shift) comes from random.
	Batch(ctx context.Context, epoch, from, size int, random *rand.Rand) (align.Batch, error)
}

// Learner is a model as the loop sees it.
type Learner interface {
	// Step lays out a batch; with masked, pairs that show one video are no negatives of each other.
	Step(batch align.Batch, masked bool, random *rand.Rand) (align.Step, error)
	// Gradient compiles a training step for batches laid out like the given one: it returns the loss, the scalars that Watched
	// names, the new values of the weights that Kept names, and the loss's gradients with respect to the parameters.
	Gradient(like align.Step, parameters []string) (*engine.Program, error)
	Parameters() []string // names of the weights that gradients move
	Watched() []string
	Kept() []string
}

// Job is one training: what to move, on what, judged how, kept where.
type Job struct {
	Config   Config
	Model    Learner
	Weights  *engine.Weights // all of the model's
	Backend  string          // the engine's name, for the record
	Data     Data
	Validate func(context.Context) (Validation, error) // judges the model as it stands on the validation split
	Dir      string                                    // the run's folder; made if absent, resumed if not
	Progress func(Progress)                            // may be nil
	Judged   func(context.Context, Validation) error   // told after each validation, the model as it was judged; may be nil
	Warn     func(align.Warning)                       // told once of each kind of thing that goes wrong, where the model is a Warner; may be nil
}

// Warner is a Learner that judges its own training, by the losses and what it watched in every step so far.
type Warner interface {
	Warnings(losses []float64, watched map[string][]float64) []align.Warning
}

// Progress is told after every step.
type Progress struct {
	Step, Steps   int
	Epoch         int
	Loss          float64
	Watched       map[string]float64 // what the model's parts report of this step; may be nil
	Best          *Validation        // so far; nil before the first
	Elapsed, Left time.Duration
}

// ErrInterrupted is returned when the context ended and the run was saved for later.
var ErrInterrupted = errors.New("training was interrupted and saved")

// saveEvery bounds how much work a kill can cost.
var saveEvery = 20 * time.Second

// Run trains until the last step and returns what happened. The model is left with the weights of the best epoch.
func Run(ctx context.Context, job Job) (Record, error) {
	config := job.Config
	perEpoch := job.Data.Len() / config.Batch
	if perEpoch == 0 {
		return Record{}, fmt.Errorf("train: %d pairs do not fill one batch of %d", job.Data.Len(), config.Batch)
	}
	steps := perEpoch * config.Epochs
	names := job.Model.Parameters()
	optimizer, schedule := newOptimizer(config.Optimizer), schedules[config.Optimizer.Schedule]
	optimizer.Attach(job.Weights, names)

	state, err := resume(job.Dir, config, job.Weights, optimizer)
	if err != nil {
		return Record{}, err
	}
	step := stepper{model: job.Model, weights: job.Weights, names: names}

	drawing, stop := context.WithCancel(ctx)
	defer stop()
	batches := drawBatches(drawing, job, state.Step, perEpoch, steps)
	started, saved, before := time.Now(), time.Now(), state.Step
	for state.Step < steps {
		batch, ok := <-batches
		if !ok || ctx.Err() != nil {
			return Record{}, errors.Join(ErrInterrupted, state.save(job.Dir, job.Weights, optimizer))
		}
		if batch.err != nil {
			return Record{}, fmt.Errorf("train: step %d: %w", state.Step, batch.err)
		}
		loss, watched, gradients, err := step.run(batch.step)
		if err != nil {
			return Record{}, fmt.Errorf("train: step %d: %w", state.Step, err)
		}
		if _, err := ClipNorm(gradients, config.Optimizer.Clip); err != nil {
			return Record{}, fmt.Errorf("train: step %d diverged with loss %v: %w", state.Step, loss, err)
		}
		warmup := int(config.Optimizer.Warmup * float64(steps))
		optimizer.Step(gradients, config.Optimizer.Rate*schedule(state.Step+1, warmup, steps+1))
		clampScale(job.Weights)
		state.Losses = append(state.Losses, loss)
		state.watch(watched)
		state.Step++

		if state.Step%perEpoch == 0 {
			validation, err := job.Validate(ctx)
			if err != nil {
				if ctx.Err() != nil { // the epoch's last step is done again on resume, and then judged
					return Record{}, ErrInterrupted
				}
				return Record{}, fmt.Errorf("train: validate after step %d: %w", state.Step, err)
			}
			validation.Step, validation.Epoch = state.Step, state.Step/perEpoch
			if job.Judged != nil {
				if err := job.Judged(ctx, validation); err != nil {
					if ctx.Err() != nil {
						return Record{}, ErrInterrupted
					}
					return Record{}, fmt.Errorf("train: after epoch %d: %w", validation.Epoch, err)
				}
			}
			state.Validations = append(state.Validations, validation)
			state.warn(job)
			if best := state.best(); best.Step == validation.Step {
				if err := saveBest(job.Dir, job.Weights); err != nil {
					return Record{}, err
				}
			}
		}
		if state.Step%perEpoch == 0 || time.Since(saved) > saveEvery {
			state.Seconds += time.Since(saved).Seconds()
			if err := state.save(job.Dir, job.Weights, optimizer); err != nil {
				return Record{}, err
			}
			saved = time.Now()
		}
		if job.Progress != nil {
			elapsed := time.Since(started)
			left := time.Duration(float64(elapsed) / float64(state.Step-before) * float64(steps-state.Step))
			job.Progress(Progress{
				Step: state.Step, Steps: steps, Epoch: (state.Step - 1) / perEpoch, Loss: loss, Watched: watched,
				Best: state.best(), Elapsed: elapsed, Left: left,
			})
		}
	}
	if err := loadBest(job.Dir, job.Weights); err != nil {
		return Record{}, err
	}
	return newRecord(job, state), nil
}

// newOptimizer returns the optimiser as configured.
func newOptimizer(c OptimizerConfig) Optimizer {
	rules := Rules{
		Decays: func(name string, shape []int) bool {
			return (len(shape) >= 2 || c.DecayVectors) && !slices.ContainsFunc(c.NoDecay, func(part string) bool { return strings.Contains(name, part) })
		},
		Rate: func(name string) float64 {
			for _, group := range c.Groups {
				if strings.HasPrefix(name, group.Prefix) {
					return group.Rate
				}
			}
			return 1
		},
	}
	if c.Kind == bertAdam {
		return &BertAdam{Beta1: c.Beta1, Beta2: c.Beta2, Epsilon: c.Epsilon, Decay: c.Decay, Clip: c.ClipEach, Rules: rules}
	}
	return &AdamW{Beta1: c.Beta1, Beta2: c.Beta2, Epsilon: c.Epsilon, Decay: c.Decay, Rules: rules}
}

// clampScale keeps the logit scale, where a model has one, at or below ln 100, as all trainers of the field do.
func clampScale(weights *engine.Weights) {
	if !weights.Has(align.LogitScale) {
		return
	}
	weights.Update(align.LogitScale, func(v []float32) { v[0] = min(v[0], align.MaxLogitScale) })
}

// stepper runs the loss and gradients of a model.
type stepper struct {
	model   Learner
	weights *engine.Weights
	names   []string
	program *engine.Program // compiled at the first step, when the number of inputs is known
}

// run takes one step's loss, what the model reports of it, and its gradients. Weights that the model keeps without
// gradients have their new values after it.
func (s *stepper) run(step align.Step) (loss float64, watched map[string]float64, gradients [][]float32, err error) {
	if s.program == nil {
		if s.program, err = s.model.Gradient(step, s.names); err != nil {
			return 0, nil, nil, err
		}
	}
	out, err := s.program.Run(step.Arrays()...)
	if err != nil {
		return 0, nil, nil, err
	}
	loss = float64(engine.Values(out[0])[0])
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return 0, nil, nil, fmt.Errorf("the loss is %v", loss)
	}
	out = out[1:]
	for i, name := range s.model.Watched() {
		if watched == nil {
			watched = map[string]float64{}
		}
		watched[name] = float64(engine.Values(out[i])[0])
	}
	out = out[len(watched):]
	kept := s.model.Kept()
	for i, name := range kept {
		s.weights.Update(name, func(p []float32) { copy(p, engine.Values(out[i])) })
	}
	for _, gradient := range out[len(kept):] {
		gradients = append(gradients, engine.Values(gradient))
	}
	return loss, watched, gradients, nil
}

// drawn is one prepared batch.
type drawn struct {
	step align.Step
	err  error
}

// drawBatches prepares batches ahead of the loop, from step on, and closes the channel when ctx ends. Chance is drawn
// from (seed, step), so where a run resumes makes no difference.
func drawBatches(ctx context.Context, job Job, step, perEpoch, steps int) <-chan drawn {
	batches := make(chan drawn, 1)
	go func() {
		defer close(batches)
		for ; step < steps; step++ {
			random := rand.New(rand.NewPCG(job.Config.Seed, uint64(step)))
			batch, err := job.Data.Batch(ctx, step/perEpoch, step%perEpoch*job.Config.Batch, job.Config.Batch, random)
			batch.Epoch = step / perEpoch
			var laid align.Step
			if err == nil {
				laid, err = job.Model.Step(batch, job.Config.MaskDuplicates, random)
			}
			select {
			case batches <- drawn{laid, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return batches
}

// describe says in words what the record should tell of the optimiser.
func (c OptimizerConfig) describe() string {
	return fmt.Sprintf("%s β %g/%g ε %g, decay %g, schedule %s", c.Kind, c.Beta1, c.Beta2, c.Epsilon, c.Decay, c.Schedule)
}
