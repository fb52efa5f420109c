package index

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"math"
	"sync/atomic"
	"unsafe"

	"sightline"
	"sightline/index/scan"
)

// A segment is an immutable set of rows. Its file, little-endian, version 1:
//
//	head     64 bytes: magic "SLSEGMNT", version u32, dimension D u32, rows N u64, length of names u64, zeros
//	codes    N × W int8          W = D rounded up to a multiple of 64; see quantise.go
//	vectors  N × D float32       as they were added
//	centre   D float32           μ
//	scale    N float32           s
//	radius   N float32           r
//	ids      N u64
//	spans    N × 2 float64       start, end in seconds
//	videos   N u32               position in names.videos
//	kinds    N u32               position in names.kinds
//	names    JSON                {"space": …, "videos": […], "kinds": […]}
//	tail     64 bytes: CRC-32C of each of the ten sections, u32; zeros; CRC-32C of head and tail up to here, u32
//
// Vectors are float32, not the float16 of feature files: the answer is exact for the vectors as they were added, and a
// search touches only the few that it scores.
//
// Every section starts at a multiple of 64 bytes, with zeros before it. Opening checks head, tail, length, and all
// sections but codes and vectors; those two are most of the file, and (*segment).verify checks them. A search notices
// damage in the rows it scores, because a score must lie within the bounds that the codes gave.
const (
	segmentMagic   = "SLSEGMNT"
	segmentVersion = 1
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
	sectionCount
)

var sectionNouns = [sectionCount]string{"codes", "vectors", "centre", "scale", "radius", "ids", "spans", "videos", "kinds", "names"}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// names is the last section.
type names struct {
	Space  sightline.Space `json:"space"`
	Videos []string        `json:"videos"`
	Kinds  []string        `json:"kinds"`
}

// head holds what the layout of a segment follows from.
type head struct {
	dim, rows, names int
}

