package metric

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Table prints runs below one another: R@K, median and mean rank, each with its margin when it has one. Rows for chance
// and for an oracle belong in it like any run, so that a reader sees what was attainable. All rows must have the cut-offs
// of the first; a number a row lacks prints as "–".
type Table struct {
	Title string // printed above; may be empty
	Rows  []Row
}

// Row is a run of a Table.
type Row struct {
	Name    string
	Summary Summary
}

// grid lays the table's numbers out.
func (t Table) grid() Grid {
	grid := Grid{Title: t.Title, Decimals: 1}
	if len(t.Rows) == 0 {
		return grid
	}
	cuts := t.Rows[0].Summary.Recall
	for _, recall := range cuts {
		grid.Head = append(grid.Head, fmt.Sprintf("R@%d", recall.K))
	}
	grid.Head = append(grid.Head, "MdR", "MnR")
	for _, row := range t.Rows {
		line := Line{Name: row.Name}
		for _, recall := range cuts {
			if estimate, ok := row.Summary.At(recall.K); ok {
				line.Cells = append(line.Cells, &estimate)
			} else {
				line.Cells = append(line.Cells, nil)
			}
		}
		line.Cells = append(line.Cells, &row.Summary.MedianRank, &row.Summary.MeanRank)
		grid.Lines = append(grid.Lines, line)
	}
	return grid
}

// Write prints the table in lined-up columns when it fits width columns of a terminal, and else each run as a name with
// its numbers below it. Width 0 means unlimited.
func (t Table) Write(w io.Writer, width int) error { return t.grid().Write(w, width) }

// Markdown prints the table as a Markdown table.
func (t Table) Markdown(w io.Writer) error { return t.grid().Markdown(w) }

// Grid prints lines of numbers below one another, each with its margin when it has one.
type Grid struct {
	Title    string // printed above; may be empty
	Decimals int
	Head     []string // one for each cell of a line
	Lines    []Line
}

// Line is a line of a Grid; a nil cell prints as "–".
type Line struct {
	Name  string
	Cells []*Estimate
}

// cells returns the line's numbers and margins in the order of Head.
func (g Grid) cells(line Line) (values, margins []string) {
	for _, estimate := range line.Cells {
		value, margin := "–", ""
		if estimate != nil {
			value = fmt.Sprintf("%.*f", g.Decimals, estimate.Value)
			if estimate.Interval != nil {
				margin = fmt.Sprintf(" ±%.*f", g.Decimals, estimate.Margin())
			}
		}
		values, margins = append(values, value), append(margins, margin)
	}
	return values, margins
}

// Write prints the grid in lined-up columns when it fits width columns of a terminal, and else each line as a name with
// its numbers below it. Width 0 means unlimited.
func (g Grid) Write(w io.Writer, width int) error {
	if len(g.Lines) == 0 {
		return nil
	}
	lines := g.wide()
	for _, line := range lines {
		if width > 0 && utf8.RuneCountInString(line) > width {
			lines = g.narrow()
			break
		}
	}
	if g.Title != "" {
		lines = append([]string{g.Title}, lines...)
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// wide lays the lines out as rows; values are right-aligned and margins left-aligned, so decimal points meet.
func (g Grid) wide() []string {
	nameWidth := 0
	valueWidth, marginWidth := make([]int, len(g.Head)), make([]int, len(g.Head))
	for i, name := range g.Head {
		valueWidth[i] = len(name)
	}
	for _, line := range g.Lines {
		nameWidth = max(nameWidth, utf8.RuneCountInString(line.Name))
		values, margins := g.cells(line)
		for i := range g.Head {
			valueWidth[i] = max(valueWidth[i], utf8.RuneCountInString(values[i]))
			marginWidth[i] = max(marginWidth[i], utf8.RuneCountInString(margins[i]))
		}
	}
	line := func(name string, values, margins []string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "%-*s", nameWidth, name)
		for i := range values {
			margin := ""
			if margins != nil {
				margin = margins[i]
			}
			fmt.Fprintf(&b, "  %*s%-*s", valueWidth[i], values[i], marginWidth[i], margin)
		}
		return strings.TrimRight(b.String(), " ")
	}
	lines := []string{line("", g.Head, nil)}
	for _, l := range g.Lines {
		values, margins := g.cells(l)
		lines = append(lines, line(l.Name, values, margins))
	}
	return lines
}

// narrow lays each line out as a block.
func (g Grid) narrow() []string {
	var lines []string
	nameWidth := 5
	for _, name := range g.Head {
		nameWidth = max(nameWidth, len(name))
	}
	for _, l := range g.Lines {
		lines = append(lines, l.Name)
		values, margins := g.cells(l)
		for i, name := range g.Head {
			lines = append(lines, fmt.Sprintf("  %-*s %6s%s", nameWidth, name, values[i], margins[i]))
		}
	}
	return lines
}

// Markdown prints the grid as a Markdown table.
func (g Grid) Markdown(w io.Writer) error {
	if len(g.Lines) == 0 {
		return nil
	}
	var b strings.Builder
	if g.Title != "" {
		fmt.Fprintf(&b, "%s\n\n", g.Title)
	}
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(g.Head, " | "), strings.Repeat("---:|", len(g.Head)))
	for _, line := range g.Lines {
		values, margins := g.cells(line)
		fmt.Fprintf(&b, "| %s |", strings.ReplaceAll(line.Name, "|", `\|`))
		for i := range values {
			fmt.Fprintf(&b, " %s%s |", values[i], margins[i])
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
