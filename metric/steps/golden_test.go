package steps

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sightline"
	"sightline/internal/golden"
	"sightline/metric"
)

// goldenCases is dp_cases.json, made with CrossTask's code.
type goldenCases struct {
	Cases []struct {
		T          int         `json:"T"`
		K          int         `json:"K"`
		Background float64     `json:"bg_cost"`
		ExactlyOne bool        `json:"exactly_one"`
		Cost       [][]float32 `json:"cost"`
		Assign     [][]int     `json:"assign"`
		Annotation []string    `json:"annotation"`
		Truth      [][]int     `json:"y_true"`
		Task       string      `json:"task"`
		Video      string      `json:"vid"`
	} `json:"cases"`
	Recalls map[string]float64 `json:"recalls"`
	Average float64            `json:"avg_recall"`
}

// mark reads a row of an annotation file: step,start,end.
func mark(t *testing.T, truth Truth, row string) {
	t.Helper()
	fields := strings.Split(row, ",")
	var numbers [3]float64
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.ParseFloat(fields[i], 64); err != nil {
			t.Fatal(err)
		}
	}
	truth.Mark(int(numbers[0])-1, sightline.Span{Start: numbers[1], End: numbers[2]})
}

func TestGoldenCrossTask(t *testing.T) {
	var want goldenCases
	golden.JSON(t, "moments", "crosstask/dp_cases.json", &want)
	if len(want.Cases) == 0 {
		t.Fatal("there are no cases")
	}
	var videos []Video
	for i, c := range want.Cases {
		costs := sightline.NewMatrix(c.T, c.K)
		for frame, row := range c.Cost {
			copy(costs.Row(frame), row)
		}
		located, err := Locate(costs, Options{Repeat: !c.ExactlyOne, Background: c.Background})
		if c.T < c.K {
			if err == nil {
				t.Errorf("case %d: %d steps were located in %d frames", i, c.K, c.T)
			}
			continue
		}
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		official := make([]int, c.T)
		for frame, row := range c.Assign {
			official[frame] = slices.Index(row, 1) // None where there is no 1
			want := official[frame]
			if c.T == c.K { // the official code returns nothing here, its known defect
				want = frame
			}
			if located[frame] != want {
				t.Errorf("case %d: frame %d shows step %d, want %d", i, frame, located[frame], want)
			}
		}
		if c.Truth == nil {
			continue
		}
		truth := NewTruth(c.T, c.K)
		for _, row := range c.Annotation {
			mark(t, truth, row)
		}
		for frame, row := range c.Truth {
			for k, marked := range row {
				if truth.At(frame, k) != (marked == 1) {
					t.Errorf("case %d: step %d at frame %d is marked %v", i, k, frame, truth.At(frame, k))
				}
			}
		}
		videos = append(videos, Video{c.Video, c.Task, truth, official})
	}
	report, err := Judge(videos, metric.Options{Resamples: -1})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Tasks) != len(want.Recalls) {
		t.Errorf("%d tasks, want %d", len(report.Tasks), len(want.Recalls))
	}
	for _, task := range report.Tasks {
		if math.Abs(task.Value-100*want.Recalls[task.Name]) > 1e-9 {
			t.Errorf("recall of %s is %v, want %v", task.Name, task.Value, 100*want.Recalls[task.Name])
		}
	}
	if math.Abs(report.Mean.Value-100*want.Average) > 1e-9 {
		t.Errorf("mean recall is %v, want %v", report.Mean.Value, 100*want.Average)
	}
}
