package index

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"sync/atomic"
	"unsafe"

	"sightline"
	"sightline/index/scan"
	"sightline/internal/half"
)

// A segment is an immutable set of rows. Its file, little-endian:
//
//	head     64 bytes: magic "SLSEGMNT", version u32, dimension D u32, rows N u64, length of names u64, precision u32,
//	         notes C u32, zeros
//	codes    N × W int8          W = D rounded up to a multiple of 64; see quantise.go
//	vectors  N × D float32       as they were added; float16 where precision is 1, nothing where it is 2
//	centre   D float32           μ
//	scale    N float32           s
//	radius   N float32           r
//	ids      N u64
//	spans    N × 2 float64       start, end in seconds
//	videos   N u32               position in names.videos
//	kinds    N u32               position in names.kinds
//	names    JSON                {"space": …, "videos": […], "kinds": […]}
//	notes    C × N float32       the first note of every row, then the second of every row, …
//	tail     64 bytes: CRC-32C of each of the eleven sections, u32; zeros; CRC-32C of head and tail up to here, u32
//
// Vectors are float32 unless the layout says otherwise, not the float16 of feature files: the answer is exact for the
// vectors as they were added, and a search touches only the few that it scores.
//
// Version history:
//
//	1  precision 0, no notes; still written for indexes of that layout
//	2  precision and notes
//
// Every section starts at a multiple of 64 bytes, with zeros before it. Opening checks head, tail, length, and all
// sections but codes and vectors; those two are most of the file, and (*segment).verify checks them. A search notices
// damage in the rows it scores, because a score must lie within the bounds that the codes gave.
const (
	segmentMagic   = "SLSEGMNT"
	segmentVersion = 2  // the latest
	endSize        = 64 // of head and of tail
	maxRows        = 1 << 31
)

// The sections in file order.
const (
	codesSection = iota
	vectorsSection
	centreSection
	scaleSection
	radiusSection
	idsSection
	spansSection
	videosSection
	kindsSection
	namesSection
	notesSection
	sectionCount
)

var sectionNouns = [sectionCount]string{"codes", "vectors", "centre", "scale", "radius", "ids", "spans", "videos", "kinds", "names", "notes"}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// names is the last section.
type names struct {
	Space  sightline.Space `json:"space"`
	Videos []string        `json:"videos"`
	Kinds  []string        `json:"kinds"`
}

// head holds what the layout of a segment follows from.
type head struct {
	dim, rows, nameBytes int
	Layout
}

// layout returns where each section starts, how long it is, and the size of the whole file.
func (h head) layout() (start, length [sectionCount]int, size int) {
	length = [sectionCount]int{
		codesSection:   h.rows * scan.Width(h.dim),
		vectorsSection: h.rows * h.dim * h.elementBytes(),
		centreSection:  h.dim * 4,
		scaleSection:   h.rows * 4,
		radiusSection:  h.rows * 4,
		idsSection:     h.rows * 8,
		spansSection:   h.rows * 16,
		videosSection:  h.rows * 4,
		kindsSection:   h.rows * 4,
		namesSection:   h.nameBytes,
		notesSection:   h.rows * h.Notes * 4,
	}
	at := endSize
	for i, n := range length {
		start[i] = at
		at += (n + endSize - 1) / endSize * endSize
	}
	return start, length, at + endSize
}

// segment is an open segment; its slices lie in data.
type segment struct {
	head
	width                 int
	codes                 []int8    // [rows, width]
	vectors               []float32 // [rows, dim] where the precision is Single
	halves                []uint16  // [rows, dim] where it is Half
	centre, scale, radius []float32
	notes                 []float32 // [Notes, rows]
	ids                   []uint64
	spans                 []sightline.Span
	videoOf, kindOf       []uint32 // positions in videos and kinds
	names

	sum  uint32 // checksum of head and tail: names the content
	data []byte

	name  string       // of its file; empty in memory
	holds atomic.Int32 // how many use it
	unmap func() error // gives data back; nil in memory
}

