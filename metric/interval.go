package metric

import (
	"fmt"
	"math"
	"slices"
)

// sample is a run prepared for being summarised many times with the queries weighted differently. Query i spreads a
// weight of one evenly over the levels low[i] … high[i]-1; level l is the 0-based rank l·step.
type sample struct {
	ks        []int
	step      float64
	low, high []int32
	levels    int
	video     [][]int // the queries of each video, the unit of resampling
}

func newSample(r Ranks, o Options) sample {
	s := sample{ks: o.K, step: 1, low: make([]int32, r.Queries()), high: make([]int32, r.Queries())}
	for i, g := range r.Greater {
		e := r.Equal[i]
		switch o.Ties {
		case Average:
			s.step, s.low[i], s.high[i] = 0.5, 2*g+e, 2*g+e+1
		case Optimistic:
			s.low[i], s.high[i] = g, g+1
		case Pessimistic:
			s.low[i], s.high[i] = g+e, g+e+1
		case Expected:
			s.low[i], s.high[i] = g, g+e+1
		}
		s.levels = max(s.levels, int(s.high[i]))
	}
	s.video = grouped(len(r.Video), r.Video)
	return s
}

// histogram holds queries by level: the weight that begins, less the weight that ends, at each of them.
type histogram struct {
	change []float64
	total  float64
}

func (s sample) newHistogram() *histogram { return &histogram{change: make([]float64, s.levels+1)} }

func (h *histogram) empty() {
	clear(h.change)
	h.total = 0
}

// add puts all queries of a video into h.
func (s sample) add(h *histogram, video int) {
	for _, i := range s.video[video] {
		weight := 1 / float64(s.high[i]-s.low[i])
		h.change[s.low[i]] += weight
		h.change[s.high[i]] -= weight
	}
	h.total += float64(len(s.video[video]))
}

// values computes every number of a summary, in the order of metricNames.
func (s sample) values(h *histogram, into []float64) {
	recall, rest := into[:len(s.ks)], into[len(s.ks):]
	total := h.total
	var weight, below, mean, reciprocal float64 // weight of this level and of all levels before it
	lower, upper := math.NaN(), math.NaN()      // the middle two ranks
	k := 0
	for level, change := range h.change {
		rank := float64(level) * s.step
		for k < len(s.ks) && (rank >= float64(s.ks[k]) || s.ks[k] == 1 && rank > 0) {
			recall[k] = 100 * below / total
			k++
		}
		weight += change
		mean += weight * rank
		reciprocal += weight / (rank + 1)
		below += weight
		// Expected ties add fractions, so "half" is taken with a little slack.
		if math.IsNaN(lower) && below >= total/2-1e-9*total {
			lower = rank
		}
		if math.IsNaN(upper) && below > total/2+1e-9*total {
			upper = rank
		}
	}
	for ; k < len(s.ks); k++ {
		recall[k] = 100
	}
	if math.IsNaN(upper) {
		upper = lower
	}
	rest[0] = (lower+upper)/2 + 1
	rest[1] = mean/total + 1
	rest[2] = reciprocal / total
}

func (s sample) all() []float64 {
	h := s.newHistogram()
	for v := range s.video {
		s.add(h, v)
	}
	values := make([]float64, len(s.ks)+3)
	s.values(h, values)
	return values
}

// Summarize computes recall at K and the rank statistics, with percentile-bootstrap intervals over the queries. All
// queries about one video are drawn together, because captions of one video succeed and fail together. The interval says
// what other queries would give with this gallery and this trained model; OverSeeds says what other trainings would.
func (r Ranks) Summarize(options Options) (Summary, error) {
	o, err := options.withDefaults()
	if err != nil {
		return Summary{}, err
	}
	if r.Queries() == 0 {
		return Summary{}, usage("summarise ranks", "give at least one query", "there are none")
	}
	s := newSample(r, o)
	summary := newSummary(r, o.K)
	summary.setValues(s.all())
	for _, e := range r.Equal {
		if e > 0 {
			summary.TiedQueries++
			summary.TiedCandidates += int64(e)
		}
	}
	if o.Resamples < 0 {
		return summary, nil
	}
	h := s.newHistogram()
	intervals := bootstrap(len(s.video), o, uint64(len(r.Protocol)), func(drawn []int) []float64 {
		h.empty()
		for _, video := range drawn {
			s.add(h, video)
		}
		values := make([]float64, len(o.K)+3)
		s.values(h, values)
		return values
	})
	for m, estimate := range summary.estimates() {
		estimate.Interval = intervals[m]
	}
	return summary, nil
}

// Difference is how run B differs from run A in one number.
type Difference struct {
	Metric     string   `json:"metric"` // "R@1", …, "MdR", "MnR", "MRR"
	A          float64  `json:"a"`
	B          float64  `json:"b"`
	Difference float64  `json:"difference"` // B − A; better is higher for R@K and MRR, lower for MdR and MnR
	Interval   Interval `json:"interval"`   // paired bootstrap of the difference
	P          float64  `json:"p"`          // two-sided, of "the two runs are interchangeable", by randomisation
}

// String formats the difference on one line.
func (d Difference) String() string {
	return fmt.Sprintf("%-5s %8.3f → %8.3f  %+.3f [%+.3f, %+.3f]  p = %.4f", d.Metric, d.A, d.B, d.Difference, d.Interval.Low, d.Interval.High, d.P)
}

