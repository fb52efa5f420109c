package benchmark

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"sightline"
	"sightline/align"
	"sightline/align/taco"
	"sightline/align/taco/tagger"
	"sightline/corpus"
	"sightline/dataset/world"
	"sightline/engine"
	"sightline/metric"
	"sightline/train"
)

// TacoPlan says what a benchmark of TACo consists of: rows trained on the world's domain A, each best epoch chosen on A's
// validation split, tested on A and B.
type TacoPlan struct {
	Size   string // of the world
	Seeds  int    // trainings of each row
	Epochs int    // of each training
	Rows   []TacoRow
	Dir    string // where runs, features and results are kept
}

// TacoRow is one variant, named in the table.
type TacoRow struct {
	Name   string
	Change func(*train.TacoConfig) // of TACo as published; nil for that itself
}

// TacoRows are the rows of the table, after the paper's Tables 3 and 4; every other one is tested against the first.
var TacoRows = []TacoRow{
	{"TACo", nil},
	{"no tokens", func(c *train.TacoConfig) { c.Tokens = tagger.NoTokens }},
	{"nouns", func(c *train.TacoConfig) { c.Tokens = tagger.Nouns }},
	{"verbs", func(c *train.TacoConfig) { c.Tokens = tagger.Verbs }},
	{"det+adp", func(c *train.TacoConfig) { c.Tokens = tagger.Function }},
	{"random negatives", func(c *train.TacoConfig) { c.Negatives = taco.Random }},
	{"L1 alone", func(c *train.TacoConfig) { c.L2, c.L3 = 0, 0 }},
	{"L3 alone", func(c *train.TacoConfig) { c.L1, c.L2, c.Negatives = 0, 0, taco.Random }},
}

// ChooseTacoRows returns the named rows in the order of TacoRows; nil names mean all.
func ChooseTacoRows(names []string) ([]TacoRow, error) {
	return choose(TacoRows, func(r TacoRow) string { return r.Name }, names)
}

// TacoConfig returns the run of a row and a seed: sizes for the rendered world and two processor cores, everything else as
// published.
func (p TacoPlan) TacoConfig(row TacoRow, seed uint64) train.Config {
	config := train.TacoDefaults()
	config.Name, config.Seed = fmt.Sprintf("%s, seed %d", row.Name, seed), seed
	plan := p.retrieval()
	config.Data = train.DataConfig{Train: plan.split("A", "train", 0), Val: plan.split("A", "val", plan.Captions), Frames: frames}
	c := config.Taco
	c.Hidden, c.Heads, c.FeedForward = 256, 4, 512
	c.VideoLayers, c.TextLayers, c.FusionLayers = 1, 1, 1
	c.Clips, c.Words = frames, 32
	config.Epochs, config.Batch, config.Optimizer.Rate = p.Epochs, 32, 3e-4
	if row.Change != nil {
		row.Change(c)
	}
	return config
}

// retrieval returns the plan as that of any benchmark of retrieval.
func (p TacoPlan) retrieval() Plan {
	return Plan{Size: p.Size, Rho: world.DefaultRho, Captions: 1, Seeds: p.Seeds, On: "test", Dir: p.Dir}
}

// tacoBench is a benchmark of TACo that runs.
type tacoBench struct {
	*bench
	plan TacoPlan
}

// Taco runs the plan and writes results.json, table.md and two-stage.png into its folder.
func Taco(ctx context.Context, e *engine.Engine, plan TacoPlan, report func(Stage)) (TacoResult, error) {
	shared, err := open(ctx, e, plan.retrieval(), report)
	if err != nil {
		return TacoResult{}, err
	}
	b := &tacoBench{shared, plan}
	for _, pairs := range b.test {
		if err := align.ReadWords(ctx, b.encoder, pairs.Texts); err != nil {
			return TacoResult{}, err
		}
	}
	result := TacoResult{Size: plan.Size, Seeds: plan.Seeds, Epochs: plan.Epochs, Candidates: Candidates, Encoder: b.encoder.ID().String(), Backend: e.Name()}
	var all [][]tested // by row and seed
	var curves [][]TwoStage
	for r, row := range plan.Rows {
		var seeds []tested
		for seed := range uint64(plan.Seeds) {
			fail := func(err error) (TacoResult, error) {
				return TacoResult{}, fmt.Errorf("%s, seed %d: %w", row.Name, seed+1, err)
			}
			model, dir, err := b.model(ctx, row, seed+1)
			if err != nil {
				return fail(err)
			}
			t, err := b.measure(ctx, model, dir, fmt.Sprintf("%s, seed %d", row.Name, seed+1))
			if err != nil {
				return fail(err)
			}
			seeds = append(seeds, t)
			if r > 0 || !model.Config.TwoStage() {
				continue
			}
			curve, err := b.curve(ctx, model)
			if err != nil {
				return fail(err)
			}
			curves = append(curves, curve)
		}
		all = append(all, seeds)
	}
	if err := b.tabulate(&result, all); err != nil {
		return TacoResult{}, err
	}
	result.bend(curves)
	return result, result.save(plan.Dir)
}

