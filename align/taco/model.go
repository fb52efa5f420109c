package taco

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/align/taco/tagger"
	"sightline/encoder/wordpiece"
	"sightline/engine"
)

// Lexicon is what a model knows of words beside its weights.
type Lexicon struct {
	Tagger     tagger.Tagger         // nil where no tokens are compared
	IDF        tagger.IDF            // of the training captions
	Vocabulary *wordpiece.Vocabulary // of Pieces pieces; nil where the config has none
}

// Model is TACo's weights on an engine, with the words that it knows. It is safe for concurrent use once its weights stand
// still.
type Model struct {
	Lexicon
	Config  Config
	Weights *engine.Weights
	Engine  *engine.Engine

	frames, words, first, fusion *engine.Program
}

// New returns a model with fresh parameters drawn from the seed. Tagger and idf are not used where the config compares no
// tokens.
func New(e *engine.Engine, config Config, words Lexicon, seed uint64) (*Model, error) {
	if err := config.Check(); err != nil {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "new model taco", Err: err}
	}
	return With(e, config, words, config.fresh(seed))
}

// fresh draws parameters.
func (c Config) fresh(seed uint64) *engine.Weights {
	weights := engine.NewWeights()
	c.init(weights, rand.New(rand.NewPCG(seed, 0x7ac0)))
	return weights
}

// With returns a model over given weights, which must be those of its config by name and shape.
func With(e *engine.Engine, config Config, words Lexicon, weights *engine.Weights) (*Model, error) {
	fail := func(try string, err error) (*Model, error) {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "model taco", Err: err, Try: try}
	}
	if err := config.Check(); err != nil {
		return fail("", err)
	}
	if config.comparesTokens() {
		if words.Tagger == nil {
			return fail("name a tagger", fmt.Errorf("nothing says which words are %s", config.Tokens))
		}
		if err := config.Tokens.Suits(words.Tagger); err != nil {
			return fail("set tokens: noun+verb, or use another tagger", err)
		}
		if err := words.IDF.Check(); err != nil {
			return fail("count the words of the training captions first", err)
		}
	} else {
		words.Tagger, words.IDF = nil, tagger.IDF{}
	}
	switch {
	case config.Pieces == 0:
		words.Vocabulary = nil
	case words.Vocabulary == nil:
		return fail("learn the words of the training captions first", errors.New("it reads pieces of words and has no vocabulary"))
	case words.Vocabulary.Len() != config.Pieces:
		return fail("", fmt.Errorf("its vocabulary has %d pieces, the config says %d", words.Vocabulary.Len(), config.Pieces))
	}
	want := config.fresh(0)
	if got := weights.Names(); !slices.Equal(got, want.Names()) {
		return fail("", fmt.Errorf("parameters are %v, the config asks for %v", got, want.Names()))
	}
	for _, name := range want.Names() {
		if got := weights.Shape(name); !slices.Equal(got, want.Shape(name)) {
			return fail("", fmt.Errorf("parameter %s has shape %v, the config asks for %v", name, got, want.Shape(name)))
		}
	}
	m := &Model{Lexicon: words, Config: config, Weights: weights, Engine: e}
	for _, program := range []struct {
		target **engine.Program
		build  engine.Func
	}{
		{&m.frames, func(vars engine.Vars, in []*Node) []*Node {
			return []*Node{config.EncodeFrames(vars, in[0], in[1], nil)}
		}},
		{&m.words, func(vars engine.Vars, in []*Node) []*Node {
			return []*Node{config.EncodeWords(vars, in, nil)}
		}},
		{&m.first, func(_ engine.Vars, in []*Node) []*Node {
			texts, weights, videos, mask := in[0], in[1], in[2], in[3]
			var scores []*Node
			if config.comparesSentences() {
				scores = append(scores, SentenceScores(videos, mask, texts))
			}
			if config.comparesTokens() {
				scores = append(scores, config.SumTokens(TokenScores(videos, mask, texts), weights))
			}
			return scores
		}},
		{&m.fusion, func(vars engine.Vars, in []*Node) []*Node {
			return []*Node{config.Fuse(vars, Fused{in[0], in[1], in[2], in[3], indices(in[4]), indices(in[5]), config.width()})}
		}},
	} {
		var err error
		if *program.target, err = e.Compile(weights, program.build); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Blocks in which work is done, so that memory stays bounded whatever is asked for.
const (
	blockRows  = 2048 // rows of videos encoded at a time
	blockTexts = 32   // texts that are encoded, and compared, at a time
	blockWide  = 64   // videos compared at a time
	blockPairs = 256  // pairs fused at a time
	leastFused = 8    // texts, and videos, of a block at least, so that few shapes are compiled
)

// EncodeVideos returns what is kept of each video. It sees no text, and no video moves what is made of another.
func (m *Model) EncodeVideos(ctx context.Context, videos []align.Video) ([]Video, error) {
	read, all := make([]align.Video, len(videos)), make([]Video, 0, len(videos))
	longest := 1
	for i, video := range videos {
		var err error
		if read[i], err = m.Config.readVideo(video); err != nil {
			return nil, err
		}
		longest = max(longest, read[i].Features.Rows)
	}
	block := max(1, blockRows/longest)
	for from := 0; from < len(read); from += block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		some := read[from:min(from+block, len(read))]
		out, err := m.frames.Run(m.Config.frameInputs(align.Fill(some, block))...)
		if err != nil {
			return nil, fmt.Errorf("encode videos: %w", err)
		}
		for i, video := range some {
			all = append(all, Video{video.ID, rowsOf(out[0], i, video.Features.Rows), slices.Clone(video.Spans)})
		}
	}
	return all, nil
}

