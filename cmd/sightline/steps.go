package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/align"
	"sightline/dataset"
	"sightline/encoder/tiny"
	"sightline/feature"
	"sightline/library"
	"sightline/metric/steps"
	"sightline/search"
	"sightline/train"
)

// stepsJSON is the contract of steps --json.
type stepsJSON struct {
	Video   sightline.Video `json:"video"`
	Script  string          `json:"script"`
	Model   string          `json:"model"`
	Space   sightline.Space `json:"space"` // of the frames that the steps were compared with
	Scale   float64         `json:"scale"` // what similarities are multiplied by before the softmax over steps
	Steps   []locatedStep   `json:"steps"` // in the order of the script
	Frames  []frameSteps    `json:"frames"`
	Seconds float64         `json:"seconds"` // comparing and locating, without opening models and encoding frames
}

// locatedStep is a step of the script with the one frame that was found for it.
type locatedStep struct {
	Number  int             `json:"number"` // from 1
	Text    string          `json:"text"`
	Span    sightline.Span  `json:"span"`    // of the frame
	Score   float64         `json:"score"`   // similarity of frame and text
	Share   float64         `json:"share"`   // of the softmax over the steps, in [0, 1]
	Stretch *sightline.Span `json:"stretch"` // where the frames around it belong; null where none does
	Link    string          `json:"link"`    // file URL that ends in #t=start,end; "" for a video without a file
}

// frameSteps is a frame with how well every step fits it.
type frameSteps struct {
	sightline.Span
	Step   int       `json:"step"` // the step that it belongs to, from 1; 0 for none
	Scores []float32 `json:"scores"`
}

