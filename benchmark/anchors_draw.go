package benchmark

import (
	"fmt"
	"image"
	"image/color"
	"strings"

	weight "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"sightline"
	"sightline/internal/plotting"
)

// Measures of the sheet in points; at sheetDPI a picture of 64 pixels covers 128 and stays sharp.
const (
	sheetDPI    = 128
	sheetWidth  = 864
	sheetGap    = 9
	pictureSide = 72
	pictureStep = 76.5
	wordsLeft   = sheetGap + sheetFrames*pictureStep + 4.5
	labelsLeft  = 576
	labelsWidth = 126
	barsLeft    = labelsLeft + labelsWidth
	barsWidth   = 120 // probability 1
	barHeight   = 6
	lineHeight  = 11
	sheetLetter = 8.5
)

// pen writes text on a sheet, from the top down.
type pen struct {
	canvas draw.Canvas
	height vg.Length
}

func letters(bold bool, ink color.Color) text.Style {
	face := font.Font{Typeface: "Liberation", Variant: "Sans", Size: sheetLetter}
	if bold {
		face.Weight = weight.WeightBold
	}
	return text.Style{Color: ink, Font: face, Handler: plot.DefaultTextHandler, YAlign: draw.YTop}
}

// write puts text on the sheet, its upper left corner so many points from the left and the top.
func (p pen) write(style text.Style, left, top vg.Length, words string) {
	p.canvas.FillText(style, vg.Point{X: left, Y: p.height - top}, words)
}

// bar fills a rectangle.
func (p pen) bar(ink color.Color, left, top, width, height vg.Length) {
	y := p.height - top
	p.canvas.FillPolygon(ink, []vg.Point{{X: left, Y: y}, {X: left + width, Y: y}, {X: left + width, Y: y - height}, {X: left, Y: y - height}})
}

// broken breaks words into lines no wider than width.
func broken(style text.Style, width vg.Length, words string) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(words) {
		longer := strings.TrimSpace(line + " " + word)
		if line != "" && style.Width(longer) > width {
			lines = append(lines, line)
			longer = word
		}
		line = longer
	}
	return append(lines, line)
}

// lines is what stands beside the pictures of a row: its sentence, then what that leaves out.
func (r AnchorRow) lines(sentence, unsaid text.Style) (said, left []string) {
	const width = labelsLeft - wordsLeft - 2*sheetGap
	said = broken(sentence, width, "“"+r.Sentence+"”")
	if words := r.unsaid(); words != "" {
		left = broken(unsaid, width, words)
	}
	return said, left
}

// draw writes the sheet as a picture: a heading, then a row a pair.
func (s AnchorSheet) draw(path string) error {
	black, grey := letters(false, color.Black), letters(false, color.Gray{110})
	bold := letters(true, color.Black)
	rule := broken(grey, sheetWidth-2*sheetGap, choiceRule)
	top := vg.Length(sheetGap)
	head := top + 16 + vg.Length(len(rule))*lineHeight + 8
	tops := []vg.Length{head}
	for _, row := range s.Rows {
		said, left := row.lines(black, grey)
		body := max(pictureSide, vg.Length(len(said)+len(left))*lineHeight+4)
		tops = append(tops, tops[len(tops)-1]+lineHeight+4+body+12)
	}
	height := tops[len(s.Rows)]
	canvas := vgimg.NewWith(vgimg.UseWH(sheetWidth, height), vgimg.UseDPI(sheetDPI))
	return plotting.Paint(path, canvas, func(c draw.Canvas) {
		p := pen{c, height}
		p.write(bold, sheetGap, top, fmt.Sprintf("Anchors of %s on %s", s.Model, s.Data.Name))
		p.legend(black, top)
		for i, line := range rule {
			p.write(grey, sheetGap, top+16+vg.Length(i)*lineHeight, line)
		}
		for i, row := range s.Rows {
			p.bar(color.Gray{215}, sheetGap, tops[i]-5, sheetWidth-2*sheetGap, 0.75)
			p.write(bold, sheetGap, tops[i], fmt.Sprintf("%d. %s", i+1, row.heading(s.Pairs)))
			p.row(row, tops[i]+lineHeight+4, black, grey)
		}
	})
}

// legend says which bar is which.
func (p pen) legend(style text.Style, top vg.Length) {
	for i, side := range []string{"in the sentence", "in the video"} {
		left := vg.Length(barsLeft + i*76)
		p.bar(plotting.Colors[i], left, top+2, 8, barHeight)
		p.write(style, left+11, top, side)
	}
}

// row draws pictures, words and bars side by side.
func (p pen) row(row AnchorRow, top vg.Length, black, grey text.Style) {
	for i, frame := range row.frames {
		left := sheetGap + vg.Length(i)*pictureStep
		lower := vg.Point{X: left, Y: p.height - top - pictureSide}
		p.canvas.DrawImage(vg.Rectangle{Min: lower, Max: vg.Point{X: left + pictureSide, Y: p.height - top}}, picture(frame))
	}
	said, left := row.lines(black, grey)
	for i, line := range said {
		p.write(black, wordsLeft, top+vg.Length(i)*lineHeight, line)
	}
	for i, line := range left {
		p.write(grey, wordsLeft, top+vg.Length(i+len(said))*lineHeight+4, line)
	}
	const step = pictureSide / sheetAnchors
	for k, anchor := range row.Anchors {
		line := top + vg.Length(k)*step
		p.write(black, labelsLeft, line+1.5, shortened(black, labelsWidth-sheetGap, anchor.Label))
		for i, value := range []float64{anchor.Text, anchor.Video} {
			at := line + vg.Length(i)*(barHeight+1)
			width := vg.Length(value) * barsWidth
			p.bar(plotting.Colors[i], barsLeft, at+1, max(width, 0.5), barHeight)
			number := grey
			number.Font.Size = 6.5
			p.write(number, barsLeft+width+3, at, fmt.Sprintf("%.2f", value))
		}
	}
}

// shortened cuts words that are wider than width, and shows that.
func shortened(style text.Style, width vg.Length, words string) string {
	letters := []rune(words)
	for style.Width(words) > width && len(letters) > 1 {
		letters = letters[:len(letters)-1]
		words = string(letters) + "…"
	}
	return words
}

// picture returns a frame with every pixel as a square of two, so that nothing is blurred at sheetDPI.
func picture(f sightline.Frame) image.Image {
	const scale = 2
	out := image.NewRGBA(image.Rect(0, 0, f.Width*scale, f.Height*scale))
	for y := range f.Height * scale {
		for x := range f.Width * scale {
			at := f.RGB[3*(y/scale*f.Width+x/scale):]
			out.SetRGBA(x, y, color.RGBA{at[0], at[1], at[2], 255})
		}
	}
	return out
}
