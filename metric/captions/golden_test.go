package captions

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"sightline/internal/golden"
)

// goldenTokens is ptb_tokens.json, made with the tokenizer that COCO's server runs.
type goldenTokens struct {
	Punctuations []string `json:"punctuations"`
	Items        []struct {
		Raw  string `json:"raw"`
		PTB  string `json:"ptb"`
		COCO string `json:"coco"`
	} `json:"items"`
}

func TestGoldenCapMetricsTokens(t *testing.T) {
	var want goldenTokens
	golden.JSON(t, "moments", "capmetrics/ptb_tokens.json", &want)
	if got := fmt.Sprint(punctuation); got != fmt.Sprint(want.Punctuations) {
		t.Errorf("punctuation is %v, want %v", got, want.Punctuations)
	}
	raw := make([]string, len(want.Items))
	for i, item := range want.Items {
		raw[i] = item.Raw
	}
	if len(raw) == 0 {
		t.Fatal("there are no captions")
	}
	tokens, texts := PTB(raw), COCO(raw)
	for i, item := range want.Items {
		if got := strings.Join(tokens[i], " "); got != item.PTB {
			t.Errorf("PTB(%q)\n is %q\nwant %q", item.Raw, got, item.PTB)
		}
		if texts[i] != item.COCO {
			t.Errorf("COCO(%q)\n is %q\nwant %q", item.Raw, texts[i], item.COCO)
		}
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-9) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// goldenMeteor are the scores of one set of modules by the official program.
type goldenMeteor struct {
	Modules    string      `json:"modules"`
	Stats      [][]float64 `json:"per_item_stats"`
	Scores     []float64   `json:"per_item"`
	TotalStats []float64   `json:"aggregate_stats"`
	Score      float64     `json:"score"`
}

// goldenScores is metrics.json, made with the official scorers from texts that need no tokenizer.
type goldenScores struct {
	Items []struct {
		ID         string   `json:"id"`
		Hypothesis string   `json:"hyp"`
		References []string `json:"refs"`
	} `json:"items"`
	BLEU        []float64   `json:"bleu"`
	BLEUPerItem [][]float64 `json:"bleu_per_item"`
	RougeL      float64     `json:"rouge_l"`
	RougeItems  []float64   `json:"rouge_l_per_item"`
	CIDEr       float64     `json:"cider"`
	CIDErItems  []float64   `json:"cider_per_item"`
	Single      struct {
		BLEU  []float64 `json:"bleu"`
		CIDEr float64   `json:"cider"`
	} `json:"single_item"`
	Meteor map[string]json.RawMessage `json:"meteor"` // of goldenMeteor, and a note
}

func readGolden(t *testing.T) (goldenScores, []Item) {
	t.Helper()
	var want goldenScores
	golden.JSON(t, "moments", "capmetrics/metrics.json", &want)
	if len(want.Items) == 0 {
		t.Fatal("there are no items")
	}
	items := make([]Item, len(want.Items))
	for i, item := range want.Items {
		items[i] = Item{item.ID, item.Hypothesis, item.References}
	}
	return want, items
}

func TestGoldenCapMetricsScores(t *testing.T) {
	want, items := readGolden(t)
	got, err := Score(items, Whitespace, nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range got.Corpus.BLEU {
		near(t, fmt.Sprintf("BLEU-%d", n+1), got.Corpus.BLEU[n], want.BLEU[n])
	}
	near(t, "ROUGE-L", got.Corpus.ROUGEL, want.RougeL)
	near(t, "CIDEr", got.Corpus.CIDEr, want.CIDEr)
	for i, item := range got.Items {
		for n := range item.BLEU {
			near(t, fmt.Sprintf("BLEU-%d of %s", n+1, got.IDs[i]), item.BLEU[n], want.BLEUPerItem[n][i])
		}
		near(t, "ROUGE-L of "+got.IDs[i], item.ROUGEL, want.RougeItems[i])
		near(t, "CIDEr of "+got.IDs[i], item.CIDEr, want.CIDErItems[i])
	}
	single, err := Score(items[:1], Whitespace, nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range single.Corpus.BLEU {
		near(t, fmt.Sprintf("BLEU-%d of one item", n+1), single.Corpus.BLEU[n], want.Single.BLEU[n])
	}
	near(t, "CIDEr of one item", single.Corpus.CIDEr, want.Single.CIDEr)
}

// meteors returns the golden scores by their modules.
func (g goldenScores) meteors(t *testing.T) map[string]goldenMeteor {
	t.Helper()
	all := map[string]goldenMeteor{}
	for name, raw := range g.Meteor {
		var m goldenMeteor
		if name == "note" {
			continue
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[m.Modules] = m
	}
	return all
}

func alignmentOf(t *testing.T, stats []float64) (a Alignment) {
	t.Helper()
	if copy(a[:], stats) != len(stats) || len(stats) != len(a) {
		t.Fatalf("%d statistics, want %d", len(stats), len(a))
	}
	return a
}

// The formula, for whatever modules and function words the statistics were made with.
func TestGoldenCapMetricsMeteorFormula(t *testing.T) {
	want, _ := readGolden(t)
	all := want.meteors(t)
	if len(all) == 0 {
		t.Fatal("there are no METEOR scores")
	}
	for modules, m := range all {
		var total Alignment
		for i, stats := range m.Stats {
			a := alignmentOf(t, stats)
			near(t, fmt.Sprintf("%s: score of item %d", modules, i), a.Score(), m.Scores[i])
			for k, v := range a {
				total[k] += v
			}
		}
		if total != alignmentOf(t, m.TotalStats) {
			t.Errorf("%s: the statistics sum to %v, want %v", modules, total, m.TotalStats)
		}
		near(t, modules+": score of all", total.Score(), m.Score)
	}
}

// wordsAlone leaves of the statistics what does not depend on which words are function words.
func wordsAlone(a Alignment) Alignment {
	a[2], a[3] = 0, 0
	for m := range int(modules) {
		at := 4 + 4*m
		a[at], a[at+1], a[at+2], a[at+3] = a[at]+a[at+2], a[at+1]+a[at+3], 0, 0
	}
	return a
}

// The search, from text. The golden file does not say which words the official program takes for function words, and its
// list is not ours to ship. So every item must have a reference whose alignment has the golden lengths, matches and chunks. In
// most items the built-in list must find the same function words, which makes all 23 statistics equal; if it does so in
// all, as in the file beside this test, so must be every score.
func TestGoldenCapMetricsMeteorSearch(t *testing.T) {
	want, items := readGolden(t)
	all := want.meteors(t)
	for modules, meteor := range map[string]*Meteor{"exact": {ExactOnly: true}, "exact stem": {}} {
		m, ok := all[modules]
		if !ok {
			t.Errorf("there are no scores with %s", modules)
			continue
		}
		agree := 0
		for i, item := range items {
			official := alignmentOf(t, m.Stats[i])
			found, same := false, false
			for _, reference := range item.References {
				a := meteor.Align(strings.Fields(item.Caption), strings.Fields(reference))
				found = found || wordsAlone(a) == wordsAlone(official)
				same = same || a == official
			}
			if !found {
				t.Errorf("%s: no reference of %s aligns with the statistics %v", modules, item.ID, official)
			}
			if same {
				agree++
			}
		}
		if 2*agree < len(items) {
			t.Errorf("%s: the built-in function words agree with the official ones in %d of %d items", modules, agree, len(items))
		}
		t.Logf("%s: the built-in function words agree in %d of %d items", modules, agree, len(items))
		if agree == len(items) {
			result, err := Score(items, Whitespace, meteor)
			if err != nil {
				t.Fatal(err)
			}
			near(t, modules+": score of all", result.Corpus.METEOR, m.Score)
			for i, score := range m.Scores {
				near(t, modules+": score of "+items[i].ID, result.Items[i].METEOR, score)
			}
		}
	}
}
