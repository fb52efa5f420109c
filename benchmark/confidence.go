package benchmark

import (
	"context"
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"sightline"
	"sightline/align"
	"sightline/align/calm"
	"sightline/internal/plotting"
	"sightline/metric"
	"sightline/train"
)

// Explained is a model trained with CALM and a split that it has encoded.
type Explained struct {
	Name      string // of the model
	Model     *align.Model
	Explainer *calm.Explainer
	Pairs     train.Pairs
	Data      train.DataRecord
}

// ConfidenceResult says what confidences in the first answer to each sentence are worth. Risks and areas are in percent.
type ConfidenceResult struct {
	Model   string           `json:"model"`
	Data    train.DataRecord `json:"data"`
	Queries int              `json:"queries"`
	Wrong   int              `json:"wrong"` // first answers that are not the sentence's video
	Tied    int              `json:"tied"`  // queries with another video of the same score as the first answer
	Rows    []ConfidenceRow  `json:"rows"`
}

// ConfidenceRow is one confidence, or one of the two orders that bound them.
type ConfidenceRow struct {
	Name   string          `json:"name"`
	AURC   metric.Estimate `json:"aurc"`
	Excess float64         `json:"excess"`       // of AURC over the oracle order's
	Margin metric.Estimate `json:"less_margins"` // AURC less the margin's, paired
	Curve  []RiskAt        `json:"curve"`        // at twenty coverages
	risks  []float64       // percent, at every coverage
}

// RiskAt is a point of a risk-coverage curve, both in percent.
type RiskAt struct {
	Coverage float64 `json:"coverage"`
	Risk     float64 `json:"risk"`
}

// Rows of a result that others are held against.
const (
	marginRow = "margin"
	randomRow = "random order"
	oracleRow = "oracle order"
)

// Confidence answers every sentence of a split with the video of the highest score, the first of equals, and judges what tells
// right answers from wrong ones. It writes results.json, table.md and risk-coverage.png into dir.
func Confidence(ctx context.Context, subject Explained, dir string, report func(Stage)) (ConfidenceResult, error) {
	result := ConfidenceResult{Model: subject.Name, Data: subject.Data, Queries: len(subject.Pairs.Texts)}
	if len(subject.Pairs.Videos) < 2 {
		return result, &sightline.Error{Kind: sightline.Usage, What: "judge confidences on " + subject.Data.Name,
			Err: fmt.Errorf("%d videos give nothing to choose from", len(subject.Pairs.Videos)), Try: "a split with two videos or more"}
	}
	answers, err := subject.answers(ctx, &result, report)
	if err != nil {
		return result, err
	}
	if err := result.judge(answers); err != nil {
		return result, err
	}
	return result, result.save(dir)
}

// answers returns the first answers with their confidences, and counts wrong and tied ones.
func (s Explained) answers(ctx context.Context, result *ConfidenceResult, report func(Stage)) (metric.Answers, error) {
	report(Stage{What: "Scoring " + s.Data.Name, Of: 1})
	scores, err := train.Score(ctx, s.Model, s.Pairs)
	if err != nil {
		return metric.Answers{}, err
	}
	owner := s.Pairs.Set.Owner()
	answers := metric.Answers{Group: owner}
	columns := map[string][]float64{}
	looks := make([]*calm.Look, len(s.Pairs.Videos))
	for i, sentence := range s.Pairs.Texts {
		report(Stage{What: "Explaining first answers", Done: i, Of: len(s.Pairs.Texts)})
		row := scores.Row(i)
		best := top(row, 2)
		first, margin := best[0], float64(row[best[0]])-float64(row[best[1]])
		if margin == 0 {
			result.Tied++
		}
		if first != owner[i] {
			result.Wrong++
		}
		if looks[first] == nil {
			look, err := s.Explainer.Video(ctx, s.Pairs.Videos[first])
			if err != nil {
				return answers, err
			}
			looks[first] = &look
		}
		e, err := s.Explainer.Explain(ctx, sentence, *looks[first], 0)
		if err != nil {
			return answers, err
		}
		right := first == owner[i]
		answers.Wrong = append(answers.Wrong, !right)
		add := func(name string, value float64) { columns[name] = append(columns[name], value) }
		if e.Likelihood != nil {
			add("likelihood", *e.Likelihood)
			add("latent variance", -e.Ambiguity.Variance) // the less is left open, the surer
		}
		add(marginRow, margin)
		add("score", float64(row[first]))
		add("overlap", e.Overlap)
		add(randomRow, 0)
		if right {
			add(oracleRow, 1)
		} else {
			add(oracleRow, 0)
		}
	}
	for _, name := range []string{"likelihood", marginRow, "score", "latent variance", "overlap", randomRow, oracleRow} {
		if values, ok := columns[name]; ok {
			answers.Names, answers.Confidence = append(answers.Names, name), append(answers.Confidence, values)
		}
	}
	return answers, nil
}

