package tiny

import (
	"golang.org/x/image/draw"

	"image"

	"sightline"
)

// The first layer sees overlapping squares of patchSide pixels, one every patchStride pixels.
const (
	patchSide   = 8
	patchStride = 4
	patchDim    = patchSide * patchSide * 3
)

// zOrder returns, for a grid of side × side patches, the (row, column) of the i-th patch in Z-order, in which every
// aligned 2×2 square of patches, and of squares, is consecutive. Merging neighbours is then a reshape.
func zOrder(side int) [][2]int {
	order := make([][2]int, side*side)
	for i := range order {
		for bit := 0; 1<<bit < side; bit++ {
			order[i][1] |= i >> (2 * bit) & 1 << bit
			order[i][0] |= i >> (2*bit + 1) & 1 << bit
		}
	}
	return order
}

// Patches lays out the pictures as the first layer reads them: [len(frames), P, patchDim] float32 in [-1, 1], patches in
// Z-order, zero (mid grey) beyond the border. Pictures of another size are scaled so that the short side fits and the
// middle is kept.
func (c Config) Patches(frames []sightline.Frame) []float32 {
	side := c.Side / patchStride
	order := zOrder(side)
	data := make([]float32, len(frames)*len(order)*patchDim)
	const margin = (patchSide - patchStride) / 2
	for f, frame := range frames {
		rgb := fit(frame, c.Side)
		for p, position := range order {
			patch := data[(f*len(order)+p)*patchDim:][:patchDim]
			top, left := position[0]*patchStride-margin, position[1]*patchStride-margin
			for y := max(0, -top); y < min(patchSide, c.Side-top); y++ {
				first, last := max(0, -left), min(patchSide, c.Side-left)
				from := rgb[((top+y)*c.Side+left+first)*3 : ((top+y)*c.Side+left+last)*3]
				to := patch[(y*patchSide+first)*3:]
				for i, v := range from {
					to[i] = float32(v)/127.5 - 1
				}
			}
		}
	}
	return data
}

// fit returns the middle square of a frame as side × side packed RGB.
func fit(frame sightline.Frame, side int) []byte {
	if frame.Width == side && frame.Height == side {
		return frame.RGB
	}
	from := image.NewRGBA(image.Rect(0, 0, frame.Width, frame.Height))
	for i := range frame.Width * frame.Height {
		copy(from.Pix[4*i:], frame.RGB[3*i:3*i+3])
		from.Pix[4*i+3] = 255
	}
	short := min(frame.Width, frame.Height)
	square := image.Rect(0, 0, short, short).Add(image.Pt((frame.Width-short)/2, (frame.Height-short)/2))
	to := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.CatmullRom.Scale(to, to.Bounds(), from, square, draw.Src, nil)
	rgb := make([]byte, side*side*3)
	for i := range side * side {
		copy(rgb[3*i:], to.Pix[4*i:4*i+3])
	}
	return rgb
}

// PatchShape returns the shape of what Patches makes of n pictures.
func (c Config) PatchShape(n int) []int {
	side := c.Side / patchStride
	return []int{n, side * side, patchDim}
}
