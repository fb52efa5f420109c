package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
)

// video returns n rows of one video with vectors made from the seed; the IDs start at 1000·seed.
func video(id string, seed uint64, n int) ([]Row, sightline.Matrix) {
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = Row{ID: 1000*seed + uint64(i), VideoID: id, Kind: "frame", Span: sightline.Span{Start: float64(i), End: float64(i + 1)}}
	}
	return rows, normalise(gaussian(rand.New(rand.NewPCG(seed, 0)), n, 32))
}

func openWriter(t *testing.T, dir string) *Writer {
	t.Helper()
	w, err := OpenWriter(dir, testSpace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func openReader(t *testing.T, dir string) *Reader {
	t.Helper()
	r, err := Open(dir, testSpace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// publish adds one video and publishes.
func publish(t *testing.T, x Index, id string, seed uint64, n int) {
	t.Helper()
	rows, vectors := video(id, seed, n)
	must(t, x.Add(t.Context(), rows, vectors), x.Publish(t.Context()))
}

// videosIn counts the rows of every video.
func videosIn(t testing.TB, x Searcher) map[string]int {
	t.Helper()
	query := make([]float32, 32)
	query[0] = 1
	got, err := x.Search(context.Background(), query, 1<<20, Filter{})
	must(t, err)
	count := map[string]int{}
	for _, g := range got {
		count[g.VideoID]++
	}
	return count
}

func wantVideos(t *testing.T, x Searcher, want map[string]int) {
	t.Helper()
	if got := videosIn(t, x); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the index holds %v, want %v", got, want)
	}
}

func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "an [odd] folder", "index")
	w := openWriter(t, dir)
	publish(t, w, "one", 1, 10)
	publish(t, w, "two", 2, 20)
	rows, vectors := video("lost", 3, 5)
	must(t, w.Add(t.Context(), rows, vectors), w.Close())

	r := openReader(t, dir)
	wantVideos(t, r, map[string]int{"one": 10, "two": 20})
	w = openWriter(t, dir)
	wantVideos(t, w, map[string]int{"one": 10, "two": 20})
	snapshot, err := w.Snapshot()
	must(t, err)
	if snapshot.Generation() != 2 || snapshot.Len() != 30 {
		t.Errorf("generation %d with %d rows, want 2 with 30", snapshot.Generation(), snapshot.Len())
	}
	must(t, w.Delete(t.Context(), "one"), w.Publish(t.Context()), r.Verify(t.Context()))
	wantVideos(t, r, map[string]int{"two": 20})
	wantVideos(t, snapshot, map[string]int{"one": 10, "two": 20})
	must(t, snapshot.Close())

	rows, vectors = video("three", 2, 1) // row IDs of two
	if err := w.Add(t.Context(), rows, vectors); err == nil || sightline.TryOf(err) == "" {
		t.Errorf("an ID that a reopened index holds: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	empty := t.TempDir()
	_, err := Open(empty, testSpace)
	if !errors.Is(err, fs.ErrNotExist) || sightline.KindOf(err) != sightline.NotReady {
		t.Errorf("an empty folder: %v", err)
	}

	dir := t.TempDir()
	w := openWriter(t, dir)
	publish(t, w, "one", 1, 10)
	if _, err := OpenWriter(dir, testSpace); err == nil || sightline.TryOf(err) == "" {
		t.Errorf("a second writer: %v", err)
	}
	must(t, w.Close())

	other := testSpace
	other.Head = sightline.ModelID{Name: "meanp", Hash: "aaaaaaaaaaaaaaaa"}
	_, readErr := Open(dir, other)
	_, writeErr := OpenWriter(dir, other)
	for _, err := range []error{readErr, writeErr} {
		if err == nil || !strings.Contains(err.Error(), testSpace.String()) || !strings.Contains(err.Error(), other.String()) {
			t.Errorf("another space: %v, want an error that names both", err)
		}
	}
	openWriter(t, dir) // the failed one has given the lock back
}

// TestReaderFollows publishes under a reader whose files disappear meanwhile.
func TestReaderFollows(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, dir)
	publish(t, w, "v0", 1, 10)
	r := openReader(t, dir)
	old, err := r.Snapshot()
	must(t, err)
	for i := range uint64(9) {
		must(t, w.Delete(t.Context(), fmt.Sprint("v", i)))
		publish(t, w, fmt.Sprint("v", i+1), i+2, 10)
		wantVideos(t, r, map[string]int{fmt.Sprint("v", i+1): 10})
	}
	wantVideos(t, old, map[string]int{"v0": 10})
	if got := filesIn(t, dir); len(got) != 3 {
		t.Errorf("the folder holds %v, want lock, manifest and one segment", got)
	}
	must(t, old.Close())
}

// TestMappingsAreGivenBack closes everything and looks at what the process still has mapped.
func TestMappingsAreGivenBack(t *testing.T) {
	if _, err := os.Stat("/proc/self/maps"); err != nil {
		t.Skip("no /proc/self/maps here")
	}
	dir := t.TempDir()
	mapped := func() int {
		maps, err := os.ReadFile("/proc/self/maps")
		must(t, err)
		return bytes.Count(maps, []byte(dir))
	}
	w := openWriter(t, dir)
	publish(t, w, "one", 1, 40)
	publish(t, w, "two", 2, 10)
	r := openReader(t, dir)
	snapshot, err := r.Snapshot()
	must(t, err)
	must(t, w.Delete(t.Context(), "one", "two"))
	publish(t, w, "three", 3, 10)
	wantVideos(t, r, map[string]int{"three": 10})
	if mapped() == 0 {
		t.Error("nothing is mapped while a snapshot is open")
	}
	must(t, snapshot.Close(), w.Close(), r.Close())
	if n := mapped(); n != 0 {
		t.Errorf("%d mappings are left", n)
	}
}

// TestCompaction keeps the number of segments logarithmic and drops what is dead.
func TestCompaction(t *testing.T) {
	w := openWriter(t, t.TempDir())
	want := map[string]int{}
	for i := range uint64(40) {
		id := fmt.Sprint("v", i)
		publish(t, w, id, i+1, 5)
		want[id] = 5
		if n := len(w.draft.parts); n > 7 {
			t.Fatalf("%d segments after %d publications", n, i+1)
		}
	}
	wantVideos(t, w, want)
	rows := func() (all, live int) {
		for _, p := range w.draft.parts {
			all, live = all+p.rows, live+p.live
		}
		return all, live
	}
	for i := range 30 {
		id := fmt.Sprint("v", i)
		must(t, w.Delete(t.Context(), id), w.Publish(t.Context()))
		delete(want, id)
		if all, live := rows(); live != 5*len(want) || all-live > all/4 {
			t.Fatalf("%d of %d rows are alive with %d videos", live, all, len(want))
		}
	}
	wantVideos(t, w, want)
	must(t, w.reader.Verify(t.Context()))
}

// TestPlan checks which neighbours are merged.
func TestPlan(t *testing.T) {
	for _, c := range []struct {
		live []int
		want []int // sizes of the groups
	}{
		{nil, nil},
		{[]int{5}, []int{1}},
		{[]int{8, 4, 2, 1}, []int{1, 1, 1, 1}},
		{[]int{8, 4, 2, 1, 1}, []int{5}},
		{[]int{100, 8, 5}, []int{1, 2}},
		{[]int{10, 100}, []int{2}},
		{[]int{1000, 1000}, []int{1, 1}}, // too many for one segment
		{[]int{1000, 600, 200, 150}, []int{1, 3}},
	} {
		d := draft{dim: 1, fullBytes: 4 * 1000}
		for _, n := range c.live {
			d.parts = append(d.parts, &part{live: n})
		}
		var got []int
		for at, n := range d.plan() {
			if at != len(got) {
				t.Errorf("%v: group %d is at %d", c.live, len(got), at)
			}
			got = append(got, n)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: groups of %v, want %v", c.live, got, c.want)
		}
	}
}

// TestLeftovers leaves what a dying writer leaves.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, dir)
	publish(t, w, "one", 1, 10)
	rows, vectors := video("two", 2, 10)
	must(t, w.Add(t.Context(), rows, vectors), w.draft.flush(1), w.Close())
	for _, name := range []string{segmentFile(77), segmentFile(78) + unfinished, manifestFile + unfinished} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o644))
	}
	must(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("somebody else's"), 0o644))
	wantVideos(t, openReader(t, dir), map[string]int{"one": 10})

	w = openWriter(t, dir)
	wantVideos(t, w, map[string]int{"one": 10})
	if got, want := filesIn(t, dir), []string{segmentFile(1), lockFile, manifestFile, "notes.txt"}; !slices.Equal(got, want) {
		t.Errorf("the folder holds %v, want %v", got, want)
	}
	publish(t, w, "two", 2, 10)
	wantVideos(t, w, map[string]int{"one": 10, "two": 10})
}

