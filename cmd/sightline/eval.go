package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/align"
	"sightline/corpus"
	"sightline/feature/npy"
	"sightline/internal/atomicfile"
	"sightline/internal/terminal"
	"sightline/metric"
	"sightline/search"
	"sightline/train"
)

// evalJSON is the contract of eval --json.
type evalJSON struct {
	Data        train.DataRecord `json:"data"`
	Backend     string           `json:"backend"`
	Confidence  float64          `json:"confidence,omitempty"`
	Results     []evalResult     `json:"results"` // one for each protocol, text to video first
	Comparisons []comparison     `json:"comparisons,omitempty"`
}

// evalResult is one direction of retrieval.
type evalResult struct {
	Protocol metric.Protocol `json:"protocol"`
	Rows     []evalRow       `json:"rows"`
}

// evalRow is a line of the table.
type evalRow struct {
	Name    string         `json:"name"`
	Kind    string         `json:"kind"`            // "model", "transductive", "oracle" or "chance"
	Seeds   int            `json:"seeds,omitempty"` // trainings that a model's numbers are the mean of
	Summary metric.Summary `json:"summary"`
}

// contender is a line of the table to be: one method and the models that were trained by it.
type contender struct {
	name      string
	names     []string
	models    []model
	rankings  []metric.Ranking
	processed []processed // of a single model
}

