package benchmark

import (
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot/vg"

	"sightline"
	"sightline/dataset"
	"sightline/internal/plotting"
	"sightline/metric/steps"
)

// stepSheet is a film of a task, a frame a second, with what its frames are called.
type stepSheet struct {
	video  dataset.TaskVideo
	task   dataset.Task
	labels []int // of the task's steps
	frames []sightline.Frame
	bands  []stepBand // that of the truth first
}

// stepBand is what somebody says of every frame: its label, and the step located there.
type stepBand struct {
	name    string
	labels  []int
	located []int
}

// Measures of the sheet of steps in points.
const (
	stepsLeft    = 116
	stepsAcross  = 14 // frames beside one another
	stepsPitch   = 52
	stepsPicture = 49
	bandHeight   = 13
	bandPitch    = 15
)

// stepRule says what the sheet shows.
const stepRule = "The first test film of the domain, a frame a second. Below each frame the step that it is called by, or – for background; what was called background was chosen on the validation films. " +
	"A dark frame with \"found\" is the second at which a step was located, one for each in their order; its colour is what the frame is called by."

// draw writes the sheet as a picture: a heading, the frames in rows with their bands, then the steps.
func (s stepSheet) draw(path string) error {
	rule := plotting.Broken(plotting.Grey, plotting.SheetWidth-2*plotting.SheetGap, stepRule)
	head := plotting.SheetGap + 16 + vg.Length(len(rule))*plotting.LineHeight + 8
	rows := (len(s.frames) + stepsAcross - 1) / stepsAcross
	block := stepsPicture + plotting.LineHeight + 3 + vg.Length(len(s.bands))*bandPitch + 10
	list := head + vg.Length(rows)*block
	height := list + vg.Length(len(s.task.Steps)+1)*bandPitch + plotting.SheetGap
	return plotting.Page(path, height, func(p plotting.Pen) {
		p.Write(plotting.Bold, plotting.SheetGap, plotting.SheetGap, fmt.Sprintf("Steps of “%s” in %s", s.task.Name, s.video.ID))
		for i, line := range rule {
			p.Write(plotting.Grey, plotting.SheetGap, plotting.SheetGap+16+vg.Length(i)*plotting.LineHeight, line)
		}
		for row := range rows {
			top := head + vg.Length(row)*block
			below := top + stepsPicture + plotting.LineHeight + 3
			for n, band := range s.bands {
				p.Write(plotting.Black, plotting.SheetGap, below+vg.Length(n)*bandPitch+2, plotting.Shortened(plotting.Black, stepsLeft-2*plotting.SheetGap, band.name))
			}
			for t := row * stepsAcross; t < min(len(s.frames), (row+1)*stepsAcross); t++ {
				left := stepsLeft + vg.Length(t%stepsAcross)*stepsPitch
				p.Picture(s.frames[t], left, top, stepsPicture, stepsPicture)
				p.Write(plotting.Grey, left, top+stepsPicture+1, sightline.Clock(float64(t)))
				for n, band := range s.bands {
					s.cell(p, band, t, left, below+vg.Length(n)*bandPitch)
				}
			}
		}
		s.list(p, list)
	})
}

// cell draws what a band says of frame t.
func (s stepSheet) cell(p plotting.Pen, band stepBand, t int, left, top vg.Length) {
	style := plotting.Black
	fill, words := color.Color(color.Gray{238}), "–"
	if k := slices.Index(s.labels, band.labels[t]); k >= 0 {
		fill, words = stepInk(k), fmt.Sprint(k+1)
	}
	if k := band.located[t]; k != steps.None {
		const border = 1.75
		style = plotting.Bold
		p.Bar(color.Black, left-1, top-1, stepsPicture+2, bandHeight+2)
		p.Bar(fill, left-1+border, top-1+border, stepsPicture+2-2*border, bandHeight+2-2*border)
		words = fmt.Sprintf("found %d", k+1)
	} else {
		p.Bar(fill, left, top, stepsPicture, bandHeight)
	}
	p.Write(style, left+(stepsPicture-style.Width(words))/2, top+1.5, words)
}

// list writes the steps with their colours, where people marked them, and where they were located.
func (s stepSheet) list(p plotting.Pen, top vg.Length) {
	columns := []vg.Length{plotting.SheetGap, 260, 420, 600}
	for i, band := range s.bands {
		name := band.name
		if i > 0 {
			name += " located it at"
		}
		p.Write(plotting.Bold, columns[min(i+1, len(columns)-1)], top, name)
	}
	for k, text := range s.task.Steps {
		line := top + vg.Length(k+1)*bandPitch
		p.Bar(stepInk(k), columns[0], line, 14, bandHeight-2)
		p.Write(plotting.Black, columns[0]+4, line+0.5, fmt.Sprint(k+1))
		p.Write(plotting.Black, columns[0]+20, line+0.5, plotting.Shortened(plotting.Black, columns[1]-columns[0]-28, text))
		marked := "not shown"
		for _, step := range s.video.Steps {
			if step.Number == k {
				marked = step.Span.String()
			}
		}
		p.Write(plotting.Black, columns[1], line+0.5, marked)
		for i, band := range s.bands[1:] {
			if at := slices.Index(band.located, k); at >= 0 {
				p.Write(plotting.Black, columns[min(i+2, len(columns)-1)], line+0.5, sightline.Clock(float64(at)))
			}
		}
	}
}

// stepInk returns the colour of a step, pale enough to be written on.
func stepInk(k int) color.Color {
	r, g, b, _ := plotting.Colors[k%len(plotting.Colors)].RGBA()
	share := 0.55
	if k >= len(plotting.Colors) { // paler in the second round
		share = 0.25
	}
	pale := func(v uint32) uint8 { return uint8(255 - share*(255-float64(v>>8))) }
	return color.RGBA{pale(r), pale(g), pale(b), 255}
}
