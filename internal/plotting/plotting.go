// Package plotting writes plots side by side, and sheets of pictures with words beside them, as one PNG, in the colours that all
// pictures of the project share.
package plotting

import (
	"bytes"
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"sightline/internal/atomicfile"
)

// Colors are what lines and points of one plot take in turn: blue, red, green, purple, orange.
var Colors = []color.Color{
	color.RGBA{31, 119, 180, 255}, color.RGBA{214, 39, 40, 255}, color.RGBA{44, 160, 44, 255},
	color.RGBA{148, 103, 189, 255}, color.RGBA{255, 127, 14, 255},
}

// Dot is the shape of points.
var Dot = draw.CircleGlyph{}

// Save draws the plots in a row on a picture of the given size and writes it, whole or not at all.
func Save(path string, width, height vg.Length, plots ...*plot.Plot) error {
	tiles := draw.Tiles{Rows: 1, Cols: len(plots), PadX: vg.Points(20), PadTop: 8, PadBottom: 8, PadLeft: 8, PadRight: 8}
	return Paint(path, vgimg.New(width, height), func(whole draw.Canvas) {
		for i, p := range plots {
			p.Draw(tiles.At(whole, i, 0))
		}
	})
}

// Paint lets paint draw on a canvas and writes that, whole or not at all.
func Paint(path string, canvas *vgimg.Canvas, paint func(draw.Canvas)) error {
	paint(draw.New(canvas))
	var picture bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(&picture); err != nil {
		return fmt.Errorf("draw %s: %w", path, err)
	}
	return atomicfile.Write(path, picture.Bytes())
}
