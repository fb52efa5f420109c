package index

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sightline"
	"sightline/index/scan"
	"sightline/internal/half"
)

// kept returns vectors as an index in float16 keeps them.
func kept(vectors sightline.Matrix) sightline.Matrix {
	m := sightline.NewMatrix(vectors.Rows, vectors.Cols)
	for i, v := range vectors.Data {
		h, _ := half.Narrow(v)
		m.Data[i] = half.Widen(h)
	}
	return m
}

// TestHalfIsExact compares the search with a loop over all rows, rounded.
func TestHalfIsExact(t *testing.T) {
	for _, name := range []string{"random", "clustered", "near ties", "duplicates", "outlier dimensions", "zeros", "one-hot"} {
		rng := rand.New(rand.NewPCG(1, 77))
		vectors := datasets[name](rng, 600, 100)
		rows := plainRows(rng, vectors.Rows)
		x := Layout{Precision: Half}.NewMemory(testSpace)
		must(t, x.Add(t.Context(), rows, vectors), x.Publish(t.Context()))
		queries := testQueries(rng, vectors)
		for i := range queries.Rows {
			got, err := x.Search(t.Context(), queries.Row(i), 50, Filter{})
			must(t, err)
			if want := bruteForce(rows, kept(vectors), queries.Row(i), 50); !slices.Equal(got, want) {
				t.Fatalf("%s, query %d: got %v, want %v", name, i, got, want)
			}
		}
	}
}

// TestCodesAreNearAndStay keeps codes alone: scores are off by no more than quantise promises, and merging segments
// again and again changes none.
func TestCodesAreNearAndStay(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 77))
	vectors := datasets["clustered"](rng, 400, 100)
	rows := plainRows(rng, vectors.Rows)
	x := Layout{Precision: Codes}.NewMemory(testSpace)
	query := normalise(gaussian(rng, 1, 100)).Row(0)
	first := map[uint64]float64{}
	for from := 0; from < 400; from += 20 {
		part := sightline.Matrix{Rows: 20, Cols: 100, Data: vectors.Data[from*100 : (from+20)*100]}
		must(t, x.Add(t.Context(), rows[from:from+20], part), x.Publish(t.Context()))
		found, err := x.Search(t.Context(), query, 1000, Filter{})
		must(t, err)
		if len(found) != from+20 {
			t.Fatalf("%d rows, want %d", len(found), from+20)
		}
		for _, f := range found {
			if before, known := first[f.ID]; known && before != f.Score {
				t.Fatalf("row %d scored %v, now %v", f.ID, before, f.Score)
			}
			first[f.ID] = f.Score
		}
	}
	for i, row := range rows {
		if off := math.Abs(first[row.ID] - Dot(vectors.Row(i), query)); off > 0.01 {
			t.Errorf("row %d is off by %v", row.ID, off)
		}
	}
}

// TestSegments reads rows, notes and products where they lie, before and after a merge and a deletion, and checks the
// bound of every product on every kernel.
func TestSegments(t *testing.T) {
	for _, layout := range []Layout{{Notes: 3}, {Half, 3}, {Codes, 3}} {
		for _, dim := range []int{1, 65, 384} {
			rng := rand.New(rand.NewPCG(3, uint64(dim)))
			x := layout.NewMemory(testSpace)
			want := map[uint64][]float32{}
			for v := range uint64(6) {
				n := 5 + int(v)*7
				vectors, notes := datasets["outlier dimensions"](rng, n, dim), gaussian(rng, n, 3)
				rows, stored := make([]Row, n), vectors
				if layout.Precision == Half {
					stored = kept(vectors)
				}
				for i := range rows {
					rows[i] = Row{ID: v<<32 | uint64(i), VideoID: fmt.Sprint("v", v), Span: sightline.Span{End: 1}}
					if v != 2 {
						want[rows[i].ID] = append(slices.Clone(notes.Row(i)), stored.Row(i)...)
					}
				}
				must(t, x.AddNoted(t.Context(), rows, vectors, notes), x.Publish(t.Context()))
			}
			must(t, x.Delete(t.Context(), "v2"), x.Publish(t.Context()))
			snapshot, err := x.Snapshot()
			must(t, err)
			segments, ok := Segments(snapshot)
			if !ok {
				t.Fatal("a snapshot in memory shows no segments")
			}
			for _, query := range []sightline.Matrix{gaussian(rng, 1, dim), scaled(gaussian(rng, 1, dim), 1e-6)} {
				probe, err := NewProbe(query.Row(0))
				must(t, err)
				seen := 0
				for _, s := range segments {
					seen += checkRowsOf(t, s, probe, want)
				}
				if seen != len(want) {
					t.Errorf("%v: %d rows, want %d", layout, seen, len(want))
				}
			}
			must(t, snapshot.Close())
		}
	}
}

