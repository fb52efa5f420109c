package benchmark

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot/vg"

	"sightline/align"
	"sightline/corpus"
	"sightline/internal/plotting"
	"sightline/metric"
	"sightline/metric/captions"
)

// CaptionResult is everything a benchmark of captions found. Its JSON lies beside the table.
type CaptionResult struct {
	Size      string             `json:"size"`
	Seeds     int                `json:"seeds"`
	Epochs    int                `json:"epochs"`
	On        string             `json:"on"` // the split tested on: "test" or "val"
	Encoder   string             `json:"encoder"`
	Backend   string             `json:"backend"`
	Tokenizer captions.Tokenizer `json:"tokenizer"`
	Meteor    string             `json:"meteor"`
	Videos    int                `json:"videos"` // tested on in each domain, five references each
	Rows      []CaptionRow       `json:"rows"`
	Tests     []Test             `json:"tests"`
}

// CaptionRow is what a method, or a baseline, says, in the mean over seeds.
type CaptionRow struct {
	Name       string                                `json:"name"`
	Numbers    map[string]map[string]metric.Estimate `json:"numbers"` // by domain, then by metric
	Empty      int                                   `json:"empty"`   // captions without a word, of all seeds and domains
	Parameters int                                   `json:"parameters,omitempty"`
	Seconds    float64                               `json:"train_seconds,omitempty"`
	Watched    map[string]float64                    `json:"watched,omitempty"`  // what parts reported, over the last tenth of the steps
	Warnings   []align.Warning                       `json:"warnings,omitempty"` // of all seeds, in their order
}

// columns are the metrics of the table; METEOR's name says its modules.
func (r CaptionResult) columns() []string { return []string{"BLEU-4", r.Meteor, "ROUGE-L", "CIDEr"} }

// tabulate makes the rows from what was said, and the paired tests: each method against the first, and the first against the
// nearest caption.
func (b *captionBench) tabulate(all []captionRow) (CaptionResult, error) {
	one := all[0].seeds[0].results[0]
	result := CaptionResult{Size: b.Size, Seeds: b.Seeds, Epochs: b.Epochs, On: b.On, Encoder: b.encoder.ID().String(), Backend: b.engine.Name(),
		Tokenizer: one.Tokenizer, Meteor: one.Meteor, Videos: len(b.test[0].Videos)}
	for _, row := range all {
		line := CaptionRow{Name: row.name, Numbers: map[string]map[string]metric.Estimate{}, Watched: map[string]float64{}}
		for d, domain := range domains {
			values := map[string][]float64{}
			for _, t := range row.seeds {
				estimates, err := t.results[d].Summarize(metric.Options{Resamples: -1})
				if err != nil {
					return result, err
				}
				for i, name := range t.results[d].Names() {
					values[name] = append(values[name], estimates[i].Value)
				}
				line.Empty += t.results[d].Empty
			}
			line.Numbers[domain.domain] = map[string]metric.Estimate{}
			for name, list := range values {
				line.Numbers[domain.domain][name] = metric.MeanOverSeeds(list, 0.95)
			}
		}
		for _, t := range row.seeds {
			line.Parameters = t.parameters
			line.Seconds += t.seconds / float64(len(row.seeds))
			line.Warnings = append(line.Warnings, t.warnings...)
			for name, value := range t.watched {
				line.Watched[name] += value / float64(len(row.seeds))
			}
		}
		result.Rows = append(result.Rows, line)
	}
	rows := map[string]captionRow{}
	for _, row := range all {
		rows[row.name] = row
	}
	base := captionMethods[0].name
	pairs := [][2]string{{base, closestRow}}
	for _, method := range captionMethods[1:] {
		pairs = append(pairs, [2]string{method.name, base})
	}
	for _, pair := range pairs {
		test := Test{Method: pair[0], Against: pair[1]}
		for d, domain := range domains {
			differences, err := b.compare(rows[pair[1]], rows[pair[0]], d)
			if err != nil {
				return result, err
			}
			for _, difference := range differences {
				if slices.Contains(result.columns(), difference.Metric) {
					difference.Metric = "on " + domain.domain + ", " + difference.Metric
					test.Differences = append(test.Differences, difference)
				}
			}
		}
		result.Tests = append(result.Tests, test)
	}
	return result, nil
}

