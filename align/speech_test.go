package align

import (
	"slices"
	"testing"

	"sightline"
)

func TestSpeech(t *testing.T) {
	spans := []sightline.Span{{Start: 0, End: 1}, {Start: 1, End: 2}, {Start: 2, End: 3}}
	cues := []sightline.Cue{
		{Span: sightline.Span{Start: 0.5, End: 1.5}}, {Span: sightline.Span{Start: 1.5, End: 2}}, {Span: sightline.Span{Start: 9, End: 9.5}},
	}
	tokens := []sightline.Matrix{
		{Rows: 2, Cols: 2, Data: []float32{-1, -5, -3, -2}}, {Rows: 1, Cols: 2, Data: []float32{-2, 4}}, {Rows: 1, Cols: 2, Data: []float32{7, 7}},
	}
	got := speech(spans, cues, tokens)
	if want := []float32{-1, -2, -1, 4, 0, 0}; !slices.Equal(got.Data, want) {
		t.Errorf("rows are %v, want %v", got.Data, want)
	}
	if none := speech(spans, cues[2:], tokens[2:]); none.Rows != 0 {
		t.Errorf("a cue outside gives rows %v", none)
	}
}
