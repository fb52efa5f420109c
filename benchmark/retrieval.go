// Package benchmark makes the tables of docs/evaluation.md: methods × {in-domain, out-of-domain} × seeds on the rendered
// world, with chance and the ceilings of what can be known beside them. Every training is a run of package train in a
// folder of its own, so a benchmark that is stopped goes on where it was.
//
// Taco does the same for the ablations of one method, and measures what its search in two stages loses and saves.
//
// Confidence and Anchors train nothing: they look at one model trained with CALM, at what its numbers are worth and at what it
// sees. Moments trains models of moments on films; Steps trains on clips and looks for the steps of tasks in films.
//
// It sits above train and metric and below the command line. Start at Retrieval; Predict says beforehand how long it takes.
package benchmark

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"sightline/corpus"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/feature"
	"sightline/metric"
	"sightline/train"
)

// Plan says what a retrieval benchmark consists of.
type Plan struct {
	Size     string   // of the world: demo, small, base, large
	Rho      float64  // share of the facts that captions state
	Captions int      // sentences a video in validation and test; 1 gives the pairs of MSR-VTT's 1k-A protocol
	Seeds    int      // trainings of each method
	Methods  []Method // rows; the first is untrained, the second what others are tested against
	On       string   // the split that models are tested on: "test", or "val" while choices are still being made
	Watch    bool     // test every epoch, for the table of what choosing on the test set flatters
	Dir      string   // where runs, features and results are kept
}

// frames is the papers' sampling of a retrieval clip.
const frames = 8

// domains are where models are tested: all are trained on the first.
var domains = []struct {
	domain string
	name   string
}{{"A", "in-domain: trained on A, tested on A"}, {"B", "out-of-domain: trained on A, tested on B"}}

// Stage says what is being done and how far it is.
type Stage struct {
	What     string
	Done, Of int
	Loss     float64 // of the last training step; 0 outside training
}

// bench is a benchmark that runs.
type bench struct {
	Plan
	engine  *engine.Engine
	encoder *tiny.Encoder
	report  func(Stage)
	test    []train.Pairs // of each domain, from the embedded encoder
	oracles [][]metric.Row
}

// open makes ready what all methods share: the encoder and the test splits.
func open(ctx context.Context, e *engine.Engine, plan Plan, report func(Stage)) (*bench, error) {
	encoder, err := tiny.Embedded(e)
	if err != nil {
		return nil, err
	}
	b := &bench{Plan: plan, engine: e, encoder: encoder, report: report}
	for _, d := range domains {
		split, err := corpus.Open(plan.split(d.domain, plan.On, plan.Captions))
		if err != nil {
			return nil, err
		}
		pairs, err := b.pairs(ctx, split, encoder)
		if err != nil {
			return nil, err
		}
		oracles, err := split.Oracles()
		if err != nil {
			return nil, err
		}
		b.test, b.oracles = append(b.test, pairs), append(b.oracles, oracles)
	}
	return b, nil
}

// Retrieval runs the plan and writes results.json, table.md and recall.png into its folder.
func Retrieval(ctx context.Context, e *engine.Engine, plan Plan, report func(Stage)) (Result, error) {
	b, err := open(ctx, e, plan, report)
	if err != nil {
		return Result{}, err
	}
	result := Result{
		Size: plan.Size, Rho: plan.Rho, Captions: plan.Captions, Seeds: plan.Seeds,
		On: plan.On, Encoder: b.encoder.ID().String(), Backend: e.Name(),
	}
	var all [][]tested // by method and seed
	for _, method := range plan.Methods {
		var seeds []tested
		for seed := range uint64(plan.Seeds) {
			t, err := b.measure(ctx, method, seed+1)
			if err != nil {
				return Result{}, fmt.Errorf("%s, seed %d: %w", method.Name, seed+1, err)
			}
			seeds = append(seeds, t)
			if method.Config == nil {
				break // the same for every seed
			}
		}
		all = append(all, seeds)
	}
	if err := b.tabulate(&result, all); err != nil {
		return Result{}, err
	}
	return result, result.save(plan.Dir)
}

// split names a rendered split of the plan; captions 0 means all.
func (p Plan) split(domain, part string, captions int) string {
	name := fmt.Sprintf("%s%s/%s/%s?rho=%s", corpus.Scheme, domain, p.Size, part, strconv.FormatFloat(p.Rho, 'g', -1, 64))
	if captions > 0 {
		name += fmt.Sprintf("&captions=%d", captions)
	}
	return name
}

// setting returns where runs of the plan take place.
func (b *bench) setting(encoder *tiny.Encoder, label string) train.Setting {
	return train.Setting{
		Engine: b.engine, Encoders: train.Encoders{Frames: encoder, Texts: encoder, Tiny: encoder},
		Store:    feature.Store{Dir: filepath.Join(b.Dir, featureDir)},
		Progress: func(p train.Progress) { b.report(Stage{label, p.Step, p.Steps, p.Loss}) },
		Encoding: func(name string, done, of int) { b.report(Stage{"Encoding " + name, done, of, 0}) },
	}
}

func (b *bench) pairs(ctx context.Context, split *corpus.Corpus, encoder *tiny.Encoder) (train.Pairs, error) {
	return train.StoredPairs(ctx, split, b.setting(encoder, ""), corpus.Uniform(frames))
}

// since returns the seconds gone by.
func since(start time.Time) float64 { return time.Since(start).Seconds() }
