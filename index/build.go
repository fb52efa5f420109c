package index

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"iter"

	"sightline"
	"sightline/index/scan"
	"sightline/internal/half"
)

// rowSeq yields rows with their vectors, each good until the next; it can be run several times. The vector of a row that
// comes with its code is nil.
type rowSeq = iter.Seq2[noted, []float32]

// noted is a row with what else a segment keeps of it.
type noted struct {
	Row
	notes []float32
	code  *code // as an earlier segment has it, where the precision is Codes: coding it anew would move it
}

// code is what quantise makes of a vector.
type code struct {
	values        []int8
	scale, radius float32
}

// writeSegment writes a segment of all rows, which must be at least one and have vectors of dimension dim. It returns
// the checksum that names the content.
func writeSegment(w io.Writer, space sightline.Space, layout Layout, dim int, rows rowSeq) (sum uint32, err error) {
	if !littleEndian {
		return 0, errBigEndian
	}
	t := tabulate(layout, dim, rows)
	t.names.Space = space
	nameBytes, err := json.Marshal(t.names)
	if err != nil {
		return 0, err
	}
	h := head{dim: dim, rows: len(t.ids), nameBytes: len(nameBytes), Layout: layout}

	out := &sectionWriter{w: bufio.NewWriterSize(w, 1<<20)}
	top := h.bytes()
	out.write(top)
	out.sum = 0 // the head is no section

	coder := newCoder(layout, t.centre)
	scale, radius := make([]float32, 0, h.rows), make([]float32, 0, h.rows)
	for row, vector := range rows {
		c := row.code
		if c == nil {
			c = coder.code(vector)
		}
		scale, radius = append(scale, c.scale), append(radius, c.radius)
		out.write(bytesOf(c.values))
	}
	out.end()
	for _, vector := range rows {
		switch layout.Precision {
		case Single:
			out.write(bytesOf(vector))
		case Half:
			out.write(bytesOf(coder.narrow(vector)))
		}
	}
	out.end()
	for _, section := range [][]byte{
		bytesOf(t.centre), bytesOf(scale), bytesOf(radius), bytesOf(t.ids), bytesOf(t.spans), bytesOf(t.videoOf),
		bytesOf(t.kindOf), nameBytes, bytesOf(t.notes),
	} {
		out.write(section)
		out.end()
	}

	tail := make([]byte, endSize)
	for i, s := range out.sums {
		binary.LittleEndian.PutUint32(tail[4*i:], s)
	}
	sum = crc32.Update(crc32.Checksum(top, castagnoli), castagnoli, tail[:endSize-4])
	binary.LittleEndian.PutUint32(tail[endSize-4:], sum)
	out.write(tail)
	return sum, out.w.Flush()
}

// bytes returns the head of a file.
func (h head) bytes() []byte {
	version := uint32(segmentVersion)
	if h.Layout == (Layout{}) {
		version = 1
	}
	top := make([]byte, endSize)
	copy(top, segmentMagic)
	binary.LittleEndian.PutUint32(top[8:], version)
	binary.LittleEndian.PutUint32(top[12:], uint32(h.dim))
	binary.LittleEndian.PutUint64(top[16:], uint64(h.rows))
	binary.LittleEndian.PutUint64(top[24:], uint64(h.nameBytes))
	binary.LittleEndian.PutUint32(top[32:], uint32(h.Precision))
	binary.LittleEndian.PutUint32(top[36:], uint32(h.Notes))
	return top
}

// coder codes rows for one segment, one at a time: what it returns is good until the next.
type coder struct {
	layout Layout
	centre []float32
	last   code
	spread []float64 // scratch of quantise
	halves []uint16
	wide   []float32
}

func newCoder(layout Layout, centre []float32) *coder {
	dim, width := len(centre), scan.Width(len(centre))
	return &coder{
		layout: layout, centre: centre, last: code{values: make([]int8, width)}, spread: make([]float64, width),
		halves: make([]uint16, dim), wide: make([]float32, dim),
	}
}

// code returns the code of a vector as the segment will keep it.
func (c *coder) code(vector []float32) *code {
	if c.layout.Precision == Half {
		vector = widen(c.wide, c.narrow(vector))
	}
	c.last.scale, c.last.radius = quantise(c.last.values, vector, c.centre, c.spread)
	if c.layout.Precision == Codes {
		c.last.radius = codesRadius(c.last.values, c.last.scale)
	}
	return &c.last
}

// narrow rounds a vector whose elements checkRows let pass.
func (c *coder) narrow(vector []float32) []uint16 {
	for j, v := range vector {
		c.halves[j], _ = half.Narrow(v)
	}
	return c.halves
}

// table holds the small sections of a segment that is being written.
type table struct {
	centre          []float32
	ids             []uint64
	spans           []sightline.Span
	videoOf, kindOf []uint32
	names           names
	notes           []float32 // [Notes, rows]
}

func tabulate(layout Layout, dim int, rows rowSeq) table {
	var t table
	mean, notes := make([]float64, dim), make([][]float32, layout.Notes)
	videos, kinds := map[string]uint32{}, map[string]uint32{}
	number := func(known map[string]uint32, list *[]string, name string) uint32 {
		n, ok := known[name]
		if !ok {
			n = uint32(len(known))
			known[name] = n
			*list = append(*list, name)
		}
		return n
	}
	for row, vector := range rows {
		t.ids = append(t.ids, row.ID)
		t.spans = append(t.spans, row.Span)
		t.videoOf = append(t.videoOf, number(videos, &t.names.Videos, row.VideoID))
		t.kindOf = append(t.kindOf, number(kinds, &t.names.Kinds, row.Kind))
		for k, note := range row.notes {
			notes[k] = append(notes[k], note)
		}
		for j, v := range vector {
			mean[j] += float64(v)
		}
	}
	t.centre = make([]float32, dim)
	if layout.Precision != Codes { // codes move from segment to segment as they are
		for j, v := range mean {
			t.centre[j] = float32(v / float64(len(t.ids)))
		}
	}
	for _, column := range notes {
		t.notes = append(t.notes, column...)
	}
	return t
}

// checkLayout returns an error that names the first row that a layout cannot hold.
func checkLayout(layout Layout, rows []Row, vectors, notes sightline.Matrix) error {
	if notes.Cols != layout.Notes || notes.Rows != len(rows) && layout.Notes > 0 || len(notes.Data) != notes.Rows*notes.Cols {
		return fmt.Errorf("%d rows came with %d×%d notes, the index keeps %d a row", len(rows), notes.Rows, notes.Cols, layout.Notes)
	}
	if err := notes.Finite(); err != nil {
		return fmt.Errorf("the notes: %w", err)
	}
	if layout.Precision != Half {
		return nil
	}
	for i, row := range rows {
		for j, v := range vectors.Row(i) {
			if _, ok := half.Narrow(v); !ok {
				return fmt.Errorf("row %d (video %q, %v): element %d is %v, which float16 cannot hold", i, row.VideoID, row.Span, j, v)
			}
		}
	}
	return nil
}
