package train

import (
	"context"
	"errors"

	"sightline"
	"sightline/align"
	"sightline/caption"
	"sightline/encoder/wordpiece"
	"sightline/metric/captions"
)

// CaptionConfig says what a run with task: caption trains: package caption's model over the features of data.frames
// uniform frames.
type CaptionConfig struct {
	caption.Config `yaml:",inline"`
	Vocabulary     string `yaml:"vocabulary" json:"vocabulary"` // a file of word pieces, BERT's vocab.txt; "" learns the words of the training captions
	AtLeast        int    `yaml:"at_least" json:"at_least"`     // a word is learned that occurs so often
	Beam           int    `yaml:"beam" json:"beam"`             // of the search when the model is judged
}

func defaultCaption() *CaptionConfig {
	c := &CaptionConfig{Config: caption.Default(), AtLeast: 2, Beam: caption.DefaultBeam}
	c.Frames = 0 // data.frames says how many
	return c
}

// CaptionDefaults returns the values that a run file with task: caption may leave out.
func CaptionDefaults() Config {
	c := Defaults()
	c.Task, c.Caption = Captions, defaultCaption()
	return c
}

// sizes returns the model's config for so many frames a video.
func (c CaptionConfig) sizes(frames int) caption.Config {
	c.Frames = frames
	return c.Config
}

func (c *CaptionConfig) check(frames int, require func(ok bool, format string, args ...any)) {
	if err := c.sizes(max(frames, 1)).Check(); err != nil {
		require(false, "caption: %v", err)
	}
	require(c.AtLeast > 0, "caption.at_least is %d", c.AtLeast)
	require(c.Beam > 0, "caption.beam is %d", c.Beam)
}

// Written is how good captions of the validation split are. All but the loss are measured on the captions that beam search
// finds, times a hundred.
type Written struct {
	Loss   float64 `json:"loss"` // mean negative log-likelihood of a piece of the split's own captions
	BLEU4  float64 `json:"bleu_4"`
	METEOR float64 `json:"meteor"` // by exact words and stems, which the record's reader must know
	ROUGEL float64 `json:"rouge_l"`
	CIDEr  float64 `json:"cider"`
}

// PrepareCaptions opens the splits of a run with task: caption, encodes what is missing and builds the model, which it
// returns beside the job that trains it. An epoch goes through all captions of the training split; with parts, their losses are added
// to the captions'.
func PrepareCaptions(ctx context.Context, config Config, setting Setting) (Job, *caption.Model, []DataRecord, error) {
	fail := func(err error) (Job, *caption.Model, []DataRecord, error) { return Job{}, nil, nil, err }
	err := config.Check()
	switch {
	case err != nil:
		return fail(&sightline.Error{Kind: sightline.Usage, What: "train", Err: err})
	case config.Task != Captions:
		return fail(&sightline.Error{Kind: sightline.Usage, What: "train", Err: errors.New("the run writes no captions: its task is another")})
	case setting.Encoders.Frames == nil:
		return fail(&sightline.Error{Kind: sightline.Usage, What: "train", Err: errors.New("captions are written from an encoder's features, and none is named"),
			Try: "name one in the run file, encoder: tiny or encoder: clip"})
	}
	if err := claim(setting.Dir, config); err != nil { // before hours of encoding
		return fail(err)
	}
	if _, err := align.NewParts(config.Parts); err != nil { // before hours of encoding, too
		return fail(err)
	}
	read := storedVideos
	if len(config.Parts) > 0 { // which see the captions' vectors
		read = StoredPairs
	}
	data, records, err := config.splits(ctx, setting, read)
	if err != nil {
		return fail(err)
	}
	data[0].All, data[1].All = true, true
	vocabulary := wordpiece.Learn(data[0].Set.Texts(), config.Caption.AtLeast)
	if config.Caption.Vocabulary != "" {
		if vocabulary, err = wordpiece.Open(config.Caption.Vocabulary); err != nil {
			return fail(err)
		}
	}
	dim := setting.Encoders.Frames.FrameDim()
	tower := align.Stored{VideoDim: dim, TextDim: dim} // without adapters: the decoder reads the features as they are
	if len(config.Parts) > 0 {
		tower.TextDim = setting.Encoders.Texts.TextDim()
	}
	model, err := caption.New(setting.Engine, config.Caption.sizes(config.Data.Frames), vocabulary, tower, config.Seed)
	if err != nil {
		return fail(err)
	}
	if len(config.Parts) > 0 {
		parts, err := Parts(ctx, config.Parts, setting.Encoders.Texts)
		if err != nil {
			return fail(err)
		}
		if err := model.Learn(parts, config.Seed); err != nil {
			return fail(err)
		}
	}
	job := Job{Config: config, Dir: setting.Dir, Progress: setting.Progress, Warn: setting.Warn, Model: model, Weights: model.Weights,
		Backend: setting.Engine.Name(), Data: data[0]}
	job.Validate = func(ctx context.Context) (Validation, error) {
		return validateCaptions(ctx, model, data[1], config.Caption.Beam)
	}
	return job, model, records, nil
}

// validateCaptions judges a model on the videos of a split that have captions.
func validateCaptions(ctx context.Context, model *caption.Model, data Pairs, beam int) (Validation, error) {
	place := map[int]int{}
	var videos, of []align.Video
	var items []captions.Item
	for i, c := range data.Set.Captions {
		at, known := place[c.Video]
		if !known {
			at = len(items)
			place[c.Video] = at
			videos, items = append(videos, data.Videos[c.Video]), append(items, captions.Item{ID: data.Videos[c.Video].ID})
		}
		items[at].References = append(items[at].References, data.Texts[i].Text)
		of = append(of, data.Videos[c.Video])
	}
	written, err := model.Generate(ctx, videos, caption.Options{Beam: beam})
	if err != nil {
		return Validation{}, err
	}
	for i := range items {
		items[i].Caption = written[i][0].Text
	}
	result, err := captions.Score(items, captions.PennTreebank, &captions.Meteor{})
	if err != nil {
		return Validation{}, err
	}
	loss, err := model.Loss(ctx, of, data.Texts)
	if err != nil {
		return Validation{}, err
	}
	whole := result.Corpus
	return Validation{Captions: Written{
		Loss: loss, BLEU4: 100 * whole.BLEU[3], METEOR: 100 * whole.METEOR, ROUGEL: 100 * whole.ROUGEL, CIDEr: 100 * whole.CIDEr,
	}}, nil
}
