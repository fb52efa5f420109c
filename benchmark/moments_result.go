package benchmark

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"sightline/internal/plotting"
	"sightline/metric"
	"sightline/metric/moments"
)

// MomentResult is everything a benchmark of moments found. Its JSON lies beside the table.
type MomentResult struct {
	Size    string      `json:"size"`
	Rate    float64     `json:"frames_a_second"`
	Seeds   int         `json:"seeds"`
	Encoder string      `json:"encoder"`
	Backend string      `json:"backend"`
	Queries int         `json:"queries"`
	Videos  int         `json:"videos"`
	Rows    []MomentRow `json:"rows"`
	Tests   []Test      `json:"tests"`
}

// MomentRow is a method, in the mean over seeds, or a baseline.
type MomentRow struct {
	Name       string                                `json:"name"`
	Numbers    map[string]map[string]metric.Estimate `json:"numbers"` // by task and kind, "VCMR", "VCMR t", …; then by metric
	Gate       map[string]metric.Estimate            `json:"gate,omitempty"`
	Parameters int                                   `json:"parameters,omitempty"`
	Seconds    float64                               `json:"train_seconds,omitempty"`
}

// The kinds of query, and that of all.
var queryKinds = []string{"v", "t", "vt"}

// tabulate makes the rows from what was found, by method and seed.
func (b *momentBench) tabulate(all [][]found) (MomentResult, error) {
	result := MomentResult{Size: b.Size, Rate: b.Rate, Seeds: b.Seeds, Encoder: b.encoder.ID().String(), Backend: b.engine.Name(),
		Queries: len(b.queries), Videos: len(b.test.Set.Videos)}
	for m, method := range b.Methods {
		row := MomentRow{Name: method.Name, Numbers: map[string]map[string]metric.Estimate{}, Gate: map[string]metric.Estimate{}}
		for _, task := range []func(found) moments.Scores{vcmrOf, svmrOf, vrOf} {
			var seeds []moments.Scores
			for _, f := range all[m] {
				seeds = append(seeds, task(f))
			}
			if err := row.add(seeds); err != nil {
				return MomentResult{}, err
			}
		}
		for _, kind := range queryKinds {
			var means []float64
			for _, f := range all[m] {
				if mean, ok := b.gate(f, kind); ok {
					means = append(means, mean)
				}
			}
			row.Gate[kind] = metric.MeanOverSeeds(means, 0.95)
		}
		for _, f := range all[m] {
			row.Parameters = f.parameters
			row.Seconds += f.seconds / float64(len(all[m]))
		}
		result.Rows = append(result.Rows, row)
		if err := b.compare(&result, m, all); err != nil {
			return MomentResult{}, err
		}
	}
	return result, b.baselines(&result)
}

func vcmrOf(f found) moments.Scores { return f.vcmr }
func svmrOf(f found) moments.Scores { return f.svmr }
func vrOf(f found) moments.Scores   { return f.vr }

// add takes the scores of all seeds in one task.
func (r MomentRow) add(seeds []moments.Scores) error {
	task := string(seeds[0].Task)
	values := map[string]map[string][]float64{}
	for _, scores := range seeds {
		for _, part := range scores.Parts() {
			key := task
			switch part.By {
			case "kind":
				key += " " + part.Name
			case "all":
			default:
				continue
			}
			estimates, err := part.Scores.Summarize(metric.Options{Resamples: -1})
			if err != nil {
				return err
			}
			if values[key] == nil {
				values[key] = map[string][]float64{}
			}
			for i, e := range estimates {
				name := part.Scores.Names[i]
				values[key][name] = append(values[key][name], e.Value)
			}
		}
	}
	for key, numbers := range values {
		r.Numbers[key] = map[string]metric.Estimate{}
		for name, list := range numbers {
			r.Numbers[key][name] = metric.MeanOverSeeds(list, 0.95)
		}
	}
	return nil
}

// gate returns the mean weight of the picture over the queries of a kind, in percent.
func (b *momentBench) gate(f found, kind string) (float64, bool) {
	sum, n := 0.0, 0
	for a, q := range b.queries {
		if q.Kind == kind {
			sum, n = sum+100*f.gates[a], n+1
		}
	}
	return sum / float64(max(n, 1)), n > 0
}

