package terminal

import (
	"strings"
)

// Column says how a column of a Table is set.
type Column struct {
	Title   string
	Right   bool // numbers line up at their last digit
	Shorten bool // gives way when the table is wider than the terminal
}

// Table is rows below one another with their columns lined up.
type Table struct {
	Columns []Column
	rows    [][]string
	notes   map[int][]string // by the number of rows above
}

// Row adds a row; its cells are in the order of the columns. Cells are cleaned.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.Columns))
	for i, cell := range cells {
		row[i] = Clean(cell)
	}
	t.rows = append(t.rows, row)
}

// Note puts a line below the last row and its notes before. It is never shortened.
func (t *Table) Note(text string) {
	if t.notes == nil {
		t.notes = map[int][]string{}
	}
	t.notes[len(t.rows)] = append(t.notes[len(t.rows)], Clean(text))
}

const gap = "  "

// Write prints the table, titles first, within the terminal's width as far as shortening its columns allows.
func (t *Table) Write(to *Terminal) {
	widths := make([]int, len(t.Columns))
	for i, column := range t.Columns {
		widths[i] = Cells(column.Title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], Cells(row[i]))
		}
	}
	t.fit(widths, to.Width())

	var b strings.Builder
	titles := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		titles[i] = column.Title
	}
	b.WriteString(to.Paint(Dim, t.line(titles, widths)) + "\n")
	for i, row := range t.rows {
		b.WriteString(t.line(row, widths) + "\n")
		for _, note := range t.notes[i+1] {
			b.WriteString(gap + to.Paint(Dim, note) + "\n")
		}
	}
	to.Write([]byte(b.String()))
}

// fit takes cells from the widest column that may give way until the line fits or nothing is left to take.
func (t *Table) fit(widths []int, room int) {
	if room == 0 {
		return
	}
	const least = 12
	line := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		line += w
	}
	for ; line > room; line-- {
		widest := -1
		for i, column := range t.Columns {
			if column.Shorten && widths[i] > least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func (t *Table) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		cell = Shorten(cell, widths[i])
		space := strings.Repeat(" ", widths[i]-Cells(cell))
		if t.Columns[i].Right {
			cell = space + cell
		} else {
			cell += space
		}
		if i > 0 {
			b.WriteString(gap)
		}
		b.WriteString(cell)
	}
	return strings.TrimRight(b.String(), " ")
}
