package dataset

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"sightline"
)

// maxRow bounds the bytes of one line of JSONL or one record of CSV.
const maxRow = 1 << 20

// row is one line of a file as written, before videos are looked up.
type row struct {
	line     int
	id       string
	video    string
	captions []string
	span     sightline.Span
	duration float64
	kind     string
	split    string
}

// rowError is what is wrong with one line. A fatal one makes the rest of the file unreadable.
type rowError struct {
	line  int
	err   error
	fatal bool
}

func (e *rowError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *rowError) Unwrap() error { return e.err }

// rowsOf reads the rows of a file; the name's extension says whether it is JSONL (.jsonl, .ndjson, .json) or CSV (.csv,
// .tsv). A row that makes no sense comes with its error and an otherwise useless row; after a fatal error nothing follows.
func rowsOf(name string, r io.Reader) (iter.Seq2[row, *rowError], error) {
	in := bufio.NewReaderSize(r, 64<<10)
	start, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if err := skipMark(in, start); err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jsonl", ".ndjson", ".json":
		return jsonRows(in), nil
	case ".csv", ".tsv":
		return csvRows(in), nil
	}
	return nil, fmt.Errorf("the name ends in %q, neither .jsonl nor .csv", filepath.Ext(name))
}

// skipMark passes over a byte order mark of UTF-8; start is how the text begins. UTF-16 is an error.
func skipMark(in *bufio.Reader, start []byte) error {
	switch {
	case bytes.HasPrefix(start, []byte{0xEF, 0xBB, 0xBF}):
		_, err := in.Discard(3)
		return err
	case bytes.HasPrefix(start, []byte{0xFF, 0xFE}), bytes.HasPrefix(start, []byte{0xFE, 0xFF}):
		return errors.New("the file is encoded in UTF-16, not UTF-8")
	case len(start) >= 2 && (start[0] == 0) != (start[1] == 0):
		return errors.New("the file has NUL bytes: UTF-16 without a byte order mark, or no text")
	}
	return nil
}

// jsonRow is a line of JSONL. Unknown fields are ignored.
type jsonRow struct {
	ID       any      `json:"id"` // a string or a number
	Video    string   `json:"video"`
	Caption  *string  `json:"caption"`
	Captions []string `json:"captions"`
	Start    *float64 `json:"start"`
	End      *float64 `json:"end"`
	Duration float64  `json:"duration"`
	Kind     string   `json:"kind"`
	Split    string   `json:"split"`
}

func jsonRows(in *bufio.Reader) iter.Seq2[row, *rowError] {
	return func(yield func(row, *rowError) bool) {
		for line := 1; ; line++ {
			text, err := readLine(in)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(row{}, &rowError{line, err, true})
				return
			}
			text = bytes.TrimSpace(text)
			if len(text) == 0 {
				continue
			}
			r, err := parseJSON(text)
			r.line = line
			if err != nil {
				if !yield(r, &rowError{line, err, false}) {
					return
				}
			} else if !yield(r, nil) {
				return
			}
		}
	}
}

// readLine returns the next line without its end, in memory bounded by maxRow; io.EOF when there is none.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxRow {
			return nil, fmt.Errorf("longer than %d bytes", maxRow)
		}
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case err == io.EOF && len(line) > 0:
			return line, nil
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}

func parseJSON(text []byte) (row, error) {
	if !utf8.Valid(text) {
		return row{}, errNotUTF8
	}
	var j jsonRow
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&j); err != nil {
		if text[0] == '[' {
			return row{}, errors.New("a JSON array; every line must be one object")
		}
		return row{}, fmt.Errorf("not a JSON object of pairs: %w", err)
	}
	if decoder.More() {
		return row{}, errors.New("more text after the JSON object")
	}
	r := row{video: j.Video, duration: j.Duration, kind: j.Kind, split: j.Split}
	switch id := j.ID.(type) {
	case nil:
	case string:
		r.id = id
	case json.Number:
		r.id = id.String()
	default:
		return r, errors.New("id is neither a string nor a number")
	}
	switch {
	case j.Caption != nil && j.Captions != nil:
		return r, errors.New("both caption and captions are given")
	case j.Caption != nil:
		r.captions = []string{*j.Caption}
	case j.Captions != nil:
		r.captions = j.Captions
	default:
		return r, errors.New("no caption")
	}
	if (j.Start == nil) != (j.End == nil) {
		return r, errors.New("start and end must be given together")
	}
	if j.Start != nil {
		r.span = sightline.Span{Start: *j.Start, End: *j.End}
	}
	return r, r.valid()
}

var (
	errNotUTF8 = errors.New("the text is not UTF-8")
	errEmpty   = errors.New("the caption is empty")
)

