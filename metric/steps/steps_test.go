package steps

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sightline"
	"sightline/metric"
)

// cheapest tries every choice of K frames in order.
func cheapest(costs sightline.Matrix, background float64) float64 {
	var walk func(frame, step int) float64
	walk = func(frame, step int) float64 {
		if costs.Rows-frame < costs.Cols-step {
			return math.Inf(1)
		}
		if frame == costs.Rows {
			return 0
		}
		best := background + walk(frame+1, step)
		if step < costs.Cols {
			best = min(best, float64(costs.Row(frame)[step])+walk(frame+1, step+1))
		}
		return best
	}
	return walk(0, 0)
}

func TestLocateIsCheapest(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		count := 1 + random.IntN(4)
		costs := sightline.NewMatrix(count+random.IntN(6), count)
		for i := range costs.Data {
			costs.Data[i] = float32(random.NormFloat64())
		}
		background := float64(random.IntN(3)) - 1
		located, err := Locate(costs, Options{Background: background})
		if err != nil {
			t.Fatal(err)
		}
		cost := 0.0
		var order []int
		for frame, step := range located {
			if step == None {
				cost += background
				continue
			}
			cost += float64(costs.Row(frame)[step])
			order = append(order, step)
		}
		if !slices.IsSorted(order) || len(slices.Compact(order)) != count {
			t.Fatalf("steps are %v", located)
		}
		if want := cheapest(costs, background); math.Abs(cost-want) > 1e-9 {
			t.Fatalf("%v costs %v, %v is possible", located, cost, want)
		}
	}
}

func TestLocateRefuses(t *testing.T) {
	nan := sightline.NewMatrix(3, 2)
	nan.Data[1] = float32(math.NaN())
	for name, costs := range map[string]sightline.Matrix{"T < K": sightline.NewMatrix(2, 3), "no steps": sightline.NewMatrix(3, 0), "NaN": nan} {
		if located, err := Locate(costs, Options{}); err == nil {
			t.Errorf("%s: %v", name, located)
		}
	}
	diagonal, err := Locate(sightline.NewMatrix(3, 3), Options{})
	if err != nil || !slices.Equal(diagonal, []int{0, 1, 2}) {
		t.Errorf("as many frames as steps: %v, %v", diagonal, err)
	}
}

func TestCosts(t *testing.T) {
	scores := sightline.Matrix{Rows: 1, Cols: 3, Data: []float32{1000, 1000, 1000}}
	for _, c := range Costs(scores).Data {
		if math.Abs(float64(c)-math.Log(3)) > 1e-6 {
			t.Errorf("the cost of one of three equal steps is %v", c)
		}
	}
}

// The expectations of the baselines against draws.
func TestBaselinesAreExpectations(t *testing.T) {
	truth := NewTruth(20, 4)
	truth.Mark(0, sightline.Span{Start: 0.5, End: 3})
	truth.Mark(1, sightline.Span{Start: 6, End: 9.5})
	truth.Mark(3, sightline.Span{Start: 15, End: 40})
	random := rand.New(rand.NewPCG(3, 4))
	var frames, order float64
	const draws = 40000
	for range draws {
		taken := random.Perm(20)[:4]
		slices.Sort(taken)
		steps := random.Perm(4)
		for k, frame := range taken {
			if truth.At(frame, k) {
				frames += 1.0 / draws
			}
			if truth.At((2*k+1)*20/8, steps[k]) {
				order += 1.0 / draws
			}
		}
	}
	if got := truth.randomFrames(); math.Abs(got-frames) > 0.02 {
		t.Errorf("random frames hit %v, %v in draws", got, frames)
	}
	if _, got := truth.uniform(); math.Abs(got-order) > 0.02 {
		t.Errorf("random order hits %v, %v in draws", got, order)
	}
}

