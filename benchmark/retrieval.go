// Package benchmark makes the tables of docs/evaluation.md: methods × {in-domain, out-of-domain} × seeds on the rendered
// world, with chance and the ceilings of what can be known beside them. Every training is a run of package train in a
// folder of its own, so a benchmark that is stopped goes on where it was.
//
// It sits above train and metric and below the command line. Start at Retrieval.
package benchmark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"sightline"
	"sightline/align"
	_ "sightline/align/heads" // methods are named by their heads
	"sightline/corpus"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/internal/atomicfile"
	"sightline/metric"
	"sightline/train"
)

// Plan says what a retrieval benchmark consists of.
type Plan struct {
	Size  string  // of the world: demo, small, base, large
	Rho   float64 // share of the facts that captions state
	Seeds int     // trainings of each method
	Dir   string  // where runs and results are kept
}

// Method is one way to a model, named in the table.
type Method struct {
	Name   string
	Config func(train.Config) train.Config // changes the defaults; nil means no training
}

// Methods are the rows of the table, the one that others are tested against first.
var Methods = []Method{
	{Name: "meanP untrained"},
	{Name: "meanP adapters", Config: func(c train.Config) train.Config {
		c.Tower.Hidden = 256
		c.Epochs, c.Batch, c.Optimizer.Rate = 40, 128, 1e-3
		return c
	}},
	{Name: "meanP end to end", Config: func(c train.Config) train.Config {
		c.Tower = train.TowerConfig{Kind: "live", TrainFrames: 4}
		c.Epochs, c.Batch, c.Optimizer.Rate = 3, 64, 5e-4
		return c
	}},
}

// domains are where models are tested: all are trained on the first.
var domains = []struct {
	domain string
	name   string
}{{"A", "in-domain: trained on A, tested on A"}, {"B", "out-of-domain: trained on A, tested on B"}}

// Result is everything a benchmark found. Its JSON lies beside the table.
type Result struct {
	Size     string    `json:"size"`
	Rho      float64   `json:"rho"`
	Seeds    int       `json:"seeds"`
	Encoder  string    `json:"encoder"`
	Backend  string    `json:"backend"`
	Sections []Section `json:"sections"`
}

// Section is one domain in one direction.
type Section struct {
	Title string `json:"title"`
	Rows  []Row  `json:"rows"`
	Tests []Test `json:"tests,omitempty"`
}

// Row is a method, a ceiling or chance.
type Row struct {
	Name    string         `json:"name"`
	Summary metric.Summary `json:"summary"`
}

// Test compares the first seed of a method with the first method on the same queries.
type Test struct {
	Method      string              `json:"method"`
	Against     string              `json:"against"`
	Differences []metric.Difference `json:"differences"`
}

// Stage says what is being done and how far it is.
type Stage struct {
	What     string
	Done, Of int
	Loss     float64 // of the last training step; 0 outside training
}

// Retrieval runs the plan and writes results.json and table.md into its folder.
func Retrieval(ctx context.Context, e *engine.Engine, plan Plan, report func(Stage)) (Result, error) {
	encoder, err := tiny.Embedded(e)
	if err != nil {
		return Result{}, err
	}
	result := Result{Size: plan.Size, Rho: plan.Rho, Seeds: plan.Seeds, Encoder: encoder.ID().String(), Backend: e.Name()}
	models := map[string][]trained{}
	for _, method := range Methods {
		for seed := range uint64(plan.Seeds) {
			m, err := prepare(ctx, e, encoder, plan, method, seed+1, report)
			if err != nil {
				return Result{}, fmt.Errorf("%s, seed %d: %w", method.Name, seed+1, err)
			}
			models[method.Name] = append(models[method.Name], m)
			if method.Config == nil {
				break // the same for every seed
			}
		}
	}
	for _, test := range domains {
		sections, err := judge(ctx, plan, test.domain, test.name, models, report)
		if err != nil {
			return Result{}, err
		}
		result.Sections = append(result.Sections, sections...)
	}
	return result, result.save(plan.Dir)
}