// judge fills in the rows.
func (r *ConfidenceResult) judge(answers metric.Answers) error {
	areas, err := answers.AURC(metric.Options{})
	if err != nil {
		return err
	}
	margin := 0
	for m, name := range answers.Names {
		if name == marginRow {
			margin = m
		}
	}
	against, err := answers.Against(margin, metric.Options{})
	if err != nil {
		return err
	}
	oracle := areas[len(areas)-1].Value
	for m, name := range answers.Names {
		curve, err := answers.Curve(m)
		if err != nil {
			return err
		}
		row := ConfidenceRow{Name: name, AURC: percent(areas[m]), Margin: percent(against[m]), Excess: 100 * (areas[m].Value - oracle)}
		for _, risk := range curve {
			row.risks = append(row.risks, 100*risk)
		}
		for coverage := 5; coverage <= 100; coverage += 5 {
			row.Curve = append(row.Curve, RiskAt{float64(coverage), row.at(float64(coverage))})
		}
		r.Rows = append(r.Rows, row)
	}
	return nil
}

// at returns the risk among the surest answers that make up so many percent, in whole answers, one at least.
func (r ConfidenceRow) at(coverage float64) float64 {
	return r.risks[max(1, int(math.Round(coverage/100*float64(len(r.risks)))))-1]
}

func percent(e metric.Estimate) metric.Estimate {
	e.Value *= 100
	if e.Interval != nil {
		e.Interval = &metric.Interval{Low: 100 * e.Interval.Low, High: 100 * e.Interval.High}
	}
	return e
}

// grid returns the table: a row a confidence.
func (r ConfidenceResult) grid() metric.Grid {
	g := metric.Grid{
		Title: fmt.Sprintf("%s on %s: %d of %d first answers wrong; percent, lower is better", r.Model, r.Data.Name, r.Wrong, r.Queries), Decimals: 1,
		Head: []string{"AURC", "over oracle", "less margin's", "risk at 25 %", "at 50 %", "at 75 %", "at 100 %"},
	}
	for _, row := range r.Rows {
		line := metric.Line{Name: row.Name, Cells: []*metric.Estimate{&row.AURC, {Value: row.Excess}, &row.Margin}}
		for _, coverage := range []float64{25, 50, 75, 100} {
			line.Cells = append(line.Cells, &metric.Estimate{Value: row.at(coverage)})
		}
		g.Lines = append(g.Lines, line)
	}
	return g
}

// Write prints the table for people.
func (r ConfidenceResult) Write(w io.Writer, width int) error {
	if err := r.grid().Write(w, width); err != nil {
		return err
	}
	return r.notes(w)
}

// notes says what the table does not: both ends of the interval that decides, and ties.
func (r ConfidenceResult) notes(w io.Writer) error {
	for _, row := range r.Rows {
		if i := row.Margin.Interval; row.Name != marginRow && row.Name != randomRow && row.Name != oracleRow {
			if _, err := fmt.Fprintf(w, "- AURC of %s less that of the margin, paired over videos: %+.2f [%+.2f, %+.2f]\n", row.Name, row.Margin.Value, i.Low, i.High); err != nil {
				return err
			}
		}
	}
	if r.Tied > 0 {
		if _, err := fmt.Fprintf(w, "- %d first answers tie with another video; the earlier one of the split was taken\n", r.Tied); err != nil {
			return err
		}
	}
	return nil
}

// save writes results.json, table.md and risk-coverage.png.
func (r ConfidenceResult) save(dir string) error {
	err := saveResult(dir, r, func(w io.Writer) error {
		g := r.grid()
		g.Title = "### " + g.Title
		if err := g.Markdown(w); err != nil {
			return err
		}
		fmt.Fprintln(w)
		return r.notes(w)
	})
	if err != nil {
		return err
	}
	return r.draw(filepath.Join(dir, "risk-coverage.png"))
}

// draw plots risk over coverage, from 5 % on: below, a handful of answers decides.
func (r ConfidenceResult) draw(path string) error {
	panel := plot.New()
	panel.Title.Text = "First answers of " + r.Model
	panel.X.Label.Text, panel.Y.Label.Text = "coverage %: the surest first", "risk %: wrong among them"
	panel.Add(plotter.NewGrid())
	panel.X.Min, panel.X.Max, panel.Y.Min = 0, 100, 0
	for i, row := range r.Rows {
		var points plotter.XYs
		for k, risk := range row.risks {
			if coverage := 100 * float64(k+1) / float64(len(row.risks)); coverage >= 5 {
				points = append(points, plotter.XY{X: coverage, Y: risk})
			}
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.Width = vg.Points(1.5)
		if row.Name == randomRow || row.Name == oracleRow {
			line.Color, line.Width = color.Gray{130}, vg.Points(1)
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
			if row.Name == oracleRow {
				line.Dashes = []vg.Length{vg.Points(1.5), vg.Points(2)}
			}
		} else {
			line.Color = plotting.Colors[i%len(plotting.Colors)]
		}
		panel.Add(line)
		panel.Legend.Add(fmt.Sprintf("%s, AURC %.1f", row.Name, row.AURC.Value), line)
	}
	panel.Y.Max *= 1.5 // room for the legend
	panel.Legend.Top, panel.Legend.Left = true, true
	panel.Legend.XOffs, panel.Legend.YOffs = vg.Points(6), vg.Points(-4)
	return plotting.Save(path, 7*vg.Inch, 5*vg.Inch, panel)
}
