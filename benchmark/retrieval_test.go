package benchmark

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sightline/engine"
	"sightline/train"
)

// TestRetrieval runs the benchmark on the demo size with one pass of training, twice: the second time nothing is trained
// and the result is the same.
func TestRetrieval(t *testing.T) {
	if os.Getenv("SIGHTLINE_LONG") == "" {
		t.Skip("trains and tests on 400 clips for a minute: set SIGHTLINE_LONG=1")
	}
	all := Methods
	t.Cleanup(func() { Methods = all })
	Methods = []Method{all[0], {Name: "meanP adapters", Config: func(c train.Config) train.Config {
		c = all[1].Config(c)
		c.Epochs = 1
		return c
	}}}
	e, err := engine.Open("")
	if err != nil {
		t.Fatal(err)
	}
	plan := Plan{Size: "demo", Rho: 0.75, Seeds: 2, Dir: t.TempDir()}
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
	first := read(t, plan.Dir)
	trainings = 0
	result, err := Retrieval(t.Context(), e, plan, report)
	if err != nil {
		t.Fatal(err)
	}
	if trainings != 0 {
		t.Errorf("%d steps were trained again", trainings)
	}
	if again := read(t, plan.Dir); again != first {
		t.Error("the same runs give two results")
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
		if len(rows) != 6 || !(rows["chance"] < rows["meanP untrained"] && rows["meanP untrained"] < rows["oracle"]) {
			t.Errorf("%s: R@1 is %v", section.Title, rows)
		}
	}
}

func read(t *testing.T, dir string) string {
	t.Helper()
	var all string
	for _, name := range []string{"results.json", "table.md"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	return all
}
