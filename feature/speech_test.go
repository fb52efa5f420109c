package feature_test

import (
	"slices"
	"testing"

	"sightline"
	"sightline/feature"
)

func TestSpeech(t *testing.T) {
	spans := []sightline.Span{{Start: 0, End: 1}, {Start: 1, End: 2}, {Start: 2, End: 3}}
	cues := []sightline.Cue{
		{Span: sightline.Span{Start: 0.5, End: 1.5}}, {Span: sightline.Span{Start: 1.5, End: 2}}, {Span: sightline.Span{Start: 9, End: 9.5}},
	}
	tokens := []sightline.Matrix{
		{Rows: 2, Cols: 2, Data: []float32{-1, -5, -3, -2}}, {Rows: 1, Cols: 2, Data: []float32{-2, 4}}, {Rows: 1, Cols: 2, Data: []float32{7, 7}},
	}
	got := feature.Speech(spans, cues, tokens)
	if want := []float32{-1, -2, -1, 4, 0, 0}; !slices.Equal(got.Data, want) {
		t.Errorf("rows are %v, want %v", got.Data, want)
	}
	if none := feature.Speech(spans, cues[2:], tokens[2:]); none.Rows != 0 {
		t.Errorf("a cue outside gives rows %v", none)
	}
}

func TestRepairCues(t *testing.T) {
	cue := func(start, end float64) sightline.Cue {
		return sightline.Cue{Span: sightline.Span{Start: start, End: end}}
	}
	got, changed := feature.RepairCues([]sightline.Cue{cue(4, 5), cue(3, 2), cue(-1, 1), cue(-3, -2)})
	if want := []sightline.Cue{cue(0, 1), cue(4, 5)}; !slices.Equal(got, want) || changed != 3 {
		t.Errorf("repaired to %v with %d changes, want %v with 3", got, changed, want)
	}
}
