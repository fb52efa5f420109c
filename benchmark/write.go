package benchmark

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"sightline/internal/atomicfile"
	"sightline/metric"
)

// Write prints the tables for people.
func (r Result) Write(w io.Writer, width int) error {
	return writeTables(w, width, r.Sections, r.tables())
}

// writeTables prints sections and what else there is for people.
func writeTables(w io.Writer, width int, sections []Section, more []grid) error {
	for _, section := range sections {
		if err := section.table().Write(w, width); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	for _, table := range more {
		if err := table.plain(w); err != nil {
			return err
		}
	}
	return nil
}

func (s Section) table() metric.Table {
	table := metric.Table{Title: s.Title}
	for _, row := range s.Rows {
		table.Rows = append(table.Rows, metric.Row(row))
	}
	return table
}

// grid is a table of other things than recalls.
type grid struct {
	title string
	head  []string
	rows  [][]string
}

// tables returns drops, costs and what choosing on the test set would give.
func (r Result) tables() []grid {
	drops := grid{title: "From in-domain to out-of-domain, R@1 in points", head: []string{"", "Text-to-Video", "Video-to-Text"}}
	for _, d := range r.Drops {
		drops.rows = append(drops.rows, []string{d.Method, fmt.Sprintf("%+.1f", d.TextToVideo), fmt.Sprintf("%+.1f", d.VideoToText)})
	}
	costs := grid{
		title: fmt.Sprintf("What it takes: a query is one sentence against all test videos; served, the best %d of the first stage are re-scored; lost is the share of queries whose best video is not among these", Candidates),
		head:  []string{"", "parameters", "training s", "ms a query", "ms served", "lost %"},
	}
	for _, c := range r.Costs {
		row := []string{c.Method, fmt.Sprint(c.Parameters), fmt.Sprintf("%.0f", c.Seconds), fmt.Sprintf("%.1f", c.Query), "–", "–"}
		if c.Served > 0 {
			row[4], row[5] = fmt.Sprintf("%.1f", c.Served), fmt.Sprintf("%.1f", c.Lost)
		}
		costs.rows = append(costs.rows, row)
	}
	chosen := grid{
		title: "How much choosing the best epoch on the test set flatters: Text-to-Video R@1, mean over seeds",
		head:  []string{"", "tested on", "chosen on validation", "chosen on this test set", "flattery"},
	}
	for _, c := range r.Chosen {
		chosen.rows = append(chosen.rows, []string{
			c.Method, c.Domain, fmt.Sprintf("%.1f", c.OnValidation), fmt.Sprintf("%.1f", c.OnTest), fmt.Sprintf("%+.1f", c.OnTest-c.OnValidation),
		})
	}
	all := []grid{drops, costs}
	if chosen.rows != nil {
		all = append(all, chosen)
	}
	if r.Watched != nil {
		all = append(all, r.watched())
	}
	return all
}

// watched tabulates what the parts of methods reported.
func (r Result) watched() grid {
	names := map[string]bool{}
	for _, w := range r.Watched {
		for name := range w.Scalars {
			names[name] = true
		}
	}
	sorted := slices.Sorted(maps.Keys(names))
	g := grid{title: "What the parts report at the end of training, mean over seeds", head: append([]string{""}, sorted...)}
	for _, w := range r.Watched {
		row := []string{w.Method}
		for _, name := range sorted {
			if value, ok := w.Scalars[name]; ok {
				row = append(row, fmt.Sprintf("%.3g", value))
			} else {
				row = append(row, "–")
			}
		}
		g.rows = append(g.rows, row)
	}
	return g
}

// plain prints the grid in lined-up columns.
func (g grid) plain(w io.Writer) error {
	widths := make([]int, len(g.head))
	for _, row := range append([][]string{g.head}, g.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var text strings.Builder
	text.WriteString(g.title + "\n")
	for _, row := range append([][]string{g.head}, g.rows...) {
		fmt.Fprintf(&text, "%-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			fmt.Fprintf(&text, "  %*s", widths[i+1], cell)
		}
		text.WriteString("\n")
	}
	_, err := fmt.Fprintln(w, text.String())
	return err
}

// markdown prints the grid as a Markdown table.
func (g grid) markdown(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "### %s\n\n| %s |\n|---|%s\n", g.title, strings.Join(g.head, " | "), strings.Repeat("---:|", len(g.head)-1))
	for _, row := range g.rows {
		fmt.Fprintf(&text, "| %s |\n", strings.Join(row, " | "))
	}
	_, err := fmt.Fprintln(w, text.String())
	return err
}

// saveResult writes what was found as results.json, and as table.md what table writes.
func saveResult(dir string, result any, table func(io.Writer) error) error {
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(dir, "results.json"), append(text, '\n')); err != nil {
		return err
	}
	var markdown bytes.Buffer
	if err := table(&markdown); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, "table.md"), markdown.Bytes())
}

// save writes results.json, table.md and recall.png.
func (r Result) save(dir string) error {
	if err := saveResult(dir, r, r.markdown); err != nil {
		return err
	}
	return r.draw(filepath.Join(dir, "recall.png"))
}

// markdown prints the tables, and below each direction its paired tests.
func (r Result) markdown(w io.Writer) error { return markdownTables(w, r.Sections, r.tables()) }

// markdownTables prints sections, each with its paired tests below it, and what else there is.
func markdownTables(w io.Writer, sections []Section, more []grid) error {
	for _, section := range sections {
		t := section.table()
		t.Title = "### " + t.Title
		if err := t.Markdown(w); err != nil {
			return err
		}
		fmt.Fprintln(w)
		for _, test := range section.Tests {
			for _, d := range test.Differences {
				if d.Metric == "R@1" {
					fmt.Fprintf(w, "- %s against %s, paired over all seeds: %v\n", test.Method, test.Against, d)
				}
			}
		}
		fmt.Fprintln(w)
	}
	for _, grid := range more {
		if err := grid.markdown(w); err != nil {
			return err
		}
	}
	return nil
}
