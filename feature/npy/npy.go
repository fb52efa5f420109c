// Package npy reads and writes NumPy's .npy arrays and .npz archives, the way features and golden vectors travel between
// this program and Python. Start at Open for an archive and Read for a single array.
//
// It reads what the field's files hold (float16/32/64, signed and unsigned integers, bool; C and Fortran order, little
// and big endian) and refuses pickled objects, which could run code.
package npy

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/x448/float16"
)

// MaxElements bounds what one array may declare, so that a damaged header cannot ask for all memory.
const MaxElements = 1 << 31

// Array is one array in row-major order. Data is []float32 (float16 is widened), []float64, []int64 or []uint64 (narrow
// integers are widened; bool is uint64 0 or 1).
type Array struct {
	Shape []int
	Data  any
}

// Len returns the number of elements; a scalar has one.
func (a Array) Len() int {
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	return n
}

// Float32s returns the elements as float32, without copying where they are stored so.
func (a Array) Float32s() []float32 {
	if data, ok := a.Data.([]float32); ok {
		return data
	}
	return convert[float32](a.Data)
}

// Float64s returns the elements as float64, without copying where they are stored so.
func (a Array) Float64s() []float64 {
	if data, ok := a.Data.([]float64); ok {
		return data
	}
	return convert[float64](a.Data)
}

// Ints returns the elements as int; fractions are cut off.
func (a Array) Ints() []int { return convert[int](a.Data) }

type number interface {
	~int | ~int64 | ~uint64 | ~float32 | ~float64
}

func convert[To number](data any) []To {
	switch data := data.(type) {
	case []float32:
		return convertSlice[To](data)
	case []float64:
		return convertSlice[To](data)
	case []int64:
		return convertSlice[To](data)
	case []uint64:
		return convertSlice[To](data)
	}
	panic(fmt.Sprintf("npy: array data of type %T", data))
}

func convertSlice[To, From number](from []From) []To {
	to := make([]To, len(from))
	for i, v := range from {
		to[i] = To(v)
	}
	return to
}

var (
	magic   = []byte("\x93NUMPY")
	descrRE = regexp.MustCompile(`'descr'\s*:\s*'([<>|=]?)([a-zA-Z])(\d*)'`)
	orderRE = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	shapeRE = regexp.MustCompile(`'shape'\s*:\s*\(([^)]*)\)`)
)

type header struct {
	order   binary.ByteOrder
	kind    byte // 'f', 'i', 'u' or 'b'
	size    int  // bytes an element
	fortran bool
	shape   []int
	count   int
}

// Read reads one .npy array. Errors name what is wrong with the bytes.
func Read(r io.Reader) (Array, error) {
	h, err := readHeader(r)
	if err != nil {
		return Array{}, fmt.Errorf("npy: %w", err)
	}
	data, err := readData(r, h)
	if err != nil {
		return Array{}, fmt.Errorf("npy: %w", err)
	}
	array := Array{Shape: h.shape, Data: data}
	if h.fortran && len(h.shape) > 1 {
		array = rowMajor(array)
	}
	return array, nil
}

func readHeader(r io.Reader) (header, error) {
	var h header
	var start [8]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return h, errors.New("shorter than the magic string")
	}
	if string(start[:6]) != string(magic) {
		return h, errors.New("not a NumPy array (wrong magic string)")
	}
	lengthBytes := 2
	if start[6] >= 2 {
		lengthBytes = 4
	}
	var length [4]byte
	if _, err := io.ReadFull(r, length[:lengthBytes]); err != nil {
		return h, errors.New("header length is cut off")
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n > 1<<20 {
		return h, fmt.Errorf("header of %d bytes is not plausible", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, errors.New("header is cut off")
	}
	return parseHeader(string(text))
}

func parseHeader(text string) (header, error) {
	var h header
	descr := descrRE.FindStringSubmatch(text)
	order := orderRE.FindStringSubmatch(text)
	shape := shapeRE.FindStringSubmatch(text)
	if descr == nil || order == nil || shape == nil {
		return h, fmt.Errorf("cannot read header %q", strings.TrimSpace(text))
	}
	h.order = binary.ByteOrder(binary.LittleEndian)
	if descr[1] == ">" {
		h.order = binary.BigEndian
	}
	h.kind = descr[2][0]
	h.size, _ = strconv.Atoi(descr[3])
	supported := map[byte][]int{'f': {2, 4, 8}, 'i': {1, 2, 4, 8}, 'u': {1, 2, 4, 8}, 'b': {1}}
	if !slices.Contains(supported[h.kind], h.size) {
		return h, fmt.Errorf("type %s%s is not supported (object arrays are refused: they can run code)", descr[2], descr[3])
	}
	h.fortran = order[1] == "True"
	h.count = 1
	for _, part := range strings.Split(shape[1], ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		d, err := strconv.Atoi(strings.TrimSuffix(part, "L"))
		if err != nil || d < 0 {
			return h, fmt.Errorf("dimension %q of the shape is not a size", part)
		}
		if d > 0 && h.count > MaxElements/d {
			return h, fmt.Errorf("shape (%s) is larger than %d elements", shape[1], int64(MaxElements))
		}
		h.shape = append(h.shape, d)
		h.count *= d
	}
	return h, nil
}

// readData reads count elements in bounded steps, so that memory grows only with bytes that are really there.
func readData(r io.Reader, h header) (any, error) {
	const step = 1 << 16 // elements
	var (
		f32 []float32
		f64 []float64
		i64 []int64
		u64 []uint64
	)
	buffer := make([]byte, min(step, max(h.count, 1))*h.size)
	for done := 0; done < h.count; {
		n := min(step, h.count-done)
		b := buffer[:n*h.size]
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, fmt.Errorf("data ends after fewer than the %d elements of shape %v", h.count, h.shape)
		}
		for ; len(b) > 0; b = b[h.size:] {
			var bits uint64
			switch h.size {
			case 1:
				bits = uint64(b[0])
			case 2:
				bits = uint64(h.order.Uint16(b))
			case 4:
				bits = uint64(h.order.Uint32(b))
			case 8:
				bits = h.order.Uint64(b)
			}
			switch {
			case h.kind == 'f' && h.size == 2:
				f32 = append(f32, float16.Frombits(uint16(bits)).Float32())
			case h.kind == 'f' && h.size == 4:
				f32 = append(f32, math.Float32frombits(uint32(bits)))
			case h.kind == 'f':
				f64 = append(f64, math.Float64frombits(bits))
			case h.kind == 'i':
				shift := 64 - 8*h.size
				i64 = append(i64, int64(bits<<shift)>>shift)
			default:
				u64 = append(u64, bits)
			}
		}
		done += n
	}
	switch {
	case h.kind == 'f' && h.size <= 4:
		return f32, nil
	case h.kind == 'f':
		return f64, nil
	case h.kind == 'i':
		return i64, nil
	}
	return u64, nil
}

