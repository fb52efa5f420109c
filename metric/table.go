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

func (t Table) head() []string {
	var head []string
	for _, recall := range t.Rows[0].Summary.Recall {
		head = append(head, fmt.Sprintf("R@%d", recall.K))
	}
	return append(head, "MdR", "MnR")
}

// cells returns the row's numbers and margins in the order of head.
func (t Table) cells(row Row) (values, margins []string) {
	estimates := make([]*Estimate, 0, 8)
	for _, recall := range t.Rows[0].Summary.Recall {
		if estimate, ok := row.Summary.At(recall.K); ok {
			estimates = append(estimates, &estimate)
		} else {
			estimates = append(estimates, nil)
		}
	}
	for _, estimate := range append(estimates, &row.Summary.MedianRank, &row.Summary.MeanRank) {
		switch {
		case estimate == nil:
			values, margins = append(values, "–"), append(margins, "")
		case estimate.Interval == nil:
			values, margins = append(values, fmt.Sprintf("%.1f", estimate.Value)), append(margins, "")
		default:
			values, margins = append(values, fmt.Sprintf("%.1f", estimate.Value)), append(margins, fmt.Sprintf(" ±%.1f", estimate.Margin()))
		}
	}
	return values, margins
}

// Write prints the table in lined-up columns when it fits width columns of a terminal, and else each run as a name with
// its numbers below it. Width 0 means unlimited.
func (t Table) Write(w io.Writer, width int) error {
	if len(t.Rows) == 0 {
		return nil
	}
	lines := t.wide()
	for _, line := range lines {
		if width > 0 && utf8.RuneCountInString(line) > width {
			lines = t.narrow()
			break
		}
	}
	if t.Title != "" {
		lines = append([]string{t.Title}, lines...)
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// wide lays the runs out as rows; values are right-aligned and margins left-aligned, so decimal points meet.
func (t Table) wide() []string {
	head := t.head()
	nameWidth := 0
	valueWidth, marginWidth := make([]int, len(head)), make([]int, len(head))
	for i, name := range head {
		valueWidth[i] = len(name)
	}
	for _, row := range t.Rows {
		nameWidth = max(nameWidth, utf8.RuneCountInString(row.Name))
		values, margins := t.cells(row)
		for i := range head {
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
	lines := []string{line("", head, nil)}
	for _, row := range t.Rows {
		values, margins := t.cells(row)
		lines = append(lines, line(row.Name, values, margins))
	}
	return lines
}

// narrow lays each run out as a block.
func (t Table) narrow() []string {
	var lines []string
	head := t.head()
	for _, row := range t.Rows {
		lines = append(lines, row.Name)
		values, margins := t.cells(row)
		for i, name := range head {
			lines = append(lines, fmt.Sprintf("  %-5s %6s%s", name, values[i], margins[i]))
		}
	}
	return lines
}

// Markdown prints the table as a Markdown table.
func (t Table) Markdown(w io.Writer) error {
	if len(t.Rows) == 0 {
		return nil
	}
	var b strings.Builder
	if t.Title != "" {
		fmt.Fprintf(&b, "%s\n\n", t.Title)
	}
	head := t.head()
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(head, " | "), strings.Repeat("---:|", len(head)))
	for _, row := range t.Rows {
		values, margins := t.cells(row)
		fmt.Fprintf(&b, "| %s |", strings.ReplaceAll(row.Name, "|", `\|`))
		for i := range values {
			fmt.Fprintf(&b, " %s%s |", values[i], margins[i])
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
