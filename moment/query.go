package moment

import (
	"fmt"
	"math"

	"sightline/align/locate"
	"sightline/index"
	"sightline/index/scan"
)

// query is a locate.Query ready for a search.
type query struct {
	fused    bool
	gate     [locate.Modalities]float64
	retrieve [locate.Modalities]*index.Probe // of length one, or zero
	locate   [locate.Modalities]*index.Probe
	bound    [locate.Modalities]index.Bound // of retrieve
}

func prepare(q locate.Query, dim int) (*query, error) {
	p := &query{fused: q.Fused}
	var sum float64
	for m := range locate.Modalities {
		p.gate[m] = float64(q.Gate[m])
		if !(p.gate[m] >= 0) {
			return nil, fmt.Errorf("gate %d is %v", m, q.Gate[m])
		}
		sum += p.gate[m]
	}
	if math.Abs(sum-1) > 1e-3 {
		return nil, fmt.Errorf("the gates %v do not sum to 1", q.Gate)
	}
	probe := func(vector []float32, known *index.Probe) (*index.Probe, error) {
		if len(vector) != dim {
			return nil, fmt.Errorf("it has %d dimensions, the corpus has %d", len(vector), dim)
		}
		if known != nil {
			return known, nil
		}
		return index.NewProbe(vector)
	}
	for m := range locate.Modalities {
		var err error
		var known *index.Probe
		if m > 0 && q.Fused {
			known = p.retrieve[0]
		}
		if p.retrieve[m], err = probe(unit(q.Retrieve[m]), known); err == nil {
			p.locate[m], err = probe(q.Locate[m], nil)
		}
		if err != nil {
			return nil, err
		}
		p.bound[m] = p.retrieve[m].Bound()
	}
	return p, nil
}

// unit returns a vector in length one. Zeros stay as they are, and so does what no index takes for a vector.
func unit(v []float32) []float32 {
	n := math.Sqrt(index.Dot(v, v))
	if n == 0 || !(n < index.MaxNorm) {
		return v
	}
	u := make([]float32, len(v))
	for j, x := range v {
		u[j] = float32(float64(x) / n)
	}
	return u
}

// gates returns the weights of a video's modalities: those of the query, or all on the picture where nobody speaks.
func (q *query) gates(v video) [locate.Modalities]float64 {
	if v.spoken < 0 {
		return [locate.Modalities]float64{locate.Visual: 1}
	}
	return q.gate
}

// rows returns a video's first row of a modality.
func (v video) rows(modality int) int {
	if modality == locate.Subtitle {
		return v.spoken
	}
	return v.visual
}

// modalities is how many kinds of row a video has.
func (v video) modalities() int {
	if v.spoken < 0 {
		return 1
	}
	return locate.Modalities
}

// curvesIn returns Σ_m Gate_m·⟨H_m,l, Locate_m⟩ of every query for every clip of a video, [queries][L]. It goes by clips, so
// that each is read once for all queries.
func curvesIn(s index.Segment, v video, queries []*query) [][]float32 {
	curves := make([][]float32, len(queries))
	for i := range curves {
		curves[i] = make([]float32, v.clips)
	}
	for l := range v.clips {
		for i, q := range queries {
			var sum float64
			gate := q.gates(v)
			for m := range v.modalities() {
				sum += gate[m] * float64(s.Product(v.rows(m)+l, q.locate[m]))
			}
			curves[i][l] = float32(sum)
		}
	}
	return curves
}

// fusedCosine returns cos(Σ_m Gate_m·H_m,l, Retrieve).
func (q *query) fusedCosine(s index.Segment, v video, l int) float64 {
	gate := q.gates(v)
	var product, parts, length float64
	for m := range v.modalities() {
		row := v.rows(m) + l
		product += gate[m] * float64(s.Product(row, q.retrieve[m]))
		parts += gate[m] * gate[m] * float64(s.Note(squareNote, row, row+1)[0])
	}
	length = parts
	if v.spoken >= 0 {
		length += 2 * gate[locate.Visual] * gate[locate.Subtitle] * float64(s.Note(crossNote, v.visual+l, v.visual+l+1)[0])
	}
	return quotient(product, length, parts)
}

// plainCosine returns cos(H_m,l, Retrieve_m).
func (q *query) plainCosine(s index.Segment, v video, m, l int) float64 {
	row := v.rows(m) + l
	square := float64(s.Note(squareNote, row, row+1)[0])
	return quotient(float64(s.Product(row, q.retrieve[m])), square, square)
}

