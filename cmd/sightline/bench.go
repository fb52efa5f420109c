package main

import (
	"fmt"
	"math"
	"path/filepath"

	"github.com/spf13/cobra"

	"sightline/benchmark"
	"sightline/dataset/world"
	"sightline/internal/terminal"
)

func (a *app) benchCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:     "bench",
		Short:   "Measure methods against one another on the rendered world",
		Example: "  sightline bench retrieval --out build/tables",
	}, a.benchRetrievalCommand())
}

func (a *app) benchRetrievalCommand() *cobra.Command {
	plan := benchmark.Plan{Size: "base", Rho: world.DefaultRho, Seeds: 3}
	cmd := &cobra.Command{
		Use:   "retrieval --out DIR",
		Short: "Tabulate retrieval: methods × in-domain, out-of-domain × seeds",
		Long: `Bench retrieval trains every method from several seeds on domain A of the rendered world, chooses
each best epoch on A's validation split, and tests on A (in-domain) and on B (out-of-domain), with
chance and the ceilings of perfect matchers beside them. Every training is a run of its own below
DIR; stopped, the same command goes on where it was. DIR/table.md and DIR/results.json hold the
result.`,
		Example: `  sightline bench retrieval --out build/tables
  sightline bench retrieval --size demo --seeds 1 --out /tmp/quick`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if plan.Seeds < 1 {
				return usage("--seeds", "--seeds 3", "%d trainings are none", plan.Seeds)
			}
			if !(plan.Rho > 0 && plan.Rho <= 1) {
				return usage("--rho", "--rho 0.75", "%v is no share in (0, 1]", plan.Rho)
			}
			if _, err := world.ExtentOf(plan.Size); err != nil {
				return usage("--size", "--size base", "%v", err)
			}
			s, err := a.settings("", "")
			if err != nil {
				return err
			}
			e, err := s.engine()
			if err != nil {
				return err
			}
			progress := series{start: a.bar}
			defer func() { progress.close() }()
			result, err := benchmark.Retrieval(cmd.Context(), e, plan, func(stage benchmark.Stage) {
				note := ""
				if stage.Loss != 0 {
					note = fmt.Sprintf("loss %.3f", stage.Loss)
				}
				progress.set(stage.What, float64(stage.Done), math.Max(1, float64(stage.Of)), note)
			})
			if err != nil {
				return trainError(plan.Dir, err)
			}
			progress.close()
			return a.print(result, func() error {
				if err := result.Write(a.out, a.out.Width()); err != nil {
					return err
				}
				a.out.Printf("the table is in %s\n", terminal.Clean(filepath.Join(plan.Dir, "table.md")))
				return nil
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&plan.Dir, "out", "", "folder of the runs and the result (needed)")
	flags.StringVar(&plan.Size, "size", plan.Size, "size of the world: demo, small, base or large")
	flags.IntVar(&plan.Seeds, "seeds", plan.Seeds, "trainings of each method")
	flags.Float64Var(&plan.Rho, "rho", plan.Rho, "share of the facts that captions state")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err)
	}
	return cmd
}
