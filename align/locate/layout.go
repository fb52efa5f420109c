package locate

import (
	"fmt"
	"math"
	"math/rand/v2"

	"sightline"
	"sightline/align"
	"sightline/engine"
)

// sequence is a video as it is laid out for the encoders: rows of both modalities, clip by clip.
type sequence struct {
	id    string
	rows  [Modalities]sightline.Matrix // [L, width]; subtitles zero where there are none
	spans []sightline.Span             // L
}

// read checks a video against the config and pools it where that is asked for.
func (c Config) read(v align.Video) (sequence, error) {
	fail := func(try, format string, args ...any) (sequence, error) {
		return sequence{}, &sightline.Error{Kind: sightline.Failed, What: "lay out video " + v.ID, Err: fmt.Errorf(format, args...), Try: try}
	}
	n := v.Features.Rows
	switch {
	case n == 0:
		return fail("encode its frames first", "it has no features")
	case v.Features.Cols != c.Video:
		return fail("use the encoder that the model was trained on", "picture features are %d wide, the model takes %d", v.Features.Cols, c.Video)
	case len(v.Spans) != n:
		return fail("", "%d clips have %d stretches of time", n, len(v.Spans))
	}
	s := sequence{id: v.ID, spans: v.Spans}
	s.rows[Visual] = v.Features
	if c.Subtitle > 0 && v.Subtitle.Rows > 0 {
		switch {
		case v.Subtitle.Cols != c.Subtitle:
			return fail("use the encoder that the model was trained on", "subtitle features are %d wide, the model takes %d", v.Subtitle.Cols, c.Subtitle)
		case v.Subtitle.Rows != n:
			return fail("join subtitles and clips by time first", "it has %d clips and %d rows of subtitles", n, v.Subtitle.Rows)
		}
		s.rows[Subtitle] = v.Subtitle
	}
	for _, rows := range s.rows {
		if err := rows.Finite(); err != nil {
			return fail("encode it again", "%w", err)
		}
	}
	if n > c.Clips && (c.Pool || c.Parity) {
		for m := range s.rows {
			s.rows[m] = pool(s.rows[m], c.Clips)
		}
		bounds := bins(n, c.Clips)
		spans := make([]sightline.Span, c.Clips)
		for i := range spans {
			last := max(bounds[i], bounds[i+1]-1)
			spans[i] = sightline.Span{Start: v.Spans[bounds[i]].Start, End: v.Spans[last].End}
		}
		s.spans = spans
	}
	return s, nil
}

// cut returns clips [from, to).
func (s sequence) cut(from, to int) sequence {
	part := sequence{id: s.id, spans: s.spans[from:to]}
	for m, rows := range s.rows {
		if rows.Rows > 0 {
			part.rows[m] = sightline.Matrix{Rows: to - from, Cols: rows.Cols, Data: rows.Data[from*rows.Cols : to*rows.Cols]}
		}
	}
	return part
}

// bins returns where each of count bins over n rows starts, and last where they end: min(round(i·n/count), n−1), halves to
// even. The last row is in no bin, as in the official code, unless its bin would be empty.
func bins(n, count int) []int {
	bounds := make([]int, count+1)
	for i := range bounds {
		bounds[i] = min(int(math.RoundToEven(float64(i)/float64(count)*float64(n))), n-1)
	}
	return bounds
}

// pool averages the rows of each of limit bins; an empty bin takes the row it starts at. What has no more rows than limit stays
// as it is.
func pool(m sightline.Matrix, limit int) sightline.Matrix {
	if m.Rows <= limit {
		return m
	}
	pooled, bounds := sightline.NewMatrix(limit, m.Cols), bins(m.Rows, limit)
	for i := range limit {
		from, to := bounds[i], max(bounds[i]+1, bounds[i+1])
		for d := range m.Cols {
			var sum float64
			for r := from; r < to; r++ {
				sum += float64(m.At(r, d))
			}
			pooled.Row(i)[d] = float32(sum / float64(to-from))
		}
	}
	return pooled
}

// unit divides a row by its length plus 1e-5, as the official code does.
func unit(row []float32) {
	var square float64
	for _, v := range row {
		square += float64(v) * float64(v)
	}
	length := float32(math.Sqrt(square) + 1e-5)
	for d := range row {
		row[d] /= length
	}
}

// clipInputs lays sequences out for the encoders: picture features [N, L, width] and mask [N, L], and where the model takes
// subtitles their features [N, L, width] and who has them [N]. L is the longest sequence's, rounded up so that few shapes
// occur.
func (c Config) clipInputs(videos []sequence) []engine.Array {
	length := 1
	for _, v := range videos {
		length = max(length, len(v.spans))
	}
	length = min(align.Bucket(length), c.Clips)
	if c.Parity {
		length = c.Clips
	}
	n, widths := len(videos), c.widths()
	mask, spoken := make([]float32, n*length), make([]float32, n)
	var features [Modalities][]float32
	for m, width := range widths {
		features[m] = make([]float32, n*length*width)
	}
	for i, v := range videos {
		clips := len(v.spans)
		for l := range clips {
			mask[i*length+l] = 1
		}
		if v.rows[Subtitle].Rows > 0 {
			spoken[i] = 1
		}
		for m, rows := range v.rows {
			for l := range rows.Rows {
				at := (i*length + l) * widths[m]
				row := features[m][at : at+widths[m]]
				copy(row, rows.Row(l))
				if m == Visual && c.NormalizeVideo || m == Subtitle && c.NormalizeText {
					unit(row[:rows.Cols])
				}
				if c.Ends {
					row[rows.Cols], row[rows.Cols+1] = float32(l)/float32(clips), float32(l+1)/float32(clips)
				}
			}
		}
	}
	inputs := []engine.Array{engine.Floats(features[Visual], n, length, widths[Visual]), engine.Floats(mask, n, length)}
	if c.Subtitle > 0 {
		inputs = append(inputs, engine.Floats(features[Subtitle], n, length, widths[Subtitle]), engine.Floats(spoken, n))
	}
	return inputs
}

