package feature

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/feature/npy"
)

var foreign = sightline.Space{Video: sightline.ModelID{Name: "slowfast"}}

// save writes arrays as an .npz file, or the first one as an .npy file.
func save(t *testing.T, path string, names []string, arrays ...npy.Array) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if filepath.Ext(path) == ".npy" {
		err = npy.Write(file, arrays[0].Shape, arrays[0].Float32s())
	} else {
		named := map[string]npy.Array{}
		for i, name := range names {
			named[name] = arrays[i]
		}
		err = npy.WriteArchive(file, names, named)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func array(data []float32, shape ...int) npy.Array { return npy.Array{Shape: shape, Data: data} }

// TestReadsLighthouse reads a file that numpy.savez_compressed wrote in the layout of Lighthouse: see
// testdata/lighthouse.py.
func TestReadsLighthouse(t *testing.T) {
	f, err := Import{Space: foreign, RowSeconds: 2}.ReadArray("testdata/lighthouse.npz", "v")
	if err != nil {
		t.Fatal(err)
	}
	want := []float32{0, 0.5, 1, 1.5, 2, 2.5}
	if f.Stream != Clip || f.Rows.Rows != 3 || f.Rows.Cols != 2 || !slices.Equal(f.Rows.Data, want) {
		t.Errorf("read %+v", f)
	}
	if span := f.Spans[2]; span != (sightline.Span{Start: 4, End: 6}) {
		t.Errorf("row 2 covers %v", span)
	}
}

func TestExportThenImport(t *testing.T) {
	dir := t.TempDir()
	want := sample()
	for _, name := range []string{"a.npz", "a.npy"} {
		path := filepath.Join(dir, name)
		if err := Export(path, want); err != nil {
			t.Fatal(err)
		}
		got, err := Import{Stream: Frame, Space: want.Space, RowSeconds: 1}.ReadArray(path, want.VideoID)
		if err != nil {
			t.Fatal(err)
		}
		if name == "a.npy" { // has no timestamps
			if got.Spans[1] != (sightline.Span{Start: 1, End: 2}) {
				t.Errorf("row 1 of %s covers %v", name, got.Spans[1])
			}
			got.Spans = want.Spans
		}
		if !equal(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if err := Export(filepath.Join(dir, "a.mat"), want); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("unknown extension: %v", err)
	}
}

func TestImportTimestamps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npz")
	rows := array([]float32{1, 2, 3}, 3, 1)
	for _, c := range []struct {
		times   npy.Array
		seconds float64
		want    []sightline.Span
	}{
		{array([]float32{0, 1, 1, 2, 3, 4}, 3, 2), 0, []sightline.Span{{Start: 0, End: 1}, {Start: 1, End: 2}, {Start: 3, End: 4}}},
		{array([]float32{0, 2, 5}, 3), 0, []sightline.Span{{Start: 0, End: 2}, {Start: 2, End: 5}, {Start: 5, End: 8}}},
		{array([]float32{0, 2, 5}, 3), 1, []sightline.Span{{Start: 0, End: 2}, {Start: 2, End: 5}, {Start: 5, End: 6}}},
		{array([]float32{0, 2}, 2), 1, nil},
		{array([]float32{5, 2, 0}, 3), 1, nil},
	} {
		save(t, path, []string{FeaturesKey, TimestampsKey}, rows, c.times)
		f, err := Import{RowSeconds: c.seconds}.ReadArray(path, "v")
		if (err == nil) != (c.want != nil) || !slices.Equal(f.Spans, c.want) {
			t.Errorf("times %v: %v, %v; want %v", c.times.Data, f.Spans, err, c.want)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	dir := t.TempDir()
	nan := float32(math.NaN())
	for _, c := range []struct {
		name, want string
		key        string
		array      npy.Array
		seconds    float64
	}{
		{"key", `no array "features" among ["clips"]`, "clips", array([]float32{1}, 1, 1), 1},
		{"shape", "shape [2]", "features", array([]float32{1, 2}, 2), 1},
		{"volume", "shape [2 2 2]", "features", array(make([]float32, 8), 2, 2, 2), 1},
		{"no rows", "no row", "features", array(nil, 0, 4), 1},
		{"NaN", "NaN", "features", array([]float32{nan}, 1, 1), 1},
		{"no length", "length in seconds", "features", array([]float32{1}, 1, 1), 0},
	} {
		path := filepath.Join(dir, "a.npz")
		save(t, path, []string{c.key}, c.array)
		_, err := Import{RowSeconds: c.seconds}.ReadArray(path, "v")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	path := filepath.Join(dir, "b.npy")
	save(t, path, nil, array([]float32{1, 2}, 1, 1, 2))
	if f, err := (Import{RowSeconds: 1}).ReadArray(path, "v"); err != nil || f.Rows.Rows != 1 || f.Rows.Cols != 2 {
		t.Errorf("axes of length one: %+v, %v", f.Rows, err)
	}
}

func TestImportFolder(t *testing.T) {
	dir := t.TempDir()
	save(t, filepath.Join(dir, "a.npy"), nil, array([]float32{0.1, 2, 3, 4}, 2, 2))
	save(t, filepath.Join(dir, "b.npz"), []string{FeaturesKey}, array([]float32{1, 2}, 1, 2))
	save(t, filepath.Join(dir, "b.npy"), nil, array([]float32{1, 2}, 1, 2))
	save(t, filepath.Join(dir, "wide.npy"), nil, array([]float32{1, 2, 3}, 1, 3))
	save(t, filepath.Join(dir, "large.npy"), nil, array([]float32{1e6, 2}, 1, 2))
	os.WriteFile(filepath.Join(dir, "text.npy"), []byte("hello, not an array"), 0o666)
	os.WriteFile(filepath.Join(dir, "readme.txt"), []byte("not looked at"), 0o666)

	store := Store{Dir: filepath.Join(t.TempDir(), "features")}
	im := Import{Space: foreign, RowSeconds: 1.5}
	report, err := im.ImportFolder(context.Background(), dir, store)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b"}; !slices.Equal(report.Imported, want) {
		t.Errorf("imported %v, want %v", report.Imported, want)
	}
	if len(report.Refused) != 4 {
		t.Errorf("refused %v, want 4 files", report.Refused)
	}
	for _, refused := range report.Refused {
		if name := filepath.Base(refused.Path); !strings.Contains(refused.Err.Error(), strings.TrimSuffix(name, filepath.Ext(name))) {
			t.Errorf("refusal of %s: %v", name, refused.Err)
		}
	}
	if report.Rounding <= 0 || report.Rounding > 0.1/2048 {
		t.Errorf("rounding %v, want that of 0.1", report.Rounding)
	}
	list, err := store.List(foreign)
	if err != nil || len(list) != 2 {
		t.Errorf("stored %v, %v", list, err)
	}
	f, err := store.Read(Header{VideoID: "a", Stream: Clip, Space: foreign})
	if err != nil || f.Spans[1] != (sightline.Span{Start: 1.5, End: 3}) {
		t.Errorf("read %+v, %v", f, err)
	}

	if _, err := im.ImportFolder(context.Background(), t.TempDir(), store); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("empty folder: %v", err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := im.ImportFolder(stopped, dir, store); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
