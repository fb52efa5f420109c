package benchmark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"sightline"
	"sightline/align"
	"sightline/caption"
	"sightline/corpus"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/feature"
	"sightline/internal/atomicfile"
	"sightline/metric/captions"
	"sightline/train"
)

// CaptionPlan says what a benchmark of captions consists of: decoders trained on the training clips of the world's domain A,
// chosen on its validation clips, tested on the test clips of A and of B.
type CaptionPlan struct {
	Size   string // of the world
	Seeds  int    // trainings of each method
	Epochs int    // of each training
	On     string // the split that models are tested on: "test", or "val" while choices are still being made
	Dir    string // where runs, features, captions and results are kept
}

// captionMethod is one way to train the decoder, named in the table.
type captionMethod struct {
	name  string
	parts []align.Choice
}

// captionMethods are the rows that are trained. The first is what the others are tested against.
var captionMethods = []captionMethod{{"decoder", nil}, {"decoder+CALM", []align.Choice{{Kind: "calm"}}}}

// Names of the rows without a model.
const (
	closestRow = "nearest caption"
	drawnRow   = "random caption"
)

// The sizes of all decoders of the benchmark: a quarter of a million parameters, for features 128 wide and captions of up to
// 23 words.
func captionSizes() *train.CaptionConfig {
	c := train.CaptionDefaults().Caption
	c.Width, c.Heads, c.Hidden, c.VisualLayers, c.Layers, c.Words = 96, 4, 256, 1, 1, 24
	c.Beam = captionBeam
	return c
}

const (
	captionBeam = 3 // of validation and test alike
	captionRate = 3e-3
)

// config returns the run of a method and a seed.
func (p CaptionPlan) config(method captionMethod, seed uint64) train.Config {
	config := train.CaptionDefaults()
	config.Name, config.Seed = fmt.Sprintf("%s, seed %d", method.name, seed), seed
	config.Data = train.DataConfig{Train: p.split("A", "train"), Val: p.split("A", "val"), Frames: frames}
	config.Caption, config.Parts = captionSizes(), method.parts
	config.Epochs, config.Optimizer.Rate = p.Epochs, captionRate
	return config
}

func (p CaptionPlan) split(domain, part string) string {
	return fmt.Sprintf("%s%s/%s/%s", corpus.Scheme, domain, p.Size, part)
}

// told is what a model, or a baseline, says of the test videos.
type told struct {
	results    []captions.Result // by domain
	items      [][]captions.Item // by domain: captions beside their references
	parameters int               // that write; what a part trains with is gone
	seconds    float64           // of training
	watched    map[string]float64
	warnings   []align.Warning
}

// captionBench is a benchmark of captions that runs.
type captionBench struct {
	CaptionPlan
	engine  *engine.Engine
	encoder *tiny.Encoder
	report  func(Stage)
	splits  []*corpus.Corpus // of each domain, to be tested on
	test    []train.Pairs
	meteor  captions.Meteor
}

// Captions runs the plan and writes results.json, table.md and captions.png into its folder, and beside them the references
// of each domain and every caption that was written, as sightline judge captions takes them.
func Captions(ctx context.Context, e *engine.Engine, plan CaptionPlan, report func(Stage)) (CaptionResult, error) {
	encoder, err := tiny.Embedded(e)
	if err != nil {
		return CaptionResult{}, err
	}
	b := &captionBench{CaptionPlan: plan, engine: e, encoder: encoder, report: report}
	for _, d := range domains {
		split, pairs, err := b.open(ctx, b.split(d.domain, b.On))
		if err != nil {
			return CaptionResult{}, err
		}
		b.splits, b.test = append(b.splits, split), append(b.test, pairs)
		if err := atomicfile.Write(b.references(d.domain), referenceLines(pairs)); err != nil {
			return CaptionResult{}, err
		}
	}
	all, err := b.baselines(ctx)
	if err != nil {
		return CaptionResult{}, err
	}
	for _, method := range captionMethods {
		var seeds []told
		for seed := range uint64(plan.Seeds) {
			t, err := b.measure(ctx, method, seed+1)
			if err != nil {
				return CaptionResult{}, fmt.Errorf("%s, seed %d: %w", method.name, seed+1, err)
			}
			seeds = append(seeds, t)
		}
		all = append(all, captionRow{method.name, seeds})
	}
	result, err := b.tabulate(all)
	if err != nil {
		return CaptionResult{}, err
	}
	if err := b.draw(ctx, all[len(all)-len(captionMethods):]); err != nil {
		return CaptionResult{}, err
	}
	return result, saveResult(plan.Dir, result, result.markdown)
}

// captionRow is a row of the table before it is one: what is said with each seed.
type captionRow struct {
	name  string
	seeds []told
}

