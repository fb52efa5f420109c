package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxElement bounds the bytes of one element of a JSON document. Documents themselves may be of any size, on one line too:
// they are read element by element. What lies on the way to the elements may be nested maxDepth deep.
const (
	maxElement = 16 << 20
	maxDepth   = 1000
)

// document is a JSON file that is read piece by piece.
type document struct {
	path    string
	decoder *json.Decoder
	reader  *elementReader
}

// elementReader refuses to read on when one element has taken more than maxElement bytes, and remembers where lines end.
type elementReader struct {
	in    io.Reader
	since int     // bytes since the element began
	at    int64   // bytes in all
	ends  []int64 // where the lines end that lie ahead of line
	line  int     // the line that was asked for last
}

func (r *elementReader) Read(p []byte) (int, error) {
	if r.since > maxElement {
		return 0, fmt.Errorf("an element longer than %d bytes", maxElement)
	}
	n, err := r.in.Read(p)
	for i, c := range p[:n] {
		if c == '\n' {
			r.ends = append(r.ends, r.at+int64(i))
		}
	}
	r.since, r.at = r.since+n, r.at+int64(n)
	return n, err
}

// lineAt returns the line of an offset, which must not be before one that was asked for earlier.
func (r *elementReader) lineAt(offset int64) int {
	n := 0
	for n < len(r.ends) && r.ends[n] < offset {
		n++
	}
	r.ends, r.line = r.ends[n:], r.line+n
	return r.line
}

// readDocument opens a JSON file and calls read.
func readDocument(path string, read func(d *document) error) error {
	file, in, err := openText(path)
	if err != nil {
		return err
	}
	defer file.Close()
	reader := &elementReader{in: in, line: 1}
	return read(&document{path: path, decoder: json.NewDecoder(reader), reader: reader})
}

// fail places an error at the line that has been reached.
func (d *document) fail(err error) error {
	var known *placeError
	if errors.As(err, &known) {
		return err
	}
	offset := d.decoder.InputOffset()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = syntax.Offset
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err, offset = io.ErrUnexpectedEOF, d.reader.at
	}
	return &placeError{d.path, d.reader.lineAt(offset), err}
}

// value reads the next value and returns the line that it begins on. Bytes that are no UTF-8 are an error here, as the
// decoder would replace them in silence.
func (d *document) value(into any) (line int, err error) {
	d.reader.since = 0
	var raw json.RawMessage
	if err := d.decoder.Decode(&raw); err != nil {
		return 0, d.fail(err)
	}
	start := d.decoder.InputOffset() - int64(len(raw))
	line = d.reader.lineAt(start)
	at := func(offset int, err error) error {
		return &placeError{d.path, d.reader.lineAt(start + int64(offset)), err}
	}
	if offset, ok := notUTF8(raw); ok {
		return line, at(offset, errNotUTF8)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		offset := 0
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			offset = int(e.Offset)
		}
		return line, at(offset, err)
	}
	return line, nil
}

// notUTF8 returns where the first bytes stand that are no UTF-8.
func notUTF8(text []byte) (offset int, ok bool) {
	for offset < len(text) {
		r, size := utf8.DecodeRune(text[offset:])
		if r == utf8.RuneError && size == 1 {
			return offset, true
		}
		offset += size
	}
	return 0, false
}

// end takes the closing delimiter. Where the document ends with it, nothing may follow.
func (d *document) end(document bool) error {
	if _, err := d.decoder.Token(); err != nil {
		return d.fail(err)
	}
	if !document {
		return nil
	}
	d.reader.since = 0
	switch token, err := d.decoder.Token(); {
	case err == io.EOF:
		return nil
	case err != nil:
		return d.fail(err)
	default:
		return d.fail(fmt.Errorf("found %v behind the end of the document", token))
	}
}

// open takes the given opening delimiter.
func (d *document) open(delimiter json.Delim) error {
	token, err := d.decoder.Token()
	if err != nil {
		return d.fail(err)
	}
	if token != delimiter {
		return d.fail(fmt.Errorf("found %v where %v should be", token, delimiter))
	}
	return nil
}

// descend goes into the value of a key of the object that comes next; other values are passed over.
func (d *document) descend(key string) error {
	if err := d.open('{'); err != nil {
		return err
	}
	for d.decoder.More() {
		name, err := d.name()
		if err != nil {
			return err
		}
		if name == key {
			return nil
		}
		if err := d.skip(); err != nil {
			return err
		}
	}
	return d.fail(missingKey(key))
}

// missingKey is a key that an object should have and has not.
type missingKey string

func (k missingKey) Error() string { return fmt.Sprintf("there is no %q in it", string(k)) }

// name takes the name of the member that comes next.
func (d *document) name() (string, error) {
	d.reader.since = 0
	token, err := d.decoder.Token()
	if err != nil {
		return "", d.fail(err)
	}
	name, _ := token.(string) // the decoder takes nothing else there
	return name, nil
}

// members calls do for every member of the object that comes next, whose value do reads. Where the object is the document,
// nothing may follow it.
func (d *document) members(document bool, do func(name string) error) error {
	if err := d.open('{'); err != nil {
		return err
	}
	for d.decoder.More() {
		name, err := d.name()
		if err != nil {
			return err
		}
		if err := do(name); err != nil {
			return err
		}
	}
	return d.end(document)
}

// elements calls do for every element of the array that comes next, which do reads. Where the array is the document, nothing
// may follow it.
func (d *document) elements(document bool, do func() error) error {
	if err := d.open('['); err != nil {
		return err
	}
	for d.decoder.More() {
		if err := do(); err != nil {
			return err
		}
	}
	return d.end(document)
}

// skip passes over a value, token by token.
func (d *document) skip() error {
	for depth := 0; ; {
		d.reader.since = 0
		token, err := d.decoder.Token()
		if err != nil {
			return d.fail(err)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxDepth {
				return d.fail(fmt.Errorf("nested more than %d deep", maxDepth))
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		d.reader.lineAt(d.decoder.InputOffset()) // lets go of the line ends passed
		if depth == 0 {
			return nil
		}
	}
}

// eachElement calls do for every element of the array that is the document, or the value of its key.
func eachElement[T any](path, key string, do func(line int, element T) error) error {
	return readDocument(path, func(d *document) error {
		if key != "" {
			if err := d.descend(key); err != nil {
				return err
			}
		}
		return d.elements(key == "", func() error {
			var element T
			line, err := d.value(&element)
			if err != nil {
				return err
			}
			return do(line, element)
		})
	})
}

// eachMember calls do for every member of the object that is the document, or that lies below its keys, in the order of the
// file.
func eachMember[T any](path string, keys []string, do func(line int, name string, value T) error) error {
	return readDocument(path, func(d *document) error {
		for _, key := range keys {
			if err := d.descend(key); err != nil {
				return err
			}
		}
		return d.members(len(keys) == 0, func(name string) error {
			var value T
			line, err := d.value(&value)
			if err != nil {
				return err
			}
			return do(line, name, value)
		})
	})
}
