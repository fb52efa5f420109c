// Package feature keeps what an encoder saw: one immutable file for every (video, stream, space), holding a matrix of
// feature vectors and the stretch of time that each row stands for. It stands between encoder, which makes the rows, and
// align, train and search, which read them; library decides what is encoded.
//
// Start at Store, the folder layout, or at Write and Open for a single file; Create writes a long video row by row.
// ReadArray, ImportFolder and Export exchange features with Python as .npy and .npz files.
//
// Values are stored as float16: rounding moves a value by at most 2⁻¹¹ of its size (below 6·10⁻⁵, by at most 3·10⁻⁸).
// Values that float16 cannot hold, NaN and infinities are refused, and so are features without a row: a file that opens
// can be used. Nothing here normalises or resamples.
package feature

import (
	"errors"
	"fmt"
	"math"

	"sightline"
)

// Stream says what the rows of a file were made from.
type Stream string

// The streams of a video.
const (
	Frame    Stream = "frame"    // a row is one sampled picture
	Clip     Stream = "clip"     // a row is a fixed stretch of pictures, as I3D and SlowFast make
	Subtitle Stream = "subtitle" // a row is what was said or written meanwhile
)

func (s Stream) check() error {
	switch s {
	case Frame, Clip, Subtitle:
		return nil
	}
	return fmt.Errorf("stream %q is none of frame, clip, subtitle", string(s))
}

// Header says what features are of, without the features.
type Header struct {
	VideoID string
	Stream  Stream
	Space   sightline.Space
}

func (h Header) check() error {
	if h.VideoID == "" {
		return errors.New("video id is empty")
	}
	return h.Stream.check()
}

// Features is one stream of one video in one space. Row i of Rows, [T, D], stands for the time Spans[i]; rows are in
// order of their start.
type Features struct {
	Header
	Spans []sightline.Span
	Rows  sightline.Matrix
}

// Check returns an error that names what makes the features unfit to be stored or used.
func (f Features) Check() error {
	if err := f.Header.check(); err != nil {
		return err
	}
	if f.Rows.Rows == 0 || f.Rows.Cols == 0 {
		return fmt.Errorf("features of shape [%d, %d] hold no row", f.Rows.Rows, f.Rows.Cols)
	}
	if len(f.Rows.Data) != f.Rows.Rows*f.Rows.Cols {
		return fmt.Errorf("features of shape [%d, %d] hold %d values", f.Rows.Rows, f.Rows.Cols, len(f.Rows.Data))
	}
	if len(f.Spans) != f.Rows.Rows {
		return fmt.Errorf("%d spans for %d rows", len(f.Spans), f.Rows.Rows)
	}
	if err := checkSpans(f.Spans, math.Inf(-1), 0); err != nil {
		return err
	}
	return f.Rows.Finite()
}

// checkSpans checks the spans of the rows from number first on; none may start before since.
func checkSpans(spans []sightline.Span, since float64, first int) error {
	for i, span := range spans {
		finite := !math.IsNaN(span.Start-span.End) && !math.IsInf(span.Start-span.End, 0)
		if !finite || span.End <= span.Start {
			return fmt.Errorf("row %d covers the time [%v, %v), which is no stretch", first+i, span.Start, span.End)
		}
		if span.Start < since {
			return fmt.Errorf("row %d starts at %v s, before the row above it (%v s)", first+i, span.Start, since)
		}
		since = span.Start
	}
	return nil
}

// Span returns the time from the start of the first row to the last end of any.
func (f Features) Span() sightline.Span {
	span := f.Spans[0]
	for _, s := range f.Spans[1:] {
		span.End = max(span.End, s.End)
	}
	return span
}

// Slice returns rows i up to but not including j; they share memory with f.
func (f Features) Slice(i, j int) Features {
	d := f.Rows.Cols
	return Features{
		Header: f.Header,
		Spans:  f.Spans[i:j:j],
		Rows:   sightline.Matrix{Rows: j - i, Cols: d, Data: f.Rows.Data[i*d : j*d : j*d]},
	}
}

// Within returns the rows that lie inside a span, to the microsecond; none when there are none.
func (f Features) Within(span sightline.Span) Features {
	const near = 1e-6
	from := 0
	for from < len(f.Spans) && f.Spans[from].Start < span.Start-near {
		from++
	}
	to := from
	for to < len(f.Spans) && f.Spans[to].End <= span.End+near {
		to++
	}
	return f.Slice(from, to)
}

// Windows cuts the rows into stretches of size rows, each sharing overlap rows with the one before it: the unit of
// retrieval in an archive. The last window holds what is left, always more than overlap rows unless there are not more
// in all; every row is in at least one window. It panics unless 0 ≤ overlap < size.
func (f Features) Windows(size, overlap int) []Features {
	if overlap < 0 || overlap >= size {
		panic(fmt.Sprintf("feature: windows of %d rows cannot overlap by %d", size, overlap))
	}
	var windows []Features
	for start := 0; ; start += size - overlap {
		end := min(start+size, f.Rows.Rows)
		windows = append(windows, f.Slice(start, end))
		if end == f.Rows.Rows {
			return windows
		}
	}
}
