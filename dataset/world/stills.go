package world

import (
	"iter"
	"math/rand/v2"

	"sightline"
)

// StillOptions say what stills to draw.
type StillOptions struct {
	OneObject bool // only scenes of one object: the start of a curriculum
}

// Still is one picture with a sentence about it.
type Still struct {
	Frame   sightline.Frame
	Facts   Facts
	Caption Caption
	Words   []int // numbers of the caption's content words, as ContentWords counts them
}

// Stills yields n pictures with captions: the looks and wordings of both domains and everything between them, foreign
// kinds, colours and places as well, and more noise than either domain. Picture i of a seed is always the same.
func Stills(seed uint64, n int, o StillOptions) iter.Seq2[int, Still] {
	return func(yield func(int, Still) bool) {
		for i := range n {
			if !yield(i, StillAt(seed, i, o)) {
				return
			}
		}
	}
}

// StillAt draws picture i of a seed; it is safe for concurrent use. A third of the pictures
// may show foreign kinds, colours and places among the others. A still shows no motion, so its caption speaks of
// motion and camera one time in eight: often enough to know the words, too seldom to drown the picture in what it does
// not show.
func StillAt(seed uint64, i int, o StillOptions) Still {
	r := source(seed, stillStream, uint64(i))
	still := describeStill(r, o)
	scene := newScene(mix(seed), uint64(i), uint64(i), still.Facts, mixedLook(r))
	still.Frame = scene.Draw(r.Float64(), 0)
	return still
}

// describeStill draws everything about a still but its picture.
func describeStill(r *rand.Rand, o StillOptions) Still {
	objects := 1
	if !o.OneObject {
		objects += r.IntN(2)
	}
	kinds, colours, places := Kinds, Colours, Places
	if r.IntN(3) == 0 {
		kinds, colours, places = AllKinds, AllColours, AllPlaces
	}
	f := drawFacts(r, objects, kinds, colours, places)
	c := choose(r, f, 0.6+0.4*r.Float64())
	c.dropUnseen(r)
	c.write(r, everyWording)
	return Still{Facts: f, Caption: c, Words: ContentOf(c.Text)}
}

// dropUnseen leaves out, seven times in eight, what one picture cannot show.
func (c *Caption) dropUnseen(r *rand.Rand) {
	if r.IntN(8) == 0 {
		return
	}
	c.Camera = -1
	kept := c.Objects[:0]
	for _, o := range c.Objects {
		o.Motion = -1
		if o != unstated {
			kept = append(kept, o)
		}
	}
	c.Objects = kept
}
