package feature

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
)

// sample is the content of testdata/v1.feat; every value is exact in float16.
func sample() Features {
	return Features{
		Header: Header{
			VideoID: "video/ä 1",
			Stream:  Frame,
			Space: sightline.Space{
				Video:      sightline.ModelID{Name: "tiny", Hash: "0123456789abcdef"},
				Preprocess: "rgb-32",
				Sampling:   "1fps",
			},
		},
		Spans: []sightline.Span{{Start: 0, End: 1.04}, {Start: 1.04, End: 2}, {Start: 2, End: 2.5}},
		Rows:  sightline.Matrix{Rows: 3, Cols: 5, Data: []float32{1, -2, 0.5, 65504, 0, 3, 4, 5, 6.25, -7, 0, 0, 0, 0, 5.9604645e-08}},
	}
}

func equal(a, b Features) bool {
	return a.Header == b.Header && slices.Equal(a.Spans, b.Spans) && a.Rows.Rows == b.Rows.Rows &&
		a.Rows.Cols == b.Rows.Cols && slices.Equal(a.Rows.Data, b.Rows.Data)
}

func TestWriteThenRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.feat")
	want := sample()
	if err := Write(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if !equal(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

// TestReadsOldVersions reads files that earlier programs wrote; they stay readable for good.
func TestReadsOldVersions(t *testing.T) {
	got, err := Read("testdata/v1.feat")
	if err != nil {
		t.Fatal(err)
	}
	if want := sample(); !equal(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

func TestRoundingIsFloat16(t *testing.T) {
	f := sample()
	f.Rows.Data[0] = 0.1
	path := filepath.Join(t.TempDir(), "a.feat")
	if err := Write(path, f); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	v := float64(got.Rows.Data[0])
	if v == 0.1 || math.Abs(v-0.1) > 0.1/2048 {
		t.Errorf("0.1 came back as %v", v)
	}
}

func TestFileRows(t *testing.T) {
	file, err := Open("testdata/v1.feat")
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	if file.Len() != 3 || file.Dim() != 5 || !slices.Equal(file.Spans(), want.Spans) {
		t.Errorf("file of shape [%d, %d] with spans %v", file.Len(), file.Dim(), file.Spans())
	}
	if got := file.Row(1, make([]float32, 5)); !slices.Equal(got, want.Rows.Row(1)) {
		t.Errorf("row 1 is %v, want %v", got, want.Rows.Row(1))
	}
	if got := file.Features(1, 3); !equal(got, want.Slice(1, 3)) {
		t.Errorf("rows 1 and 2 are %+v", got)
	}
	for range 2 {
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Features)
		want  string
	}{
		"NaN":           {func(f *Features) { f.Rows.Data[7] = float32(math.NaN()) }, "element (1, 2)"},
		"infinity":      {func(f *Features) { f.Rows.Data[7] = float32(math.Inf(-1)) }, "element (1, 2)"},
		"overflow":      {func(f *Features) { f.Rows.Data[7] = 70000 }, "value 2 of row 1 is 70000"},
		"no rows":       {func(f *Features) { f.Rows, f.Spans = sightline.NewMatrix(0, 5), nil }, "no row"},
		"no width":      {func(f *Features) { f.Rows = sightline.NewMatrix(3, 0) }, "no row"},
		"short data":    {func(f *Features) { f.Rows.Data = f.Rows.Data[1:] }, "hold 14 values"},
		"spans missing": {func(f *Features) { f.Spans = f.Spans[1:] }, "2 spans for 3 rows"},
		"empty span":    {func(f *Features) { f.Spans[1].End = 1.04 }, "row 1 covers"},
		"NaN span":      {func(f *Features) { f.Spans[1].End = math.NaN() }, "row 1 covers"},
		"spans disorder": {func(f *Features) { f.Spans[1], f.Spans[2] = f.Spans[2], f.Spans[1] },
			"row 2 starts at 1.04 s, before"},
		"no id":       {func(f *Features) { f.VideoID = "" }, "id is empty"},
		"id not text": {func(f *Features) { f.VideoID = "\xff" }, "not UTF-8"},
		"stream":      {func(f *Features) { f.Stream = "audio" }, `stream "audio"`},
	} {
		t.Run(name, func(t *testing.T) {
			f, dir := sample(), t.TempDir()
			c.spoil(&f)
			err := Write(filepath.Join(dir, "a.feat"), f)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("the folder holds %v after a refusal", left)
			}
		})
	}
}

func TestWriterGrowsRowByRow(t *testing.T) {
	want := sample()
	path := filepath.Join(t.TempDir(), "a.feat")
	w, err := Create(path, want.Header)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		part := want.Slice(i, i+1)
		if err := w.Append(part.Spans, part.Rows); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is there before Finish: %v", err)
	}
	if w.Len() != 3 {
		t.Errorf("Len is %d", w.Len())
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	sampleBytes, err := os.ReadFile("testdata/v1.feat")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, sampleBytes) {
		t.Error("a file written row by row differs from one written at once")
	}
	if err := w.Append(want.Spans, want.Rows); err == nil {
		t.Error("Append after Finish succeeded")
	}
	if err := w.Finish(); err == nil {
		t.Error("second Finish succeeded")
	}
}

func TestWriterStaysBrokenAfterAnError(t *testing.T) {
	f, dir := sample(), t.TempDir()
	w, err := Create(filepath.Join(dir, "a.feat"), f.Header)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(f.Spans, f.Rows); err != nil {
		t.Fatal(err)
	}
	narrow := sightline.NewMatrix(1, 4)
	if err := w.Append([]sightline.Span{{Start: 3, End: 4}}, narrow); err == nil || !strings.Contains(err.Error(), "width 4 after") {
		t.Errorf("narrow row: %v", err)
	}
	if err := w.Finish(); err == nil {
		t.Error("Finish after an error succeeded")
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("the folder holds %v", left)
	}
}

func TestOpenRefusesDamage(t *testing.T) {
	whole, err := os.ReadFile("testdata/v1.feat")
	if err != nil {
		t.Fatal(err)
	}
	open := func(t *testing.T, data []byte) error {
		path := filepath.Join(t.TempDir(), "a.feat")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		file, err := Open(path)
		if err == nil {
			file.Close()
			t.Fatal("damaged file was opened")
		}
		if !strings.Contains(err.Error(), path) || sightline.TryOf(err) == "" {
			t.Errorf("error %q (try %q) does not name the file and a way out", err, sightline.TryOf(err))
		}
		return err
	}
	for i := range whole {
		damaged := slices.Clone(whole)
		damaged[i] ^= 0x10
		open(t, damaged)
	}
	for n := range whole {
		open(t, whole[:n])
	}
	newer := slices.Clone(whole)
	newer[8] = version + 1
	err = open(t, newer)
	if !strings.Contains(err.Error(), "newer") || !strings.Contains(sightline.TryOf(err), "update") {
		t.Errorf("newer version: %v, try %q", err, sightline.TryOf(err))
	}
}

func TestOpenMissing(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "absent.feat")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder was opened as features")
	}
}