// hold makes the segment usable until the matching release.
func (s *segment) hold() { s.holds.Add(1) }

// release gives the data back when nobody holds the segment any more.
func (s *segment) release() error {
	if s.holds.Add(-1) == 0 && s.unmap != nil {
		return s.unmap()
	}
	return nil
}

func (s *segment) row(i int) Row {
	return Row{ID: s.ids[i], VideoID: s.Videos[s.videoOf[i]], Kind: s.Kinds[s.kindOf[i]], Span: s.spans[i]}
}

// entry returns row i with all that a new segment needs of it. The vector may lie in scratch, which has dim elements.
func (s *segment) entry(i int, scratch []float32) (noted, []float32) {
	row := noted{Row: s.row(i)}
	for k := range s.Notes {
		row.notes = append(row.notes, s.notes[k*s.rows+i])
	}
	switch s.Precision {
	case Half:
		return row, widen(scratch, s.half(i))
	case Codes:
		row.code = &code{values: s.code(i), scale: s.scale[i], radius: s.radius[i]}
		return row, nil
	}
	return row, s.vector(i)
}

func (s *segment) code(i int) []int8      { return s.codes[i*s.width:][:s.width:s.width] }
func (s *segment) vector(i int) []float32 { return s.vectors[i*s.dim:][:s.dim:s.dim] }
func (s *segment) half(i int) []uint16    { return s.halves[i*s.dim:][:s.dim:s.dim] }

func widen(to []float32, from []uint16) []float32 {
	to = to[:len(from)]
	for j, h := range from {
		to[j] = half.Widen(h)
	}
	return to
}

// parseSegment opens the segment in data, which must start at a multiple of 8 bytes and live as long as the segment.
func parseSegment(data []byte) (*segment, error) {
	if !littleEndian {
		return nil, errBigEndian
	}
	if len(data) < 2*endSize {
		return nil, fmt.Errorf("the file has %d bytes and is cut short", len(data))
	}
	top, tail := data[:endSize], data[len(data)-endSize:]
	if string(top[:8]) != segmentMagic {
		return nil, fmt.Errorf("the file does not start with %q: it is no index segment", segmentMagic)
	}
	version := binary.LittleEndian.Uint32(top[8:])
	if version < 1 || version > segmentVersion {
		return nil, fmt.Errorf("the file has format version %d, this program reads versions 1 to %d", version, segmentVersion)
	}
	sum := crc32.Update(crc32.Checksum(top, castagnoli), castagnoli, tail[:endSize-4])
	if want := binary.LittleEndian.Uint32(tail[endSize-4:]); sum != want {
		return nil, fmt.Errorf("checksum of head and tail is %08x, the file says %08x: it is damaged or cut short", sum, want)
	}
	dim, rows, nameBytes := binary.LittleEndian.Uint32(top[12:]), binary.LittleEndian.Uint64(top[16:]), binary.LittleEndian.Uint64(top[24:])
	if dim < 1 || dim > MaxDim || rows < 1 || rows > maxRows || nameBytes > uint64(len(data)) {
		return nil, fmt.Errorf("the file declares %d rows of dimension %d and %d bytes of names", rows, dim, nameBytes)
	}
	h := head{dim: int(dim), rows: int(rows), nameBytes: int(nameBytes)}
	if version > 1 {
		h.Precision = Precision(binary.LittleEndian.Uint32(top[32:]))
		h.Notes = int(binary.LittleEndian.Uint32(top[36:]))
		if err := h.check(); err != nil {
			return nil, err
		}
	}
	start, length, size := h.layout()
	if size != len(data) {
		return nil, fmt.Errorf("the file has %d bytes, %d rows of dimension %d take %d", len(data), rows, dim, size)
	}
	section := func(i int) []byte { return data[start[i]:][:length[i]:length[i]] }
	s := &segment{
		head: h, width: scan.Width(h.dim), sum: sum, data: data,
		codes:   as[int8](section(codesSection)),
		centre:  as[float32](section(centreSection)),
		scale:   as[float32](section(scaleSection)),
		radius:  as[float32](section(radiusSection)),
		ids:     as[uint64](section(idsSection)),
		spans:   as[sightline.Span](section(spansSection)),
		videoOf: as[uint32](section(videosSection)),
		kindOf:  as[uint32](section(kindsSection)),
		notes:   as[float32](section(notesSection)),
	}
	switch h.Precision {
	case Single:
		s.vectors = as[float32](section(vectorsSection))
	case Half:
		s.halves = as[uint16](section(vectorsSection))
	}
	for i := centreSection; i < sectionCount; i++ {
		if err := s.verifySection(i); err != nil {
			return nil, err
		}
	}
	if err := json.Unmarshal(section(namesSection), &s.names); err != nil {
		return nil, fmt.Errorf("the names: %w", err)
	}
	return s, s.checkMeaning()
}

