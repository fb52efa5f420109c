package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/feature/npy"
	"sightline/internal/terminal"
	"sightline/metric"
)

// judgeJSON is the contract of judge --json.
type judgeJSON struct {
	metric.Report
	Transductive []evalResult `json:"transductive,omitempty"`
	Comparisons  []comparison `json:"comparisons,omitempty"`
}

// comparison is a paired test between two runs in one direction.
type comparison struct {
	Protocol    metric.Protocol     `json:"protocol"`
	A           string              `json:"a"`
	B           string              `json:"b"`
	Differences []metric.Difference `json:"differences"`
}

// resampling is how sure one wants to be of a number; all verbs that print intervals share its flags.
type resampling struct {
	confidence float64
	resamples  int
	seed       uint64
}

func (r *resampling) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Float64Var(&r.confidence, "confidence", 0.95, "of the intervals")
	flags.IntVar(&r.resamples, "resamples", 2000, "of the bootstrap and of the paired test; 0 for no intervals")
	flags.Uint64Var(&r.seed, "resample-seed", 0, "seed of the resampling")
}

func (r *resampling) options() (metric.Options, error) {
	if !(r.confidence > 0 && r.confidence < 1) {
		return metric.Options{}, usage("--confidence", "0.95", "%v is not between 0 and 1", r.confidence)
	}
	resamples := r.resamples
	if resamples == 0 {
		resamples = -1
	}
	return metric.Options{Confidence: r.confidence, Resamples: resamples, Seed: r.seed}, nil
}

// checkCutOffs refuses cut-offs of recall that are not positive and rising.
func checkCutOffs(ks []int) error {
	if slices.Min(append(ks, 1)) < 1 || !slices.IsSorted(ks) || len(slices.Compact(slices.Clone(ks))) != len(ks) || len(ks) == 0 {
		return usage("--k", "--k 1,5,10", "the cut-offs must be positive and rise")
	}
	return nil
}

// judging is how ranks become numbers; judge and eval share its flags.
type judging struct {
	resampling
	ties string
	ks   []int
}

func (j *judging) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&j.ties, "ties", metric.Average.String(), "where a tied item stands: average, optimistic, pessimistic, expected")
	flags.IntSliceVar(&j.ks, "k", []int{1, 5, 10}, "cut-offs of recall")
	j.resampling.flags(cmd)
}

func (j *judging) options() (metric.Options, error) {
	ties, err := metric.ParseTies(j.ties)
	if err != nil {
		return metric.Options{}, usage("--ties", "average, optimistic, pessimistic or expected", "%w", err)
	}
	if err := checkCutOffs(j.ks); err != nil {
		return metric.Options{}, err
	}
	options, err := j.resampling.options()
	options.Ties, options.K = ties, j.ks
	return options, err
}