// rival says what a method is tested against.
func rival(name string) string {
	switch {
	case name == "XML":
		return ""
	case name == "QACLN":
		return "ReLoCLNet"
	case strings.HasPrefix(name, "QACLN "):
		return "QACLN"
	}
	return "XML"
}

// compare tests method m against its rival on the same queries of all seeds: the moment in all videos, and in its own.
func (b *momentBench) compare(result *MomentResult, m int, all [][]found) error {
	against := rival(b.Methods[m].Name)
	r := slices.IndexFunc(b.Methods, func(other MomentMethod) bool { return other.Name == against })
	if r < 0 {
		return nil
	}
	test := Test{Method: b.Methods[m].Name, Against: against}
	for _, task := range []func(found) moments.Scores{vcmrOf, svmrOf, vrOf} {
		differences, err := metric.CompareValues(joined(all[r], task), joined(all[m], task), metric.Options{})
		if err != nil {
			return err
		}
		name := string(task(all[m][0]).Task)
		for _, d := range differences {
			if d.Metric == "R@1 IoU=0.5" || d.Metric == "R@10 IoU=0.5" && name == "VCMR" || d.Metric == "R@1" {
				d.Metric = name + " " + d.Metric
				test.Differences = append(test.Differences, d)
			}
		}
	}
	result.Tests = append(result.Tests, test)
	return nil
}

// joined puts the queries of all seeds one after the other; those of one video are exchanged together, whatever the seed.
func joined(seeds []found, task func(found) moments.Scores) metric.Values {
	all := task(seeds[0]).Values
	all.Rows, all.Group = slices.Clone(all.Rows), slices.Clone(all.Group)
	for _, f := range seeds[1:] {
		more := task(f).Values
		all.Rows, all.Group = append(all.Rows, more.Rows...), append(all.Group, more.Group...)
	}
	return all
}

// baselines adds what is reached without looking at the query, and without looking at anything.
func (b *momentBench) baselines(result *MomentResult) error {
	prior, err := moments.NewPrior(b.train)
	if err != nil {
		return err
	}
	common, err := prior.Spans(b.queries, kept)
	if err != nil {
		return err
	}
	anywhere, err := moments.RandomMoments(b.queries, b.test.Set.Videos, kept, 1)
	if err != nil {
		return err
	}
	within, err := moments.RandomSpans(b.queries, kept, 1)
	if err != nil {
		return err
	}
	videos := moments.RandomVideos(b.queries, b.test.Set.Videos, kept, 1)
	for _, baseline := range []struct {
		name  string
		lists map[moments.Task]moments.Lists
	}{
		{"most common position", map[moments.Task]moments.Lists{moments.SVMR: common}},
		{"random", map[moments.Task]moments.Lists{moments.VCMR: anywhere, moments.SVMR: within, moments.VR: videos}},
	} {
		row := MomentRow{Name: baseline.name, Numbers: map[string]map[string]metric.Estimate{}}
		for task, lists := range baseline.lists {
			scores, err := moments.Retrieval(task, b.queries, lists, momentCuts)
			if err != nil {
				return err
			}
			if err := row.add([]moments.Scores{scores}); err != nil {
				return err
			}
		}
		result.Rows = append(result.Rows, row)
	}
	return nil
}

// grid tabulates chosen numbers; each column is a key of MomentRow.Numbers and a metric.
func (r MomentResult) grid(title string, columns [][2]string, heads []string) metric.Grid {
	g := metric.Grid{Title: title, Decimals: 1, Head: heads}
	for _, row := range r.Rows {
		line := metric.Line{Name: row.Name}
		some := false
		for _, column := range columns {
			if estimate, ok := row.Numbers[column[0]][column[1]]; ok {
				line.Cells, some = append(line.Cells, &estimate), true
			} else {
				line.Cells = append(line.Cells, nil)
			}
		}
		if some {
			g.Lines = append(g.Lines, line)
		}
	}
	return g
}

