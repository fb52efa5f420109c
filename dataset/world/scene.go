package world

import (
	"math"
	"math/rand/v2"

	"sightline"
)

// Scene is one event that can be drawn: its facts with the positions, look and background that the seed gave it.
// Scenes are not safe for concurrent use.
type Scene struct {
	Facts  Facts
	actors []actor
	look   look
	ground ground
	grain  uint64
	canvas *canvas // the background, painted when first needed
}

// actor is an object with its place in the scene.
type actor struct {
	Object
	x, y   float64 // middle of the path, in world units
	radius float64
	swing  float64 // how far the object travels, world units
	turn   float64 // where a circle starts, or the sense of it, radians
	mirror bool    // facing says nothing about the direction of motion
	tilt   float64 // radians
}

const (
	largeRadius = 0.21
	smallRadius = 0.135
	travel      = 0.44 // of a straight path, world units
	panTravel   = 0.27
	zoomGain    = 0.34
	hops        = 3 // bounces in one event
)

// newScene places the facts: item decides where things are, backdrop what the place looks like and how the grain falls.
func newScene(seed, item, backdrop uint64, f Facts, l look) *Scene {
	r := source(seed, backgroundStream, backdrop)
	s := &Scene{Facts: f, look: l, ground: newGround(r, f.Place, l.mottle), grain: r.Uint64()}
	s.place(source(seed, placementStream, item))
	return s
}

// place tries positions until every object stays in view under the camera and two objects hide each other little, and
// keeps the best try.
func (s *Scene) place(r *rand.Rand) {
	best := math.Inf(1)
	for range 100 {
		try := make([]actor, len(s.Facts.Objects))
		for i, o := range s.Facts.Objects {
			radius := smallRadius
			if o.Size == Large {
				radius = largeRadius
			}
			try[i] = actor{
				Object: o, x: 0.1 + 0.8*r.Float64(), y: 0.1 + 0.8*r.Float64(),
				radius: radius * (1 + spread(r, 0.06)), swing: travel * (1 + spread(r, 0.12)),
				turn: 2 * math.Pi * r.Float64(), mirror: r.IntN(2) == 0, tilt: spread(r, 0.16),
			}
		}
		cost := s.cost(try)
		if cost < best {
			best, s.actors = cost, try
		}
		if best <= 0.02 {
			return
		}
	}
}

// cost sums how far objects leave the picture and how far they cover each other, over the event.
func (s *Scene) cost(actors []actor) float64 {
	const steps = 8
	cost := 0.0
	for i := range steps + 1 {
		u := float64(i) / steps
		v := s.view(u)
		for _, a := range actors {
			x, y := a.at(u)
			sx, sy := v.screen(x, y)
			edge := float64(a.radius*v.zoom) * 0.92
			for _, p := range [2]float64{sx, sy} {
				cost += max(0, edge-p) + max(0, p-(1-edge))
			}
		}
		if len(actors) == 2 {
			ax, ay := actors[0].at(u)
			bx, by := actors[1].at(u)
			cost += 0.6 * max(0, float64(0.95*(actors[0].radius+actors[1].radius))-length(ax-bx, ay-by))
		}
	}
	return cost
}

// at returns the world position of the actor at u in [0, 1], the share of the event that has passed.
func (a actor) at(u float64) (x, y float64) {
	x, y = a.x, a.y
	along := float64(a.swing * (u - 0.5))
	switch a.Motion {
	case Left:
		x -= along
	case Right:
		x += along
	case Up:
		y -= along
	case Down:
		y += along
	case Circle:
		angle := a.turn + float64(2*math.Pi*u)
		x += float64(0.36 * a.swing * math.Cos(angle))
		y += float64(0.36 * a.swing * math.Sin(angle))
	case Bounce:
		y += float64(a.swing * (0.25 - float64(0.5*math.Abs(math.Sin(float64(math.Pi*hops*u))))))
	}
	return x, y
}

// view is where the camera stands: the world position of the screen's centre and the magnification.
type view struct{ x, y, zoom float64 }

func (s *Scene) view(u float64) view {
	v := view{0.5, 0.5, 1}
	switch s.Facts.Camera {
	case PanLeft:
		v.x -= float64(panTravel * (u - 0.5))
	case PanRight:
		v.x += float64(panTravel * (u - 0.5))
	case Zoom:
		v.zoom += float64(zoomGain * u)
	}
	return v
}

func (v view) screen(x, y float64) (sx, sy float64) {
	return 0.5 + float64((x-v.x)*v.zoom), 0.5 + float64((y-v.y)*v.zoom)
}

// Draw returns the picture at u in [0, 1], the share of the event that has passed, with Time set to seconds. The grain
// depends on the time too, so it lives like film.
func (s *Scene) Draw(u, seconds float64) sightline.Frame {
	rgb := make([]byte, 3*Side*Side)
	s.drawInto(rgb, u, seconds)
	return sightline.Frame{Time: seconds, Width: Side, Height: Side, RGB: rgb}
}
