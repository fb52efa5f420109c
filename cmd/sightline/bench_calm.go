package main

import (
	"math"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sightline/align/calm"
	"sightline/benchmark"
	"sightline/corpus"
	"sightline/internal/terminal"
)

// explaining is what benchmarks of a model trained with CALM have in common.
type explaining struct {
	app      *app
	name     string
	data     string
	out      string
	encoder  string
	features string
	progress series
}

func (b *explaining) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&b.name, "model", "", "folder of a training run, or a bundle, with parts: [{kind: calm}] (needed)")
	flags.StringVar(&b.data, "data", "", "rendered split such as world:A/base/test (needed)")
	flags.StringVar(&b.out, "out", "", "folder of the result (needed)")
	b.app.encoderFlag(cmd, &b.encoder)
	flags.StringVar(&b.features, "features", "", "folder of stored features (default below the XDG cache home)")
	for _, name := range []string{"model", "data", "out"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
}

// open opens the model and encodes the split.
func (b *explaining) open(cmd *cobra.Command) (subject benchmark.Explained, m model, split *corpus.Corpus, err error) {
	s, err := b.app.settings(b.encoder, b.features)
	if err != nil {
		return
	}
	if split, err = corpus.Open(b.data); err != nil {
		return
	}
	o, err := s.opener()
	if err != nil {
		return
	}
	if m, err = o.headed(b.name); err != nil {
		return
	}
	explainer, err := calm.NewExplainer(m.align)
	if err != nil {
		return
	}
	if err = os.MkdirAll(b.out, 0o777); err != nil {
		return
	}
	evaluation := evaluation{app: b.app, opener: o, split: split, frames: m.frames()}
	pairs, err := evaluation.pairsOf(cmd.Context(), m)
	if err != nil {
		return
	}
	b.progress.start = b.app.bar
	return benchmark.Explained{Name: m.name, Model: m.align, Explainer: explainer, Pairs: pairs, Data: evaluation.record(cmd.Context())}, m, split, nil
}

func (b *explaining) report(stage benchmark.Stage) {
	b.progress.set(stage.What, float64(stage.Done), math.Max(1, float64(stage.Of)), "")
}

func (a *app) benchConfidenceCommand() *cobra.Command {
	b := explaining{app: a}
	cmd := &cobra.Command{
		Use:   "confidence --model RUN --data DATA --out DIR",
		Short: "Judge what CALM's likelihood is worth as confidence in the first answer",
		Long: `Bench confidence answers every sentence of a split with the video of the highest score and sorts the
answers by how sure of them one can be: by the likelihood of the sentence's anchor distribution given
the video's, by the margin to the second score, by the score, by the variance of the video's latent
distribution, by the overlap of both distributions. The table has the area under each risk-coverage
curve with bootstrap intervals over videos and its paired difference to the margin's, beside a random
order and that of an oracle. DIR/table.md, DIR/results.json and DIR/risk-coverage.png hold the result.`,
		Example: "  sightline bench confidence --model runs/calm --data world:A/base/test --out build/confidence",
		Args:    operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			subject, _, _, err := b.open(cmd)
			if err != nil {
				return err
			}
			defer func() { b.progress.close() }()
			result, err := benchmark.Confidence(cmd.Context(), subject, b.out, b.report)
			if err != nil {
				return err
			}
			b.progress.close()
			return a.print(result, func() error {
				if err := result.Write(a.out, a.out.Width()); err != nil {
					return err
				}
				a.out.Printf("the table is in %s\n", terminal.Clean(filepath.Join(b.out, "table.md")))
				return nil
			})
		},
	}
	b.flags(cmd)
	return cmd
}

func (a *app) benchAnchorsCommand() *cobra.Command {
	b := explaining{app: a}
	var count int
	cmd := &cobra.Command{
		Use:   "anchors --model RUN --data DATA --out DIR",
		Short: "Draw sentences and videos with the anchors that a model sees in both",
		Long: `Bench anchors draws pairs of a rendered split: frames of the video, the sentence, and the four anchors
of the highest probability on both sides together. Pairs are taken at equal distances of their order by
likelihood, from the likeliest to the unlikeliest, whether the model finds them or not. The last row is
an information-imbalanced pair: the caption that leaves out most of its scene when captions state a
quarter of the facts. Every row says which facts its sentence leaves out.
DIR/anchors.png is the sheet, DIR/anchors.md the same as text.`,
		Example: "  sightline bench anchors --model runs/calm --data world:A/base/test --out build/anchors",
		Args:    operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if count < 2 {
				return usage("--count", "--count 10", "%d rows have no place for the likeliest pair and the imbalanced one", count)
			}
			subject, m, split, err := b.open(cmd)
			if err != nil {
				return err
			}
			defer func() { b.progress.close() }()
			sheet, err := benchmark.Anchors(cmd.Context(), subject, split, m.encoders.Texts, count, b.out, b.report)
			if err != nil {
				return err
			}
			b.progress.close()
			return a.print(sheet, func() error {
				if err := sheet.Markdown(a.out); err != nil {
					return err
				}
				a.out.Printf("the picture is in %s\n", terminal.Clean(filepath.Join(b.out, "anchors.png")))
				return nil
			})
		},
	}
	b.flags(cmd)
	cmd.Flags().IntVar(&count, "count", 10, "rows")
	return cmd
}
