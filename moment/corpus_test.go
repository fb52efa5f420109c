package moment

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"sightline"
	"sightline/align/locate"
	"sightline/index"
)

const testDim = 64

func openWriter(t testing.TB, dir string) *Writer {
	t.Helper()
	w, err := OpenWriter(dir, testSpace, index.Half)
	must(t, err)
	t.Cleanup(func() { w.Close() })
	return w
}

// idsIn returns the videos of a corpus in the order in which they were added: all are alike to a query of zeros.
func idsIn(t testing.TB, c *Corpus) []string {
	t.Helper()
	zeros := make([]float32, testDim)
	q := locate.Query{Gate: [2]float32{1, 0}, Fused: true}
	q.Retrieve, q.Locate = [2][]float32{zeros, zeros}, [2][]float32{zeros, zeros}
	a, err := c.Search(t.Context(), q, Options{Boundary: boundary, Videos: 1000})
	must(t, err)
	var ids []string
	for _, v := range a.Videos {
		ids = append(ids, v.VideoID)
	}
	return ids
}

func wantIDs(t *testing.T, c *Corpus, want ...string) {
	t.Helper()
	if got := idsIn(t, c); !slices.Equal(got, want) {
		t.Errorf("the corpus holds %v, want %v", got, want)
	}
}

func some(rng *rand.Rand, id string, clips int) locate.Clips {
	subtitle := gaussian(rng, clips, testDim)
	return clipsOf(id, gaussian(rng, clips, testDim), &subtitle)
}

// TestCorpusChanges adds, deletes, replaces and publishes under a reader, which sees whole generations only, and in the
// order of adding.
func TestCorpusChanges(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "corpus")
	if _, err := Open(dir, testSpace); !errors.Is(err, fs.ErrNotExist) || sightline.KindOf(err) != sightline.NotReady {
		t.Errorf("a folder that is not there: %v", err)
	}
	rng, w := rand.New(rand.NewPCG(1, 2)), openWriter(t, dir)
	must(t, w.Add(t.Context(), some(rng, "a", 9), some(rng, "b", 4)))
	wantIDs(t, &w.Corpus)
	must(t, w.Publish(t.Context()))
	r, err := Open(dir, testSpace)
	must(t, err)
	defer r.Close()
	wantIDs(t, r, "a", "b")

	must(t, w.Add(t.Context(), some(rng, "c", 30)), w.Delete(t.Context(), "a", "unheard of"))
	wantIDs(t, r, "a", "b")
	old, err := r.open()
	must(t, err)
	must(t, w.Publish(t.Context()))
	wantIDs(t, r, "b", "c")
	if len(old.videos) != 2 || old.videos[0].id != "a" || old.segments[0].Row(0).VideoID != "a" {
		t.Error("a generation in use has changed")
	}
	old.close()

	if err := w.Add(t.Context(), some(rng, "d", 3), some(rng, "b", 3)); err == nil || sightline.TryOf(err) == "" {
		t.Errorf("a video twice: %v", err)
	}
	must(t, w.Delete(t.Context(), "b"), w.Add(t.Context(), some(rng, "b", 5), some(rng, "d", 3)), w.Publish(t.Context()), w.Close())
	wantIDs(t, r, "c", "b", "d")
	if videos, clips, err := r.Size(); videos != 3 || clips != 38 || err != nil {
		t.Errorf("%d videos with %d clips, %v", videos, clips, err)
	}

	w = openWriter(t, dir)
	if err := w.Add(t.Context(), some(rng, "d", 3)); err == nil {
		t.Error("a reopened corpus took a video twice")
	}
	must(t, w.Add(t.Context(), some(rng, "e", 2)), w.Publish(t.Context()))
	wantIDs(t, r, "c", "b", "d", "e")
	must(t, w.Delete(t.Context(), "b", "c", "d", "e"), w.Publish(t.Context()))
	wantIDs(t, r)
}

