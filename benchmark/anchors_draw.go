package benchmark

import (
	"fmt"

	"gonum.org/v1/plot/vg"

	"sightline/internal/plotting"
)

// Measures of the sheet in points.
const (
	pictureSide = 72
	labelsLeft  = 576
	labelsWidth = 126
	barsLeft    = labelsLeft + labelsWidth
	barsWidth   = 120 // probability 1
	barHeight   = 6
)

// draw writes the sheet as a picture: a heading, then a row a pair.
func (s AnchorSheet) draw(path string) error {
	sheet := plotting.Sheet{
		Title: fmt.Sprintf("Anchors of %s on %s", s.Model, s.Data.Name), Rule: choiceRule,
		Picture: [2]vg.Length{pictureSide, pictureSide}, Words: labelsLeft - plotting.SheetGap, Legend: legend,
	}
	for i, row := range s.Rows {
		line := plotting.SheetRow{
			Heading: fmt.Sprintf("%d. %s", i+1, row.heading(s.Pairs)), Pictures: row.frames, Said: []string{"“" + row.Sentence + "”"}, Beside: row.bars,
		}
		if words := row.unsaid(); words != "" {
			line.Grey = []string{words}
		}
		sheet.Rows = append(sheet.Rows, line)
	}
	return sheet.Save(path)
}

// legend says which bar is which.
func legend(p plotting.Pen, top vg.Length) {
	for i, side := range []string{"in the sentence", "in the video"} {
		left := vg.Length(barsLeft + i*76)
		p.Bar(plotting.Colors[i], left, top+2, 8, barHeight)
		p.Write(plotting.Black, left+11, top, side)
	}
}

// bars draws how likely the anchors of a row are in its sentence and in its video.
func (r AnchorRow) bars(p plotting.Pen, top vg.Length) {
	const step = pictureSide / sheetAnchors
	number := plotting.Grey
	number.Font.Size = 6.5
	for k, anchor := range r.Anchors {
		line := top + vg.Length(k)*step
		p.Write(plotting.Black, labelsLeft, line+1.5, plotting.Shortened(plotting.Black, labelsWidth-plotting.SheetGap, anchor.Label))
		for i, value := range []float64{anchor.Text, anchor.Video} {
			at := line + vg.Length(i)*(barHeight+1)
			width := vg.Length(value) * barsWidth
			p.Bar(plotting.Colors[i], barsLeft, at+1, max(width, 0.5), barHeight)
			p.Write(number, barsLeft+width+3, at, fmt.Sprintf("%.2f", value))
		}
	}
}
