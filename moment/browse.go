package moment

import (
	"math"
	"slices"

	"sightline/index"
)

// browser looks for one query's moments in videos, one at a time.
type browser struct {
	*shelf
	*query
	Options
	ranking *Ranking // numbers its videos by their rank

	starts, ends []float64   // logits of the video at hand [L]
	start, end   []float32   // probabilities inside one window
	here         []Candidate // of the video at hand, where near-duplicates are dropped
}

func newBrowser(s *shelf, q *query, o Options) *browser {
	return &browser{shelf: s, query: q, Options: o, ranking: NewRanking(o.Moments, RankedWindow)}
}

// window is clips [from, to) of a video, taken for a video of its own.
type window struct {
	from, to int
	phi      float64

	// size orders the windows of a video by the score that one and the same span has in them: the logarithm of a score is the
	// sum of its two logits and of this.
	size float64
}

// video looks into one video, of which it is given the curve.
func (b *browser) video(rank int, r ranked, curve []float32) {
	if b.ranking.outranked(b.weight(r.phi)) { // probabilities are at most 1
		return
	}
	v := b.videos[r.video]
	segment := b.segments[v.segment]
	bounds, some := b.bounds(segment.Row(v.visual).Span.Length())
	if !some {
		return
	}
	b.starts, b.ends = convolve(b.starts, curve, b.Boundary.Start), convolve(b.ends, curve, b.Boundary.End)
	windows := b.windows(segment, v, r.phi) // one or more
	b.here = b.here[:0]
	for i, w := range windows {
		b.window(rank, w, bounds, func(s, e int) bool { return owns(windows, i, s, e) })
	}
	if b.Distinct > 0 {
		slices.SortFunc(b.here, order)
		for _, c := range distinct(b.here, b.Distinct, b.Moments) {
			b.ranking.found.Offer(c)
		}
	}
}

func (b *browser) weight(phi float64) float32 { return float32(math.Exp(b.Alpha * phi)) }

// bounds returns the bounds of moments in clips of so many seconds; some is false where no number of clips is inside.
func (b *browser) bounds(clip float64) (bounds Window, some bool) {
	const near = 1e-6 // of a clip
	bounds.Min = max(1, int(math.Ceil(b.Shortest/clip-near)))
	bounds.Max = int(min(b.Longest/clip+near, math.MaxInt32)) + 1
	return bounds, bounds.Min < bounds.Max
}

// windows cuts a video into the windows it is searched in.
func (b *browser) windows(segment index.Segment, v video, phi float64) []window {
	var windows []window
	for from, to := range slide(v.clips, b.Window, b.Overlap) {
		w := window{from: from, to: to, phi: phi}
		if to-from < v.clips {
			w.phi = b.phiWithin(segment, v, from, to)
			w.size = b.Alpha*w.phi - total(b.starts[from:to]) - total(b.ends[from:to])
		}
		windows = append(windows, w)
	}
	return windows
}

// slide yields stretches [from, to) of size, or one of length where that is less. Each shares overlap with the one before,
// the last one more, so that it is as long as the others.
func slide(length, size, overlap int) func(yield func(from, to int) bool) {
	return func(yield func(from, to int) bool) {
		for from := 0; from+size < length; from += size - overlap {
			if !yield(from, from+size) {
				return
			}
		}
		yield(max(0, length-size), length)
	}
}

// owns reports whether a span of clips is window i's: it scores more there than in any other that holds it, of equals in
// the first.
func owns(windows []window, i, s, e int) bool {
	size := windows[i].size
	for j := i - 1; j >= 0 && windows[j].to > s; j-- {
		if e < windows[j].to && windows[j].size >= size {
			return false
		}
	}
	for j := i + 1; j < len(windows) && windows[j].from <= s; j++ {
		if windows[j].size > size {
			return false
		}
	}
	return true
}

// window offers the spans that a window owns.
func (b *browser) window(rank int, w window, bounds Window, owns func(s, e int) bool) {
	b.start, b.end = softmax(b.start, b.starts[w.from:w.to]), softmax(b.end, b.ends[w.from:w.to])
	b.ranking.add(bounds, Candidate{Video: rank, Start: w.from}, b.weight(w.phi), b.start, b.end, func(c Candidate) bool {
		if !owns(c.Start, c.End) {
			return false
		}
		if b.Distinct > 0 { // offered once those that overlap with a better one are gone
			b.here = append(b.here, c)
		}
		return b.Distinct == 0
	})
}

// convolve returns Σ_k taps_k·x_{l+k−K/2} for every l, with zeros beyond both ends.
func convolve(to []float64, x []float32, taps []float32) []float64 {
	to = to[:0]
	for l := range x {
		var sum float64
		for k, tap := range taps {
			if at := l + k - len(taps)/2; at >= 0 && at < len(x) {
				sum += float64(tap) * float64(x[at])
			}
		}
		to = append(to, sum)
	}
	return to
}

// total returns log Σ exp x.
func total(x []float64) float64 {
	greatest, sum := slices.Max(x), 0.0
	for _, v := range x {
		sum += math.Exp(v - greatest)
	}
	return greatest + math.Log(sum)
}

// softmax returns exp(x)/Σ exp x, in to where it has room.
func softmax(to []float32, x []float64) []float32 {
	greatest, sum := slices.Max(x), 0.0
	to = to[:0]
	for _, v := range x {
		e := math.Exp(v - greatest)
		sum += e
		to = append(to, float32(e))
	}
	for i := range to {
		to[i] = float32(float64(to[i]) / sum)
	}
	return to
}
