package metric

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLineIsCLIP4Clips(t *testing.T) {
	s := Summary{
		Protocol: TextToVideo, Recall: []Recall{{1, Estimate{Value: 42.94}}, {5, Estimate{Value: 70.4}}, {10, Estimate{Value: 80.8}}},
		MedianRank: Estimate{Value: 2}, MeanRank: Estimate{Value: 16.2},
	}
	if got, want := s.Line(), ">>>  R@1: 42.9 - R@5: 70.4 - R@10: 80.8 - Median R: 2.0 - Mean R: 16.2"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.Protocol = VideoToText
	if got, want := s.Line(), ">>>  V2T$R@1: 42.9 - V2T$R@5: 70.4 - V2T$R@10: 80.8 - V2T$Median R: 2.0 - V2T$Mean R: 16.2"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestReportJSON(t *testing.T) {
	sims, owner := random(16, 12, 5)
	report := judge(t, sims, owner, Options{Resamples: 50})
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var generic map[string]any
	if err := json.Unmarshal(text, &generic); err != nil {
		t.Fatal(err)
	}
	result := generic["results"].([]any)[0].(map[string]any)
	for _, key := range []string{"protocol", "queries", "candidates", "tied_queries", "tied_candidates", "recall", "median_rank", "mean_rank", "mean_reciprocal_rank", "chance"} {
		if _, ok := result[key]; !ok {
			t.Errorf("result lacks %q: %s", key, text)
		}
	}
	first := result["recall"].([]any)[0].(map[string]any)
	if first["k"] != 1.0 || first["interval"].(map[string]any)["low"] == nil || generic["ties"] != "average" {
		t.Errorf("unexpected JSON: %s", text)
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, report) {
		t.Errorf("the report does not survive its JSON (%v)", err)
	}
}

func TestTable(t *testing.T) {
	row := func(name string, r1, margin float64) Row {
		s := Summary{MedianRank: Estimate{Value: 2}, MeanRank: Estimate{Value: 16.25}}
		for k, v := range map[int]float64{1: r1} {
			e := Estimate{Value: v}
			if margin > 0 {
				e.Interval = &Interval{v - margin, v + margin}
			}
			s.Recall = append(s.Recall, Recall{k, e})
		}
		return Row{name, s}
	}
	table := Table{Title: "world", Rows: []Row{row("meanP, geübt", 42.94, 1.26), row("chance", 0.1, 0), {Name: "oracle"}}}
	var b bytes.Buffer
	if err := table.Write(&b, 80); err != nil {
		t.Fatal(err)
	}
	want := `world
               R@1       MdR   MnR
meanP, geübt  42.9 ±1.3  2.0  16.2
chance         0.1       2.0  16.2
oracle           –       0.0   0.0
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	if err := table.Write(&b, 24); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if utf8.RuneCountInString(line) > 24 {
			t.Errorf("%q does not fit 24 columns", line)
		}
	}
	if !strings.Contains(b.String(), "  R@1     42.9 ±1.3\n") {
		t.Errorf("narrow table is\n%s", b.String())
	}
	b.Reset()
	if err := table.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "| meanP, geübt | 42.9 ±1.3 | 2.0 | 16.2 |") {
		t.Errorf("Markdown table is\n%s", b.String())
	}
}

func TestReportWrite(t *testing.T) {
	sims, owner := random(17, 60, 20)
	var b bytes.Buffer
	if err := judge(t, sims, owner, Options{}).Write(&b, 100); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Text-to-Video:\n\t>>>  R@1: ", "Video-to-Text:\n\t>>>  V2T$R@1: ", "chance", "60 queries, 20 candidates", "±"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("report lacks %q:\n%s", want, b.String())
		}
	}
}
