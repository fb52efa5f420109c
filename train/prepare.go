package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"sightline"
	"sightline/align"
	"sightline/corpus"
	"sightline/encoder"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/feature"
	"sightline/metric"
)

// Encoders are the two frozen encoders of stored features, with the tiny encoder itself where that is what they are.
type Encoders struct {
	Frames encoder.FrameEncoder
	Texts  encoder.TextEncoder
	Tiny   *tiny.Encoder // nil for other encoders
}

// Setting is where a run takes place.
type Setting struct {
	Engine   *engine.Engine
	Encoders Encoders      // of config.Encoder and config.TextEncoder; zero when a live tower starts from scratch
	Store    feature.Store // for features of files
	Dir      string
	Progress func(Progress)                    // may be nil
	Encoding func(corpus string, done, of int) // told while features are made; may be nil
	Warn     func(align.Warning)               // as Job's; may be nil
}

// progress returns what tells the setting how many videos of a split are done.
func (s Setting) progress(c *corpus.Corpus) func(done int) {
	return func(done int) {
		if s.Encoding != nil {
			s.Encoding(c.Name, done, len(c.Set.Videos))
		}
	}
}

// Prepare opens the splits of a run, encodes what is missing and builds the model, which it returns beside the job that trains it.
func Prepare(ctx context.Context, config Config, setting Setting) (Job, *align.Model, []DataRecord, error) {
	if err := config.Check(); err != nil {
		return Job{}, nil, nil, &sightline.Error{Kind: sightline.Usage, What: "train", Err: err}
	}
	if config.Task != Retrieval {
		return Job{}, nil, nil, &sightline.Error{Kind: sightline.Usage, What: "train", Err: fmt.Errorf("a run with task: %s compares no videos with sentences", config.Task)}
	}
	if err := claim(setting.Dir, config); err != nil { // before hours of encoding
		return Job{}, nil, nil, err
	}
	val, err := corpus.Open(config.Data.Val)
	if err != nil {
		return Job{}, nil, nil, err
	}
	job := Job{Config: config, Dir: setting.Dir, Progress: setting.Progress, Warn: setting.Warn}
	head, err := align.NewHead(config.Head)
	if err != nil {
		return Job{}, nil, nil, err
	}
	if _, err := align.NewParts(config.Parts); err != nil { // before hours of encoding, too
		return Job{}, nil, nil, err
	}

	var tower align.Tower
	records := []DataRecord{describe(ctx, "val", val, corpus.Uniform(config.Data.Frames))}
	if n, seed, ok := corpus.Stills(config.Data.Train); ok {
		if config.Tower.Kind != "live" {
			return Job{}, nil, nil, &sightline.Error{Kind: sightline.Usage, What: "train", Err: fmt.Errorf("stills train a live tower, not %q", config.Tower.Kind)}
		}
		learned, err := corpus.Open(fmt.Sprintf("%sstills/%d?seed=%d", corpus.Scheme, min(n, vocabularySample), seed))
		if err != nil {
			return Job{}, nil, nil, err
		}
		tower = liveTower(config, setting, learned.Set.Texts())
		job.Data = Stills{Seed: seed, Count: n, OneObject: config.Tower.OneObject}
		records = append(records, DataRecord{Role: "train", Name: config.Data.Train, Hash: learned.Hash(), Videos: n, Captions: n,
			Sampling: "one still", Decoder: learned.Decoder(ctx)})
	} else {
		train, err := corpus.Open(config.Data.Train)
		if err != nil {
			return Job{}, nil, nil, err
		}
		records = append(records, describe(ctx, "train", train, corpus.Uniform(config.Data.Frames)))
		if config.Tower.Kind == "live" {
			tower = liveTower(config, setting, train.Set.Texts())
		} else {
			tower = align.Stored{VideoDim: setting.Encoders.Frames.FrameDim(), TextDim: setting.Encoders.Texts.TextDim(),
				Joint: config.Tower.Joint, Hidden: config.Tower.Hidden}
		}
		if job.Data, err = pairs(ctx, train, config, setting); err != nil {
			return Job{}, nil, nil, err
		}
	}
	parts, err := Parts(ctx, config.Parts, setting.Encoders.Texts)
	if err != nil {
		return Job{}, nil, nil, err
	}
	model, err := align.New(setting.Engine, tower, head, config.Seed, parts...)
	if err != nil {
		return Job{}, nil, nil, err
	}
	job.Model, job.Weights, job.Backend = model, model.Weights, setting.Engine.Name()
	judged, err := pairs(ctx, val, config, setting)
	if err != nil {
		return Job{}, nil, nil, err
	}
	if err := fit(ctx, model, job.Data); err != nil { // what a layer is trained behind; a resumed run has its own in its state
		return Job{}, nil, nil, err
	}
	job.Validate = func(ctx context.Context) (Validation, error) {
		if err := model.Settle(ctx); err != nil {
			return Validation{}, err
		}
		if err := fit(ctx, model, job.Data); err != nil {
			return Validation{}, err
		}
		return validate(ctx, model, judged)
	}
	slices.Reverse(records)
	return job, model, records, nil
}

