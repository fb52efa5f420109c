package benchmark

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"sightline"
	"sightline/align"
	"sightline/align/locate"
	"sightline/corpus"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/feature"
	"sightline/metric/moments"
	"sightline/train"
)

// MomentPlan says what a benchmark of moments consists of: films of the world's domain A, models trained on its training
// films, chosen on its validation films, tested on its test films.
type MomentPlan struct {
	Size    string  // of the world
	Rate    float64 // frames a second
	Seeds   int     // trainings of each method
	Epochs  int     // of each training
	Methods []MomentMethod
	Dir     string // where runs, features and results are kept
}

// MomentMethod is one model, named in the table.
type MomentMethod struct {
	Name   string
	Method align.Choice
}

// MomentMethods are the rows of the table; every other one is tested against the first, and the QACLN without a part against
// the whole.
var MomentMethods = []MomentMethod{
	{"XML", align.Choice{Kind: "xml"}},
	{"ReLoCLNet", align.Choice{Kind: "reloclnet"}},
	{"ReLoNet", qaclnWith(map[string]any{"video_cl": 0, "frame_cl": 0, "clip_cl": 0, "even_gates": true})},
	{"QACLN", qaclnWith(nil)},
	{"QACLN w/o inter", qaclnWith(map[string]any{"video_cl": 0, "frame_cl": 0})},
	{"QACLN w/o intra", qaclnWith(map[string]any{"clip_cl": 0})},
	{"QACLN w/o qcf", qaclnWith(map[string]any{"even_gates": true})},
	{"QACLN λ set 1", qaclnWith(map[string]any{"video_cl": 0.01, "frame_cl": 0.01})},
	{"QACLN λ set 2", qaclnWith(map[string]any{"video_cl": 0.05, "frame_cl": 0.05})},
	{"QACLN λ set 4", qaclnWith(map[string]any{"clip_cl": 0.01})},
}

func qaclnWith(options map[string]any) align.Choice {
	return align.Choice{Kind: "qacln", Options: options}
}

// ChooseMoments returns the named methods in the order of MomentMethods; nil names mean all.
func ChooseMoments(names []string) ([]MomentMethod, error) {
	return choose(MomentMethods, func(m MomentMethod) string { return m.Name }, names)
}

// The sizes of all models of the benchmark: the world's features are 128 wide, and films have at most 60 clips a second.
const (
	momentHidden = 64
	momentHeads  = 2
	momentBatch  = 32
	kept         = 100 // predictions of a query
)

// config returns the run of a method and a seed.
func (p MomentPlan) config(method MomentMethod, seed uint64) (train.Config, error) {
	sizes, err := locate.Default(method.Method.Kind)
	if err != nil {
		return train.Config{}, err
	}
	sizes.Method, sizes.Hidden, sizes.Heads, sizes.Clips = method.Method, momentHidden, momentHeads, 64
	sizes.Dropout, sizes.HardFrom = 0, -1
	config := train.Defaults()
	config.Name, config.Seed, config.Task, config.Moments = fmt.Sprintf("%s, seed %d", method.Name, seed), seed, train.Moments, &sizes
	config.Data = train.DataConfig{Train: p.split("train"), Val: p.split("val"), Frames: 1, Rate: p.Rate}
	config.Epochs, config.Batch, config.Optimizer.Rate = p.Epochs, momentBatch, 1e-3
	return config, nil
}

func (p MomentPlan) split(part string) string {
	return fmt.Sprintf("%sA/%s/moments/%s", corpus.Scheme, p.Size, part)
}

// found is what a trained model answers to the test queries.
type found struct {
	vcmr, svmr, vr moments.Scores
	gates          []float64 // how much each query weighs the picture, in [0, 1]; nil for models whose gates do not look at it
	seconds        float64
	parameters     int
}

// momentBench is a benchmark of moments that runs.
type momentBench struct {
	MomentPlan
	engine  *engine.Engine
	encoder *tiny.Encoder
	report  func(Stage)
	train   []sightline.MomentQuery
	test    train.Timed
	queries []sightline.MomentQuery
}

