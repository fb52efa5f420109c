package metric

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestValuesAreMeansInPercent(t *testing.T) {
	v := Values{Names: []string{"R@1", "mIoU"}, Rows: [][]float64{{1, 0.5}, {0, 0.25}, {1, 0}, {0, 0}}}
	estimates, err := v.Summarize(Options{Resamples: -1})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "R@1", estimates[0].Value, 50, 0)
	near(t, "mIoU", estimates[1].Value, 18.75, 0)
	if estimates[0].Interval != nil {
		t.Error("there is an interval that nobody asked for")
	}
}

// A share over independent queries has the binomial's interval, and queries in perfect agreement count as one.
func TestValuesIntervals(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	const n = 400
	alone := Values{Names: []string{"R@1"}}
	grouped := Values{Names: alone.Names}
	for i := range n {
		x := float64(random.IntN(2))
		alone.Rows = append(alone.Rows, []float64{x})
		for range 4 {
			grouped.Rows = append(grouped.Rows, []float64{x})
			grouped.Group = append(grouped.Group, string(rune('a'+i)))
		}
	}
	one, err := alone.Summarize(Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := one[0].Value / 100
	near(t, "margin", one[0].Margin(), 100*1.96*math.Sqrt(p*(1-p)/n), 0.4)
	four, err := grouped.Summarize(Options{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "margin of grouped queries", four[0].Margin(), one[0].Margin(), 1e-9)
}

func TestCompareValues(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	a, b := Values{Names: []string{"same", "better"}}, Values{Names: []string{"same", "better"}}
	for range 300 {
		x := random.Float64()
		a.Rows = append(a.Rows, []float64{x, float64(random.IntN(2))})
		b.Rows = append(b.Rows, []float64{x, float64(min(1, random.IntN(4)))})
	}
	differences, err := CompareValues(a, b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := differences[0]; d.Difference != 0 || d.P != 1 {
		t.Errorf("equal runs differ: %v", d)
	}
	if d := differences[1]; d.P > 0.001 || d.Interval.Low <= 0 || d.Difference < 15 {
		t.Errorf("a better run is not: %v", d)
	}
	back, err := CompareValues(b, a, Options{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "the other way round", back[1].Difference, -differences[1].Difference, 1e-12)
}

func TestValuesRefuse(t *testing.T) {
	good := Values{Names: []string{"x"}, Rows: [][]float64{{1}, {0}}}
	for what, bad := range map[string]Values{
		"there are none": {Names: []string{"x"}},
		"x of query 1":   {Names: []string{"x"}, Rows: [][]float64{{1}, {math.NaN()}}},
		"1 of 2 numbers": {Names: []string{"x", "y"}, Rows: [][]float64{{1}}},
		"1 groups":       {Names: []string{"x"}, Rows: [][]float64{{1}, {1}}, Group: []string{"a"}},
	} {
		if _, err := bad.Summarize(Options{}); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := CompareValues(good, bad, Options{}); err == nil {
			t.Errorf("%s: compared", what)
		}
	}
	if _, err := CompareValues(good, Values{Names: []string{"x"}, Rows: [][]float64{{1}}}, Options{}); err == nil {
		t.Error("runs on other queries were compared")
	}
	if _, err := CompareValues(good, good, Options{Resamples: -1}); err == nil {
		t.Error("tested without resamples")
	}
}