func checkRowsOf(t *testing.T, s Segment, q *Probe, want map[uint64][]float32) (live int) {
	t.Helper()
	dots, bound := make([]int32, s.Len()), q.Bound()
	scan.Best().Dots(dots, s.Codes(0, s.Len()), q.Codes())
	offset, length := s.Centre(q)
	for i := range s.Len() {
		if !s.Live(i) {
			continue
		}
		live++
		row := want[s.Row(i).ID]
		for k := range s.Layout().Notes {
			if got := s.Note(k, i, i+1)[0]; got != row[k] {
				t.Fatalf("note %d of row %d is %v, want %v", k, i, got, row[k])
			}
		}
		scale, radius := float64(s.Scale(i, i+1)[0]), float64(s.Radius(i, i+1)[0])
		middle, reach := offset+bound.Step*scale*float64(dots[i]), bound.Slack*scale+bound.Norm*radius+bound.Rounding*length
		product := float64(s.Product(i, q))
		if math.Abs(product-middle) > reach*(1+1e-9) {
			t.Fatalf("%v: row %d: product %v, bounds %v ± %v", s.Layout(), i, product, middle, reach)
		}
		exact := Dot(row[3:], q.vector)
		near := scan.ProductError(s.Dim()) * norm(row[3:]) * norm(q.vector)
		if s.Layout().Precision == Codes {
			near = 0.02 * norm(row[3:]) * norm(q.vector)
		}
		if math.Abs(product-exact) > near+1e-30 {
			t.Fatalf("%v: row %d: product %v, want %v", s.Layout(), i, product, exact)
		}
	}
	return live
}

func TestLayoutRefuses(t *testing.T) {
	rows, vectors := video("one", 1, 4)
	noted := Layout{Precision: Half, Notes: 1}.NewMemory(testSpace)
	if err := noted.Add(t.Context(), rows, vectors); err == nil {
		t.Error("rows without their notes were added")
	}
	bad := sightline.NewMatrix(4, 1)
	bad.Data[2] = float32(math.NaN())
	if err := noted.AddNoted(t.Context(), rows, vectors, bad); err == nil {
		t.Error("a note that is NaN was added")
	}
	vectors.Data[5] = 70000
	if err := noted.AddNoted(t.Context(), rows, vectors, sightline.NewMatrix(4, 1)); err == nil {
		t.Error("a vector that float16 cannot hold was added")
	}
	dir := t.TempDir()
	if _, err := (Layout{Notes: -1}).OpenWriter(dir, testSpace); err == nil {
		t.Error("there is an index with −1 notes a row")
	}
	w, err := Layout{Precision: Half}.OpenWriter(dir, testSpace)
	must(t, err)
	publish(t, w, "one", 1, 4)
	must(t, w.Close())
	if _, err := OpenWriter(dir, testSpace); err == nil || sightline.TryOf(err) == "" {
		t.Errorf("an index in float16 was opened as one in float32: %v", err)
	}
}

// TestVersion2 reads an index that was written when version 2 of the segments was made.
func TestVersion2(t *testing.T) {
	const dir = "testdata/version2"
	layout := Layout{Precision: Half, Notes: 1}
	rows, vectors := video("one", 1, 12)
	notes := sightline.NewMatrix(12, 1)
	notes.Data[7] = 1.5
	if os.Getenv("SIGHTLINE_UPDATE") != "" {
		w, err := layout.OpenWriter(dir, testSpace)
		must(t, err)
		must(t, w.AddNoted(t.Context(), rows, vectors, notes), w.Publish(t.Context()), w.Close(), os.Remove(filepath.Join(dir, lockFile)))
	}
	r := openReader(t, dir)
	must(t, r.Verify(t.Context()))
	got, err := r.Search(t.Context(), vectors.Row(4), 1, Filter{})
	must(t, err)
	if want := Dot(kept(vectors).Row(4), vectors.Row(4)); len(got) != 1 || got[0].Row != rows[4] || got[0].Score != want {
		t.Errorf("got %+v, want %+v with %v", got, rows[4], want)
	}
	snapshot, err := r.Snapshot()
	must(t, err)
	defer snapshot.Close()
	if s, _ := Segments(snapshot); s[0].Layout() != layout || s[0].Note(0, 7, 8)[0] != 1.5 {
		t.Errorf("layout %v, note %v", s[0].Layout(), s[0].Note(0, 7, 8))
	}
}

// TestPlainStaysVersion1 writes an index without a layout as ever, so that earlier programs read it.
func TestPlainStaysVersion1(t *testing.T) {
	rows, vectors := video("one", 1, 6)
	var file bytes.Buffer
	_, err := writeSegment(&file, testSpace, Layout{}, 32, each(Layout{}, rows, vectors))
	must(t, err)
	if v := file.Bytes()[8]; v != 1 {
		t.Errorf("version %d", v)
	}
}
