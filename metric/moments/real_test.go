package moments_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"sightline/dataset"
	"sightline/metric/moments"
)

// qvhighlights is where the annotations and the official numbers of QVHighlights lie, beside the repository: their licence
// (CC BY-NC-SA 4.0) keeps them out of it. TestWindowsByHand and TestHighlightByHand test the same rules without them.
const qvhighlights = "../../../shared/data/annotations/qvhighlights"

func TestGoldenQVHighlights(t *testing.T) {
	if _, err := os.Stat(qvhighlights); err != nil {
		t.Skipf("QVHighlights' annotations are not here, and may not be part of the repository: %v", err)
	}
	gold, err := dataset.ReadMoments(filepath.Join(qvhighlights, "highlight_val_release.jsonl"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if gold.Format != "qvhighlights" || len(gold.Repairs) > 0 {
		t.Errorf("format %s, repairs %v", gold.Format, gold.Repairs)
	}
	submission, err := dataset.ReadSubmission(filepath.Join(qvhighlights, "eval_golden", "sample_val_preds.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	windows := map[string]moments.Scores{}
	for _, r := range moments.Ranges {
		if windows[r.Name], err = moments.Windows(gold.Queries, submission.Tasks[dataset.WindowTask], r); err != nil {
			t.Fatal(err)
		}
	}
	highlight, err := moments.Highlight(gold.Queries, submission.Saliency)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := moments.QVHighlightsMetrics(windows, &highlight)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(qvhighlights, "eval_golden", "sample_val_preds_metrics_raw.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	numbers := flat(t, metrics)
	if got, want := len(numbers), 104; got != want {
		t.Errorf("%d numbers, want %d", got, want)
	}
	for name, value := range flat(t, want) {
		if numbers[name] != value {
			t.Errorf("%s is %v, want %v", name, numbers[name], value)
		}
	}
	if !reflect.DeepEqual(numbers, flat(t, want)) {
		t.Error("not the numbers of the official script")
	}
}

// The share of each type in TVR's validation split, which the script prints as text, where the annotations are at hand.
func TestTVRTypeRatio(t *testing.T) {
	dir := "../../../shared/data/annotations/tvr"
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("TVR's annotations are not here: %v", err)
	}
	gold, err := dataset.ReadMoments(filepath.Join(dir, "tvr_val_release.jsonl"), "tvr", nil)
	if err != nil {
		t.Fatal(err)
	}
	lists := moments.Lists{}
	for _, q := range gold.Queries {
		lists[q.ID] = nil
	}
	scores, err := moments.Retrieval(moments.VCMR, gold.Queries, lists, moments.TVRCuts)
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := moments.TVRMetrics([]moments.Scores{scores})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "sample_val_predictions_metrics_raw.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if got, want := metrics["VCMR_by_type"]["desc_type_ratio"], want["VCMR_by_type"]["desc_type_ratio"]; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// flat returns the numbers of nested JSON objects by their path.
func flat(t *testing.T, value any) map[string]float64 {
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	numbers := map[string]float64{}
	var walk func(path string, node any)
	walk = func(path string, node any) {
		switch node := node.(type) {
		case map[string]any:
			for name, child := range node {
				walk(path+"/"+name, child)
			}
		case float64:
			numbers[path] = node
		}
	}
	walk("", tree)
	return numbers
}