// layout returns where each section starts, how long it is, and the size of the whole file.
func (h head) layout() (start, length [sectionCount]int, size int) {
	length = [sectionCount]int{
		codesSection:   h.rows * scan.Width(h.dim),
		vectorsSection: h.rows * h.dim * 4,
		centreSection:  h.dim * 4,
		scaleSection:   h.rows * 4,
		radiusSection:  h.rows * 4,
		idsSection:     h.rows * 8,
		spansSection:   h.rows * 16,
		videosSection:  h.rows * 4,
		kindsSection:   h.rows * 4,
		namesSection:   h.names,
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
	dim, width, rows      int
	codes                 []int8    // [rows, width]
	vectors               []float32 // [rows, dim]
	centre, scale, radius []float32
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

func (s *segment) vector(i int) []float32 { return s.vectors[i*s.dim:][:s.dim:s.dim] }

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
	if v := binary.LittleEndian.Uint32(top[8:]); v != segmentVersion {
		return nil, fmt.Errorf("the file has format version %d, this program reads version %d", v, segmentVersion)
	}
	sum := crc32.Update(crc32.Checksum(top, castagnoli), castagnoli, tail[:endSize-4])
	if want := binary.LittleEndian.Uint32(tail[endSize-4:]); sum != want {
		return nil, fmt.Errorf("checksum of head and tail is %08x, the file says %08x: it is damaged or cut short", sum, want)
	}
	dim, rows, nameBytes := binary.LittleEndian.Uint32(top[12:]), binary.LittleEndian.Uint64(top[16:]), binary.LittleEndian.Uint64(top[24:])
	if dim < 1 || dim > MaxDim || rows < 1 || rows > maxRows || nameBytes > uint64(len(data)) {
		return nil, fmt.Errorf("the file declares %d rows of dimension %d and %d bytes of names", rows, dim, nameBytes)
	}
	h := head{dim: int(dim), rows: int(rows), names: int(nameBytes)}
	start, length, size := h.layout()
	if size != len(data) {
		return nil, fmt.Errorf("the file has %d bytes, %d rows of dimension %d take %d", len(data), rows, dim, size)
	}
	section := func(i int) []byte { return data[start[i]:][:length[i]:length[i]] }
	s := &segment{
		dim: h.dim, width: scan.Width(h.dim), rows: h.rows, sum: sum, data: data,
		codes:   as[int8](section(codesSection)),
		vectors: as[float32](section(vectorsSection)),
		centre:  as[float32](section(centreSection)),
		scale:   as[float32](section(scaleSection)),
		radius:  as[float32](section(radiusSection)),
		ids:     as[uint64](section(idsSection)),
		spans:   as[sightline.Span](section(spansSection)),
		videoOf: as[uint32](section(videosSection)),
		kindOf:  as[uint32](section(kindsSection)),
	}
	for i := centreSection; i < sectionCount; i++ {
		if err := s.verifySection(i); err != nil {
			return nil, err
		}
	}
	if err := json.Unmarshal(section(namesSection), &s.names); err != nil {
		return nil, fmt.Errorf("names: %w", err)
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
	start, length, _ := head{dim: s.dim, rows: s.rows, names: s.nameBytes()}.layout()
	got := crc32.Checksum(s.data[start[i]:][:length[i]], castagnoli)
	want := binary.LittleEndian.Uint32(s.data[len(s.data)-endSize+4*i:])
	if got != want {
		return fmt.Errorf("checksum of the %s is %08x, the file says %08x: it is damaged", sectionNouns[i], got, want)
	}
	return nil
}

func (s *segment) nameBytes() int { return int(binary.LittleEndian.Uint64(s.data[24:])) }

// rowSeq yields rows with their vectors; it can be run several times.
type rowSeq = iter.Seq2[Row, []float32]

// writeSegment writes a segment of all rows, which must be at least one and have vectors of dimension dim. It returns
// the checksum that names the content.
func writeSegment(w io.Writer, space sightline.Space, dim int, rows rowSeq) (sum uint32, err error) {
	if !littleEndian {
		return 0, errBigEndian
	}
	t := tabulate(dim, rows)
	t.names.Space = space
	nameBytes, err := json.Marshal(t.names)
	if err != nil {
		return 0, err
	}
	h := head{dim: dim, rows: len(t.ids), names: len(nameBytes)}

	out := &sectionWriter{w: bufio.NewWriterSize(w, 1<<20)}
	top := make([]byte, endSize)
	copy(top, segmentMagic)
	binary.LittleEndian.PutUint32(top[8:], segmentVersion)
	binary.LittleEndian.PutUint32(top[12:], uint32(h.dim))
	binary.LittleEndian.PutUint64(top[16:], uint64(h.rows))
	binary.LittleEndian.PutUint64(top[24:], uint64(h.names))
	out.write(top)
	out.sum = 0 // the head is no section

	codes, scratch := make([]int8, scan.Width(dim)), make([]float64, scan.Width(dim))
	scale, radius := make([]float32, 0, h.rows), make([]float32, 0, h.rows)
	for _, vector := range rows {
		s, r := quantise(codes, vector, t.centre, scratch)
		scale, radius = append(scale, s), append(radius, r)
		out.write(bytesOf(codes))
	}
	out.end()
	for _, vector := range rows {
		out.write(bytesOf(vector))
	}
	out.end()
	for _, section := range [][]byte{
		bytesOf(t.centre), bytesOf(scale), bytesOf(radius), bytesOf(t.ids), bytesOf(t.spans), bytesOf(t.videoOf),
		bytesOf(t.kindOf), nameBytes,
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

// table holds the small sections of a segment that is being written.
type table struct {
	centre          []float32
	ids             []uint64
	spans           []sightline.Span
	videoOf, kindOf []uint32
	names           names
}

func tabulate(dim int, rows rowSeq) table {
	var t table
	mean := make([]float64, dim)
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
		for j, v := range vector {
			mean[j] += float64(v)
		}
	}
	t.centre = make([]float32, dim)
	for j, v := range mean {
		t.centre[j] = float32(v / float64(len(t.ids)))
	}
	return t
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