// split names a rendered split of the plan.
func (p Plan) split(domain, part string) string {
	return fmt.Sprintf("%s%s/%s/%s?rho=%s", corpus.Scheme, domain, p.Size, part, strconv.FormatFloat(p.Rho, 'g', -1, 64))
}

// frames is the papers' sampling of a retrieval clip.
const frames = 8

// trained is a model with the encoder whose features it takes.
type trained struct {
	model   *align.Model
	encoder *tiny.Encoder
}

// prepare returns a method's model of one seed: trained now, or read back from its finished run. What is tested is the
// bundle as it would serve.
func prepare(ctx context.Context, e *engine.Engine, encoder *tiny.Encoder, plan Plan, method Method, seed uint64, report func(Stage)) (trained, error) {
	if method.Config == nil {
		head, err := align.NewHead(train.Defaults().Head)
		if err != nil {
			return trained{}, err
		}
		plain := align.Stored{VideoDim: encoder.FrameDim(), TextDim: encoder.TextDim()}
		model, err := align.New(e, plain, head, seed)
		return trained{model, encoder}, err
	}
	config := train.Defaults()
	config.Name, config.Seed = fmt.Sprintf("%s, seed %d", method.Name, seed), seed
	config.Data = train.DataConfig{Train: plan.split("A", "train"), Val: plan.split("A", "val"), Frames: frames}
	config = method.Config(config)
	dir := filepath.Join(plan.Dir, fmt.Sprintf("%s-%s-seed%d", plan.Size, strings.ReplaceAll(method.Name, " ", "-"), seed))
	bundle := filepath.Join(dir, "model")
	if _, err := align.ReadBundle(bundle); errors.Is(err, fs.ErrNotExist) {
		if err := fit(ctx, e, encoder, config, dir, bundle, report); err != nil {
			return trained{}, err
		}
	}
	model, b, err := align.Open(e, bundle)
	if err != nil {
		return trained{}, err
	}
	if b.OwnEncoder {
		encoder, err = tiny.Open(e, align.EncoderDir(bundle))
		if err != nil {
			return trained{}, err
		}
	}
	return trained{model, encoder}, b.Accepts(encoder.ID(), encoder.ID(), encoder.Preprocess())
}

// fit trains a run and leaves its bundle.
func fit(ctx context.Context, e *engine.Engine, encoder *tiny.Encoder, config train.Config, dir, bundle string, report func(Stage)) error {
	job, records, err := train.Prepare(ctx, config, train.Setting{
		Engine: e, Dir: dir,
		Encoders: train.Encoders{Frames: encoder, Texts: encoder, Tiny: encoder},
		Progress: func(p train.Progress) { report(Stage{"Training " + config.Name, p.Step, p.Steps, p.Loss}) },
		Encoding: func(name string, done, of int) { report(Stage{"Encoding " + name, done, of, 0}) },
	})
	if err != nil {
		return err
	}
	record, err := train.Run(ctx, job)
	if err != nil {
		return err
	}
	record.Data = records
	if err := record.Save(dir); err != nil {
		return err
	}
	space := sightline.Space{Video: encoder.ID(), Text: encoder.ID(), Preprocess: encoder.Preprocess(), Sampling: corpus.Sampling(frames)}
	_, err = align.Save(bundle, config.Name, config.Head, job.Model, space)
	return err
}

