package benchmark

import (
	"image/color"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"sightline/internal/plotting"
)

// draw writes R@1 of every method as points with their intervals, in-domain beside out-of-domain, a panel a direction.
func (r Result) draw(path string) error {
	panels := make([]*plot.Plot, len(protocols))
	for p, protocol := range protocols {
		panel := plot.New()
		panel.Title.Text = protocol.Title() + ", R@1"
		panel.Y.Label.Text = "recall %"
		panel.Add(plotter.NewGrid())
		var names []string
		for d, domain := range domains {
			points := intervals{}
			names = nil
			for _, row := range r.Sections[d*len(protocols)+p].Rows {
				recall, ok := row.Summary.At(1)
				if !ok || recall.Interval == nil || strings.Contains(row.Name, ", ") {
					continue // ceilings and chance have none
				}
				x := float64(len(names)) + 0.16*float64(d) - 0.08
				points.XYs = append(points.XYs, plotter.XY{X: x, Y: recall.Value})
				points.YErrors = append(points.YErrors, struct{ Low, High float64 }{recall.Value - recall.Interval.Low, recall.Interval.High - recall.Value})
				name, _, _ := strings.Cut(row.Name, " (")
				names = append(names, strings.Replace(name, "meanP ", "meanP\n", 1))
			}
			if err := points.addTo(panel, plotting.Colors[d], "tested on "+domain.domain); err != nil {
				return err
			}
		}
		panel.NominalX(names...)
		panel.Y.Max += 0.2 * (panel.Y.Max - panel.Y.Min) // room for the legend
		panel.Legend.Top = true
		panels[p] = panel
	}
	return plotting.Save(path, 12*vg.Inch, 4.2*vg.Inch, panels...)
}

// intervals are values with how far their intervals reach.
type intervals struct {
	plotter.XYs
	plotter.YErrors
}

func (i intervals) addTo(panel *plot.Plot, stroke color.Color, name string) error {
	dots, err := plotter.NewScatter(i)
	if err != nil {
		return err
	}
	dots.Color, dots.Radius = stroke, vg.Points(3)
	dots.Shape = plotting.Dot
	bars, err := plotter.NewYErrorBars(i)
	if err != nil {
		return err
	}
	bars.Color = stroke
	panel.Add(bars, dots)
	panel.Legend.Add(name, dots)
	return nil
}