// quotient returns the cosine of a vector with the product with a vector of length one, its squared length, and the sum of
// the squared lengths of what it is made of. A vector that is zero but for rounding is unlike everything.
func quotient(product, length, parts float64) float64 {
	if !(length > 0x1p-40*parts) {
		return 0
	}
	return max(-1, min(1, product/math.Sqrt(length)))
}

// mark is a clip's row of a modality, 0 where fused.
type mark struct{ modality, clip int32 }

// cosine returns that of a clip as φ takes it.
func (q *query) cosine(s index.Segment, v video, m mark) float64 {
	if q.fused {
		return q.fusedCosine(s, v, int(m.clip))
	}
	return q.plainCosine(s, v, int(m.modality), int(m.clip))
}

// phi returns φ from the greatest cosine of each modality, of the first alone where fused.
func (q *query) phi(v video, greatest [locate.Modalities]float64) float64 {
	if q.fused {
		return greatest[0]
	}
	var phi float64
	gate := q.gates(v)
	for m := range v.modalities() {
		phi += gate[m] * greatest[m]
	}
	return phi
}

// sides is how many cosines φ is made of.
func (q *query) sides(v video) int {
	if q.fused {
		return 1
	}
	return v.modalities()
}

// phiWithin returns φ as if clips [from, to) were the whole video.
func (q *query) phiWithin(s index.Segment, v video, from, to int) float64 {
	var greatest [locate.Modalities]float64
	for m := range q.sides(v) {
		greatest[m] = -1
		for l := from; l < to; l++ {
			greatest[m] = max(greatest[m], q.cosine(s, v, mark{int32(m), int32(l)}))
		}
	}
	return q.phi(v, greatest)
}

// near covers the rounding in float32 of what a scan.Mix computes from a segment's codes, next to products and sums of
// this size.
const near = 0x1p-20

// centre is what a query's product with all rows of a segment has in common, and the length of what these share.
type centre struct{ offset, length float64 }

// mixes are what bounds the cosines that φ is made of, but for the rows of a video: one for each side, without and with
// subtitles.
type mixes [2][locate.Modalities]scan.Mix

func (q *query) mixes(s index.Segment) (all mixes) {
	var centres [locate.Modalities]centre
	for m := range centres {
		centres[m].offset, centres[m].length = s.Centre(q.retrieve[m])
	}
	for spoken, v := range []video{{spoken: -1}, {}} {
		for n := range q.sides(v) {
			all[spoken][n] = q.mix(centres, v, n)
		}
	}
	return all
}

func (q *query) mix(centres [locate.Modalities]centre, v video, n int) (mix scan.Mix) {
	gate := q.gates(v)
	side := func(m int, g float64) scan.Side {
		b := q.bound[m]
		return scan.Side{
			Step:  float32(g * b.Step),
			Slack: above(g * (b.Slack + near*b.Longest) * (1 + near)),
			Norm:  above(g * b.Norm * (1 + near)), Weight: float32(g * g),
		}
	}
	var offset, margin float64
	add := func(m int, g float64) {
		offset += g * centres[m].offset
		margin += g * (q.bound[m].Rounding*centres[m].length + near*math.Abs(centres[m].offset))
	}
	if q.fused {
		mix.First = side(locate.Visual, gate[locate.Visual])
		add(locate.Visual, gate[locate.Visual])
		if v.spoken >= 0 {
			mix.Second = side(locate.Subtitle, gate[locate.Subtitle])
			mix.CrossWeight = float32(2 * gate[locate.Visual] * gate[locate.Subtitle])
			add(locate.Subtitle, gate[locate.Subtitle])
		}
	} else {
		mix.First = side(n, 1)
		add(n, 1)
	}
	mix.Offset, mix.Margin = float32(offset), above(margin*(1+near))
	return mix
}

// put makes mix that for side n of a video, whose codes have these dot products with the query's.
func (all *mixes) put(mix *scan.Mix, q *query, s index.Segment, v video, n int, dots *[locate.Modalities][]int32) {
	place := func(side *scan.Side, m int) {
		from, to := v.rows(m), v.rows(m)+v.clips
		side.Dots, side.Scale, side.Radius, side.Square = dots[m], s.Scale(from, to), s.Radius(from, to), s.Note(squareNote, from, to)
	}
	*mix = all[v.modalities()-1][n]
	place(&mix.First, n)
	if q.fused && v.spoken >= 0 {
		place(&mix.Second, locate.Subtitle)
		mix.Cross = s.Note(crossNote, v.visual, v.visual+v.clips)
	}
}

// above returns a float32 that is not less than v.
func above(v float64) float32 { return math.Nextafter32(float32(v), math.MaxFloat32) }
