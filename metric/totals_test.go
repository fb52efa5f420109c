package metric

import (
	"math"
	"math/rand/v2"
	"testing"
)

// means are items whose number is their mean.
func means(values ...float64) Totals {
	t := Totals{Names: []string{"mean"}, Numbers: func(sums []float64) []float64 { return []float64{sums[0] / max(sums[1], 1)} }}
	for _, v := range values {
		t.Items = append(t.Items, []float64{v, 1})
	}
	return t
}

func drawn(n int, shift float64) []float64 {
	random := rand.New(rand.NewPCG(5, 6))
	values := make([]float64, n)
	for i := range values {
		values[i] = random.NormFloat64() + shift
	}
	return values
}

// The bootstrap of a mean of 400 values with deviation 1 has a 95 % interval of ±1.96/20.
func TestTotalsIntervalOfAMean(t *testing.T) {
	estimates, err := means(drawn(400, 2)...).Summarize(Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := estimates[0]
	if math.Abs(e.Value-2) > 0.15 || math.Abs(e.Margin()-0.098) > 0.015 {
		t.Errorf("mean %v ± %v, want about 2 ± 0.098", e.Value, e.Margin())
	}
}

func TestCompareTotals(t *testing.T) {
	a, same, better := means(drawn(200, 0)...), means(drawn(200, 0)...), means(drawn(200, 0.2)...)
	equal, err := CompareTotals(a, same, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := equal[0]; d.Difference != 0 || d.P != 1 {
		t.Errorf("a run against itself: %v", d)
	}
	differs, err := CompareTotals(a, better, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := differs[0]; math.Abs(d.Difference-0.2) > 1e-9 || d.P > 0.001 || math.Abs(d.Interval.Low-0.2) > 1e-9 {
		t.Errorf("every item 0.2 better: %v", d)
	}
	if _, err := CompareTotals(a, means(1, 2), Options{}); err == nil {
		t.Error("compared with other items")
	}
	if _, err := means().Summarize(Options{}); err == nil {
		t.Error("no items were summarised")
	}
	if _, err := CompareTotals(a, same, Options{Resamples: -1}); err == nil {
		t.Error("compared without resamples")
	}
}
