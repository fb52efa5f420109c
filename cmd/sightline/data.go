package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/dataset"
	"sightline/feature"
	"sightline/internal/terminal"
)

func (a *app) dataCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "data",
		Short: "Check your own pairs, import features made elsewhere",
		Example: `  sightline data check pairs.jsonl
  sightline data import i3d/ --made-by i3d --row-seconds 2`,
	}, a.dataCheckCommand(), a.dataImportCommand())
}

func (a *app) dataCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE|FOLDER",
		Short: "List everything that is wrong with a file of pairs",
		Long: `Check reads a file of pairs, or a folder with train, val and test files, and lists every
problem with its line. It exits with 1 when something keeps the data from being read.

JSONL has one object a line:
  {"video": "clips/a.mp4", "caption": "a dog runs", "start": 0, "end": 3.2}
with "captions", a list, where a video has several; CSV has the same names as its header.
Needed are caption and one of video and id. Paths are relative to the file's folder.`,
		Example: `  sightline data check pairs.jsonl
  sightline data check world/A --json | jq '.problems[].line'`,
		Args: operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			report, err := dataset.Check(args[0])
			if err != nil {
				return err
			}
			err = a.print(report, func() error {
				for _, problem := range report.Problems {
					mark := a.out.Paint(terminal.Yellow, "note ")
					if problem.Fatal {
						mark = a.out.Paint(terminal.Red, "error")
					}
					a.out.Printf("%s  %s\n", mark, terminal.Clean(problem.String()))
				}
				a.out.Printf("%s, %s in %s; %s\n",
					terminal.Count(report.Videos, "video", "videos"), terminal.Count(report.Captions, "caption", "captions"),
					terminal.Count(len(report.Files), "file", "files"), problems(report))
				return nil
			})
			if err != nil {
				return err
			}
			if fatal := report.Fatal(); fatal > 0 {
				return &sightline.Error{
					Kind: sightline.Failed, What: "check " + args[0],
					Err: fmt.Errorf("%s from being read", keeps(fatal)),
					Try: "put right the lines named above, then check again",
				}
			}
			return nil
		},
	}
}

func problems(report dataset.Report) string {
	if len(report.Problems) == 0 {
		return "no problems"
	}
	return terminal.Count(len(report.Problems), "problem", "problems")
}

func keeps(fatal int) string {
	if fatal == 1 {
		return "1 problem keeps it"
	}
	return fmt.Sprintf("%s problems keep it", terminal.Thousands(fatal))
}

// importJSON is the contract of data import --json.
type importJSON struct {
	Space    sightline.Space `json:"space"`
	Store    string          `json:"store"`
	Imported []string        `json:"imported"`
	Refused  []refusedJSON   `json:"refused"`
	Rounding float64         `json:"rounding"` // largest distance between a value and what was stored
}

type refusedJSON struct {
	Path  string `json:"path"`
	Cause string `json:"cause"`
}

func (a *app) dataImportCommand() *cobra.Command {
	var im feature.Import
	var stream, madeBy, hash, features string
	cmd := &cobra.Command{
		Use:   "import FOLDER",
		Short: "Import .npy and .npz features made elsewhere",
		Long: `Import stores every .npy and .npz file of a folder as features; the video's id is the file's
name. An .npz has its rows under "features" and may have "timestamps", as Lighthouse
writes them; else every row stands for --row-seconds. Values are stored as float16.

--made-by names the encoder, and --hash its weights: features of two encoders are never mixed.`,
		Example: `  sightline data import clip_features/ --made-by clip-vit-b-32 --stream frame --row-seconds 2
  sightline data import slowfast/ --made-by slowfast --hash 1f2e3d4c --json`,
		Args: operands(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.settings("", features)
			if err != nil {
				return err
			}
			im.Stream = feature.Stream(stream)
			im.Space.Video = sightline.ModelID{Name: madeBy, Hash: hash}
			report, err := im.ImportFolder(cmd.Context(), args[0], s.store())
			result := importJSON{Space: im.Space, Store: s.store().Dir, Imported: append([]string{}, report.Imported...),
				Refused: []refusedJSON{}, Rounding: report.Rounding}
			for _, refused := range report.Refused {
				result.Refused = append(result.Refused, refusedJSON{refused.Path, refused.Err.Error()})
			}
			if err != nil {
				return err
			}
			err = a.print(result, func() error {
				for _, refused := range result.Refused {
					a.out.Printf("refused  %s: %s\n", terminal.Clean(refused.Path), terminal.Clean(refused.Cause))
				}
				a.out.Printf("%s imported into %s as %v\n", terminal.Count(len(result.Imported), "file", "files"), terminal.Clean(s.store().Dir), im.Space)
				return nil
			})
			if err == nil && len(result.Refused) > 0 {
				err = &sightline.Error{Kind: sightline.Failed, What: "import " + args[0],
					Err: fmt.Errorf("%s refused", terminal.Count(len(result.Refused), "file was", "files were"))}
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&madeBy, "made-by", "", "name of the encoder (needed)")
	flags.StringVar(&hash, "hash", "", "hash of its weights")
	flags.StringVar(&im.Space.Preprocess, "preprocess", "", "how pixels became its input")
	flags.StringVar(&im.Space.Sampling, "sampling", "", "which frames it saw")
	flags.StringVar(&stream, "stream", string(feature.Clip), "what a row was made from: frame, clip, subtitle")
	flags.Float64Var(&im.RowSeconds, "row-seconds", 0, "seconds a row stands for, where a file has no timestamps")
	flags.StringVar(&im.Key, "key", feature.FeaturesKey, "array to take from an .npz file")
	flags.StringVar(&features, "features", "", "folder of stored features (default below the XDG cache home)")
	if err := cmd.MarkFlagRequired("made-by"); err != nil {
		panic(err)
	}
	return cmd
}
