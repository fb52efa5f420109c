package moment

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sightline"
)

// Proposal is a stretch of a video whose rows fit a sentence better than the rest of it.
type Proposal struct {
	sightline.Moment         // the score is the similarity that the stretch can be believed to have, see Propose
	Contrast         float64 // by how much the stretch stands out, in terms of what chance can do: beyond 1 it is no chance
	Peak             float64 // where the row that fits best starts, in seconds
}

// Bounds are the bounds of proposals, in seconds; a Longest of 0 sets none.
type Bounds struct{ Shortest, Longest float64 }

// Propose finds the stretches of a video that stand out for a sentence, from the similarity of the sentence with every row,
// [T], and what the rows cover. It needs no training, no threshold and no knowledge of the video's length.
//
// A stretch of n rows stands out by z, the difference of its mean from that of the other rows in standard deviations of
// that difference. Rows of a video resemble their neighbours, so the deviations are those of an autoregressive sequence
// (see noiseOf), whose constants come from the curve itself. The longer the video and the shorter the stretch, the more
// stretches there are to choose from, and the best of T/n stretches of pure noise reaches z = √(2·(1+ln(T/n))) or so: the
// penalty of Dümbgen and Spokoiny (Annals of Statistics 29, 2001), to which calibration adds what one in ten curves of noise
// exceeds. The stretch of highest z less penalty comes first, whether or not it stands out; then the same among the rows
// that are left, until none stands out.
//
// The score is the mean of the stretch, drawn towards that of the other rows by as much as chance explains of it:
//
//	score = outside + (inside − outside)·max(0, 1 − penalty²/z²)
//
// as a James–Stein estimate has it. It is a similarity, not a contrast, so that stretches of many videos and lengths can
// be ranked by it: a video in which nothing fits has a best stretch, too. Background makes scores of different sentences
// comparable.
//
// Proposals do not overlap and come by score, the best first, at most limit of them. Each costs T·log(T) steps.
func Propose(curve []float32, spans []sightline.Span, bounds Bounds, limit int) ([]Proposal, error) {
	if err := checkCurve(curve, spans); err != nil {
		return nil, &sightline.Error{Kind: sightline.Failed, What: "propose moments from a curve", Err: err}
	}
	p := newProposer(curve, spans, bounds)
	var proposals []Proposal
	for len(proposals) < limit {
		best, ok := p.best()
		if !ok || len(proposals) > 0 && best.excess() <= 0 {
			break
		}
		proposals = append(proposals, p.proposal(best))
		p.take(best)
	}
	if len(proposals) == 0 && limit > 0 { // no stretch within bounds, or a single row
		proposals = append(proposals, p.proposal(contrast{to: len(curve), inside: p.total / float64(len(curve))}))
	}
	slices.SortStableFunc(proposals, func(a, b Proposal) int { return cmp.Compare(b.Score, a.Score) })
	return proposals, nil
}

func checkCurve(curve []float32, spans []sightline.Span) error {
	if len(curve) == 0 || len(curve) != len(spans) {
		return fmt.Errorf("%d similarities with %d rows", len(curve), len(spans))
	}
	for i, v := range curve {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("similarity %d is %v", i, v)
		}
		if s := spans[i]; !(s.Start < s.End) || i > 0 && s.Start < spans[i-1].Start {
			return fmt.Errorf("row %d covers [%v, %v): rows are stretches of time in order", i, s.Start, s.End)
		}
	}
	return nil
}

// contrast is rows [from, to) beside all other rows that are not taken.
type contrast struct {
	from, to        int
	inside, outside float64 // means
	z, penalty      float64
}

func (c contrast) excess() float64 { return c.z - c.penalty }

// calibration is what the penalised z of about one in ten curves of noise exceeds, where neighbours correlate by 0.6 or less.
const calibration = 1

// proposer looks for stretches in one curve.
type proposer struct {
	curve  []float32
	spans  []sightline.Span
	bounds Bounds
	noise  noise
	sums   []float64 // of the rows before each
	end    []int     // of the free rows that start with each; the row itself where it is taken
	free   int       // rows that are not taken
	total  float64   // of the free rows
	scales []scale   // by number of rows, as far as they were asked for
}

// scale is what all stretches of one number of rows share.
type scale struct{ deviation, penalty float64 }

func newProposer(curve []float32, spans []sightline.Span, bounds Bounds) *proposer {
	p := &proposer{curve: curve, spans: spans, bounds: bounds, noise: noiseOf(curve)}
	p.sums, p.scales, p.end = make([]float64, len(curve)+1), make([]scale, len(curve)+1), make([]int, len(curve))
	for i, v := range curve {
		p.sums[i+1], p.end[i] = p.sums[i]+float64(v), len(curve)
	}
	p.free, p.total = len(curve), p.sums[len(curve)]
	return p
}

// allowed reports whether rows are free, within bounds, and not all there are.
func (p *proposer) allowed(from, to int) bool {
	if from < 0 || to > len(p.curve) || to <= from || to-from >= p.free || p.end[from] < to {
		return false
	}
	seconds := p.spans[to-1].End - p.spans[from].Start
	return seconds >= p.bounds.Shortest && (p.bounds.Longest <= 0 || seconds <= p.bounds.Longest)
}

