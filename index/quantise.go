package index

import (
	"math"
	"math/bits"

	"sightline/index/scan"
)

// How the codes bound the score. A segment has a centre μ, the mean of its rows: embeddings of one encoder share a large
// common part, which would waste the codes' range. A fixed rotation R (see rotate) spreads what is left of a row evenly
// over its W elements, so that no outlying dimension coarsens the others. Row x is stored as codes c with one scale s:
//
//	d = R(x − μ),  s = max|d|/127,  c = round(d/s) in [−127, 127],  e = d − s·c  (what the codes leave out)
//
// For normalised rows ‖e‖ is about 0.0075·‖d‖ whatever the data. A query q is rotated and quantised too, finely:
// p = round(Rq/t) in int16, so Rq = t·p + f. A rotation keeps dot products, so
//
//	⟨x,q⟩ = ⟨μ,q⟩ + ⟨d,Rq⟩ = ⟨μ,q⟩ + s·⟨c,Rq⟩ + ⟨e,Rq⟩ = ⟨μ,q⟩ + s·(t·⟨c,p⟩ + ⟨c,f⟩) + ⟨e,Rq⟩
//
// and by Cauchy–Schwarz |⟨e,Rq⟩| ≤ ‖e‖·‖q‖ and |⟨c,f⟩| ≤ 127·√W·‖f‖. ⟨c,p⟩ is an exact integer. So with the stored
// radius r ≥ ‖e‖ and slack = 127·√W·‖f‖:
//
//	score ∈ ⟨μ,q⟩ + s·t·⟨c,p⟩ ± (s·slack + r·‖q‖)
//
// A row whose upper end lies under the k-th highest lower end cannot be among the best k. Rounding of the floating-point
// arithmetic itself is covered by widening r, slack and ‖q‖ a little; each place says by how much.

// rotate multiplies v in place by a fixed orthogonal matrix: random signs, then a Walsh–Hadamard transform of the first p
// elements, p the largest power of two that fits; when that is not all, once more of the last p. The codes in segment
// files depend on it: it never changes within a file version.
func rotate(v []float64) {
	p := 1 << (bits.Len(uint(len(v))) - 1)
	flip(v)
	hadamard(v[:p])
	if p < len(v) {
		flip(v)
		hadamard(v[len(v)-p:])
	}
}

// flip changes the sign of about half the elements: those whose bit is set in a stream of SplitMix64.
func flip(v []float64) {
	for i := range v {
		z := (uint64(i) + 1) * 0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		if z>>63 != 0 {
			v[i] = -v[i]
		}
	}
}

// hadamard is the orthonormal Walsh–Hadamard transform; len(v) is a power of two.
func hadamard(v []float64) {
	for half := 1; half < len(v); half *= 2 {
		for from := 0; from < len(v); from += 2 * half {
			a, b := v[from:from+half], v[from+half:from+2*half]
			for i, x := range a {
				y := b[i]
				a[i], b[i] = x+y, x-y
			}
		}
	}
	scale := 1 / math.Sqrt(float64(len(v)))
	for i := range v {
		v[i] *= scale
	}
}

// quantise writes the codes of row x and returns its scale and radius. d is scratch of len(codes).
func quantise(codes []int8, x []float32, centre []float32, d []float64) (scale, radius float32) {
	clear(d[len(x):])
	for j, v := range x {
		d[j] = float64(v) - float64(centre[j])
	}
	rotate(d)
	var greatest float64
	for _, v := range d {
		greatest = max(greatest, math.Abs(v))
	}
	scale = float32(greatest / scan.MaxAbsCode)
	s, inverse := float64(scale), 0.0
	if scale > 0 {
		inverse = 1 / s
	}
	var left float64 // ‖e‖²
	for j, v := range d {
		c := max(-scan.MaxAbsCode, min(scan.MaxAbsCode, math.RoundToEven(v*inverse)))
		codes[j] = int8(c)
		e := v - s*c
		left += e * e
	}
	// Dot and ⟨μ,q⟩ are float64 sums: each is off by less than W·2⁻⁵² of the product of the lengths, and so is all the
	// arithmetic above, rotations of row and query included.
	rounding := float64(len(d)) * 0x1p-50 * (norm(x) + norm(centre))
	r := math.Sqrt(left)*(1+0x1p-30) + rounding
	return scale, roundUp(r)
}

