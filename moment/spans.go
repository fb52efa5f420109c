// Package moment turns what a model says of single clips into stretches of video.
//
// It stands behind the aligned model: probabilities that a moment starts or ends at a clip go in, ranked spans come out.
// Start at NewRanking for the best spans of many videos (VCMR), and at Triples for the spans of one video without bounds. The
// package knows clips by number and videos by their place in the caller's order; Span turns clips into seconds. It computes
// no probabilities and drops no near-duplicates: metric/moments does.
package moment

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"slices"

	"sightline"
)

// Window bounds the length of spans in clips: Min ≤ end−start < Max.
type Window struct{ Min, Max int }

// RankedWindow is what XML and ReLoCLNet rank: two to fifteen clips. (Their help text says sixteen.)
var RankedWindow = Window{Min: 2, Max: 16}

// Candidate is a span of clips [Start, End) in a video.
type Candidate struct {
	Video      int // place in the caller's order of videos
	Start, End int // clips
	Score      float32
}

// Span returns the candidate's time, for clips of equal length in seconds.
func (c Candidate) Span(clip float64) sightline.Span {
	return sightline.Span{Start: float64(c.Start) * clip, End: float64(c.End) * clip}
}

// order is how candidates stand in a ranking: by score from high to low, then by video, start and end, so that one ranking
// has one order on every machine. (argsort in NumPy and PyTorch leaves the order of equals open.)
func order(a, b Candidate) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Video, b.Video), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
}

// Ranking keeps the best of all spans it is shown.
type Ranking struct {
	window Window
	size   int
	kept   worstFirst
}

// NewRanking returns a ranking of the best size spans of a length within window. It panics on bounds that hold no span.
func NewRanking(size int, window Window) *Ranking {
	if size < 1 || window.Min < 1 || window.Max <= window.Min {
		panic(fmt.Sprintf("moment: a ranking of %d spans of %d ≤ length < %d clips", size, window.Min, window.Max))
	}
	return &Ranking{window: window, size: size}
}

// Add shows the ranking all spans of one video. A span scores start[s]·weight·end[e], in float32 and in that order; start
// and end are probabilities by clip, of one length [L], and the end is exclusive: the span (s, e) covers clips s … e−1. NaN,
// negative and unequally long probabilities are an error, and then the ranking is as before.
func (r *Ranking) Add(video int, weight float32, start, end []float32) error {
	if err := valid(weight, start, end); err != nil {
		return fmt.Errorf("rank the spans of video %d: %w", video, err)
	}
	for s := range start {
		for e := s + r.window.Min; e < min(s+r.window.Max, len(end)); e++ {
			r.offer(Candidate{video, s, e, start[s] * weight * end[e]})
		}
	}
	return nil
}

func (r *Ranking) offer(c Candidate) {
	switch {
	case len(r.kept) < r.size:
		heap.Push(&r.kept, c)
	case order(c, r.kept[0]) < 0:
		r.kept[0] = c
		heap.Fix(&r.kept, 0)
	}
}

// Best returns the spans, best first; of equal scores that of the earlier video, then of the earlier start, then end.
func (r *Ranking) Best() []Candidate {
	best := slices.Clone([]Candidate(r.kept))
	slices.SortFunc(best, order)
	return best
}

// Triples returns the n best spans of one video with start before end and no other bound, by start[s]·end[e]: what the
// official code takes for a single prediction. Ties and errors are those of Ranking.
func Triples(start, end []float32, n int) ([]Candidate, error) {
	r := NewRanking(n, Window{Min: 1, Max: len(start) + 2})
	if err := r.Add(0, 1, start, end); err != nil {
		return nil, err
	}
	return r.Best(), nil
}

func valid(weight float32, start, end []float32) error {
	if len(start) != len(end) {
		return fmt.Errorf("%d probabilities to start and %d to end", len(start), len(end))
	}
	if !(weight >= 0) || math.IsInf(float64(weight), 0) {
		return fmt.Errorf("the weight is %v", weight)
	}
	for i := range start {
		for _, p := range []float32{start[i], end[i]} {
			if !(p >= 0) || math.IsInf(float64(p), 0) {
				return fmt.Errorf("clip %d has probability %v", i, p)
			}
		}
	}
	return nil
}

// worstFirst is a heap of candidates with the last in order at its root.
type worstFirst []Candidate

func (h worstFirst) Len() int           { return len(h) }
func (h worstFirst) Less(i, j int) bool { return order(h[i], h[j]) > 0 }
func (h worstFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *worstFirst) Push(x any)        { *h = append(*h, x.(Candidate)) }

// Pop removes the last in order.
func (h *worstFirst) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