// rowMajor reorders Fortran-order data.
func rowMajor(a Array) Array {
	switch data := a.Data.(type) {
	case []float32:
		a.Data = reorder(data, a.Shape)
	case []float64:
		a.Data = reorder(data, a.Shape)
	case []int64:
		a.Data = reorder(data, a.Shape)
	case []uint64:
		a.Data = reorder(data, a.Shape)
	}
	return a
}

func reorder[T any](from []T, shape []int) []T {
	to := make([]T, len(from))
	index := make([]int, len(shape))
	for i := range to {
		offset, stride := 0, 1
		for axis, d := range shape {
			offset += index[axis] * stride
			stride *= d
		}
		to[i] = from[offset]
		for axis := len(shape) - 1; axis >= 0; axis-- {
			if index[axis]++; index[axis] < shape[axis] {
				break
			}
			index[axis] = 0
		}
	}
	return to
}

// Write writes float32 data of the given shape as a version 1.0 .npy array.
func Write(w io.Writer, shape []int, data []float32) error {
	return writeArray(w, "<f4", shape, len(data), func(b []byte, i int) []byte {
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(data[i]))
	})
}

// writeFloat64 is Write for float64 data.
func writeFloat64(w io.Writer, shape []int, data []float64) error {
	return writeArray(w, "<f8", shape, len(data), func(b []byte, i int) []byte {
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(data[i]))
	})
}

// writeArray writes a header and n elements, which add appends to a buffer.
func writeArray(w io.Writer, descr string, shape []int, n int, add func(b []byte, i int) []byte) error {
	if want := (Array{Shape: shape}).Len(); want != n {
		return fmt.Errorf("npy: shape %v has %d elements, data has %d", shape, want, n)
	}
	dims := make([]string, len(shape))
	for i, d := range shape {
		dims[i] = strconv.Itoa(d)
	}
	tuple := strings.Join(dims, ", ")
	if len(dims) == 1 {
		tuple += ","
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, tuple)
	pad := 63 - (len(magic)+4+len(text))%64
	text += strings.Repeat(" ", pad) + "\n"
	start := append(slices.Clone(magic), 1, 0)
	start = binary.LittleEndian.AppendUint16(start, uint16(len(text)))
	buffer := append(start, text...)
	for i := range n {
		if buffer = add(buffer, i); len(buffer) >= 1<<16 {
			if _, err := w.Write(buffer); err != nil {
				return fmt.Errorf("npy: %w", err)
			}
			buffer = buffer[:0]
		}
	}
	if _, err := w.Write(buffer); err != nil {
		return fmt.Errorf("npy: %w", err)
	}
	return nil
}

// ReadFile reads the .npy file at path.
func ReadFile(path string) (Array, error) {
	file, err := os.Open(path)
	if err != nil {
		return Array{}, err
	}
	defer file.Close()
	array, err := Read(bufio.NewReaderSize(file, 1<<16))
	if err != nil {
		return Array{}, fmt.Errorf("%s: %w", path, err)
	}
	return array, nil
}

// Archive is an .npz file held in memory: its arrays by name.
type Archive map[string]Array

// Names returns the names of the arrays, sorted.
func (a Archive) Names() []string { return slices.Sorted(maps.Keys(a)) }

// Open reads every array of the .npz file at path.
func Open(path string) (Archive, error) {
	files, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("%s: not an .npz archive: %w", path, err)
	}
	defer files.Close()
	archive := Archive{}
	for _, file := range files.File {
		name, isArray := strings.CutSuffix(file.Name, ".npy")
		if !isArray {
			continue
		}
		content, err := file.Open()
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, file.Name, err)
		}
		array, err := Read(content)
		content.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, file.Name, err)
		}
		archive[name] = array
	}
	return archive, nil
}

// WriteArchive writes arrays as an .npz archive, in the order of names: float64 data as float64, other data as float32.
func WriteArchive(w io.Writer, names []string, arrays map[string]Array) error {
	files := zip.NewWriter(w)
	for _, name := range names {
		file, err := files.Create(name + ".npy")
		if err != nil {
			return fmt.Errorf("npy: %w", err)
		}
		array := arrays[name]
		if wide, ok := array.Data.([]float64); ok {
			err = writeFloat64(file, array.Shape, wide)
		} else {
			err = Write(file, array.Shape, array.Float32s())
		}
		if err != nil {
			return err
		}
	}
	return files.Close()
}
