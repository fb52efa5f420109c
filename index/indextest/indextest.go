// Package indextest holds what every implementation of index.Index must do, as a test that an implementation's own test
// calls: see Run. Scores are compared with a loop over all rows to within float32 rounding, so an implementation may
// compute in float32; which rows are best, and their order, must be right wherever that rounding leaves no doubt.
package indextest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"sightline"
	"sightline/index"
)

// Space is the space of the indexes that Run asks for.
var Space = sightline.Space{
	Video:      sightline.ModelID{Name: "indextest", Hash: "0123456789abcdef"},
	Text:       sightline.ModelID{Name: "indextest", Hash: "fedcba9876543210"},
	Preprocess: "none",
	Sampling:   "1fps",
}

// Run tests an implementation. open returns an empty index of the given space, which Run closes.
func Run(t *testing.T, open func(t *testing.T, space sightline.Space) index.Index) {
	for name, test := range map[string]func(*subject){
		"Empty":              (*subject).testEmpty,
		"BestRows":           (*subject).testBestRows,
		"TiesInOrderOfID":    (*subject).testTies,
		"PublishShowsAll":    (*subject).testPublish,
		"SnapshotStays":      (*subject).testSnapshot,
		"DeleteAndAddAgain":  (*subject).testDelete,
		"Filter":             (*subject).testFilter,
		"RefusesBadRows":     (*subject).testBadRows,
		"RefusesBadQueries":  (*subject).testBadQueries,
		"StopsWithContext":   (*subject).testContext,
		"SearchWhileChanged": (*subject).testConcurrency,
		"Closed":             (*subject).testClosed,
	} {
		t.Run(name, func(t *testing.T) {
			x := open(t, Space)
			t.Cleanup(func() { x.Close() })
			test(&subject{T: t, Index: x, rng: rand.New(rand.NewPCG(2026, uint64(len(name))))})
		})
	}
}

// subject is an index under test, beside a plain list of what it should hold.
type subject struct {
	*testing.T
	index.Index
	rng    *rand.Rand
	nextID uint64
}

// entry is a row with its vector.
type entry struct {
	index.Row
	vector []float32
}

const dim = 48

// batch makes n random rows of length one for each video, of two kinds in turn.
func (s *subject) batch(n int, videos ...string) []entry {
	var batch []entry
	for _, video := range videos {
		for i := range n {
			s.nextID++
			batch = append(batch, entry{
				Row: index.Row{
					ID: s.nextID, VideoID: video, Kind: []string{"frame", "subtitle"}[i%2],
					Span: sightline.Span{Start: float64(i), End: float64(i) + 2.5},
				},
				vector: s.vector(),
			})
		}
	}
	return batch
}

func (s *subject) vector() []float32 {
	v, sum := make([]float32, dim), 0.0
	for j := range v {
		v[j] = float32(s.rng.NormFloat64())
		sum += float64(v[j]) * float64(v[j])
	}
	for j := range v {
		v[j] /= float32(math.Sqrt(sum))
	}
	return v
}

func split(batch []entry) ([]index.Row, sightline.Matrix) {
	rows, vectors := make([]index.Row, len(batch)), sightline.Matrix{Rows: len(batch), Cols: dim}
	for i, e := range batch {
		rows[i] = e.Row
		vectors.Data = append(vectors.Data, e.vector...)
	}
	return rows, vectors
}

func (s *subject) add(batch []entry) {
	s.Helper()
	rows, vectors := split(batch)
	if err := s.Index.Add(s.Context(), rows, vectors); err != nil {
		s.Fatalf("Add: %v", err)
	}
}

func (s *subject) delete(videos ...string) {
	s.Helper()
	if err := s.Index.Delete(s.Context(), videos...); err != nil {
		s.Fatalf("Delete: %v", err)
	}
}

func (s *subject) publish() {
	s.Helper()
	if err := s.Index.Publish(s.Context()); err != nil {
		s.Fatalf("Publish: %v", err)
	}
}

func (s *subject) snapshot() index.Snapshot {
	s.Helper()
	snapshot, err := s.Index.Snapshot()
	if err != nil {
		s.Fatalf("Snapshot: %v", err)
	}
	s.Cleanup(func() { snapshot.Close() })
	return snapshot
}

// holds fails the test unless in answers random queries as a loop over want does.
func (s *subject) holds(in index.Searcher, want []entry, filter index.Filter) {
	s.Helper()
	for _, k := range []int{1, 7, len(want) + 5} {
		query := s.vector()
		got, err := in.Search(s.Context(), query, k, filter)
		if err != nil {
			s.Fatalf("Search: %v", err)
		}
		if err := compare(got, want, query, k); err != nil {
			s.Fatalf("k = %d: %v", k, err)
		}
	}
}

