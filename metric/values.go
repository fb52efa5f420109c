package metric

import (
	"math"
	"slices"
)

// Values holds what each query scores in numbers that are means over queries, such as recall at an overlap: the start of
// intervals and paired tests for evaluations that are no ranking of a similarity matrix.
type Values struct {
	Names []string    // of the numbers
	Rows  [][]float64 // [queries][numbers]: a share in [0, 1]
	// Group says by query which queries are drawn and exchanged together, because they succeed and fail together: those
	// about one video. Nil means that each stands alone.
	Group []string
}

// Summarize returns the mean of every number in percent, with percentile-bootstrap intervals over groups of queries unless
// Options.Resamples is negative. Options.Ties and K are not used.
func (v Values) Summarize(options Options) ([]Estimate, error) {
	const what = "summarise values"
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := v.check(what); err != nil {
		return nil, err
	}
	estimates := make([]Estimate, len(v.Names))
	for m, value := range v.percent() {
		estimates[m].Value = value
	}
	if o.Resamples < 0 || len(v.Names) == 0 {
		return estimates, nil
	}
	sums := v.sums()
	intervals := bootstrap(len(sums), o, 2, func(drawn []int) []float64 {
		total := groupSum{values: make([]float64, len(v.Names))}
		for _, g := range drawn {
			total.add(sums[g])
		}
		return total.percent()
	})
	for m := range estimates {
		estimates[m].Interval = intervals[m]
	}
	return estimates, nil
}

// CompareValues tests whether run b differs from run a on the same queries, as Compare does for ranks.
func CompareValues(a, b Values, options Options) ([]Difference, error) {
	const what = "compare two runs"
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	for _, v := range []Values{a, b} {
		if err := v.check(what); err != nil {
			return nil, err
		}
	}
	if len(a.Rows) != len(b.Rows) || !slices.Equal(a.Names, b.Names) || !slices.Equal(a.Group, b.Group) {
		return nil, usage(what, "judge both runs on one set of queries, in one order, with the same options", "%d queries and %d against %d and %d numbers, or in another order",
			len(a.Rows), len(b.Rows), len(a.Names), len(b.Names))
	}
	if o.Resamples < 0 {
		return nil, usage(what, "use 2000 resamples", "a test needs resamples")
	}
	differences := make([]Difference, len(a.Names))
	va, vb := a.percent(), b.percent()
	for m, name := range a.Names {
		differences[m] = Difference{Metric: name, A: va[m], B: vb[m], Difference: vb[m] - va[m]}
	}
	sums := [2][]groupSum{a.sums(), b.sums()}
	pair(differences, len(sums[0]), o, func(drawn, exchanged []int) []float64 {
		result := make([]float64, len(a.Names))
		queries := 0
		for n, g := range drawn {
			first, second := sums[exchanged[n]][g], sums[1-exchanged[n]][g]
			queries += first.queries
			for m := range result {
				result[m] += second.values[m] - first.values[m]
			}
		}
		for m := range result {
			result[m] *= 100 / float64(queries)
		}
		return result
	})
	return differences, nil
}

// check refuses what has no mean.
func (v Values) check(what string) error {
	if len(v.Rows) == 0 {
		return usage(what, "give at least one query", "there are none")
	}
	if v.Group != nil && len(v.Group) != len(v.Rows) {
		return usage(what, "name the group of every query", "%d groups for %d queries", len(v.Group), len(v.Rows))
	}
	for i, row := range v.Rows {
		if len(row) != len(v.Names) {
			return usage(what, "give every query every number", "query %d has %d of %d numbers", i, len(row), len(v.Names))
		}
		for m, x := range row {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return usage(what, "look for the cause in the scores", "%s of query %d is %v", v.Names[m], i, x)
			}
		}
	}
	return nil
}

// percent returns the means, summed in the order of the queries.
func (v Values) percent() []float64 {
	total := groupSum{values: make([]float64, len(v.Names))}
	for _, row := range v.Rows {
		total.add(groupSum{1, row})
	}
	return total.percent()
}

// groupSum is what the queries of a group score together.
type groupSum struct {
	queries int
	values  []float64 // one for each number
}

func (s *groupSum) add(other groupSum) {
	s.queries += other.queries
	for m, x := range other.values {
		s.values[m] += x
	}
}

// percent turns the sums into means in percent, in place. Dividing first and multiplying then is what the field's
// evaluators do, and decides the last digit.
func (s *groupSum) percent() []float64 {
	for m := range s.values {
		s.values[m] = 100 * (s.values[m] / float64(s.queries))
	}
	return s.values
}

// sums adds up the queries of each group, in the order in which groups first appear.
func (v Values) sums() []groupSum {
	var sums []groupSum
	for _, queries := range grouped(len(v.Rows), v.Group) {
		sum := groupSum{values: make([]float64, len(v.Names))}
		for _, i := range queries {
			sum.add(groupSum{1, v.Rows[i]})
		}
		sums = append(sums, sum)
	}
	return sums
}
