// Package bert encodes sentences and their words with a BERT model (Devlin et al., BERT: Pre-training of Deep Bidirectional
// Transformers for Language Understanding, 2019). It stands where the text side of encoder/clip stands, for models whose
// frames come from another encoder: those that find moments and TACo read their sentences with it.
//
// Start at Open, which reads the folder of an uncased BERT of any size in Hugging Face's layout: config.json, vocab.txt,
// model.safetensors (or its shards; f32, f16, bf16), with tensors named as today or as in the first checkpoints. Config.States
// is the encoder as graph code.
//
// A sentence is the last layer's vector at [CLS], without the pooler that pre-training had on top. It computes in float32,
// downloads nothing, refuses pickles, reads no cased vocabulary and sees no frame. Relatives with other layers or other
// pieces (RoBERTa, DistilBERT, ALBERT) are refused by their model_type.
package bert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/encoder"
	"sightline/encoder/batch"
	"sightline/encoder/wordpiece"
	"sightline/engine"
	"sightline/internal/safetensors"
)

// Model is a BERT ready to encode. It is an encoder.TextEncoder and an encoder.WordEncoder, safe for concurrent use. Its
// weights are read when it first encodes.
type Model struct {
	Config     Config
	Vocabulary *wordpiece.Vocabulary

	id      sightline.ModelID
	program func() (*engine.Program, error) // ids [B, L] and mask [B, L] to the last layer [B, L, W]
	turns   batch.Turns
}

// Open reads the BERT in folder. It checks every tensor's name and shape and computes the hash of the weights; a folder that
// is no BERT, or not whole, is refused with what is wrong.
func Open(e *engine.Engine, folder string) (*Model, error) {
	fail := func(err error) (*Model, error) {
		return nil, &sightline.Error{
			Kind: sightline.Failed, What: "open the BERT model in " + folder, Err: err,
			Try: "name the folder of an uncased BERT in Hugging Face's layout, with config.json, vocab.txt and model.safetensors",
		}
	}
	c, err := readConfig(folder)
	if err != nil {
		return fail(err)
	}
	vocabulary, err := wordpiece.Open(filepath.Join(folder, vocabularyFile))
	if err != nil {
		return fail(err)
	}
	if n := vocabulary.Len(); n > c.Vocabulary || n <= c.Vocabulary-spare {
		return fail(fmt.Errorf("%s has %d pieces, and the model has vectors of %d: it is another model's", vocabularyFile, n, c.Vocabulary))
	}
	file, err := safetensors.Open(folder)
	if err != nil {
		return nil, err
	}
	names, err := c.find(file)
	if err != nil {
		file.Close()
		return fail(err)
	}
	sum, err := file.Sum()
	if err != nil {
		file.Close()
		return fail(err)
	}
	// Vocabulary and configuration decide about the vectors as the weights do.
	hash := sha256.Sum256(fmt.Appendf(nil, "%x %+v\n%s", sum, c, vocabulary))
	m := &Model{
		Config: c, Vocabulary: vocabulary, turns: batch.NewTurns(),
		id: sightline.ModelID{Name: c.kind(), Hash: hex.EncodeToString(hash[:8])},
	}
	m.program = sync.OnceValues(func() (*engine.Program, error) {
		weights, err := read(file, names)
		if err != nil {
			return nil, err
		}
		return e.Compile(weights, func(vars engine.Vars, in []*Node) []*Node {
			states := c.States(vars, in[0], in[1])
			return states[len(states)-1:]
		})
	})
	return m, nil
}

// ID names the weights, together with the vocabulary and the configuration that decide what they compute.
func (m *Model) ID() sightline.ModelID { return m.id }

// TextDim returns the width of a sentence's vector.
func (m *Model) TextDim() int { return m.Config.Width }

// WordDim returns the width of a token's vector, that of a sentence's.
func (m *Model) WordDim() int { return m.Config.Width }

// EncodeTexts returns one row a text, [len(texts), W], the last layer at [CLS], not normalised. A text is cut to as many
// pieces as the model has positions for. It works in batches of texts of like length and returns ctx's error between two of
// them.
func (m *Model) EncodeTexts(ctx context.Context, texts []string) (sightline.Matrix, error) {
	out := sightline.NewMatrix(len(texts), m.Config.Width)
	err := m.read(ctx, texts, func(text int, states []float32, _ [][2]int) error {
		copy(out.Row(text), states)
		return sightline.Matrix{Rows: 1, Cols: out.Cols, Data: out.Row(text)}.Finite()
	})
	if err != nil {
		return sightline.Matrix{}, fmt.Errorf("encode texts: %w", err)
	}
	return out, nil
}

// EncodeWords returns the vectors of each text's pieces, as the last layer has them: those between [CLS] and [SEP], or that of
// [SEP] for a text without any. Offsets are bytes of the text as it was given; the pieces of a word lie in it one behind the
// other.
func (m *Model) EncodeWords(ctx context.Context, texts []string) ([]encoder.Words, error) {
	all := make([]encoder.Words, len(texts))
	err := m.read(ctx, texts, func(text int, states []float32, offsets [][2]int) error {
		if len(offsets) == 0 {
			offsets = [][2]int{{}}
		}
		width := m.Config.Width
		vectors := sightline.Matrix{Rows: len(offsets), Cols: width, Data: slices.Clone(states[width : (1+len(offsets))*width])}
		all[text] = encoder.Words{Text: texts[text], Vectors: vectors, Offsets: offsets}
		return vectors.Finite()
	})
	if err != nil {
		return nil, fmt.Errorf("encode words: %w", err)
	}
	return all, nil
}

// tokens returns the ids of a text, [CLS] and [SEP] around them, cut to the model's positions, and the places of the pieces
// between the two.
func (m *Model) tokens(text string) (ids []int32, offsets [][2]int) {
	pieces, offsets := m.Vocabulary.Encode(text)
	count := min(len(pieces), m.Config.Positions-2)
	return slices.Concat([]int32{m.Vocabulary.Start}, pieces[:count], []int32{m.Vocabulary.End}), slices.Clip(offsets[:count])
}

// read gives each text's states, [CLS], pieces, [SEP] and padding in a row, and the places of its pieces to take.
func (m *Model) read(ctx context.Context, texts []string, take func(text int, states []float32, offsets [][2]int) error) error {
	if len(texts) == 0 {
		return ctx.Err()
	}
	program, err := m.program()
	if err != nil {
		return err
	}
	ids, offsets := make([][]int32, len(texts)), make([][][2]int, len(texts))
	for i, text := range texts {
		ids[i], offsets[i] = m.tokens(text)
	}
	for b := range batch.Texts(ids, m.Config.Positions, m.Vocabulary.Padding) {
		mask := make([]float32, len(b.IDs))
		for i, text := range b.Texts {
			for j := range ids[text] {
				mask[i*b.Length+j] = 1
			}
		}
		var states []float32 // [Rows, Length, W]
		if err := m.turns.Take(ctx, func() error {
			out, err := program.Run(engine.Ints(b.IDs, b.Rows, b.Length), engine.Floats(mask, b.Rows, b.Length))
			if err == nil {
				states = engine.Values(out[0])
			}
			return err
		}); err != nil {
			return err
		}
		for i, text := range b.Texts {
			size := b.Length * m.Config.Width
			if err := take(text, states[i*size:(i+1)*size], offsets[text]); err != nil {
				return err
			}
		}
	}
	return nil
}
