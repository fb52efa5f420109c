package terminal

import (
	"fmt"
	"strings"
	"time"
)

// How often a bar is drawn on a terminal, and written elsewhere.
const (
	redraw    = 100 * time.Millisecond
	sparsely  = 15 * time.Second
	patience  = 2 * time.Second // before a time left is believed
	barCells  = 24
	maxFilled = barCells * 2 // in half cells
)

// Bar shows how far a piece of work has come and how long it will still take. On a terminal it is one line that is drawn
// again and again and is gone when the work is done; elsewhere it is a plain line now and then. It is safe for
// concurrent use; one bar at a time is on a terminal.
type Bar struct {
	terminal *Terminal
	label    string
	started  time.Time
	first    float64 // share that was done before the work began
	moved    bool    // Set was called

	done, total float64
	note        string
	at          time.Time // of the last Set
	shown       time.Time // when the bar was last drawn or written
}

// Bar starts a bar. The caller ends it with Close.
func (t *Terminal) Bar(label string) *Bar {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	b := &Bar{terminal: t, label: label, started: t.now()}
	b.at, b.shown = b.started, b.started
	if t.Live {
		b.shown = time.Time{}
		t.bar = b
	}
	return b
}

// Set says how much is done, in any unit; total 0 means that nobody knows how much there is. The note stands behind the
// bar. What was done by the first call is not counted as work of this run.
func (b *Bar) Set(done, total float64, note string) {
	b.terminal.mutex.Lock()
	defer b.terminal.mutex.Unlock()
	b.done, b.total, b.note, b.at = done, total, note, b.terminal.now()
	if !b.moved {
		b.moved, b.first = true, b.share()
	}
	every := sparsely
	if b.terminal.Live {
		every = redraw
	}
	if b.at.Sub(b.shown) < every {
		return
	}
	b.shown = b.at
	if b.terminal.Live {
		b.draw()
	} else {
		fmt.Fprintln(b.terminal.out, strings.Join(append([]string{b.label}, b.facts()...), " · "))
	}
}

// Close ends the bar: it is wiped off the terminal.
func (b *Bar) Close() {
	b.terminal.mutex.Lock()
	defer b.terminal.mutex.Unlock()
	if b.terminal.bar == b {
		b.erase()
		b.terminal.bar = nil
	}
}

func (b *Bar) share() float64 {
	if b.total <= 0 {
		return 0
	}
	return min(max(b.done/b.total, 0), 1)
}

// left returns how long the rest will take at the pace so far, and false while that cannot be said.
func (b *Bar) left() (time.Duration, bool) {
	elapsed, share := b.at.Sub(b.started), b.share()
	if elapsed < patience || share <= b.first || share >= 1 {
		return 0, false
	}
	return time.Duration(float64(elapsed) * (1 - share) / (share - b.first)), true
}

// facts returns what the bar has to say, apart from its label.
func (b *Bar) facts() []string {
	var facts []string
	if b.total > 0 {
		facts = append(facts, fmt.Sprintf("%.0f %%", 100*b.share()))
	}
	if b.note != "" {
		facts = append(facts, Clean(b.note))
	}
	if left, ok := b.left(); ok {
		facts = append(facts, Duration(left)+" left")
	}
	return facts
}

// draw puts the bar on the terminal. The caller holds the mutex, as of erase.
func (b *Bar) draw() {
	t := b.terminal
	var gauge string
	if b.total > 0 {
		filled := int(b.share()*maxFilled + 0.5)
		full := strings.Repeat("━", filled/2) + strings.Repeat("╸", filled%2)
		gauge = t.Paint(Green, full) + t.Paint(Dim, strings.Repeat("─", barCells-(filled+1)/2)) + " "
	}
	room := t.cells() - 1 - Cells(b.label) - 1
	if gauge != "" {
		room -= barCells + 1
	}
	facts := strings.Join(b.facts(), " · ")
	if room < Cells(facts) && gauge != "" { // a narrow terminal has room for the facts alone
		gauge, room = "", room+barCells+1
	}
	fmt.Fprintf(t.out, "\r\x1b[K%s %s%s", t.Paint(Bold, b.label), gauge, Shorten(facts, max(room, 1)))
}

func (b *Bar) erase() { fmt.Fprint(b.terminal.out, "\r\x1b[K") }
