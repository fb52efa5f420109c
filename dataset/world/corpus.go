package world

import (
	"fmt"
	"slices"

	"sightline"
	"sightline/dataset"
)

// Domain is a corpus with a look and a wording of its own.
type Domain uint8

// The domains.
const (
	A Domain = iota
	B
)

// String returns "A" or "B".
func (d Domain) String() string { return string('A' + rune(d)) }

// Split is a part of a domain.
type Split uint8

// The splits.
const (
	Train Split = iota
	Val
	Test
)

// String returns "train", "val" or "test".
func (s Split) String() string { return [...]string{"train", "val", "test"}[s] }

// Extent is how large a world is.
type Extent struct {
	Name             string
	Train, Val, Test int    // retrieval clips of a domain in each split
	Moments          [3]int // films of timed events, train, val, test
	Tasks            [3]int // films of scripted tasks, train, val, test
	Stills           int    // for the encoder
}

// Extents are the sizes of the world, smallest first.
var Extents = []Extent{
	{"demo", 400, 60, 200, [3]int{24, 8, 16}, [3]int{16, 8, 16}, 30_000},
	{"small", 2_400, 300, 500, [3]int{160, 30, 60}, [3]int{64, 16, 32}, 30_000},
	{"base", 6_000, 500, 1_000, [3]int{400, 60, 120}, [3]int{128, 32, 64}, 60_000},
	{"large", 10_000, 1_000, 1_000, [3]int{800, 100, 200}, [3]int{256, 64, 128}, 150_000},
}

// ExtentOf returns the size with the given name.
func ExtentOf(name string) (Extent, error) {
	for _, e := range Extents {
		if e.Name == name {
			return e, nil
		}
	}
	return Extent{}, &sightline.Error{
		Kind: sightline.Usage,
		What: fmt.Sprintf("world size %q", name),
		Err:  fmt.Errorf("no such size"),
		Try:  "one of demo, small, base, large",
	}
}

// CaptionsPerClip is how many captions a clip has.
const CaptionsPerClip = 5

// Clip is one retrieval video: a single event with its captions.
type Clip struct {
	ID       string    `json:"id"`
	Facts    Facts     `json:"facts"`
	Duration float64   `json:"duration"` // seconds, a whole number of frames
	Captions []Caption `json:"captions"`

	domain     Domain
	seed, item uint64
}

// Options say which corpus to make. The zero values of Extent and Rho are not valid; DefaultRho is the usual share.
type Options struct {
	Seed   uint64
	Extent Extent
	Rho    float64 // share of the facts that captions state, in (0, 1]
}

// DefaultRho is the share of the facts that captions state unless told otherwise.
const DefaultRho = 0.75

// Corpus is one domain: its clips and films by split, and how many candidates were dropped for repeating others.
type Corpus struct {
	Domain  Domain
	Options Options
	Clips   [3][]Clip
	Moments [3][]Film
	Tasks   [3][]Film

	SameFacts     int // candidates for a clip whose facts another clip has already
	SameButMotion int // candidates that differ from one of another split in nothing but motion
}

// New draws a domain. No two clips have the same facts, and no clip or event of a film repeats facts of another split with
// nothing but the motion changed. Facts and pixels do not depend on Rho. The test split is drawn first, so it does not
// depend on how large the others are.
func New(d Domain, o Options) Corpus {
	c := Corpus{Domain: d, Options: o}
	clips := map[uint64]bool{}  // facts of the clips
	owner := map[uint64]Split{} // which split has the facts, motion apart
	taken := func(s Split, f Facts) bool {
		other, seen := owner[f.key(false)]
		return seen && other != s
	}
	item := uint64(d) << 40 // even, so that pairs stay whole
	film := uint64(d) << 40
	want := [3]int{o.Extent.Train, o.Extent.Val, o.Extent.Test}
	for _, split := range []Split{Test, Val, Train} {
		for len(c.Clips[split]) < want[split] {
			f := clipFacts(o.Seed, item)
			item++
			if clips[f.key(true)] {
				c.SameFacts++
				continue
			}
			if taken(split, f) {
				c.SameButMotion++
				continue
			}
			clips[f.key(true)], owner[f.key(false)] = true, split
			clip := Clip{
				ID:    fmt.Sprintf("%v-%v-%05d", d, split, len(c.Clips[split])),
				Facts: f, domain: d, seed: o.Seed, item: item - 1,
			}
			// Two to four seconds, in whole frames.
			clip.Duration = float64(2*FPS+source(o.Seed, durationStream, clip.item).IntN(2*FPS+1)) / FPS
			clip.caption(o.Rho)
			c.Clips[split] = append(c.Clips[split], clip)
		}
		add := func(films *[]Film, n int, name string, draw func(seed, item uint64, d Domain, rho float64) Film) {
			for len(*films) < n {
				f := draw(o.Seed, film, d, o.Rho)
				film++
				if slices.ContainsFunc(f.Events, func(e Event) bool { return taken(split, e.Facts) }) {
					c.SameButMotion++
					continue
				}
				for _, e := range f.Events {
					owner[e.Facts.key(false)] = split
				}
				f.ID = fmt.Sprintf("%v-%v-%s-%04d", d, split, name, len(*films))
				*films = append(*films, f)
			}
		}
		add(&c.Moments[split], o.Extent.Moments[split], "moments", drawMoments)
		add(&c.Tasks[split], o.Extent.Tasks[split], "task", drawTask)
	}
	return c
}

