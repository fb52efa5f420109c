package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sightline"
	"sightline/align"
	"sightline/align/taco"
	"sightline/align/taco/tagger"
	"sightline/corpus"
	"sightline/encoder/wordpiece"
	"sightline/metric"
)

// TacoConfig says what a run with task: taco trains: package taco's model over the features of data.frames uniform frames and
// the vectors of words.
type TacoConfig struct {
	taco.Config `yaml:",inline"`

	// Tagger says which words are nouns and verbs: "prose", "list", or a file of tags, JSON line by line, with prose for
	// texts that it lacks.
	Tagger string `yaml:"tagger" json:"tagger"`

	// Scratch reads texts from a table of embeddings that is learned here, of the words of the training captions or of the
	// model that the run starts from, in place of the encoder's frozen vectors.
	Scratch bool `yaml:"scratch,omitempty" json:"scratch,omitempty"`

	// Candidates are fused for each text and for each video when the model is judged.
	Candidates int `yaml:"candidates" json:"candidates"`
}

func defaultTaco() *TacoConfig {
	return &TacoConfig{Config: taco.Default(), Tagger: "prose", Candidates: 20}
}

// TacoDefaults returns the values that a run file with task: taco may leave out.
func TacoDefaults() Config {
	c := Defaults()
	c.Task, c.Taco = Taco, defaultTaco()
	return c
}

func (c *TacoConfig) check(require func(ok bool, format string, args ...any)) {
	sizes := c.Config
	sizes.Video, sizes.Sentence, sizes.Text = 1, 1, 1 // the encoder says how wide its features are
	if err := sizes.Check(); err != nil {
		require(false, "taco: %v", err)
	}
	require(c.Tagger != "", "taco.tagger is empty: prose, list, or a file of tags")
	require(c.Candidates > 0, "taco.candidates is %d", c.Candidates)
}

// OpenTagger returns the tagger called name: one of this program's, or that of a file of tags.
func OpenTagger(name string) (tagger.Tagger, error) {
	switch name {
	case "prose":
		return tagger.Prose{}, nil
	case "list":
		return tagger.List{}, nil
	}
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "open the tagger " + name, Err: err, Try: "tagger: prose, tagger: list, or a file of tags (docs/formats.md)"}
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	tags, err := tagger.ReadFile(name, file)
	if err != nil {
		return nil, err
	}
	tags.Else = tagger.Prose{}
	return tags, nil
}

// PrepareTaco opens the splits of a run with task: taco, encodes what is missing and builds the model, fresh or from the bundle
// that config.Init names, which it returns beside the job that trains it. Words count by the captions of this run's training
// split. An epoch goes through all videos.
func PrepareTaco(ctx context.Context, config Config, setting Setting) (Job, *taco.Model, []DataRecord, error) {
	fail := func(err error) (Job, *taco.Model, []DataRecord, error) { return Job{}, nil, nil, err }
	err := config.Check()
	switch {
	case err != nil:
		return fail(&sightline.Error{Kind: sightline.Usage, What: "train", Err: err})
	case config.Task != Taco:
		return fail(&sightline.Error{Kind: sightline.Usage, What: "train", Err: errors.New("the run is none of TACo: its task is another")})
	case setting.Encoders.Frames == nil:
		return fail(&sightline.Error{Kind: sightline.Usage, What: "train", Err: errors.New("TACo is trained on an encoder's features, and none is named"),
			Try: "name one in the run file, encoder: tiny or encoder: clip"})
	}
	if err := claim(setting.Dir, config); err != nil { // before hours of encoding
		return fail(err)
	}
	open := TacoPairs
	if config.Taco.Scratch {
		open = StoredPairs
	}
	data, records, err := config.splits(ctx, setting, open)
	if err != nil {
		return fail(err)
	}
	model, err := newTaco(config, setting, data[0])
	if err != nil {
		return fail(err)
	}
	job := Job{Config: config, Dir: setting.Dir, Progress: setting.Progress, Warn: setting.Warn, Model: model, Weights: model.Weights,
		Backend: setting.Engine.Name(), Data: data[0]}
	job.Validate = func(ctx context.Context) (Validation, error) {
		ranking, err := RankTaco(ctx, model, data[1], config.Taco.Candidates)
		if err != nil {
			return Validation{}, err
		}
		return recalls(ranking)
	}
	return job, model, records, nil
}

