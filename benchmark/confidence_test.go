package benchmark

import (
	"math"
	"testing"

	"sightline/metric"
)

// Four answers, the second wrong: the margin orders them right, the score does not.
func TestJudgeConfidences(t *testing.T) {
	result := ConfidenceResult{Model: "m", Queries: 4, Wrong: 1}
	err := result.judge(metric.Answers{
		Wrong: []bool{false, true, false, false},
		Names: []string{"score", marginRow, randomRow, oracleRow},
		Confidence: [][]float64{
			{0.2, 0.9, 0.3, 0.1}, {3, 1, 2, 4}, {0, 0, 0, 0}, {1, 0, 1, 1},
		},
		Group: []int{0, 1, 2, 3},
	})
	if err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	score := 100 * (1 + 1./2 + 1./3 + 1./4) / 4
	near("AURC of the score", result.Rows[0].AURC.Value, score)
	near("its excess", result.Rows[0].Excess, score-25./4)
	near("less the margin's", result.Rows[0].Margin.Value, score-25./4)
	near("AURC of the margin", result.Rows[1].AURC.Value, 25./4)
	near("AURC of a random order", result.Rows[2].AURC.Value, 25)
	near("excess of the oracle", result.Rows[3].Excess, 0)
	curve := result.Rows[0].Curve
	near("points of the curve", float64(len(curve)), 20)
	near("risk at 5 %, one answer", curve[0].Risk, 100)
	near("risk at 50 %, two answers", curve[9].Risk, 50)
	near("risk at 100 %", curve[19].Risk, 25)
	if i := result.Rows[0].AURC.Interval; i == nil || i.Low > score || i.High < score {
		t.Errorf("the interval of the score is %v", i)
	}
}

// What stands in a row is what its picture and its text say.
func TestAnchorRowWords(t *testing.T) {
	likelihood := 0.25
	row := AnchorRow{Order: 3, Likelihood: &likelihood, Overlap: 0.5, Rank: 1.5, Facts: 6, LeftOut: []string{"the ball is red", "it is at sea"}}
	if got, want := row.heading(1000), "pair 3 of 1,000, likelihood 0.250, overlap 0.50, own video ranks 1.5, 4 of 6 facts stated"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := row.unsaid(), "Left out: the ball is red; it is at sea"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	row.Imbalanced, row.LeftOut = true, nil
	if got, want := row.heading(9), "information-imbalanced pair, likelihood 0.250, overlap 0.50, own video ranks 1.5, 6 of 6 facts stated"; got != want || row.unsaid() != "" {
		t.Errorf("%q and %q, want %q", got, row.unsaid(), want)
	}
}