// Compare tests whether run b differs from run a on the same queries. The interval comes from drawing the same videos for
// both runs (paired bootstrap); p comes from exchanging the runs at random, video by video, and is the share of exchanges
// with a difference at least as large: it is never below 1/(Resamples+1), and small p over many comparisons needs the
// usual correction. Both runs must rank the same queries.
func Compare(a, b Ranks, options Options) ([]Difference, error) {
	const what = "compare two runs"
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if a.Protocol != b.Protocol || a.Candidates != b.Candidates || !slices.Equal(a.Video, b.Video) {
		return nil, usage(what, "score both runs on one set of texts and videos, in one order",
			"%d queries and %d candidates of %s against %d and %d of %s, or in another order", a.Queries(), a.Candidates, a.Protocol, b.Queries(), b.Candidates, b.Protocol)
	}
	if a.Queries() == 0 {
		return nil, usage(what, "give at least one query", "there are none")
	}
	if o.Resamples < 0 {
		return nil, usage(what, "use 2000 resamples", "a test needs resamples")
	}
	runs := [2]sample{newSample(a, o), newSample(b, o)}
	names := metricNames(o.K)
	va, vb := runs[0].all(), runs[1].all()
	differences := make([]Difference, len(names))
	for m, name := range names {
		differences[m] = Difference{Metric: name, A: va[m], B: vb[m], Difference: vb[m] - va[m]}
	}

	// Exchanged runs share one scale of levels, so that a query of one run fits the histogram of the other.
	levels := max(runs[0].levels, runs[1].levels)
	runs[0].levels, runs[1].levels = levels, levels
	h := [2]*histogram{runs[0].newHistogram(), runs[1].newHistogram()}
	values := [2][]float64{make([]float64, len(names)), make([]float64, len(names))}
	pair(differences, len(runs[0].video), o, func(drawn, exchanged []int) []float64 {
		h[0].empty()
		h[1].empty()
		for n, video := range drawn {
			runs[0].add(h[exchanged[n]], video)
			runs[1].add(h[1-exchanged[n]], video)
		}
		runs[0].values(h[0], values[0])
		runs[1].values(h[1], values[1])
		result := make([]float64, len(names))
		for m := range result {
			result[m] = values[1][m] - values[0][m]
		}
		return result
	})
	return differences, nil
}

// Join returns several runs of one method on the same queries as one, for Compare: what is asked of a video in all runs is
// resampled together. It needs at least one run.
func Join(runs []Ranks) Ranks {
	all := Ranks{Protocol: runs[0].Protocol, Candidates: runs[0].Candidates}
	for _, run := range runs {
		all.Greater, all.Equal = append(all.Greater, run.Greater...), append(all.Equal, run.Equal...)
		all.Video, all.Own = append(all.Video, run.Video...), append(all.Own, run.Own...)
	}
	return all
}

// OverSeeds summarises one method trained from several seeds on the same queries: each number is the mean over the runs,
// with the t interval of that mean (none for a single run). Counts of ties are those of all runs together. confidence 0
// means 0.95.
func OverSeeds(runs []Summary, confidence float64) (Summary, error) {
	const what = "summarise over seeds"
	o, err := Options{Confidence: confidence}.withDefaults()
	if err != nil {
		return Summary{}, err
	}
	if len(runs) == 0 {
		return Summary{}, usage(what, "give at least one run", "there are none")
	}
	mean := runs[0]
	mean.Recall = slices.Clone(mean.Recall)
	mean.TiedQueries, mean.TiedCandidates = 0, 0
	columns := make([][]float64, len(mean.estimates()))
	for n := range runs {
		run := &runs[n]
		if run.Protocol != mean.Protocol || run.Queries != mean.Queries || run.Candidates != mean.Candidates || !sameCutOffs(run.Recall, mean.Recall) {
			return Summary{}, usage(what, "judge every seed on the same test set with the same options", "run %d has other queries, candidates or cut-offs than run 0", n)
		}
		mean.TiedQueries += run.TiedQueries
		mean.TiedCandidates += run.TiedCandidates
		for m, estimate := range run.estimates() {
			columns[m] = append(columns[m], estimate.Value)
		}
	}
	for m, estimate := range mean.estimates() {
		*estimate = MeanOverSeeds(columns[m], o.Confidence)
	}
	return mean, nil
}

func sameCutOffs(a, b []Recall) bool {
	return slices.EqualFunc(a, b, func(x, y Recall) bool { return x.K == y.K })
}

// MeanOverSeeds returns the mean of one number over trainings with its Student t interval; a single value has none.
func MeanOverSeeds(values []float64, confidence float64) Estimate {
	n := float64(len(values))
	mean := 0.0
	for _, v := range values {
		mean += v / n
	}
	if len(values) < 2 {
		return Estimate{Value: mean}
	}
	squares := 0.0
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	margin := studentT(len(values)-1, confidence) * math.Sqrt(squares/(n-1)/n)
	return Estimate{mean, &Interval{mean - margin, mean + margin}}
}

// studentT returns t with P(|T| ≤ t) = confidence for Student's distribution with the given degrees of freedom.
func studentT(freedom int, confidence float64) float64 {
	low, high := 0.0, 1.0
	for studentTWithin(freedom, high) < confidence {
		high *= 2
	}
	for range 100 {
		if middle := (low + high) / 2; studentTWithin(freedom, middle) < confidence {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// studentTWithin returns P(|T| ≤ t) by the finite series of Abramowitz and Stegun 26.7.3 and 26.7.4.
func studentTWithin(freedom int, t float64) float64 {
	theta := math.Atan(t / math.Sqrt(float64(freedom)))
	sin, cos := math.Sincos(theta)
	start, term := 1, cos
	if freedom%2 == 0 {
		start, term = 0, 1
	}
	sum := 0.0
	for k := start; k <= freedom-2; k += 2 {
		sum += term
		term *= cos * cos * float64(k+1) / float64(k+2)
	}
	if freedom%2 == 0 {
		return sin * sum
	}
	return 2 / math.Pi * (theta + sin*sum)
}
