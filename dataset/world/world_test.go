package world

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sightline"
)

// TestSheet writes contact sheets to the folder named by SIGHTLINE_SHEETS, to be looked at.
func TestSheet(t *testing.T) {
	dir := os.Getenv("SIGHTLINE_SHEETS")
	if dir == "" {
		t.Skip("SIGHTLINE_SHEETS names no folder")
	}
	write := func(name string, rows []Row) {
		file, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := Sheet(file, rows, 2); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []Domain{A, B} {
		var rows []Row
		for _, clip := range New(d, Options{Seed: 1, Extent: Extent{Test: 10}, Rho: 0.75}).Clips[Test] {
			rows = append(rows, Row{clip.Frames(8), clip.Captions[0].Text + "\n" + clip.Captions[1].Text})
		}
		write("domain-"+d.String()+".png", rows)
	}
	var rows []Row
	for i := range 10 {
		row := Row{}
		for k := range 8 {
			s := StillAt(1, 8*i+k, StillOptions{})
			row.Frames = append(row.Frames, s.Frame)
			row.Text += s.Caption.Text + " | "
		}
		rows = append(rows, row)
	}
	write("stills.png", rows)
	rows = nil
	c := New(A, Options{Seed: 1, Extent: Extent{Moments: [3]int{2}, Tasks: [3]int{2}}, Rho: 0.75})
	for _, f := range slices.Concat(c.Moments[Train], c.Tasks[Train]) {
		row := Row{Text: f.ID + " " + f.Task + "\n"}
		for frame := range f.Frames() {
			if n := int(frame.Time * FPS); n%(f.Length()/16+1) == 0 {
				row.Frames = append(row.Frames, frame)
			}
		}
		for _, q := range f.Queries {
			row.Text += fmt.Sprintf("%s %.1f-%.1f %s\n", q.Kind, q.Start, q.End, q.Text)
		}
		for _, cue := range f.Cues {
			row.Text += fmt.Sprintf("said %.1f-%.1f %s\n", cue.Start, cue.End, cue.Text)
		}
		rows = append(rows, row)
	}
	write("films.png", rows)
	rows = nil
	for _, l := range looks {
		for _, large := range []Size{Large, Small} {
			var frames []sightline.Frame
			for k := range AllKinds {
				p := Place(k % Places)
				c := Colour(k % AllColours)
				for clash(c, p) {
					c = (c + 1) % AllColours
				}
				f := Facts{Objects: []Object{{Kind: Kind(k), Colour: c, Size: large, Motion: Rest}}, Place: p}
				s := newScene(7, uint64(k), uint64(k), f, l)
				frames = append(frames, s.Draw(0.5, 0))
			}
			rows = append(rows, Row{frames[:9], ""}, Row{frames[9:], ""})
		}
	}
	write("kinds.png", rows)
	rows = nil
	for _, l := range looks {
		var frames []sightline.Frame
		for p := range AllPlaces {
			s := newScene(7, uint64(p), uint64(p), Facts{Place: Place(p)}, l)
			frames = append(frames, s.Draw(0.5, 0))
		}
		rows = append(rows, Row{frames, ""})
	}
	write("places.png", rows)
}

func BenchmarkStill(b *testing.B) {
	for i := range b.N {
		StillAt(1, i, StillOptions{})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "stills/s")
}

func BenchmarkClip(b *testing.B) {
	clips := New(A, Options{Seed: 1, Extent: Extent{Train: 500}, Rho: 1}).Clips[Train]
	for b.Loop() {
		for _, c := range clips {
			c.Frames(8)
		}
	}
	b.ReportMetric(float64(b.N*len(clips)*8)/b.Elapsed().Seconds(), "frames/s")
}

// TestPixelsAndFactsArePinned pins facts, captions and pixels of every stream: they must be the same on every machine, and a
// change of them must come with a new Version.
func TestPixelsAndFactsArePinned(t *testing.T) {
	sum := sha256.New()
	for _, d := range []Domain{A, B} {
		c := New(d, Options{Seed: 7, Rho: 0.75, Extent: Extent{
			Train: 30, Val: 5, Test: 10, Moments: [3]int{2}, Tasks: [3]int{2},
		}})
		for _, f := range slices.Concat(c.Moments[Train], c.Tasks[Train]) {
			text, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			sum.Write(text)
			for frame := range f.Frames() {
				if int(frame.Time*FPS)%16 == 0 {
					sum.Write(frame.RGB)
				}
			}
		}
		for _, clips := range c.Clips {
			for _, clip := range clips {
				fmt.Fprintln(sum, clip.ID, clip.Facts, clip.Duration, clip.Captions)
				for _, f := range clip.Frames(8) {
					sum.Write(f.RGB)
				}
			}
		}
	}
	for _, still := range Stills(7, 100, StillOptions{}) {
		fmt.Fprintln(sum, still.Facts, still.Caption)
		sum.Write(still.Frame.RGB)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "pixels.sha256"))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != strings.TrimSpace(string(want)) {
		t.Errorf("version %d drew %s, want %s", Version, got, want)
	}
}

