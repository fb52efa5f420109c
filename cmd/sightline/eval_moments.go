package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/align/locate"
	"sightline/dataset"
	"sightline/internal/atomicfile"
	"sightline/metric"
	"sightline/metric/moments"
	"sightline/train"
)

// evalMomentsJSON is the contract of eval moments --json.
type evalMomentsJSON struct {
	Model      string              `json:"model"`
	Data       train.DataRecord    `json:"data"`
	Backend    string              `json:"backend"`
	Queries    int                 `json:"queries"`
	Confidence float64             `json:"confidence,omitempty"`
	Tasks      []moments.Judgement `json:"tasks"`
	Submission string              `json:"submission,omitempty"`
}

// answered is how many predictions of a query are kept: the first hundred count.
const answered = 100

func (a *app) evalMomentsCommand() *cobra.Command {
	var how resampling
	var name, data, features, imported, submission string
	var clip float64
	cmd := &cobra.Command{
		Use:   "moments --model MODEL --data DATA",
		Short: "Measure a moment model on a split",
		Long: `Moments asks a moment model for every sentence of a split: for the stretch among all videos (VCMR),
in the sentence's own video (SVMR), and for the video alone (VR), and scores the answers by TVR's
rules, by kind of query and length of moment, beside answers given blindly. --submission writes the
answers as TVR's script and sightline judge moments take them.

MODEL is the folder of a run with task: moments. DATA is a split of films (world:A/base/moments/test),
a file of pairs with start and end, or, with --imported, the official file of a data set whose features
lie in a folder (docs/formats.md).`,
		Example: `  sightline eval moments --model runs/moments --data world:A/base/moments/test
  sightline eval moments --model runs/tvr --data tvr_val_release.jsonl --imported features --clip 1.5 --submission val.json`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := how.options()
			if err != nil {
				return err
			}
			s, err := a.settings("", features)
			if err != nil {
				return err
			}
			o, err := s.opener()
			if err != nil {
				return err
			}
			model, split, record, err := a.openMoments(cmd.Context(), o, name, data, train.DataConfig{Features: imported, Clip: clip})
			if err != nil {
				return err
			}
			answers, err := split.Answers(cmd.Context(), model, answered)
			if err != nil {
				return err
			}
			result := evalMomentsJSON{Model: name, Data: record, Backend: o.engine.Name(), Queries: len(split.Set.Captions), Submission: submission}
			if options.Resamples >= 0 {
				result.Confidence = how.confidence
			}
			if result.Tasks, err = judgeAnswers(split.Queries(), split.Set.Videos, answers, options); err != nil {
				return err
			}
			if submission != "" {
				if err := writeSubmission(submission, split, answers); err != nil {
					return err
				}
			}
			return a.print(result, func() error {
				for _, judgement := range result.Tasks {
					if err := judgement.Grid().Write(a.out, a.out.Width()); err != nil {
						return err
					}
					a.out.Printf("\n")
				}
				a.out.Printf("%d queries about %d videos, by the rules of tvr\n", result.Queries, record.Videos)
				return nil
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&name, "model", "", "folder of a run with task: moments (needed)")
	flags.StringVar(&data, "data", "", "split to measure on (needed)")
	flags.StringVar(&features, "features", "", "folder of stored features (default below the XDG cache home)")
	flags.StringVar(&imported, "imported", "", "folder of features made elsewhere")
	flags.Float64Var(&clip, "clip", 1.5, "with --imported: seconds that a row stands for")
	flags.StringVar(&submission, "submission", "", "file for the answers, in TVR's layout")
	a.textEncoderFlag(cmd)
	how.flags(cmd)
	for _, needed := range []string{"model", "data"} {
		if err := cmd.MarkFlagRequired(needed); err != nil {
			panic(err)
		}
	}
	return cmd
}

// openMoments opens a moment model, and a split as it sees it.
func (a *app) openMoments(ctx context.Context, o *opener, name, data string, from train.DataConfig) (*locate.Model, train.Timed, train.DataRecord, error) {
	fail := func(err error) (*locate.Model, train.Timed, train.DataRecord, error) {
		return nil, train.Timed{}, train.DataRecord{}, err
	}
	dir, kind, ok := o.findBundle(name)
	if !ok || kind != locate.Kind {
		return fail(usage(fmt.Sprintf("open moment model %q", name), "name the folder of a run that was trained with task: moments", "there is no such model"))
	}
	model, bundle, err := locate.Open(o.engine, dir)
	if err != nil {
		return fail(err)
	}
	setting := train.Setting{Engine: o.engine, Store: o.store()}
	if from.Features == "" {
		if setting.Encoders, err = o.encodersOf(bundle.Space.Video); err != nil {
			return fail(err)
		}
		if setting.Encoders, err = o.reading(setting.Encoders, bundle.Space.Text); err != nil {
			return fail(fmt.Errorf("open model %s: %w", bundle.Name, err))
		}
		if _, err := fmt.Sscanf(bundle.Space.Sampling, "%gfps", &from.Rate); err != nil {
			return fail(usage("sample the split as "+name+" was trained", "with --imported, name a folder of features",
				"its sampling is %q", bundle.Space.Sampling))
		}
	}
	progress := series{start: a.bar}
	defer func() { progress.close() }()
	setting.Encoding = progress.encoding
	split, record, err := train.OpenMoments(ctx, data, from, setting)
	if err != nil {
		return fail(err)
	}
	if len(split.Set.Captions) == 0 {
		return fail(&sightline.Error{Kind: sightline.Failed, What: "measure on " + data, Err: errors.New("it has no sentences")})
	}
	record.Role = "test"
	return model, split, record, nil
}

// judgeAnswers scores answers in all tasks, beside answers given blindly.
func judgeAnswers(queries []sightline.MomentQuery, videos []sightline.Video, answers map[moments.Task]moments.Lists, options metric.Options) ([]moments.Judgement, error) {
	anywhere, err := moments.RandomMoments(queries, videos, answered, options.Seed)
	if err != nil {
		return nil, err
	}
	within, err := moments.RandomSpans(queries, answered, options.Seed)
	if err != nil {
		return nil, err
	}
	var judgements []moments.Judgement
	for _, task := range []struct {
		task  moments.Task
		name  string
		blind moments.Lists
	}{
		{moments.VCMR, "random moments", anywhere}, {moments.SVMR, "random spans", within},
		{moments.VR, "random videos", moments.RandomVideos(queries, videos, answered, options.Seed)},
	} {
		scores, err := moments.Retrieval(task.task, queries, answers[task.task], moments.TVRCuts)
		if err != nil {
			return nil, err
		}
		blind, err := moments.Retrieval(task.task, queries, task.blind, moments.TVRCuts)
		if err != nil {
			return nil, err
		}
		judgement, err := moments.Judge(append(scores.Parts(), moments.Part{By: "baseline", Name: task.name, Scores: blind}), options)
		if err != nil {
			return nil, err
		}
		judgements = append(judgements, judgement)
	}
	return judgements, nil
}

// writeSubmission writes answers in TVR's layout.
func writeSubmission(path string, split train.Timed, answers map[moments.Task]moments.Lists) error {
	s := dataset.Submission{Tasks: map[string]map[string][]sightline.VideoMoment{}, Videos: map[string]int{}}
	for i, v := range split.Set.Videos {
		s.Videos[v.ID] = i
	}
	for task, lists := range answers {
		s.Tasks[string(task)] = lists
	}
	return atomicfile.WriteFunc(path, func(w io.Writer) error { return s.WriteTVR(w, split.Queries()) })
}
