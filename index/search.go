package index

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"sightline/index/scan"
	"sightline/internal/best"
	"sightline/internal/parallel"
)

const (
	blockBytes = 1 << 16 // codes scanned between two looks at the threshold: small enough to stay in the fast caches
	taskBytes  = 1 << 20 // codes that a worker takes at a time
	scoreBatch = 64      // candidates that a worker scores at a time
)

// target is a part under one filter.
type target struct {
	*part
	videos, kinds []bool // which positions are admitted; nil admits all
	keep          func(Row) bool
}

// targets returns the parts that hold anything the filter may admit.
func targets(parts []*part, filter Filter) []*target {
	admit := func(names []string, wanted map[string]bool) (admitted []bool, some bool) {
		if wanted == nil {
			return nil, true
		}
		admitted = make([]bool, len(names))
		for i, name := range names {
			admitted[i] = wanted[name]
			some = some || admitted[i]
		}
		return admitted, some
	}
	wantedVideos, wantedKinds := set(filter.Videos), set(filter.Kinds)
	var found []*target
	for _, p := range parts {
		videos, some := admit(p.Videos, wantedVideos)
		kinds, more := admit(p.Kinds, wantedKinds)
		if some && more && p.live > 0 {
			found = append(found, &target{part: p, videos: videos, kinds: kinds, keep: filter.Keep})
		}
	}
	return found
}

// listed reports whether row i's video and kind are admitted.
func (t *target) listed(i int) bool {
	return (t.videos == nil || t.videos[t.videoOf[i]]) && (t.kinds == nil || t.kinds[t.kindOf[i]])
}

// barren reports whether video and kind rule out all rows in [from, to).
func (t *target) barren(from, to int) bool {
	if t.videos == nil && t.kinds == nil {
		return false
	}
	for i := from; i < to; i++ {
		if t.listed(i) {
			return false
		}
	}
	return true
}

func (t *target) admits(i int) bool {
	return !t.isDead(i) && t.listed(i) && (t.keep == nil || t.keep(t.row(i)))
}

// candidate is a row whose score lies in [lower, upper].
type candidate struct {
	in           *target
	row          int
	lower, upper float64
}

// sweep is the search for the best k rows of one or more queries in one pass over the codes.
type sweep struct {
	k       int
	targets []*target
	queries []*sought
	kernel  scan.Kernel
	workers int
}

// sought is the state of one query that all workers share.
type sought struct {
	probe
	floor best.Floor // at least k rows are known to score this much or more

	mu         sync.Mutex
	lowers     *best.Best[float64] // the k highest lower ends of all workers
	candidates []candidate
}

// search returns the best k rows for each query. The queries must be valid for the parts.
func search(ctx context.Context, parts []*part, queries [][]float32, k int, filter Filter) ([][]Scored, error) {
	return newSweep(parts, queries, k, filter).run(ctx)
}

func newSweep(parts []*part, queries [][]float32, k int, filter Filter) *sweep {
	s := &sweep{k: k, targets: targets(parts, filter), kernel: scan.Best(), workers: runtime.GOMAXPROCS(0)}
	for _, q := range queries {
		one := &sought{probe: newProbe(q), lowers: best.New(k, cmp.Compare[float64])}
		one.floor.Reset()
		s.queries = append(s.queries, one)
	}
	return s
}

