package benchmark

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sightline/engine/enginetest"
)

// A small benchmark of steps runs to its end, and reads its runs back to the same numbers.
func TestSteps(t *testing.T) {
	if os.Getenv("SIGHTLINE_LONG") == "" {
		t.Skip("encodes 460 clips and trains on them for a minute: set SIGHTLINE_LONG=1")
	}
	e := enginetest.Open(t)
	plan := StepPlan{Size: "demo", Seeds: 1, Dir: t.TempDir()}
	trained := 0
	report := func(s Stage) {
		if strings.HasPrefix(s.What, "Training") {
			trained++
		}
	}
	first, err := Steps(t.Context(), e, plan, report)
	if err != nil {
		t.Fatal(err)
	}
	if trained == 0 {
		t.Error("nothing was trained")
	}
	trained = 0
	again, err := Steps(t.Context(), e, plan, report)
	if err != nil {
		t.Fatal(err)
	}
	if trained != 0 || !reflect.DeepEqual(first, again) {
		t.Errorf("%d steps were trained again, or the same runs give two results", trained)
	}
	for _, section := range first.Sections {
		if len(section.Rows) != 8 || len(section.Tests) != 1 || len(section.Tests[0].Differences) != 6 {
			t.Fatalf("%s: %d rows, tests %+v", section.Title, len(section.Rows), section.Tests)
		}
		if untrained, random := section.Rows[0].Recall.Value, section.Rows[6].Recall.Value; untrained <= random {
			t.Errorf("%s: the encoder recalls %.1f %% of the steps, random frames %.1f", section.Title, untrained, random)
		}
	}
	for _, name := range []string{"table.md", "results.json", "steps.png"} {
		if info, err := os.Stat(filepath.Join(plan.Dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
