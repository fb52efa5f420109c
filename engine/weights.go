package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"sightline"
)

// Weights are the named float32 parameters of a model. Order is always that of the sorted names. A Weights may feed
// several programs at once; it must not be updated while one of them runs.
type Weights struct {
	tensors map[string]*tensors.Tensor
}

// NewWeights returns an empty set.
func NewWeights() *Weights { return &Weights{tensors: map[string]*tensors.Tensor{}} }

// Set stores a copy of data under name with the given shape, in place of what was there.
func (w *Weights) Set(name string, data []float32, shape ...int) {
	w.tensors[name] = tensors.FromFlatDataAndDimensions(data, shape...)
}

// Names returns the names in order.
func (w *Weights) Names() []string { return slices.Sorted(maps.Keys(w.tensors)) }

// Has tells whether there is a parameter of that name.
func (w *Weights) Has(name string) bool { return w.tensors[name] != nil }

// Shape returns the dimensions of the named parameter, nil when there is none.
func (w *Weights) Shape(name string) []int {
	if t := w.tensors[name]; t != nil {
		return slices.Clone(t.Shape().Dimensions)
	}
	return nil
}

// Float32s returns a copy of the named parameter's elements, nil when there is none.
func (w *Weights) Float32s(name string) []float32 {
	if t := w.tensors[name]; t != nil {
		return tensors.MustCopyFlatData[float32](t)
	}
	return nil
}

// Update calls change with the elements of the named parameter, which it may modify in place.
func (w *Weights) Update(name string, change func(data []float32)) {
	tensors.MustMutableFlatData(w.tensors[name], change)
}

// Clone returns a deep copy.
func (w *Weights) Clone() *Weights {
	c := NewWeights()
	for name := range w.tensors {
		c.Set(name, w.Float32s(name), w.Shape(name)...)
	}
	return c
}

// Merge adds every parameter of other under prefix + its name.
func (w *Weights) Merge(prefix string, other *Weights) {
	for name, t := range other.tensors {
		w.tensors[prefix+name] = t
	}
}

// Under returns the parameters whose names start with prefix, with the prefix cut off. The elements are shared.
func (w *Weights) Under(prefix string) *Weights {
	sub := NewWeights()
	for name, t := range w.tensors {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			sub.tensors[rest] = t
		}
	}
	return sub
}

// Remove takes out the parameters whose names start with prefix.
func (w *Weights) Remove(prefix string) {
	maps.DeleteFunc(w.tensors, func(name string, _ *tensors.Tensor) bool { return strings.HasPrefix(name, prefix) })
}

// Count returns the number of scalars.
func (w *Weights) Count() int {
	n := 0
	for _, t := range w.tensors {
		n += t.Shape().Size()
	}
	return n
}

// Hash returns the first 16 hex digits of the SHA-256 over names, shapes and elements: the Hash of a ModelID.
func (w *Weights) Hash() string {
	sum := sha256.New()
	var b [4]byte
	for _, name := range w.Names() {
		fmt.Fprintf(sum, "%s%v\x00", name, w.Shape(name))
		tensors.MustConstFlatData(w.tensors[name], func(data []float32) {
			for _, v := range data {
				binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
				sum.Write(b[:])
			}
		})
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// Finite returns an error that names the first parameter with a NaN or infinite element.
func (w *Weights) Finite() error {
	for _, name := range w.Names() {
		m := sightline.Matrix{Rows: 1, Cols: w.tensors[name].Shape().Size(), Data: w.Float32s(name)}
		if err := m.Finite(); err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	return nil
}

// Normal returns size values drawn from N(0, deviation²).
func Normal(random *rand.Rand, size int, deviation float64) []float32 {
	data := make([]float32, size)
	for i := range data {
		data[i] = float32(random.NormFloat64() * deviation)
	}
	return data
}

// Constant returns size copies of value.
func Constant(size int, value float32) []float32 {
	data := make([]float32, size)
	for i := range data {
		data[i] = value
	}
	return data
}
