package main

import (
	"fmt"
	"strings"

	"sightline"
	"sightline/internal/terminal"
)

// printSteps prints the table of a script's steps, and below it where the frames belong.
func (a *app) printSteps(result stepsJSON, draw bool) {
	a.out.Printf("%s: %s at %s, by %s\n\n", terminal.Clean(title(result.Video)), terminal.Count(len(result.Frames), "frame", "frames"),
		result.Space.Sampling, terminal.Clean(result.Model))
	table := terminal.Table{Columns: []terminal.Column{
		{Title: "#", Right: true}, {Title: "time", Right: true}, {Title: "score", Right: true}, {Title: "share", Right: true}, {Title: "step", Shorten: true},
	}}
	if !a.out.Live {
		table.Columns = append(table.Columns, terminal.Column{Title: "link"})
	}
	for k, step := range result.Steps {
		cells := []string{fmt.Sprint(step.Number), sightline.Clock(step.Span.Start), fmt.Sprintf("%.3f", step.Score), fmt.Sprintf("%.2f", step.Share), step.Text}
		if !a.out.Live {
			cells = append(cells, step.Link)
		}
		table.Row(cells...)
		if a.out.Live && step.Link != "" {
			table.Note(step.Link)
		}
		if draw {
			var curve []sightline.Moment
			for _, frame := range result.Frames {
				curve = append(curve, sightline.Moment{Span: frame.Span, Score: float64(frame.Scores[k])})
			}
			columns, mark := strip(curve, step.Span, a.out.Width())
			table.Note(columns)
			table.Note(mark)
		}
	}
	table.Write(a.out)
	columns, marks := stepStrip(result, a.out.Width())
	a.out.Printf("\n%s\n%s\n", columns, marks)
}

// noStep stands for a frame that belongs to no step, moreSteps for a step beyond those that have a sign.
const (
	noStep    = '·'
	moreSteps = '#'
	stepSigns = "123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// stepStrip draws a video from its start to its end, a column for each of equal stretches of time, with the sign of the step
// that most of its frames belong to; and a line to stand below it, which marks the columns in which steps were found. Width is
// the terminal's, 0 where nothing bounds a line.
func stepStrip(result stepsJSON, width int) (columns, marks string) {
	frames := result.Frames
	first, last := frames[0].Start, frames[len(frames)-1].End
	cells := min(stripCells, len(frames))
	if width > 0 {
		cells = max(1, min(cells, width-1))
	}
	column := func(t float64) int { return min(cells-1, max(0, int((t-first)/(last-first)*float64(cells)+1e-9))) }
	seconds := make([]map[int]float64, cells) // of each step in each column
	for i := range seconds {
		seconds[i] = map[int]float64{}
		from := first + float64(i)*(last-first)/float64(cells)
		cell := sightline.Span{Start: from, End: from + (last-first)/float64(cells)}
		for _, frame := range frames {
			seconds[i][frame.Step] += frame.Intersect(cell)
		}
	}
	var drawn strings.Builder
	for _, shares := range seconds {
		most := 0
		for step := range len(result.Steps) + 1 {
			if shares[step] > shares[most]+1e-9 {
				most = step
			}
		}
		switch {
		case most == 0:
			drawn.WriteRune(noStep)
		case most > len(stepSigns):
			drawn.WriteRune(moreSteps)
		default:
			drawn.WriteByte(stepSigns[most-1])
		}
	}
	below := []rune(strings.Repeat(" ", cells))
	for _, step := range result.Steps {
		below[column(step.Span.Start)] = '▔'
	}
	return drawn.String(), strings.TrimRight(string(below), " ")
}