// knownFrom is how often a word occurs in the training captions that a vocabulary learns.
const knownFrom = 2

// newTaco returns a run's model before its first step.
func newTaco(config Config, setting Setting, data Pairs) (*taco.Model, error) {
	sizes := config.Taco.Config
	sizes.Video, sizes.Sentence = setting.Encoders.Frames.FrameDim(), setting.Encoders.Texts.TextDim()
	for _, text := range data.Texts {
		sizes.Text = text.Tokens.Cols
	}
	tags, err := OpenTagger(config.Taco.Tagger)
	if err != nil {
		return nil, err
	}
	words := taco.Lexicon{Tagger: tags}
	if words.IDF, err = tagger.Count(tags, data.Set.Texts()); err != nil {
		return nil, err
	}
	if config.Init == "" {
		if config.Taco.Scratch {
			words.Vocabulary = wordpiece.Learn(data.Set.Texts(), knownFrom)
			sizes.Pieces, sizes.Sentence, sizes.Text = words.Vocabulary.Len(), 0, 0
		}
		return taco.New(setting.Engine, sizes, words, config.Seed)
	}
	fail := func(err error) (*taco.Model, error) {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "start from " + config.Init, Err: err,
			Try: "init: the model folder of a run with task: taco, of the same sizes and the same encoder"}
	}
	start, bundle, known, err := taco.Read(config.Init)
	if err != nil {
		return fail(err)
	}
	if config.Taco.Scratch != (known.Vocabulary != nil) {
		return fail(fmt.Errorf("scratch is %v, but its text tower is the other kind", config.Taco.Scratch))
	}
	if words.Vocabulary = known.Vocabulary; words.Vocabulary != nil {
		sizes.Pieces, sizes.Sentence, sizes.Text = words.Vocabulary.Len(), 0, 0
	}
	if err := bundle.Accepts(setting.Encoders.Frames.ID(), setting.Encoders.Texts.ID(), setting.Encoders.Frames.Preprocess()); err != nil {
		return fail(err)
	}
	if differs := bundle.Config.Differs(sizes); differs != nil {
		return fail(fmt.Errorf("its sizes are others: %v", differs))
	}
	return taco.With(setting.Engine, sizes, words, start)
}

// TacoPairs returns a split as TACo sees it: features of the frames that a plan takes, vectors of sentences and of words.
func TacoPairs(ctx context.Context, c *corpus.Corpus, setting Setting, plan corpus.Plan) (Pairs, error) {
	words, err := setting.Encoders.Words()
	if err != nil {
		return Pairs{}, err
	}
	pairs, err := StoredPairs(ctx, c, setting, plan)
	if err != nil {
		return Pairs{}, err
	}
	return pairs, align.ReadWords(ctx, words, pairs.Texts)
}

// EncodeTaco returns what a model keeps of the videos and makes of the captions of a split.
func EncodeTaco(ctx context.Context, model *taco.Model, data Pairs) (videos []taco.Video, texts []taco.Text, err error) {
	if videos, err = model.EncodeVideos(ctx, data.Videos); err != nil {
		return nil, nil, err
	}
	texts, err = model.EncodeTexts(ctx, data.Texts)
	return videos, texts, err
}

// RankTaco ranks a split as a search in two stages does, with so many candidates of each text and of each video.
func RankTaco(ctx context.Context, model *taco.Model, data Pairs, candidates int) (metric.Ranking, error) {
	videos, texts, err := EncodeTaco(ctx, model, data)
	if err != nil {
		return metric.Ranking{}, err
	}
	likely, err := model.ScoreLikely(ctx, texts, videos, candidates)
	if err != nil {
		return metric.Ranking{}, err
	}
	return RankLikely(likely, data.Set.Owner())
}

// RankLikely ranks in each direction by its own scores; owner is as in metric.Judge.
func RankLikely(likely taco.Likely, owner []int) (metric.Ranking, error) {
	ranking, err := metric.Rank(likely.VideoToText, owner)
	if err != nil {
		return metric.Ranking{}, err
	}
	forward, err := metric.Rank(likely.TextToVideo, owner)
	ranking.TextToVideo = forward.TextToVideo
	return ranking, err
}
