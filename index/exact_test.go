package index

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sightline"
	"sightline/index/scan"
)

var testSpace = sightline.Space{
	Video: sightline.ModelID{Name: "test", Hash: "0123456789abcdef"}, Preprocess: "none", Sampling: "1fps",
}

// bruteForce returns the best k rows by Dot with every row.
func bruteForce(rows []Row, vectors sightline.Matrix, query []float32, k int) []Scored {
	all := make([]Scored, len(rows))
	for i, row := range rows {
		all[i] = Scored{Row: row, Score: Dot(vectors.Row(i), query)}
	}
	slices.SortFunc(all, func(a, b Scored) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
	})
	return all[:min(k, len(all))]
}

// plainRows names n rows, in an order of IDs that is not that of the rows.
func plainRows(rng *rand.Rand, n int) []Row {
	rows := make([]Row, n)
	for i, id := range rng.Perm(n) {
		rows[i] = Row{ID: uint64(id), VideoID: fmt.Sprint("v", i/20), Span: sightline.Span{Start: float64(i), End: float64(i + 1)}}
	}
	return rows
}

func gaussian(rng *rand.Rand, rows, dim int) sightline.Matrix {
	m := sightline.NewMatrix(rows, dim)
	for i := range m.Data {
		m.Data[i] = float32(rng.NormFloat64())
	}
	return m
}

func normalise(m sightline.Matrix) sightline.Matrix {
	for i := range m.Rows {
		if n := norm(m.Row(i)); n > 0 {
			for j := range m.Row(i) {
				m.Row(i)[j] = float32(float64(m.Row(i)[j]) / n)
			}
		}
	}
	return m
}

// datasets are rows that make a quantised search go wrong in different ways.
var datasets = map[string]func(rng *rand.Rand, n, dim int) sightline.Matrix{
	"random": func(rng *rand.Rand, n, dim int) sightline.Matrix { return normalise(gaussian(rng, n, dim)) },
	"clustered": func(rng *rand.Rand, n, dim int) sightline.Matrix {
		centres, m := gaussian(rng, 8, dim), gaussian(rng, n, dim)
		for i := range n {
			for j := range m.Row(i) {
				m.Row(i)[j] = centres.At(i%8, j) + 0.05*m.Row(i)[j]
			}
		}
		return normalise(m)
	},
	"near ties": func(rng *rand.Rand, n, dim int) sightline.Matrix { // far closer than one step of the codes
		one, m := gaussian(rng, 1, dim), gaussian(rng, n, dim)
		for i := range n {
			for j := range m.Row(i) {
				m.Row(i)[j] = one.Data[j] + 1e-6*m.Row(i)[j]
			}
		}
		return normalise(m)
	},
	"last bits": func(rng *rand.Rand, n, dim int) sightline.Matrix { // neighbours in float32
		one, m := gaussian(rng, 1, dim), sightline.NewMatrix(n, dim)
		for i := range n {
			copy(m.Row(i), one.Data)
			j := rng.IntN(dim)
			m.Row(i)[j] = math.Nextafter32(m.Row(i)[j], float32(rng.IntN(3)-1)*1e9)
		}
		return m
	},
	"duplicates": func(rng *rand.Rand, n, dim int) sightline.Matrix {
		few, m := normalise(gaussian(rng, 5, dim)), sightline.NewMatrix(n, dim)
		for i := range n {
			copy(m.Row(i), few.Row(rng.IntN(5)))
		}
		return m
	},
	"outlier dimensions": func(rng *rand.Rand, n, dim int) sightline.Matrix { // as CLIP's
		m := gaussian(rng, n, dim)
		for i := range n {
			m.Row(i)[dim/2] += 40
			m.Row(i)[dim-1] *= 30
		}
		return normalise(m)
	},
	"all sizes": func(rng *rand.Rand, n, dim int) sightline.Matrix {
		m := gaussian(rng, n, dim)
		for i := range n {
			size := float32(math.Pow(10, float64(rng.IntN(16)-8)))
			for j := range m.Row(i) {
				m.Row(i)[j] *= size
			}
		}
		return m
	},
	"huge":      func(rng *rand.Rand, n, dim int) sightline.Matrix { return scaled(gaussian(rng, n, dim), 1e12) },
	"subnormal": func(rng *rand.Rand, n, dim int) sightline.Matrix { return scaled(gaussian(rng, n, dim), 1e-43) },
	"zeros":     func(rng *rand.Rand, n, dim int) sightline.Matrix { return sightline.NewMatrix(n, dim) },
	"one-hot": func(rng *rand.Rand, n, dim int) sightline.Matrix {
		m := sightline.NewMatrix(n, dim)
		for i := range n {
			m.Row(i)[rng.IntN(dim)] = float32(1 - 2*rng.IntN(2))
		}
		return m
	},
}