// clipFacts draws the facts of a candidate. Candidates come in pairs, and in half of the pairs the second is the twin of the
// first: the same but for the motion of one object, reversed where it has a direction. Twins look alike in every frame, so
// a matcher that does not see order or motion confuses them.
func clipFacts(seed, item uint64) Facts {
	pair := source(seed, factStream, item/2)
	first := drawFacts(pair, 1+pair.IntN(2), Kinds, Colours, Places)
	twins := pair.IntN(2) == 0
	switch {
	case item%2 == 0:
		return first
	case twins:
		o := &first.Objects[pair.IntN(len(first.Objects))]
		if o.Motion <= Down {
			o.Motion ^= 1 // Left and Right, Up and Down
		} else {
			o.Motion = (o.Motion + Motion(1+pair.IntN(Motions-1))) % Motions
		}
		return first
	}
	return drawFacts(pair, 1+pair.IntN(2), Kinds, Colours, Places)
}

func (c *Clip) caption(rho float64) {
	for k := range CaptionsPerClip {
		r := source(c.seed, captionStream, c.item*CaptionsPerClip+uint64(k))
		caption := choose(r, c.Facts, rho)
		caption.write(r, wordings[c.domain])
		c.Captions = append(c.Captions, caption)
	}
}

// Restate returns the captions that the clip has in a world whose captions state another share rho of the facts.
func (c Clip) Restate(rho float64) []Caption {
	c.Captions = nil
	c.caption(rho)
	return c.Captions
}

// Scene places the clip's facts on the screen.
func (c Clip) Scene() *Scene {
	return newScene(c.seed, c.item, c.item, c.Facts, domainLook(source(c.seed, lookStream, c.item), c.domain))
}

// Frames returns n pictures straight from the facts, at the times at which uniform sampling of the clip's file takes
// them: the file's frame that is showing at the middle of each of n equal parts.
func (c Clip) Frames(n int) []sightline.Frame {
	s := c.Scene()
	frames := make([]sightline.Frame, n)
	for i := range frames {
		frames[i] = c.frame(s, int((float64(i)+0.5)/float64(n)*float64(c.Length())))
	}
	return frames
}

// Length returns how many frames the clip's file has.
func (c Clip) Length() int { return int(c.Duration * FPS) }

// frame draws the file's frame with the given number.
func (c Clip) frame(s *Scene, number int) sightline.Frame {
	return s.Draw(float64(number)/float64(c.Length()-1), float64(number)/FPS)
}

// Facts returns the facts of the clips of a split, in order.
func (c Corpus) Facts(s Split) []Facts {
	facts := make([]Facts, len(c.Clips[s]))
	for i, clip := range c.Clips[s] {
		facts[i] = clip.Facts
	}
	return facts
}

// Captions returns the captions of a split, and for each the index of its clip.
func (c Corpus) Captions(s Split) (captions []Caption, owner []int) {
	for i, clip := range c.Clips[s] {
		for _, caption := range clip.Captions {
			captions, owner = append(captions, caption), append(owner, i)
		}
	}
	return captions, owner
}

// Set returns a split as a data set; its videos have no files.
func (c Corpus) Set(s Split) dataset.Set {
	set := dataset.Set{Name: fmt.Sprintf("world %s %v %v", c.Options.Extent.Name, c.Domain, s)}
	for i, clip := range c.Clips[s] {
		set.Videos = append(set.Videos, sightline.Video{ID: clip.ID, Duration: clip.Duration})
		for _, caption := range clip.Captions {
			set.Captions = append(set.Captions, dataset.Caption{Video: i, Text: caption.Text})
		}
	}
	return set
}