func (a *app) stepsCommand() *cobra.Command {
	var script, name, encoder, features string
	var rate float64
	var draw bool
	cmd := &cobra.Command{
		Use:   "steps VIDEO --script FILE",
		Short: "Find the steps of a script in a video, in their order",
		Long: `Steps reads a script, a step a line, compares the frames of a video with every step, and finds one
frame for each, so that they follow each other as in the script and together fit best: CrossTask's
dynamic programme over −log softmax of the similarities (docs/evaluation.md).

VIDEO is a file, or an id or a path of the archive, whose stored frames are used. --model names a model
that retrieves: the folder of a training run, a bundle, "untrained" for the encoder as it is; left out,
it is the one that serves the archive's search.

The strip below the table has a column for each stretch of time with the number of the step that its
frames belong to, · where they fit the step that is due no better than the others, and a mark below
where each step was found. Every step is found somewhere, be it shown or not: look at the score, which
compares within one model only, and at the share, which is 1 over the number of steps where a frame
says nothing.`,
		Example: `  sightline steps omelette.mp4 --script omelette.txt
  sightline steps omelette.mp4 --script omelette.txt --model runs/first --rate 2 --curve
  sightline steps omelette.mp4 --script omelette.txt --json | jq -r '.steps[].link'`,
		Args: operands(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if cmd.Flags().Changed("rate") && !(rate > 0 && rate <= mostFramesASecond) {
				return usage("--rate", "--rate 2", "%v frames a second are not in (0, %d]", rate, mostFramesASecond)
			}
			texts, err := dataset.ReadScript(script)
			if err != nil {
				return err
			}
			s, err := a.settings(encoder, features)
			if err != nil {
				return err
			}
			o, err := s.opener()
			if err != nil {
				return err
			}
			m, err := o.retrieving(ctx, name)
			if err != nil {
				return err
			}
			sentences, err := m.sentences(ctx, script, texts)
			if err != nil {
				return err
			}
			progress := series{start: a.bar}
			defer func() { progress.close() }()
			files, closeArchive, err := o.videoFiles(ctx, m.encoders.Frames, rate, &progress)
			if err != nil {
				return err
			}
			defer closeArchive()
			video, err := files.find(ctx, args[0])
			if err != nil {
				return err
			}
			rows, err := files.rows(ctx, video)
			if err != nil {
				return err
			}
			progress.close()
			result := stepsJSON{Video: video, Script: script, Model: m.name, Space: rows.Space}
			result.Space.Text, result.Space.Head = m.encoders.Texts.ID(), m.bundle.Space.Head
			if len(texts) > rows.Rows.Rows {
				return usage("find the steps of "+script+" in "+title(video), fmt.Sprintf("a shorter script, or more frames: --rate %v", math.Ceil(files.settings.Rate*float64(len(texts))/float64(rows.Rows.Rows))),
					"it has %d steps, the video %d frames at %v a second, and every step needs one of its own", len(texts), rows.Rows.Rows, files.settings.Rate)
			}
			if err := result.locate(ctx, m, sentences, rows); err != nil {
				return err
			}
			return a.print(result, func() error { a.printSteps(result, draw); return nil })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&script, "script", "", "text file with a step a line, in order (needed)")
	flags.StringVar(&name, "model", "", "model that retrieves: a run's folder, a bundle, a name, untrained (default the archive's)")
	flags.Float64Var(&rate, "rate", 0, "frames a second (default the archive's, 1)")
	flags.BoolVar(&draw, "curve", false, "draw below each step how well the video fits it from start to end")
	a.encoderFlag(cmd, &encoder)
	flags.StringVar(&features, "features", "", "folder of stored features (default below the XDG cache home)")
	if err := cmd.MarkFlagRequired("script"); err != nil {
		panic(err)
	}
	return cmd
}

// mostFramesASecond bounds how densely steps are looked for.
const mostFramesASecond = 60

// retrieving opens the model called name, or where name is "" the one that serves the archive's search, or the encoder as it is
// where there is no archive.
func (o *opener) retrieving(ctx context.Context, name string) (model, error) {
	if name != "" {
		return o.model(name)
	}
	archive, err := library.Open(o.Archive.Value)
	if sightline.KindOf(err) == sightline.NotReady {
		return o.model(untrained)
	}
	if err != nil {
		return model{}, err
	}
	defer archive.Close()
	return servingModel(ctx, archive, o)
}

// sentences returns the steps of a script as the model sees them. A step without a word that the built-in encoder knows is an
// error: its vector would mean nothing.
func (m model) sentences(ctx context.Context, script string, steps []string) ([]align.Sentence, error) {
	if small := m.encoders.Tiny; small != nil {
		for i, step := range steps {
			known := false
			for _, word := range tiny.Words(step) {
				known = known || small.Vocabulary.Knows(word)
			}
			if !known {
				return nil, usage(fmt.Sprintf("read step %d of %s", i+1, script), "say it in words of the rendered world, or take another encoder: --encoder clip",
					"the encoder %v knows no word of %q", small.ID(), step)
			}
		}
	}
	vectors, err := m.encoders.Texts.EncodeTexts(ctx, steps)
	if err != nil {
		return nil, err
	}
	sentences := make([]align.Sentence, len(steps))
	for i, step := range steps {
		sentences[i] = align.Sentence{Text: step, Vector: vectors.Row(i)}
	}
	return sentences, nil
}

// locate fills in what is found of the steps in a video's rows.
func (r *stepsJSON) locate(ctx context.Context, m model, sentences []align.Sentence, rows feature.Features) error {
	started := time.Now()
	texts, err := m.align.EncodeTexts(ctx, sentences)
	if err != nil {
		return err
	}
	similar, err := m.align.ScoreRows(ctx, texts, search.Window(rows))
	if err == nil {
		err = similar.Finite()
	}
	if err != nil {
		return fmt.Errorf("compare %s with the script: %w", title(r.Video), err)
	}
	r.Scale = m.align.Scale()
	scores := similar.T() // [T, K]
	costs := steps.Costs(train.Scaled(scores, r.Scale))
	indifferent := steps.Indifferent(len(sentences))
	if len(sentences) == 1 { // a softmax over one step is 1 whatever the frame shows
		costs, indifferent = train.Scaled(scores, -r.Scale), -r.Scale*mean(scores.Data)
	}
	located, err := steps.Locate(costs, steps.Options{})
	if err != nil {
		return err
	}
	belong, err := steps.Locate(costs, steps.Options{Repeat: true, Background: indifferent})
	if err != nil {
		return err
	}
	stretches := make([]*sightline.Span, len(sentences))
	for t, span := range rows.Spans {
		frame := frameSteps{Span: span, Step: belong[t] + 1, Scores: scores.Row(t)}
		r.Frames = append(r.Frames, frame)
		if k := belong[t]; k != steps.None {
			if stretches[k] == nil {
				stretches[k] = &sightline.Span{Start: span.Start}
			}
			stretches[k].End = span.End
		}
	}
	for t, k := range located {
		if k == steps.None {
			continue
		}
		hit := sightline.Hit{Video: r.Video, Span: rows.Spans[t]}
		step := locatedStep{Number: k + 1, Text: sentences[k].Text, Span: hit.Span, Score: float64(scores.At(t, k)), Share: 1, Stretch: stretches[k], Link: link(hit)}
		if len(sentences) > 1 {
			step.Share = math.Exp(-float64(costs.At(t, k)))
		}
		r.Steps = append(r.Steps, step)
	}
	r.Seconds = time.Since(started).Seconds()
	return nil
}

func mean(values []float32) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return sum / float64(len(values))
}