// EncodeTexts returns what is made of each sentence from its Vector and its Tokens, of which the first Words count. It sees no
// video. A sentence without a token of interest is compared by S1 and S3 alone: its S2 is 0.
func (m *Model) EncodeTexts(ctx context.Context, sentences []align.Sentence) ([]Text, error) {
	all := make([]Text, 0, len(sentences))
	for from := 0; from < len(sentences); from += blockTexts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		some := sentences[from:min(from+blockTexts, len(sentences))]
		in, texts, err := m.wordInputs(align.Fill(some, blockTexts))
		if err != nil {
			return nil, err
		}
		out, err := m.words.Run(in...)
		if err != nil {
			return nil, fmt.Errorf("encode texts: %w", err)
		}
		for i := range some {
			texts[i].Rows = rowsOf(out[0], i, len(texts[i].Weights))
			all = append(all, texts[i])
		}
	}
	return all, nil
}

// rowsOf copies the first count rows of item i of an array [B, L, D].
func rowsOf(a engine.Array, i, count int) sightline.Matrix {
	length, width := a.Shape[1], a.Shape[2]
	at := i * length * width
	return sightline.Matrix{Rows: count, Cols: width, Data: slices.Clone(engine.Values(a)[at : at+count*width])}
}

// ScoreBlock compares every text with every video, which takes A·N runs of the fusion.
func (m *Model) ScoreBlock(ctx context.Context, texts []Text, videos []Video) (Scores, error) {
	scores, err := m.FirstScores(ctx, texts, videos)
	if err != nil || !m.Config.fuses() {
		return scores, err
	}
	var pairs [][2]int
	for a := range texts {
		for n := range videos {
			pairs = append(pairs, [2]int{a, n})
		}
	}
	fused, err := m.fuse(ctx, texts, videos, pairs)
	if err != nil {
		return Scores{}, err
	}
	scores.Fusion = sightline.Matrix{Rows: len(texts), Cols: len(videos), Data: fused}
	return scores, nil
}

// FirstScores returns S1 and S2 alone, which cost dot products.
func (m *Model) FirstScores(ctx context.Context, texts []Text, videos []Video) (Scores, error) {
	var scores Scores
	var parts []*sightline.Matrix
	if m.Config.comparesSentences() {
		parts = append(parts, &scores.Sentence)
	}
	if m.Config.comparesTokens() {
		parts = append(parts, &scores.Token)
	}
	if parts == nil {
		return scores, nil
	}
	for _, part := range parts {
		*part = sightline.NewMatrix(len(texts), len(videos))
	}
	for at := 0; at < len(videos); at += blockWide {
		wide := videos[at:min(at+blockWide, len(videos))]
		right := m.videoInputs(align.Fill(wide, blockWide))
		for from := 0; from < len(texts); from += blockTexts {
			if err := ctx.Err(); err != nil {
				return Scores{}, err
			}
			some := texts[from:min(from+blockTexts, len(texts))]
			filled := align.Fill(some, blockTexts)
			left := m.textInputs(filled)
			out, err := m.first.Run(left[0], weightInputs(filled, left[0].Shape[1]), right[0], right[1])
			if err != nil {
				return Scores{}, fmt.Errorf("compare: %w", err)
			}
			for p, part := range parts {
				width := out[p].Shape[1]
				for i := range some {
					copy(part.Row(from + i)[at:at+len(wide)], engine.Values(out[p])[i*width:])
				}
			}
		}
	}
	return scores, nil
}

// fuse returns S3 of pairs of a text and a video.
func (m *Model) fuse(ctx context.Context, texts []Text, videos []Video, pairs [][2]int) ([]float32, error) {
	all := make([]float32, 0, len(pairs))
	for from := 0; from < len(pairs); from += blockPairs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		some := pairs[from:min(from+blockPairs, len(pairs))]
		var ofTexts, ofVideos []int
		for _, pair := range align.Fill(some, blockPairs) {
			ofTexts, ofVideos = append(ofTexts, pair[0]), append(ofVideos, pair[1])
		}
		left, textPlaces := distinct(texts, ofTexts)
		right, videoPlaces := distinct(videos, ofVideos)
		out, err := m.fusion.Run(append(append(m.videoInputs(right), m.textInputs(left)...), videoPlaces, textPlaces)...)
		if err != nil {
			return nil, fmt.Errorf("fuse: %w", err)
		}
		all = append(all, engine.Values(out[0])[:len(some)]...)
	}
	return all, nil
}

// distinct returns the items that are asked for, each once, and for every asking its place among them [len(of)]. The last is
// repeated, to leastFused items or as align.Fill does.
func distinct[T any](items []T, of []int) ([]T, engine.Array) {
	var some []T
	at, places := map[int]int32{}, make([]int32, len(of))
	for i, item := range of {
		place, known := at[item]
		if !known {
			place = int32(len(some))
			at[item], some = place, append(some, items[item])
		}
		places[i] = place
	}
	for len(some) < leastFused {
		some = append(some, some[len(some)-1])
	}
	return align.Fill(some, blockPairs), engine.Ints(places, len(places))
}

// videoInputs lays out what is kept of videos: [N, m, D] and the mask [N, m].
func (m *Model) videoInputs(videos []Video) []engine.Array {
	var all []sightline.Matrix
	for _, video := range videos {
		all = append(all, video.Rows)
	}
	rows, mask := pad(all, m.Config.Clips)
	return []engine.Array{rows, mask}
}

// textInputs lays out what is made of texts: [A, n, D] and the mask [A, n].
func (m *Model) textInputs(texts []Text) []engine.Array {
	var all []sightline.Matrix
	for _, text := range texts {
		all = append(all, text.Rows)
	}
	rows, mask := pad(all, m.Config.width())
	return []engine.Array{rows, mask}
}
