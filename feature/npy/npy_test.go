package npy

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestReadsNumPy reads what NumPy itself wrote: see testdata/arrays.py.
func TestReadsNumPy(t *testing.T) {
	archive, err := Open("testdata/arrays.npz")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Array{
		"float16":  {[]int{2, 3}, []float32{0, 0.5, -1, 1.5, 65504, 5.9604645e-08}},
		"float32":  {[]int{3}, []float32{0.1, -2, float32(math.Inf(1))}},
		"float64":  {[]int{2}, []float64{0.1, 1e300}},
		"big":      {[]int{2}, []float64{1, -2}},
		"int8":     {[]int{3}, []int64{-128, 0, 127}},
		"int64":    {[]int{2}, []int64{math.MinInt64, math.MaxInt64}},
		"uint16":   {[]int{2}, []uint64{0, 65535}},
		"bool":     {[]int{2}, []uint64{1, 0}},
		"scalar":   {nil, []float64{7}},
		"empty":    {[]int{0, 4}, []float32(nil)},
		"fortran":  {[]int{2, 3}, []int64{0, 1, 2, 3, 4, 5}},
		"fortran3": {[]int{2, 2, 2}, []int64{0, 1, 2, 3, 4, 5, 6, 7}},
	} {
		got, ok := archive[name]
		if !ok {
			t.Errorf("array %q is missing among %q", name, archive.Names())
			continue
		}
		if !slices.Equal(got.Shape, want.Shape) || !reflect.DeepEqual(got.Data, want.Data) {
			t.Errorf("%s: shape %v, data %v; want %v, %v", name, got.Shape, got.Data, want.Shape, want.Data)
		}
	}
}

func TestWriteThenRead(t *testing.T) {
	long := make([]float32, 40_000) // more than one buffer
	for i := range long {
		long[i] = float32(i) / 3
	}
	for _, want := range []Array{
		{nil, []float32{3}},
		{[]int{4}, []float32{1, -2, 0.1, float32(math.Inf(-1))}},
		{[]int{2, 0}, []float32(nil)},
		{[]int{400, 100}, long},
	} {
		var b bytes.Buffer
		if err := Write(&b, want.Shape, want.Data.([]float32)); err != nil {
			t.Fatal(err)
		}
		if start := b.Len() - 4*want.Len(); start%64 != 0 {
			t.Errorf("data of shape %v starts at %d, not at a multiple of 64", want.Shape, start)
		}
		got, err := Read(&b)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("shape %v came back as %v", want.Shape, got.Shape)
		}
	}
	if err := Write(&bytes.Buffer{}, []int{2, 2}, make([]float32, 3)); err == nil {
		t.Error("3 elements were written as 2×2")
	}
}

func TestArchiveKeepsFloat64(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npz")
	want := Archive{
		"times": {[]int{2}, []float64{0.1, 36000.04}},
		"rows":  {[]int{1, 2}, []float32{1, 2}},
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := WriteArchive(file, want.Names(), want); err != nil {
		t.Fatal(err)
	}
	got, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

func TestConversions(t *testing.T) {
	a := Array{[]int{2}, []int64{-3, 4}}
	if got := a.Float32s(); !slices.Equal(got, []float32{-3, 4}) {
		t.Errorf("Float32s %v", got)
	}
	if got := a.Float64s(); !slices.Equal(got, []float64{-3, 4}) {
		t.Errorf("Float64s %v", got)
	}
	if got := (Array{[]int{2}, []float64{-3.9, 4.9}}).Ints(); !slices.Equal(got, []int{-3, 4}) {
		t.Errorf("Ints %v", got)
	}
}

func file(header string, data ...byte) []byte {
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	return append(append(b, header...), data...)
}

func TestReadRefuses(t *testing.T) {
	const f4 = "{'descr': '<f4', 'fortran_order': False, 'shape': "
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":      {nil, "shorter"},
		"text":         {[]byte("hello, world"), "magic"},
		"cut length":   {[]byte("\x93NUMPY\x01\x00\x05"), "length is cut"},
		"cut header":   {file(f4 + "(1,), }")[:30], "header is cut"},
		"large header": {[]byte("\x93NUMPY\x02\x00\xff\xff\xff\x7f"), "not plausible"},
		"no header":    {file("hello"), "cannot read header"},
		"pickle":       {file("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"), "can run code"},
		"complex":      {file("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }"), "type c8"},
		"negative":     {file(f4 + "(-1,), }"), "dimension"},
		"huge":         {file(f4 + "(65536, 65536, 65536), }"), "larger than"},
		"cut data":     {file(f4+"(2,), }", 0, 0, 0, 0, 0), "fewer than the 2"},
		"no data":      {file(f4 + "(1000000000,), }"), "fewer than"},
	} {
		if _, err := Read(bytes.NewReader(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npz")
	if _, err := Open(path); !os.IsNotExist(unwrapAll(err)) {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte("not a zip"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("text: %v", err)
	}
	if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("text as .npy: %v", err)
	}
}

func unwrapAll(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		err = inner.Unwrap()
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 0, 0, 128, 63, 0, 0, 0, 64))
	f.Add(file("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 2), }", 0, 1, 0, 2, 0, 3, 0, 4))
	f.Add(file("{'descr': '|b1', 'fortran_order': False, 'shape': (), }", 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		values := a.Float32s()
		if len(values) != a.Len() {
			t.Fatalf("shape %v with %d elements", a.Shape, len(values))
		}
		var b bytes.Buffer
		if err := Write(&b, a.Shape, values); err != nil {
			t.Fatal(err)
		}
		again, err := Read(&b)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again.Shape, a.Shape) {
			t.Errorf("shape %v came back as %v", a.Shape, again.Shape)
		}
		for i, v := range again.Float32s() {
			if math.Float32bits(v) != math.Float32bits(values[i]) && v == v {
				t.Fatalf("element %d: %v came back as %v", i, values[i], v)
			}
		}
	})
}