// compare checks an answer against a loop over all rows.
func compare(got []index.Scored, want []entry, query []float32, k int) error {
	const rounding = 1e-5
	if len(got) != min(k, len(want)) {
		return fmt.Errorf("got %d rows, want %d", len(got), min(k, len(want)))
	}
	scores := map[uint64]float64{}
	byID := map[uint64]entry{}
	for _, e := range want {
		byID[e.ID] = e
		for j, v := range e.vector {
			scores[e.ID] += float64(v) * float64(query[j])
		}
	}
	ranked := slices.SortedFunc(slices.Values(want), func(a, b entry) int {
		return cmp.Or(cmp.Compare(scores[b.ID], scores[a.ID]), cmp.Compare(a.ID, b.ID))
	})
	for i, g := range got {
		e, known := byID[g.ID]
		switch {
		case !known:
			return fmt.Errorf("rank %d: row %d should not be there, or not twice", i, g.ID)
		case e.Row != g.Row:
			return fmt.Errorf("rank %d: got %+v, it was added as %+v", i, g.Row, e.Row)
		case math.Abs(g.Score-scores[g.ID]) > rounding:
			return fmt.Errorf("rank %d: row %d scores %v, want %v", i, g.ID, g.Score, scores[g.ID])
		case math.Abs(scores[g.ID]-scores[ranked[i].ID]) > rounding:
			return fmt.Errorf("rank %d: row %d scores %v, but row %d scores %v", i, g.ID, g.Score, ranked[i].ID, scores[ranked[i].ID])
		case i > 0 && (got[i-1].Score < g.Score || got[i-1].Score == g.Score && got[i-1].ID >= g.ID):
			return fmt.Errorf("rank %d: row %d (%v) comes after row %d (%v)", i, g.ID, g.Score, got[i-1].ID, got[i-1].Score)
		}
		delete(byID, g.ID)
	}
	return nil
}

func (s *subject) testEmpty() {
	if got := s.Index.Space(); got != Space {
		s.Errorf("Space is %v, want %v", got, Space)
	}
	s.publish()
	s.add(nil)
	s.delete("nobody")
	s.publish()
	snapshot := s.snapshot()
	if snapshot.Len() != 0 || snapshot.Generation() != 0 {
		s.Errorf("the empty index has %d rows and generation %d", snapshot.Len(), snapshot.Generation())
	}
	s.holds(s.Index, nil, index.Filter{})
	s.holds(snapshot, nil, index.Filter{})
}

func (s *subject) testBestRows() {
	var all []entry
	for i := range 5 {
		batch := s.batch(40, fmt.Sprint("a", i), fmt.Sprint("b", i))
		s.add(batch)
		s.publish()
		all = append(all, batch...)
	}
	s.holds(s.Index, all, index.Filter{})

	snapshot := s.snapshot()
	if snapshot.Len() != len(all) {
		s.Errorf("Len is %d, want %d", snapshot.Len(), len(all))
	}
	queries := sightline.Matrix{Rows: 9, Cols: dim}
	for range queries.Rows {
		queries.Data = append(queries.Data, s.vector()...)
	}
	answers, err := snapshot.SearchAll(s.Context(), queries, 10, index.Filter{})
	if err != nil || len(answers) != queries.Rows {
		s.Fatalf("SearchAll: %d answers, %v", len(answers), err)
	}
	for i, got := range answers {
		if err := compare(got, all, queries.Row(i), 10); err != nil {
			s.Errorf("query %d of SearchAll: %v", i, err)
		}
	}
}

func (s *subject) testTies() {
	batch := s.batch(8, "v", "w", "x")
	for i := range batch {
		batch[i].ID = uint64(1000 - 7*i)
		batch[i].vector = batch[0].vector
	}
	s.add(batch[:9])
	s.publish()
	s.add(batch[9:])
	s.publish()
	s.holds(s.Index, batch, index.Filter{})
	got, err := s.Index.Search(s.Context(), batch[0].vector, 5, index.Filter{})
	if err != nil {
		s.Fatal(err)
	}
	for i, g := range got {
		if want := batch[len(batch)-1-i].ID; g.ID != want {
			s.Errorf("rank %d of equal rows is row %d, want %d", i, g.ID, want)
		}
	}
}

func (s *subject) testPublish() {
	one, two := s.batch(10, "one"), s.batch(10, "two")
	s.add(one)
	s.holds(s.Index, nil, index.Filter{})
	s.publish()
	first := s.snapshot().Generation()
	s.holds(s.Index, one, index.Filter{})

	s.add(two)
	s.delete("one")
	s.holds(s.Index, one, index.Filter{})
	s.publish()
	s.holds(s.Index, two, index.Filter{})
	if second := s.snapshot().Generation(); second <= first {
		s.Errorf("generation %d follows generation %d", second, first)
	}
}

