package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/dataset"
	"sightline/internal/terminal"
	"sightline/metric"
	"sightline/metric/moments"
)

// momentsJSON is the contract of judge moments --json.
type momentsJSON struct {
	Rules      string              `json:"rules"`  // "tvr", "grounding" or "qvhighlights"
	Format     string              `json:"format"` // of the gold file
	Gold       string              `json:"gold"`
	Pred       string              `json:"pred"`
	Against    string              `json:"against,omitempty"`
	NMS        *float64            `json:"nms,omitempty"`
	Queries    int                 `json:"queries"`
	Confidence float64             `json:"confidence,omitempty"` // of the intervals; 0 without them
	Tasks      []moments.Judgement `json:"tasks"`
	// Official is what the official script prints, key by key and rounded as there; empty where there is no such script.
	Official map[string]map[string]any `json:"official,omitempty"`
	Repairs  []dataset.Repair          `json:"repairs"` // of the gold file
	Notes    []string                  `json:"notes"`   // on the predictions
}

// momentJudging is what judge moments was asked.
type momentJudging struct {
	resampling
	gold, pred, against, prior, format string
	nms                                float64
	suppress                           bool
	iou                                []float64
	ks                                 []int
}

func (a *app) judgeMomentsCommand() *cobra.Command {
	var how momentJudging
	cmd := &cobra.Command{
		Use:   "moments --gold GOLD --pred PRED",
		Short: "Score predicted moments made by anybody",
		Long: `Moments scores the stretches of video that a model predicts for sentences against those
people marked, with intervals, by kind of query and length of moment, beside answers given
blindly.

The files decide the rules. A submission in TVR's layout is scored as TVR's script does (VCMR,
SVMR, VR), one in QVHighlights' layout as QVHighlights' script does where the gold file has
ratings of clips, and else by R@n, IoU=m and mIoU. The gold file is the official one of TVR,
QVHighlights, Charades-STA, ActivityNet Captions, TACoS or DiDeMo, or a rendered world's
moments/test.jsonl.`,
		Example: `  sightline judge moments --gold tvr_val_release.jsonl --pred submission.json
  sightline judge moments --gold highlight_val_release.jsonl --pred preds.jsonl --json
  sightline judge moments --gold charades_sta_test.txt --pred ours.jsonl --against theirs.jsonl
  sightline judge moments --gold test.json --format tacos --pred preds.jsonl --nms 0.5 --prior train.json`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			how.suppress = cmd.Flags().Changed("nms")
			result, err := how.judge()
			if err != nil {
				return err
			}
			return a.print(result, func() error { return a.printMoments(result) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&how.gold, "gold", "", "file of queries with the moments people marked")
	flags.StringVar(&how.pred, "pred", "", "file of predictions, in the layout of TVR or of QVHighlights")
	flags.StringVar(&how.against, "against", "", "another file of predictions for the same queries, for a paired test")
	flags.StringVar(&how.prior, "prior", "", "queries of the training split: adds what their most common positions reach")
	flags.StringVar(&how.format, "format", "", "of the gold file: "+strings.Join(dataset.MomentFormats(), ", ")+" (default: found out)")
	flags.Float64Var(&how.nms, "nms", 0, "first drop predictions that overlap with a better one by more than this")
	flags.Float64SliceVar(&how.iou, "iou", nil, "overlaps from which on a prediction is correct (default 0.5,0.7, or 0.3,0.5,0.7 for R@n, IoU=m)")
	flags.IntSliceVar(&how.ks, "k", nil, "cut-offs of recall (default 1,5,10,100, or 1,5 for R@n, IoU=m)")
	how.resampling.flags(cmd)
	for _, needed := range []string{"gold", "pred"} {
		if err := cmd.MarkFlagRequired(needed); err != nil {
			panic(err) // it is defined above
		}
	}
	a.complete(cmd, "format", dataset.MomentFormats)
	return cmd
}

// check refuses what makes no sense whatever the files hold.
func (how *momentJudging) check() error {
	if how.suppress && !(how.nms >= 0 && how.nms <= 1) {
		return usage("--nms", "--nms 0.5", "%v is no overlap between 0 and 1", how.nms)
	}
	for i, iou := range how.iou {
		if !(iou > 0 && iou <= 1) || i > 0 && iou <= how.iou[i-1] {
			return usage("--iou", "--iou 0.5,0.7", "the overlaps must lie between 0 and 1 and rise")
		}
	}
	if how.ks != nil {
		if err := checkCutOffs(how.ks); err != nil {
			return err
		}
	}
	if how.against != "" && how.resamples == 0 {
		return usage("--against", "leave --resamples out", "a paired test needs resamples")
	}
	return nil
}

func (how *momentJudging) judge() (momentsJSON, error) {
	fail := func(err error) (momentsJSON, error) { return momentsJSON{}, err }
	if err := how.check(); err != nil {
		return fail(err)
	}
	options, err := how.options()
	if err != nil {
		return fail(err)
	}
	gold, err := dataset.ReadMoments(how.gold, how.format, nil)
	if err != nil {
		return fail(err)
	}
	if n := gold.Labelled(); n < len(gold.Queries) {
		return fail(&sightline.Error{
			Kind: sightline.Failed, What: "judge moments", Try: "judge on a split whose answers are public, such as val",
			Err: fmt.Errorf("%d of %d queries in %s have no answer, so nothing can be scored", len(gold.Queries)-n, len(gold.Queries), how.gold),
		})
	}
	result := momentsJSON{
		Format: gold.Format, Gold: how.gold, Pred: how.pred, Against: how.against,
		Queries: len(gold.Queries), Repairs: append([]dataset.Repair{}, gold.Repairs...), Notes: []string{},
	}
	if how.suppress {
		result.NMS = &how.nms
	}
	if options.Resamples > 0 {
		result.Confidence = options.Confidence
	}
	yardstick, answer, err := how.open(how.pred, gold)
	if err != nil {
		return fail(err)
	}
	result.Rules = yardstick.rules
	result.Notes = append(result.Notes, answer.notes...)
	ours, err := yardstick.score(answer)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", how.pred, err))
	}
	if result.Official, err = yardstick.official(ours); err != nil {
		return fail(err)
	}
	blind, notes, err := yardstick.baselines(ours, how.prior, how.seed)
	if err != nil {
		return fail(err)
	}
	result.Notes = append(result.Notes, notes...)
	for i, parts := range ours {
		judgement, err := moments.Judge(append(parts, blind[i]...), options)
		if err != nil {
			return fail(err)
		}
		result.Tasks = append(result.Tasks, judgement)
	}
	if how.against == "" {
		return result, nil
	}
	otherRules, other, err := how.open(how.against, gold)
	if err != nil {
		return fail(err)
	}
	for _, note := range other.notes {
		result.Notes = append(result.Notes, how.against+": "+note)
	}
	theirs, err := otherRules.score(other)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", how.against, err))
	}
	return result, compareMoments(result.Tasks, ours, theirs, options, how)
}

