package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/dataset"
	"sightline/internal/terminal"
)

func (a *app) dataCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "data",
		Short: "Check your own pairs, import features made elsewhere",
		Example: `  sightline data check pairs.jsonl
  sightline data import i3d/ --made-by i3d --row-seconds 2
  sightline data import clip/ --into-archive --encoder clip`,
	}, a.dataCheckCommand(), a.dataImportCommand(), a.dataJoinCommand())
}

func (a *app) dataCheckCommand() *cobra.Command {
	var deadFile string
	cmd := &cobra.Command{
		Use:   "check FILE|FOLDER|BENCHMARK",
		Short: "List everything that is wrong with a file of pairs",
		Long: `Check reads a file of pairs, a folder with train, val and test files, or the official files of a
benchmark, and lists every problem with its line. It exits with 1 when something keeps the data from
being read, or when a video is in two splits.

JSONL has one object a line:
  {"video": "clips/a.mp4", "caption": "a dog runs", "start": 0, "end": 3.2}
with "captions", a list, where a video has several; CSV has the same names as its header.
Needed are caption and one of video and id. Paths are relative to the file's folder.

The official files of MSR-VTT, MSVD, LSMDC, DiDeMo, ActivityNet Captions and YouCook2 are named
msrvtt:FOLDER/test, msvd:, lsmdc:, didemo:, activitynet:, youcook2:; videos lie in FOLDER/videos under
their ids, or in ?videos=DIR. Each split is compared with the others in the folder. --dead names a
file with the ids, one a line, of videos known to be gone: they are counted and not listed.`,
		Example: `  sightline data check pairs.jsonl
  sightline data check "msrvtt:data/msrvtt/train?split=7k" --dead gone.txt
  sightline data check world/A --json | jq '.problems[].line'`,
		Args: operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			var dead map[string]bool
			if deadFile != "" {
				var err error
				if dead, err = dataset.ReadIDs(deadFile); err != nil {
					return usage("--dead "+deadFile, "name a file with one id a line", "%w", err)
				}
			}
			report, err := dataset.Check(args[0], dead)
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
				if found := counts(report); found != "" {
					a.out.Printf("%s\n", found)
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
					Err: fmt.Errorf("%s from being used", keeps(fatal)),
					Try: "put right the lines named above, then check again",
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&deadFile, "dead", "", "file with ids of videos that are known to be gone, one a line")
	return cmd
}

// counts says what was found more than once, not at all or in two places; "" where nothing was.
func counts(report dataset.Report) string {
	var found []string
	if report.Missing > 0 {
		found = append(found, fmt.Sprintf("%s missing, %s of them known to be gone",
			terminal.Count(report.Missing, "video", "videos"), terminal.Thousands(report.Dead)))
	}
	if report.Duplicates > 0 {
		found = append(found, terminal.Count(report.Duplicates, "duplicate", "duplicates"))
	}
	if report.Empty > 0 {
		found = append(found, terminal.Count(report.Empty, "caption", "captions")+" empty or not there")
	}
	if report.InTwo > 0 {
		found = append(found, terminal.Count(report.InTwo, "video", "videos")+" in two splits")
	}
	return strings.Join(found, "; ")
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
