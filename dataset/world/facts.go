package world

import (
	"math/rand/v2"
	"strings"
)

// Kind is what an object is.
type Kind uint8

// The twelve kinds that A and B use, then six foreign ones that only stills show.
const (
	Ball Kind = iota
	Box
	Flower
	Ring
	Moon
	Car
	Boat
	Rocket
	Fish
	Mushroom
	House
	Key
	Star
	Heart
	Tree
	Cup
	Arrow
	Umbrella

	Kinds    = 12 // kinds that are facts in A and B
	AllKinds = 18 // kinds that stills show
)

// Colour is the colour of an object's body.
type Colour uint8

// The eight colours that A and B use, then four foreign ones that only stills show.
const (
	Red Colour = iota
	Orange
	Yellow
	Green
	Blue
	Purple
	White
	Black
	Pink
	Brown
	Cyan
	Grey

	Colours    = 8
	AllColours = 12
)

// Size is how large an object is.
type Size uint8

// The sizes.
const (
	Small Size = iota
	Large

	SizeCount = 2
)

// Motion is how an object moves against the ground.
type Motion uint8

// The motions. Left and Right, Up and Down differ only in the order of the frames.
const (
	Left Motion = iota
	Right
	Up
	Down
	Circle
	Bounce
	Rest

	Motions = 7
)

// Place is where a scene plays.
type Place uint8

// The eight places that A and B use, then three foreign ones that only stills show.
const (
	Meadow Place = iota
	Desert
	Sea
	Snow
	Night
	City
	Forest
	Room
	Mountain
	Stage
	Cave

	Places    = 8
	AllPlaces = 11
)

// Camera is how the camera moves.
type Camera uint8

// The camera moves. PanLeft and PanRight differ only in the order of the frames.
const (
	Fixed Camera = iota
	PanLeft
	PanRight
	Zoom

	Cameras = 4
)

// Object is one thing in a scene.
type Object struct {
	Kind   Kind   `json:"kind"`
	Colour Colour `json:"colour"`
	Size   Size   `json:"size"`
	Motion Motion `json:"motion"`
}

// Facts are all there is to know about a scene: one or two objects, a place, a camera move.
type Facts struct {
	Objects []Object `json:"objects"`
	Place   Place    `json:"place"`
	Camera  Camera   `json:"camera"`
}

// Count returns how many facts the scene has: four an object, and two.
func (f Facts) Count() int { return 4*len(f.Objects) + 2 }

// String lists the facts with their plainest words.
func (f Facts) String() string {
	var b strings.Builder
	for _, o := range f.Objects {
		b.WriteString(o.Size.String() + " " + o.Colour.String() + " " + o.Kind.String() + " " + o.Motion.String() + ", ")
	}
	return b.String() + f.Place.String() + ", camera " + f.Camera.String()
}

// key packs the facts into a number that does not depend on the order of the objects; without motion, scenes that differ
// only in how things move share a key.
func (f Facts) key(motion bool) uint64 {
	var codes [2]uint64
	for i, o := range f.Objects {
		codes[i] = 1 + uint64(o.Kind) + uint64(o.Colour)<<5 + uint64(o.Size)<<9
		if motion {
			codes[i] += uint64(o.Motion) << 10
		}
	}
	if codes[0] < codes[1] {
		codes[0], codes[1] = codes[1], codes[0]
	}
	return codes[0] | codes[1]<<16 | uint64(f.Place)<<32 | uint64(f.Camera)<<40
}

// clash says whether an object of the colour would be hard to see in the place.
func clash(c Colour, p Place) bool {
	switch p {
	case Meadow:
		return c == Green
	case Desert:
		return c == Yellow || c == Orange
	case Sea:
		return c == Blue || c == Cyan
	case Snow:
		return c == White || c == Grey
	case Night:
		return c == Black
	case City:
		return c == Grey
	case Forest:
		return c == Green || c == Black || c == Brown
	case Room:
		return c == Brown || c == Pink
	case Mountain:
		return c == Grey
	case Stage:
		return c == Red || c == Brown
	case Cave:
		return c == Brown || c == Black
	}
	return false
}

// drawFacts draws a scene of the given number of objects from the first kinds, colours and places.
func drawFacts(r *rand.Rand, objects, kinds, colours, places int) Facts {
	f := Facts{Place: Place(r.IntN(places)), Camera: Camera(r.IntN(Cameras))}
	f.Objects = drawObjects(r, f.Place, objects, kinds, colours)
	return f
}

// drawObjects draws objects for a place. Colours that clash with the place are drawn again, and the second object differs
// from the first in kind and in colour.
func drawObjects(r *rand.Rand, p Place, n, kinds, colours int) []Object {
	var objects []Object
	for len(objects) < n {
		o := Object{
			Kind:   Kind(r.IntN(kinds)),
			Colour: Colour(r.IntN(colours)),
			Size:   Size(r.IntN(SizeCount)),
			Motion: Motion(r.IntN(Motions)),
		}
		if clash(o.Colour, p) {
			continue
		}
		if len(objects) == 1 && (o.Kind == objects[0].Kind || o.Colour == objects[0].Colour) {
			continue
		}
		objects = append(objects, o)
	}
	return objects
}
