package train

import (
	"bytes"
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"sightline/internal/atomicfile"
)

// draw writes the loss by step and the validation recalls by epoch side by side as a PNG.
func (r Record) draw(path string) error {
	losses := plot.New()
	losses.Title.Text = "training loss"
	losses.X.Label.Text = "step"
	raw, smooth := make(plotter.XYs, len(r.Losses)), make(plotter.XYs, len(r.Losses))
	average := 0.0
	for i, loss := range r.Losses {
		if i == 0 {
			average = loss
		}
		average += (loss - average) * 0.05
		raw[i] = plotter.XY{X: float64(i + 1), Y: loss}
		smooth[i] = plotter.XY{X: float64(i + 1), Y: average}
	}
	if err := addLine(losses, raw, color.Gray{200}, ""); err != nil {
		return err
	}
	if err := addLine(losses, smooth, color.RGBA{31, 119, 180, 255}, "running mean"); err != nil {
		return err
	}

	recalls := plot.New()
	recalls.Title.Text = "validation, text to video"
	recalls.X.Label.Text = "epoch"
	recalls.Y.Label.Text = "recall %"
	recalls.Y.Min, recalls.Y.Max = 0, 100
	losses.Legend.Top = true
	colors := []color.Color{color.RGBA{214, 39, 40, 255}, color.RGBA{44, 160, 44, 255}, color.RGBA{148, 103, 189, 255}}
	for k, name := range []string{"R@1", "R@5", "R@10"} {
		line := make(plotter.XYs, len(r.Validations))
		for i, v := range r.Validations {
			line[i] = plotter.XY{X: float64(v.Epoch), Y: v.TextToVideo[k]}
		}
		if err := addLine(recalls, line, colors[k], name); err != nil {
			return err
		}
	}

	canvas := vgimg.New(10*vg.Inch, 4*vg.Inch)
	tiles := draw.Tiles{Rows: 1, Cols: 2, PadX: vg.Points(20), PadTop: 8, PadBottom: 8, PadLeft: 8, PadRight: 8}
	whole := draw.New(canvas)
	losses.Draw(tiles.At(whole, 0, 0))
	recalls.Draw(tiles.At(whole, 1, 0))
	var picture bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(&picture); err != nil {
		return fmt.Errorf("draw curves: %w", err)
	}
	return atomicfile.WriteFunc(path, func(w io.Writer) error {
		_, err := picture.WriteTo(w)
		return err
	})
}

// addLine draws one line, with a legend entry if it has a name.
func addLine(p *plot.Plot, points plotter.XYs, stroke color.Color, name string) error {
	line, err := plotter.NewLine(points)
	if err != nil {
		return fmt.Errorf("draw curves: %w", err)
	}
	line.Color = stroke
	p.Add(line)
	if name != "" {
		p.Legend.Add(name, line)
	}
	return nil
}
