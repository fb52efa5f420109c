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
	plan := benchmark.Plan{Size: "base", Rho: world.DefaultRho, Captions: 1, Seeds: 3}
	var methods []string
	var predict bool
	cmd := &cobra.Command{
		Use:   "retrieval --out DIR",
		Short: "Tabulate retrieval: methods × in-domain, out-of-domain × seeds",
		Long: `Bench retrieval trains every method from several seeds on domain A of the rendered world, chooses
each best epoch on A's validation split, and tests on A (in-domain) and on B (out-of-domain), with
chance and the ceilings of perfect matchers beside them; it says before it starts how long it will
take. Every training is a run of its own below DIR; stopped, the same command goes on where it was.
DIR/table.md, DIR/results.json and DIR/recall.png hold the result.`,
		Example: `  sightline bench retrieval --out build/tables
  sightline bench retrieval --out build/tables --predict
  sightline bench retrieval --methods meanP,X-Pool --size demo --seeds 1 --out /tmp/quick`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if plan.Seeds < 1 {
				return usage("--seeds", "--seeds 3", "%d trainings are none", plan.Seeds)
			}
			if !(plan.Rho > 0 && plan.Rho <= 1) {
				return usage("--rho", "--rho 0.75", "%v is no share in (0, 1]", plan.Rho)
			}
			if plan.Captions < 0 {
				return usage("--captions", "--captions 1", "%d captions are none", plan.Captions)
			}
			chosen, err := benchmark.Choose(methods)
			if err != nil {
				return err
			}
			plan.Methods = chosen
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
			forecast, err := benchmark.Predict(cmd.Context(), e, plan)
			if err != nil {
				return err
			}
			if predict {
				return a.print(forecast, func() error { a.printForecast(forecast); return nil })
			}
			a.say("this will take about %s", forecastTotal(forecast))
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
	flags.IntVar(&plan.Captions, "captions", plan.Captions, "captions of each validation and test video; 0 for all")
	flags.StringSliceVar(&methods, "methods", nil, "rows to make, e.g. meanP,X-Pool (default all)")
	flags.BoolVar(&predict, "predict", false, "only say how long it would take")
	flags.Float64Var(&plan.Rho, "rho", plan.Rho, "share of the facts that captions state")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err)
	}
	return cmd
}

// printForecast prints what a benchmark will take, part by part.
func (a *app) printForecast(forecast []benchmark.Forecast) {
	table := terminal.Table{Columns: []terminal.Column{{Title: "part"}, {Title: "time", Right: true}}}
	for _, part := range forecast {
		table.Row(part.What, seconds(part.Seconds))
	}
	table.Row("together", forecastTotal(forecast))
	table.Write(a.out)
}

// forecastTotal returns how long all parts take together, in words.
func forecastTotal(forecast []benchmark.Forecast) string {
	var total float64
	for _, part := range forecast {
		total += part.Seconds
	}
	return seconds(total)
}
