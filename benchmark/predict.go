package benchmark

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"time"

	"sightline"
	"sightline/align"
	"sightline/corpus"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/train"
)

// Forecast says how long a part of a benchmark will take.
type Forecast struct {
	What    string  `json:"what"`
	Seconds float64 `json:"seconds"`
}

// Predict tells what is still to be done for the plan and how long it will take: two training steps of every method, one
// block of its scores and the encoding of a few clips are timed on this machine, on made-up features.
func Predict(ctx context.Context, e *engine.Engine, plan Plan) ([]Forecast, error) {
	encoder, err := tiny.Embedded(e)
	if err != nil {
		return nil, err
	}
	b := &bench{Plan: plan, engine: e, encoder: encoder}
	splits := map[string]*corpus.Corpus{}
	for _, part := range []string{"train", "val", "test"} {
		if splits[part], err = corpus.Open(plan.split("A", part, plan.Captions)); err != nil {
			return nil, err
		}
	}
	var all []Forecast
	encoding, err := b.encoding(ctx, splits)
	if err != nil {
		return nil, err
	}
	if encoding > 0 {
		all = append(all, Forecast{"encoding", encoding})
	}
	for _, method := range plan.Methods {
		left := 0
		for seed := range uint64(plan.Seeds) {
			if _, err := align.ReadBundle(filepath.Join(b.folder(method, seed+1), bundleDir)); errors.Is(err, fs.ErrNotExist) {
				left++
			}
		}
		if method.Config == nil {
			continue
		}
		step, pair, err := b.trial(method)
		if err != nil {
			return nil, err
		}
		config := b.config(method, 1)
		steps := len(splits["train"].Set.Videos) / config.Batch * config.Epochs
		pairs := func(part string) float64 {
			return float64(len(splits[part].Set.Videos)) * float64(len(splits[part].Set.Captions))
		}
		seconds := float64(left) * (step*float64(steps) + pair*pairs("val")*float64(config.Epochs))
		if watched(config) {
			seconds += float64(left) * pair * pairs("test") * float64(config.Epochs*len(domains))
		}
		seconds += float64(plan.Seeds) * pair * pairs("test") * float64(len(domains))
		all = append(all, Forecast{method.Name, seconds})
	}
	return all, nil
}

// encoding predicts the seconds for the features that are not there yet, from a few clips.
func (b *bench) encoding(ctx context.Context, splits map[string]*corpus.Corpus) (float64, error) {
	if found, err := filepath.Glob(filepath.Join(b.Dir, featureDir, "*", "space.json")); found != nil || err != nil {
		return 0, err
	}
	const clips = 16
	start := time.Now()
	for i := range clips {
		pictures, err := splits["test"].Frames(ctx, i, corpus.Uniform(frames), b.encoder.FrameSize())
		if err != nil {
			return 0, err
		}
		if _, err := b.encoder.EncodeFrames(ctx, pictures); err != nil {
			return 0, err
		}
	}
	videos := len(splits["train"].Set.Videos) + len(splits["val"].Set.Videos) + len(domains)*len(splits["test"].Set.Videos)
	return since(start) / clips * float64(videos), nil
}

// trial returns the seconds of a training step and of scoring a pair.
func (b *bench) trial(method Method) (step, pair float64, err error) {
	config := b.config(method, 1)
	head, err := align.NewHead(config.Head)
	if err != nil {
		return 0, 0, err
	}
	random := rand.New(rand.NewPCG(1, 2))
	var tower align.Tower
	batch := align.Batch{}
	if config.Tower.Kind == "live" {
		tower = align.Live{Config: b.encoder.Config, Vocabulary: b.encoder.Vocabulary, Start: b.encoder.Weights,
			WordValue: make([]float32, b.encoder.Vocabulary.Len())}
	} else {
		tower = align.Stored{VideoDim: b.encoder.FrameDim(), TextDim: b.encoder.TextDim(), Hidden: config.Tower.Hidden}
	}
	for range config.Batch {
		batch.Videos = append(batch.Videos, b.madeUp(config.Tower.Kind, config.Tower.TrainFrames, random))
		batch.Texts = append(batch.Texts, align.Sentence{Text: "a", Vector: engine.Normal(random, b.encoder.TextDim(), 1)})
	}
	parts, err := train.Parts(context.Background(), config.Parts, b.encoder)
	if err != nil {
		return 0, 0, err
	}
	model, err := align.New(b.engine, tower, head, 1, parts...)
	if err != nil {
		return 0, 0, err
	}
	inputs, err := model.Step(batch, false, random)
	if err != nil {
		return 0, 0, err
	}
	program, err := model.Gradient(inputs, model.Parameters())
	if err != nil {
		return 0, 0, err
	}
	if step, err = timed(func() error { _, err := program.Run(inputs.Arrays()...); return err }); err != nil {
		return 0, 0, err
	}
	videos, err := model.EncodeVideos(context.Background(), batch.Videos)
	if err != nil {
		return 0, 0, err
	}
	texts, err := model.EncodeTexts(context.Background(), batch.Texts)
	if err != nil {
		return 0, 0, err
	}
	score, err := timed(func() error { _, err := model.ScoreBlock(context.Background(), texts, videos); return err })
	return step, score / float64(config.Batch*config.Batch), err
}

// madeUp returns a video of noise as a tower takes it.
func (b *bench) madeUp(kind string, drawn int, random *rand.Rand) align.Video {
	if kind != "live" {
		return align.Video{Features: sightline.Matrix{Rows: frames, Cols: b.encoder.FrameDim(), Data: engine.Normal(random, frames*b.encoder.FrameDim(), 1)}}
	}
	var video align.Video
	side := b.encoder.FrameSize()
	for range drawn {
		video.Frames = append(video.Frames, sightline.Frame{Width: side, Height: side, RGB: make([]byte, 3*side*side)})
	}
	return video
}

// timed returns the seconds of a run of work, in the mean of two after one that compiles.
func timed(work func() error) (float64, error) {
	if err := work(); err != nil {
		return 0, err
	}
	start := time.Now()
	for range 2 {
		if err := work(); err != nil {
			return 0, err
		}
	}
	return since(start) / 2, nil
}
