package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sightline"
)

// build returns the bytes of a safetensors file with the given header and data.
func build(header string, data ...byte) []byte {
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(file, header...), data...)
}

func save(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRoundTrip(t *testing.T) {
	tensors := []Tensor{
		{"z.weight", []int{2, 3}, []float32{0, -1, 2.5, 65504, -0.125, 1e-7}},
		{"scale", nil, []float32{4.6052}},
		{"empty", []int{0, 4}, []float32{}},
		{"naïve \"name\"", []int{1}, []float32{1}},
	}
	metadata := map[string]string{"format": "pt", "seed": "7"}
	for precision, tolerance := range map[Precision]float64{F32: 0, F16: 5e-4} {
		path := filepath.Join(t.TempDir(), "model.safetensors")
		if err := Write(path, metadata, precision, tensors); err != nil {
			t.Fatal(err)
		}
		file, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if !reflect.DeepEqual(file.Metadata(), metadata) {
			t.Errorf("%s: metadata %v, want %v", precision, file.Metadata(), metadata)
		}
		var names []string
		for _, want := range tensors {
			names = append(names, want.Name)
			got, err := file.Float32s(want.Name)
			if err != nil {
				t.Fatal(err)
			}
			info, ok := file.Info(want.Name)
			if !ok || !slices.Equal(info.Shape, want.Shape) || info.DType != string(precision) || len(got) != len(want.Data) {
				t.Fatalf("%s: tensor %q is %v with %d elements, want shape %v", precision, want.Name, info, len(got), want.Shape)
			}
			for i, v := range want.Data {
				if math.Abs(float64(got[i]-v)) > tolerance*max(1, math.Abs(float64(v))) {
					t.Errorf("%s: tensor %q element %d is %v, want %v", precision, want.Name, i, got[i], v)
				}
			}
		}
		if !slices.Equal(file.Names(), names) {
			t.Errorf("%s: names %v, want the order of writing %v", precision, file.Names(), names)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
			t.Errorf("temporary files are left: %v", left)
		}
	}
}

// Bytes laid out by hand, so that reader and writer cannot agree on a mistake.
func TestReadsEveryFloatType(t *testing.T) {
	header := `{"b":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]},` +
		`"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},` +
		`"d":{"dtype":"F64","shape":[],"data_offsets":[8,16]},` +
		`"f":{"dtype":"F32","shape":[1,1],"data_offsets":[16,20]},` +
		`"ids":{"dtype":"I64","shape":[1],"data_offsets":[20,28]}}   `
	data := []byte{
		0x00, 0x3c, 0x00, 0xc1, // F16 1, -2.5
		0x80, 0x3f, 0x20, 0xc0, // BF16 1, -2.5
		0, 0, 0, 0, 0, 0, 0x04, 0x40, // F64 2.5
		0, 0, 0x20, 0x40, // F32 2.5
		1, 0, 0, 0, 0, 0, 0, 0,
	}
	content := build(header, data...)
	file, err := New(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float32{"h": {1, -2.5}, "b": {1, -2.5}, "d": {2.5}, "f": {2.5}} {
		got, err := file.Float32s(name)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
	if _, err := file.Float32s("ids"); err == nil || !strings.Contains(err.Error(), "I64") {
		t.Errorf("integers read as weights: %v", err)
	}
	if _, err := file.Float32s("nobody"); err == nil {
		t.Error("a tensor that is not there was read")
	}
}

func TestShards(t *testing.T) {
	dir := t.TempDir()
	shard := func(name string, tensors ...Tensor) {
		if err := Write(filepath.Join(dir, name), nil, F32, tensors); err != nil {
			t.Fatal(err)
		}
	}
	index := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shard("model-00001-of-00002.safetensors", Tensor{"b", []int{1}, []float32{2}})
	shard("model-00002-of-00002.safetensors", Tensor{"a", []int{2}, []float32{3, 4}}, Tensor{"stray", []int{1}, []float32{9}})
	index(`{"metadata":{"total_size":12},"weight_map":{
		"b":"model-00001-of-00002.safetensors","a":"model-00002-of-00002.safetensors"}}`)
	file, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got := file.Names(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("names %v, want a and b, without the tensor the index does not name", got)
	}
	if got, err := file.Float32s("a"); err != nil || !slices.Equal(got, []float32{3, 4}) {
		t.Errorf("a is %v, %v", got, err)
	}
	sum := func(f *File) [32]byte {
		sum, err := f.Sum()
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	for value, same := range map[float32]bool{4: true, 5: false} {
		path := filepath.Join(t.TempDir(), "whole.safetensors")
		tensors := []Tensor{{"a", []int{2}, []float32{3, value}}, {"b", []int{1}, []float32{2}}}
		if err := Write(path, nil, F32, tensors); err != nil {
			t.Fatal(err)
		}
		whole, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer whole.Close()
		if (sum(whole) == sum(file)) != same {
			t.Errorf("last element %v: one file and two shards have the same sum: %v, want %v", value, !same, same)
		}
	}

	for text, want := range map[string]string{
		`{"weight_map":{"a":"../../etc/passwd"}}`:                      "not a .safetensors file beside it",
		`{"weight_map":{"a":"model-00003-of-00003.safetensors"}}`:      "model-00003",
		`{"weight_map":{"absent":"model-00001-of-00002.safetensors"}}`: `lacks tensor "absent"`,
		`{"weight_map":{}}`: "no weight_map",
		`[`:                 "not JSON",
	} {
		index(text)
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("index %s: error %v, want one that says %q", text, err, want)
		}
	}
}

func TestRefusesPickles(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "pytorch_model.bin"), []byte("PK\x03\x04"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		folder,
		filepath.Join(folder, "pytorch_model.bin"),
		save(t, "ViT-B-32.pt", []byte("PK\x03\x04whatever")),
		save(t, "disguised.safetensors", []byte("PK\x03\x04whatever")),
		save(t, "old.safetensors", []byte("\x80\x02ctorch._utils\n")),
	} {
		_, err := Open(path)
		if !errors.Is(err, errPickle) || !strings.Contains(sightline.TryOf(err), "safetensors") {
			t.Errorf("%s: %v (try %q), want a refusal that says why and what to use", path, err, sightline.TryOf(err))
		}
	}
	if _, err := Open(t.TempDir()); sightline.KindOf(err) != sightline.NotReady {
		t.Errorf("empty folder: %v, want an error of kind NotReady", err)
	}
}

func TestRefusesDamage(t *testing.T) {
	good := `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	huge := binary.LittleEndian.AppendUint64(nil, 1<<62)
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":           {nil, "too few"},
		"huge header":     {append(huge, "{}"...), "cut off"},
		"not an object":   {build(`[]`), "no JSON object"},
		"unfinished":      {build(`{"a":`), "header"},
		"cut data":        {build(good, 0, 0), "cut off"},
		"trailing data":   {build(good, 0, 0, 0, 0, 0), "damaged"},
		"unknown type":    {build(`{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "F4"},
		"wrong length":    {build(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "needs 8 bytes"},
		"negative":        {build(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "not plausible"},
		"overflow":        {build(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`), "not plausible"},
		"no offsets":      {build(`{"a":{"dtype":"F32","shape":[0]}}`), "header says"},
		"twice":           {build(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`), "twice"},
		"overlap":         {build(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "offset 4"},
		"metadata number": {build(`{"__metadata__":{"a":1}}`), "metadata"},
	} {
		path := save(t, "model.safetensors", test.content)
		_, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one that names the file and says %q", name, err, test.want)
		}
	}
}

func TestWriteKeepsTheOldFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := Write(path, nil, F16, []Tensor{{"a", []int{1}, []float32{1}}}); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	for want, tensors := range map[string][]Tensor{
		"too large": {{"a", []int{1}, []float32{70000}}},
		"elements":  {{"a", []int{2}, []float32{1}}},
		"taken":     {{"a", []int{1}, []float32{1}}, {"a", []int{1}, []float32{1}}},
	} {
		if err := Write(path, nil, F16, tensors); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("a failed write changed the file")
	}
}

func FuzzNew(f *testing.F) {
	f.Add(build(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 0x80, 0x3f))
	f.Add(build(`{"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]}}`, 1, 2, 3, 4))
	f.Add(build(`{}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := New(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		for _, name := range file.Names() {
			info, _ := file.Info(name)
			values, err := file.Float32s(name)
			if err == nil && len(values) != info.Len() {
				t.Errorf("tensor %q of shape %v has %d values", name, info.Shape, len(values))
			}
			if err == nil && len(values) > len(content) {
				t.Errorf("tensor %q has %d values in a file of %d bytes", name, len(values), len(content))
			}
		}
	})
}
