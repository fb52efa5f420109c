package benchmark

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sightline"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/train"
)

// TestRetrieval runs the benchmark on the demo size with one pass of training, twice: the second time nothing is trained
// and the result is the same.
func TestRetrieval(t *testing.T) {
	if os.Getenv("SIGHTLINE_LONG") == "" {
		t.Skip("trains and tests on 400 clips for a minute: set SIGHTLINE_LONG=1")
	}
	once := func(m Method) Method {
		return Method{Name: m.Name, Config: func(c train.Config) train.Config {
			c = m.Config(c)
			c.Epochs = 1
			return c
		}}
	}
	chosen, err := Choose([]string{"meanP", "X-Pool"})
	if err != nil {
		t.Fatal(err)
	}
	e := enginetest.Open(t)
	plan := Plan{
		Watch: true, On: "test",
		Size: "demo", Rho: 0.75, Captions: 1, Seeds: 2, Dir: t.TempDir(),
		Methods: []Method{chosen[0], once(chosen[1]), once(chosen[2])},
	}
	forecast, err := Predict(t.Context(), e, plan)
	if err != nil {
		t.Fatal(err)
	}
	if len(forecast) != 3 || forecast[0].What != "encoding" || forecast[2].Seconds <= 0 {
		t.Errorf("the forecast is %v", forecast)
	}
	trainings := 0
	report := func(s Stage) {
		if strings.HasPrefix(s.What, "Training") {
			trainings++
		}
	}
	if _, err := Retrieval(t.Context(), e, plan, report); err != nil {
		t.Fatal(err)
	}
	if trainings == 0 {
		t.Error("nothing was trained")
	}
	first := sections(t, plan.Dir)
	trainings = 0
	result, err := Retrieval(t.Context(), e, plan, report)
	if err != nil {
		t.Fatal(err)
	}
	if trainings != 0 {
		t.Errorf("%d steps were trained again", trainings)
	}
	if !reflect.DeepEqual(sections(t, plan.Dir), first) {
		t.Error("the same runs give two results")
	}
	if len(result.Drops) != 3 || len(result.Costs) != 3 || len(result.Chosen) != 4 {
		t.Errorf("drops %v, costs %v, chosen on test %v", result.Drops, result.Costs, result.Chosen)
	}
	if info, err := os.Stat(filepath.Join(plan.Dir, "recall.png")); err != nil || info.Size() == 0 {
		t.Errorf("the plot: %v, %v", info, err)
	}
	if len(result.Sections) != 4 {
		t.Fatalf("%d sections, want two domains in two directions", len(result.Sections))
	}
	for _, section := range result.Sections {
		rows := map[string]float64{}
		for _, row := range section.Rows {
			r1, ok := row.Summary.At(1)
			if !ok {
				t.Fatalf("%s: %s has no R@1", section.Title, row.Name)
			}
			rows[row.Name] = r1.Value
		}
		if len(rows) != 9 || !(rows["chance"] < rows["meanP untrained"] && rows["meanP untrained"] < rows["oracle"]) {
			t.Errorf("%s: R@1 is %v", section.Title, rows)
		}
	}
}

// sections returns the recalls on file; what it took differs from run to run.
func sections(t *testing.T, dir string) []Section {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var result Result
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatal(err)
	}
	return result.Sections
}

// The second stage changes no score of a candidate and lifts nothing else above one.
func TestRescoredKeepsCandidatesAbove(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const texts, videos, dim = 5, 80, 6
	unit := func(rows int) sightline.Matrix {
		m := sightline.Matrix{Rows: rows, Cols: dim, Data: engine.Normal(random, rows*dim, 0.2)}
		return m
	}
	left, right := unit(texts), unit(videos)
	first := sightline.NewMatrix(texts, videos)
	for a := range texts {
		copy(first.Row(a), similarities(left.Row(a), right))
	}
	scores := sightline.Matrix{Rows: texts, Cols: videos, Data: engine.Normal(random, texts*videos, 3)}
	served, lost := rescored(scores, first, Candidates)
	missed := 0
	for a := range texts {
		chosen := map[int]bool{}
		for _, n := range top(first.Row(a), Candidates) {
			chosen[n] = true
		}
		best := 0
		for n := range videos {
			if scores.At(a, n) > scores.At(a, best) {
				best = n
			}
			if chosen[n] && served.At(a, n) != scores.At(a, n) {
				t.Errorf("candidate %d of text %d scores %v, not %v", n, a, served.At(a, n), scores.At(a, n))
			}
			for m := range chosen {
				if !chosen[n] && served.At(a, n) >= served.At(a, m) {
					t.Errorf("video %d, no candidate of text %d, stands above candidate %d", n, a, m)
				}
			}
		}
		if !chosen[best] {
			missed++
		}
	}
	if want := 100 * float64(missed) / texts; math.Abs(lost-want) > 1e-9 {
		t.Errorf("%v %% are lost, want %v", lost, want)
	}
}
