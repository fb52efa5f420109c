package align

import (
	"context"

	"sightline"
	"sightline/encoder"
)

// ReadWords gives sentences the vectors of their words.
func ReadWords(ctx context.Context, words encoder.WordEncoder, sentences []Sentence) error {
	texts := make([]string, len(sentences))
	for i, sentence := range sentences {
		texts[i] = sentence.Text
	}
	all, err := words.EncodeWords(ctx, texts)
	if err != nil {
		return err
	}
	for i, tokens := range all {
		sentences[i].Tokens, sentences[i].Read, sentences[i].Offsets = tokens.Vectors, tokens.Text, tokens.Offsets
	}
	return nil
}

// Speech returns subtitle rows [T, D] beside rows that stand for the given spans: for each span the maximum, component by
// component, over the vectors of all words of the cues that are spoken during it, and zero where nobody speaks (the clip
// features of TVR: Lei et al., 2020, section 5.1). Without a cue inside the spans it is the zero Matrix: the video has no
// subtitles. Cues may overlap.
func Speech(ctx context.Context, words encoder.WordEncoder, spans []sightline.Span, cues []sightline.Cue) (sightline.Matrix, error) {
	if len(cues) == 0 {
		return sightline.Matrix{}, nil
	}
	lines := make([]string, len(cues))
	for i, cue := range cues {
		lines[i] = cue.Text
	}
	all, err := words.EncodeWords(ctx, lines)
	if err != nil {
		return sightline.Matrix{}, err
	}
	tokens := make([]sightline.Matrix, len(all))
	for i := range all {
		tokens[i] = all[i].Vectors
	}
	return speech(spans, cues, tokens), nil
}

// speech does the pooling of Speech; tokens[i] [L, D] belong to cues[i].
func speech(spans []sightline.Span, cues []sightline.Cue, tokens []sightline.Matrix) sightline.Matrix {
	var rows sightline.Matrix
	spoken := make([]bool, len(spans))
	for i, cue := range cues {
		for t, span := range spans {
			if span.Intersect(cue.Span) <= 0 {
				continue
			}
			if rows.Rows == 0 {
				rows = sightline.NewMatrix(len(spans), tokens[i].Cols)
			}
			row := rows.Row(t)
			for l := range tokens[i].Rows {
				for d, v := range tokens[i].Row(l) {
					if !spoken[t] || v > row[d] {
						row[d] = v
					}
				}
				spoken[t] = true
			}
		}
	}
	return rows
}