// codesRadius returns the radius of a row that is what its codes stand for: its score is ⟨s·c, Rq⟩ with Rq rounded to
// float32, which moves it by up to 2⁻²⁴ of the product of the lengths.
func codesRadius(codes []int8, scale float32) float32 {
	var square float64
	for _, c := range codes {
		square += float64(c) * float64(c)
	}
	return roundUp(0x1p-22 * math.Sqrt(square) * float64(scale))
}

// roundUp returns the smallest float32 that is not less than v.
func roundUp(v float64) float32 {
	f := float32(v)
	if float64(f) < v {
		f = math.Nextafter32(f, math.MaxFloat32)
	}
	return f
}

// probe is a query made ready to scan.
type probe struct {
	vector []float32
	turned []float32 // Rq, rounded
	codes  []int16   // p
	step   float64   // t
	slack  float64   // bounds |⟨c,f⟩| for any codes c
	norm   float64   // bounds ‖q‖
}

func newProbe(query []float32) probe {
	width := scan.Width(len(query))
	rotated := make([]float64, width)
	for j, v := range query {
		rotated[j] = float64(v)
	}
	rotate(rotated)
	var greatest, sum float64
	for _, v := range rotated {
		a := math.Abs(v)
		greatest, sum = max(greatest, a), sum+a
	}
	p := probe{
		vector: query,
		turned: make([]float32, width),
		codes:  make([]int16, width),
		// Rounding adds at most one half to each |p|, so that Σ|p| stays below scan.MaxAbsSum.
		step: max(greatest/math.MaxInt16, sum/float64(scan.MaxAbsSum-width)),
		norm: norm(query) * (1 + 0x1p-30),
	}
	var left float64 // ‖f‖²
	for j, v := range rotated {
		p.turned[j] = float32(v)
		c := 0.0
		if p.step > 0 {
			c = math.RoundToEven(v / p.step)
		}
		p.codes[j] = int16(c)
		f := v - p.step*c
		left += f * f
	}
	// The last term covers the rounding of f itself.
	p.slack = scan.MaxAbsCode * math.Sqrt(float64(width)) * (math.Sqrt(left)*(1+0x1p-30) + 0x1p-50*p.norm)
	return p
}

// score returns the true score of row i: its dot product with the query. scratch has the width of the codes.
func (s *segment) score(kernel scan.Kernel, i int, p *probe, scratch []float32) float64 {
	switch s.Precision {
	case Half:
		return kernel.Score(widen(scratch, s.half(i)), p.vector)
	case Codes:
		return float64(s.scale[i]) * kernel.Score(unpack(scratch, s.code(i)), p.turned)
	}
	return kernel.Score(s.vector(i), p.vector)
}

// unpack returns codes as float32.
func unpack(to []float32, codes []int8) []float32 {
	to = to[:len(codes)]
	for j, c := range codes {
		to[j] = float32(c)
	}
	return to
}

// bounds returns what is known of a row's score from its codes: it lies in [lower, upper]. offset is ⟨μ,q⟩.
func (p *probe) bounds(offset float64, dot int32, scale, radius float32) (lower, upper float64) {
	middle := offset + float64(scale)*p.step*float64(dot)
	reach := float64(scale)*p.slack + float64(radius)*p.norm
	reach += 0x1p-50 * (math.Abs(middle) + math.Abs(offset) + reach) // the rounding of this very sum
	return middle - reach, middle + reach
}

// coarse returns bounds' upper end as the kernels compute it in float32, for rows that must reach floor. It is in units
// of the query's length, so that the size of the query cannot leave float32. The kernel's rounding (six operations and
// three conversions, each by at most 2⁻²⁴ of a value that is at most s·(127·√W·‖q‖ + slack) or r·‖q‖) is covered by the
// larger slack and norm; rounding of floor − offset, and underflow, by the lower floor.
func (p *probe) coarse(offset, floor float64) scan.Bound {
	unit := p.norm
	if unit == 0 {
		unit = 1
	}
	largest := scan.MaxAbsCode*math.Sqrt(float64(len(p.codes)))*p.norm + p.slack
	low := floor - offset
	low -= 0x1p-22*math.Abs(low) + 0x1p-48*(math.Abs(floor)+math.Abs(offset))
	return scan.Bound{
		Step:  float32(p.step / unit),
		Slack: roundUp((p.slack + 0x1p-20*largest) / unit),
		Norm:  1 + 0x1p-20,
		Floor: float32(low/unit - 1e-30),
	}
}
