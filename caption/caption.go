// Package caption turns features into sentences: a transformer reads the frame vectors of a video, and another writes a
// caption of it piece by piece, as CLIP4Caption does with UniVL's decoder.
//
// It stands at the end of the pipeline, beside search: stored features in, sentences out. Start at Model.Generate, which
// captions videos by beam search; New makes a model, Learn adds losses of other papers, package train fits it (Step,
// Gradient), Save and Open keep it as a folder. Nearest and Random are what a caption must beat. It measures nothing (metric does), looks at no pixels and trains
// no encoder.
//
// Sources: Luo et al., UniVL: A Unified Video and Language Pre-Training Model, 2020, section 3 (the decoder); Tang et al.,
// CLIP4Caption: CLIP for Video Caption, 2021 (on CLIP's frame vectors). Parameter names are UniVL's, so checkpoints of
// its kind fit by name.
package caption

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/encoder/wordpiece"
	"sightline/engine"
)

// Config holds the sizes of a model and how it is trained.
type Config struct {
	Width        int     `yaml:"width" json:"width"`                 // W, of both transformers
	Heads        int     `yaml:"heads" json:"heads"`                 // of attention; a divisor of Width
	Hidden       int     `yaml:"hidden" json:"hidden"`               // width inside the feed-forward layers
	VisualLayers int     `yaml:"visual_layers" json:"visual_layers"` // that read frames
	Layers       int     `yaml:"layers" json:"layers"`               // that write words
	Words        int     `yaml:"words" json:"words"`                 // pieces of a caption at most, its end included
	Frames       int     `yaml:"-" json:"frames,omitempty"`          // rows of a video that are looked at; of longer ones, so many spread evenly
	Dropout      float64 `yaml:"dropout" json:"dropout"`             // share of what each sublayer adds, in training
	CountPadding bool    `yaml:"count_padding" json:"count_padding"` // the loss counts padding as words to predict, as CLIP4Caption's code does
}

// Default is a model that two processor cores train: a third of the paper's width and its depth.
func Default() Config {
	return Config{Width: 256, Heads: 4, Hidden: 1024, VisualLayers: 2, Layers: 2, Words: 48, Frames: 20, Dropout: 0.1}
}

// Check returns every implausible value at once.
func (c Config) Check() error {
	var wrong []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	require(c.Width > 0 && c.Heads > 0 && c.Width%max(c.Heads, 1) == 0, "width %d is no multiple of %d heads", c.Width, c.Heads)
	require(c.Hidden > 0, "hidden is %d", c.Hidden)
	require(c.VisualLayers >= 0 && c.Layers > 0, "there are %d layers for frames and %d for words", c.VisualLayers, c.Layers)
	require(c.Words > 1, "words is %d: a caption has a word and an end", c.Words)
	require(c.Frames > 0, "frames is %d", c.Frames)
	require(c.Dropout >= 0 && c.Dropout < 1, "dropout is %v, not a share in [0, 1)", c.Dropout)
	return errors.Join(wrong...)
}

// Prefixes of parameters.
const (
	towerPrefix   = "tower."
	normPrefix    = "normalize_video.visual_norm2d"
	visualPrefix  = "visual."
	decoderPrefix = "decoder."
)

// Model writes captions of videos. It is safe for concurrent use once its weights stand still.
type Model struct {
	Config     Config
	Vocabulary *wordpiece.Vocabulary
	Tower      align.Stored // what moves the stored frame vectors before they are read; without adapters, nothing does
	Parts      align.Parts  // losses beside the caption's, while it trains; see Learn
	Weights    *engine.Weights
	Engine     *engine.Engine

	read, next, judge *engine.Program
}

// New returns a model with fresh parameters drawn from the seed, as BERT's are.
func New(e *engine.Engine, config Config, vocabulary *wordpiece.Vocabulary, tower align.Stored, seed uint64) (*Model, error) {
	random := rand.New(rand.NewPCG(seed, 0xCA97))
	weights, part := engine.NewWeights(), engine.NewWeights()
	if err := tower.Init(part, random); err != nil {
		return nil, fmt.Errorf("new caption model: %w", err)
	}
	weights.Merge(towerPrefix, part)
	if err := config.Check(); err != nil {
		return nil, fmt.Errorf("new caption model: %w", err)
	}
	config.init(weights, tower.Dim(), vocabulary.Len(), random)
	return With(e, config, vocabulary, tower, weights)
}

