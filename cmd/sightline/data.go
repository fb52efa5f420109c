package main

import (
	"fmt"
	"os"
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
		Long: `Check reads a file of pairs, or a folder with train, val and test files, and lists every
problem with its line. It exits with 1 when something keeps the data from being read.

JSONL has one object a line:
  {"video": "clips/a.mp4", "caption": "a dog runs", "start": 0, "end": 3.2}
with "captions", a list, where a video has several; CSV has the same names as its header.
Needed are caption and one of video and id. Paths are relative to the file's folder.

The official files of MSR-VTT, MSVD, LSMDC, DiDeMo, ActivityNet Captions and YouCook2 are named
msrvtt:FOLDER/test, msvd:, lsmdc:, didemo:, activitynet:, youcook2:; videos lie in FOLDER/videos under
their ids, or in ?videos=DIR. --dead names a file with the ids, one a line, of videos known to be gone:
they are counted and not listed.`,
		Example: `  sightline data check pairs.jsonl
  sightline data check "msrvtt:data/msrvtt/train?split=7k" --dead gone.txt
  sightline data check world/A --json | jq '.problems[].line'`,
		Args: operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			dead, err := readIDs(deadFile)
			if err != nil {
				return err
			}
			report, known, err := dataset.CheckPublished(args[0], dead)
			if !known {
				report, err = dataset.Check(args[0])
			}
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
				if report.Missing > 0 {
					a.out.Printf("%s missing, %s of them known to be gone\n", terminal.Count(report.Missing, "video", "videos"), terminal.Thousands(report.Dead))
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
	cmd.Flags().StringVar(&deadFile, "dead", "", "file with ids of videos that are known to be gone, one a line")
	return cmd
}

// readIDs reads ids, one a line; none without a file.
func readIDs(path string) (map[string]bool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("--dead "+path, "write one id a line", "%w", err)
	}
	ids := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if id := strings.TrimSpace(line); id != "" {
			ids[id] = true
		}
	}
	return ids, nil
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
