package train

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"sightline/internal/plotting"
)

// draw writes the loss by step and the validation's measures by epoch side by side as a PNG.
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

	losses.Legend.Top = true

	measures := plot.New()
	measures.X.Label.Text = "epoch"
	var names []string
	value := func(v Validation, k int) float64 { return v.TextToVideo[k] }
	if r.Config.Task == Captions {
		measures.Title.Text = "validation, captions"
		measures.Y.Label.Text = "×100"
		measures.Y.Min = 0
		names = []string{"BLEU-4", "ROUGE-L", "CIDEr"}
		value = func(v Validation, k int) float64 {
			return [...]float64{v.Captions.BLEU4, v.Captions.ROUGEL, v.Captions.CIDEr}[k]
		}
	} else {
		measures.Title.Text = "validation, text to video"
		measures.Y.Label.Text = "recall %"
		measures.Y.Min, measures.Y.Max = 0, 100
		names = []string{"R@1", "R@5", "R@10"}
	}
	for k, name := range names {
		line := make(plotter.XYs, len(r.Validations))
		for i, v := range r.Validations {
			line[i] = plotter.XY{X: float64(v.Epoch), Y: value(v, k)}
		}
		if err := addLine(measures, line, plotting.Colors[1+k], name); err != nil {
			return err
		}
	}

	return plotting.Save(path, 10*vg.Inch, 4*vg.Inch, losses, measures)
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