func scaled(m sightline.Matrix, by float32) sightline.Matrix {
	for i := range m.Data {
		m.Data[i] *= by
	}
	return m
}

// testQueries are random ones, rows themselves, and ones that are hard to quantise.
func testQueries(rng *rand.Rand, rows sightline.Matrix) sightline.Matrix {
	q := gaussian(rng, 7, rows.Cols)
	normalise(sightline.Matrix{Rows: 1, Cols: q.Cols, Data: q.Row(0)})
	copy(q.Row(1), rows.Row(rows.Rows/2))
	q.Row(2)[0] = 1e6 // all others far below one step
	for j := range q.Cols {
		q.Row(3)[j] *= 1e-42
		q.Row(4)[j] *= 1e12
		q.Row(5)[j] = 0
		q.Row(6)[j] = 1 // a sum of codes at its limit
	}
	return q
}

// TestExact compares the search with a loop over all float32 rows: same rows, same order, same bits of the scores.
func TestExact(t *testing.T) {
	for name, make := range datasets {
		for _, shape := range [][2]int{{1500, 64}, {300, 512}, {400, 1}, {300, 63}, {300, 65}, {100, 2100}} {
			t.Run(fmt.Sprintf("%s/%dx%d", name, shape[0], shape[1]), func(t *testing.T) {
				t.Parallel()
				rng := rand.New(rand.NewPCG(1, uint64(shape[1])))
				vectors := make(rng, shape[0], shape[1])
				rows := plainRows(rng, shape[0])
				x := NewMemory(testSpace)
				defer x.Close()
				half := sightline.Matrix{Rows: shape[0] / 3, Cols: shape[1], Data: vectors.Data[:shape[0]/3*shape[1]]}
				rest := sightline.Matrix{Rows: shape[0] - half.Rows, Cols: shape[1], Data: vectors.Data[len(half.Data):]}
				for _, err := range []error{
					x.Add(t.Context(), rows[:half.Rows], half), x.Publish(t.Context()),
					x.Add(t.Context(), rows[half.Rows:], rest), x.Publish(t.Context()),
				} {
					if err != nil {
						t.Fatal(err)
					}
				}
				queries := testQueries(rng, vectors)
				for i := range queries.Rows {
					want := bruteForce(rows, vectors, queries.Row(i), 100)
					for _, k := range []int{1, 10, 100} {
						got, err := x.Search(t.Context(), queries.Row(i), k, Filter{})
						if err != nil {
							t.Fatal(err)
						}
						if !slices.Equal(got, want[:k]) {
							t.Fatalf("query %d, k = %d: differs from the loop over all rows:\n got %v\nwant %v", i, k, got, want[:k])
						}
					}
				}
			})
		}
	}
}

// TestExactOnEveryKernel runs one search through each kernel of this machine.
func TestExactOnEveryKernel(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	vectors := datasets["clustered"](rng, 2000, 100)
	rows := plainRows(rng, vectors.Rows)
	segment := buildSegment(t, rows, vectors)
	query := normalise(gaussian(rng, 1, 100)).Row(0)
	want := bruteForce(rows, vectors, query, 25)
	for _, kernel := range scan.Kernels() {
		s := newSweep([]*part{newPart(segment, nil)}, [][]float32{query}, 25, Filter{})
		s.kernel = kernel
		got, err := s.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got[0], want) {
			t.Errorf("%s: got %v, want %v", kernel.Name, got[0], want)
		}
	}
}

