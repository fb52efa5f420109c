package taco

import (
	"fmt"
	"slices"

	"sightline"
	"sightline/align"
	"sightline/align/taco/tagger"
	"sightline/engine"
)

// readVideo checks a video and returns the rows that are read of it, Clips of them spread evenly from the first to the last
// where there are more.
func (c Config) readVideo(v align.Video) (align.Video, error) {
	fail := func(try, format string, args ...any) (align.Video, error) {
		return v, &sightline.Error{Kind: sightline.Failed, What: "lay out video " + v.ID, Err: fmt.Errorf(format, args...), Try: try}
	}
	rows := v.Features.Rows
	switch {
	case rows == 0:
		return fail("encode its frames first", "it has no features")
	case v.Features.Cols != c.Video:
		return fail("use the encoder that the model was trained on", "features are %d wide, the model takes %d", v.Features.Cols, c.Video)
	case v.Spans != nil && len(v.Spans) != rows:
		return fail("", "%d rows have %d stretches of time", rows, len(v.Spans))
	}
	if err := v.Features.Finite(); err != nil {
		return fail("encode it again", "%w", err)
	}
	if rows <= c.Clips {
		return v, nil
	}
	few := align.Video{ID: v.ID, Features: sightline.NewMatrix(c.Clips, c.Video)}
	for i := range c.Clips {
		from := i * (rows - 1) / max(1, c.Clips-1)
		copy(few.Features.Row(i), v.Features.Row(from))
		if v.Spans != nil {
			few.Spans = append(few.Spans, v.Spans[from])
		}
	}
	return few, nil
}

// readText checks a sentence and returns what is read of it: Words words at most, what they weigh after a 0 for the
// sentence, and how they read.
func (m *Model) readText(s align.Sentence) (words sightline.Matrix, text Text, err error) {
	c := m.Config
	fail := func(try, format string, args ...any) (sightline.Matrix, Text, error) {
		return words, text, &sightline.Error{Kind: sightline.Failed, What: fmt.Sprintf("lay out the text %q", abridged(s.Text)), Err: fmt.Errorf(format, args...), Try: try}
	}
	const same = "use the encoder that the model was trained on"
	switch {
	case len(s.Vector) != c.Sentence:
		return fail(same, "its vector is %d wide, the model takes %d", len(s.Vector), c.Sentence)
	case s.Tokens.Rows == 0:
		return fail("use a text encoder that gives word features", "it has no word features")
	case s.Tokens.Cols != c.Text:
		return fail(same, "word features are %d wide, the model takes %d", s.Tokens.Cols, c.Text)
	case len(s.Offsets) != s.Tokens.Rows:
		return fail("", "%d words have %d places in the text", s.Tokens.Rows, len(s.Offsets))
	}
	for _, offset := range s.Offsets {
		if offset[0] < 0 || offset[1] < offset[0] || offset[1] > len(s.Read) {
			return fail("", "a word stands at bytes %d to %d of %d", offset[0], offset[1], len(s.Read))
		}
	}
	for _, rows := range []sightline.Matrix{s.Tokens, {Rows: 1, Cols: len(s.Vector), Data: s.Vector}} {
		if err := rows.Finite(); err != nil {
			return fail("encode it again", "%w", err)
		}
	}
	count := min(s.Tokens.Rows, c.Words)
	words = sightline.Matrix{Rows: count, Cols: c.Text, Data: s.Tokens.Data[:count*c.Text]}
	weights := make([]float32, count)
	if c.comparesTokens() {
		if weights, err = tagger.Weights(m.Tagger, c.Tokens, m.IDF, s.Read, s.Offsets[:count]); err != nil {
			return words, text, err
		}
	}
	text = Text{Text: s.Text, Weights: slices.Concat([]float32{0}, weights), Words: []string{""}}
	for _, offset := range s.Offsets[:count] {
		text.Words = append(text.Words, s.Read[offset[0]:offset[1]])
	}
	return words, text, nil
}

// abridged returns the start of a text, for messages.
func abridged(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}

// pad lays matrices of one width out side by side: [B, L, width] and the mask [B, L]. L is the most rows of any, rounded up
// so that few shapes occur, and at most limit.
func pad(all []sightline.Matrix, limit int) (rows, mask engine.Array) {
	length := 1
	for _, m := range all {
		length = max(length, m.Rows)
	}
	length = min(align.Bucket(length), limit)
	width := all[0].Cols
	data, there := make([]float32, len(all)*length*width), make([]float32, len(all)*length)
	for i, m := range all {
		copy(data[i*length*width:], m.Data)
		for l := range m.Rows {
			there[i*length+l] = 1
		}
	}
	return engine.Floats(data, len(all), length, width), engine.Floats(there, len(all), length)
}

// frameInputs lays out features of videos: [N, m, Dv] and the mask [N, m].
func (c Config) frameInputs(videos []align.Video) []engine.Array {
	var all []sightline.Matrix
	for _, video := range videos {
		all = append(all, video.Features)
	}
	features, mask := pad(all, c.Clips)
	return []engine.Array{features, mask}
}

// wordInputs lays out sentences: their vectors [A, 1, Ds], words [A, n−1, Dt], and for the sentence with its words the mask
// [A, n]; then what these are to become but for their rows.
func (m *Model) wordInputs(sentences []align.Sentence) ([]engine.Array, []Text, error) {
	var words []sightline.Matrix
	var texts []Text
	vectors := make([]float32, 0, len(sentences)*m.Config.Sentence)
	for _, s := range sentences {
		rows, text, err := m.readText(s)
		if err != nil {
			return nil, nil, err
		}
		words, texts, vectors = append(words, rows), append(texts, text), append(vectors, s.Vector...)
	}
	features, mask := pad(words, m.Config.Words)
	length := mask.Shape[1]
	var there []float32
	for i := range sentences {
		there = append(append(there, 1), engine.Values(mask)[i*length:(i+1)*length]...)
	}
	n := len(sentences)
	return []engine.Array{engine.Floats(vectors, n, 1, m.Config.Sentence), features, engine.Floats(there, n, length+1)}, texts, nil
}

// weightInputs lays out what rows of texts weigh [A, n].
func weightInputs(texts []Text, length int) engine.Array {
	weights := make([]float32, len(texts)*length)
	for i, text := range texts {
		copy(weights[i*length:(i+1)*length], text.Weights)
	}
	return engine.Floats(weights, len(texts), length)
}