// judge tests all models on a domain's test split, in both directions.
func judge(ctx context.Context, plan Plan, domain, title string, models map[string][]trained, report func(Stage)) ([]Section, error) {
	split, err := corpus.Open(plan.split(domain, "test"))
	if err != nil {
		return nil, err
	}
	rankings := map[string][]metric.Ranking{}
	for _, method := range Methods {
		for i, m := range models[method.Name] {
			label := fmt.Sprintf("Testing %s, seed %d, on %s", method.Name, i+1, domain)
			ranking, err := rank(ctx, split, m, func(_ string, done, of int) { report(Stage{label, done, of, 0}) })
			if err != nil {
				return nil, err
			}
			rankings[method.Name] = append(rankings[method.Name], ranking)
		}
	}
	var sections []Section
	for _, protocol := range []metric.Protocol{metric.TextToVideo, metric.VideoToText} {
		section := Section{Title: title + ", " + protocol.Title()}
		baseline := direction(rankings[Methods[0].Name][0], protocol)
		for _, method := range Methods {
			row, err := overSeeds(method.Name, rankings[method.Name], protocol)
			if err != nil {
				return nil, err
			}
			section.Rows = append(section.Rows, row)
			if method.Config == nil {
				continue
			}
			differences, err := metric.Compare(baseline, direction(rankings[method.Name][0], protocol), metric.Options{})
			if err != nil {
				return nil, err
			}
			section.Tests = append(section.Tests, Test{Method: method.Name + ", seed 1", Against: Methods[0].Name, Differences: differences})
		}
		oracles, err := split.Oracles()
		if err != nil {
			return nil, err
		}
		for _, oracle := range oracles {
			if oracle.Summary.Protocol == protocol {
				section.Rows = append(section.Rows, Row(oracle))
			}
		}
		chance, err := baseline.Chance([]int{1, 5, 10})
		if err != nil {
			return nil, err
		}
		section.Rows = append(section.Rows, Row{"chance", chance})
		sections = append(sections, section)
	}
	return sections, nil
}

// rank scores a split with a model and ranks the scores.
func rank(ctx context.Context, split *corpus.Corpus, m trained, report func(name string, done, of int)) (metric.Ranking, error) {
	setting := train.Setting{Encoders: train.Encoders{Frames: m.encoder, Texts: m.encoder}, Encoding: report}
	data, err := train.StoredPairs(ctx, split, setting, frames)
	if err != nil {
		return metric.Ranking{}, err
	}
	scores, err := train.Score(ctx, m.model, data)
	if err != nil {
		return metric.Ranking{}, err
	}
	return metric.Rank(scores, split.Set.Owner())
}

func direction(r metric.Ranking, p metric.Protocol) metric.Ranks {
	if p == metric.TextToVideo {
		return r.TextToVideo
	}
	return r.VideoToText
}

// overSeeds summarises the trainings of a method: the mean over seeds with its t interval, or for a single one the
// bootstrap interval over queries.
func overSeeds(name string, rankings []metric.Ranking, protocol metric.Protocol) (Row, error) {
	var summaries []metric.Summary
	for _, ranking := range rankings {
		summary, err := direction(ranking, protocol).Summarize(metric.Options{})
		if err != nil {
			return Row{}, err
		}
		summaries = append(summaries, summary)
	}
	if len(summaries) == 1 {
		return Row{name, summaries[0]}, nil
	}
	mean, err := metric.OverSeeds(summaries, 0)
	return Row{fmt.Sprintf("%s (%d seeds)", name, len(summaries)), mean}, err
}

// Write prints the tables for people.
func (r Result) Write(w io.Writer, width int) error {
	for _, section := range r.Sections {
		if err := section.table().Write(w, width); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}

func (s Section) table() metric.Table {
	table := metric.Table{Title: s.Title}
	for _, row := range s.Rows {
		table.Rows = append(table.Rows, metric.Row(row))
	}
	return table
}

// save writes results.json and table.md.
func (r Result) save(dir string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(dir, "results.json"), append(text, '\n')); err != nil {
		return err
	}
	return atomicfile.WriteFunc(filepath.Join(dir, "table.md"), func(w io.Writer) error {
		for _, section := range r.Sections {
			if err := section.table().Markdown(w); err != nil {
				return err
			}
			for _, test := range section.Tests {
				for _, d := range test.Differences {
					if d.Metric != "R@1" {
						continue
					}
					if _, err := fmt.Fprintf(w, "\nPaired, %s against %s: %v\n", test.Method, test.Against, d); err != nil {
						return err
					}
				}
			}
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		return nil
	})
}
