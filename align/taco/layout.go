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

// said is what is read of a sentence: Words words at most.
type said struct {
	vector []float32        // of the sentence; nil where the model has Pieces
	words  sightline.Matrix // vectors of the words
	pieces []int32          // numbers of the pieces, [CLS] first; nil without Pieces
	text   Text             // what it is to become, but for its rows
}

// readText checks a sentence and returns what is read of it.
func (m *Model) readText(s align.Sentence) (said, error) {
	read, offsets, out := s.Read, s.Offsets, said{vector: s.Vector, words: s.Tokens}
	if m.Config.Pieces > 0 {
		out = said{}
		read = s.Text
		out.pieces, offsets = m.Vocabulary.Encode(read)
		out.pieces = append([]int32{m.Vocabulary.Start}, out.pieces...)
	} else if err := m.Config.checkText(s); err != nil {
		return said{}, err
	}
	count := min(len(offsets), m.Config.Words)
	if offsets = offsets[:count]; out.pieces != nil {
		out.pieces = out.pieces[:1+count]
	} else {
		out.words = sightline.Matrix{Rows: count, Cols: m.Config.Text, Data: s.Tokens.Data[:count*m.Config.Text]}
	}
	weights := make([]float32, count)
	if m.Config.comparesTokens() {
		var err error
		if weights, err = tagger.Weights(m.Tagger, m.Config.Tokens, m.IDF, read, offsets); err != nil {
			return said{}, err
		}
	}
	out.text = Text{Text: s.Text, Weights: slices.Concat([]float32{0}, weights), Words: []string{""}}
	for _, offset := range offsets {
		out.text.Words = append(out.text.Words, read[offset[0]:offset[1]])
	}
	return out, nil
}

// checkText returns an error where an encoder's vectors of a sentence are not what the model takes.
func (c Config) checkText(s align.Sentence) error {
	fail := func(try, format string, args ...any) error {
		return &sightline.Error{Kind: sightline.Failed, What: fmt.Sprintf("lay out the text %q", abridged(s.Text)), Err: fmt.Errorf(format, args...), Try: try}
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
	return nil
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

// wordInputs lays out sentences as EncodeWords takes them; then what these are to become but for their rows.
func (m *Model) wordInputs(sentences []align.Sentence) ([]engine.Array, []Text, error) {
	n, longest := len(sentences), 1
	all, texts := make([]said, n), make([]Text, n)
	for i, s := range sentences {
		var err error
		if all[i], err = m.readText(s); err != nil {
			return nil, nil, err
		}
		texts[i] = all[i].text
		longest = max(longest, len(texts[i].Words)-1)
	}
	length := 1 + min(align.Bucket(longest), m.Config.Words)
	there := make([]float32, n*length)
	for i, text := range texts {
		for p := range text.Words {
			there[i*length+p] = 1
		}
	}
	mask := engine.Floats(there, n, length)
	if m.Config.Pieces > 0 {
		pieces := make([]int32, n*length)
		for i, s := range all {
			copy(pieces[i*length:], s.pieces)
		}
		return []engine.Array{engine.Ints(pieces, n, length), mask}, texts, nil
	}
	var words []sightline.Matrix
	vectors := make([]float32, 0, n*m.Config.Sentence)
	for _, s := range all {
		words, vectors = append(words, s.words), append(vectors, s.vector...)
	}
	features, _ := pad(words, m.Config.Words)
	return []engine.Array{engine.Floats(vectors, n, 1, m.Config.Sentence), features, mask}, texts, nil
}

// weightInputs lays out what rows of texts weigh [A, n].
func weightInputs(texts []Text, length int) engine.Array {
	weights := make([]float32, len(texts)*length)
	for i, text := range texts {
		copy(weights[i*length:(i+1)*length], text.Weights)
	}
	return engine.Floats(weights, len(texts), length)
}
