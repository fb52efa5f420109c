package feature

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"unicode/utf8"

	"sightline"
	"sightline/internal/half"
)

// A feature file, little-endian:
//
//	8 bytes  magic
//	4        version
//	4        length n of the header
//	n        header: JSON {"video", "stream", "space"}, padded with spaces to end at a multiple of 64
//	2·T·D    rows, float16, row by row
//	0–7      zeros, up to a multiple of 8
//	16·T     spans, two float64 a row: start, end in seconds
//	8        T
//	8        D
//	4        CRC-32C of everything above
//	4        end mark
//
// The shape stands at the end so that a file can be written row by row while a video is decoded.
//
// Version history:
//
//	1  the layout above
const (
	magic     = "\x93SLFEAT\n"
	endMark   = "LEFS"
	version   = 1
	startSize = 16 // magic, version, header length
	tailSize  = 24 // shape, checksum, end mark

	maxHeader = 1 << 20
	maxShape  = 1 << 40 // keeps products of the shape inside an int64
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

type headerJSON struct {
	Video  string          `json:"video"`
	Stream Stream          `json:"stream"`
	Space  sightline.Space `json:"space"`
}

// appendStart appends everything that stands before the rows.
func appendStart(b []byte, h Header) ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	if !utf8.ValidString(h.VideoID) {
		return nil, fmt.Errorf("video id %q is not UTF-8", h.VideoID)
	}
	text, err := json.Marshal(headerJSON{h.VideoID, h.Stream, h.Space})
	if err != nil {
		return nil, err
	}
	for (startSize+len(text))%64 != 0 {
		text = append(text, ' ')
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("video id and space take %d bytes, more than %d", len(text), maxHeader)
	}
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	return append(b, text...), nil
}

// appendRow appends one row as float16; row is its number, for the error.
func appendRow(b []byte, values []float32, row int) ([]byte, error) {
	for j, v := range values {
		bits, ok := half.Narrow(v)
		if !ok {
			return b, fmt.Errorf("value %d of row %d is %v, which float16 cannot hold", j, row, v)
		}
		b = binary.LittleEndian.AppendUint16(b, bits)
	}
	return b, nil
}

// appendTail appends what follows the rows of a file that has come to offset bytes, up to the checksum.
func appendTail(b []byte, offset int64, spans []sightline.Span, dim int) []byte {
	for ; offset%8 != 0; offset++ {
		b = append(b, 0)
	}
	for _, span := range spans {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(span.Start))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(span.End))
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(len(spans)))
	return binary.LittleEndian.AppendUint64(b, uint64(dim))
}

// appendEnd appends the checksum and the end mark.
func appendEnd(b []byte, sum uint32) []byte {
	b = binary.LittleEndian.AppendUint32(b, sum)
	return append(b, endMark...)
}

// contents is a parsed file; rows stays in the bytes it was parsed from.
type contents struct {
	header Header
	spans  []sightline.Span
	dim    int
	rows   []byte // float16, [len(spans), dim]
}

var (
	errNotFeatures = errors.New("not a feature file (wrong magic string)")
	errCutOff      = errors.New("the file is cut off: its end mark is missing")
)

// newerError is met when the file was written by a program that knows a later format.
type newerError uint32

func (v newerError) Error() string {
	return fmt.Sprintf("format version %d is newer than %d, the latest this program knows", uint32(v), version)
}

// parse checks every byte of a file and returns what it says.
func parse(data []byte) (contents, error) {
	var c contents
	if len(data) < startSize || string(data[:len(magic)]) != magic {
		return c, errNotFeatures
	}
	if v := binary.LittleEndian.Uint32(data[8:]); v > version {
		return c, newerError(v)
	} else if v == 0 {
		return c, errors.New("format version 0 does not exist")
	}
	if len(data) < startSize+tailSize || string(data[len(data)-len(endMark):]) != endMark {
		return c, errCutOff
	}
	body := data[:len(data)-8]
	if want, got := binary.LittleEndian.Uint32(data[len(body):]), checksum(body); got != want {
		return c, fmt.Errorf("the checksum is %08x, the file says %08x: the file is damaged", got, want)
	}
	n := int64(binary.LittleEndian.Uint32(data[12:]))
	if n > maxHeader || startSize+n > int64(len(data)-tailSize) {
		return c, fmt.Errorf("a header of %d bytes does not fit the file", n)
	}
	var h headerJSON
	if err := json.Unmarshal(data[startSize:startSize+n], &h); err != nil {
		return c, fmt.Errorf("header: %w", err)
	}
	c.header = Header{VideoID: h.Video, Stream: h.Stream, Space: h.Space}
	if err := c.header.check(); err != nil {
		return c, err
	}
	return c, c.parseRows(data[startSize+n:len(data)-8], startSize+n)
}

// parseRows reads the part that starts with the rows, at offset in the file, and ends with the shape.
func (c *contents) parseRows(b []byte, offset int64) error {
	shape := b[len(b)-16:]
	rows, dim := binary.LittleEndian.Uint64(shape), binary.LittleEndian.Uint64(shape[8:])
	if rows == 0 || dim == 0 || rows > maxShape || dim > maxShape/rows {
		return fmt.Errorf("shape [%d, %d] is not plausible", rows, dim)
	}
	values := int64(2 * rows * dim)
	padding := -(offset + values) & 7
	if want := values + padding + int64(16*rows) + 16; want != int64(len(b)) {
		return fmt.Errorf("%d bytes of rows and spans do not fit the shape [%d, %d]", len(b), rows, dim)
	}
	c.dim = int(dim)
	c.rows = b[:values]
	c.spans = make([]sightline.Span, rows)
	spans := b[values+padding:]
	for i := range c.spans {
		c.spans[i].Start = math.Float64frombits(binary.LittleEndian.Uint64(spans[16*i:]))
		c.spans[i].End = math.Float64frombits(binary.LittleEndian.Uint64(spans[16*i+8:]))
	}
	if err := checkSpans(c.spans, math.Inf(-1), 0); err != nil {
		return err
	}
	return checkFinite(c.rows, c.dim)
}

// checkFinite returns an error that names the first of the stored values that is NaN or infinite.
func checkFinite(rows []byte, dim int) error {
	const exponent = 0x7c // of the high byte; all ones means no finite value
	for k := 1; k < len(rows); k += 2 {
		if rows[k]&exponent == exponent {
			return fmt.Errorf("value %d of row %d is not finite", k/2%dim, k/2/dim)
		}
	}
	return nil
}
