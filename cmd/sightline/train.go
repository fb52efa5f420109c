package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/align"
	"sightline/corpus"
	"sightline/internal/terminal"
	"sightline/train"
)

// Parts of a run's folder that the other verbs look for.
const (
	runModel  = "model"
	runRecord = "record.json"
)

// trainJSON is the contract of train --json; the record in the run's folder tells the rest.
type trainJSON struct {
	Dir     string           `json:"dir"`
	Model   string           `json:"model"` // folder of the bundle
	Record  string           `json:"record"`
	Steps   int              `json:"steps"`
	Seconds float64          `json:"seconds"`
	Best    train.Validation `json:"best"`
	Weights string           `json:"weights"`

	Warnings []align.Warning `json:"warnings,omitempty"` // what parts of the model found wrong with their training
}

func (a *app) trainCommand() *cobra.Command {
	var dir, features string
	cmd := &cobra.Command{
		Use:   "train RUN.yaml --out DIR",
		Short: "Train a model on pairs of videos and sentences",
		Long: `Train fits the model that a run file describes and leaves it in DIR/model, with the record of
the run and its curves beside it. The best epoch is chosen on the validation split; test data is
never looked at. Interrupted or killed, the same command continues the run exactly.

sightline config init prints a run file with every key and its default.`,
		Example: `  sightline config init > run.yaml
  sightline train run.yaml --out runs/first
  sightline eval --model runs/first --data world:A/base/test
  sightline model use runs/first`,
		Args: operands(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := train.ReadConfig(args[0])
			if err != nil {
				return err
			}
			record, done := finishedRun(dir, config)
			if done {
				a.say("the run in %s is complete; nothing is left to do", dir)
			} else if record, err = a.train(cmd, config, dir, features); err != nil {
				return trainError(dir, err)
			}
			result := trainJSON{
				Dir: dir, Model: filepath.Join(dir, runModel), Record: filepath.Join(dir, runRecord),
				Steps: record.Steps, Seconds: record.Seconds, Best: record.Best, Weights: record.Weights, Warnings: record.Warnings,
			}
			return a.print(result, func() error {
				best := record.Best
				a.out.Printf("best epoch %d of %d, on the validation split:\n", best.Epoch, config.Epochs)
				table := terminal.Table{Columns: []terminal.Column{{}, {Title: "R@1", Right: true}, {Title: "R@5", Right: true}, {Title: "R@10", Right: true}}}
				for _, side := range []struct {
					name string
					r    train.Recalls
				}{{"text to video", best.TextToVideo}, {"video to text", best.VideoToText}} {
					table.Row(side.name, fmt.Sprintf("%.1f", side.r[0]), fmt.Sprintf("%.1f", side.r[1]), fmt.Sprintf("%.1f", side.r[2]))
				}
				table.Write(a.out)
				a.out.Printf("the model is in %s\n", terminal.Clean(result.Model))
				return nil
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&dir, "out", "", "folder of the run (needed)")
	flags.StringVar(&features, "features", "", "folder of stored features (default below the XDG cache home)")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err)
	}
	return cmd
}

// train does the work of the verb.
func (a *app) train(cmd *cobra.Command, config train.Config, dir, features string) (train.Record, error) {
	ctx := cmd.Context()
	s, err := a.settings(config.Encoder, features)
	if err != nil {
		return train.Record{}, err
	}
	o, err := s.opener()
	if err != nil {
		return train.Record{}, err
	}
	var encoders train.Encoders
	if config.Encoder != "" {
		if encoders, err = o.encoders(config.Encoder); err != nil {
			return train.Record{}, err
		}
	}
	progress := series{start: a.bar}
	defer func() { progress.close() }()
	setting := train.Setting{
		Engine: o.engine, Encoders: encoders, Store: s.store(), Dir: dir,
		Encoding: progress.encoding,
		Warn:     func(w align.Warning) { a.say("warning: after step %s, %v", terminal.Thousands(w.Step), w) },
		Progress: func(p train.Progress) {
			note := fmt.Sprintf("epoch %d · step %s · loss %.3f", p.Epoch+1, terminal.Thousands(p.Step), p.Loss)
			if p.Best != nil {
				note += fmt.Sprintf(" · best R@1 %.1f", p.Best.TextToVideo[0])
			}
			for _, name := range slices.Sorted(maps.Keys(p.Watched)) {
				note += fmt.Sprintf(" · %s %.3g", name, p.Watched[name])
			}
			progress.set("Training "+config.Name, float64(p.Step), float64(p.Steps), note)
		},
	}
	job, model, data, err := train.Prepare(ctx, config, setting)
	if err != nil {
		return train.Record{}, err
	}
	record, err := train.Run(ctx, job)
	if err != nil {
		return train.Record{}, err
	}
	record.Data = data
	progress.close()
	if err := saveModel(dir, config, model, encoders); err != nil {
		return train.Record{}, err
	}
	return record, record.Save(dir) // last: its presence says that the run is complete
}

// series shows one bar after the other, as work goes from one kind to the next.
type series struct {
	start func(label string) *terminal.Bar
	label string
	bar   *terminal.Bar
}

func (s *series) set(label string, done, total float64, note string) {
	if label != s.label {
		s.close()
		s.label, s.bar = label, s.start(label)
	}
	s.bar.Set(done, total, note)
}

// encoding shows how far the features of a split are.
func (s *series) encoding(split string, done, of int) {
	s.set("Encoding "+split, float64(done), float64(of), fmt.Sprintf("%s of %s", terminal.Thousands(done), terminal.Count(of, "video", "videos")))
}

func (s *series) close() {
	if s.bar != nil {
		s.bar.Close()
	}
	s.label, s.bar = "", nil
}

// saveModel writes the bundle of a run, in place of one that an earlier, interrupted attempt left.
func saveModel(dir string, config train.Config, m *align.Model, encoders train.Encoders) error {
	space := sightline.Space{Sampling: corpus.Uniform(config.Data.Frames).String()}
	if encoders.Frames != nil {
		space.Video, space.Text, space.Preprocess = encoders.Frames.ID(), encoders.Texts.ID(), encoders.Frames.Preprocess()
	}
	target := filepath.Join(dir, runModel)
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	_, err := align.Save(target, config.Name, config.Head, config.Parts, m, space)
	return err
}

// finishedRun returns the record of a folder that holds this very run, complete.
func finishedRun(dir string, config train.Config) (train.Record, bool) {
	var record train.Record
	text, err := os.ReadFile(filepath.Join(dir, runRecord))
	if err != nil || json.Unmarshal(text, &record) != nil || !record.Config.Equal(config) {
		return record, false
	}
	_, err = align.ReadBundle(filepath.Join(dir, runModel))
	return record, err == nil
}

// trainError says how to go on after an interruption.
func trainError(dir string, err error) error {
	if !errors.Is(err, train.ErrInterrupted) {
		return err
	}
	return &sightline.Error{
		Kind: sightline.Failed, What: "train in " + dir, Err: err,
		Try: "run the same command again: it continues exactly where it stopped",
	}
}