// splits opens the training and the validation split of a run, each through open, and describes them.
func (c Config) splits(ctx context.Context, setting Setting, open func(context.Context, *corpus.Corpus, Setting, corpus.Plan) (Pairs, error)) (data [2]Pairs, records []DataRecord, err error) {
	plan := corpus.Uniform(c.Data.Frames)
	for i, split := range []struct{ role, name string }{{"train", c.Data.Train}, {"val", c.Data.Val}} {
		opened, err := corpus.Open(split.name)
		if err != nil {
			return data, nil, err
		}
		records = append(records, describe(ctx, split.role, opened, plan))
		if data[i], err = open(ctx, opened, setting, plan); err != nil {
			return data, nil, err
		}
		data[i].Seed = c.Seed
	}
	return data, records, nil
}

// Parts returns the chosen parts, with the vectors of their prompts.
func Parts(ctx context.Context, choices []align.Choice, texts encoder.TextEncoder) ([]align.NamedPart, error) {
	parts, err := align.NewParts(choices)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		part, ok := p.Part.(align.Prompted)
		if !ok {
			continue
		}
		prompts, err := part.Prompts()
		if err != nil {
			return nil, err
		}
		if len(prompts) == 0 {
			continue
		}
		if texts == nil {
			return nil, &sightline.Error{Kind: sightline.Usage, What: "use part " + p.Name, Err: errors.New("its prompts need an encoder"),
				Try: "name one in the run file, encoder: tiny, for a tower that starts from it"}
		}
		vectors, err := texts.EncodeTexts(ctx, prompts)
		if err != nil {
			return nil, fmt.Errorf("prompts of %s: %w", p.Name, err)
		}
		part.Take(vectors)
	}
	return parts, nil
}

// fit prepares a model that needs it on a reference set: the first pairs of a shuffled epoch that is never trained on, the same at
// every call.
func fit(ctx context.Context, model *align.Model, data Data) error {
	if !model.NeedsFit() {
		return nil
	}
	batch, err := data.Batch(ctx, referenceEpoch, 0, min(referencePairs, data.Len()), rand.New(rand.NewPCG(0, 0)))
	if err != nil {
		return err
	}
	return model.Fit(ctx, batch.Videos, batch.Texts)
}

// referencePairs is how many training pairs a layer is fitted on.
const referencePairs = 1024

// referenceEpoch is beyond all that are trained.
const referenceEpoch = 1 << 30

// vocabularySample is how many stills a vocabulary is learned from.
const vocabularySample = 10_000

func describe(ctx context.Context, role string, c *corpus.Corpus, plan corpus.Plan) DataRecord {
	return DataRecord{Role: role, Name: c.Name, Hash: c.Hash(), Videos: len(c.Set.Videos), Captions: len(c.Set.Captions),
		Sampling: plan.String(), Decoder: c.Decoder(ctx)}
}

// liveTower starts from the setting's tiny encoder, or from scratch with a vocabulary learned from the texts.
func liveTower(config Config, setting Setting, texts []string) align.Live {
	tower := align.Live{Config: tiny.Default, WordWeight: config.Tower.Words}
	if start := setting.Encoders.Tiny; start != nil {
		tower.Config, tower.Vocabulary, tower.Start = start.Config, start.Vocabulary, start.Weights
	} else {
		tower.Vocabulary = tiny.LearnVocabulary(texts, 2)
	}
	tower.WordValue = wordValues(tower.Vocabulary, texts)
	return tower
}

// wordValues returns ln(N / (1 + number of texts with the word)), at least 0, for every id of the vocabulary; padding and
// unknown words are worth nothing.
func wordValues(vocabulary tiny.Vocabulary, texts []string) []float32 {
	counts := make([]int, vocabulary.Len())
	for _, text := range texts {
		ids := vocabulary.IDs(text, len(text)+1)
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			counts[id]++
		}
	}
	values := make([]float32, len(counts))
	for id := tiny.FirstWord; id < len(values); id++ {
		values[id] = float32(max(0, math.Log(float64(len(texts))/float64(1+counts[id]))))
	}
	return values
}

