package benchmark

import (
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

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
	black, grey, bold := letters(false, color.Black), letters(false, color.Gray{110}), letters(true, color.Black)
	rule := broken(grey, sheetWidth-2*sheetGap, stepRule)
	head := sheetGap + 16 + vg.Length(len(rule))*lineHeight + 8
	rows := (len(s.frames) + stepsAcross - 1) / stepsAcross
	block := stepsPicture + lineHeight + 3 + vg.Length(len(s.bands))*bandPitch + 10
	list := head + vg.Length(rows)*block
	height := list + vg.Length(len(s.task.Steps)+1)*bandPitch + sheetGap
	canvas := vgimg.NewWith(vgimg.UseWH(sheetWidth, height), vgimg.UseDPI(sheetDPI))
	return plotting.Paint(path, canvas, func(c draw.Canvas) {
		p := pen{c, height}
		p.write(bold, sheetGap, sheetGap, fmt.Sprintf("Steps of “%s” in %s", s.task.Name, s.video.ID))
		for i, line := range rule {
			p.write(grey, sheetGap, sheetGap+16+vg.Length(i)*lineHeight, line)
		}
		for row := range rows {
			top := head + vg.Length(row)*block
			below := top + stepsPicture + lineHeight + 3
			for n, band := range s.bands {
				p.write(black, sheetGap, below+vg.Length(n)*bandPitch+2, shortened(black, stepsLeft-2*sheetGap, band.name))
			}
			for t := row * stepsAcross; t < min(len(s.frames), (row+1)*stepsAcross); t++ {
				left := stepsLeft + vg.Length(t%stepsAcross)*stepsPitch
				corner := vg.Point{X: left, Y: p.height - top - stepsPicture}
				p.canvas.DrawImage(vg.Rectangle{Min: corner, Max: vg.Point{X: left + stepsPicture, Y: p.height - top}}, picture(s.frames[t]))
				p.write(grey, left, top+stepsPicture+1, sightline.Clock(float64(t)))
				for n, band := range s.bands {
					s.cell(p, band, t, left, below+vg.Length(n)*bandPitch)
				}
			}
		}
		s.list(p, list)
	})
}

// cell draws what a band says of frame t.
func (s stepSheet) cell(p pen, band stepBand, t int, left, top vg.Length) {
	style := letters(false, color.Black)
	fill, words := color.Color(color.Gray{238}), "–"
	if k := slices.Index(s.labels, band.labels[t]); k >= 0 {
		fill, words = stepInk(k), fmt.Sprint(k+1)
	}
	if k := band.located[t]; k != steps.None {
		const border = 1.75
		style = letters(true, color.Black)
		p.bar(color.Black, left-1, top-1, stepsPicture+2, bandHeight+2)
		p.bar(fill, left-1+border, top-1+border, stepsPicture+2-2*border, bandHeight+2-2*border)
		words = fmt.Sprintf("found %d", k+1)
	} else {
		p.bar(fill, left, top, stepsPicture, bandHeight)
	}
	p.write(style, left+(stepsPicture-style.Width(words))/2, top+1.5, words)
}

// list writes the steps with their colours, where people marked them, and where they were located.
func (s stepSheet) list(p pen, top vg.Length) {
	black, bold := letters(false, color.Black), letters(true, color.Black)
	columns := []vg.Length{sheetGap, 260, 420, 600}
	for i, band := range s.bands {
		name := band.name
		if i > 0 {
			name += " located it at"
		}
		p.write(bold, columns[min(i+1, len(columns)-1)], top, name)
	}
	for k, text := range s.task.Steps {
		line := top + vg.Length(k+1)*bandPitch
		p.bar(stepInk(k), columns[0], line, 14, bandHeight-2)
		p.write(black, columns[0]+4, line+0.5, fmt.Sprint(k+1))
		p.write(black, columns[0]+20, line+0.5, shortened(black, columns[1]-columns[0]-28, text))
		marked := "not shown"
		for _, step := range s.video.Steps {
			if step.Number == k {
				marked = step.Span.String()
			}
		}
		p.write(black, columns[1], line+0.5, marked)
		for i, band := range s.bands[1:] {
			if at := slices.Index(band.located, k); at >= 0 {
				p.write(black, columns[min(i+2, len(columns)-1)], line+0.5, sightline.Clock(float64(at)))
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