func TestWindows(t *testing.T) {
	for _, c := range []struct {
		rows, size, overlap int
		want                [][2]int
	}{
		{1, 12, 6, [][2]int{{0, 1}}},
		{12, 12, 6, [][2]int{{0, 12}}},
		{13, 12, 6, [][2]int{{0, 12}, {6, 13}}},
		{18, 12, 6, [][2]int{{0, 12}, {6, 18}}},
		{25, 12, 6, [][2]int{{0, 12}, {6, 18}, {12, 24}, {18, 25}}},
		{4, 2, 0, [][2]int{{0, 2}, {2, 4}}},
	} {
		f := Features{Rows: sightline.NewMatrix(c.rows, 2)}
		f.Spans, _ = Grid(c.rows, 1)
		var got [][2]int
		for _, w := range f.Windows(c.size, c.overlap) {
			span := w.Span()
			got = append(got, [2]int{int(span.Start), int(span.End)})
			if w.Rows.Rows != int(span.Length()) || len(w.Rows.Data) != 2*w.Rows.Rows {
				t.Errorf("window %v has %d rows", span, w.Rows.Rows)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d rows in windows of %d overlapping by %d: %v, want %v", c.rows, c.size, c.overlap, got, c.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	whole, err := os.ReadFile("testdata/v1.feat")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:40])
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, sealed(data)} {
			c, err := parse(data)
			if err != nil {
				continue
			}
			file := File{Header: c.header, spans: c.spans, dim: c.dim, rows: c.rows}
			all := file.Features(0, file.Len())
			if err := all.Check(); err != nil {
				t.Fatalf("parsed, but unfit: %v", err)
			}
			if _, err := json.Marshal(headerJSON{c.header.VideoID, c.header.Stream, c.header.Space}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// sealed gives data a valid checksum, so that fuzzing reaches what lies behind it.
func sealed(data []byte) []byte {
	if len(data) < 8 {
		return data
	}
	body := slices.Clone(data[:len(data)-8])
	return appendEnd(body, checksum(body))
}

// BenchmarkRead opens the features of an hour of video at one frame a second, 512 wide, and widens all rows.
func BenchmarkRead(b *testing.B) {
	f := Features{Header: sample().Header, Rows: sightline.NewMatrix(3600, 512)}
	f.Spans, _ = Grid(3600, 1)
	for i := range f.Rows.Data {
		f.Rows.Data[i] = float32(i%1000)/500 - 1
	}
	path := filepath.Join(b.TempDir(), "hour.feat")
	if err := Write(path, f); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(2 * 3600 * 512)
	for b.Loop() {
		if _, err := Read(path); err != nil {
			b.Fatal(err)
		}
	}
}