func (s *subject) testSnapshot() {
	one := s.batch(30, "one", "two")
	s.add(one)
	s.publish()
	old := s.snapshot()
	later := one[:30]
	for i := range 6 {
		batch := s.batch(20, fmt.Sprint("more", i))
		s.add(batch)
		s.delete("two")
		s.publish()
		later = append(later[:len(later):len(later)], batch...)
	}
	s.holds(old, one, index.Filter{})
	s.holds(s.Index, later, index.Filter{})
	if old.Len() != len(one) {
		s.Errorf("the old generation has %d rows, want %d", old.Len(), len(one))
	}
	if err := old.Close(); err != nil {
		s.Errorf("Close: %v", err)
	}
	if _, err := old.Search(s.Context(), s.vector(), 1, index.Filter{}); !errors.Is(err, index.ErrClosed) {
		s.Errorf("a closed snapshot answers with %v", err)
	}
	s.holds(s.Index, later, index.Filter{})
}

func (s *subject) testDelete() {
	one, two, three := s.batch(12, "one"), s.batch(12, "two"), s.batch(12, "three")
	s.add(slices.Concat(one, two))
	s.publish()
	s.add(three)
	s.delete("one", "three", "nobody") // published and not yet published
	s.publish()
	s.holds(s.Index, two, index.Filter{})

	s.delete("two")
	s.add(two) // the same IDs again
	s.add(three[:5])
	s.publish()
	s.holds(s.Index, slices.Concat(two, three[:5]), index.Filter{})

	s.delete("two", "three")
	s.publish()
	s.holds(s.Index, nil, index.Filter{})
	s.add(one)
	s.publish()
	s.holds(s.Index, one, index.Filter{})
}

func (s *subject) testFilter() {
	all := s.batch(30, "a", "b", "c", "d")
	s.add(all[:50])
	s.publish()
	s.add(all[50:])
	s.publish()
	late := func(r index.Row) bool { return r.Span.Start >= 17 }
	for name, f := range map[string]index.Filter{
		"videos":       {Videos: []string{"b", "d", "nobody"}},
		"kinds":        {Kinds: []string{"subtitle"}},
		"keep":         {Keep: late},
		"all of them":  {Videos: []string{"a", "c"}, Kinds: []string{"frame", "other"}, Keep: late},
		"unknown":      {Videos: []string{"nobody"}},
		"no videos":    {Videos: []string{}},
		"no kinds":     {Kinds: []string{}},
		"nothing kept": {Keep: func(index.Row) bool { return false }},
	} {
		want := slices.DeleteFunc(slices.Clone(all), func(e entry) bool {
			return f.Videos != nil && !slices.Contains(f.Videos, e.VideoID) ||
				f.Kinds != nil && !slices.Contains(f.Kinds, e.Kind) ||
				f.Keep != nil && !f.Keep(e.Row)
		})
		s.Run(name, func(t *testing.T) {
			one := *s
			one.T = t
			one.holds(s.Index, want, f)
		})
	}
}

func (s *subject) testBadRows() {
	good := s.batch(4, "good")
	s.add(good)
	s.publish()
	pending := s.batch(4, "pending")
	s.add(pending)

	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for name, spoil := range map[string]func(rows []index.Row, m *sightline.Matrix) []index.Row{
		"NaN":                   func(r []index.Row, m *sightline.Matrix) []index.Row { m.Data[dim+3] = nan; return r },
		"infinity":              func(r []index.Row, m *sightline.Matrix) []index.Row { m.Data[2*dim] = inf; return r },
		"too long":              func(r []index.Row, m *sightline.Matrix) []index.Row { m.Data[1] = 1e30; return r },
		"fewer rows":            func(r []index.Row, m *sightline.Matrix) []index.Row { return r[:2] },
		"short data":            func(r []index.Row, m *sightline.Matrix) []index.Row { m.Data = m.Data[:dim]; return r },
		"other dimension":       func(r []index.Row, m *sightline.Matrix) []index.Row { *m = sightline.NewMatrix(3, dim+1); return r },
		"zero dimensions":       func(r []index.Row, m *sightline.Matrix) []index.Row { *m = sightline.NewMatrix(3, 0); return r },
		"no video id":           func(r []index.Row, m *sightline.Matrix) []index.Row { r[2].VideoID = ""; return r },
		"video id not UTF-8":    func(r []index.Row, m *sightline.Matrix) []index.Row { r[2].VideoID = "\xff"; return r },
		"span backwards":        func(r []index.Row, m *sightline.Matrix) []index.Row { r[1].Span.End = -1; return r },
		"span NaN":              func(r []index.Row, m *sightline.Matrix) []index.Row { r[1].Span.Start = math.NaN(); return r },
		"ID twice":              func(r []index.Row, m *sightline.Matrix) []index.Row { r[2].ID = r[0].ID; return r },
		"ID of a row":           func(r []index.Row, m *sightline.Matrix) []index.Row { r[2].ID = good[1].ID; return r },
		"ID of a row to come":   func(r []index.Row, m *sightline.Matrix) []index.Row { r[2].ID = pending[1].ID; return r },
		"ID of another video's": func(r []index.Row, m *sightline.Matrix) []index.Row { r[0].ID = good[0].ID; return r },
	} {
		rows, vectors := split(s.batch(3, "bad"))
		rows = spoil(rows, &vectors)
		if err := s.Index.Add(s.Context(), rows, vectors); err == nil {
			s.Errorf("%s: Add took it", name)
		}
	}
	s.publish()
	s.holds(s.Index, slices.Concat(good, pending), index.Filter{})
}