// pairs makes the data of a split: features and text vectors for a stored tower, frames for a live one.
func pairs(ctx context.Context, c *corpus.Corpus, config Config, setting Setting) (Pairs, error) {
	var data Pairs
	if config.Tower.Kind == "live" {
		data = texts(c)
		size := tiny.Default.Side
		if setting.Encoders.Tiny != nil {
			size = setting.Encoders.Tiny.Config.Side
		}
		var err error
		if data.Frames, err = c.Pictures(ctx, corpus.Uniform(config.Data.Frames), size, setting.progress(c)); err != nil {
			return Pairs{}, err
		}
	} else {
		var err error
		if data, err = StoredPairs(ctx, c, setting, corpus.Uniform(config.Data.Frames)); err != nil {
			return Pairs{}, err
		}
	}
	data.Seed, data.Draw = config.Seed, config.Tower.TrainFrames
	return data, nil
}

// texts returns a split without anything to see.
func texts(c *corpus.Corpus) Pairs {
	data := Pairs{Set: c.Set}
	for _, v := range c.Set.Videos {
		data.Videos = append(data.Videos, align.Video{ID: v.ID})
	}
	for _, text := range c.Set.Texts() {
		data.Texts = append(data.Texts, align.Sentence{Text: text})
	}
	return data
}

// storedVideos returns a split with features of the frames that a plan takes, from the setting's encoder and store.
func storedVideos(ctx context.Context, c *corpus.Corpus, setting Setting, plan corpus.Plan) (Pairs, error) {
	data := texts(c)
	features, err := c.Encode(ctx, setting.Encoders.Frames, plan, setting.Store, setting.progress(c))
	if err != nil {
		return Pairs{}, err
	}
	for i, f := range features {
		data.Videos[i].Features, data.Videos[i].Spans = f.Rows, f.Spans
	}
	return data, nil
}

// StoredPairs returns a split with features of the frames that a plan takes and text vectors, from the setting's encoders and store.
func StoredPairs(ctx context.Context, c *corpus.Corpus, setting Setting, plan corpus.Plan) (Pairs, error) {
	data, err := storedVideos(ctx, c, setting, plan)
	if err != nil {
		return Pairs{}, err
	}
	vectors, err := setting.Encoders.Texts.EncodeTexts(ctx, c.Set.Texts())
	if err != nil {
		return Pairs{}, err
	}
	for i := range data.Texts {
		data.Texts[i].Vector = vectors.Row(i)
	}
	return data, nil
}

// validate judges a model on a split.
func validate(ctx context.Context, model *align.Model, data Pairs) (Validation, error) {
	scores, err := Score(ctx, model, data)
	if err != nil {
		return Validation{}, err
	}
	ranking, err := metric.Rank(scores, data.Set.Owner())
	if err != nil {
		return Validation{}, err
	}
	return recalls(ranking)
}

// recalls returns R@1, R@5 and R@10 in both directions.
func recalls(ranking metric.Ranking) (Validation, error) {
	report, err := ranking.Report(metric.Options{Resamples: -1})
	if err != nil {
		return Validation{}, err
	}
	var v Validation
	for target, protocol := range map[*Recalls]metric.Protocol{
		&v.TextToVideo: metric.TextToVideo, &v.VideoToText: metric.VideoToText,
	} {
		result, _ := report.Result(protocol)
		for i := range target {
			target[i] = result.Recall[i].Value
		}
	}
	return v, nil
}

// Score returns the similarities [captions, videos] that the model sees in a split.
func Score(ctx context.Context, model *align.Model, data Pairs) (sightline.Matrix, error) {
	videos, texts, err := Encode(ctx, model, data)
	if err != nil {
		return sightline.Matrix{}, err
	}
	return model.ScoreBlock(ctx, texts, videos)
}

// Encode returns what the model keeps of the videos and captions of a split.
func Encode(ctx context.Context, model *align.Model, data Pairs) (videos, texts align.Encoded, err error) {
	for i := 0; i < len(data.Videos); i += scoreBlock {
		block := slices.Clone(data.Videos[i:min(i+scoreBlock, len(data.Videos))])
		if data.Frames != nil {
			for j := range block {
				frames, err := data.Frames(ctx, i+j)
				if err != nil {
					return videos, texts, err
				}
				block[j].Frames = frames
			}
		}
		encoded, err := model.EncodeVideos(ctx, block)
		if err != nil {
			return videos, texts, err
		}
		videos.Append(encoded)
	}
	texts, err = model.EncodeTexts(ctx, data.Texts)
	return videos, texts, err
}

// ScoreJointly returns the similarities [captions, videos] with layer and head as in training, in blocks of so many captions
// and videos. It is transductive: see align.Model.ScoreJointly.
func ScoreJointly(ctx context.Context, model *align.Model, data Pairs, block int) (sightline.Matrix, error) {
	videos, texts, err := Encode(ctx, model.Bare(), data)
	if err != nil {
		return sightline.Matrix{}, err
	}
	return model.ScoreJointly(ctx, texts, videos, block)
}

// scoreBlock is how many videos are encoded at a time: the frames of a live tower need not all be in memory.
const scoreBlock = 64