// compareMoments puts paired tests between two runs into the judgements of the tasks that both have.
func compareMoments(judgements []moments.Judgement, ours, theirs [][]moments.Part, options metric.Options, how *momentJudging) error {
	compared := false
	for i, parts := range ours {
		a := parts[0].Scores
		for _, others := range theirs {
			b := others[0].Scores
			if a.Task != b.Task {
				continue
			}
			var err error
			if judgements[i].Differences, err = metric.CompareValues(a.Values, b.Values, options); err != nil {
				return fmt.Errorf("compare %s with %s: %w", how.pred, how.against, err)
			}
			compared = true
		}
	}
	if !compared {
		return usage("compare "+how.pred+" with "+how.against, "compare files of one layout with a task in common", "they have no task in common")
	}
	return nil
}

// momentAnswer is a file of predictions by task, after suppression.
type momentAnswer struct {
	lists    map[moments.Task]moments.Lists
	saliency map[string][]float64
	notes    []string
}

// open reads predictions and says by which rules they are scored.
func (how *momentJudging) open(path string, gold dataset.Moments) (momentYardstick, momentAnswer, error) {
	submission, err := dataset.ReadSubmission(path)
	if err != nil {
		return momentYardstick{}, momentAnswer{}, err
	}
	y := momentYardstick{gold: gold}
	answer := momentAnswer{lists: map[moments.Task]moments.Lists{}}
	switch {
	case submission.Videos != nil:
		y.rules, y.cuts = "tvr", moments.TVRCuts
		for name, lists := range submission.Tasks {
			answer.lists[moments.Task(name)] = lists
		}
		if gold.Format == "qvhighlights" {
			return y, answer, usage("judge "+path, "write the predictions as lines with qid and pred_relevant_windows",
				"TVR's rules know one moment a query, and %s has several", how.gold)
		}
		for _, q := range gold.Queries {
			if _, ok := submission.Videos[q.Video]; !ok {
				return y, answer, &sightline.Error{
					Kind: sightline.Failed, What: "judge " + path, Try: "number all videos of the split in video2idx",
					Err: fmt.Errorf("video %q of query %s is not in video2idx", q.Video, q.ID),
				}
			}
		}
	case gold.Format == "qvhighlights":
		y.rules = "qvhighlights"
		if how.iou != nil || how.ks != nil {
			return y, answer, usage("judge "+path, "leave --iou and --k out", "the overlaps and cut-offs of QVHighlights are fixed")
		}
		answer.lists[moments.MR], answer.saliency = submission.Tasks[dataset.WindowTask], submission.Saliency
	default:
		y.rules, y.cuts = "grounding", moments.GroundingCuts
		answer.lists[moments.Grounding] = submission.Tasks[dataset.WindowTask]
	}
	if how.iou != nil {
		y.cuts.IoU = how.iou
	}
	if how.ks != nil {
		y.cuts.K = how.ks
	}
	answer.look(gold)
	if how.suppress {
		err = answer.suppress(gold, how.nms)
	}
	return y, answer, err
}