func (a *app) evalCommand() *cobra.Command {
	var how judging
	var post posting
	var bank string
	var models []string
	var data, encoder, features, saveSims string
	var frames, blocks, fused int
	cmd := &cobra.Command{
		Use:   "eval --model MODEL --data DATA",
		Short: "Measure models on a split",
		Long: `Eval scores every sentence of a split against every video and prints R@K, median and mean rank
in both directions, with intervals, what chance gives, and for rendered splits what a perfect
matcher reaches. The scorer never learns which sentence belongs to which video.

MODEL is a training run's folder, a bundle, a name of the archive's models, or "untrained": the
encoder as it is. Give --model again to set models side by side, with a paired test against the
first. NAME=MODEL,MODEL,… is one method trained from several seeds: mean and interval over them.

A model with task: taco is measured as it searches, in two stages of --candidates; 0 compares exactly.

--joint-blocks N adds rows of models with EMCL's decomposition as its authors evaluate it: blocks of
N sentences and N videos of the split are decomposed together. Such rows are transductive.`,
		Example: `  sightline eval --model untrained --encoder tiny --data world:A/base/test
  sightline eval --model untrained --model runs/first --data pairs.jsonl --json
  sightline eval --model adapters=runs/s1,runs/s2,runs/s3 --data world:B/base/test
  sightline eval --model runs/first --data pairs.jsonl --save-sims sims.npy
  sightline eval --model runs/first --data world:A/base/test --post dsl,qbnorm --bank world:A/base/val
  sightline eval --model runs/emcl --data world:A/base/test --joint-blocks 32`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := how.options()
			if err != nil {
				return err
			}
			if err := post.check(bank); err != nil {
				return err
			}
			if fused < 0 {
				return usage("--candidates", "--candidates 50, or 0 for all", "%d candidates are none", fused)
			}
			if cmd.Flags().Changed("joint-blocks") && blocks < 1 {
				return usage("--joint-blocks", "--joint-blocks 32, as EMCL-Net's evaluator", "a block holds at least one sentence and one video")
			}
			contenders, err := parseContenders(models)
			if err != nil {
				return err
			}
			if saveSims != "" && (len(contenders) > 1 || len(contenders[0].names) > 1) {
				return usage("--save-sims", "name one model", "there is a matrix for every model")
			}
			s, err := a.settings(encoder, features)
			if err != nil {
				return err
			}
			split, err := corpus.Open(data)
			if err != nil {
				return err
			}
			o, err := s.opener()
			if err != nil {
				return err
			}
			if err := openAll(contenders, o); err != nil {
				return err
			}
			if frames == 0 {
				frames = contenders[0].models[0].frames()
			}
			if fused != 0 && (saveSims != "" || len(post.names) > 0) && slices.ContainsFunc(contenders, contender.fuses) {
				return usage("--candidates", "--candidates 0", "a search in two stages has no one matrix to save or to post-process")
			}
			judge := evaluation{app: a, opener: o, split: split, frames: frames, candidates: fused}
			for i := range contenders {
				for j, m := range contenders[i].models {
					name := contenders[i].names[j]
					sims, ranking, err := judge.rank(cmd.Context(), m)
					if err != nil {
						return fmt.Errorf("evaluate %s on %s: %w", name, data, err)
					}
					if saveSims != "" {
						if err := writeSims(saveSims, sims); err != nil {
							return err
						}
					}
					contenders[i].rankings = append(contenders[i].rankings, ranking)
					if len(contenders[i].models) > 1 {
						continue // over seeds, post-processing would need rows of rows
					}
					if blocks > 0 && m.align != nil && m.align.NeedsFit() {
						done, err := judge.jointly(cmd.Context(), m, blocks)
						if err != nil {
							return fmt.Errorf("evaluate %s on %s: %w", name, data, err)
						}
						contenders[i].processed = append(contenders[i].processed, done)
					}
					if len(post.names) == 0 {
						continue
					}
					queries, err := judge.bank(cmd.Context(), m, bank)
					if err != nil {
						return err
					}
					done, err := post.apply(sims, queries, split.Set.Owner())
					if err != nil {
						return fmt.Errorf("evaluate %s on %s: %w", name, data, err)
					}
					contenders[i].processed = append(contenders[i].processed, done...)
				}
			}
			result := evalJSON{Backend: o.engine.Name(), Data: judge.record(cmd.Context())}
			if options.Resamples >= 0 {
				result.Confidence = options.Confidence
			}
			if result.Results, err = tabulate(contenders, split, options); err != nil {
				return err
			}
			if result.Comparisons, err = compareAll(contenders, options); err != nil {
				return err
			}
			return a.print(result, func() error { return a.printEvaluation(result) })
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&models, "model", nil, "model to measure; may be given again (needed)")
	flags.StringVar(&data, "data", "", "file of pairs, or a rendered split such as world:A/base/test (needed)")
	a.encoderFlag(cmd, &encoder)
	a.textEncoderFlag(cmd)
	flags.IntVar(&frames, "frames", 0, "uniform frames a video (default those of the first model's training, else 8)")
	flags.StringVar(&features, "features", "", "folder of stored features (default below the XDG cache home)")
	flags.StringVar(&saveSims, "save-sims", "", "write the similarities [texts, videos] to an .npy file")
	flags.StringVar(&bank, "bank", "", "for qbnorm: a split whose sentences are the bank of queries, of training data")
	flags.IntVar(&fused, "candidates", search.DefaultCandidates, "of TACo: pairs that are fused for each sentence and each video; 0 for all")
	flags.IntVar(&blocks, "joint-blocks", 0, "rows of their own for EMCL as officially evaluated, in blocks of so many sentences and videos")
	how.flags(cmd)
	post.flags(cmd)
	for _, name := range []string{"model", "data"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	cmd.AddCommand(a.evalMomentsCommand(), a.evalStepsCommand())
	return cmd
}

// parseContenders reads --model values: MODEL or NAME=MODEL,MODEL,….
func parseContenders(values []string) ([]contender, error) {
	var contenders []contender
	for _, value := range values {
		name, list, named := strings.Cut(value, "=")
		if !named {
			name, list = value, value
		}
		c := contender{name: name, names: []string{list}}
		if named {
			c.names = strings.Split(list, ",")
		}
		for _, m := range append(slices.Clone(c.names), name) {
			if m == "" {
				return nil, usage("--model "+value, "--model runs/first, or --model adapters=runs/s1,runs/s2", "a name is empty")
			}
		}
		contenders = append(contenders, c)
	}
	return contenders, nil
}

// openAll opens the models of all contenders, so that a name that is wrong is told before any work is done.
func openAll(contenders []contender, o *opener) error {
	for i := range contenders {
		for _, name := range contenders[i].names {
			m, err := o.model(name)
			if err != nil {
				return err
			}
			contenders[i].models = append(contenders[i].models, m)
		}
	}
	return nil
}

// frames returns how many frames a video the model was trained on; the field's usual number where that is not known.
func (m model) frames() int {
	var n int
	if _, err := fmt.Sscanf(m.bundle.Space.Sampling, "uniform-%d", &n); err != nil || n < 1 {
		return usualFrames
	}
	return n
}

// usualFrames is how many uniform frames a video stand for it where nothing else was said.
const usualFrames = 8

// evaluation scores models on one split. What an encoder made of it is kept from one model to the next.
type evaluation struct {
	app    *app
	opener *opener
	split  *corpus.Corpus
	frames int

	candidates int // of TACo's search in two stages; 0 for all

	encoded [2]sightline.ModelID // whose features and sentences pairs holds
	pairs   train.Pairs
}

// rank ranks the split by a model, and returns the similarities that it gives. Those of a search in two stages are zero.
func (v *evaluation) rank(ctx context.Context, m model) (sims sightline.Matrix, ranking metric.Ranking, err error) {
	pairs, err := v.pairsOf(ctx, m)
	if err != nil {
		return sims, ranking, err
	}
	if m.taco != nil && v.candidates > 0 {
		ranking, err = train.RankTaco(ctx, m.taco, pairs, v.candidates)
		return sims, ranking, err
	}
	if sims, err = m.score(ctx, pairs); err != nil {
		return sims, ranking, err
	}
	ranking, err = metric.Rank(sims, v.split.Set.Owner())
	return sims, ranking, err
}

// score returns the similarities [captions, videos] that a model gives.
func (m model) score(ctx context.Context, pairs train.Pairs) (sightline.Matrix, error) {
	if m.taco == nil {
		return train.Score(ctx, m.align, pairs)
	}
	videos, texts, err := train.EncodeTaco(ctx, m.taco, pairs)
	if err != nil {
		return sightline.Matrix{}, err
	}
	scores, err := m.taco.ScoreBlock(ctx, texts, videos)
	return scores.Sum(), err
}

// fuses tells whether a contender is searched in two stages.
func (c contender) fuses() bool {
	return slices.ContainsFunc(c.models, func(m model) bool { return m.taco != nil })
}

// pairsOf returns the split as a model's encoders have it.
func (v *evaluation) pairsOf(ctx context.Context, m model) (train.Pairs, error) {
	if ids := [2]sightline.ModelID{m.encoders.Frames.ID(), m.encoders.Texts.ID()}; v.encoded != ids {
		progress := series{start: v.app.bar}
		defer func() { progress.close() }()
		pairs, err := train.StoredPairs(ctx, v.split, train.Setting{
			Engine: v.opener.engine, Encoders: m.encoders, Store: v.opener.store(), Encoding: progress.encoding,
		}, corpus.Uniform(v.frames))
		if err != nil {
			return train.Pairs{}, err
		}
		v.encoded, v.pairs = ids, pairs
	}
	if m.taco == nil || len(v.pairs.Texts) == 0 || v.pairs.Texts[0].Tokens.Rows > 0 {
		return v.pairs, nil
	}
	words, err := m.encoders.Words()
	if err != nil {
		return train.Pairs{}, err
	}
	return v.pairs, align.ReadWords(ctx, words, v.pairs.Texts)
}

// record says what the models are tested on.
func (v *evaluation) record(ctx context.Context) train.DataRecord {
	return train.DataRecord{
		Role: "test", Name: v.split.Name, Hash: v.split.Hash(), Videos: len(v.split.Set.Videos), Captions: len(v.split.Set.Captions),
		Sampling: corpus.Uniform(v.frames).String(), Decoder: v.split.Decoder(ctx),
	}
}

// jointly ranks what a model scores when blocks of the split are decomposed together, as in training.
func (v *evaluation) jointly(ctx context.Context, m model, block int) (processed, error) {
	pairs, err := v.pairsOf(ctx, m)
	if err != nil {
		return processed{}, err
	}
	sims, err := train.ScoreJointly(ctx, m.align, pairs, block)
	if err != nil {
		return processed{}, err
	}
	ranking, err := metric.Rank(sims, v.split.Set.Owner())
	if err != nil {
		return processed{}, err
	}
	return processed{metric.Transductive{Name: fmt.Sprintf("blocks of %d × %d decomposed together", block, block)}, ranking.All()}, nil
}

// bank returns the similarities of another split's sentences with this split's videos; none without a name.
func (v *evaluation) bank(ctx context.Context, m model, name string) (sightline.Matrix, error) {
	if name == "" {
		return sightline.Matrix{}, nil
	}
	other, err := corpus.Open(name)
	if err != nil {
		return sightline.Matrix{}, err
	}
	vectors, err := m.encoders.Texts.EncodeTexts(ctx, other.Set.Texts())
	if err != nil {
		return sightline.Matrix{}, err
	}
	queries := v.pairs
	queries.Texts = nil
	for i, text := range other.Set.Texts() {
		queries.Texts = append(queries.Texts, align.Sentence{Text: text, Vector: vectors.Row(i)})
	}
	if m.taco != nil {
		words, err := m.encoders.Words()
		if err != nil {
			return sightline.Matrix{}, err
		}
		if err := align.ReadWords(ctx, words, queries.Texts); err != nil {
			return sightline.Matrix{}, err
		}
	}
	return m.score(ctx, queries)
}

// tabulate returns the table of every direction: the models, then what bounds them from above and below.
func tabulate(contenders []contender, split *corpus.Corpus, options metric.Options) ([]evalResult, error) {
	ceilings, err := split.Oracles()
	if err != nil {
		return nil, err
	}
	var results []evalResult
	for i, ranks := range contenders[0].rankings[0].All() {
		result := evalResult{Protocol: ranks.Protocol}
		for _, c := range contenders {
			summary, err := c.summarize(i, options)
			if err != nil {
				return nil, err
			}
			result.Rows = append(result.Rows, evalRow{Name: c.name, Kind: "model", Seeds: len(c.rankings), Summary: summary})
			rows, err := transductiveRows(c.name, c.processed, ranks.Protocol, options)
			if err != nil {
				return nil, err
			}
			result.Rows = append(result.Rows, rows...)
		}
		for _, ceiling := range ceilings {
			if ceiling.Summary.Protocol == ranks.Protocol {
				result.Rows = append(result.Rows, evalRow{Name: ceiling.Name, Kind: "oracle", Summary: ceiling.Summary})
			}
		}
		chance, err := ranks.Chance(options.K)
		if err != nil {
			return nil, err
		}
		result.Rows = append(result.Rows, evalRow{Name: "chance", Kind: "chance", Summary: chance})
		results = append(results, result)
	}
	return results, nil
}

// summarize returns the contender's numbers in direction i: with bootstrap intervals for one model, over the seeds for
// several.
func (c contender) summarize(i int, options metric.Options) (metric.Summary, error) {
	if len(c.rankings) == 1 {
		return c.rankings[0].All()[i].Summarize(options)
	}
	single := options
	single.Resamples = -1
	var runs []metric.Summary
	for _, ranking := range c.rankings {
		summary, err := ranking.All()[i].Summarize(single)
		if err != nil {
			return metric.Summary{}, err
		}
		runs = append(runs, summary)
	}
	return metric.OverSeeds(runs, options.Confidence)
}

// compareAll tests every single model against the first.
func compareAll(contenders []contender, options metric.Options) ([]comparison, error) {
	var all []comparison
	if options.Resamples < 0 || len(contenders[0].rankings) > 1 {
		return nil, nil
	}
	for _, c := range contenders[1:] {
		if len(c.rankings) > 1 {
			continue
		}
		tests, err := compareRuns(contenders[0].name, contenders[0].rankings[0], c.name, c.rankings[0], options)
		if err != nil {
			return nil, err
		}
		all = append(all, tests...)
	}
	return all, nil
}

func (a *app) printEvaluation(result evalJSON) error {
	a.out.Printf("%s: %s, %s, %s\n", terminal.Clean(result.Data.Name), terminal.Count(result.Data.Videos, "video", "videos"),
		terminal.Count(result.Data.Captions, "caption", "captions"), result.Data.Sampling)
	for _, direction := range result.Results {
		if err := a.printDirection(direction); err != nil {
			return err
		}
	}
	if result.Confidence > 0 {
		a.out.Printf("\n± is half the %g %% interval: over queries (bootstrap), over trainings where a row has several seeds\n", 100*result.Confidence)
	}
	a.printComparisons(result.Comparisons)
	return nil
}

// printDirection prints the table of one direction.
func (a *app) printDirection(direction evalResult) error {
	a.out.Printf("\n%s\n", direction.Protocol.Title())
	var table metric.Table
	for _, row := range direction.Rows {
		name := terminal.Clean(row.Name)
		if row.Kind == "model" {
			if row.Seeds > 1 {
				name = fmt.Sprintf("%s (%d seeds)", name, row.Seeds)
			}
			a.out.Printf("\t%s\n", row.Summary.Line())
		}
		table.Rows = append(table.Rows, metric.Row{Name: name, Summary: row.Summary})
	}
	if err := table.Write(a.out, a.out.Width()); err != nil {
		return err
	}
	for _, row := range direction.Rows {
		if (row.Kind == "model" || row.Kind == "transductive") && row.Summary.TiedQueries > 0 {
			a.out.Printf("%s: %s tie with other candidates\n", terminal.Clean(row.Name), terminal.Count(row.Summary.TiedQueries, "query", "queries"))
		}
	}
	return nil
}

// writeSims writes a matrix where --save-sims says.
func writeSims(path string, sims sightline.Matrix) error {
	if strings.ToLower(filepath.Ext(path)) != ".npy" {
		return usage("--save-sims "+path, "end the name in .npy", "similarities are saved as .npy")
	}
	return atomicfile.WriteFunc(path, func(w io.Writer) error {
		return npy.Write(w, []int{sims.Rows, sims.Cols}, sims.Data)
	})
}
