package terminal

import (
	"strings"
	"testing"
	"time"
)

// clock returns a terminal whose time is moved by hand.
func clock(out *strings.Builder, columns int) (*Terminal, *time.Time) {
	now := time.Unix(0, 0)
	t := &Terminal{out: out, cells: func() int { return columns }, Live: columns > 0, now: func() time.Time { return now }}
	return t, &now
}

func TestBarElsewhereIsSparse(t *testing.T) {
	var out strings.Builder
	term, now := clock(&out, 0)
	bar := term.Bar("Adding")
	for i := range 40 {
		bar.Set(float64(i), 40, "")
		*now = now.Add(time.Second)
	}
	bar.Close()
	want := "Adding · 38 % · 25 s left\nAdding · 75 % · 10 s left\n"
	if out.String() != want {
		t.Errorf("wrote %q, want %q", out.String(), want)
	}
}

func TestBarLeavesOutWhatWasDoneBefore(t *testing.T) {
	var out strings.Builder
	term, now := clock(&out, 0)
	bar := term.Bar("Training")
	bar.Set(800, 1000, "")
	*now = now.Add(20 * time.Second)
	bar.Set(900, 1000, "")
	if want := "20 s left"; !strings.Contains(out.String(), want) {
		t.Errorf("a run resumed at 80 %% wrote %q, want %q in it", out.String(), want)
	}
}

func TestBarFitsTheTerminal(t *testing.T) {
	for _, columns := range []int{24, 50, 80} {
		var out strings.Builder
		term, now := clock(&out, columns)
		bar := term.Bar("Adding")
		bar.Set(1, 4, "a rather long file name.mp4\x1b[2J")
		*now = now.Add(10 * time.Second)
		bar.Set(2, 4, "a rather long file name.mp4\x1b[2J")
		line := out.String()[strings.LastIndex(out.String(), "\x1b[K")+3:]
		if Cells(line) >= columns {
			t.Errorf("%d columns: %q takes %d", columns, line, Cells(line))
		}
		if strings.ContainsRune(line, '\x1b') {
			t.Errorf("an escape sequence in a note went through: %q", line)
		}
	}
}

func TestTalkStandsAboveTheBar(t *testing.T) {
	var out strings.Builder
	term, _ := clock(&out, 80)
	bar := term.Bar("Adding")
	bar.Set(1, 2, "")
	term.Printf("refused: a.mp4\n")
	bar.Close()
	term.Printf("done\n")
	screen := replay(out.String())
	if want := "refused: a.mp4\ndone\n"; screen != want {
		t.Errorf("the screen shows %q, want %q", screen, want)
	}
}

// replay returns what a terminal shows in the end: a line is started again after \r\x1b[K.
func replay(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		lines[i] = line[strings.LastIndex(line, "\r\x1b[K")+1:]
		lines[i] = strings.TrimPrefix(lines[i], "\x1b[K")
	}
	return strings.Join(lines, "")
}

func TestTableLinesUp(t *testing.T) {
	var out strings.Builder
	term, _ := clock(&out, 40)
	table := Table{Columns: []Column{{Title: "#", Right: true}, {Title: "video", Shorten: true}, {Title: "s"}}}
	table.Row("1", "猫が箱に入る.mp4", "0:01.0")
	table.Row("10", "/home/someone/videos/a/long/way/down/to/it.mp4", "0:02.0")
	table.Row("11", "two\nlines", "0:03.0")
	table.Write(term)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines, want 4:\n%s", len(lines), out.String())
	}
	for _, line := range lines[1:] {
		if before, _, found := strings.Cut(line, "0:0"); !found || Cells(before) != 34 {
			t.Errorf("the last column does not start at column 34: %q", line)
		}
	}
	if !strings.Contains(lines[3], `two\nlines`) {
		t.Errorf("a line break in a cell went through: %q", lines[3])
	}
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		Bytes(0):                           "0 B",
		Bytes(999):                         "999 B",
		Bytes(999_600):                     "1.0 MB",
		Bytes(1_540_000):                   "1.5 MB",
		Bytes(23_400_000_000):              "23 GB",
		Duration(400 * time.Millisecond):   "0.4 s",
		Duration(59700 * time.Millisecond): "1 min 00 s",
		Duration(200 * time.Second):        "3 min 20 s",
		Duration(312 * time.Minute):        "5 h 12 min",
		Duration(76 * time.Hour):           "3 d 4 h",
		Count(1, "video", "videos"):        "1 video",
		Count(12400, "video", "videos"):    "12,400 videos",
		Thousands(-1234567):                "-1,234,567",
		Thousands(-123):                    "-123",
		Shorten("abcdefghij", 5):           "ab…ij",
		Shorten("abc", 3):                  "abc",
		Clean("a\x1b[31mb\u202ec"):         `a\x1b[31mb\u202ec`,
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
