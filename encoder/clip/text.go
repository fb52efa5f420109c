package clip

import (
	"context"
	"fmt"
	"slices"

	"sightline"
	"sightline/encoder"
	"sightline/encoder/batch"
	"sightline/engine"
)

// EncodeTexts returns one row a text, [len(texts), D], not normalised. A text is cut to the model's context. It works in
// batches of texts of like length and returns ctx's error between two of them.
func (m *Model) EncodeTexts(ctx context.Context, texts []string) (sightline.Matrix, error) {
	out := sightline.NewMatrix(len(texts), m.Config.Dim)
	err := m.read(ctx, texts, func(text, at int, _ []int32, encoded []engine.Array) {
		copy(out.Row(text), engine.Values(encoded[0])[at*out.Cols:])
	})
	if err != nil {
		return sightline.Matrix{}, fmt.Errorf("encode texts: %w", err)
	}
	return out, nil
}

// WordDim returns the width of token vectors, that of the text transformer.
func (m *Model) WordDim() int { return m.Config.Text.Width }

// EncodeWords returns the vectors of each text's tokens, as the text transformer's last layer has them: those between the
// token that opens a text and the one that closes it, or the closing one of a text without any. Offsets are those of the
// cleaned text.
func (m *Model) EncodeWords(ctx context.Context, texts []string) ([]encoder.Words, error) {
	all := make([]encoder.Words, len(texts))
	err := m.read(ctx, texts, func(text, at int, ids []int32, encoded []engine.Array) {
		length, width := encoded[1].Shape[1], encoded[1].Shape[2]
		cleaned, tokens := m.tokenizer.Tokens(texts[text])
		words := encoder.Words{Text: cleaned}
		for _, token := range tokens[:min(len(tokens), len(ids)-2)] {
			words.Offsets = append(words.Offsets, [2]int{token.Start, token.End})
		}
		if len(words.Offsets) == 0 {
			words.Offsets = [][2]int{{}}
		}
		rows := engine.Values(encoded[1])[(at*length+1)*width:][:len(words.Offsets)*width]
		words.Vectors = sightline.Matrix{Rows: len(words.Offsets), Cols: width, Data: slices.Clone(rows)}
		all[text] = words
	})
	if err != nil {
		return nil, fmt.Errorf("encode words: %w", err)
	}
	return all, nil
}

// read runs the text tower over texts, those of like length together, and gives each with its place in its batch, its ids
// and the batch's outputs to take.
func (m *Model) read(ctx context.Context, texts []string, take func(text, at int, ids []int32, encoded []engine.Array)) error {
	ids := make([][]int32, len(texts))
	for i, text := range texts {
		ids[i] = m.tokenizer.Encode(text, m.Config.Text.Context)
	}
	for b := range batch.Texts(ids, m.Config.Text.Context, 0) {
		ends := make([]int32, b.Rows)
		for i, text := range b.Texts {
			ends[i] = m.Config.endOf(ids[text])
		}
		var encoded []engine.Array
		if err := m.turns.Take(ctx, func() (err error) {
			encoded, err = m.text.run(engine.Ints(b.IDs, b.Rows, b.Length), engine.Ints(ends, b.Rows))
			return err
		}); err != nil {
			return err
		}
		for i, text := range b.Texts {
			take(text, i, ids[text], encoded)
		}
	}
	return nil
}

// endOf returns the position at which a text is read: the first token that closes it, or that of the largest id where
// the configuration follows the old convention.
func (c Config) endOf(ids []int32) int32 {
	largest := 0
	for i, id := range ids {
		if id == c.Text.End && c.Text.End != legacyEnd {
			return int32(i)
		}
		if id > ids[largest] {
			largest = i
		}
	}
	return int32(largest)
}
