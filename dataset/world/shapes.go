package world

import "math"

// tone is how a part of an object is coloured, relative to the object's own colour.
type tone uint8

const (
	body  tone = iota // the object's colour
	shade             // darker, or lighter for black objects
	light             // towards white, or greyer for white objects
	pale              // cream whatever the object
	dark              // near black whatever the object
	glass             // light blue-grey whatever the object
)

// part is one painted region of a shape. Its distance is negative inside, in units of the object's radius; the object
// fills about [-1, 1]², y pointing down.
type part struct {
	tone     tone
	distance func(x, y float64) float64
}

// shapes holds the parts of every kind, painted in order. Silhouettes differ as much as 18 pixels allow: kinds are the
// hardest fact to see.
var shapes = [AllKinds][]part{
	Ball: {
		{body, circle(0, 0, 0.95)},
		{light, both(circle(0, 0, 0.95), both(slab(-0.25, 0.97, 0.22), slab(0.25, -0.97, 0.22)))},
	},
	Box: {
		{body, box(0, 0, 0.86, 0.86)},
		{shade, either(stroke(-0.7, -0.7, 0.7, 0.7, 0.1), stroke(-0.7, 0.7, 0.7, -0.7, 0.1))},
		{shade, both(box(0, 0, 0.86, 0.86), outside(box(0, 0, 0.66, 0.66)))},
	},
	Flower: {
		{body, either(either(circle(0, -0.58, 0.42), circle(0.55, -0.18, 0.42)),
			either(circle(0.34, 0.47, 0.42), either(circle(-0.34, 0.47, 0.42), circle(-0.55, -0.18, 0.42))))},
		{pale, circle(0, 0, 0.32)},
		{dark, circle(0, 0, 0.17)},
	},
	Ring: {{body, both(circle(0, 0, 0.98), outside(circle(0, 0, 0.58)))}},
	Moon: {{body, both(circle(-0.1, 0, 0.98), outside(circle(0.42, -0.12, 0.8)))}},
	Car: {
		{body, either(box(0, 0.2, 0.97, 0.27), polygon(-0.62, 0, -0.38, -0.52, 0.3, -0.52, 0.62, 0))},
		{glass, polygon(-0.44, -0.04, -0.28, -0.4, -0.04, -0.4, -0.04, -0.04)},
		{glass, polygon(0.06, -0.04, 0.06, -0.4, 0.24, -0.4, 0.44, -0.04)},
		{dark, either(circle(-0.52, 0.5, 0.28), circle(0.52, 0.5, 0.28))},
		{pale, either(circle(-0.52, 0.5, 0.1), circle(0.52, 0.5, 0.1))},
	},
	Boat: {
		{body, polygon(-0.95, 0.36, 0.95, 0.36, 0.55, 0.9, -0.6, 0.9)},
		{dark, stroke(0, -0.9, 0, 0.4, 0.06)},
		{light, polygon(0.1, -0.95, 0.1, 0.22, 0.82, 0.22)},
		{body, polygon(-0.12, -0.7, -0.12, 0.22, -0.62, 0.22)},
	},
	Rocket: {
		{shade, polygon(-0.3, 0.1, -0.78, 0.9, 0.78, 0.9, 0.3, 0.1)},
		{body, either(box(0, 0.05, 0.36, 0.68), polygon(-0.36, -0.5, 0, -1.05, 0.36, -0.5))},
		{dark, polygon(-0.36, -0.5, 0, -1.05, 0.36, -0.5)},
		{glass, circle(0, -0.1, 0.2)},
	},
	Fish: {
		{body, either(ellipse(-0.2, 0, 0.76, 0.5), polygon(0.35, 0, 0.98, -0.52, 0.82, 0, 0.98, 0.52))},
		{shade, polygon(-0.25, -0.42, 0.1, -0.82, 0.28, -0.3)},
		{shade, polygon(-0.1, 0.08, 0.28, 0.36, 0.1, -0.16)},
		{pale, circle(-0.56, -0.12, 0.15)},
		{dark, circle(-0.58, -0.12, 0.07)},
	},
	Mushroom: {
		{pale, box(0, 0.45, 0.26, 0.48)},
		{body, both(ellipse(0, 0.08, 0.98, 0.95), slab(0, 1, 0.08))},
		{pale, either(circle(-0.45, -0.22, 0.17), either(circle(0.08, -0.5, 0.19), circle(0.52, -0.16, 0.15)))},
	},
	House: {
		{body, box(0, 0.4, 0.66, 0.52)},
		{shade, polygon(-0.95, -0.08, 0, -0.92, 0.95, -0.08)},
		{dark, box(-0.22, 0.6, 0.17, 0.32)},
		{glass, box(0.32, 0.32, 0.17, 0.17)},
	},
	Key: {
		{body, both(circle(-0.52, 0, 0.46), outside(circle(-0.52, 0, 0.2)))},
		{body, either(box(0.4, 0, 0.58, 0.12), either(box(0.52, 0.26, 0.1, 0.22), box(0.86, 0.26, 0.12, 0.28)))},
	},
	Star: {{body, polygon(0, -1, 0.26, -0.34, 0.95, -0.31, 0.4, 0.13, 0.59, 0.81, 0, 0.42, -0.59, 0.81, -0.4, 0.13,
		-0.95, -0.31, -0.26, -0.34)}},
	Heart: {{body, either(either(circle(-0.44, -0.32, 0.5), circle(0.44, -0.32, 0.5)),
		polygon(-0.88, -0.1, 0.88, -0.1, 0, 0.95))}},
	Tree: {
		{dark, box(0, 0.72, 0.14, 0.26)},
		{body, either(polygon(0, -1, -0.55, -0.1, 0.55, -0.1), polygon(0, -0.5, -0.82, 0.55, 0.82, 0.55))},
	},
	Cup: {
		{body, both(circle(0.55, 0, 0.42), outside(circle(0.55, 0, 0.22)))},
		{body, polygon(-0.8, -0.75, 0.5, -0.75, 0.36, 0.75, -0.66, 0.75)},
		{light, box(-0.15, -0.68, 0.62, 0.12)},
	},
	Arrow: {{body, either(box(-0.3, 0, 0.65, 0.2), polygon(0.15, -0.7, 0.98, 0, 0.15, 0.7))}},
	Umbrella: {
		{dark, either(stroke(0, 0, 0, 0.75, 0.07), both(circle(0.18, 0.75, 0.24),
			both(outside(circle(0.18, 0.75, 0.11)), slab(0, -1, -0.75))))},
		{body, both(circle(0, 0.05, 0.98), slab(0, 1, 0.05))},
		{shade, both(ellipse(0, 0.05, 0.36, 0.98), slab(0, 1, 0.05))},
	},
}