func (a *app) judgeCommand() *cobra.Command {
	var how judging
	var post posting
	var owners, compare, bank string
	var captions int
	var transpose bool
	cmd := &cobra.Command{
		Use:   "judge SIMS.npy",
		Short: "Score a similarity matrix made by anybody",
		Long: `Judge ranks a similarity matrix [texts, videos] and prints R@K, median and mean rank
in both directions, with bootstrap intervals and what chance would give.

Text i describes video i unless told otherwise. Where a video has several captions,
--captions-per-video says how many, grouped by video, or --owners names a file with
the number of the video of each text, from 0: an .npy of integers, or one number a line.
Tied scores share the average rank and are counted; NaN is an error.`,
		Example: `  sightline judge sims.npy
  sightline judge sims.npy --captions-per-video 20 --json
  sightline judge ours.npy --compare theirs.npy      # paired test on the same queries
  sightline judge sims.npy --post dsl,qbnorm --bank train-sims.npy
  sightline judge sims.npy --ties optimistic --k 1,5,10,50`,
		Args: operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			options, err := how.options()
			if err != nil {
				return err
			}
			if err := post.check(bank); err != nil {
				return err
			}
			sims, err := readSims(args[0], transpose)
			if err != nil {
				return err
			}
			owner, err := ownersOf(judged{
				command: "judge " + args[0], texts: sims.Rows, videos: sims.Cols,
				turned: "sightline judge " + args[0] + " --transpose, if its rows are videos",
			}, owners, captions)
			if err != nil {
				return err
			}
			ranking, err := metric.Rank(sims, owner)
			if err != nil {
				return fmt.Errorf("judge %s: %w", args[0], err)
			}
			report, err := ranking.Report(options)
			if err != nil {
				return fmt.Errorf("judge %s: %w", args[0], err)
			}
			result := judgeJSON{Report: report}
			if result.Transductive, err = postProcessed(post, sims, bank, owner, options); err != nil {
				return fmt.Errorf("judge %s: %w", args[0], err)
			}
			if compare != "" {
				other, err := readSims(compare, transpose)
				if err != nil {
					return err
				}
				against, err := metric.Rank(other, owner)
				if err != nil {
					return fmt.Errorf("judge %s: %w", compare, err)
				}
				if result.Comparisons, err = compareRuns(args[0], ranking, compare, against, options); err != nil {
					return err
				}
			}
			return a.print(result, func() error {
				if err := report.Write(a.out, a.out.Width()); err != nil {
					return err
				}
				for _, direction := range result.Transductive {
					if err := a.printDirection(direction); err != nil {
						return err
					}
				}
				a.printComparisons(result.Comparisons)
				return nil
			})
		},
	}
	how.flags(cmd)
	post.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&bank, "bank", "", "for qbnorm: similarities [queries, videos] of other queries, .npy")
	flags.StringVar(&owners, "owners", "", "file with the number of the video of each text")
	flags.IntVar(&captions, "captions-per-video", 0, "texts are grouped by video, so many each")
	flags.BoolVar(&transpose, "transpose", false, "the matrix is [videos, texts]")
	flags.StringVar(&compare, "compare", "", "another matrix on the same queries, for a paired test")
	cmd.MarkFlagsMutuallyExclusive("owners", "captions-per-video")
	cmd.AddCommand(a.judgeMomentsCommand(), a.judgeCaptionsCommand())
	return cmd
}

// postProcessed returns the rows that post-processing gives, by direction.
func postProcessed(post posting, sims sightline.Matrix, bank string, owner []int, options metric.Options) ([]evalResult, error) {
	var queries sightline.Matrix
	if bank != "" {
		var err error
		if queries, err = readSims(bank, false); err != nil {
			return nil, err
		}
	}
	done, err := post.apply(sims, queries, owner)
	if err != nil {
		return nil, err
	}
	var results []evalResult
	for _, protocol := range []metric.Protocol{metric.TextToVideo, metric.VideoToText, metric.VideoToCaption} {
		rows, err := transductiveRows("scores", done, protocol, options)
		if err != nil {
			return nil, err
		}
		if rows != nil {
			results = append(results, evalResult{Protocol: protocol, Rows: rows})
		}
	}
	return results, nil
}

// compareRuns tests in every direction whether run b differs from run a.
func compareRuns(nameA string, a metric.Ranking, nameB string, b metric.Ranking, options metric.Options) ([]comparison, error) {
	var comparisons []comparison
	for i, ranks := range a.All() {
		others := b.All()
		if i >= len(others) {
			break
		}
		differences, err := metric.Compare(ranks, others[i], options)
		if err != nil {
			return nil, fmt.Errorf("compare %s with %s: %w", nameA, nameB, err)
		}
		comparisons = append(comparisons, comparison{Protocol: ranks.Protocol, A: nameA, B: nameB, Differences: differences})
	}
	return comparisons, nil
}

