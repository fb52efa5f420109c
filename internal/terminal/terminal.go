// Package terminal is how the program looks to a person: colours, progress bars with the time left, lined-up tables, and
// numbers as people say them. It serves the command line alone and knows nothing of videos.
//
// Start at Of, which finds out whether a stream is a terminal at all: bars and colours appear only where somebody
// watches, a log file gets plain lines and few of them. The package reads no keys and keeps no state but the bar that is
// on the screen.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

// Terminal is a stream that people read. It is safe for concurrent use.
type Terminal struct {
	Live   bool // a terminal: lines can be drawn again
	Colour bool // a terminal, and neither NO_COLOR nor TERM=dumb asks for plain text

	mutex sync.Mutex
	out   io.Writer
	cells func() int
	now   func() time.Time
	bar   *Bar // on the screen, or nil
}

// Of returns the terminal behind a file, whatever the file is.
func Of(file *os.File) *Terminal {
	t := &Terminal{out: file, cells: func() int { return 0 }, now: time.Now}
	if term.IsTerminal(int(file.Fd())) {
		t.Live = os.Getenv("TERM") != "dumb"
		t.Colour = t.Live && os.Getenv("NO_COLOR") == ""
		t.cells = func() int {
			columns, _, err := term.GetSize(int(file.Fd()))
			if err != nil || columns < 20 {
				return 80
			}
			return columns
		}
	}
	return t
}

// Plain returns a terminal that is none: no bars, no colours, no width.
func Plain(w io.Writer) *Terminal {
	return &Terminal{out: w, cells: func() int { return 0 }, now: time.Now}
}

// Width returns the columns of the terminal, or 0 where nothing bounds a line.
func (t *Terminal) Width() int { return t.cells() }

// Write writes text as it is, above the bar if one is on the screen.
func (t *Terminal) Write(text []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.bar == nil {
		return t.out.Write(text)
	}
	t.bar.erase()
	n, err := t.out.Write(text)
	t.bar.draw()
	return n, err
}

// Printf writes formatted text.
func (t *Terminal) Printf(format string, args ...any) { fmt.Fprintf(t, format, args...) }

// Style is a way to set text off.
type Style string

// The styles, as ANSI codes.
const (
	Bold   Style = "1"
	Dim    Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
)

// Paint returns text in a style, or as it is where colours are not wanted.
func (t *Terminal) Paint(style Style, text string) string {
	if !t.Colour || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

// Clean makes text that comes from elsewhere (file names, captions) safe to print on one line: control characters, which
// could move the cursor or rewrite what stands there, are written as Go escapes.
func Clean(text string) string {
	if strings.IndexFunc(text, unprintable) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unprintable(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool {
	const joiner = 0x200d // of emoji
	return r == unicode.ReplacementChar || unicode.IsControl(r) || r != joiner && unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Cells returns how many columns text takes: East Asian wide characters take two, combining marks none.
func Cells(text string) int {
	cells := 0
	for _, r := range text {
		cells += cellsOf(r)
	}
	return cells
}

func cellsOf(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Shorten returns text in at most n columns, with … in the middle where something was left out: both ends of a path say
// the most.
func Shorten(text string, n int) string {
	if Cells(text) <= n {
		return text
	}
	if n < 3 {
		return "…"
	}
	runes := []rune(text)
	head, used := 0, 1
	for used+cellsOf(runes[head]) <= (n+1)/2 {
		used += cellsOf(runes[head])
		head++
	}
	tail := len(runes)
	for used+cellsOf(runes[tail-1]) <= n {
		tail--
		used += cellsOf(runes[tail])
	}
	return string(runes[:head]) + "…" + string(runes[tail:])
}