func TestCorpusRefuses(t *testing.T) {
	dir, rng := t.TempDir(), rand.New(rand.NewPCG(3, 2))
	w := openWriter(t, dir)
	good := some(rng, "good", 6)
	for name, break_ := range map[string]func(c *locate.Clips){
		"no name":                 func(c *locate.Clips) { c.VideoID = "" },
		"no clips":                func(c *locate.Clips) { c.Rows = [2]sightline.Matrix{}; c.Spans = nil },
		"fewer spans":             func(c *locate.Clips) { c.Spans = c.Spans[1:] },
		"spans out of order":      func(c *locate.Clips) { c.Spans[2], c.Spans[3] = c.Spans[3], c.Spans[2] },
		"fewer subtitles":         func(c *locate.Clips) { c.Rows[1] = gaussian(rng, 5, testDim) },
		"NaN":                     func(c *locate.Clips) { c.Rows[1].Data[70] = float32(math.NaN()) },
		"too large for float16":   func(c *locate.Clips) { c.Rows[0].Data[70] = 1e6 },
		"fewer numbers than said": func(c *locate.Clips) { c.Rows[0].Data = c.Rows[0].Data[:100] },
	} {
		bad := some(rng, "bad", 6)
		break_(&bad)
		if err := w.Add(t.Context(), some(rng, "other "+name, 2), bad); err == nil {
			t.Errorf("%s: it was added", name)
		}
	}
	must(t, w.Add(t.Context(), good), w.Publish(t.Context()))
	wantIDs(t, &w.Corpus, "good")
	if err := w.Add(t.Context(), clipsOf("wide", gaussian(rng, 3, testDim+1), nil)); err == nil {
		t.Error("another dimension was added")
	}

	other := testSpace
	other.Head.Hash = "ffffffffffffffff"
	if _, err := Open(dir, other); err == nil {
		t.Error("a corpus of another space was opened")
	}
	must(t, w.Close())
	if _, err := OpenWriter(dir, testSpace, index.Codes); err == nil || sightline.TryOf(err) == "" {
		t.Errorf("a corpus in float16 was opened as one of codes: %v", err)
	}

	c, err := Open(dir, testSpace)
	must(t, err)
	defer c.Close()
	q := ask(rng, testDim, true, nil)
	for name, o := range map[string]Options{
		"no boundary": {}, "even taps": {Boundary: locate.Boundary{Start: make([]float32, 4), End: make([]float32, 5)}},
		"alpha": {Boundary: boundary, Alpha: 200}, "bounds": {Boundary: boundary, Shortest: 9, Longest: 3},
		"overlap": {Boundary: boundary, Window: 10, Overlap: 9}, "videos": {Boundary: boundary, Videos: -1}, "IoU": {Boundary: boundary, Distinct: 2},
	} {
		if _, err := c.Search(t.Context(), q, o); sightline.KindOf(err) != sightline.Usage || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, break_ := range map[string]func(q *locate.Query){
		"dimension": func(q *locate.Query) { q.Locate[1] = q.Locate[1][1:] }, "NaN": func(q *locate.Query) { q.Retrieve[0][3] = float32(math.NaN()) },
		"gates": func(q *locate.Query) { q.Gate = [2]float32{0.5, 0.7} }, "a negative gate": func(q *locate.Query) { q.Gate = [2]float32{1.5, -0.5} },
	} {
		bad := ask(rng, testDim, false, nil)
		break_(&bad)
		if _, err := c.Search(t.Context(), bad, Options{Boundary: boundary}); sightline.KindOf(err) != sightline.Usage || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Within(t.Context(), "unheard of", q, Options{Boundary: boundary}); sightline.KindOf(err) != sightline.NotReady {
		t.Errorf("a video that is not there: %v", err)
	}
}

// TestCorpusDamage changes a byte of every part of a corpus: it is an error, at once or when what is damaged is read.
func TestCorpusDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	dir := t.TempDir()
	w := openWriter(t, dir)
	must(t, w.Add(t.Context(), some(rng, "a", 40), some(rng, "b", 40)), w.Publish(t.Context()), w.Close())
	files, err := filepath.Glob(filepath.Join(dir, "*.segment"))
	must(t, err)
	whole, err := os.ReadFile(files[0])
	must(t, err)
	codes, vectors := 64+160*64, 2*160*64 // head and codes, vectors: what opening does not read
	for at := 0; at < len(whole); at += 97 {
		if at >= 64 && at < codes+vectors {
			continue
		}
		damaged := slices.Clone(whole)
		damaged[at] ^= 0x10
		if slices.Equal(damaged, whole) {
			continue
		}
		must(t, os.WriteFile(files[0], damaged, 0o644))
		c, err := Open(dir, testSpace)
		if err == nil {
			_, err = c.Search(t.Context(), ask(rng, testDim, true, nil), Options{Boundary: boundary})
			c.Close()
		}
		if err == nil && !padding(whole, at) {
			t.Errorf("byte %d of %d was changed, and nobody noticed", at, len(whole))
		}
	}
}

// padding reports whether a byte stands among zeros, as those between sections do, which no checksum covers.
func padding(file []byte, at int) bool {
	from, to := at, at
	for from > 0 && file[from-1] == 0 {
		from--
	}
	for to < len(file) && file[to] == 0 {
		to++
	}
	return file[at] == 0 && to%64 == 0 && to-from < 64
}

// TestCorpusInCodes keeps codes alone: φ and scores are near those of the clips as they were, and the search is exact for
// the clips as they are kept.
func TestCorpusInCodes(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 2))
	clips := worlds["random"](rng, 80, testDim)
	coded, whole := NewMemory(testSpace, index.Codes), NewMemory(testSpace, index.Single)
	must(t, coded.Add(t.Context(), clips...), coded.Publish(t.Context()), whole.Add(t.Context(), clips...), whole.Publish(t.Context()))
	for i := range 40 {
		q := ask(rng, testDim, i%2 == 0, clips)
		few, all := Options{Boundary: boundary, Videos: 10}, Options{Boundary: boundary, Videos: 80}
		got, err := coded.Search(t.Context(), q, few)
		must(t, err)
		everything, err := coded.Search(t.Context(), q, all)
		must(t, err)
		if !reflect.DeepEqual(got.Videos, everything.Videos[:10]) {
			t.Fatalf("query %d: the best 10 of 80 are not the first 10 of all", i)
		}
		exact, err := whole.Search(t.Context(), q, all)
		must(t, err)
		phi := map[string]float64{}
		for _, v := range exact.Videos {
			phi[v.VideoID] = v.Phi
		}
		for _, v := range everything.Videos {
			if off := math.Abs(v.Phi - phi[v.VideoID]); off > 0.01 {
				t.Errorf("query %d, video %s: φ is %v, with the whole clips %v", i, v.VideoID, v.Phi, phi[v.VideoID])
			}
		}
	}
}