// With returns a model over given weights.
func With(e *engine.Engine, config Config, vocabulary *wordpiece.Vocabulary, tower align.Stored, weights *engine.Weights) (*Model, error) {
	if err := config.Check(); err != nil {
		return nil, fmt.Errorf("caption model: %w", err)
	}
	if shape := weights.Shape(decoderPrefix + wordTable); len(shape) != 2 || shape[0] != vocabulary.Len() || shape[1] != config.Width {
		return nil, fmt.Errorf("caption model: %s%s has shape %v, a vocabulary of %d pieces at width %d needs another",
			decoderPrefix, wordTable, shape, vocabulary.Len(), config.Width)
	}
	m := &Model{Config: config, Vocabulary: vocabulary, Tower: tower, Weights: weights, Engine: e}
	for _, program := range []struct {
		target **engine.Program
		build  engine.Func
	}{
		{&m.read, func(vars engine.Vars, in []*Node) []*Node {
			states := config.read(vars, m.frames(vars, in), transformer.NoDropout)
			return config.memories(vars.Under(decoderPrefix), states)
		}},
		{&m.next, func(vars engine.Vars, in []*Node) []*Node { return config.next(vars.Under(decoderPrefix), in) }},
		{&m.judge, func(vars engine.Vars, in []*Node) []*Node {
			states := config.read(vars, m.frames(vars, in[:2]), transformer.NoDropout)
			return []*Node{config.surprise(vars.Under(decoderPrefix), states, in[1], in[2], in[3], in[4], transformer.NoDropout)}
		}},
	} {
		compiled, err := e.Compile(weights, program.build)
		if err != nil {
			return nil, err
		}
		*program.target = compiled
	}
	return m, nil
}

// frames returns the frame vectors [B, T, D] with their mask, as the tower gives them.
func (m *Model) frames(vars engine.Vars, in []*Node) align.Frames {
	return m.Tower.Video(vars.Under(towerPrefix), in)
}

// inputs lays out videos as the tower does; of those with more rows than the model looks at, rows spread evenly from the
// first to the last.
func (m *Model) inputs(videos []align.Video) ([]engine.Array, error) {
	short := slices.Clone(videos)
	for i, v := range videos {
		if v.Features.Rows == 0 {
			return nil, fmt.Errorf("video %s has no rows", v.ID)
		}
		if v.Features.Rows > m.Config.Frames {
			short[i].Features = spread(v.Features, m.Config.Frames)
		}
	}
	return m.Tower.VideoInputs(short)
}

// spread returns n of a matrix's rows: row ⌊i(R−1)/(n−1)⌋ for i from 0 on.
func spread(rows sightline.Matrix, n int) sightline.Matrix {
	few := sightline.NewMatrix(n, rows.Cols)
	for i := range n {
		copy(few.Row(i), rows.Row(i*(rows.Rows-1)/max(n-1, 1)))
	}
	return few
}

// init adds fresh parameters for frame vectors of width dim and a vocabulary of so many pieces.
func (c Config) init(weights *engine.Weights, dim, pieces int, random *rand.Rand) {
	table := func(name string, rows int) {
		weights.Set(name, engine.Normal(random, rows*c.Width, transformer.BERTDeviation), rows, c.Width)
	}
	layer := func(prefix string, i int) string { return prefix + strconv.Itoa(i) + "." }

	transformer.InitLayerNorm(weights, normPrefix, dim)
	transformer.InitBERT(weights, visualPrefix+"embeddings.word_embeddings", dim, c.Width, random)
	table(visualPrefix+positionTable, align.Bucket(c.Frames)) // rows that the layout adds are padding, and hidden
	transformer.InitLayerNorm(weights, visualPrefix+"embeddings.LayerNorm", c.Width)
	for i := range c.VisualLayers {
		transformer.InitBERTLayer(weights, layer(visualPrefix+"encoder.layer.", i), c.Width, c.Hidden, random)
	}

	table(decoderPrefix+wordTable, pieces)
	table(decoderPrefix+positionTable, c.Words)
	transformer.InitLayerNorm(weights, decoderPrefix+"embeddings.LayerNorm", c.Width)
	for i := range c.Layers {
		prefix := layer(decoderPrefix+"decoder.layer.", i)
		for _, attention := range []string{"slf_attn.", "enc_attn."} {
			transformer.InitAttention(weights, prefix+attention+"att.", c.Width, random)
			transformer.InitPostNorm(weights, prefix+attention+"output.", c.Width, c.Width, random)
		}
		transformer.InitFeedForward(weights, prefix, c.Width, c.Hidden, random)
	}
	transformer.InitBERT(weights, decoderPrefix+transform+".dense", c.Width, c.Width, random)
	transformer.InitLayerNorm(weights, decoderPrefix+transform+".LayerNorm", c.Width)
	weights.Set(decoderPrefix+outputBias, engine.Constant(pieces, 0), pieces)
}
