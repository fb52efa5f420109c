package world

import "math"

// canvas is the background painted once, at one texel a pixel, and sampled wherever the camera looks.
type canvas struct {
	left, top     float64 // world position of the first texel's centre
	width, height int
	texels        []rgb
}

const texel = 1.0 / Side

func (s *Scene) paint() *canvas {
	margin := 0.0
	if s.Facts.Camera == PanLeft || s.Facts.Camera == PanRight {
		margin = panTravel / 2
	}
	extra := int(math.Ceil(margin*Side)) + 1
	c := &canvas{width: Side + 2*extra, height: Side + 2}
	c.left, c.top = (0.5-float64(extra))*texel, -0.5*texel
	c.texels = make([]rgb, c.width*c.height)
	for j := range c.height {
		for i := range c.width {
			c.texels[j*c.width+i] = s.ground.at(c.left+float64(float64(i)*texel), c.top+float64(float64(j)*texel))
		}
	}
	return c
}

// axis holds, for each pixel along one side of the screen, the texel before it and how far it lies beyond.
type axis struct {
	first [Side]int
	past  [Side]float64
}

// lookAt maps the pixels of one screen axis to texels; the camera never turns, so the axes are independent.
func lookAt(centre, zoom, origin float64, texels int) (a axis) {
	for i := range Side {
		world := centre + (float64(float64(i)+0.5)*texel-0.5)/zoom
		at := min(max(float64((world-origin)*Side), 0), float64(texels)-1.001)
		a.first[i] = int(at)
		a.past[i] = at - float64(a.first[i])
	}
	return a
}

// show samples the canvas between its texels for every pixel of the screen.
func (c *canvas) show(picture *[Side * Side]rgb, v view) {
	columns, rows := lookAt(v.x, v.zoom, c.left, c.width), lookAt(v.y, v.zoom, c.top, c.height)
	for j := range Side {
		above := c.texels[rows.first[j]*c.width:]
		below := above[c.width:]
		fy := rows.past[j]
		for i := range Side {
			k, fx := columns.first[i], columns.past[i]
			p, q, r, t := &above[k], &above[k+1], &below[k], &below[k+1]
			for ch := range 3 {
				top := p[ch] + float64((q[ch]-p[ch])*fx)
				bottom := r[ch] + float64((t[ch]-r[ch])*fx)
				picture[j*Side+i][ch] = top + float64((bottom-top)*fy)
			}
		}
	}
}

// drawInto paints background, objects and grain into packed RGB.
func (s *Scene) drawInto(out []byte, u, seconds float64) {
	if s.canvas == nil {
		s.canvas = s.paint()
	}
	v := s.view(u)
	var picture [Side * Side]rgb
	s.canvas.show(&picture, v)
	for _, a := range s.actors {
		s.drawActor(&picture, a, v, u)
	}
	s.develop(out, &picture, mix(s.grain^math.Float64bits(seconds)))
}

func (s *Scene) drawActor(picture *[Side * Side]rgb, a actor, v view, u float64) {
	cx, cy := v.screen(a.at(u))
	cx, cy = cx*Side, cy*Side
	radius := float64(a.radius*v.zoom) * Side // pixels
	reach := 1.15*radius + 2
	sin, cos := math.Sincos(a.tilt)
	inks := s.look.inks(a.Colour)
	rimInk := blackest.to(creamy, s.look.outline)
	if inks[body].luma() < 50 && rimInk.luma() < 120 {
		rimInk = rgb{120, 118, 124} // a black object needs a rim that shows
	}
	parts := shapes[a.Kind]
	var near [8]float64
	for j := max(0, int(cy-reach)); j <= min(Side-1, int(cy+reach)); j++ {
		for i := max(0, int(cx-reach)); i <= min(Side-1, int(cx+reach)); i++ {
			dx, dy := (float64(i)+0.5-cx)/radius, (float64(j)+0.5-cy)/radius
			x, y := float64(dx*cos)+float64(dy*sin), float64(dy*cos)-float64(dx*sin)
			if a.mirror {
				x = -x
			}
			nearest := math.Inf(1)
			for k, p := range parts {
				near[k] = p.distance(x, y)
				nearest = min(nearest, near[k])
			}
			pixel := &picture[j*Side+i]
			if cover := coverage(float64(nearest*radius) - s.look.rim); cover > 0 {
				*pixel = pixel.to(rimInk, cover)
			} else {
				continue
			}
			for k, p := range parts {
				cover := coverage(float64(near[k] * radius))
				if cover == 0 {
					continue
				}
				ink := inks[p.tone]
				if s.look.hatch > 0 && p.tone == body {
					ink = ink.times(1 + float64(s.look.hatch*math.Sin(float64((x+y)*11))))
				}
				*pixel = pixel.to(ink, cover)
			}
		}
	}
}

// coverage turns a distance in pixels into the share of the pixel that is covered.
func coverage(d float64) float64 { return min(max(0.5-d, 0), 1) }

// develop applies brightness, contrast, warmth, vignette and grain, and rounds to bytes.
func (s *Scene) develop(out []byte, picture *[Side * Side]rgb, grain uint64) {
	l := s.look
	shift := rgb{l.brightness + l.warmth, l.brightness, l.brightness - l.warmth}
	for p := range picture {
		x, y := (float64(p%Side)+0.5)*texel-0.5, (float64(p/Side)+0.5)*texel-0.5
		shadow := 1 - float64(l.vignette*2*(float64(x*x)+float64(y*y)))
		h := mix(grain + uint64(p))
		// The sum of four bytes is close to a normal draw with standard deviation 147.8.
		normal := float64(h&255+h>>8&255+h>>16&255+h>>24&255) - 510
		noise := float64(l.grain * normal / 147.8)
		for ch := range out[3*p : 3*p+3] {
			level := 128 + float64((picture[p][ch]-128)*l.contrast) + shift[ch]
			level = float64(level*shadow) + noise
			out[3*p+ch] = byte(min(max(level+0.5, 0), 255))
		}
	}
}
