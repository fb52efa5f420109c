package video

import (
	"cmp"
	"slices"

	"sightline"
)

// RepairCues returns cues as they can be read along a video: in order of their start, none before the video starts, and
// without those that end before they start. It returns too how many were changed or left out.
func RepairCues(cues []sightline.Cue) (repaired []sightline.Cue, changed int) {
	for _, cue := range cues {
		if cue.End <= max(cue.Start, 0) {
			changed++
			continue
		}
		if cue.Start < 0 {
			cue.Start = 0
			changed++
		}
		repaired = append(repaired, cue)
	}
	slices.SortStableFunc(repaired, func(a, b sightline.Cue) int { return cmp.Compare(a.Start, b.Start) })
	return repaired, changed
}