func (a *app) printComparisons(comparisons []comparison) {
	for _, c := range comparisons {
		a.out.Printf("\n%s, %s − %s:\n", c.Protocol.Title(), terminal.Clean(c.B), terminal.Clean(c.A))
		for _, difference := range c.Differences {
			a.out.Printf("\t%v\n", difference)
		}
	}
}

// readSims reads a matrix of similarities from an .npy file.
func readSims(path string, transpose bool) (sightline.Matrix, error) {
	sims, err := readMatrix("read similarities", path, "[texts, videos]")
	if transpose && err == nil {
		sims = sims.T()
	}
	return sims, err
}

// readMatrix reads a matrix from an .npy file; shape says what its axes are.
func readMatrix(what, path, shape string) (sightline.Matrix, error) {
	array, err := npy.ReadFile(path)
	if err != nil {
		return sightline.Matrix{}, &sightline.Error{Kind: sightline.Failed, What: what, Err: err, Try: "save them with numpy.save(path, array), an array of shape " + shape}
	}
	if len(array.Shape) != 2 || array.Len() == 0 {
		return sightline.Matrix{}, &sightline.Error{
			Kind: sightline.Failed, What: what + " " + path, Err: fmt.Errorf("the array has shape %v", array.Shape), Try: "save a matrix of shape " + shape,
		}
	}
	return sightline.Matrix{Rows: array.Shape[0], Cols: array.Shape[1], Data: array.Float32s()}, nil
}

// judged is what a command has to rank.
type judged struct {
	command       string // as typed
	texts, videos int
	turned        string // what to try where texts are fewer than videos
}

// ownersOf returns the video of each text; nil where text i describes video i.
func ownersOf(j judged, file string, captions int) ([]int, error) {
	what := fmt.Sprintf("%s [%d, %d]", j.command, j.texts, j.videos)
	switch {
	case file != "":
		owner, err := readOwners(file)
		if err != nil {
			return nil, err
		}
		if len(owner) != j.texts {
			return nil, usage(what, "give one number for each text", "%s names the videos of %d texts", file, len(owner))
		}
		return owner, nil
	case captions > 0:
		if captions*j.videos != j.texts {
			return nil, usage(what, "name a file with --owners where the captions are not spread evenly",
				"%d captions for each of %d videos are not %d texts", captions, j.videos, j.texts)
		}
		return metric.Owners(slices.Repeat([]int{captions}, j.videos)), nil
	case j.texts == j.videos:
		return nil, nil
	case j.texts%j.videos == 0:
		return nil, usage(what, fmt.Sprintf("sightline %s --captions-per-video %d, if the texts are grouped by video", j.command, j.texts/j.videos),
			"which text describes which video is not known")
	case j.videos%j.texts == 0:
		return nil, usage(what, j.turned, "there are fewer texts than videos")
	}
	return nil, usage(what, "name a file with the video of each text: --owners FILE", "which text describes which video is not known")
}

// readOwners reads whole numbers from an .npy file or from lines of text.
func readOwners(path string) ([]int, error) {
	fail := func(err error) ([]int, error) {
		return nil, &sightline.Error{Kind: sightline.Failed, What: "read owners " + path, Err: err, Try: "write the number of each text's video, from 0, one a line"}
	}
	if strings.EqualFold(filepath.Ext(path), ".npy") {
		array, err := npy.ReadFile(path)
		if err != nil {
			return fail(err)
		}
		switch array.Data.(type) {
		case []int64, []uint64:
			return array.Ints(), nil
		}
		return fail(errors.New("its elements are no whole numbers"))
	}
	file, err := os.Open(path)
	if err != nil {
		return fail(err)
	}
	defer file.Close()
	var owners []int
	lines := bufio.NewScanner(file)
	for line := 1; lines.Scan(); line++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		owner, err := strconv.Atoi(text)
		if err != nil {
			return fail(fmt.Errorf("line %d: %q is no whole number", line, text))
		}
		owners = append(owners, owner)
	}
	if err := lines.Err(); err != nil {
		return fail(err)
	}
	return owners, nil
}