// TestOneIsAsMany asks the same queries one by one, in their videos, and all together.
func TestOneIsAsMany(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 2))
	clips := worlds["common part"](rng, 60, testDim)
	w := NewMemory(testSpace, index.Half)
	must(t, w.Add(t.Context(), clips...), w.Publish(t.Context()))
	var asked []locate.Query
	for i := range tile + 9 {
		asked = append(asked, ask(rng, testDim, i%3 != 0, clips))
	}
	o := Options{Boundary: boundary, Curves: true, Videos: 60, Moments: 5000}
	must(t, w.SearchAll(t.Context(), asked, o, func(i int, a Answer) error {
		one, err := w.Search(t.Context(), asked[i], o)
		if err != nil || !reflect.DeepEqual(one, a) {
			return fmt.Errorf("query %d: alone it is answered otherwise (%v)", i, err)
		}
		match := a.Videos[i%len(a.Videos)]
		within, err := w.Within(t.Context(), match.VideoID, asked[i], o)
		if err != nil {
			return err
		}
		var want []Moment
		for _, m := range a.Moments {
			if m.VideoID == match.VideoID {
				want = append(want, m)
			}
		}
		if len(within) < len(want) || len(want) > 0 && !reflect.DeepEqual(within[:len(want)], want) {
			return fmt.Errorf("query %d: in video %s alone it is answered otherwise", i, match.VideoID)
		}
		if len(match.Curve) != len(match.Spans) || len(match.Curve) == 0 {
			return fmt.Errorf("query %d: a curve of %d clips with %d spans", i, len(match.Curve), len(match.Spans))
		}
		return nil
	}))
}

// TestDistinct drops what overlaps with a better moment of the same video, and nothing else.
func TestDistinct(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 2))
	clips := worlds["random"](rng, 20, testDim)
	w := NewMemory(testSpace, index.Half)
	must(t, w.Add(t.Context(), clips...), w.Publish(t.Context()))
	for range 20 {
		q := ask(rng, testDim, true, nil)
		all, err := w.Search(t.Context(), q, Options{Boundary: boundary, Moments: 1 << 20})
		must(t, err)
		few, err := w.Search(t.Context(), q, Options{Boundary: boundary, Moments: 50, Distinct: 0.4})
		must(t, err)
		var want []Moment
		for _, m := range all.Moments {
			overlaps := func(k Moment) bool { return k.VideoID == m.VideoID && k.IoU(m.Span) > 0.4 }
			if len(want) < 50 && !slices.ContainsFunc(want, overlaps) {
				want = append(want, m)
			}
		}
		for i := range want {
			if few.Moments[i].Moment != want[i].Moment || few.Moments[i].VideoID != want[i].VideoID {
				t.Fatalf("place %d is %+v, want %+v", i, few.Moments[i].Moment, want[i].Moment)
			}
		}
		if len(few.Moments) != len(want) {
			t.Fatalf("%d moments, want %d", len(few.Moments), len(want))
		}
	}
}

// TestFewCandidates keeps the bound tight: of random clips, the hardest, few videos and few of their clips need products.
func TestFewCandidates(t *testing.T) {
	const videos, dim = 600, 384
	rng := rand.New(rand.NewPCG(8, 2))
	w := NewMemory(testSpace, index.Half)
	must(t, w.Add(t.Context(), worlds["random"](rng, videos, dim)...), w.Publish(t.Context()))
	s, err := w.open()
	must(t, err)
	defer s.close()
	for _, fused := range []bool{true, false} {
		prepared, err := s.prepare([]locate.Query{ask(rng, dim, fused, nil)}, 0)
		must(t, err)
		sweep := newSweep(s, 25, prepared)
		must(t, sweep.run(t.Context()))
		left, marks := 0, 0
		for _, c := range sweep.sought[0].candidates {
			if c.upper >= sweep.sought[0].floor.Value() {
				left++
				marks += len(c.marks)
			}
		}
		t.Logf("fused %v: %d of %d videos with %d clips may be among the best 25", fused, left, videos, marks)
		if left > videos/4 || marks > 10*left {
			t.Errorf("fused %v: the bound leaves %d of %d videos with %d clips", fused, left, videos, marks)
		}
	}
}
