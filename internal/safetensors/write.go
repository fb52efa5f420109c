package safetensors

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/x448/float16"

	"sightline/internal/atomicfile"
)

// Precision is how Write stores numbers.
type Precision string

// The precisions that Write knows.
const (
	F32 Precision = "F32"
	F16 Precision = "F16"
)

// Tensor is a named array in row-major order.
type Tensor struct {
	Name  string
	Shape []int // empty for a scalar
	Data  []float32
}

// Write writes the tensors in their order to path, whole or not at all. Metadata may be nil. Half precision refuses a
// number that it would turn into an infinity.
func Write(path string, metadata map[string]string, precision Precision, tensors []Tensor) error {
	err := atomicfile.WriteFunc(path, func(w io.Writer) error { return Encode(w, metadata, precision, tensors) })
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Encode writes the tensors in their order to w, as Write does to a file. The same input gives the same bytes.
func Encode(w io.Writer, metadata map[string]string, precision Precision, tensors []Tensor) error {
	header, err := encodeHeader(metadata, precision, tensors)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(w, 1<<18)
	buffered.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(header))))
	buffered.Write(header)
	for _, t := range tensors {
		if err := encodeData(buffered, precision, t); err != nil {
			return err
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	return nil
}

// encodeHeader returns the header padded with spaces, so that the data behind it starts at a multiple of 8 bytes.
func encodeHeader(metadata map[string]string, precision Precision, tensors []Tensor) ([]byte, error) {
	size, ok := sizes[string(precision)]
	if !ok || precision != F32 && precision != F16 {
		return nil, fmt.Errorf("safetensors: cannot write precision %q", precision)
	}
	header := bytes.NewBufferString("{")
	field := func(name string, value any) error {
		if header.Len() > 1 {
			header.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return err
		}
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		header.Write(key)
		header.WriteByte(':')
		header.Write(text)
		return nil
	}
	if len(metadata) > 0 {
		if err := field("__metadata__", metadata); err != nil {
			return nil, fmt.Errorf("safetensors: metadata: %w", err)
		}
	}
	seen := map[string]bool{"__metadata__": true}
	var end int64
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, fmt.Errorf("safetensors: tensor name %q is taken", t.Name)
		}
		seen[t.Name] = true
		if n := (Info{Shape: t.Shape}).Len(); n != len(t.Data) {
			return nil, fmt.Errorf("safetensors: tensor %q of shape %v has %d elements, its data %d",
				t.Name, t.Shape, n, len(t.Data))
		}
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		start := end
		end += int64(len(t.Data) * size)
		if err := field(t.Name, entry{DType: string(precision), Shape: shape, Offsets: [2]int64{start, end}}); err != nil {
			return nil, fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		}
	}
	header.WriteByte('}')
	for header.Len()%8 != 0 {
		header.WriteByte(' ')
	}
	return header.Bytes(), nil
}

func encodeData(w *bufio.Writer, precision Precision, t Tensor) error {
	var b [4]byte
	for i, v := range t.Data {
		if precision == F32 {
			binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
			w.Write(b[:4])
			continue
		}
		half := float16.Fromfloat32(v)
		if half.IsInf(0) && !math.IsInf(float64(v), 0) {
			return fmt.Errorf("safetensors: element %d of tensor %q is %v, too large for half precision", i, t.Name, v)
		}
		binary.LittleEndian.PutUint16(b[:], half.Bits())
		w.Write(b[:2])
	}
	return nil // w keeps its first error until Flush
}
