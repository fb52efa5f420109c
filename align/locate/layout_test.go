package locate

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/internal/golden"
)

// The official pooling of videos that are too long, and its normalisation.
func TestGoldenReLoCLNetPreparation(t *testing.T) {
	vectors := golden.Open(t, "moments", "reloclnet/preproc.npz")
	cases := 0
	for ; ; cases++ {
		in, ok := vectors.Archive[fmt.Sprintf("ufs_in_%d", cases)]
		if !ok {
			break
		}
		limit := vectors.Array(fmt.Sprintf("ufs_max_%d", cases)).Ints()[0]
		got := pool(sightline.Matrix{Rows: in.Shape[0], Cols: in.Shape[1], Data: in.Float32s()}, limit)
		golden.Close(t, fmt.Sprintf("pooled %d", cases), got.Data, vectors.Array(fmt.Sprintf("ufs_out_%d", cases)).Float32s(), golden.ForwardAbs, golden.ForwardRel)
	}
	if cases == 0 {
		t.Error("the file holds no pooled features")
	}
	in := vectors.Array("l2_in")
	rows := in.Float32s()
	for i := range in.Shape[0] {
		unit(rows[i*in.Shape[1] : (i+1)*in.Shape[1]])
	}
	golden.Close(t, "normalised", rows, vectors.Array("l2_out").Float32s(), golden.ForwardAbs, golden.ForwardRel)
}

func TestWindowsKeepEveryClipOnce(t *testing.T) {
	for _, size := range []int{2, 3, 4, 7, 128} {
		for n := 1; n < 5*size; n++ {
			at := 0
			for i, w := range windows(n, size) {
				if w.keepFrom != at || w.keepFrom < w.from || w.keepTo > w.to || w.to > n || w.to-w.from != min(n, size) || w.keepTo <= w.keepFrom {
					t.Fatalf("%d clips by %d: window %d is %+v, and clips up to %d are kept", n, size, i, w, at)
				}
				at = w.keepTo
			}
			if at != n {
				t.Fatalf("%d clips by %d: %d are kept", n, size, at)
			}
		}
	}
}

// clips returns n clips of a second and a half.
func clips(n int) sequence {
	s := sequence{id: "v", spans: make([]sightline.Span, n)}
	for i := range s.spans {
		s.spans[i] = sightline.Span{Start: 1.5 * float64(i), End: 1.5 * float64(i+1)}
	}
	s.rows[Visual] = sightline.NewMatrix(n, 1)
	return s
}

func TestLabels(t *testing.T) {
	s := clips(6)
	for _, c := range []struct {
		moment sightline.Span
		want   labels
	}{
		{sightline.Span{Start: 3.2, End: 7.6}, labels{2, 5}}, // the last clip, where the official example has a sixth
		{sightline.Span{Start: 0, End: 3}, labels{0, 2}},
		{sightline.Span{Start: 1.5, End: 1.6}, labels{1, 2}},
		{sightline.Span{Start: 8, End: 20}, labels{5, 5}},
		{sightline.Span{Start: 30, End: 40}, labels{5, 5}},
		{sightline.Span{Start: -1, End: 0}, labels{0, 0}},
	} {
		got, err := s.label(c.moment)
		if err != nil || got != c.want {
			t.Errorf("%v lies at %v (%v), want %v", c.moment, got, err, c.want)
		}
	}
	for _, wrong := range []sightline.Span{{Start: 3, End: 3}, {Start: 4, End: 2}} {
		if _, err := s.label(wrong); err == nil {
			t.Errorf("%v passed for a moment", wrong)
		}
	}
}

// A long video is cut around its moment, wherever that lies.
func TestAroundHoldsTheMoment(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := 5 + random.IntN(40)
		start := random.IntN(n)
		at := labels{start, min(n-1, start+random.IntN(8))}
		const size = 5
		part, moved := clips(n).around(at, size, random)
		if len(part.spans) != size || part.rows[Visual].Rows != size {
			t.Fatalf("%d clips are left of %d", len(part.spans), n)
		}
		if moved.start < 0 || moved.end >= size || part.spans[moved.start] != clips(n).spans[at.start] {
			t.Fatalf("%v of %d clips became %v", at, n, moved)
		}
		if at.end-at.start < size && part.spans[moved.end] != clips(n).spans[at.end] {
			t.Fatalf("%v of %d clips became %v: the end is lost", at, n, moved)
		}
	}
}

// Negatives are drawn among all wrong ones at first, then among the hardest, never where there are none, and the same from the
// same seed.
func TestRanks(t *testing.T) {
	var videos []align.Video
	for i := range 6 {
		videos = append(videos, align.Video{ID: fmt.Sprint(i / 2)}) // three videos, each twice
	}
	c := Base()
	c.HardFrom, c.HardPool = 3, 2
	highest := func(masked bool, epoch int) float32 {
		var most float32
		for seed := range uint64(200) {
			draw := func() []float32 { return c.ranks(videos, masked, epoch, rand.New(rand.NewPCG(seed, 1))) }
			ranks := draw()
			if !reflect.DeepEqual(ranks, draw()) {
				t.Fatal("one seed draws two results")
			}
			if slices.Min(ranks) < 1 || len(ranks) != 2*len(videos) {
				t.Fatalf("ranks are %v", ranks)
			}
			most = max(most, slices.Max(ranks))
		}
		return most
	}
	for _, k := range []struct {
		masked bool
		epoch  int
		want   float32
	}{{false, 0, 5}, {true, 2, 4}, {false, 3, 2}, {true, 9, 2}} {
		if got := highest(k.masked, k.epoch); got != k.want {
			t.Errorf("masked %v, epoch %d: ranks go up to %v, want %v", k.masked, k.epoch, got, k.want)
		}
	}
	if alone := c.ranks(videos[:2], true, 0, rand.New(rand.NewPCG(1, 1))); slices.Max(alone) != 0 {
		t.Errorf("pairs of one video have negatives of ranks %v", alone)
	}
}
