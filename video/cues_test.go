package video_test

import (
	"slices"
	"testing"

	"sightline"
	"sightline/video"
)

func TestRepairCues(t *testing.T) {
	cue := func(start, end float64) sightline.Cue {
		return sightline.Cue{Span: sightline.Span{Start: start, End: end}}
	}
	got, changed := video.RepairCues([]sightline.Cue{cue(4, 5), cue(3, 2), cue(-1, 1), cue(-3, -2)})
	if want := []sightline.Cue{cue(0, 1), cue(4, 5)}; !slices.Equal(got, want) || changed != 3 {
		t.Errorf("repaired to %v with %d changes, want %v with 3", got, changed, want)
	}
}
