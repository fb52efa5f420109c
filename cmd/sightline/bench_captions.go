package main

import (
	"github.com/spf13/cobra"

	"sightline/benchmark"
	"sightline/dataset/world"
	"sightline/engine"
)

func (a *app) benchCaptionsCommand() *cobra.Command {
	plan := benchmark.CaptionPlan{Size: "base", Seeds: 3, Epochs: 2}
	cmd := &cobra.Command{
		Use:   "captions --out DIR",
		Short: "Tabulate captions: the decoder without and with CALM, in-domain, out-of-domain × seeds",
		Long: `Bench captions trains the caption decoder from several seeds on the clips of domain A of the rendered
world, by the caption loss alone and with CALM's objective beside it, chooses each best epoch on A's
validation clips, and lets it describe the test clips of A (in-domain) and of B (out-of-domain). Beside
it stand the caption of the most similar training clip, and any training caption. DIR/table.md and
DIR/results.json hold BLEU-4, METEOR, ROUGE-L and CIDEr with paired tests; DIR/captions.png shows ten
clips, chosen by rule. Every caption and all references are kept as sightline judge captions takes them.
Every training is a run of its own below DIR; stopped, the same command goes on where it was.`,
		Example: `  sightline bench captions --out build/captions
  sightline bench captions --size demo --seeds 1 --epochs 2 --out /tmp/quick
  sightline judge captions --gold build/captions/references-B.jsonl --pred build/captions/base-decoder-seed1/captions-B.jsonl`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if plan.Seeds < 1 || plan.Epochs < 1 {
				return usage("--seeds, --epochs", "--seeds 3 --epochs 2", "%d trainings of %d epochs are none", plan.Seeds, plan.Epochs)
			}
			if plan.On != "test" && plan.On != "val" {
				return notASplit(plan.On)
			}
			if _, err := world.ExtentOf(plan.Size); err != nil {
				return usage("--size", "--size base", "%v", err)
			}
			return a.tabulate(plan.Dir, func(e *engine.Engine, report func(benchmark.Stage)) (tables, error) {
				return benchmark.Captions(cmd.Context(), e, plan, report)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&plan.Dir, "out", "", "folder of the runs and the result (needed)")
	flags.StringVar(&plan.Size, "size", plan.Size, "size of the world: demo, small, base or large")
	flags.IntVar(&plan.Seeds, "seeds", plan.Seeds, "trainings of each method")
	flags.StringVar(&plan.On, "on", "test", "split to test on: test, or val while choices are still being made")
	flags.IntVar(&plan.Epochs, "epochs", plan.Epochs, "passes over the training captions of each training")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err)
	}
	return cmd
}
