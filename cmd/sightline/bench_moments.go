package main

import (
	"github.com/spf13/cobra"

	"sightline/benchmark"
	"sightline/dataset/world"
	"sightline/engine"
)

func (a *app) benchMomentsCommand() *cobra.Command {
	plan := benchmark.MomentPlan{Size: "base", Rate: 1, Seeds: 3, Epochs: 5}
	var methods []string
	cmd := &cobra.Command{
		Use:   "moments --out DIR",
		Short: "Tabulate the finding of moments: XML, ReLoCLNet, QACLN and its ablations × seeds",
		Long: `Bench moments trains every method from several seeds on the films of the rendered world, chooses
each best epoch on the validation films, and asks for the moments of the test films: among all films
(VCMR), in their own (SVMR), and for the film alone (VR), by kind of query, beside what is reached
without looking at the query. The table holds QACLN's ablations and weight sets (its tables 5 and 6),
the plot recall by IoU and by K (its figures 5 and 6). Every training is a run of its own below DIR;
stopped, the same command goes on where it was.`,
		Example: `  sightline bench moments --out build/moments
  sightline bench moments --methods ReLoCLNet,QACLN --size demo --seeds 1 --epochs 2 --out /tmp/quick`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if plan.Seeds < 1 || plan.Epochs < 1 {
				return usage("--seeds, --epochs", "--seeds 3 --epochs 5", "%d trainings of %d epochs are none", plan.Seeds, plan.Epochs)
			}
			if !(plan.Rate > 0 && plan.Rate <= world.FPS) {
				return usage("--rate", "--rate 1", "%v frames a second are not in (0, %d]", plan.Rate, world.FPS)
			}
			if _, err := world.ExtentOf(plan.Size); err != nil {
				return usage("--size", "--size base", "%v", err)
			}
			chosen, err := benchmark.ChooseMoments(methods)
			if err != nil {
				return err
			}
			plan.Methods = chosen
			return a.tabulate(plan.Dir, func(e *engine.Engine, report func(benchmark.Stage)) (tables, error) {
				return benchmark.Moments(cmd.Context(), e, plan, report)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&plan.Dir, "out", "", "folder of the runs and the result (needed)")
	flags.StringVar(&plan.Size, "size", plan.Size, "size of the world: demo, small, base or large")
	flags.Float64Var(&plan.Rate, "rate", plan.Rate, "frames a second")
	flags.IntVar(&plan.Seeds, "seeds", plan.Seeds, "trainings of each method")
	flags.IntVar(&plan.Epochs, "epochs", plan.Epochs, "passes over the training queries of each training")
	flags.StringSliceVar(&methods, "methods", nil, "rows to make, e.g. ReLoCLNet,QACLN (default all)")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err)
	}
	return cmd
}
