package moment

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"sightline/align/locate"
	"sightline/index/scan"
	"sightline/internal/best"
	"sightline/internal/parallel"
)

// The search for the videos of highest φ has two stages, as that of package index. The first bounds φ of every video from
// int8 codes: each cosine lies in an interval (see scan.Mix), φ grows with each of its cosines, so the highest lower and
// upper ends give an interval of φ. A video whose upper end lies under the k-th highest lower end cannot be among the best
// k. The second computes φ of what is left in float32, the most promising first, from the few clips whose upper end
// reaches both the video's lower end and that of the k-th video.

// tile is how many queries go over a video's clips together, so that they are read from memory once; less where a video
// has so many clips that their products would be more than tileProducts.
const tile, tileProducts = 128, 1 << 20

func (s *shelf) tile() int { return max(1, min(tile, tileProducts/max(1, s.longest))) }

// sweep is the first stage for up to tile queries.
type sweep struct {
	*shelf
	k       int
	queries []*query
	codes   [locate.Modalities][]int16 // of the queries, one behind the other
	width   int
	mixes   [][]mixes // [segments][queries]
	sought  []sought
}

// sought is what the workers know of a query together.
type sought struct {
	floor best.Floor // at least k videos are known to have this φ or more

	mu         sync.Mutex
	lowers     *best.Best[float64] // the k highest lower ends of all workers
	candidates []candidate
}

// candidate is a video whose φ may be high enough.
type candidate struct {
	video int
	upper float64
	marks []mark // the clips that matter
}

func newSweep(s *shelf, k int, queries []*query) *sweep {
	w := &sweep{shelf: s, k: k, queries: queries, sought: make([]sought, len(queries))}
	for i, q := range queries {
		for m := range locate.Modalities {
			w.codes[m] = append(w.codes[m], q.retrieve[m].Codes()...)
			w.width = len(q.retrieve[m].Codes())
		}
		w.sought[i].lowers = best.New(k, cmp.Compare[float64])
		w.sought[i].floor.Reset()
	}
	for _, segment := range s.segments {
		all := make([]mixes, len(queries))
		for i, q := range queries {
			all[i] = q.mixes(segment)
		}
		w.mixes = append(w.mixes, all)
	}
	return w
}

// stretch is how many videos a worker takes at a time.
const stretch = 16

// run scans all videos, on all cores.
func (w *sweep) run(ctx context.Context) error {
	var next atomic.Int64
	parallel.Run(min(runtime.GOMAXPROCS(0), len(w.videos)/stretch+1), func() {
		worker := w.newWorker()
		for ctx.Err() == nil {
			from := int(next.Add(stretch)) - stretch
			if from >= len(w.videos) {
				break
			}
			for v := from; v < min(from+stretch, len(w.videos)); v++ {
				worker.scan(v)
			}
		}
		worker.deliver()
	})
	return ctx.Err()
}

// sweeper scans videos, one at a time.
type sweeper struct {
	*sweep
	kernel     scan.Kernel
	dots       [locate.Modalities][]int32   // [queries, clips]
	upper      [locate.Modalities][]float32 // [clips] of the sides of one query
	lowers     []*best.Best[float64]        // of every query
	candidates [][]candidate                // of every query
	marks      []mark                       // of all candidates
	mix        scan.Mix                     // of the video and query at hand
}

func (w *sweep) newWorker() *sweeper {
	r := &sweeper{sweep: w, kernel: scan.Best(), candidates: make([][]candidate, len(w.queries))}
	for m := range locate.Modalities {
		r.dots[m] = make([]int32, len(w.queries)*w.longest)
		r.upper[m] = make([]float32, w.longest)
	}
	for range w.queries {
		r.lowers = append(r.lowers, best.New(w.k, cmp.Compare[float64]))
	}
	return r
}

func (r *sweeper) scan(number int) {
	v := r.videos[number]
	segment := r.segments[v.segment]
	for m := range v.modalities() {
		from := v.rows(m)
		r.kernel.DotsOfMany(r.dots[m][:len(r.queries)*v.clips], segment.Codes(from, from+v.clips), r.codes[m], r.width)
	}
	for i, q := range r.queries {
		var dots [locate.Modalities][]int32
		for m := range v.modalities() {
			dots[m] = r.dots[m][i*v.clips : (i+1)*v.clips]
		}
		var lows, highs [locate.Modalities]float64
		for n := range q.sides(v) {
			r.mixes[v.segment][i].put(&r.mix, q, segment, v, n, &dots)
			low, high := r.kernel.Cosines(r.upper[n][:v.clips], &r.mix)
			lows[n], highs[n] = float64(low), float64(high)
		}
		lower, upper := q.phi(v, lows), q.phi(v, highs)
		floor := r.sought[i].floor.Value()
		if upper < floor {
			continue
		}
		first := len(r.marks)
		for n := range q.sides(v) {
			least := lows[n]
			if q.fused {
				least = max(least, floor)
			}
			for l, u := range r.upper[n][:v.clips] {
				if float64(u) >= least {
					r.marks = append(r.marks, mark{int32(n), int32(l)})
				}
			}
		}
		r.candidates[i] = append(r.candidates[i], candidate{number, upper, r.marks[first:len(r.marks):len(r.marks)]})
		if r.lowers[i].Offer(lower) && r.lowers[i].Full() {
			r.sought[i].floor.Raise(r.lowers[i].Worst())
		}
	}
}

// deliver hands over what the worker found.
func (r *sweeper) deliver() {
	for i := range r.sought {
		s := &r.sought[i]
		s.mu.Lock()
		s.candidates = append(s.candidates, r.candidates[i]...)
		for _, lower := range r.lowers[i].Items() {
			s.lowers.Offer(lower)
		}
		if s.lowers.Full() {
			s.floor.Raise(s.lowers.Worst())
		}
		s.mu.Unlock()
	}
}

// ranked is a video with its φ.
type ranked struct {
	video int
	phi   float64
}

func compareRanked(a, b ranked) int {
	return cmp.Or(cmp.Compare(a.phi, b.phi), cmp.Compare(b.video, a.video))
}

// finish is the second stage for query i: the k videos of highest φ, the best first, of equals the one added earlier.
func (w *sweep) finish(i int) []ranked {
	q, s := w.queries[i], &w.sought[i]
	floor := s.floor.Value()
	open := slices.DeleteFunc(s.candidates, func(c candidate) bool { return c.upper < floor })
	slices.SortFunc(open, func(a, b candidate) int { return cmp.Compare(b.upper, a.upper) })
	found := best.New(w.k, compareRanked)
	for _, c := range open {
		if found.Full() && c.upper < found.Worst().phi {
			break
		}
		v := w.videos[c.video]
		segment, greatest := w.segments[v.segment], [locate.Modalities]float64{-1, -1}
		for _, m := range c.marks {
			greatest[m.modality] = max(greatest[m.modality], q.cosine(segment, v, m))
		}
		found.Offer(ranked{c.video, q.phi(v, greatest)})
	}
	return found.Sorted()
}
