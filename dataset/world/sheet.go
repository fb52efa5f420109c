package world

import (
	"image"
	"image/color"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"sightline"
)

// Row is one line of a contact sheet: pictures side by side with text below.
type Row struct {
	Frames []sightline.Frame
	Text   string
}

// Sheet writes a PNG of the rows for people to look at, every pixel drawn as a square of the given size.
func Sheet(w io.Writer, rows []Row, scale int) error {
	const gap, line = 4, 15
	columns := 1
	for _, row := range rows {
		columns = max(columns, len(row.Frames))
	}
	cell := Side * scale
	width := columns*(cell+gap) + gap
	height := gap
	for _, row := range rows {
		height += cell + line*(1+len(wrap(row.Text, width))) - line/2
	}
	sheet := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range sheet.Pix {
		sheet.Pix[i] = 255
	}
	top := gap
	for _, row := range rows {
		for i, f := range row.Frames {
			paste(sheet, f, gap+i*(cell+gap), top, scale)
		}
		top += cell
		for _, text := range wrap(row.Text, width) {
			top += line
			pen := font.Drawer{Dst: sheet, Src: image.Black, Face: basicfont.Face7x13, Dot: fixed.P(gap, top-3)}
			pen.DrawString(text)
		}
		top += line - line/2
	}
	return png.Encode(w, sheet)
}

func paste(sheet *image.RGBA, f sightline.Frame, left, top, scale int) {
	for y := range f.Height * scale {
		for x := range f.Width * scale {
			p := f.RGB[3*(y/scale*f.Width+x/scale):]
			sheet.SetRGBA(left+x, top+y, color.RGBA{p[0], p[1], p[2], 255})
		}
	}
}

// wrap breaks text into lines that fit the width in pixels.
func wrap(text string, width int) []string {
	const letter = 7
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			if line != "" && (len(line)+1+len(word))*letter > width-8 {
				lines = append(lines, line)
				line = ""
			}
			line = strings.TrimSpace(line + " " + word)
		}
		lines = append(lines, line)
	}
	return lines
}