// grids returns all tables.
func (r MomentResult) grids() []metric.Grid {
	var all []metric.Grid
	for _, task := range []moments.Task{moments.VCMR, moments.SVMR} {
		var columns [][2]string
		var heads []string
		for _, iou := range []string{"0.5", "0.7"} {
			for _, k := range []string{"1", "10", "100"} {
				columns = append(columns, [2]string{string(task), "R@" + k + " IoU=" + iou})
				heads = append(heads, "R@"+k+" "+iou)
			}
		}
		all = append(all, r.grid(task.Title()+", R@K at IoU", columns, heads))
	}
	all = append(all, r.grid(moments.VR.Title(), [][2]string{{"VR", "R@1"}, {"VR", "R@5"}, {"VR", "R@10"}, {"VR", "R@100"}},
		[]string{"R@1", "R@5", "R@10", "R@100"}))
	var columns [][2]string
	var heads []string
	for _, c := range [][2]string{{"VCMR", "R@1 IoU=0.5"}, {"SVMR", "R@1 IoU=0.5"}, {"VR", "R@1"}} {
		for _, kind := range queryKinds {
			columns, heads = append(columns, [2]string{c[0] + " " + kind, c[1]}), append(heads, c[0]+" "+kind)
		}
	}
	all = append(all, r.grid("By kind of query: R@1, spans at IoU 0.5", columns, heads))
	gates := metric.Grid{Title: "How much a query weighs the picture, in percent; the rest is the subtitles'", Decimals: 1, Head: queryKinds}
	for _, row := range r.Rows {
		if row.Gate == nil {
			continue
		}
		line := metric.Line{Name: row.Name}
		for _, kind := range queryKinds {
			estimate := row.Gate[kind]
			line.Cells = append(line.Cells, &estimate)
		}
		gates.Lines = append(gates.Lines, line)
	}
	return append(all, gates)
}

// Write prints the tables for people.
func (r MomentResult) Write(w io.Writer, width int) error {
	for _, g := range r.grids() {
		if err := g.Write(w, width); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return writeTests(w, r.Tests)
}

// writeTests prints paired tests, a line each.
func writeTests(w io.Writer, tests []Test) error {
	for _, test := range tests {
		for _, d := range test.Differences {
			if _, err := fmt.Fprintf(w, "- %s against %s, paired over all seeds: %v\n", test.Method, test.Against, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// save writes results.json, table.md and moments.png.
func (r MomentResult) save(dir string) error {
	err := saveResult(dir, r, func(w io.Writer) error {
		for _, g := range r.grids() {
			g.Title = "### " + g.Title
			if err := g.Markdown(w); err != nil {
				return err
			}
			fmt.Fprintln(w)
		}
		return writeTests(w, r.Tests)
	})
	if err != nil {
		return err
	}
	return r.draw(filepath.Join(dir, "moments.png"))
}

// draw plots the recall of moments by IoU and of videos by K, as QACLN's figures 5 and 6.
func (r MomentResult) draw(path string) error {
	panels := []struct {
		title, x, task string
		names          []string
		at             []float64
	}{
		{title: "VCMR, R@1", x: "IoU", task: "VCMR"}, {title: "VCMR, R@10", x: "IoU", task: "VCMR"}, {title: "VR, R@K", x: "K", task: "VR"},
	}
	for _, iou := range momentCuts.IoU {
		panels[0].names, panels[0].at = append(panels[0].names, fmt.Sprintf("R@1 IoU=%v", iou)), append(panels[0].at, iou)
		panels[1].names, panels[1].at = append(panels[1].names, fmt.Sprintf("R@10 IoU=%v", iou)), append(panels[1].at, iou)
	}
	for _, k := range momentCuts.K {
		panels[2].names, panels[2].at = append(panels[2].names, fmt.Sprintf("R@%d", k)), append(panels[2].at, float64(k))
	}
	var plots []*plot.Plot
	for i, panel := range panels {
		p := plot.New()
		p.Title.Text, p.X.Label.Text, p.Y.Label.Text = panel.title, panel.x, "recall %"
		p.Add(plotter.NewGrid())
		color := 0
		for _, row := range r.Rows {
			numbers, ok := row.Numbers[panel.task]
			if !ok || strings.Contains(row.Name, "λ") || strings.Contains(row.Name, "w/o") {
				continue
			}
			points := make(plotter.XYs, len(panel.names))
			for j, name := range panel.names {
				points[j] = plotter.XY{X: panel.at[j], Y: numbers[name].Value}
			}
			line, err := plotter.NewLine(points)
			if err != nil {
				return err
			}
			line.Color, line.Width = plotting.Colors[color%len(plotting.Colors)], vg.Points(1.5)
			color++
			p.Add(line)
			if i == 0 {
				p.Legend.Add(row.Name, line)
			}
		}
		p.Legend.Top = true
		plots = append(plots, p)
	}
	return plotting.Save(path, 13*vg.Inch, 4*vg.Inch, plots...)
}
