package train

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"sightline/internal/plotting"
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
	if err := addLine(losses, smooth, plotting.Colors[0], "running mean"); err != nil {
		return err
	}

	recalls := plot.New()
	names, of := []string{"R@1", "R@5", "R@10"}, func(v Validation) []float64 { return v.TextToVideo[:] }
	recalls.Title.Text = "validation, text to video"
	if r.Best.Moments != nil {
		recalls.Title.Text = "validation, moments of all videos"
		names, of = []string{"R@1, IoU 0.5", "R@1, IoU 0.7", "R@10, IoU 0.5", "R@10, IoU 0.7"}, func(v Validation) []float64 { return v.Moments[:] }
	}
	recalls.X.Label.Text = "epoch"
	recalls.Y.Label.Text = "recall %"
	recalls.Y.Min, recalls.Y.Max = 0, 100
	losses.Legend.Top = true
	for k, name := range names {
		line := make(plotter.XYs, len(r.Validations))
		for i, v := range r.Validations {
			line[i] = plotter.XY{X: float64(v.Epoch), Y: of(v)[k]}
		}
		if err := addLine(recalls, line, plotting.Colors[1+k], name); err != nil {
			return err
		}
	}

	return plotting.Save(path, 10*vg.Inch, 4*vg.Inch, losses, recalls)
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