// valid checks what both formats must keep, and trims the captions.
func (r *row) valid() error {
	r.id, r.video, r.kind, r.split = strings.TrimSpace(r.id), strings.TrimSpace(r.video), strings.TrimSpace(r.kind), strings.TrimSpace(r.split)
	if r.id == "" {
		r.id = r.video
	}
	if r.id == "" {
		return errors.New("neither video nor id is given")
	}
	if strings.ContainsRune(r.video, 0) {
		return errors.New("the video's name has a NUL byte")
	}
	if len(r.captions) == 0 {
		return errors.New("no caption")
	}
	for i, c := range r.captions {
		r.captions[i] = strings.TrimSpace(c)
		if r.captions[i] == "" {
			return errEmpty
		}
	}
	for _, v := range []float64{r.span.Start, r.span.End, r.duration} {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return fmt.Errorf("start, end and duration must be 0 or more seconds, not %v", v)
		}
	}
	if r.span != (sightline.Span{}) && r.span.End <= r.span.Start {
		return fmt.Errorf("the span ends at %v s, not after its start at %v s", r.span.End, r.span.Start)
	}
	return nil
}

// columns a CSV header may name.
var columns = []string{"id", "video", "caption", "start", "end", "duration", "kind", "split"}

func csvRows(in *bufio.Reader) iter.Seq2[row, *rowError] {
	return func(yield func(row, *rowError) bool) {
		bounded := &boundedReader{in: in}
		c := csv.NewReader(bounded)
		c.Comma = separator(in)
		c.FieldsPerRecord = -1
		c.ReuseRecord = true
		header, err := c.Read()
		if err == io.EOF {
			return
		}
		if err != nil {
			yield(row{}, csvError(err, 0))
			return
		}
		place := map[string]int{}
		for i, name := range header {
			name = strings.ToLower(strings.TrimSpace(name))
			if _, twice := place[name]; twice && slices.Contains(columns, name) {
				yield(row{}, &rowError{1, fmt.Errorf("column %q appears twice", name), true})
				return
			}
			place[name] = i
		}
		_, hasID := place["id"]
		_, hasVideo := place["video"]
		if _, ok := place["caption"]; !ok || !hasID && !hasVideo {
			yield(row{}, &rowError{1, fmt.Errorf("the first line must name the columns, video (or id) and caption among them; it has %q", header), true})
			return
		}
		width, line := len(header), 1
		for {
			bounded.since = 0
			record, err := c.Read()
			if err == io.EOF {
				return
			}
			if err != nil {
				problem := csvError(err, line)
				if !yield(row{}, problem) || problem.fatal {
					return
				}
				continue
			}
			line, _ = c.FieldPos(0)
			r, err := parseRecord(record, width, place)
			r.line = line
			if err != nil {
				if !yield(r, &rowError{line, err, false}) {
					return
				}
			} else if !yield(r, nil) {
				return
			}
		}
	}
}

// separator guesses from the header whether fields are parted by commas, semicolons or tabs, as spreadsheets do.
func separator(in *bufio.Reader) rune {
	start, _ := in.Peek(4096)
	if end := bytes.IndexByte(start, '\n'); end >= 0 {
		start = start[:end]
	}
	best, most := ',', bytes.Count(start, []byte{','})
	for _, s := range []rune{';', '\t'} {
		if n := bytes.Count(start, []byte(string(s))); n > most {
			best, most = s, n
		}
	}
	return best
}

// csvError places an error of the CSV reader; last is the line of the record before it. After a misplaced quote the reader
// goes on with the next line.
func csvError(err error, last int) *rowError {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return &rowError{parse.StartLine, parse.Err, false}
	}
	return &rowError{last + 1, err, true}
}

func parseRecord(record []string, width int, place map[string]int) (row, error) {
	if len(record) != width {
		return row{}, fmt.Errorf("%d fields, the header has %d", len(record), width)
	}
	field := func(name string) string {
		if i, ok := place[name]; ok {
			return strings.Clone(record[i])
		}
		return ""
	}
	for _, text := range record {
		if !utf8.ValidString(text) {
			return row{}, errNotUTF8
		}
	}
	r := row{
		id: field("id"), video: field("video"), captions: []string{field("caption")},
		kind: field("kind"), split: field("split"),
	}
	start, end := strings.TrimSpace(field("start")), strings.TrimSpace(field("end"))
	if (start == "") != (end == "") {
		return r, errors.New("start and end must be given together")
	}
	for _, number := range []struct {
		name string
		to   *float64
	}{{"start", &r.span.Start}, {"end", &r.span.End}, {"duration", &r.duration}} {
		text := strings.TrimSpace(field(number.name))
		if text == "" {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return r, fmt.Errorf("%s is %q, not a number of seconds", number.name, text)
		}
		*number.to = v
	}
	return r, r.valid()
}

// boundedReader refuses to read on when one record has taken more than maxRow bytes: a quote that is never closed would
// else swallow the file.
type boundedReader struct {
	in    io.Reader
	since int
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.since > maxRow {
		return 0, fmt.Errorf("a record longer than %d bytes; is a quote left open?", maxRow)
	}
	n, err := b.in.Read(p[:min(len(p), 4096)])
	b.since += n
	return n, err
}
