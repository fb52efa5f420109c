package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"

	"github.com/spf13/cobra"

	"sightline/benchmark"
	"sightline/dataset/world"
	"sightline/engine"
	"sightline/internal/terminal"
)

func (a *app) benchCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:     "bench",
		Short:   "Measure methods against one another on the rendered world",
		Example: "  sightline bench retrieval --out build/tables",
	}, a.benchRetrievalCommand(), a.benchAblateCommand(), a.benchMomentsCommand(), a.benchTacoCommand(), a.benchStepsCommand(), a.benchCaptionsCommand(), a.benchConfidenceCommand(), a.benchAnchorsCommand())
}

func (a *app) benchRetrievalCommand() *cobra.Command {
	var methods []string
	b := benching{app: a, plan: benchmark.Plan{Watch: true}}
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
			chosen, err := benchmark.Choose(methods)
			if err != nil {
				return err
			}
			return b.run(cmd, chosen)
		},
	}
	b.flags(cmd)
	cmd.Flags().StringSliceVar(&methods, "methods", nil, "rows to make, e.g. meanP,X-Pool (default all)")
	return cmd
}

func (a *app) benchAblateCommand() *cobra.Command {
	b := benching{app: a}
	cmd := &cobra.Command{
		Use:   "ablate RUN.yaml... --out DIR",
		Short: "Tabulate run files against the first of them, as bench retrieval does methods",
		Long: `Bench ablate trains every run file from several seeds and tests each against the first, paired over
all seeds, in-domain and out-of-domain. Data, seed and frames are the benchmark's; everything else
is as the files say. configs/ablations has the tables of the papers.`,
		Example: `  sightline bench ablate configs/ablations/baseline.yaml configs/ablations/calm-*.yaml --out build/calm
  sightline bench ablate a.yaml b.yaml --size demo --seeds 2 --out /tmp/quick`,
		Args: operands(1, -1),
		RunE: func(cmd *cobra.Command, files []string) error {
			methods, err := benchmark.FromFiles(files)
			if err != nil {
				return err
			}
			return b.run(cmd, methods)
		},
	}
	b.flags(cmd)
	cmd.Flags().BoolVar(&b.plan.Watch, "watch", false, "test every epoch, for the table of what choosing on the test set flatters")
	return cmd
}

// benching is what benchmarks of retrieval have in common.
type benching struct {
	app     *app
	plan    benchmark.Plan
	predict bool
}

func (b *benching) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&b.plan.Dir, "out", "", "folder of the runs and the result (needed)")
	flags.StringVar(&b.plan.Size, "size", "base", "size of the world: demo, small, base or large")
	flags.IntVar(&b.plan.Seeds, "seeds", 3, "trainings of each method")
	flags.IntVar(&b.plan.Captions, "captions", 1, "captions of each validation and test video; 0 for all")
	flags.StringVar(&b.plan.On, "on", "test", "split to test on: test, or val while choices are still being made")
	flags.BoolVar(&b.predict, "predict", false, "only say how long it would take")
	flags.Float64Var(&b.plan.Rho, "rho", world.DefaultRho, "share of the facts that captions state")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err)
	}
}

// run checks the plan, says how long it will take, and makes the tables.
func (b *benching) run(cmd *cobra.Command, methods []benchmark.Method) error {
	a, plan := b.app, b.plan
	plan.Methods = methods
	if plan.Seeds < 1 {
		return usage("--seeds", "--seeds 3", "%d trainings are none", plan.Seeds)
	}
	if !(plan.Rho > 0 && plan.Rho <= 1) {
		return usage("--rho", "--rho 0.75", "%v is no share in (0, 1]", plan.Rho)
	}
	if plan.Captions < 0 {
		return usage("--captions", "--captions 1", "%d captions are none", plan.Captions)
	}
	if plan.On != "test" && plan.On != "val" {
		return notASplit(plan.On)
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
	forecast, err := benchmark.Predict(cmd.Context(), e, plan)
	if err != nil {
		return err
	}
	if b.predict {
		return a.print(forecast, func() error { a.printForecast(forecast); return nil })
	}
	a.say("this will take about %s", forecastTotal(forecast))
	progress := series{start: a.bar}
	defer func() { progress.close() }()
	result, err := benchmark.Retrieval(cmd.Context(), e, plan, progress.stage)
	if err != nil {
		return trainError(plan.Dir, err)
	}
	progress.close()
	return a.tables(result, plan.Dir)
}

// notASplit refuses to test on a split of that name.
func notASplit(on string) error { return usage("--on", "--on val", "%q is neither test nor val", on) }

// stage shows how far a benchmark is.
func (s *series) stage(stage benchmark.Stage) {
	note := ""
	if stage.Loss != 0 {
		note = fmt.Sprintf("loss %.3f", stage.Loss)
	}
	s.set(stage.What, float64(stage.Done), math.Max(1, float64(stage.Of)), note)
}

// tables is what a benchmark found.
type tables interface {
	Write(w io.Writer, width int) error
}

// tabulate runs a benchmark on the engine in force and prints what it found.
func (a *app) tabulate(dir string, run func(e *engine.Engine, report func(benchmark.Stage)) (tables, error)) error {
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
	result, err := run(e, progress.stage)
	if err != nil {
		return trainError(dir, err)
	}
	progress.close()
	return a.tables(result, dir)
}

// tables prints the tables of a benchmark, which lie in its folder too.
func (a *app) tables(result tables, dir string) error {
	return a.print(result, func() error {
		if err := result.Write(a.out, a.out.Width()); err != nil {
			return err
		}
		a.out.Printf("the table is in %s\n", terminal.Clean(filepath.Join(dir, "table.md")))
		return nil
	})
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