// TestPublishRetries makes Publish fail before the manifest, and then lets it pass.
func TestPublishRetries(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, dir)
	publish(t, w, "one", 1, 10)
	rows, vectors := video("two", 2, 10)
	must(t, w.Add(t.Context(), rows, vectors))
	block := filepath.Join(dir, manifestFile+unfinished) // a folder where the new manifest must go
	must(t, os.MkdirAll(filepath.Join(block, "x"), 0o755))
	if err := w.Publish(t.Context()); err == nil {
		t.Fatal("Publish passed")
	}
	wantVideos(t, w, map[string]int{"one": 10})
	must(t, os.RemoveAll(block), w.Publish(t.Context()))
	wantVideos(t, w, map[string]int{"one": 10, "two": 10})
}

// TestManySegments adds more than a full segment holds before one Publish. Videos stay whole.
func TestManySegments(t *testing.T) {
	w := openWriter(t, t.TempDir())
	w.draft.fullBytes = 100 * 32 * 4 // one hundred rows
	want := map[string]int{}
	for i, n := range []int{60, 350, 20, 5} {
		id := fmt.Sprint("v", i)
		rows, vectors := video(id, uint64(i+1), n)
		must(t, w.Add(t.Context(), rows, vectors))
		want[id] = n
	}
	must(t, w.Delete(t.Context(), "v2"))
	delete(want, "v2")
	must(t, w.Publish(t.Context()))
	var sizes []int
	for _, p := range w.draft.parts {
		sizes = append(sizes, p.rows)
	}
	if !slices.Equal(sizes, []int{60, 350, 5}) {
		t.Errorf("segments of %v rows, want 60, 350, 5", sizes)
	}
	wantVideos(t, w, want)
}

