package feature

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"

	"sightline"
	"sightline/internal/atomicfile"
)

// Writer writes a feature file row by row. The file appears under its name on Finish, whole, and not before.
type Writer struct {
	path   string
	file   *atomicfile.File
	buffer *bufio.Writer
	sum    uint32
	size   int64
	spans  []sightline.Span
	dim    int
	line   []byte // the row being encoded
	err    error  // the first failure; the file cannot be finished after it
}

// Create starts the feature file path, whose folder must exist. The caller ends it with Finish or Discard.
func Create(path string, h Header) (*Writer, error) {
	start, err := appendStart(nil, h)
	if err != nil {
		return nil, writeError(path, err)
	}
	file, err := atomicfile.Create(path)
	if err != nil {
		return nil, writeError(path, err)
	}
	w := &Writer{path: path, file: file, buffer: bufio.NewWriterSize(file, 1<<16)}
	w.write(start)
	return w, nil
}

func writeError(path string, err error) error {
	e := &sightline.Error{Kind: sightline.Failed, What: fmt.Sprintf("write features %s", path), Err: err}
	var system *os.PathError
	if errors.As(err, &system) {
		e.Try = "check that the folder exists, may be written and has space left"
	}
	return e
}

// write passes bytes on and keeps the checksum and the first error.
func (w *Writer) write(b []byte) {
	if w.err != nil {
		return
	}
	w.sum = crc32.Update(w.sum, castagnoli, b)
	w.size += int64(len(b))
	_, w.err = w.buffer.Write(b)
}

// Append writes rows, [n, D], that stand for the times spans. D is that of the first call. NaN, infinities, values beyond
// float16 and spans out of order are refused; after an error the file can only be discarded.
func (w *Writer) Append(spans []sightline.Span, rows sightline.Matrix) error {
	if w.err == nil {
		w.err = w.append(spans, rows)
	}
	if w.err != nil {
		return writeError(w.path, w.err)
	}
	return nil
}

func (w *Writer) append(spans []sightline.Span, rows sightline.Matrix) error {
	if len(spans) != rows.Rows || len(rows.Data) != rows.Rows*rows.Cols {
		return fmt.Errorf("%d spans and %d values for rows of shape [%d, %d]", len(spans), len(rows.Data), rows.Rows, rows.Cols)
	}
	if rows.Rows == 0 {
		return nil
	}
	if w.dim == 0 {
		w.dim = rows.Cols
	}
	if rows.Cols != w.dim || w.dim == 0 {
		return fmt.Errorf("rows of width %d after rows of width %d", rows.Cols, w.dim)
	}
	since := math.Inf(-1)
	if n := len(w.spans); n > 0 {
		since = w.spans[n-1].Start
	}
	if err := checkSpans(spans, since, len(w.spans)); err != nil {
		return err
	}
	for i, span := range spans {
		var err error
		if w.line, err = appendRow(w.line[:0], rows.Row(i), len(w.spans)); err != nil {
			return err
		}
		w.write(w.line)
		w.spans = append(w.spans, span)
	}
	return w.err
}

// Len returns the number of rows written so far.
func (w *Writer) Len() int { return len(w.spans) }

// Finish completes the file and gives it its name. A file without a row is refused.
func (w *Writer) Finish() error {
	defer w.Discard()
	if w.err == nil && len(w.spans) == 0 {
		w.err = errors.New("there is no row to store")
	}
	w.write(appendTail(nil, w.size, w.spans, w.dim))
	w.write(appendEnd(nil, w.sum))
	if w.err == nil {
		w.err = w.buffer.Flush()
	}
	if w.err == nil {
		w.err = w.file.Commit()
	}
	if w.err != nil {
		return writeError(w.path, w.err)
	}
	w.err = os.ErrClosed
	return nil
}

// Discard drops a file that was not finished; after Finish it does nothing, so it can be deferred.
func (w *Writer) Discard() { w.file.Discard() }

// Write writes f as the feature file path, whose folder must exist.
func Write(path string, f Features) error {
	if err := f.Check(); err != nil {
		return writeError(path, err)
	}
	w, err := Create(path, f.Header)
	if err != nil {
		return err
	}
	defer w.Discard()
	if err := w.Append(f.Spans, f.Rows); err != nil {
		return err
	}
	return w.Finish()
}