// TestFloat32BruteForce compares with a search that sums in float32, as other programs do: the same rows, wherever the
// rounding of float32 leaves no doubt.
func TestFloat32BruteForce(t *testing.T) {
	const k, doubt = 20, 2e-6
	rng := rand.New(rand.NewPCG(3, 3))
	vectors := datasets["random"](rng, 3000, 512)
	rows := plainRows(rng, vectors.Rows)
	x := []*part{newPart(buildSegment(t, rows, vectors), nil)}
	for range 5 {
		query := normalise(gaussian(rng, 1, 512)).Row(0)
		type scored struct {
			id    uint64
			score float32
		}
		want := make([]scored, len(rows))
		for i := range rows {
			want[i].id = rows[i].ID
			for j, v := range vectors.Row(i) {
				want[i].score += v * query[j]
			}
		}
		slices.SortFunc(want, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
		got, err := search(t.Context(), x, [][]float32{query}, k, Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for i, g := range got[0] {
			clear := want[i].score-want[i+1].score > doubt && (i == 0 || want[i-1].score-want[i].score > doubt)
			if clear && g.ID != want[i].id {
				t.Errorf("rank %d is row %d (%v), in float32 it is row %d (%v)", i, g.ID, g.Score, want[i].id, want[i].score)
			}
			if math.Abs(g.Score-float64(want[i].score)) > doubt {
				t.Errorf("rank %d scores %v, in float32 %v", i, g.Score, want[i].score)
			}
		}
	}
}

// TestBounds checks what exactness rests on, row by row, and that the float32 test of the kernels lets no row go that
// the bounds keep.
func TestBounds(t *testing.T) {
	for name, make := range datasets {
		for _, dim := range []int{1, 48, 512, 2100} {
			rng := rand.New(rand.NewPCG(4, uint64(dim)))
			vectors := make(rng, 120, dim)
			s := buildSegment(t, plainRows(rng, vectors.Rows), vectors)
			queries := testQueries(rng, vectors)
			dots := [1]int32{}
			for i := range queries.Rows {
				p := newProbe(queries.Row(i))
				offset := Dot(s.centre, p.vector)
				for row := range s.rows {
					scan.Best().Dots(dots[:], s.codes[row*s.width:][:s.width], p.codes)
					lower, upper := p.bounds(offset, dots[0], s.scale[row], s.radius[row])
					if score := Dot(s.vector(row), p.vector); !(lower <= score && score <= upper) {
						t.Fatalf("%s, dimension %d, query %d, row %d: score %v is not in [%v, %v]", name, dim, i, row, score, lower, upper)
					}
					for _, floor := range []float64{upper, math.Nextafter(upper, math.Inf(-1)), lower, math.Inf(-1)} {
						if !p.coarse(offset, floor).Reaches(dots[0], s.scale[row], s.radius[row]) {
							t.Fatalf("%s, dimension %d, query %d, row %d: upper end %v misses the floor %v", name, dim, i, row, upper, floor)
						}
					}
				}
			}
		}
	}
}

// TestFewCandidates keeps the bound tight: on random and on CLIP-like rows hardly any row needs its true score.
func TestFewCandidates(t *testing.T) {
	for _, name := range []string{"random", "outlier dimensions", "one-hot"} {
		rng := rand.New(rand.NewPCG(5, 5))
		vectors := datasets[name](rng, 5000, 512)
		s := newSweep([]*part{newPart(buildSegment(t, plainRows(rng, vectors.Rows), vectors), nil)},
			[][]float32{normalise(gaussian(rng, 1, 512)).Row(0)}, 10, Filter{})
		if err := s.scan(t.Context()); err != nil {
			t.Fatal(err)
		}
		reach := 0
		for _, c := range s.queries[0].candidates {
			if c.upper >= s.queries[0].floor.Value() {
				reach++
			}
		}
		t.Logf("%s: %d of %d rows may be among the best 10", name, reach, vectors.Rows)
		if reach > vectors.Rows/50 {
			t.Errorf("%s: the bound leaves %d of %d rows", name, reach, vectors.Rows)
		}
	}
}

func buildSegment(t testing.TB, rows []Row, vectors sightline.Matrix) *segment {
	t.Helper()
	x := NewMemory(testSpace)
	if err := x.Add(t.Context(), rows, vectors); err != nil {
		t.Fatal(err)
	}
	if err := x.draft.flush(1); err != nil {
		t.Fatal(err)
	}
	if len(x.draft.parts) != 1 {
		t.Fatalf("%d segments, want one", len(x.draft.parts))
	}
	return x.draft.parts[0].segment
}
