package benchmark

import (
	"fmt"
	"io"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"sightline/internal/plotting"
	"sightline/metric"
)

// TacoResult is everything a benchmark of TACo found. Its JSON lies beside the table.
type TacoResult struct {
	Size       string       `json:"size"`
	Seeds      int          `json:"seeds"`
	Epochs     int          `json:"epochs"`
	Candidates int          `json:"candidates"` // that are fused for each text and each video in the sections
	Encoder    string       `json:"encoder"`
	Backend    string       `json:"backend"`
	Sections   []Section    `json:"sections"`
	Costs      []CostRow    `json:"costs"`
	Curve      []CurvePoint `json:"curve,omitempty"` // of the first row, where that has two stages
}

// CurvePoint is a TwoStage in the mean over seeds.
type CurvePoint struct {
	Candidates int             `json:"candidates"`
	Recall     metric.Estimate `json:"r1"`
	Lost       metric.Estimate `json:"lost"`
	Query      metric.Estimate `json:"ms_a_search"`
}

// tabulate fills in sections and costs from what was tested, by row and seed.
func (b *tacoBench) tabulate(result *TacoResult, all [][]tested) error {
	for d, domain := range domains {
		for _, protocol := range protocols {
			section := Section{Title: fmt.Sprintf("%s, %s, the best %d fused", domain.name, protocol.Title(), Candidates)}
			ranks := func(r int) (list []metric.Ranks) {
				for _, t := range all[r] {
					list = append(list, direction(t.rankings[d], protocol))
				}
				return list
			}
			for r, row := range b.plan.Rows {
				line, err := overSeeds(row.Name, ranks(r))
				if err != nil {
					return err
				}
				section.Rows = append(section.Rows, line)
				if r == 0 {
					continue
				}
				differences, err := metric.Compare(metric.Join(ranks(0)), metric.Join(ranks(r)), metric.Options{})
				if err != nil {
					return err
				}
				section.Tests = append(section.Tests, Test{Method: row.Name, Against: b.plan.Rows[0].Name, Differences: differences})
			}
			if err := b.bound(&section, d, ranks(0)[0]); err != nil {
				return err
			}
			result.Sections = append(result.Sections, section)
		}
	}
	for r, row := range b.plan.Rows {
		cost := CostRow{Method: row.Name}
		for _, t := range all[r] {
			cost.Parameters = t.cost.Parameters
			cost.Seconds += t.cost.Seconds / float64(len(all[r]))
		}
		result.Costs = append(result.Costs, cost)
	}
	return nil
}

// bend takes the mean of the curves of all seeds.
func (r *TacoResult) bend(curves [][]TwoStage) {
	if curves == nil {
		return
	}
	for i, point := range curves[0] {
		mean := func(of func(TwoStage) float64) metric.Estimate {
			var values []float64
			for _, curve := range curves {
				values = append(values, of(curve[i]))
			}
			return metric.MeanOverSeeds(values, 0.95)
		}
		r.Curve = append(r.Curve, CurvePoint{
			Candidates: point.Candidates,
			Recall:     mean(func(p TwoStage) float64 { return p.Recall }),
			Lost:       mean(func(p TwoStage) float64 { return p.Lost }),
			Query:      mean(func(p TwoStage) float64 { return p.Query }),
		})
	}
}

// tables returns what the rows cost and the curve.
func (r TacoResult) tables() []grid {
	costs := grid{title: "What it takes", head: []string{"", "parameters", "training s"}}
	for _, c := range r.Costs {
		costs.rows = append(costs.rows, []string{c.Method, fmt.Sprint(c.Parameters), fmt.Sprintf("%.0f", c.Seconds)})
	}
	if r.Curve == nil {
		return []grid{costs}
	}
	curve := grid{
		title: "Search in two stages, in-domain Text-to-Video: lost is the share of sentences whose best video is not among the candidates",
		head:  []string{"candidates", "R@1", "lost %", "ms a query"},
	}
	for i, p := range r.Curve {
		with := func(e metric.Estimate) string {
			if e.Interval == nil {
				return fmt.Sprintf("%.1f", e.Value)
			}
			return fmt.Sprintf("%.1f ±%.1f", e.Value, e.Margin())
		}
		curve.rows = append(curve.rows, []string{r.stage(i), with(p.Recall), with(p.Lost), with(p.Query)})
	}
	return []grid{costs, curve}
}

// stage names a point of the curve.
func (r TacoResult) stage(i int) string {
	if i == len(r.Curve)-1 {
		return fmt.Sprintf("all %d", r.Curve[i].Candidates)
	}
	return fmt.Sprint(r.Curve[i].Candidates)
}

// Write prints the tables for people.
func (r TacoResult) Write(w io.Writer, width int) error {
	return writeTables(w, width, r.Sections, r.tables())
}

// save writes results.json, table.md and, where there is a curve, two-stage.png.
func (r TacoResult) save(dir string) error {
	err := saveResult(dir, r, func(w io.Writer) error { return markdownTables(w, r.Sections, r.tables()) })
	if err != nil || r.Curve == nil {
		return err
	}
	return r.draw(filepath.Join(dir, "two-stage.png"))
}

// draw plots recall, loss and time by the number of candidates.
func (r TacoResult) draw(path string) error {
	var names []string
	for i := range r.Curve {
		names = append(names, r.stage(i))
	}
	var panels []*plot.Plot
	for i, quantity := range []struct {
		title, y string
		of       func(CurvePoint) metric.Estimate
	}{
		{"R@1, Text-to-Video", "recall %", func(p CurvePoint) metric.Estimate { return p.Recall }},
		{"Best video lost by the first stage", "sentences %", func(p CurvePoint) metric.Estimate { return p.Lost }},
		{"A query", "ms", func(p CurvePoint) metric.Estimate { return p.Query }},
	} {
		panel := plot.New()
		panel.Title.Text, panel.X.Label.Text, panel.Y.Label.Text = quantity.title, "candidates", quantity.y
		panel.Add(plotter.NewGrid())
		var points intervals
		for at, p := range r.Curve {
			estimate := quantity.of(p)
			bar := struct{ Low, High float64 }{}
			if estimate.Interval != nil {
				bar.Low, bar.High = estimate.Value-estimate.Interval.Low, estimate.Interval.High-estimate.Value
			}
			points.XYs, points.YErrors = append(points.XYs, plotter.XY{X: float64(at), Y: estimate.Value}), append(points.YErrors, bar)
		}
		line, err := plotter.NewLine(points.XYs)
		if err != nil {
			return err
		}
		line.Color, line.Width = plotting.Colors[i], vg.Points(1.5)
		panel.Add(line)
		if err := points.addTo(panel, plotting.Colors[i], ""); err != nil {
			return err
		}
		panel.Legend = plot.NewLegend()
		panel.NominalX(names...)
		panels = append(panels, panel)
	}
	return plotting.Save(path, 12*vg.Inch, 3.8*vg.Inch, panels...)
}