func TestItemsDoNotDependOnOthers(t *testing.T) {
	small := New(A, Options{Seed: 3, Extent: Extent{Train: 10, Val: 5, Test: 5}, Rho: 0.55})
	large := New(A, Options{Seed: 3, Extent: Extent{Train: 200, Val: 5, Test: 5}, Rho: 1})
	for i, clip := range small.Clips[Test] {
		other := large.Clips[Test][i]
		if !reflect.DeepEqual(clip.Facts, other.Facts) || !reflect.DeepEqual(clip.Frames(2), other.Frames(2)) {
			t.Errorf("%s changed with the size of the world or with rho", clip.ID)
		}
	}
	if a, b := StillAt(5, 40, StillOptions{}), StillAt(5, 40, StillOptions{}); !reflect.DeepEqual(a, b) {
		t.Error("still 40 differs from itself")
	}
}

func TestSplitsShareNoFacts(t *testing.T) {
	c := New(B, Options{Seed: 1, Extent: Extent{Train: 2000, Val: 200, Test: 400}, Rho: 1})
	exact, still := map[uint64]string{}, map[uint64]Split{}
	for split, clips := range c.Clips {
		for _, clip := range clips {
			if other, ok := exact[clip.Facts.key(true)]; ok {
				t.Errorf("%s repeats the facts of %s", clip.ID, other)
			}
			exact[clip.Facts.key(true)] = clip.ID
			if other, ok := still[clip.Facts.key(false)]; ok && other != Split(split) {
				t.Errorf("%s repeats a clip of %v but for motion", clip.ID, other)
			}
			still[clip.Facts.key(false)] = Split(split)
		}
	}
	if c.SameButMotion == 0 {
		t.Error("no candidate was dropped for repeating another split but for motion; the count cannot be right")
	}
}

func TestCaptionsStateTheirShare(t *testing.T) {
	for _, rho := range []float64{0.55, 0.75, 1} {
		c := New(A, Options{Seed: 1, Extent: Extent{Train: 1000}, Rho: rho})
		stated, all := 0, 0
		for _, clip := range c.Clips[Train] {
			for _, caption := range clip.Captions {
				all += clip.Facts.Count()
				stated += caption.count()
				if n := caption.count(); n == 0 {
					t.Fatalf("%s: %q states nothing", clip.ID, caption.Text)
				}
			}
		}
		if got := float64(stated) / float64(all); math.Abs(got-rho) > 0.01 {
			t.Errorf("captions state %.3f of the facts, want %.2f", got, rho)
		}
	}
}

func (c Caption) count() int {
	n := 0
	for _, o := range c.Objects {
		for _, v := range []int{o.Kind, o.Colour, o.Size, o.Motion} {
			if v >= 0 {
				n++
			}
		}
	}
	if c.Place >= 0 {
		n++
	}
	if c.Camera >= 0 {
		n++
	}
	return n
}