// compare tests two rows on the videos of a domain; what is said of a video with all seeds is exchanged together. A row that
// is the same for every seed is repeated.
func (b *captionBench) compare(before, after captionRow, domain int) ([]metric.Difference, error) {
	var pooled [2]captions.Result
	for i, row := range []captionRow{before, after} {
		var runs []captions.Result
		for seed := range b.Seeds {
			runs = append(runs, row.seeds[min(seed, len(row.seeds)-1)].results[domain])
		}
		var err error
		if pooled[i], err = captions.Pool(runs...); err != nil {
			return nil, err
		}
	}
	return captions.Compare(pooled[0], pooled[1], metric.Options{})
}

// grids returns a table of each domain.
func (r CaptionResult) grids() []metric.Grid {
	var all []metric.Grid
	for _, domain := range domains {
		title := "Captions, " + domain.name
		if r.On != "test" {
			title += " (" + r.On + ")"
		}
		g := metric.Grid{Title: title, Decimals: 1, Head: r.columns()}
		for _, row := range r.Rows {
			line := metric.Line{Name: row.Name}
			for _, name := range r.columns() {
				estimate := row.Numbers[domain.domain][name]
				line.Cells = append(line.Cells, &estimate)
			}
			g.Lines = append(g.Lines, line)
		}
		all = append(all, g)
	}
	return all
}

// costs tabulates what each row takes, and what its parts reported.
func (r CaptionResult) costs() grid {
	g := grid{title: "What it takes: parameters that write, seconds of training, captions without a word",
		head: []string{"", "parameters", "training s", "empty"}}
	for _, row := range r.Rows {
		cells := []string{row.Name, "–", "–", fmt.Sprint(row.Empty)}
		if row.Parameters > 0 {
			cells[1], cells[2] = fmt.Sprint(row.Parameters), fmt.Sprintf("%.0f", row.Seconds)
		}
		g.rows = append(g.rows, cells)
	}
	return g
}

// remarks prints what parts found wrong with their training, then the paired tests, a line each.
func (r CaptionResult) remarks(w io.Writer) error {
	for _, row := range r.Rows {
		for _, warning := range row.Warnings {
			if _, err := fmt.Fprintf(w, "- %s, warning after step %d: %v\n", row.Name, warning.Step, warning); err != nil {
				return err
			}
		}
	}
	return writeTests(w, r.Tests)
}

// Write prints the tables for people.
func (r CaptionResult) Write(w io.Writer, width int) error {
	for _, g := range r.grids() {
		if err := g.Write(w, width); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	if err := r.costs().plain(w); err != nil {
		return err
	}
	return r.remarks(w)
}

func (r CaptionResult) markdown(w io.Writer) error {
	for _, g := range r.grids() {
		g.Title = "### " + g.Title
		if err := g.Markdown(w); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	if err := r.costs().markdown(w); err != nil {
		return err
	}
	return r.remarks(w)
}

const (
	sheetVideos = 10
	// sheetRule says how the videos of captions.png were chosen.
	sheetRule = "Clips at equal distances of their order by the CIDEr of the decoder's caption, the best first and the worst last. Below each method's caption of seed 1 " +
		"stands the first of the five references; CIDEr is measured on all of them."
)

// draw writes captions.png: clips of the first domain with what the methods' first seeds say of them.
func (b *captionBench) draw(ctx context.Context, methods []captionRow) error {
	first := methods[0].seeds[0].results[0]
	order := make([]int, len(first.Items))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(first.Items[j].CIDEr, first.Items[i].CIDEr) })
	sheet := plotting.Sheet{
		Title:   fmt.Sprintf("Captions of the rendered world, %s", b.splits[0].Name),
		Rule:    sheetRule,
		Picture: [2]vg.Length{pictureSide, pictureSide},
	}
	count := min(sheetVideos, len(order))
	for r := range count {
		place := r * (len(order) - 1) / max(count-1, 1)
		i := order[place]
		pictures, err := b.splits[0].Frames(ctx, i, corpus.Uniform(sheetFrames), 0)
		if err != nil {
			return err
		}
		row := plotting.SheetRow{Heading: fmt.Sprintf("%d. clip %s, number %d of %d", r+1, first.IDs[i], place+1, len(order)), Pictures: pictures}
		for _, method := range methods {
			t := method.seeds[0]
			row.Said = append(row.Said, fmt.Sprintf("%s: “%s” (CIDEr %.0f)", method.name, t.items[0][i].Caption, 100*t.results[0].Items[i].CIDEr))
		}
		row.Grey = []string{"reference: “" + methods[0].seeds[0].items[0][i].References[0] + "”"}
		sheet.Rows = append(sheet.Rows, row)
	}
	return sheet.Save(filepath.Join(b.Dir, "captions.png"))
}