// compare returns the contrast of rows that are allowed.
func (p *proposer) compare(from, to int) contrast {
	rows := to - from
	scale := &p.scales[rows]
	if scale.deviation == 0 {
		scale.deviation = math.Sqrt(p.noise.variance(rows) + p.noise.variance(p.free-rows))
		scale.penalty = math.Sqrt(2*(1+math.Log(float64(len(p.curve))/float64(rows)))) + calibration
	}
	sum := p.sums[to] - p.sums[from]
	c := contrast{from: from, to: to, inside: sum / float64(rows), outside: (p.total - sum) / float64(p.free-rows)}
	c.z, c.penalty = (c.inside-c.outside)/scale.deviation, scale.penalty
	return c
}

// best returns the free stretch that stands out most: of all starts and a geometric sequence of lengths, then moved to the
// best ends nearby.
func (p *proposer) best() (best contrast, found bool) {
	consider := func(from, to int) bool {
		if !p.allowed(from, to) {
			return false
		}
		c := p.compare(from, to)
		if found && c.excess() <= best.excess() {
			return false
		}
		best, found = c, true
		return true
	}
	for rows := 1; rows < p.free; rows += 1 + rows/5 {
		at, most := 0, math.Inf(-1) // of one length, the greatest sum stands out most
		for from, before := range p.sums[:len(p.sums)-rows] {
			if sum := p.sums[from+rows] - before; sum > most && p.allowed(from, from+rows) {
				at, most = from, sum
			}
		}
		consider(at, at+rows)
	}
	for improved := found; improved; {
		from, to := best.from, best.to
		improved = consider(from-1, to) || consider(from+1, to) || consider(from, to-1) || consider(from, to+1) ||
			consider(from-1, to-1) || consider(from+1, to+1)
	}
	return best, found
}

// take makes rows part of what is proposed already.
func (p *proposer) take(c contrast) {
	p.total -= p.sums[c.to] - p.sums[c.from]
	p.free -= c.to - c.from
	for i := range c.to {
		p.end[i] = min(p.end[i], max(i, c.from))
	}
	clear(p.scales)
}

func (p *proposer) proposal(c contrast) Proposal {
	peak := c.from
	for i := c.from; i < c.to; i++ {
		if p.curve[i] > p.curve[peak] {
			peak = i
		}
	}
	score, out := c.inside, 0.0
	if c.penalty > 0 {
		out = c.z / c.penalty
		score = c.outside + (c.inside-c.outside)*max(0, 1-1/(out*out))
	}
	return Proposal{
		Moment: sightline.Moment{
			Span: sightline.Span{Start: p.spans[c.from].Start, End: p.spans[c.to-1].End}, Score: score,
		},
		Contrast: out, Peak: p.spans[peak].Start,
	}
}

// noise is a first-order autoregressive sequence: what a curve does where nothing happens.
type noise struct{ square, memory float64 } // variance of a row, correlation of neighbours

// noiseOf estimates the noise of a curve from the differences of rows one and two apart: half their variances are
// σ²(1−ρ) and σ²(1−ρ²). The greatest tenth of the differences is left out, so that the few steps at the ends of moments do
// not count, however long the moments. A short curve says little of its ρ and is given that of frames at one a second.
func noiseOf(curve []float32) noise {
	const usual, rows = 0.6, 100 // ρ of frames, and how many rows of a curve it counts as
	half := func(lag int) float64 {
		if len(curve) <= lag {
			return 0
		}
		apart := make([]float64, len(curve)-lag)
		for i := range apart {
			apart[i] = math.Abs(float64(curve[i+lag]) - float64(curve[i]))
		}
		slices.Sort(apart)
		apart = apart[:(9*len(apart)+9)/10]
		var mean float64
		for _, v := range apart {
			mean += v / float64(len(apart))
		}
		const normal = 0.6574 // mean size of a normal variable of deviation 1, without the greatest tenth
		return mean * mean / (2 * normal * normal)
	}
	one, two := half(1), half(2)
	n := noise{square: one}
	if one > 0 {
		t := float64(len(curve))
		n.memory = (t*max(0, min(0.95, two/one-1)) + rows*usual) / (t + rows)
		n.square = one / (1 - n.memory)
	}
	// A curve without noise, as a person draws it, still has steps that stand out by a finite number.
	least := float64(slices.Max(curve)-slices.Min(curve)) / 1000
	n.square = max(n.square, least*least, 1e-18)
	return n
}

// variance returns that of the mean of neighbouring rows.
func (n noise) variance(rows int) float64 {
	r, m := float64(rows), n.memory
	return n.square / r * ((1+m)/(1-m) - 2*m*(1-math.Pow(m, r))/(r*(1-m)*(1-m)))
}

// Background is how a sentence compares with rows at large, all those of an archive for example.
type Background struct {
	rows, mean, squares float64
}

// Add counts the rows of a video.
func (b *Background) Add(curve []float32) {
	for _, v := range curve {
		b.rows++
		off := float64(v) - b.mean
		b.mean += off / b.rows
		b.squares += off * (float64(v) - b.mean)
	}
}

// Standard returns by how many standard deviations of rows at large a score lies above their mean, which scores of
// different sentences can be compared by. It is 0 where all rows are alike.
func (b *Background) Standard(score float64) float64 {
	if b.squares == 0 {
		return 0
	}
	return (score - b.mean) / math.Sqrt(b.squares/b.rows)
}