// checkMeaning returns an error unless the small sections hold what a search relies on.
func (s *segment) checkMeaning() error {
	for j, v := range s.centre {
		if !(math.Abs(float64(v)) < MaxNorm) {
			return fmt.Errorf("element %d of the centre is %v", j, v)
		}
	}
	for i := range s.rows {
		switch {
		case int(s.videoOf[i]) >= len(s.Videos):
			return fmt.Errorf("row %d names video %d of %d", i, s.videoOf[i], len(s.Videos))
		case int(s.kindOf[i]) >= len(s.Kinds):
			return fmt.Errorf("row %d names kind %d of %d", i, s.kindOf[i], len(s.Kinds))
		case !(s.scale[i] >= 0 && s.scale[i] < MaxNorm) || !(s.radius[i] >= 0 && s.radius[i] < MaxNorm):
			return fmt.Errorf("row %d has scale %v and radius %v", i, s.scale[i], s.radius[i])
		case !(s.spans[i].Start <= s.spans[i].End):
			return fmt.Errorf("row %d has the span [%v, %v)", i, s.spans[i].Start, s.spans[i].End)
		}
	}
	for i, v := range s.notes {
		if !(math.Abs(float64(v)) <= math.MaxFloat32) {
			return fmt.Errorf("note %d of row %d is %v", i/s.rows, i%s.rows, v)
		}
	}
	return nil
}

// verify checks the large sections, too.
func (s *segment) verify() error {
	for _, i := range []int{codesSection, vectorsSection} {
		if err := s.verifySection(i); err != nil {
			return err
		}
	}
	return nil
}

func (s *segment) verifySection(i int) error {
	start, length, _ := s.layout()
	got := crc32.Checksum(s.data[start[i]:][:length[i]], castagnoli)
	want := binary.LittleEndian.Uint32(s.data[len(s.data)-endSize+4*i:])
	if got != want {
		return fmt.Errorf("checksum of the %s is %08x, the file says %08x: it is damaged", sectionNouns[i], got, want)
	}
	return nil
}

// sectionWriter writes sections one after another, with their checksums and padding. bufio keeps the first error.
type sectionWriter struct {
	w    *bufio.Writer
	size int
	sum  uint32
	sums []uint32
}

func (o *sectionWriter) write(p []byte) {
	o.w.Write(p)
	o.size += len(p)
	o.sum = crc32.Update(o.sum, castagnoli, p)
}

func (o *sectionWriter) end() {
	o.sums = append(o.sums, o.sum)
	o.sum = 0
	if over := o.size % endSize; over != 0 {
		o.w.Write(make([]byte, endSize-over))
		o.size += endSize - over
	}
}

// as views little-endian bytes as numbers. Parsing has made sure of the length, the caller of the alignment.
func as[T any](p []byte) []T {
	var t T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(p))), len(p)/int(unsafe.Sizeof(t)))
}

// bytesOf views numbers as little-endian bytes.
func bytesOf[T any](s []T) []byte {
	var t T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(t)))
}

// littleEndian is false on machines whose memory does not look like the files.
var littleEndian = bytes.Equal(bytesOf([]uint16{1}), []byte{1, 0})

var errBigEndian = errors.New("index segments are for little-endian machines only")