func (s *subject) testBadQueries() {
	batch := s.batch(4, "v")
	s.add(batch)
	s.publish()
	nan, inf := s.vector(), s.vector()
	nan[5], inf[0] = float32(math.NaN()), float32(math.Inf(1))
	for name, query := range map[string][]float32{"NaN": nan, "infinity": inf, "short": nan[:dim-1], "empty": {}, "long": make([]float32, dim+1)} {
		if _, err := s.Index.Search(s.Context(), query, 1, index.Filter{}); err == nil {
			s.Errorf("%s: Search took it", name)
		}
	}
	for _, k := range []int{0, -1} {
		if _, err := s.Index.Search(s.Context(), s.vector(), k, index.Filter{}); err == nil {
			s.Errorf("Search took k = %d", k)
		}
	}
	zero := make([]float32, dim)
	got, err := s.Index.Search(s.Context(), zero, 2, index.Filter{})
	if err != nil {
		s.Fatalf("a query of zeros: %v", err)
	}
	if err := compare(got, batch, zero, 2); err != nil {
		s.Errorf("a query of zeros: %v", err)
	}
}

func (s *subject) testContext() {
	batch := s.batch(4, "v")
	s.add(batch)
	s.publish()
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if _, err := s.Index.Search(ctx, s.vector(), 1, index.Filter{}); !errors.Is(err, context.Canceled) {
		s.Errorf("Search with a cancelled context: %v", err)
	}
	s.holds(s.Index, batch, index.Filter{})
}

// testConcurrency searches while videos come and go: every answer must be a whole generation, which here has ten rows a
// video.
func (s *subject) testConcurrency() {
	s.add(s.batch(10, "v0"))
	s.publish()
	done := make(chan struct{})
	var group sync.WaitGroup
	for range 3 {
		query := s.vector()
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				got, err := s.Index.Search(s.Context(), query, 1000, index.Filter{})
				if err != nil {
					s.Errorf("Search: %v", err)
					return
				}
				count := map[string]int{}
				for _, g := range got {
					count[g.VideoID]++
				}
				for video, n := range count {
					if n != 10 {
						s.Errorf("%d of the 10 rows of %s are visible", n, video)
					}
				}
				if len(count) != 1 {
					s.Errorf("%d videos are visible, there is always one", len(count))
				}
			}
		})
	}
	for i := range 20 {
		s.delete(fmt.Sprint("v", i))
		s.add(s.batch(10, fmt.Sprint("v", i+1)))
		s.publish()
	}
	close(done)
	group.Wait()
}

func (s *subject) testClosed() {
	batch := s.batch(4, "v")
	s.add(batch)
	s.publish()
	snapshot := s.snapshot()
	if err := s.Index.Close(); err != nil {
		s.Fatalf("Close: %v", err)
	}
	if err := s.Index.Close(); err != nil {
		s.Errorf("Close again: %v", err)
	}
	rows, vectors := split(s.batch(1, "w"))
	_, searched := s.Index.Search(s.Context(), s.vector(), 1, index.Filter{})
	_, taken := s.Index.Snapshot()
	for what, err := range map[string]error{
		"Add":      s.Index.Add(s.Context(), rows, vectors),
		"Delete":   s.Index.Delete(s.Context(), "v"),
		"Publish":  s.Index.Publish(s.Context()),
		"Search":   searched,
		"Snapshot": taken,
	} {
		if !errors.Is(err, index.ErrClosed) {
			s.Errorf("%s on a closed index: %v", what, err)
		}
	}
	s.holds(snapshot, batch, index.Filter{})
}
