package pixels

import (
	"math"
	"sync"

	"sightline"
)

// box is a rectangle of pixels.
type box struct{ x, y, width, height int }

// precision is the number of fraction bits of PIL's coefficients: 32 less 8 of a pixel and 2 for overshoot.
const precision = 32 - 8 - 2

// window is what one pixel along an axis is made of: the source pixels from start on, weighted.
type window struct {
	start   int
	weights []int32 // sum to 1<<precision, but for rounding
}

// windows returns the bicubic windows that turn in pixels into out, as PIL's precompute_coeffs and
// normalize_coeffs_8bpc do (libImaging/Resample.c). Scaled down, the cubic is widened so that every source pixel counts.
func windows(in, out int) []window {
	windowCache.Lock()
	defer windowCache.Unlock()
	if cached, ok := windowCache.of[axis{in, out}]; ok {
		return cached
	}
	scale := float64(in) / float64(out)
	support := 2 * max(scale, 1)
	shrink := 1 / max(scale, 1)
	made := make([]window, out)
	raw := make([]float64, 0, int(math.Ceil(support))*2+1)
	for k := range made {
		center := (float64(k) + 0.5) * scale
		from := max(0, int(center-support+0.5))
		to := min(in, int(center+support+0.5))
		raw = raw[:0]
		sum := 0.0
		for x := from; x < to; x++ {
			w := cubic((float64(x) - center + 0.5) * shrink)
			raw = append(raw, w)
			sum += w
		}
		weights := make([]int32, len(raw))
		for j, w := range raw {
			weights[j] = int32(math.Round(w / sum * (1 << precision)))
		}
		made[k] = window{from, weights}
	}
	if windowCache.of == nil || len(windowCache.of) >= maxWindows {
		windowCache.of = map[axis][]window{}
	}
	windowCache.of[axis{in, out}] = made
	return made
}

// windowCache keeps the windows of the last sizes met: the frames of one video share theirs.
var windowCache struct {
	sync.Mutex
	of map[axis][]window
}

// axis is the length of one side of a picture before and after.
type axis struct{ in, out int }

const maxWindows = 64

// cubic is the Catmull-Rom kernel, Keys' cubic convolution with a = −1/2.
func cubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return (((x-5)*x+8)*x - 4) * a
	}
	return 0
}

// buffers is memory for one resize at a time.
type buffers struct {
	rows, out []byte
	sums      []int32
}

var scratch = sync.Pool{New: func() any { return new(buffers) }}

// resample returns the region of the frame resized to width × height, packed RGB; the bytes belong to b. Like PIL it
// goes along the rows first, rounds to bytes, then along the columns; an axis that keeps its length is not touched.
func (b *buffers) resample(f sightline.Frame, width, height int, region box) []byte {
	columns := windows(f.Width, width)[region.x : region.x+region.width]
	lines := windows(f.Height, height)[region.y : region.y+region.height]
	first, last := lines[0].start, 0
	for _, l := range lines {
		first, last = min(first, l.start), max(last, l.start+len(l.weights))
	}
	if height == f.Height {
		first, last = region.y, region.y+region.height
	}

	stride := 3 * region.width
	b.rows = grow(b.rows, (last-first)*stride)
	for y := first; y < last; y++ {
		from, to := f.RGB[3*f.Width*y:3*f.Width*(y+1)], b.rows[(y-first)*stride:(y-first+1)*stride]
		if width == f.Width {
			copy(to, from[3*region.x:])
		} else {
			alongRow(to, from, columns)
		}
	}
	if height == f.Height {
		return b.rows
	}
	b.out = grow(b.out, region.height*stride)
	b.sums = grow(b.sums, stride)
	for k, l := range lines {
		alongColumns(b.out[k*stride:(k+1)*stride], b.rows[(l.start-first)*stride:], b.sums, l.weights)
	}
	return b.out
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// alongRow makes one row of packed RGB from another.
func alongRow(to, from []byte, columns []window) {
	for k, c := range columns {
		source := from[3*c.start : 3*(c.start+len(c.weights))]
		red, green, blue := int32(half), int32(half), int32(half)
		for _, w := range c.weights {
			p := (*[3]byte)(source)
			red += int32(p[0]) * w
			green += int32(p[1]) * w
			blue += int32(p[2]) * w
			source = source[3:]
		}
		pixel := to[3*k : 3*k+3]
		pixel[0], pixel[1], pixel[2] = clip(red), clip(green), clip(blue)
	}
}

// alongColumns makes one row from as many rows as there are weights, len(to) bytes each, one behind the other.
func alongColumns(to, rows []byte, sums []int32, weights []int32) {
	for x := range sums {
		sums[x] = half
	}
	for k, w := range weights {
		row := rows[k*len(to) : (k+1)*len(to)]
		for x, v := range row[:len(sums)] {
			sums[x] += int32(v) * w
		}
	}
	for x, s := range sums {
		to[x] = clip(s)
	}
}

// half rounds to nearest when the fraction is cut off.
const half = 1 << (precision - 1)

func clip(sum int32) byte { return byte(min(max(sum>>precision, 0), 255)) }
