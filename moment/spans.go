package moment

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sightline"
	"sightline/internal/best"
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

// worseFirst orders candidates for a heap of the best.
func worseFirst(a, b Candidate) int { return order(b, a) }

// Ranking keeps the best of all spans it is shown.
type Ranking struct {
	window Window
	found  *best.Best[Candidate]
}

// NewRanking returns a ranking of the best size spans of a length within window. It panics on bounds that hold no span.
func NewRanking(size int, window Window) *Ranking {
	if size < 1 || window.Min < 1 || window.Max <= window.Min {
		panic(fmt.Sprintf("moment: a ranking of %d spans of %d ≤ length < %d clips", size, window.Min, window.Max))
	}
	return &Ranking{window: window, found: best.New(size, worseFirst)}
}

// Add shows the ranking all spans of one video. A span scores start[s]·weight·end[e], in float32 and in that order; start
// and end are probabilities by clip, of one length [L], and the end is exclusive: the span (s, e) covers clips s … e−1. NaN,
// negative and unequally long probabilities are an error, and then the ranking is as before.
func (r *Ranking) Add(video int, weight float32, start, end []float32) error {
	if err := valid(weight, start, end); err != nil {
		return fmt.Errorf("rank the spans of video %d: %w", video, err)
	}
	r.add(r.window, Candidate{Video: video}, weight, start, end, func(Candidate) bool { return true })
	return nil
}

// add shows the ranking the spans of valid probabilities that it may take and that pass. The first clip is that at which
// the candidate from starts.
func (r *Ranking) add(window Window, from Candidate, weight float32, start, end []float32, pass func(Candidate) bool) {
	if len(end) == 0 {
		return
	}
	likeliest := slices.Max(end)
	for s, p := range start {
		if r.outranked(p * weight * likeliest) {
			continue
		}
		for e := s + window.Min; e < min(s+window.Max, len(end)); e++ {
			c := Candidate{from.Video, from.Start + s, from.Start + e, p * weight * end[e]}
			if !r.outranked(c.Score) && pass(c) {
				r.found.Offer(c)
			}
		}
	}
}

// outranked reports whether the ranking is full of spans that score more.
func (r *Ranking) outranked(score float32) bool {
	return r.found.Full() && score < r.found.Worst().Score
}

// Best returns the spans, best first; of equal scores that of the earlier video, then of the earlier start, then end.
func (r *Ranking) Best() []Candidate {
	best := slices.Clone(r.found.Items())
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