func TestJudge(t *testing.T) {
	full := NewTruth(6, 2)
	full.Mark(0, sightline.Span{Start: 0, End: 2})
	full.Mark(1, sightline.Span{Start: 4, End: 6})
	n := None
	videos := []Video{
		{"a", "cook", full, []int{n, 0, n, n, 1, n}},
		{"b", "cook", full, []int{n, n, 0, n, 1, n}},
		{"c", "sew", full, []int{n, n, 0, 1, n, n}},
	}
	report, err := Judge(videos, metric.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Tasks[0].Value != 75 || report.Tasks[1].Value != 0 || report.Mean.Value != 37.5 || report.Mean.Interval == nil {
		t.Errorf("%+v", report)
	}
	if report.Baselines[0].Name != "uniform" || report.Baselines[0].Value != 100 || report.Baselines[1].Value != 50 {
		t.Errorf("baselines %+v", report.Baselines)
	}
	videos[0].Located = videos[0].Located[1:]
	if _, err := Judge(videos, metric.Options{}); err == nil {
		t.Error("judged fewer frames than are marked")
	}
	videos[0].Located = []int{9, n, n, n, n, n}
	if _, err := Judge(videos, metric.Options{}); err == nil {
		t.Error("judged a step that is none")
	}
	if _, err := Judge(nil, metric.Options{}); err == nil {
		t.Error("judged nothing")
	}
}

func TestJudgeLabels(t *testing.T) {
	truth := Labels(6, []sightline.Span{{Start: 0.6, End: 2}, {Start: 4, End: 5.5}}, []int{7, 9})
	if !slices.Equal(truth, []int{0, 7, 0, 0, 9, 0}) {
		t.Fatalf("labels are %v", truth)
	}
	report, err := JudgeLabels([]Labelled{{"a", truth, []int{0, 7, 0, 0, 7, 9}}}, metric.Options{Resamples: 50})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(report.Accuracy.Value-100*4.0/6) > 1e-9 || report.Steps.Value != 50 || report.Label != Background ||
		math.Abs(report.Majority.Value-100*4.0/6) > 1e-9 || report.Frames != 6 {
		t.Errorf("%+v", report)
	}
	if _, err := JudgeLabels([]Labelled{{"a", truth, nil}}, metric.Options{}); err == nil {
		t.Error("judged without predictions")
	}
	if _, err := JudgeLabels(nil, metric.Options{}); err == nil {
		t.Error("judged nothing")
	}
}

// A threshold on scores chosen for most right frames, and what it labels.
func TestThreshold(t *testing.T) {
	scores := sightline.Matrix{Rows: 5, Cols: 2, Data: []float32{0.9, 0.1, 0.2, 0.8, 0.5, 0.4, 0.3, 0.2, 0.1, 0}}
	truth := []int{7, 9, Background, Background, 7}
	threshold := Threshold([]sightline.Matrix{scores}, [][]int{{7, 9}}, [][]int{truth})
	if math.Abs(threshold-0.8) > 1e-6 {
		t.Fatalf("the threshold is %v", threshold)
	}
	if got := Label(scores, []int{7, 9}, threshold); !slices.Equal(got, []int{7, 9, 0, 0, 0}) {
		t.Errorf("labels are %v", got)
	}
	none := Threshold([]sightline.Matrix{scores}, [][]int{{7, 9}}, [][]int{make([]int, 5)})
	if got := Label(scores, []int{7, 9}, none); !slices.Equal(got, make([]int, 5)) {
		t.Errorf("all background is labelled %v", got)
	}
	if got := Label(scores, []int{7, 9}, Threshold([]sightline.Matrix{scores}, [][]int{{7, 9}}, [][]int{{7, 9, 7, 7, 7}})); slices.Contains(got, Background) {
		t.Errorf("no background is labelled %v", got)
	}
}

func TestEvenly(t *testing.T) {
	if got := Evenly(7, []int{4, 5, 6}); !slices.Equal(got, []int{4, 4, 4, 5, 5, 6, 6}) {
		t.Errorf("seven frames are dealt out as %v", got)
	}
}

func TestCompare(t *testing.T) {
	truth := NewTruth(4, 1)
	truth.Mark(0, sightline.Span{Start: 1, End: 2})
	var right, wrong []Video
	for range 12 {
		right = append(right, Video{"v", "cook", truth, []int{None, 0, None, None}})
		wrong = append(wrong, Video{"v", "cook", truth, []int{0, None, None, None}})
	}
	d, err := Compare([][]Video{wrong}, [][]Video{right, wrong}, metric.Options{Resamples: 500})
	if err != nil {
		t.Fatal(err)
	}
	if d.A != 0 || d.B != 50 || d.Difference != 50 || d.P > 0.01 {
		t.Errorf("%+v", d)
	}
	if _, err := Compare([][]Video{wrong}, [][]Video{right, wrong[1:]}, metric.Options{}); err == nil {
		t.Error("compared trainings on other videos")
	}
	if _, err := Compare([][]Video{wrong}, nil, metric.Options{}); err == nil {
		t.Error("compared with nothing")
	}
	labels := []Labelled{{"v", []int{0, 1}, []int{0, 0}}}
	both, err := CompareLabels([][]Labelled{labels}, [][]Labelled{{{"v", []int{0, 1}, []int{0, 1}}}}, metric.Options{Resamples: 50})
	if err != nil || both[0].Difference != 50 || both[1].Difference != 100 {
		t.Errorf("%+v, %v", both, err)
	}
}
