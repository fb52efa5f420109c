package feature

import (
	"cmp"
	"slices"

	"sightline"
)

// Speech returns subtitle rows [T, D] beside rows that stand for the given spans: for each span the maximum, component by
// component, over all token vectors of the cues that are spoken during it (TVR's clip features), and
// zero where nobody speaks. Tokens[i] [L, D] belong to cues[i]. Without a cue inside the spans it is the zero Matrix: the
// video has no subtitles. A cue that ends before it starts covers nothing; cues may overlap.
func Speech(spans []sightline.Span, cues []sightline.Cue, tokens []sightline.Matrix) sightline.Matrix {
	var rows sightline.Matrix
	spoken := make([]bool, len(spans))
	for i, cue := range cues {
		for t, span := range spans {
			if span.Intersect(cue.Span) <= 0 {
				continue
			}
			if rows.Rows == 0 {
				rows = sightline.NewMatrix(len(spans), tokens[i].Cols)
			}
			row := rows.Row(t)
			for l := range tokens[i].Rows {
				for d, v := range tokens[i].Row(l) {
					if !spoken[t] || v > row[d] {
						row[d] = v
					}
				}
				spoken[t] = true
			}
		}
	}
	return rows
}

// RepairCues returns cues as Speech and people want them: in order of their start, none before the video starts, and
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