// TestDamage changes and cuts every kind of file, and wants to hear of it, not to see other rows.
func TestDamage(t *testing.T) {
	fresh := func(t *testing.T) (dir, segment string) {
		dir = t.TempDir()
		w := openWriter(t, dir)
		publish(t, w, "one", 1, 40)
		must(t, w.Close())
		return dir, filepath.Join(dir, segmentFile(1))
	}
	change := func(t *testing.T, path string, change func([]byte) []byte) {
		data, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, change(data), 0o644))
	}
	flipAt := func(share float64) func([]byte) []byte {
		return func(data []byte) []byte {
			data[int(share*float64(len(data)-1))] ^= 0x40
			return data
		}
	}
	cut := func(data []byte) []byte { return data[:len(data)-3] }
	for name, spoil := range map[string]struct {
		file   string
		change func([]byte) []byte
	}{
		"manifest changed":  {manifestFile, flipAt(0.5)},
		"manifest cut":      {manifestFile, cut},
		"manifest empty":    {manifestFile, func([]byte) []byte { return nil }},
		"segment head":      {segmentFile(1), flipAt(0.001)},
		"segment tail":      {segmentFile(1), flipAt(1)},
		"segment cut":       {segmentFile(1), cut},
		"segment empty":     {segmentFile(1), func([]byte) []byte { return nil }},
		"segment's names":   {segmentFile(1), func(d []byte) []byte { d[bytes.LastIndex(d, []byte("one"))] = 'O'; return d }},
		"segment's version": {segmentFile(1), func(d []byte) []byte { d[8]++; return d }},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := fresh(t)
			change(t, filepath.Join(dir, spoil.file), spoil.change)
			_, err := Open(dir, testSpace)
			if err == nil || !strings.Contains(err.Error(), spoil.file) || sightline.TryOf(err) == "" {
				t.Errorf("Open: %v", err)
			}
			if _, err := OpenWriter(dir, testSpace); err == nil {
				t.Error("OpenWriter took it")
			}
		})
	}
	t.Run("segment missing", func(t *testing.T) {
		dir, segment := fresh(t)
		must(t, os.Remove(segment))
		if _, err := Open(dir, testSpace); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open: %v", err)
		}
	})
	for name, share := range map[string]float64{"codes": 0.1, "vectors": 0.5} {
		t.Run(name, func(t *testing.T) {
			dir, segment := fresh(t)
			change(t, segment, flipAt(share))
			r := openReader(t, dir)
			if err := r.Verify(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("Verify: %v", err)
			}
			w := openWriter(t, dir) // merging must not hide it
			rows, vectors := video("two", 2, 30)
			must(t, w.Add(t.Context(), rows, vectors))
			if err := w.Publish(t.Context()); err == nil || !strings.Contains(err.Error(), "damaged") {
				t.Errorf("Publish: %v", err)
			}
		})
	}
	t.Run("a vector that its codes contradict", func(t *testing.T) {
		dir, segment := fresh(t)
		change(t, segment, func(data []byte) []byte {
			start, _, _ := head{dim: 32, rows: 40, nameBytes: 0}.layout()
			copy(data[start[vectorsSection]:], bytesOf([]float32{5, 5, 5}))
			return data
		})
		r := openReader(t, dir)
		if _, err := r.Search(t.Context(), slices.Repeat([]float32{1}, 32), 40, Filter{}); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("Search: %v", err)
		}
	})
}
