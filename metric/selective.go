package metric

import (
	"cmp"
	"math"
	"slices"
)

// Answers are what a run said first, right or wrong, with numbers that are to tell how sure one can be of each: the start of
// judging confidences by what is wrong among the surest answers (selective prediction; Geifman and El-Yaniv, 2017).
type Answers struct {
	Wrong      []bool      // [answers]
	Names      []string    // of the confidences
	Confidence [][]float64 // [confidences][answers]; higher is surer, of any scale
	Group      []int       // by answer, what is drawn together: its video; nil means that each stands alone
}

// Curve returns the risk of confidence m at every coverage: [k-1] is the share of wrong ones among the k surest answers, from
// 0 to 1. Answers of equal confidence come in no order: the share is the expectation over all of them.
func (a Answers) Curve(m int) ([]float64, error) {
	if err := a.check("draw a risk-coverage curve"); err != nil {
		return nil, err
	}
	curve := make([]float64, 0, len(a.Wrong))
	walk(a.blocks(m), ones(len(a.Wrong)), func(risk float64) { curve = append(curve, risk) })
	return curve, nil
}

// AURC returns the area under the risk-coverage curve of every confidence, the mean of Curve (Geifman, Uziel and El-Yaniv,
// 2019, eq. 2), with percentile-bootstrap intervals over groups unless Options.Resamples is negative. From 0 to 1; lower is
// better. A constant confidence has the share of wrong answers, which is what a random order has on average.
func (a Answers) AURC(options Options) ([]Estimate, error) {
	return a.estimate(options, func(areas []float64) []float64 { return areas })
}

// Against returns AURC of every confidence less that of confidence m, with intervals of the paired bootstrap: the same groups
// are drawn for both. Below 0 it is better than m.
func (a Answers) Against(m int, options Options) ([]Estimate, error) {
	return a.estimate(options, func(areas []float64) []float64 {
		base := areas[m]
		for i := range areas {
			areas[i] -= base
		}
		return areas
	})
}

// estimate returns numbers of the areas with their intervals.
func (a Answers) estimate(options Options, numbers func(areas []float64) []float64) ([]Estimate, error) {
	const what = "judge confidences"
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := a.check(what); err != nil {
		return nil, err
	}
	sorted := make([][][]answer, len(a.Names))
	for m := range sorted {
		sorted[m] = a.blocks(m)
	}
	count := func(times []int) []float64 {
		areas := make([]float64, len(sorted))
		for m, blocks := range sorted {
			total := 0
			walk(blocks, times, func(risk float64) { areas[m], total = areas[m]+risk, total+1 })
			areas[m] /= float64(total)
		}
		return numbers(areas)
	}
	estimates := make([]Estimate, len(a.Names))
	for m, value := range count(ones(len(a.Wrong))) {
		estimates[m].Value = value
	}
	if o.Resamples < 0 || len(a.Names) == 0 {
		return estimates, nil
	}
	groups := grouped(len(a.Wrong), a.Group)
	times := make([]int, len(a.Wrong))
	intervals := bootstrap(len(groups), o, 3, func(drawn []int) []float64 {
		clear(times)
		for _, g := range drawn {
			for _, i := range groups[g] {
				times[i]++
			}
		}
		return count(times)
	})
	for m := range estimates {
		estimates[m].Interval = intervals[m]
	}
	return estimates, nil
}

func (a Answers) check(what string) error {
	n := len(a.Wrong)
	switch {
	case n == 0:
		return usage(what, "give at least one answer", "there are none")
	case len(a.Confidence) != len(a.Names):
		return usage(what, "name every confidence", "%d names for %d confidences", len(a.Names), len(a.Confidence))
	case a.Group != nil && len(a.Group) != n:
		return usage(what, "name the group of every answer", "%d groups for %d answers", len(a.Group), n)
	}
	for m, values := range a.Confidence {
		if len(values) != n {
			return usage(what, "give every answer every confidence", "%s has %d values for %d answers", a.Names[m], len(values), n)
		}
		if i := slices.IndexFunc(values, math.IsNaN); i >= 0 {
			return usage(what, "look for the cause in the scores", "%s of answer %d is NaN", a.Names[m], i)
		}
	}
	return nil
}

// answer is one of a block of equal confidence.
type answer struct {
	index int
	wrong float64
}

// blocks returns the answers in blocks of equal confidence m, the surest first.
func (a Answers) blocks(m int) [][]answer {
	values := a.Confidence[m]
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(values[j], values[i]) })
	var blocks [][]answer
	for n, i := range order {
		if n == 0 || values[i] != values[order[n-1]] {
			blocks = append(blocks, nil)
		}
		one := answer{index: i}
		if a.Wrong[i] {
			one.wrong = 1
		}
		blocks[len(blocks)-1] = append(blocks[len(blocks)-1], one)
	}
	return blocks
}

// walk tells the expected risk after each answer, every answer taken the given number of times.
func walk(blocks [][]answer, times []int, tell func(risk float64)) {
	taken, wrong := 0.0, 0.0
	for _, block := range blocks {
		size, errors := 0, 0.0
		for _, one := range block {
			size += times[one.index]
			errors += float64(times[one.index]) * one.wrong
		}
		for k := 1; k <= size; k++ {
			tell((wrong + errors*float64(k)/float64(size)) / (taken + float64(k)))
		}
		taken, wrong = taken+float64(size), wrong+errors
	}
}

func ones(n int) []int {
	times := make([]int, n)
	for i := range times {
		times[i] = 1
	}
	return times
}
