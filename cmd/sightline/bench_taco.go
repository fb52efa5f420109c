package main

import (
	"github.com/spf13/cobra"

	"sightline/benchmark"
	"sightline/dataset/world"
	"sightline/engine"
)

func (a *app) benchTacoCommand() *cobra.Command {
	plan := benchmark.TacoPlan{Size: "small", Seeds: 3, Epochs: 3}
	var rows []string
	cmd := &cobra.Command{
		Use:   "taco --out DIR",
		Short: "Tabulate TACo: token sets, negatives, single losses × in-domain, out-of-domain × seeds",
		Long: `Bench taco trains TACo and its ablations from several seeds on domain A of the rendered world, chooses
each best epoch on A's validation split, and tests on A (in-domain) and on B (out-of-domain) in both
directions, every row against TACo itself, paired over all seeds. Tests are searches in two stages;
what that loses and saves is measured too, at 5, 10, 50 and all candidates. Every training is a run of
its own below DIR; stopped, the same command goes on where it was. DIR/table.md, DIR/results.json and
DIR/two-stage.png hold the result.`,
		Example: `  sightline bench taco --out build/taco --backend onnx
  sightline bench taco --rows TACo,nouns --size demo --seeds 1 --epochs 1 --out /tmp/quick`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if plan.Seeds < 1 || plan.Epochs < 1 {
				return usage("--seeds, --epochs", "--seeds 3 --epochs 3", "%d trainings of %d epochs are none", plan.Seeds, plan.Epochs)
			}
			if _, err := world.ExtentOf(plan.Size); err != nil {
				return usage("--size", "--size small", "%v", err)
			}
			chosen, err := benchmark.ChooseTacoRows(rows)
			if err != nil {
				return err
			}
			plan.Rows = chosen
			return a.tabulate(plan.Dir, func(e *engine.Engine, report func(benchmark.Stage)) (tables, error) {
				return benchmark.Taco(cmd.Context(), e, plan, report)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&plan.Dir, "out", "", "folder of the runs and the result (needed)")
	flags.StringVar(&plan.Size, "size", plan.Size, "size of the world: demo, small, base or large")
	flags.IntVar(&plan.Seeds, "seeds", plan.Seeds, "trainings of each row")
	flags.IntVar(&plan.Epochs, "epochs", plan.Epochs, "passes over the training videos of each training")
	flags.StringSliceVar(&rows, "rows", nil, "rows to make, e.g. TACo,nouns (default all)")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err)
	}
	return cmd
}
