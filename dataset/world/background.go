package world

import (
	"math"
	"math/rand/v2"
)

// ground draws a place as a picture that reaches as far as the camera goes. Every place has structure (edges, tufts,
// windows, planks), so that a pan moves the background and cannot pass for a moving object. Colours are muted: objects
// are what stands out.
type ground struct {
	place   Place
	seed    uint64
	mottle  float64
	horizon float64 // y of the line between sky and ground
	phase   float64 // shifts periodic structure from scene to scene
	tint    rgb     // added to every colour, a few grey levels
}

func newGround(r *rand.Rand, p Place, mottle float64) ground {
	return ground{
		place: p, seed: r.Uint64(), mottle: mottle,
		horizon: 0.36 + 0.16*r.Float64(), phase: 40 * r.Float64(),
		tint: rgb{spread(r, 9), spread(r, 9), spread(r, 9)},
	}
}

// at returns the colour at a world position; the first screen is [0, 1]², y pointing down.
func (g *ground) at(x, y float64) rgb {
	c := g.plain(x+g.phase, y)
	n := g.noise(x*7, y*7, 1) + 0.5*g.noise(x*19, y*19, 2) - 0.75 // about ±0.5
	s := 1 + float64(float64(0.22*g.mottle)*n)
	for i := range c {
		c[i] = float64(c[i]*s) + g.tint[i]
	}
	return c
}

func (g *ground) plain(x, y float64) rgb {
	below := y - g.horizon // > 0 on the ground
	switch g.place {
	case Meadow:
		if below < float64(0.03*math.Sin(x*5)) {
			return g.sky(rgb{176, 208, 236}, rgb{220, 232, 238}, x, y)
		}
		c := rgb{146, 188, 108}.to(rgb{112, 158, 80}, min(below*1.6, 1))
		if tuft, v := g.cell(x*13, y*9, 3); tuft < 0.32 && v < 0.45 {
			c = c.times(0.72)
		}
		if dot, v := g.cell(x*9, y*9, 4); dot < 0.2 && v < 0.2 {
			c = rgb{246, 240, 190}
		}
		return c
	case Desert:
		if below < float64(0.05*math.Sin(x*4.2)) {
			return g.sky(rgb{206, 222, 232}, rgb{246, 226, 190}, x, y)
		}
		wave := math.Sin(float64(y*30) + float64(5*math.Sin(x*3.1)))
		c := rgb{226, 196, 138}.to(rgb{204, 166, 106}, min(below*1.4, 1))
		if wave > 0.72 {
			c = c.times(0.86)
		}
		return c
	case Sea:
		if below < 0 {
			return g.sky(rgb{186, 212, 230}, rgb{226, 234, 236}, x, y)
		}
		c := rgb{88, 146, 184}.to(rgb{48, 104, 152}, min(below*1.7, 1))
		if math.Sin(float64(y*46)+float64(2.2*math.Sin(x*9))) > 0.86 && g.noise(x*6, y*22, 5) > 0.42 {
			c = rgb{196, 220, 230}
		}
		return c
	case Snow:
		if below < float64(0.06*math.Sin(x*3.4)) {
			return g.sky(rgb{176, 192, 212}, rgb{204, 214, 226}, x, y)
		}
		c := rgb{238, 242, 248}
		if math.Sin(float64(y*17)+float64(3*math.Sin(x*2.7))) > 0.8 {
			c = rgb{206, 218, 234}
		}
		if dot, v := g.cell(x*8, y*8, 6); dot < 0.17 && v < 0.4 {
			c = rgb{186, 202, 226}
		}
		return c
	case Night:
		if below > 0.28+float64(0.05*math.Sin(x*6))+float64(0.03*math.Sin(x*13)) {
			return rgb{16, 20, 30}
		}
		c := rgb{22, 28, 66}.to(rgb{46, 48, 96}, y)
		if dot, v := g.cell(x*9, y*9, 7); dot < 0.2 && v < 0.5 {
			c = rgb{236, 232, 200}
		}
		return c
	case City:
		return g.city(x, y)
	case Forest:
		c := rgb{84, 112, 78}.to(rgb{62, 88, 60}, y)
		column := math.Floor(x * 5)
		in := float64(x*5) - column
		if w := 0.16 + 0.2*g.random(column, 0, 8); in > 0.2 && in < 0.2+w {
			c = rgb{98, 76, 56}
			if in < 0.2+w*0.35 {
				c = rgb{124, 98, 72}
			}
		}
		if below > 0.34 {
			c = rgb{92, 82, 54}
			if dot, v := g.cell(x*11, y*11, 9); dot < 0.26 && v < 0.5 {
				c = rgb{128, 108, 62}
			}
		}
		return c
	case Room:
		if below > 0.22 {
			plank := math.Floor(y * 12)
			if in := float64(y*12) - plank; in < 0.16 {
				return rgb{112, 80, 54}
			}
			if in := x*3 + g.random(plank, 0, 10); in-math.Floor(in) < 0.05 {
				return rgb{112, 80, 54}
			}
			return rgb{164, 124, 86}
		}
		if below > 0.17 {
			return rgb{232, 224, 210}
		}
		if in := float64(x * 6); in-math.Floor(in) < 0.5 {
			return rgb{214, 188, 180}
		}
		return rgb{228, 208, 198}
	case Mountain:
		for i, h := range [2]float64{0.16, 0.34} {
			peak := h + float64(0.2*math.Abs(g.saw(x*2.1+float64(i)*0.37)))
			if y > peak {
				if y < peak+0.07 && i == 0 {
					return rgb{236, 238, 242}
				}
				return rgb{132, 140, 152}.to(rgb{92, 100, 112}, float64(i)*0.7+y*0.3)
			}
		}
		return g.sky(rgb{170, 196, 224}, rgb{206, 220, 232}, x, y)
	case Stage:
		if below > 0.36 {
			if in := float64(x * 5); in-math.Floor(in) < 0.06 {
				return rgb{92, 62, 40}
			}
			return rgb{146, 104, 68}
		}
		fold := math.Sin(x * 34)
		return rgb{128, 32, 44}.to(rgb{168, 52, 58}, 0.5+float64(0.5*fold))
	}
	// Cave: stalactites from above, rubble below.
	c := rgb{66, 56, 52}.to(rgb{44, 38, 38}, y)
	if y < 0.3*math.Abs(g.saw(x*3.7)) || y > 1-0.2*math.Abs(g.saw(x*2.9+0.4)) {
		c = rgb{110, 92, 78}
	}
	return c
}