// Moments runs the plan and writes results.json, table.md and moments.png into its folder.
func Moments(ctx context.Context, e *engine.Engine, plan MomentPlan, report func(Stage)) (MomentResult, error) {
	encoder, err := tiny.Embedded(e)
	if err != nil {
		return MomentResult{}, err
	}
	b := &momentBench{MomentPlan: plan, engine: e, encoder: encoder, report: report}
	taught, err := b.open(ctx, "train")
	if err != nil {
		return MomentResult{}, err
	}
	b.train = taught.Queries()
	if b.test, err = b.open(ctx, "test"); err != nil {
		return MomentResult{}, err
	}
	b.queries = b.test.Queries()
	var all [][]found // by method and seed
	for _, method := range plan.Methods {
		var seeds []found
		for seed := range uint64(plan.Seeds) {
			f, err := b.measure(ctx, method, seed+1)
			if err != nil {
				return MomentResult{}, fmt.Errorf("%s, seed %d: %w", method.Name, seed+1, err)
			}
			seeds = append(seeds, f)
		}
		all = append(all, seeds)
	}
	result, err := b.tabulate(all)
	if err != nil {
		return MomentResult{}, err
	}
	return result, result.save(plan.Dir)
}

func (b *momentBench) setting(label string) train.Setting {
	return train.Setting{
		Engine: b.engine, Encoders: train.Encoders{Frames: b.encoder, Texts: b.encoder, Tiny: b.encoder},
		Store:    feature.Store{Dir: filepath.Join(b.Dir, featureDir)},
		Progress: func(p train.Progress) { b.report(Stage{label, p.Step, p.Steps, p.Loss}) },
		Encoding: func(name string, done, of int) { b.report(Stage{"Encoding " + name, done, of, 0}) },
	}
}

func (b *momentBench) open(ctx context.Context, part string) (train.Timed, error) {
	c, err := corpus.Open(b.split(part))
	if err != nil {
		return train.Timed{}, err
	}
	return train.StoredMoments(ctx, c, b.setting(""), b.Rate)
}

// measure returns what a method's model of one seed finds, trained now or read back from its finished run.
func (b *momentBench) measure(ctx context.Context, method MomentMethod, seed uint64) (found, error) {
	config, err := b.config(method, seed)
	if err != nil {
		return found{}, err
	}
	dir := filepath.Join(b.Dir, fmt.Sprintf("%s-%s-seed%d", b.Size, folderName(method.Name), seed))
	bundle := filepath.Join(dir, bundleDir)
	if _, err := locate.ReadBundle(bundle); errors.Is(err, fs.ErrNotExist) {
		if err := b.fit(ctx, config, dir, bundle); err != nil {
			return found{}, err
		}
	}
	model, _, err := locate.Open(b.engine, bundle)
	if err != nil {
		return found{}, err
	}
	cost, _, _, err := readRun(dir)
	if err != nil {
		return found{}, err
	}
	b.report(Stage{fmt.Sprintf("Testing %s, seed %d", method.Name, seed), 0, 1, 0})
	f, err := b.find(ctx, model)
	f.seconds, f.parameters = cost.Seconds, cost.Parameters
	return f, err
}

func (b *momentBench) fit(ctx context.Context, config train.Config, dir, bundle string) error {
	setting := b.setting("Training " + config.Name)
	setting.Dir = dir
	job, model, records, err := train.PrepareMoments(ctx, config, setting)
	if err != nil {
		return err
	}
	if err := finish(ctx, job, records, dir); err != nil {
		return err
	}
	space := sightline.Space{Video: b.encoder.ID(), Text: b.encoder.ID(), Preprocess: b.encoder.Preprocess(), Sampling: corpus.Rate(b.Rate).String()}
	_, err = locate.Save(bundle, config.Name, model, space, space.Text)
	return err
}

// find answers all test queries and scores the answers.
func (b *momentBench) find(ctx context.Context, model *locate.Model) (found, error) {
	answers, err := b.test.Answers(ctx, model, kept)
	if err != nil {
		return found{}, err
	}
	asked, err := model.EncodeTexts(ctx, b.test.Texts)
	if err != nil {
		return found{}, err
	}
	var f found
	for _, query := range asked {
		f.gates = append(f.gates, float64(query.Gate[locate.Visual]))
	}
	for task, into := range map[moments.Task]*moments.Scores{moments.VCMR: &f.vcmr, moments.SVMR: &f.svmr, moments.VR: &f.vr} {
		if *into, err = moments.Retrieval(task, b.queries, answers[task], momentCuts); err != nil {
			return found{}, err
		}
	}
	return f, nil
}

// momentCuts are where recall is taken: those of the papers' tables, and those of QACLN's figures 5 and 6.
var momentCuts = moments.Cuts{IoU: []float64{0.1, 0.3, 0.5, 0.7, 0.9}, K: []int{1, 5, 10, 20, 50, 100}}
