package main

import (
	"github.com/spf13/cobra"

	"sightline/benchmark"
	"sightline/dataset/world"
)

func (a *app) benchStepsCommand() *cobra.Command {
	plan := benchmark.StepPlan{Size: "base", Seeds: 3}
	cmd := &cobra.Command{
		Use:   "steps --out DIR",
		Short: "Tabulate the steps of tasks: the encoder as it is and a trained head, on A and on B",
		Long: `Bench steps trains the plain head (the mean of frames, as configs/ablations/baseline.yaml) from
several seeds on the clips of domain A of the rendered world, and looks for the steps of the films of
tasks, of A and of B, with the encoder as it is and with the trained heads: recall by CrossTask's rules,
frame accuracy as COIN's among the steps of the task and background, which a threshold chosen on A's
validation films tells. Nothing is trained on films.

Every training is a run of its own below DIR; stopped, the same command goes on where it was.
DIR/table.md, DIR/results.json and DIR/steps.png, a film with its steps, hold the result.`,
		Example: `  sightline bench steps --out build/steps
  sightline bench steps --size demo --seeds 1 --out /tmp/quick`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if plan.Seeds < 1 {
				return usage("--seeds", "--seeds 3", "%d trainings are none", plan.Seeds)
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
			result, err := benchmark.Steps(cmd.Context(), e, plan, progress.stage)
			if err != nil {
				return trainError(plan.Dir, err)
			}
			progress.close()
			return a.tables(result, plan.Dir)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&plan.Dir, "out", "", "folder of the runs and the result (needed)")
	flags.StringVar(&plan.Size, "size", plan.Size, "size of the world: demo, small, base or large")
	flags.IntVar(&plan.Seeds, "seeds", plan.Seeds, "trainings of the head")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err)
	}
	return cmd
}