// look notes what is odd about the predictions and yet allowed.
func (m *momentAnswer) look(gold dataset.Moments) {
	durations := map[string]float64{}
	for _, v := range gold.Videos {
		durations[v.ID] = v.Duration
	}
	for _, task := range m.tasks() {
		outside, empty := 0, 0
		for _, list := range m.lists[task] {
			if len(list) == 0 {
				empty++
			}
			for _, p := range list {
				if end := durations[p.Video]; p.Start < 0 || end > 0 && p.End > end {
					outside++
				}
			}
		}
		if outside > 0 && task != moments.VR {
			m.notes = append(m.notes, fmt.Sprintf("%s: %d predicted spans lie partly outside of their video, and count as they are", task, outside))
		}
		if empty > 0 {
			m.notes = append(m.notes, fmt.Sprintf("%s: %d queries have an empty list, and count as missed", task, empty))
		}
	}
}

// tasks returns the tasks that have lists, in a fixed order.
func (m *momentAnswer) tasks() []moments.Task {
	return slices.DeleteFunc([]moments.Task{moments.VCMR, moments.SVMR, moments.VR, moments.Grounding, moments.MR}, func(task moments.Task) bool {
		return m.lists[task] == nil
	})
}

// suppress drops near-duplicates from every list of moments. Rows of SVMR about another video go first: they never count.
func (m *momentAnswer) suppress(gold dataset.Moments, iou float64) error {
	s := moments.Suppression{IoU: iou}
	for _, task := range m.tasks() {
		if task == moments.VR {
			continue // videos do not overlap
		}
		foreign := 0
		for _, q := range gold.Queries {
			list, ok := m.lists[task][q.ID]
			if !ok {
				continue // scoring tells
			}
			if task == moments.VCMR {
				m.lists[task][q.ID] = s.Corpus(list)
				continue
			}
			own := slices.DeleteFunc(slices.Clone(list), func(p sightline.VideoMoment) bool { return task == moments.SVMR && p.Video != q.Video })
			foreign += len(list) - len(own)
			kept, err := s.Video(own)
			if err != nil {
				return fmt.Errorf("query %s: %w", q.ID, err)
			}
			m.lists[task][q.ID] = kept
		}
		if foreign > 0 {
			m.notes = append(m.notes, fmt.Sprintf("%s: %d rows about another video than the query's were dropped before suppression", task, foreign))
		}
	}
	return nil
}

// printMoments prints a table for each task.
func (a *app) printMoments(result momentsJSON) error {
	for i, judgement := range result.Tasks {
		if i > 0 {
			a.out.Printf("\n")
		}
		grid := judgement.Grid()
		if err := grid.Write(a.out, a.out.Width()); err != nil {
			return err
		}
		if len(judgement.Differences) > 0 {
			a.out.Printf("%s − %s:\n", terminal.Clean(result.Against), terminal.Clean(result.Pred))
		}
		for _, difference := range judgement.Differences {
			if slices.Contains(grid.Head, difference.Metric) {
				difference.Metric = fmt.Sprintf("%-13s", difference.Metric)
				a.out.Printf("\t%v\n", difference)
			}
		}
	}
	note := fmt.Sprintf("%d queries about %d videos, by the rules of %s", result.Queries, result.Tasks[0].Videos, result.Rules)
	if result.NMS != nil {
		note += fmt.Sprintf(", after suppression at %v", *result.NMS)
	}
	if result.Confidence > 0 {
		note += fmt.Sprintf("; ± half the %g %% bootstrap interval over videos", 100*result.Confidence)
	}
	a.out.Printf("%s\n", note)
	for _, repair := range result.Repairs {
		a.out.Printf("%s\n", terminal.Clean(repair.String()))
	}
	for _, note := range result.Notes {
		a.out.Printf("%s\n", terminal.Clean(note))
	}
	return nil
}