func TestLeftOut(t *testing.T) {
	f := Facts{
		Objects: []Object{{Ball, Red, Small, Left}, {Car, Blue, Large, Rest}},
		Place:   Sea, Camera: Zoom,
	}
	for _, c := range []struct {
		caption Caption
		want    []string
	}{
		{Caption{Objects: []Stated{{int(Ball), int(Red), int(Small), int(Left)}, {int(Car), int(Blue), int(Large), int(Rest)}}, Place: int(Sea), Camera: int(Zoom)}, nil},
		{Caption{Objects: []Stated{{int(Car), int(Blue), int(Large), -1}, {int(Ball), -1, int(Small), int(Left)}}, Place: -1, Camera: int(Zoom)},
			[]string{"the ball is red", "the car is resting", "it is at sea"}},
		{Caption{Objects: []Stated{{int(Car), int(Blue), int(Large), int(Rest)}}, Place: int(Sea), Camera: -1},
			[]string{"there is a ball", "the ball is red", "the ball is small", "the ball is moving left", "the camera is zooming in"}},
	} {
		if got := c.caption.LeftOut(f); !slices.Equal(got, c.want) {
			t.Errorf("%+v leaves out %q, want %q", c.caption, got, c.want)
		}
	}
	// Every caption of a world leaves out what it does not state, however little that is.
	for _, clip := range New(A, Options{Seed: 1, Extent: Extent{Train: 300}, Rho: 0.75}).Clips[Train] {
		for _, rho := range []float64{0.25, 0.75, 1} {
			for _, caption := range clip.Restate(rho) {
				left, stated := len(caption.LeftOut(clip.Facts)), 0
				for _, o := range append(caption.Objects, Stated{-1, -1, caption.Place, caption.Camera}) {
					for _, fact := range []int{o.Kind, o.Colour, o.Size, o.Motion} {
						if fact >= 0 {
							stated++
						}
					}
				}
				if left+stated != clip.Facts.Count() {
					t.Errorf("%q states %d and leaves out %d of the facts %v", caption.Text, stated, left, clip.Facts)
				}
			}
		}
		if again := clip.Restate(0.75); !reflect.DeepEqual(again, clip.Captions) {
			t.Errorf("%s restated: %v", clip.ID, again)
		}
	}
}

func TestDomainsWordThemselvesApart(t *testing.T) {
	onlyA := func(words [3]string) bool { return words[0] != words[1] && words[1] != words[2] }
	for _, words := range slices.Concat(kindWords[:], colourWords[:], sizeWords[:], placePhrases[:]) {
		if !onlyA(words) {
			t.Errorf("wordings %q repeat", words)
		}
	}
	count := map[string][2]int{}
	for _, d := range []Domain{A, B} {
		for _, clip := range New(d, Options{Seed: 1, Extent: Extent{Train: 500}, Rho: 1}).Clips[Train] {
			for _, caption := range clip.Captions {
				for _, w := range ContentOf(caption.Text) {
					n := count[contentWords[w]]
					n[d]++
					count[contentWords[w]] = n
				}
			}
		}
	}
	for k := range Kinds {
		if n := count[kindWords[k][0]]; n[A] == 0 || n[B] != 0 {
			t.Errorf("%q: %d times in A, %d in B", kindWords[k][0], n[A], n[B])
		}
		if n := count[kindWords[k][1]]; n[A] == 0 || n[B] == 0 {
			t.Errorf("%q: %d times in A, %d in B", kindWords[k][1], n[A], n[B])
		}
		if n := count[kindWords[k][2]]; n[A] != 0 || n[B] == 0 {
			t.Errorf("%q: %d times in A, %d in B", kindWords[k][2], n[A], n[B])
		}
	}
	for _, labels := range Foreign() {
		for _, label := range labels {
			if n := count[label]; n != [2]int{} {
				t.Errorf("foreign label %q is stated %d times", label, n)
			}
		}
	}
}

func TestStillsShowEveryWord(t *testing.T) {
	seen := make([]int, len(contentWords))
	for i := range uint64(20000) {
		for _, w := range describeStill(source(1, stillStream, i), StillOptions{}).Words {
			seen[w]++
		}
	}
	for w, n := range seen {
		if n < 10 {
			t.Errorf("%q is said %d times in 20,000 stills", contentWords[w], n)
		}
	}
}