func circle(cx, cy, r float64) func(x, y float64) float64 {
	return func(x, y float64) float64 { return length(x-cx, y-cy) - r }
}

// ellipse returns a first-order distance, exact enough within a pixel of the edge.
func ellipse(cx, cy, rx, ry float64) func(x, y float64) float64 {
	return func(x, y float64) float64 {
		x, y = (x-cx)/rx, (y-cy)/ry
		k := length(x, y)
		g := length(x/rx, y/ry)
		if g < 1e-9 {
			return -min(rx, ry)
		}
		return k * (k - 1) / g
	}
}

func box(cx, cy, hw, hh float64) func(x, y float64) float64 {
	return func(x, y float64) float64 {
		dx, dy := math.Abs(x-cx)-hw, math.Abs(y-cy)-hh
		return length(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0)
	}
}

// slab is the half plane nx·x + ny·y ≤ edge.
func slab(nx, ny, edge float64) func(x, y float64) float64 {
	return func(x, y float64) float64 { return float64(nx*x) + float64(ny*y) - edge }
}

// stroke is a line from a to b with round ends and half width r.
func stroke(ax, ay, bx, by, r float64) func(x, y float64) float64 {
	return func(x, y float64) float64 { return toSegment(x, y, ax, ay, bx, by) - r }
}

// polygon is the interior of the corners given as x, y, x, y, …
func polygon(c ...float64) func(x, y float64) float64 {
	return func(x, y float64) float64 {
		nearest, inside := math.Inf(1), false
		jx, jy := c[len(c)-2], c[len(c)-1]
		for i := 0; i < len(c); i += 2 {
			ix, iy := c[i], c[i+1]
			nearest = min(nearest, toSegment(x, y, ix, iy, jx, jy))
			if (iy > y) != (jy > y) && x < float64((jx-ix)*(y-iy))/(jy-iy)+ix {
				inside = !inside
			}
			jx, jy = ix, iy
		}
		if inside {
			return -nearest
		}
		return nearest
	}
}

func either(a, b func(x, y float64) float64) func(x, y float64) float64 {
	return func(x, y float64) float64 { return min(a(x, y), b(x, y)) }
}

func both(a, b func(x, y float64) float64) func(x, y float64) float64 {
	return func(x, y float64) float64 { return max(a(x, y), b(x, y)) }
}

func outside(a func(x, y float64) float64) func(x, y float64) float64 {
	return func(x, y float64) float64 { return -a(x, y) }
}

func toSegment(x, y, ax, ay, bx, by float64) float64 {
	px, py, dx, dy := x-ax, y-ay, bx-ax, by-ay
	t := (float64(px*dx) + float64(py*dy)) / (float64(dx*dx) + float64(dy*dy))
	t = min(max(t, 0), 1)
	return length(px-float64(dx*t), py-float64(dy*t))
}

// length rounds its products apart: fused multiply-add would make pixels differ between processors.
func length(x, y float64) float64 { return math.Sqrt(float64(x*x) + float64(y*y)) }
