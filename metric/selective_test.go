package metric_test

import (
	"math"
	"slices"
	"testing"

	"sightline"
	"sightline/metric"
)

// Five answers, wrong ones marked ×, by hand. "sharp" has the order ✓ ✓ × ✓ ×: risks 0, 0, 1/3, 1/4, 2/5. "tied" has ✓ and ×
// together before the rest: after one of them half a wrong one is expected.
func answers() metric.Answers {
	return metric.Answers{
		Wrong: []bool{false, true, false, true, false},
		Names: []string{"sharp", "tied", "constant", "oracle", "worst"},
		Confidence: [][]float64{
			{0.9, 0.5, 0.8, 0.1, 0.2},
			{7, 7, 3, 3, 3},
			{1, 1, 1, 1, 1},
			{1, 0, 1, 0, 1},
			{0, 1, 0, 1, 0},
		},
	}
}

func TestRiskCoverageByHand(t *testing.T) {
	a := answers()
	want := [][]float64{
		{0, 0, 1. / 3, 1. / 4, 2. / 5},
		{1. / 2, 1. / 2, (1 + 1./3) / 3, (1 + 2./3) / 4, 2. / 5},
		{2. / 5, 2. / 5, 2. / 5, 2. / 5, 2. / 5},
		{0, 0, 0, 1. / 4, 2. / 5},
		{1, 1, 2. / 3, 1. / 2, 2. / 5},
	}
	areas, err := a.AURC(metric.Options{Resamples: -1})
	if err != nil {
		t.Fatal(err)
	}
	for m, name := range a.Names {
		curve, err := a.Curve(m)
		if err != nil {
			t.Fatal(err)
		}
		mean := 0.0
		for k := range want[m] {
			if math.Abs(curve[k]-want[m][k]) > 1e-12 {
				t.Errorf("%s: risks %v, want %v", name, curve, want[m])
				break
			}
			mean += want[m][k] / 5
		}
		if math.Abs(areas[m].Value-mean) > 1e-12 || areas[m].Interval != nil {
			t.Errorf("%s: area %+v, want %v", name, areas[m], mean)
		}
	}
}

// The expectation over ties is the mean over every order of the tied answers.
func TestTiedConfidencesAreTheMeanOfTheirOrders(t *testing.T) {
	wrong := []bool{true, false, false, true}
	tied := metric.Answers{Wrong: wrong, Names: []string{""}, Confidence: [][]float64{{2, 1, 1, 1}}}
	want := 0.0
	orders := [][3]float64{{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}}
	for _, o := range orders {
		a := metric.Answers{Wrong: wrong, Names: []string{""}, Confidence: [][]float64{{9, o[0], o[1], o[2]}}}
		area, err := a.AURC(metric.Options{Resamples: -1})
		if err != nil {
			t.Fatal(err)
		}
		want += area[0].Value / float64(len(orders))
	}
	if area, err := tied.AURC(metric.Options{Resamples: -1}); err != nil || math.Abs(area[0].Value-want) > 1e-12 {
		t.Errorf("tied: %v, want %v; %v", area, want, err)
	}
}

func TestConfidencesAgainstOneAnother(t *testing.T) {
	a := answers()
	// The same five answers of forty videos.
	for range 39 {
		b := answers()
		a.Wrong = append(a.Wrong, b.Wrong...)
		for m := range a.Names {
			a.Confidence[m] = append(a.Confidence[m], b.Confidence[m]...)
		}
	}
	for i := range a.Wrong {
		a.Group = append(a.Group, i/5)
	}
	// Groups that are all alike have intervals of no width.
	areas, err := a.AURC(metric.Options{Resamples: 50})
	if err != nil {
		t.Fatal(err)
	}
	for m, area := range areas {
		if area.Interval == nil || math.Abs(area.Interval.High-area.Interval.Low) > 1e-12 || math.Abs(area.Interval.Low-area.Value) > 1e-12 {
			t.Errorf("%s: %+v %+v", a.Names[m], area.Value, area.Interval)
		}
	}
	// Alone, answers vary, and the paired difference keeps its sign.
	a.Group = nil
	differences, err := a.Against(2, metric.Options{Resamples: 500})
	if err != nil {
		t.Fatal(err)
	}
	if d := differences[2]; d.Value != 0 || d.Interval.Low != 0 || d.Interval.High != 0 {
		t.Errorf("against itself: %+v", d)
	}
	if d := differences[3]; d.Value >= 0 || d.Interval.Low >= d.Value || d.Interval.High >= 0 || d.Interval.High <= d.Value {
		t.Errorf("the oracle against a constant: %v %+v", d.Value, d.Interval)
	}
	if d := differences[4]; d.Value <= 0 || d.Interval.Low <= 0 {
		t.Errorf("the worst against a constant: %v %+v", d.Value, d.Interval)
	}
}

func TestConfidencesRefused(t *testing.T) {
	for name, spoil := range map[string]func(*metric.Answers){
		"no answers":        func(a *metric.Answers) { a.Wrong = nil },
		"a NaN":             func(a *metric.Answers) { a.Confidence[1][2] = math.NaN() },
		"a value too few":   func(a *metric.Answers) { a.Confidence[0] = a.Confidence[0][1:] },
		"a name too few":    func(a *metric.Answers) { a.Names = slices.Clone(a.Names[1:]) },
		"a group too few":   func(a *metric.Answers) { a.Group = []int{1} },
		"a value too many":  func(a *metric.Answers) { a.Confidence[4] = append(a.Confidence[4], 1) },
		"a group too many":  func(a *metric.Answers) { a.Group = make([]int, 6) },
		"names but no more": func(a *metric.Answers) { a.Confidence = nil },
	} {
		a := answers()
		spoil(&a)
		if _, err := a.AURC(metric.Options{}); sightline.KindOf(err) != sightline.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}
