package benchmark

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sightline"
	"sightline/engine/enginetest"
)

// A small benchmark of captions runs to its end, and reads its runs back to the same numbers.
func TestCaptions(t *testing.T) {
	e := enginetest.Open(t)
	plan := CaptionPlan{Size: "demo", Seeds: 1, Epochs: 1, On: "val", Dir: t.TempDir()}
	trained, written := 0, 0
	report := func(s Stage) {
		if s.Loss != 0 {
			trained++
		}
		if strings.HasPrefix(s.What, "Writing") {
			written++
		}
	}
	first, err := Captions(t.Context(), e, plan, report)
	if err != nil {
		t.Fatal(err)
	}
	if trained == 0 || written == 0 {
		t.Errorf("%d steps, %d reports of writing", trained, written)
	}
	trained, written = 0, 0
	result, err := Captions(t.Context(), e, plan, report)
	if err != nil {
		t.Fatal(err)
	}
	if trained+written != 0 {
		t.Errorf("%d steps were trained and %d captions written again", trained, written)
	}
	if !reflect.DeepEqual(result, first) {
		t.Error("the same runs give two results")
	}
	if len(result.Rows) != 4 || len(result.Tests) != 2 || len(result.Tests[0].Differences) != 8 {
		t.Fatalf("%d rows, tests %+v", len(result.Rows), result.Tests)
	}
	closest, drawn, plain, taught := result.Rows[0], result.Rows[1], result.Rows[2], result.Rows[3]
	if near, any := closest.Numbers["A"]["CIDEr"].Value, drawn.Numbers["A"]["CIDEr"].Value; near <= any || any <= 0 {
		t.Errorf("the nearest caption has CIDEr %.1f, any caption %.1f", near, any)
	}
	if in, out := closest.Numbers["A"]["CIDEr"].Value, closest.Numbers["B"]["CIDEr"].Value; in <= out {
		t.Errorf("the nearest caption has CIDEr %.1f in its domain, %.1f in the other", in, out)
	}
	if plain.Parameters != taught.Parameters || plain.Parameters == 0 || taught.Watched["calm.rec"] == 0 || len(plain.Watched) != 0 {
		t.Errorf("plain %+v, with CALM %+v", plain, taught)
	}
	for _, name := range []string{
		"table.md", "results.json", "captions.png", "references-B.jsonl", "random-caption-seed1/captions-A.jsonl", "demo-decoder+CALM-seed1/captions-B.jsonl",
	} {
		if info, err := os.Stat(filepath.Join(plan.Dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	plan.Epochs = 2
	if _, err := Captions(t.Context(), e, plan, report); sightline.KindOf(err) != sightline.Usage || sightline.TryOf(err) == "" {
		t.Errorf("runs of another length were taken for these: %v", err)
	}
}