// city is two rows of buildings with lit windows over a street.
func (g *ground) city(x, y float64) rgb {
	if y > 0.84 {
		if y > 0.9 && y < 0.93 && math.Mod(x*4, 1) < 0.5 {
			return rgb{224, 220, 200}
		}
		return rgb{98, 98, 104}
	}
	block := math.Floor(x * 3.2)
	in := float64(x*3.2) - block
	top := 0.08 + 0.4*g.random(block, 0, 11)
	if y < top || in < 0.05 {
		return rgb{190, 198, 210}.to(rgb{216, 214, 212}, y)
	}
	wall := rgb{142, 136, 136}.to(rgb{176, 158, 142}, g.random(block, 1, 11))
	wx, wy := float64(in*4.5), float64((y-top)*13)
	if fx, fy := wx-math.Floor(wx), wy-math.Floor(wy); fx > 0.3 && fx < 0.8 && fy > 0.3 && fy < 0.85 {
		if g.random(block*7+math.Floor(wx), math.Floor(wy), 12) < 0.5 {
			return rgb{240, 224, 160}
		}
		return rgb{92, 96, 112}
	}
	return wall
}

// sky shades from top to horizon, with a few soft clouds.
func (g *ground) sky(top, bottom rgb, x, y float64) rgb {
	c := top.to(bottom, min(max(y/g.horizon, 0), 1))
	if cloud := g.noise(x*3, y*8, 13); cloud > 0.62 {
		c = c.to(whitest, min((cloud-0.62)*4, 0.7))
	}
	return c
}

// saw is a triangle wave in [-1, 1] of period 1.
func (g *ground) saw(x float64) float64 { return float64(4*math.Abs(x-math.Floor(x)-0.5)) - 1 }

// random returns a number in [0, 1) that belongs to a lattice point.
func (g *ground) random(ix, iy float64, layer uint64) float64 {
	h := mix(g.seed ^ uint64(int64(ix))*0x9e3779b97f4a7c15 ^ uint64(int64(iy))*0xc2b2ae3d27d4eb4f ^ layer<<56)
	return float64(h>>11) / (1 << 53)
}

// noise is smooth value noise in [0, 1).
func (g *ground) noise(x, y float64, layer uint64) float64 {
	ix, iy := math.Floor(x), math.Floor(y)
	fx, fy := x-ix, y-iy
	fx, fy = float64(fx*fx)*(3-2*fx), float64(fy*fy)*(3-2*fy)
	a, b := g.random(ix, iy, layer), g.random(ix+1, iy, layer)
	c, d := g.random(ix, iy+1, layer), g.random(ix+1, iy+1, layer)
	top, bottom := a+float64((b-a)*fx), c+float64((d-c)*fx)
	return top + float64((bottom-top)*fy)
}

// cell scatters one point in each unit cell: it returns the distance to the cell's own point, in cells, and a number in
// [0, 1) that belongs to the cell.
func (g *ground) cell(x, y float64, layer uint64) (distance, value float64) {
	ix, iy := math.Floor(x), math.Floor(y)
	px, py := 0.25+0.5*g.random(ix, iy, layer), 0.25+0.5*g.random(ix, iy, layer+32)
	return length(x-ix-px, y-iy-py), g.random(ix, iy, layer+64)
}
