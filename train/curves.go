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
	measures.Title.Text, measures.Y.Label.Text = "validation, text to video", "recall %"
	if r.Config.Task != Captions { // CIDEr has no largest value
		measures.Y.Min, measures.Y.Max = 0, 100
	}
	names, of := []string{"R@1", "R@5", "R@10"}, func(v Validation) []float64 { return v.TextToVideo[:] }
	switch {
	case r.Best.Moments != nil:
		measures.Title.Text = "validation, moments of all videos"
		names, of = []string{"R@1, IoU 0.5", "R@1, IoU 0.7", "R@10, IoU 0.5", "R@10, IoU 0.7"}, func(v Validation) []float64 { return v.Moments[:] }
	case r.Config.Task == Captions:
		measures.Title.Text, measures.Y.Label.Text = "validation, captions", "×100"
		names = []string{"BLEU-4", "ROUGE-L", "CIDEr"}
		of = func(v Validation) []float64 { return []float64{v.Captions.BLEU4, v.Captions.ROUGEL, v.Captions.CIDEr} }
	}
	for k, name := range names {
		line := make(plotter.XYs, len(r.Validations))
		for i, v := range r.Validations {
			line[i] = plotter.XY{X: float64(v.Epoch), Y: of(v)[k]}
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
