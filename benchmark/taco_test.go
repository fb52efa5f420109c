package benchmark

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"sightline/engine/enginetest"
	"sightline/train"
)

// A small benchmark of TACo runs to its end, and reads its runs back to the same numbers.
func TestTaco(t *testing.T) {
	chosen, err := ChooseTacoRows([]string{"L1 alone", "TACo"})
	if err != nil {
		t.Fatal(err)
	}
	e := enginetest.Open(t)
	plan := TacoPlan{Size: "demo", Seeds: 1, Epochs: 1, Rows: chosen, Dir: t.TempDir()}
	trained := 0
	report := func(s Stage) {
		if s.Loss != 0 {
			trained++
		}
	}
	first, err := Taco(t.Context(), e, plan, report)
	if err != nil {
		t.Fatal(err)
	}
	plan.Rows, trained = chosen[1:], 0
	again, err := Taco(t.Context(), e, plan, report)
	if err != nil {
		t.Fatal(err)
	}
	if trained != 0 || again.Curve != nil {
		t.Errorf("%d steps were trained again; L1 alone has one stage and a curve %v", trained, again.Curve)
	}
	for i, section := range again.Sections {
		if !reflect.DeepEqual(section.Rows[0], first.Sections[i].Rows[1]) {
			t.Errorf("%s: the same run gives %v and %v", section.Title, section.Rows[0], first.Sections[i].Rows[1])
		}
	}
	if len(first.Sections) != 4 || len(first.Curve) != len(stages) || len(first.Costs) != 2 {
		t.Fatalf("%d sections, %d points, %d costs", len(first.Sections), len(first.Curve), len(first.Costs))
	}
	for _, section := range first.Sections {
		if own, ok := section.Rows[0].Summary.At(1); !ok || own.Value <= 2 || own.Value >= 100 || len(section.Tests) != 1 {
			t.Errorf("%s: R@1 %v of TACo, chance is half a percent; tests %+v", section.Title, own, section.Tests)
		}
	}
	all := first.Curve[len(first.Curve)-1]
	if all.Candidates != 200 || all.Lost.Value != 0 {
		t.Errorf("with all candidates: %+v", all)
	}
	for i, p := range first.Curve {
		if p.Query.Value <= 0 || p.Recall.Value <= 0 || i > 0 && p.Lost.Value > first.Curve[i-1].Lost.Value {
			t.Errorf("point %d: %+v", i, p)
		}
	}
	for _, name := range []string{"table.md", "results.json", "two-stage.png"} {
		if info, err := os.Stat(filepath.Join(plan.Dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The run files beside the code are the rows of the table.
func TestTacoRunFiles(t *testing.T) {
	files := []string{"taco", "no-tokens", "nouns", "verbs", "det-adp", "random-negatives", "l1-alone", "l3-alone"}
	for i, row := range TacoRows {
		config, err := train.ReadConfig(filepath.Join("..", "configs", "taco", files[i]+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		want := TacoPlan{Size: "small", Seeds: 3, Epochs: 3}.TacoConfig(row, 1)
		if want.Name = row.Name; !config.Equal(want) {
			t.Errorf("%s is\n%s\nthe row\n%s", files[i], config.YAML(), want.YAML())
		}
	}
	if _, err := train.ReadConfig(filepath.Join("..", "configs", "taco", "paper.yaml")); err != nil {
		t.Error(err)
	}
}
