package main

import (
	"context"
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
	"sightline/align/locate"
	"sightline/align/taco"
	"sightline/caption"
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

A run compares videos with sentences; with task: taco by vector, word and pair (a section taco: says
as much); with task: moments it finds the stretch that a sentence speaks of; with task: caption it
writes sentences about videos. init: RUN/model starts a run with task: taco from another's model.
sightline config init prints a run file with every key and its default.`,
		Example: `  sightline config init > run.yaml
  sightline train run.yaml --out runs/first
  sightline eval --model runs/first --data world:A/base/test
  sightline model use runs/first
  sightline config init --task caption > captions.yaml
  sightline train captions.yaml --out runs/captions`,
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
				a.out.Printf("best epoch %d of %d, on the validation split:\n", record.Best.Epoch, config.Epochs)
				table := validationTable(config.Task, record.Best)
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

// validationTable shows what a run with the given task was chosen by.
func validationTable(task string, best train.Validation) terminal.Table {
	var table terminal.Table
	row := func(name string, values ...float64) {
		cells := []string{name}
		for _, v := range values {
			cells = append(cells, fmt.Sprintf("%.1f", v))
		}
		table.Row(cells...)
	}
	titles := []string{"R@1", "R@5", "R@10"}
	switch task {
	case train.Moments:
		titles = []string{"R@1, IoU 0.5", "R@1, IoU 0.7", "R@10, IoU 0.5", "R@10, IoU 0.7"}
	case train.Captions:
		titles = []string{"BLEU-4", "METEOR", "ROUGE-L", "CIDEr"}
	}
	table.Columns = []terminal.Column{{}}
	for _, title := range titles {
		table.Columns = append(table.Columns, terminal.Column{Title: title, Right: true})
	}
	switch task {
	case train.Moments:
		row("moments of all videos", best.Moments[:]...)
		return table
	case train.Captions:
		w := best.Captions
		row("captions", w.BLEU4, w.METEOR, w.ROUGEL, w.CIDEr)
		return table
	}
	row("text to video", best.TextToVideo[:]...)
	row("video to text", best.VideoToText[:]...)
	return table
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
	if config.TextEncoder != "" {
		if encoders.Texts, err = o.texts(config.TextEncoder); err != nil {
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
				note += fmt.Sprintf(" · best %v", p.Best)
			}
			for _, name := range slices.Sorted(maps.Keys(p.Watched)) {
				note += fmt.Sprintf(" · %s %.3g", name, p.Watched[name])
			}
			progress.set("Training "+config.Name, float64(p.Step), float64(p.Steps), note)
		},
	}
	job, data, save, err := prepare(ctx, config, setting)
	if err != nil {
		return train.Record{}, err
	}
	record, err := train.Run(ctx, job)
	if err != nil {
		return train.Record{}, err
	}
	record.Data = data
	progress.close()
	target := filepath.Join(dir, runModel)
	if err := os.RemoveAll(target); err != nil { // what an earlier, interrupted attempt left
		return train.Record{}, err
	}
	if err := save(target); err != nil {
		return train.Record{}, err
	}
	return record, record.Save(dir) // last: its presence says that the run is complete
}

// prepare returns the job of a run's task and what writes its model into a folder that is not there.
func prepare(ctx context.Context, config train.Config, setting train.Setting) (train.Job, []train.DataRecord, func(dir string) error, error) {
	space := sightline.Space{Sampling: corpus.Uniform(config.Data.Frames).String()}
	if frames := setting.Encoders.Frames; frames != nil {
		space.Video, space.Preprocess = frames.ID(), frames.Preprocess()
	}
	if config.Task == train.Captions {
		job, model, data, err := train.PrepareCaptions(ctx, config, setting)
		return job, data, func(dir string) error {
			_, err := caption.Save(dir, config.Name, model, space)
			return err
		}, err
	}
	if texts := setting.Encoders.Texts; texts != nil {
		space.Text = texts.ID()
	}
	if config.Task == train.Moments {
		space.Sampling = corpus.Rate(config.Data.Rate).String()
		job, model, data, err := train.PrepareMoments(ctx, config, setting)
		return job, data, func(dir string) error {
			_, err := locate.Save(dir, config.Name, model, space, space.Text)
			return err
		}, err
	}
	if config.Task == train.Taco {
		job, model, data, err := train.PrepareTaco(ctx, config, setting)
		return job, data, func(dir string) error {
			_, err := taco.Save(dir, config.Name, model, space)
			return err
		}, err
	}
	job, model, data, err := train.Prepare(ctx, config, setting)
	return job, data, func(dir string) error {
		_, err := align.Save(dir, config.Name, config.Head, config.Parts, model, space)
		return err
	}, err
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

// finishedRun returns the record of a folder that holds this very run, complete.
func finishedRun(dir string, config train.Config) (train.Record, bool) {
	var record train.Record
	text, err := os.ReadFile(filepath.Join(dir, runRecord))
	if err != nil || json.Unmarshal(text, &record) != nil || !record.Config.Equal(config) {
		return record, false
	}
	_, err = align.KindOf(filepath.Join(dir, runModel))
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
