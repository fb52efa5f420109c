package metric

import (
	"math"
	"math/rand/v2"
	"slices"
)

// grouped returns the indices of n queries by group, in the order in which groups first appear; without groups each query
// stands alone.
func grouped[K comparable](n int, group []K) [][]int {
	var groups [][]int
	of := map[K]int{}
	for i := range n {
		at := len(groups)
		if group != nil {
			if known, ok := of[group[i]]; ok {
				at = known
			}
			of[group[i]] = at
		}
		if at == len(groups) {
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], i)
	}
	return groups
}

// bootstrap returns the percentile interval of every number when groups of queries are drawn with replacement, as many as
// there are. values computes the numbers of a draw, which lists groups; streams of random numbers differ by stream.
func bootstrap(groups int, o Options, stream uint64, values func(drawn []int) []float64) []*Interval {
	random := rand.New(rand.NewPCG(o.Seed, stream))
	draws, drawn := make([][]float64, o.Resamples), make([]int, groups)
	for b := range draws {
		for n := range drawn {
			drawn[n] = random.IntN(groups)
		}
		draws[b] = values(drawn)
	}
	intervals := make([]*Interval, len(draws[0]))
	for m := range intervals {
		intervals[m] = percentiles(column(draws, m), o.Confidence)
	}
	return intervals
}

// pair completes the differences between two runs: intervals by drawing the same groups of queries for both, p by
// exchanging the runs at random, group by group. compute returns the differences for the groups drawn; exchanged[n] is 1
// where the runs change places in the nth of them, else 0.
func pair(differences []Difference, groups int, o Options, compute func(drawn, exchanged []int) []float64) {
	random := rand.New(rand.NewPCG(o.Seed, 1))
	drawn, exchanged := make([]int, groups), make([]int, groups)
	draws := make([][]float64, o.Resamples)
	for i := range draws {
		for n := range drawn {
			drawn[n] = random.IntN(groups)
		}
		draws[i] = compute(drawn, exchanged)
	}
	for n := range drawn {
		drawn[n] = n
	}
	extreme := make([]int, len(differences))
	for range o.Resamples {
		for n := range exchanged {
			exchanged[n] = int(random.Uint32() & 1)
		}
		for m, d := range compute(drawn, exchanged) {
			if math.Abs(d) >= math.Abs(differences[m].Difference)-1e-9 {
				extreme[m]++
			}
		}
	}
	for m := range differences {
		differences[m].Interval = *percentiles(column(draws, m), o.Confidence)
		differences[m].P = float64(extreme[m]+1) / float64(o.Resamples+1)
	}
}

func column(rows [][]float64, m int) []float64 {
	values := make([]float64, len(rows))
	for i, row := range rows {
		values[i] = row[m]
	}
	return values
}

// percentiles returns the central interval that holds the given share of the values, which it sorts.
func percentiles(values []float64, confidence float64) *Interval {
	slices.Sort(values)
	at := func(q float64) float64 {
		position := q * float64(len(values)-1)
		i := int(position)
		if i+1 == len(values) {
			return values[i]
		}
		return values[i] + (position-float64(i))*(values[i+1]-values[i])
	}
	return &Interval{at((1 - confidence) / 2), at((1 + confidence) / 2)}
}
