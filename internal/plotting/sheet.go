package plotting

import (
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
)

// Measures of a sheet in points; at sheetDPI a picture of 64 pixels covers 128 and stays sharp.
const (
	sheetDPI    = 128
	SheetWidth  = 864
	SheetGap    = 9 // around everything
	LineHeight  = 11
	pictureGap  = 4.5
	underTitle  = 16
	underRule   = 8
	underRow    = 12
	underPhrase = 4 // between what is said and the grey lines below it
	sheetLetter = 8.5
)

// Sheet is a page of rows, each a few pictures with words beside them.
type Sheet struct {
	Title   string
	Rule    string       // below the title: how rows were chosen, what to know of them
	Picture [2]vg.Length // width and height of the box that a picture has, in points
	Rows    []SheetRow
	Words   vg.Length                  // where the words end, from the left; 0 for the right border
	Legend  func(p Pen, top vg.Length) // draws beside the title; may be nil
}

// SheetRow is a row of a Sheet.
type SheetRow struct {
	Heading  string
	Pictures []sightline.Frame          // as many as other rows have, side by side
	Said     []string                   // paragraphs
	Grey     []string                   // below them, in grey
	Beside   func(p Pen, top vg.Length) // draws right of the words; may be nil
}

// Pen writes on a sheet, from the top down.
type Pen struct {
	canvas draw.Canvas
	height vg.Length
}

// Letters is the style of a sheet's text.
func Letters(bold bool, ink color.Color) text.Style {
	face := font.Font{Typeface: "Liberation", Variant: "Sans", Size: sheetLetter}
	if bold {
		face.Weight = weight.WeightBold
	}
	return text.Style{Color: ink, Font: face, Handler: plot.DefaultTextHandler, YAlign: draw.YTop}
}

// Black, Grey and Bold are the styles of what is said, of what is said of it, and of headings.
var (
	Black = Letters(false, color.Black)
	Grey  = Letters(false, color.Gray{110})
	Bold  = Letters(true, color.Black)
)

// Write puts text on the sheet, its upper left corner so many points from the left and the top.
func (p Pen) Write(style text.Style, left, top vg.Length, words string) {
	p.canvas.FillText(style, vg.Point{X: left, Y: p.height - top}, words)
}

// Bar fills a rectangle.
func (p Pen) Bar(ink color.Color, left, top, width, height vg.Length) {
	y := p.height - top
	p.canvas.FillPolygon(ink, []vg.Point{{X: left, Y: y}, {X: left + width, Y: y}, {X: left + width, Y: y - height}, {X: left, Y: y - height}})
}

// Picture draws a frame as large as fits into a box, at its upper left corner, its sides in proportion.
func (p Pen) Picture(f sightline.Frame, left, top, width, height vg.Length) {
	scale := min(width/vg.Length(f.Width), height/vg.Length(f.Height))
	w, h := scale*vg.Length(f.Width), scale*vg.Length(f.Height)
	lower := vg.Point{X: left, Y: p.height - top - h}
	p.canvas.DrawImage(vg.Rectangle{Min: lower, Max: vg.Point{X: left + w, Y: lower.Y + h}}, enlarged(f))
}

// Shortened cuts words that are wider than width, and shows that.
func Shortened(style text.Style, width vg.Length, words string) string {
	letters := []rune(words)
	for style.Width(words) > width && len(letters) > 1 {
		letters = letters[:len(letters)-1]
		words = string(letters) + "…"
	}
	return words
}

// Broken breaks words into lines no wider than width.
func Broken(style text.Style, width vg.Length, words string) []string {
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

// paragraphs breaks each paragraph by itself.
func paragraphs(style text.Style, width vg.Length, all []string) []string {
	var lines []string
	for _, words := range all {
		lines = append(lines, Broken(style, width, words)...)
	}
	return lines
}

// enlarged returns a frame, a small one with every pixel as a square of two, so that nothing is blurred at sheetDPI.
func enlarged(f sightline.Frame) image.Image {
	const small = 100
	scale := 1
	if f.Width < small {
		scale = 2
	}
	out := image.NewRGBA(image.Rect(0, 0, f.Width*scale, f.Height*scale))
	for y := range f.Height * scale {
		for x := range f.Width * scale {
			at := f.RGB[3*(y/scale*f.Width+x/scale):]
			out.SetRGBA(x, y, color.RGBA{at[0], at[1], at[2], 255})
		}
	}
	return out
}

// Page draws a page of SheetWidth and the given height and writes it, whole or not at all.
func Page(path string, height vg.Length, paint func(p Pen)) error {
	canvas := vgimg.NewWith(vgimg.UseWH(SheetWidth, height), vgimg.UseDPI(sheetDPI))
	return Paint(path, canvas, func(c draw.Canvas) { paint(Pen{c, height}) })
}

// Save draws the sheet and writes it, whole or not at all.
func (s Sheet) Save(path string) error {
	rule := Broken(Grey, SheetWidth-2*SheetGap, s.Rule)
	pictures := 0
	for _, row := range s.Rows {
		pictures = max(pictures, len(row.Pictures))
	}
	left := SheetGap + vg.Length(pictures)*(s.Picture[0]+pictureGap) + pictureGap
	right := s.Words
	if right == 0 {
		right = SheetWidth - SheetGap
	}
	top := vg.Length(SheetGap)
	tops := []vg.Length{top + underTitle + vg.Length(len(rule))*LineHeight + underRule}
	said, grey := make([][]string, len(s.Rows)), make([][]string, len(s.Rows))
	for i, row := range s.Rows {
		said[i], grey[i] = paragraphs(Black, right-left, row.Said), paragraphs(Grey, right-left, row.Grey)
		body := max(s.Picture[1], vg.Length(len(said[i])+len(grey[i]))*LineHeight+underPhrase)
		tops = append(tops, tops[i]+LineHeight+4+body+underRow)
	}
	height := tops[len(s.Rows)]
	return Page(path, height, func(p Pen) {
		p.Write(Bold, SheetGap, top, s.Title)
		if s.Legend != nil {
			s.Legend(p, top)
		}
		for i, line := range rule {
			p.Write(Grey, SheetGap, top+underTitle+vg.Length(i)*LineHeight, line)
		}
		for i, row := range s.Rows {
			p.Bar(color.Gray{215}, SheetGap, tops[i]-5, SheetWidth-2*SheetGap, 0.75)
			p.Write(Bold, SheetGap, tops[i], row.Heading)
			body := tops[i] + LineHeight + 4
			for k, frame := range row.Pictures {
				p.Picture(frame, SheetGap+vg.Length(k)*(s.Picture[0]+pictureGap), body, s.Picture[0], s.Picture[1])
			}
			for k, line := range said[i] {
				p.Write(Black, left, body+vg.Length(k)*LineHeight, line)
			}
			for k, line := range grey[i] {
				p.Write(Grey, left, body+vg.Length(k+len(said[i]))*LineHeight+underPhrase, line)
			}
			if row.Beside != nil {
				row.Beside(p, body)
			}
		}
	})
}
