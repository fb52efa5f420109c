package world

import "math/rand/v2"

// look is how a scene is drawn, apart from what it shows. Domain A is a bright cartoon: flat fills, dark outlines, plain
// backgrounds. Domain B is an old print: muted shades, hatched fills, pale rims, mottled backgrounds, grain, a vignette.
type look struct {
	palette    float64 // 0 the palette of A, 1 that of B
	hatch      float64 // depth of the hatching of fills, 0–0.3
	outline    float64 // 0 near black, 1 cream
	rim        float64 // width of the outline in pixels
	mottle     float64 // depth of the background's mottling, 0–1
	brightness float64 // grey levels added
	contrast   float64 // factor about middle grey
	grain      float64 // standard deviation of the noise in grey levels
	warmth     float64 // grey levels taken from blue and given to red
	vignette   float64 // darkening of the corners, 0–0.4
}

var looks = [2]look{
	{palette: 0, hatch: 0, outline: 0, rim: 1.0, mottle: 0.15, brightness: 6, contrast: 1, grain: 2, warmth: 0, vignette: 0},
	{palette: 1, hatch: 0.22, outline: 1, rim: 0.8, mottle: 1, brightness: -6, contrast: 0.92, grain: 5, warmth: 9, vignette: 0.22},
}

// domainLook returns the look of a domain with the small variations from video to video.
func domainLook(r *rand.Rand, d Domain) look {
	l := looks[d]
	l.brightness += spread(r, 9)
	l.contrast += spread(r, 0.07)
	l.warmth += spread(r, 5)
	l.grain = float64(l.grain * (1 + spread(r, 0.3)))
	return l
}

// mixedLook draws every property of a look by itself, anywhere between the two domains and somewhat beyond.
func mixedLook(r *rand.Rand) look {
	a, b := looks[0], looks[1]
	between := func(x, y float64) float64 {
		t := r.Float64()
		switch r.IntN(3) { // a third at each end, a third between
		case 0:
			t = 0
		case 1:
			t = 1
		}
		return x + float64((y-x)*t)
	}
	return look{
		palette:    between(a.palette, b.palette),
		hatch:      between(a.hatch, b.hatch),
		outline:    between(a.outline, b.outline),
		rim:        between(a.rim, b.rim) + spread(r, 0.2),
		mottle:     between(a.mottle, b.mottle),
		brightness: between(a.brightness, b.brightness) + spread(r, 16),
		contrast:   between(a.contrast, b.contrast) + spread(r, 0.12),
		grain:      float64(between(a.grain, b.grain) * (0.5 + r.Float64())),
		warmth:     between(a.warmth, b.warmth) + spread(r, 8),
		vignette:   between(a.vignette, b.vignette),
	}
}

// spread draws evenly from [-width, width).
func spread(r *rand.Rand, width float64) float64 { return float64((2*r.Float64() - 1) * width) }

// rgb is a colour in grey levels, 0–255.
type rgb [3]float64

func (c rgb) to(d rgb, t float64) rgb {
	return rgb{c[0] + float64((d[0]-c[0])*t), c[1] + float64((d[1]-c[1])*t), c[2] + float64((d[2]-c[2])*t)}
}

func (c rgb) times(t float64) rgb {
	return rgb{float64(c[0] * t), float64(c[1] * t), float64(c[2] * t)}
}

func (c rgb) luma() float64 { return float64(0.3*c[0]) + float64(0.6*c[1]) + float64(0.1*c[2]) }

var (
	whitest  = rgb{255, 255, 255}
	creamy   = rgb{246, 240, 222}
	blackest = rgb{34, 32, 38}
	glassy   = rgb{196, 222, 236}
)

var palettes = [2][AllColours]rgb{
	{
		Red: {228, 42, 44}, Orange: {252, 138, 24}, Yellow: {252, 222, 48}, Green: {44, 168, 70},
		Blue: {44, 92, 226}, Purple: {148, 62, 204}, White: {252, 252, 252}, Black: {26, 26, 32},
		Pink: {252, 138, 190}, Brown: {140, 84, 42}, Cyan: {64, 212, 220}, Grey: {150, 150, 156},
	},
	{
		Red: {176, 30, 50}, Orange: {222, 108, 40}, Yellow: {214, 186, 44}, Green: {34, 128, 76},
		Blue: {40, 76, 168}, Purple: {112, 48, 146}, White: {234, 230, 216}, Black: {18, 20, 28},
		Pink: {222, 124, 158}, Brown: {108, 68, 40}, Cyan: {50, 156, 168}, Grey: {122, 124, 130},
	},
}

// inks returns the colours of every tone for an object.
func (l look) inks(c Colour) [6]rgb {
	main := palettes[0][c].to(palettes[1][c], l.palette)
	inks := [6]rgb{body: main, shade: main.times(0.62), light: main.to(whitest, 0.6), pale: creamy, dark: blackest, glass: glassy}
	switch {
	case main.luma() < 50:
		inks[shade] = main.to(whitest, 0.34)
		inks[dark] = rgb{92, 90, 96}
	case main.luma() > 215:
		inks[light] = main.times(0.8)
		inks[pale] = rgb{196, 178, 140}
	}
	return inks
}
