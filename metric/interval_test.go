package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"sightline"
)

// TestBootstrapCoversTheTruth draws many test sets from one population and counts how often the interval of R@1 and of the
// mean rank holds the population's value.
func TestBootstrapCoversTheTruth(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 0))
	const sets, queries, candidates = 200, 80, 50
	holds := make([]int, 2)
	truth := []float64{40, 1 + 0.6*25} // 40 % rank 0, the rest uniform on 1 … 49
	for set := range sets {
		ranks := Ranks{Protocol: TextToVideo, Candidates: candidates}
		for q := range queries {
			g := int32(0)
			if r.Float64() >= 0.4 {
				g = 1 + int32(r.IntN(49))
			}
			ranks.add(q, 1, g, 0)
		}
		s := summarize(t, ranks, Options{Resamples: 400, Seed: uint64(set)})
		for m, interval := range []*Interval{s.Recall[0].Interval, s.MeanRank.Interval} {
			if interval.Low <= truth[m] && truth[m] <= interval.High {
				holds[m]++
			}
		}
	}
	for m, n := range holds {
		if share := float64(n) / sets; share < 0.89 || share > 0.99 {
			t.Errorf("number %d: the 95 %% interval holds the truth in %.1f %% of %d test sets", m, 100*share, sets)
		}
	}
}

// TestCaptionsOfOneVideoAreDrawnTogether: repeating every query ten times adds no evidence.
func TestCaptionsOfOneVideoAreDrawnTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(22, 0))
	once, repeated := Ranks{Candidates: 100}, Ranks{Candidates: 100}
	for v := range 100 {
		g := int32(r.IntN(4))
		once.add(v, 1, g, 0)
		for range 10 {
			repeated.add(v, 1, g, 0)
		}
	}
	a := summarize(t, once, Options{}).Recall[0]
	b := summarize(t, repeated, Options{}).Recall[0]
	if a.Value != b.Value || math.Abs(a.Margin()-b.Margin()) > 1e-9 {
		t.Errorf("±%.2f for 100 queries, ±%.2f for the same ones ten times over", a.Margin(), b.Margin())
	}
}

func TestIntervalsAreDeterministic(t *testing.T) {
	sims, owner := random(13, 60, 20)
	a, b := judge(t, sims, owner, Options{Seed: 4}), judge(t, sims, owner, Options{Seed: 4})
	if !reflect.DeepEqual(a, b) {
		t.Error("equal options gave different reports")
	}
	if c := judge(t, sims, owner, Options{Seed: 5}); reflect.DeepEqual(a, c) {
		t.Error("the seed changes nothing")
	}
}

func TestCompare(t *testing.T) {
	sims, _ := random(14, 300, 300)
	for i := range 300 {
		sims.Data[i*300+i] += 3
	}
	noisier, other := sightline.NewMatrix(300, 300), sightline.NewMatrix(300, 300)
	r := rand.New(rand.NewPCG(15, 0))
	for i, v := range sims.Data {
		noisier.Data[i] = v + float32(1.5*r.NormFloat64())
		other.Data[i] = v + float32(1.5*r.NormFloat64())
	}
	a, b, c := rank(t, sims, nil).TextToVideo, rank(t, noisier, nil).TextToVideo, rank(t, other, nil).TextToVideo
	compare := func(a, b Ranks) []Difference {
		differences, err := Compare(a, b, Options{Resamples: 500})
		if err != nil {
			t.Fatal(err)
		}
		return differences
	}
	for _, d := range compare(a, b) {
		better := d.Metric == "MdR" || d.Metric == "MnR"
		if (d.Difference > 0) != better || d.P > 0.05 || d.Interval.Low <= 0 && d.Interval.High >= 0 {
			t.Errorf("noise should hurt: %v", d)
		}
	}
	for _, d := range compare(b, c) {
		if d.P < 0.01 {
			t.Errorf("equally noisy runs should not differ: %v", d)
		}
	}
	for _, d := range compare(a, a) {
		if d.Difference != 0 || d.P != 1 || d.Interval != (Interval{}) {
			t.Errorf("a run should not differ from itself: %v", d)
		}
	}
}

// TestCompareIsCalibrated: of two interchangeable runs, five in a hundred may differ at p ≤ 0.05.
func TestCompareIsCalibrated(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 0))
	const trials = 300
	rejected := 0
	for trial := range trials {
		var runs [2]Ranks
		for q := range 60 {
			hard := r.IntN(20)
			for n := range runs {
				runs[n].add(q, 1, int32(hard+r.IntN(10)), 0)
			}
		}
		differences, err := Compare(runs[0], runs[1], Options{Resamples: 199, Seed: uint64(trial)})
		if err != nil {
			t.Fatal(err)
		}
		if mean := differences[len(differences)-2]; mean.P <= 0.05 {
			rejected++
		}
	}
	if share := float64(rejected) / trials; share > 0.09 || share < 0.015 {
		t.Errorf("p ≤ 0.05 in %.1f %% of trials without a difference", 100*share)
	}
}

func TestOverSeeds(t *testing.T) {
	var runs []Summary
	for _, r1 := range []float64{40, 42, 44} {
		runs = append(runs, Summary{Protocol: TextToVideo, Recall: []Recall{{1, Estimate{Value: r1}}}})
	}
	s, err := OverSeeds(runs, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := s.Recall[0]
	near(t, "mean", got.Value, 42, 1e-12)
	near(t, "margin", got.Margin(), 4.302653*2/math.Sqrt(3), 1e-5)
	if runs[0].Recall[0].Value != 40 {
		t.Error("OverSeeds changed its input")
	}
	runs[1].Queries = 7
	if _, err := OverSeeds(runs, 0); err == nil {
		t.Error("runs on different queries were averaged")
	}
}

func TestStudentT(t *testing.T) {
	for _, row := range []struct {
		freedom       int
		confidence, t float64
	}{{1, .95, 12.7062}, {2, .95, 4.30265}, {3, .95, 3.18245}, {4, .95, 2.77645}, {9, .95, 2.26216}, {4, .99, 4.60409}, {99, .95, 1.98422}, {30, .9, 1.69726}} {
		near(t, fmt.Sprintf("t(%d, %v)", row.freedom, row.confidence), studentT(row.freedom, row.confidence), row.t, 1e-4)
	}
}

func BenchmarkSummarize10000(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	ranks := Ranks{Protocol: TextToVideo, Candidates: 10000}
	for q := range 10000 {
		ranks.add(q, 1, int32(r.IntN(1+r.IntN(10000))), 0)
	}
	for b.Loop() {
		if _, err := ranks.Summarize(Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