func (b *captionBench) setting(label string) train.Setting {
	return train.Setting{
		Engine: b.engine, Encoders: train.Encoders{Frames: b.encoder, Texts: b.encoder, Tiny: b.encoder},
		Store:    feature.Store{Dir: filepath.Join(b.Dir, featureDir)},
		Progress: func(p train.Progress) { b.report(Stage{label, p.Step, p.Steps, p.Loss}) },
		Encoding: func(name string, done, of int) { b.report(Stage{"Encoding " + name, done, of, 0}) },
	}
}

func (b *captionBench) open(ctx context.Context, name string) (*corpus.Corpus, train.Pairs, error) {
	split, err := corpus.Open(name)
	if err != nil {
		return nil, train.Pairs{}, err
	}
	pairs, err := train.StoredPairs(ctx, split, b.setting(""), corpus.Uniform(frames))
	return split, pairs, err
}

// baselines returns what is said without a model: the caption of the most similar training clip, which is the same for every
// seed, and any training caption.
func (b *captionBench) baselines(ctx context.Context) ([]captionRow, error) {
	_, taught, err := b.open(ctx, b.split("A", "train"))
	if err != nil {
		return nil, err
	}
	said := make([][]string, len(taught.Videos))
	for _, c := range taught.Set.Captions {
		said[c.Video] = append(said[c.Video], c.Text)
	}
	rows := []captionRow{{name: closestRow}, {name: drawnRow}}
	for seed := range uint64(b.Seeds) {
		var nearest, random told
		for d := range domains {
			videos := b.test[d].Videos
			if seed == 0 {
				chosen, err := caption.Nearest(taught.Videos, said, videos)
				if err != nil {
					return nil, err
				}
				if err := b.judge(&nearest, d, filepath.Join(b.Dir, folderName(closestRow)), chosen); err != nil {
					return nil, err
				}
			}
			drawn := caption.Random(taught.Set.Texts(), len(videos), rand.New(rand.NewPCG(seed+1, uint64(d))))
			if err := b.judge(&random, d, filepath.Join(b.Dir, fmt.Sprintf("%s-seed%d", folderName(drawnRow), seed+1)), drawn); err != nil {
				return nil, err
			}
		}
		if seed == 0 {
			rows[0].seeds = append(rows[0].seeds, nearest)
		}
		rows[1].seeds = append(rows[1].seeds, random)
	}
	return rows, nil
}

// measure returns what a method's model of one seed says, trained now or read back from its finished run.
func (b *captionBench) measure(ctx context.Context, method captionMethod, seed uint64) (told, error) {
	dir := filepath.Join(b.Dir, fmt.Sprintf("%s-%s-seed%d", b.Size, folderName(method.name), seed))
	bundle := filepath.Join(dir, bundleDir)
	config := b.config(method, seed)
	if _, err := caption.ReadBundle(bundle); errors.Is(err, fs.ErrNotExist) {
		if err := b.fit(ctx, config, dir, bundle); err != nil {
			return told{}, err
		}
	}
	record, err := readRecord(dir, config)
	if err != nil {
		return told{}, err
	}
	model, _, err := caption.Open(b.engine, bundle)
	if err != nil {
		return told{}, err
	}
	t := told{seconds: record.Seconds, parameters: model.Weights.Count(), watched: record.Watched.Last(), warnings: record.Warnings}
	for d := range domains {
		if t.read(b, d, dir) == nil {
			continue
		}
		label := fmt.Sprintf("Writing with %s, seed %d, on %s", method.name, seed, domains[d].domain)
		videos := b.test[d].Videos
		written, err := model.Generate(ctx, videos, caption.Options{Beam: captionBeam, Progress: func(done int) { b.report(Stage{label, done, len(videos), 0}) }})
		if err != nil {
			return told{}, err
		}
		best := make([]string, len(written))
		for i, list := range written {
			best[i] = list[0].Text
		}
		if err := b.judge(&t, d, dir, best); err != nil {
			return told{}, err
		}
	}
	return t, nil
}

func (b *captionBench) fit(ctx context.Context, config train.Config, dir, bundle string) error {
	setting := b.setting("Training " + config.Name)
	setting.Dir = dir
	job, model, records, err := train.PrepareCaptions(ctx, config, setting)
	if err != nil {
		return err
	}
	if err := finish(ctx, job, records); err != nil {
		return err
	}
	space := sightline.Space{Video: b.encoder.ID(), Preprocess: b.encoder.Preprocess(), Sampling: corpus.Uniform(frames).String()}
	_, err = caption.Save(bundle, config.Name, model, space)
	return err
}

// readRecord returns the record of a finished run, and refuses that of another run than the given one.
func readRecord(dir string, config train.Config) (train.Record, error) {
	var record train.Record
	text, err := os.ReadFile(filepath.Join(dir, "record.json"))
	if err == nil {
		err = json.Unmarshal(text, &record)
	}
	if err == nil && !record.Config.Equal(config) {
		err = errors.New("the folder holds a run with another config")
	}
	if err != nil {
		return record, &sightline.Error{Kind: sightline.Usage, What: "read the run in " + dir, Err: err, Try: "choose another folder with --out, or remove this one"}
	}
	return record, nil
}
