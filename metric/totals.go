package metric

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Totals is a run whose numbers depend on sums over its items alone: BLEU on counts of n-grams, a mean on a sum and a count,
// a recall on hits and steps. It is what numbers other than ranks need for intervals and paired tests.
type Totals struct {
	Names []string    // of the numbers
	Items [][]float64 // what each item adds to each of the sums; all of one length
	// Numbers computes the numbers from the sums, in the order of Names. It must take any sums that items give, those of
	// no item included, and return no NaN.
	Numbers func(sums []float64) []float64
}

func (t Totals) check(what string, o Options) (Options, error) {
	o, err := o.withDefaults()
	if err != nil {
		return o, err
	}
	if len(t.Items) == 0 {
		return o, usage(what, "give at least one item", "there are none")
	}
	return o, nil
}

func addTo(sums, item []float64) {
	for k, v := range item {
		sums[k] += v
	}
}

// Summarize returns the numbers over all items, with percentile-bootstrap intervals over the items.
func (t Totals) Summarize(options Options) ([]Estimate, error) {
	o, err := t.check("summarise items", options)
	if err != nil {
		return nil, err
	}
	sums := make([]float64, len(t.Items[0]))
	for _, item := range t.Items {
		addTo(sums, item)
	}
	estimates := make([]Estimate, len(t.Names))
	for m, v := range t.Numbers(sums) {
		estimates[m].Value = v
	}
	if o.Resamples < 0 {
		return estimates, nil
	}
	random := rand.New(rand.NewPCG(o.Seed, 0))
	draws := make([][]float64, o.Resamples)
	for b := range draws {
		clear(sums)
		for range t.Items {
			addTo(sums, t.Items[random.IntN(len(t.Items))])
		}
		draws[b] = t.Numbers(sums)
	}
	for m := range estimates {
		estimates[m].Interval = percentiles(column(draws, m), o.Confidence)
	}
	return estimates, nil
}

// CompareTotals tests whether run b differs from run a on the same items, as Compare does for ranks: the interval comes from
// drawing the same items for both runs, p from exchanging the runs at random, item by item.
func CompareTotals(a, b Totals, options Options) ([]Difference, error) {
	const what = "compare two runs"
	o, err := a.check(what, options)
	if err != nil {
		return nil, err
	}
	if len(a.Items) != len(b.Items) || !slices.Equal(a.Names, b.Names) {
		return nil, usage(what, "score both runs on the same items in one order",
			"%d items with %v against %d with %v, or in another order", len(a.Items), a.Names, len(b.Items), b.Names)
	}
	if o.Resamples < 0 {
		return nil, usage(what, "use 2000 resamples", "a test needs resamples")
	}
	sums := [2][]float64{make([]float64, len(a.Items[0])), make([]float64, len(a.Items[0]))}
	numbers := func(draw func(nth int) (item, exchanged int)) (va, vb []float64) {
		clear(sums[0])
		clear(sums[1])
		for n := range a.Items {
			item, exchanged := draw(n)
			addTo(sums[exchanged], a.Items[item])
			addTo(sums[1-exchanged], b.Items[item])
		}
		return a.Numbers(sums[0]), b.Numbers(sums[1])
	}
	va, vb := numbers(func(n int) (int, int) { return n, 0 })
	differences := make([]Difference, len(a.Names))
	for m, name := range a.Names {
		differences[m] = Difference{Metric: name, A: va[m], B: vb[m], Difference: vb[m] - va[m]}
	}
	random := rand.New(rand.NewPCG(o.Seed, 1))
	draws := make([][]float64, o.Resamples)
	for i := range draws {
		va, vb := numbers(func(int) (int, int) { return random.IntN(len(a.Items)), 0 })
		draws[i] = make([]float64, len(va))
		for m := range va {
			draws[i][m] = vb[m] - va[m]
		}
	}
	extreme := make([]int, len(a.Names))
	for range o.Resamples {
		va, vb := numbers(func(n int) (int, int) { return n, int(random.Uint32() & 1) })
		for m := range va {
			if math.Abs(vb[m]-va[m]) >= math.Abs(differences[m].Difference)-1e-9 {
				extreme[m]++
			}
		}
	}
	for m := range differences {
		differences[m].Interval = *percentiles(column(draws, m), o.Confidence)
		differences[m].P = float64(extreme[m]+1) / float64(o.Resamples+1)
	}
	return differences, nil
}
