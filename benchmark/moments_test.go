package benchmark

import (
	"os"
	"path/filepath"
	"testing"

	"sightline/engine/enginetest"
)

// A small benchmark of moments runs to its end, reads its runs back, and beats what looks at no query.
func TestMoments(t *testing.T) {
	chosen, err := ChooseMoments([]string{"QACLN", "ReLoCLNet"})
	if err != nil {
		t.Fatal(err)
	}
	if len(chosen) != 2 || chosen[0].Name != "ReLoCLNet" {
		t.Fatalf("chosen are %v", chosen)
	}
	e := enginetest.Open(t)
	plan := MomentPlan{Size: "demo", Rate: 1, Seeds: 1, Epochs: 2, Methods: chosen, Dir: t.TempDir()}
	trained := 0
	report := func(s Stage) {
		if s.Loss != 0 {
			trained++
		}
	}
	if _, err := Moments(t.Context(), e, plan, report); err != nil {
		t.Fatal(err)
	}
	trained = 0
	result, err := Moments(t.Context(), e, plan, report)
	if err != nil {
		t.Fatal(err)
	}
	if trained != 0 {
		t.Errorf("%d steps were trained again", trained)
	}
	if len(result.Rows) != 4 || len(result.Tests) != 1 || len(result.Tests[0].Differences) != 4 {
		t.Fatalf("%d rows, tests %+v", len(result.Rows), result.Tests)
	}
	qacln, random := result.Rows[1], result.Rows[3]
	if got, blind := qacln.Numbers["SVMR"]["R@10 IoU=0.5"].Value, random.Numbers["SVMR"]["R@10 IoU=0.5"].Value; got <= blind {
		t.Errorf("%s finds %.1f %%, random spans %.1f", qacln.Name, got, blind)
	}
	for _, kind := range queryKinds {
		if _, ok := qacln.Numbers["VCMR "+kind]; !ok || qacln.Gate[kind].Value <= 0 || qacln.Gate[kind].Value >= 100 {
			t.Errorf("queries of kind %s: numbers %v, gate %v", kind, qacln.Numbers["VCMR "+kind], qacln.Gate[kind])
		}
	}
	for _, name := range []string{"table.md", "results.json", "moments.png"} {
		if info, err := os.Stat(filepath.Join(plan.Dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