// model returns a row's model of one seed, trained now or read back from its finished run, and the folder of that.
func (b *tacoBench) model(ctx context.Context, row TacoRow, seed uint64) (*taco.Model, string, error) {
	config := b.plan.TacoConfig(row, seed)
	dir := filepath.Join(b.Dir, fmt.Sprintf("%s-%s-seed%d", b.Size, folderName(row.Name), seed))
	bundle := filepath.Join(dir, bundleDir)
	if _, err := taco.ReadBundle(bundle); errors.Is(err, fs.ErrNotExist) {
		setting := b.setting(b.encoder, "Training "+config.Name)
		setting.Dir = dir
		job, model, records, err := train.PrepareTaco(ctx, config, setting)
		if err != nil {
			return nil, "", err
		}
		if err := finish(ctx, job, records); err != nil {
			return nil, "", err
		}
		space := sightline.Space{Video: b.encoder.ID(), Text: b.encoder.ID(), Preprocess: b.encoder.Preprocess(), Sampling: corpus.Uniform(frames).String()}
		if _, err := taco.Save(bundle, config.Name, model, space); err != nil {
			return nil, "", err
		}
	}
	model, _, err := taco.Open(b.engine, bundle)
	return model, dir, err
}

// measure tests a model on both domains, in two stages.
func (b *tacoBench) measure(ctx context.Context, model *taco.Model, dir, name string) (t tested, err error) {
	if t.cost, _, t.watched, err = readRun(dir); err != nil {
		return t, err
	}
	for d, pairs := range b.test {
		b.report(Stage{fmt.Sprintf("Testing %s, on %s", name, domains[d].domain), 0, 1, 0})
		ranking, err := train.RankTaco(ctx, model, pairs, Candidates)
		if err != nil {
			return t, err
		}
		t.rankings = append(t.rankings, ranking)
	}
	return t, nil
}

// stages are how many candidates the curve of a search in two stages has points at; 0 stands for all.
var stages = []int{5, 10, 50, 0}

// TwoStage is what a search in two stages finds and takes with so many candidates, in-domain.
type TwoStage struct {
	Candidates int     `json:"candidates"`
	Recall     float64 `json:"r1"`          // text to video, in percent
	Lost       float64 `json:"lost"`        // percent of texts whose best video is no candidate
	Query      float64 `json:"ms_a_search"` // of one text among all test videos, the median of several
}

// curve measures a model's search with every number of candidates.
func (b *tacoBench) curve(ctx context.Context, model *taco.Model) ([]TwoStage, error) {
	pairs := b.test[0]
	videos, texts, err := train.EncodeTaco(ctx, model, pairs)
	if err != nil {
		return nil, err
	}
	scores, err := model.ScoreBlock(ctx, texts, videos)
	if err != nil {
		return nil, err
	}
	first, exact := scores.First(), scores.Sum()
	var curve []TwoStage
	for _, count := range stages {
		if count == 0 {
			count = len(videos)
		}
		served, lost := rescored(exact, first, count)
		ranking, err := metric.Rank(served, pairs.Set.Owner())
		if err != nil {
			return nil, err
		}
		query, err := median(len(texts), func(a int) error {
			_, err := model.Search(ctx, texts[a:a+1], videos, count)
			return err
		})
		if err != nil {
			return nil, err
		}
		curve = append(curve, TwoStage{count, r1(ranking.TextToVideo), lost, query})
	}
	return curve, nil
}