// wordInputs lays sentences out: word features [A, W, Dt] and mask [A, W].
func (c Config) wordInputs(texts []align.Sentence) ([]engine.Array, error) {
	length := 1
	for _, text := range texts {
		fail := func(try, format string, args ...any) ([]engine.Array, error) {
			return nil, &sightline.Error{Kind: sightline.Failed, What: fmt.Sprintf("lay out the text %q", text.Text), Err: fmt.Errorf(format, args...), Try: try}
		}
		switch {
		case text.Tokens.Rows == 0:
			return fail("use a text encoder that gives word features", "it has no word features")
		case text.Tokens.Cols != c.Text:
			return fail("use the encoder that the model was trained on", "word features are %d wide, the model takes %d", text.Tokens.Cols, c.Text)
		}
		if err := text.Tokens.Finite(); err != nil {
			return fail("encode it again", "%w", err)
		}
		length = max(length, text.Tokens.Rows)
	}
	length = min(align.Bucket(length), c.Words)
	data, mask := make([]float32, len(texts)*length*c.Text), make([]float32, len(texts)*length)
	for i, text := range texts {
		for l := range min(length, text.Tokens.Rows) {
			row := data[(i*length+l)*c.Text : (i*length+l+1)*c.Text]
			copy(row, text.Tokens.Row(l))
			if c.NormalizeText {
				unit(row)
			}
			mask[i*length+l] = 1
		}
	}
	return []engine.Array{engine.Floats(data, len(texts), length, c.Text), engine.Floats(mask, len(texts), length)}, nil
}

// window is a stretch of clips that is looked at together, and those of them that are kept.
type window struct{ from, to, keepFrom, keepTo int }

// windows covers n clips with stretches of at most size that overlap by half. Every clip is kept once, from the stretch in
// which it lies furthest from an end.
func windows(n, size int) []window {
	if n <= size {
		return []window{{0, n, 0, n}}
	}
	stride := max(1, size/2)
	var all []window
	for from, kept := 0, 0; kept < n; from += stride {
		from = min(from, n-size)
		w := window{from, from + size, kept, from + size - (size-stride)/2}
		if w.to == n {
			w.keepTo = n
		}
		all, kept = append(all, w), w.keepTo
	}
	return all
}

// labels are where a moment lies among L clips: it starts in clip start, and end is the first clip that starts no earlier than
// it ends, or the last clip (the official labels).
type labels struct{ start, end int }

// label finds a moment among the clips of a video.
func (s sequence) label(moment sightline.Span) (labels, error) {
	if !(moment.End > moment.Start) || math.IsInf(moment.End-moment.Start, 0) {
		return labels{}, fmt.Errorf("the moment %g–%g of video %s is no stretch of time", moment.Start, moment.End, s.id)
	}
	at := labels{0, len(s.spans) - 1}
	for i, span := range s.spans {
		if span.Start <= moment.Start {
			at.start = i
		}
	}
	for i, span := range s.spans {
		if span.Start >= moment.End {
			at.end = i
			break
		}
	}
	at.end = max(at.end, at.start)
	return at, nil
}

// around cuts a sequence of more than size clips to size of them that hold the moment, at a place left to chance.
func (s sequence) around(at labels, size int, random *rand.Rand) (sequence, labels) {
	n := len(s.spans)
	if n <= size {
		return s, at
	}
	earliest, latest := max(0, at.end-size+1), min(at.start, n-size)
	from := latest
	if earliest < latest {
		from = earliest + random.IntN(latest-earliest+1)
	}
	return s.cut(from, from+size), labels{at.start - from, min(at.end-from, size-1)}
}

// targets lays out what the loss compares with: start, end and inside [B, L], ranks [2, B].
func targets(gold []labels, length int, ranks []float32) []engine.Array {
	batch := len(gold)
	start, end, inside := make([]float32, batch*length), make([]float32, batch*length), make([]float32, batch*length)
	for i, at := range gold {
		start[i*length+at.start], end[i*length+at.end] = 1, 1
		for l := at.start; l <= at.end; l++ {
			inside[i*length+l] = 1
		}
	}
	return []engine.Array{
		engine.Floats(start, batch, length), engine.Floats(end, batch, length), engine.Floats(inside, batch, length),
		engine.Floats(ranks, 2, batch),
	}
}

// ranks draws how hard a negative each pair's video and query take [2, B], from 1: evenly among all wrong ones of the batch,
// or from epoch HardFrom on among the HardPool hardest. A pair without a wrong one has 0.
func (c Config) ranks(videos []align.Video, masked bool, epoch int, random *rand.Rand) []float32 {
	drawn := make([]float32, 0, 2*len(videos))
	for range 2 {
		for i, video := range videos {
			wrong := 0
			for j, other := range videos {
				if j != i && !(masked && other.ID == video.ID) {
					wrong++
				}
			}
			if c.HardFrom >= 0 && epoch >= c.HardFrom {
				wrong = min(wrong, c.HardPool)
			}
			rank := 0
			if wrong > 0 {
				rank = 1 + random.IntN(wrong)
			}
			drawn = append(drawn, float32(rank))
		}
	}
	return drawn
}
