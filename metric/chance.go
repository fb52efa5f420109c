package metric

import (
	"maps"
	"slices"
)

// Chance returns what a scorer that draws every score at random reaches on these queries: the exact expectation of R@K,
// mean rank and mean reciprocal rank, and the median of the ranks such a scorer gives.
//
// Among N candidates with one own item every rank is equally likely. That holds for video slots too, however unevenly the
// captions are spread: a slot of many captions rises in every column alike, and exactly K slots are among the first K.
// In VideoToCaption a video with c of A captions misses the first K with probability C(A−K, c)/C(A, c).
func (r Ranks) Chance(ks []int) (Summary, error) {
	o, err := Options{K: ks}.withDefaults()
	if err != nil {
		return Summary{}, err
	}
	if r.Queries() == 0 {
		return Summary{}, usage("compute chance", "give at least one query", "there are none")
	}
	summary := newSummary(r, o.K)
	share := map[int]float64{} // number of own candidates → share of the queries
	for _, own := range r.Own {
		share[own] += 1 / float64(r.Queries())
	}
	within := make([]float64, r.Candidates+1) // within[k]: probability that the best own item is among the first k
	for _, own := range slices.Sorted(maps.Keys(share)) {
		weight := share[own]
		missed := 1.0
		for k := range within {
			within[k] += weight * (1 - missed)
			missed *= max(0, float64(r.Candidates-k-own)) / float64(max(1, r.Candidates-k))
		}
	}
	values := make([]float64, 0, len(o.K)+3)
	for _, k := range o.K {
		values = append(values, 100*within[min(k, r.Candidates)])
	}
	var mean, reciprocal float64
	lower, upper := 0, 0
	for k := 1; k <= r.Candidates; k++ {
		p := within[k] - within[k-1]
		mean += p * float64(k)
		reciprocal += p / float64(k)
		if lower == 0 && within[k] >= 0.5-1e-9 {
			lower = k
		}
		if upper == 0 && within[k] > 0.5+1e-9 {
			upper = k
		}
	}
	summary.setValues(append(values, float64(lower+upper)/2, mean, reciprocal))
	return summary, nil
}
