package moment

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"sightline"
	"sightline/align/locate"
	"sightline/index"
)

// epic returns a long video of noise in which stretches of 8 clips resemble the query, and the query.
func epic(rng *rand.Rand, clips int, at ...int) (locate.Clips, locate.Query) {
	q := ask(rng, testDim, true, nil)
	q.Gate = [2]float32{0.5, 0.5}
	q.Locate = q.Retrieve
	unit := unit(q.Retrieve[0])
	sides := [2]sightline.Matrix{gaussian(rng, clips, testDim), gaussian(rng, clips, testDim)}
	for _, m := range sides {
		for i := range m.Data {
			m.Data[i] /= 16
		}
		for _, from := range at {
			for l := from; l < from+8; l++ {
				for j, v := range unit {
					m.Row(l)[j] += v
				}
			}
		}
	}
	return clipsOf("epic", sides[0], &sides[1]), q
}

// TestTwoHours looks for five moments in two hours of clips of 1.5 s, at both ends, at the seam of two windows and in
// between: the best five distinct moments are these.
func TestTwoHours(t *testing.T) {
	const clips = 2 * 3600 / 1.5
	planted := []int{1, 124, 999, 2500, clips - 10}
	rng := rand.New(rand.NewPCG(1, 9))
	c, q := epic(rng, clips, planted...)
	w := NewMemory(testSpace, index.Half)
	must(t, w.Add(t.Context(), c, some(rng, "other", 60)), w.Publish(t.Context()))
	found, err := w.Search(t.Context(), q, Options{Boundary: boundary, Distinct: 0.3, Moments: 5})
	must(t, err)
	var starts []int
	for _, m := range found.Moments {
		if m.VideoID != "epic" {
			t.Errorf("%+v of video %s is among the best", m.Moment, m.VideoID)
		}
		starts = append(starts, m.First)
		gold := sightline.Span{Start: clip * float64(m.First), End: clip * float64(m.First+8)}
		if m.IoU(gold) < 0.7 {
			t.Errorf("%v, planted is %v", m.Span, gold)
		}
	}
	slices.Sort(starts)
	for i, at := range planted {
		if i >= len(starts) || starts[i] < at-1 || starts[i] > at+1 {
			t.Fatalf("moments start at clips %v, planted are %v", starts, planted)
		}
	}
}

// TestWindowsMerge compares windows with what they stand for: a span's score is the highest of all windows that hold it.
func TestWindowsMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 9))
	c, q := epic(rng, 100, 30)
	o := Options{Boundary: boundary, Window: 40, Overlap: 16, Moments: 1 << 20, Curves: true}
	w := NewMemory(testSpace, index.Half)
	must(t, w.Add(t.Context(), c), w.Publish(t.Context()))
	got, err := w.Within(t.Context(), "epic", q, o)
	must(t, err)

	want := map[[2]int]float64{}
	for from, to := range slide(100, 40, 16) {
		// The window as a video of its own, with the clips around it for the boundary filters to see.
		lower, upper := max(0, from-2), min(100, to+2)
		part := clipsOf("part", rows(c.Rows[0], lower, upper), ptr(rows(c.Rows[1], lower, upper)))
		inner := clipsOf("inner", rows(c.Rows[0], from, to), ptr(rows(c.Rows[1], from, to)))
		p := NewMemory(testSpace, index.Half)
		must(t, p.Add(t.Context(), part, inner), p.Publish(t.Context()))
		s, err := p.open()
		must(t, err)
		prepared, err := s.prepare([]locate.Query{q}, 0)
		must(t, err)
		o, err := o.filled()
		must(t, err)
		b := newBrowser(s, prepared[0], o)
		curve := curvesIn(s.segments[0], s.videos[0], prepared[:1])[0]
		phi := prepared[0].phiWithin(s.segments[0], s.videos[1], 0, to-from)
		cut := func(x []float64) []float64 { return x[from-lower : to-lower] }
		start, end := softmax(nil, cut(convolve(nil, curve, boundary.Start))), softmax(nil, cut(convolve(nil, curve, boundary.End)))
		for i := range start {
			for j := i + 2; j < min(i+16, len(end)); j++ {
				at := [2]int{from + i, from + j}
				want[at] = max(want[at], float64(start[i]*b.weight(phi)*end[j]))
			}
		}
		s.close()
	}
	if len(got) != len(want) {
		t.Fatalf("%d spans, want %d", len(got), len(want))
	}
	for _, m := range got {
		if w := want[[2]int{m.First, m.Until}]; m.Score != w {
			t.Fatalf("clips %d to %d score %v, want %v", m.First, m.Until, m.Score, w)
		}
	}
}

func rows(m sightline.Matrix, from, to int) sightline.Matrix {
	return sightline.Matrix{Rows: to - from, Cols: m.Cols, Data: m.Data[from*m.Cols : to*m.Cols]}
}

func ptr[T any](v T) *T { return &v }

// TestLongIsLinear searches videos of one hour and of eight: time grows by eight or so, and what a search allocates stays a
// few thousand bytes a clip.
func TestLongIsLinear(t *testing.T) {
	cost := func(hours int) (spent time.Duration, allocated float64) {
		clips := hours * 3600 * 2 / 3
		c, q := epic(rand.New(rand.NewPCG(3, 9)), clips, 700)
		w := NewMemory(testSpace, index.Half)
		must(t, w.Add(t.Context(), c), w.Publish(t.Context()))
		spent = time.Hour
		for range 7 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			found, err := w.Search(t.Context(), q, Options{Boundary: boundary, Distinct: 0.3})
			spent = min(spent, time.Since(begin))
			runtime.ReadMemStats(&after)
			must(t, err)
			if len(found.Moments) == 0 || found.Moments[0].First < 699 || found.Moments[0].First > 701 {
				t.Fatalf("%d hours: the best moment is %+v", hours, found.Moments[0])
			}
			allocated = float64(after.TotalAlloc-before.TotalAlloc) / float64(clips)
		}
		return spent, allocated
	}
	one, small := cost(1)
	eight, large := cost(8)
	t.Logf("one hour: %v, %.0f bytes a clip; eight hours: %v, %.0f bytes a clip", one, small, eight, large)
	if eight > 24*one {
		t.Errorf("eight hours take %v, one hour %v", eight, one)
	}
	if large > 4000 {
		t.Errorf("a search allocates %.0f bytes a clip", large)
	}
}
