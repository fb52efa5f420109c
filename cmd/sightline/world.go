package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sightline/corpus"
	"sightline/dataset/world"
	"sightline/internal/terminal"
)

// worldJSON is the contract of world --json.
type worldJSON struct {
	Dir string `json:"dir"`
	world.Meta
}

func (a *app) worldCommand() *cobra.Command {
	meta := world.Meta{}
	var mp4 bool
	cmd := &cobra.Command{
		Use:   "world DIR",
		Short: "Render the benchmark world as videos, subtitles and pairs",
		Long: `World renders two domains, A and B, of scenes drawn from facts, with captions that state a
share of them: a benchmark that needs no network and whose ceiling is known. It is rendered and
says so; it stands in for no real video.

The demo size and all films of moments and tasks are written as MP4 and SRT files. Larger
sizes need no files for retrieval: name a split as world:A/base/train wherever data is asked for,
or have the clips written too with --mp4. Run again, it continues where it stopped.`,
		Example: `  sightline world demo-world
  sightline world small-world --size small --mp4 --seed 7
  sightline train run.yaml --out runs/a        # with data.train: world:A/base/train`,
		Args: operands(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := args[0]
			meta.Clips = mp4 || meta.Size == world.Extents[0].Name
			if !(meta.Rho > 0 && meta.Rho <= 1) {
				return usage("--rho", "--rho 0.75", "%v is no share in (0, 1]", meta.Rho)
			}
			if _, err := world.ExtentOf(meta.Size); err != nil {
				return usage("--size", "demo, small, base or large", "%w", err)
			}
			bar := a.bar("Rendering")
			err := world.Write(cmd.Context(), dir, meta, func(done, total int) {
				bar.Set(float64(done), float64(total), fmt.Sprintf("%s of %s videos", terminal.Thousands(done), terminal.Thousands(total)))
			})
			bar.Close()
			if err != nil {
				return err
			}
			written, err := world.Open(dir)
			if err != nil {
				return err
			}
			return a.print(worldJSON{dir, written}, func() error {
				a.out.Printf("%s holds the %s world (seed %d, captions state %g of the facts)\n",
					terminal.Clean(dir), written.Size, written.Seed, written.Rho)
				for _, domain := range []world.Domain{world.A, world.B} {
					pairs := filepath.Join(dir, domain.String(), "train.jsonl")
					if _, err := os.Stat(pairs); err == nil {
						a.out.Printf("  %s\n", terminal.Clean(pairs))
					}
				}
				return nil
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&meta.Size, "size", world.Extents[0].Name, "demo, small, base or large")
	flags.Uint64Var(&meta.Seed, "seed", corpus.DefaultSeed, "seed of everything that is drawn")
	flags.Float64Var(&meta.Rho, "rho", world.DefaultRho, "share of the facts that captions state")
	flags.BoolVar(&mp4, "mp4", false, "write retrieval clips as files at every size")
	a.complete(cmd, "size", func() []string {
		names := make([]string, len(world.Extents))
		for i, extent := range world.Extents {
			names[i] = extent.Name
		}
		return names
	})
	return cmd
}
