package train

import (
	"testing"

	"sightline"
	"sightline/align"
)

// Every second has one row, whatever pictures the file has: the first that begins in it, or the one that is still on show.
func TestEverySecond(t *testing.T) {
	at := []float64{0.5, 1.25, 1.75, 4.5}
	v := align.Video{ID: "v", Features: sightline.NewMatrix(len(at), 1)}
	for i, start := range at {
		end := 5.2
		if i+1 < len(at) {
			end = at[i+1]
		}
		v.Features.Data[i], v.Spans = float32(i), append(v.Spans, sightline.Span{Start: start, End: end})
	}
	got := everySecond(v)
	want := []float32{0, 1, 2, 2, 3, 3} // the last for 0.2 s
	if len(got.Spans) != len(want) || got.Features.Rows != len(want) {
		t.Fatalf("%d seconds, want %d", len(got.Spans), len(want))
	}
	for second, row := range want {
		if got.Features.Data[second] != row || got.Spans[second] != (sightline.Span{Start: float64(second), End: float64(second + 1)}) {
			t.Errorf("second %d, %v, shows row %v, want %v", second, got.Spans[second], got.Features.Data[second], row)
		}
	}
}
