package main

import (
	"math"
	"strings"

	"sightline"
)

// stripCells is how wide a strip is where the terminal does not say.
const stripCells = 72

var blocks = []rune("▁▂▃▄▅▆▇█")

// strip draws a curve from the video's start to its end, a column for each of equal stretches of time, as high as the best row
// in it, from the lowest row to the highest; and a line to stand below it, which marks the columns that the span touches.
// Width is the terminal's, 0 where nothing bounds a line.
func strip(curve []sightline.Moment, span sightline.Span, width int) (columns, mark string) {
	if len(curve) == 0 {
		return "", ""
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, row := range curve {
		low, high = min(low, row.Score), max(high, row.Score)
	}
	first, last := curve[0].Start, curve[len(curve)-1].End
	cells := stripCells
	if width > 0 {
		cells = max(1, min(cells, width-1))
	}
	cell := (last - first) / float64(cells)
	var drawn, below strings.Builder
	for i, at := 0, 0; i < cells; i++ {
		from := first + float64(i)*cell
		column := sightline.Span{Start: from, End: from + cell}
		for at+1 < len(curve) && curve[at].End <= column.Start {
			at++
		}
		best := curve[at].Score
		for j := at + 1; j < len(curve) && curve[j].Start < column.End; j++ {
			best = max(best, curve[j].Score)
		}
		level := 0
		if high > low {
			level = int((best - low) / (high - low) * float64(len(blocks)-1))
		}
		drawn.WriteRune(blocks[level])
		if column.Intersect(span) > 1e-9*cell {
			below.WriteRune('▔')
		} else {
			below.WriteRune(' ')
		}
	}
	return drawn.String(), strings.TrimRight(below.String(), " ")
}
