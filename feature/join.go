package feature

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"sightline"
)

// Join puts several streams of one video beside each other, e.g. ResNet-152 at one frame a second with I3D or S3D at
// another rate: on the rows of the first stream, each other stream gives the mean of its rows weighted by how long they
// overlap the row's time, or where none does its nearest row in time. With normalise every stream's part of a row has
// length 1 before it is joined, so that no stream outweighs another by its scale. The result's space names all streams.
func Join(streams []Features, normalise bool) (Features, error) {
	fail := func(err error) (Features, error) { return Features{}, fmt.Errorf("join feature streams: %w", err) }
	if len(streams) == 0 {
		return fail(errors.New("there is none"))
	}
	first := streams[0]
	width := 0
	var names, hashes []string
	for _, s := range streams {
		switch {
		case s.VideoID != first.VideoID:
			return fail(fmt.Errorf("videos %q and %q are two", first.VideoID, s.VideoID))
		case s.Rows.Rows == 0:
			return fail(fmt.Errorf("stream %s of video %q has no rows", s.Space.Video, s.VideoID))
		}
		if err := s.Check(); err != nil {
			return fail(err)
		}
		width += s.Rows.Cols
		names, hashes = append(names, s.Space.Video.Name), append(hashes, s.Space.Video.Hash)
	}
	joined := Features{Header: first.Header, Spans: first.Spans, Rows: sightline.NewMatrix(first.Rows.Rows, width)}
	joined.Space.Video = sightline.ModelID{Name: strings.Join(names, "+"), Hash: strings.Join(hashes, "+")}
	for t, span := range first.Spans {
		at := 0
		for _, s := range streams {
			part := joined.Rows.Row(t)[at : at+s.Rows.Cols]
			s.during(span, part)
			if normalise {
				unit(part)
			}
			at += s.Rows.Cols
		}
	}
	return joined, nil
}

// during writes the mean of the rows that overlap a span, weighted by the overlap, or the nearest row.
func (f Features) during(span sightline.Span, into []float32) {
	var total float64
	sum := make([]float64, len(into))
	nearest, gap := 0, math.Inf(1)
	for t, own := range f.Spans {
		overlap := min(own.End, span.End) - max(own.Start, span.Start)
		if -overlap < gap {
			nearest, gap = t, -overlap
		}
		if overlap <= 0 {
			continue
		}
		total += overlap
		for d, v := range f.Rows.Row(t) {
			sum[d] += overlap * float64(v)
		}
	}
	if total == 0 {
		copy(into, f.Rows.Row(nearest))
		return
	}
	for d := range into {
		into[d] = float32(sum[d] / total)
	}
}

// unit scales a vector to length 1; zero stays zero.
func unit(v []float32) {
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	if square == 0 {
		return
	}
	for d := range v {
		v[d] = float32(float64(v[d]) / math.Sqrt(square))
	}
}