func (s *sweep) run(ctx context.Context) ([][]Scored, error) {
	if err := s.scan(ctx); err != nil {
		return nil, err
	}
	results := make([][]Scored, len(s.queries))
	for i, q := range s.queries {
		var err error
		if results[i], err = s.score(ctx, q); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// task is a stretch of rows [from, to) that one worker scans.
type task struct {
	in       *target
	from, to int
	offsets  []float64 // ⟨μ,q⟩ of every query
}

func (s *sweep) tasks() []task {
	var tasks []task
	for _, t := range s.targets {
		offsets := make([]float64, len(s.queries))
		for i, q := range s.queries {
			offsets[i] = Dot(t.centre, q.vector)
		}
		step := max(1, taskBytes/t.width)
		for from := 0; from < t.rows; from += step {
			tasks = append(tasks, task{in: t, from: from, to: min(from+step, t.rows), offsets: offsets})
		}
	}
	return tasks
}

// scan collects for every query the rows whose upper end reaches the threshold at the time they are met.
func (s *sweep) scan(ctx context.Context) error {
	tasks := s.tasks()
	var next atomic.Int64
	parallel.Run(min(s.workers, len(tasks)), func() {
		w := newWorker(s)
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(tasks) {
				break
			}
			w.run(tasks[i])
		}
		w.deliver()
	})
	return ctx.Err()
}

// worker scans tasks, one at a time.
type worker struct {
	*sweep
	dots, hits []int32
	lowers     []*best.Best[float64] // of every query
	candidates [][]candidate         // of every query
}

func newWorker(s *sweep) *worker {
	w := &worker{sweep: s, candidates: make([][]candidate, len(s.queries))}
	for range s.queries {
		w.lowers = append(w.lowers, best.New(s.k, cmp.Compare[float64]))
	}
	return w
}

func (w *worker) run(t task) {
	block := max(4, blockBytes/t.in.width)
	if len(w.dots) < block {
		w.dots = make([]int32, block)
	}
	for from := t.from; from < t.to; from += block {
		to := min(from+block, t.to)
		if t.in.barren(from, to) {
			continue
		}
		for i := range w.queries {
			w.scan(t, from, to, i)
		}
	}
}

// scan looks at rows [from, to) for query i.
func (w *worker) scan(t task, from, to, i int) {
	in, q, offset := t.in, w.queries[i], t.offsets[i]
	dots, scale, radius := w.dots[:to-from], in.scale[from:to], in.radius[from:to]
	w.kernel.Dots(dots, in.codes[from*in.width:to*in.width], q.codes)
	floor := q.floor.Value()
	w.hits = w.kernel.Reach(w.hits[:0], dots, scale, radius, q.coarse(offset, floor))
	for _, hit := range w.hits {
		lower, upper := q.bounds(offset, dots[hit], scale[hit], radius[hit])
		row := from + int(hit)
		if upper < floor || !in.admits(row) {
			continue
		}
		w.candidates[i] = append(w.candidates[i], candidate{in: in, row: row, lower: lower, upper: upper})
		if w.lowers[i].Offer(lower) && w.lowers[i].Full() {
			floor = max(floor, w.lowers[i].Worst())
		}
	}
	q.floor.Raise(floor)
}

// deliver hands over what the worker found.
func (w *worker) deliver() {
	for i, q := range w.queries {
		q.mu.Lock()
		q.candidates = append(q.candidates, w.candidates[i]...)
		for _, lower := range w.lowers[i].Items() {
			q.lowers.Offer(lower)
		}
		if q.lowers.Full() {
			q.floor.Raise(q.lowers.Worst())
		}
		q.mu.Unlock()
	}
}

// score computes the true scores of the candidates, the most promising first, until the rest cannot reach the best k.
func (s *sweep) score(ctx context.Context, q *sought) ([]Scored, error) {
	floor := q.floor.Value()
	open := slices.DeleteFunc(q.candidates, func(c candidate) bool { return c.upper < floor })
	slices.SortFunc(open, func(a, b candidate) int { return cmp.Compare(b.upper, a.upper) })
	found := best.New(s.k, func(a, b Scored) int {
		return cmp.Or(cmp.Compare(a.Score, b.Score), cmp.Compare(b.ID, a.ID))
	})
	scores := make([]float64, min(len(open), scoreBatch*s.workers))
	for len(open) > 0 && !(found.Full() && open[0].upper < found.Worst().Score) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		batch := open[:min(len(open), len(scores))]
		open = open[len(batch):]
		var next atomic.Int64
		parallel.Run((len(batch)+scoreBatch-1)/scoreBatch, func() {
			from, scratch := int(next.Add(scoreBatch))-scoreBatch, make([]float32, len(q.codes))
			for i := from; i < min(from+scoreBatch, len(batch)); i++ {
				scores[i] = batch[i].in.score(s.kernel, batch[i].row, &q.probe, scratch)
			}
		})
		for i, c := range batch {
			if !(c.lower <= scores[i] && scores[i] <= c.upper) {
				return nil, fmt.Errorf("row %d of video %q scores %v, its codes say between %v and %v: the index is damaged",
					c.in.ids[c.row], c.in.row(c.row).VideoID, scores[i], c.lower, c.upper)
			}
			found.Offer(Scored{Row: c.in.row(c.row), Score: scores[i]})
		}
	}
	return found.Sorted(), nil
}
