package index

import (
	"math"

	"sightline/index/scan"
)

// Segment is a part of a snapshot as it lies in memory, for searches whose unit is more than one row. Its rows are in
// the order in which they were added, and rows of a video that were added together are together. It is read only, and
// must not be used after the snapshot is closed.
type Segment struct{ p *part }

// Segments returns the rows of a snapshot, oldest first, where they lie in this process's memory: those of a Writer, a
// Reader and a Memory do.
func Segments(s Snapshot) (segments []Segment, ok bool) {
	own, ok := s.(*snapshot)
	if !ok {
		return nil, false
	}
	for _, p := range own.parts {
		segments = append(segments, Segment{p})
	}
	return segments, true
}

// Sum is a checksum that names the content of the segment, deletions apart.
func (s Segment) Sum() uint32 { return s.p.sum }

// Len is the number of rows, deleted ones included.
func (s Segment) Len() int { return s.p.rows }

// Live reports whether row i is part of the snapshot.
func (s Segment) Live(i int) bool { return !s.p.isDead(i) }

// Row names row i.
func (s Segment) Row(i int) Row { return s.p.row(i) }

// Dim is the dimension of the vectors.
func (s Segment) Dim() int { return s.p.dim }

// Layout says what is kept of a row.
func (s Segment) Layout() Layout { return s.p.Layout }

// Codes returns the codes of rows [from, to), scan.Width(Dim()) a row.
func (s Segment) Codes(from, to int) []int8 { return s.p.codes[from*s.p.width : to*s.p.width] }

// Scale returns the scales of the codes of rows [from, to).
func (s Segment) Scale(from, to int) []float32 { return s.p.scale[from:to] }

// Radius bounds what the codes of rows [from, to) leave out of them.
func (s Segment) Radius(from, to int) []float32 { return s.p.radius[from:to] }

// Note returns note k of rows [from, to).
func (s Segment) Note(k, from, to int) []float32 { return s.p.notes[k*s.p.rows:][from:to] }

// Centre returns the dot product of the query with what all rows have in common, and the length of that.
func (s Segment) Centre(q *Probe) (offset, length float64) {
	return Dot(s.p.centre, q.vector), norm(s.p.centre)
}

// Product returns the dot product of row i with a query in float32, as the row is kept: in the order of scan.Kernel's
// Product, and where the layout keeps only codes, that of the codes with the rotated query, times their scale.
func (s Segment) Product(i int, q *Probe) float32 {
	kernel := scan.Best()
	switch s.p.Precision {
	case Half:
		return kernel.ProductHalf(s.p.half(i), q.vector)
	case Codes:
		return s.p.scale[i] * kernel.ProductCodes(s.p.code(i), q.turned)
	}
	return kernel.Product(s.p.vector(i), q.vector)
}

// Probe is a query ready to be compared with codes. It may be shared.
type Probe struct{ probe }

// NewProbe makes a query ready; it must be as short and finite as a row.
func NewProbe(query []float32) (*Probe, error) {
	if err := checkVector(query); err != nil {
		return nil, err
	}
	return &Probe{newProbe(query)}, nil
}

// Codes returns the query as the kernels of package scan want it: as long as a row of codes.
func (p *Probe) Codes() []int16 { return p.codes }

// Bound holds what turns a dot product of codes into bounds of Product: with the codes c of a row, its scale s, its radius
// r, and the offset o and length l of its segment's Centre,
//
//	Product ∈ o + Step·s·⟨c, Codes()⟩ ± (Slack·s + Norm·r + Rounding·l)
//
// and Step·|⟨c, Codes()⟩| ≤ Longest.
type Bound struct {
	Step, Slack, Norm, Rounding, Longest float64
}

// Bound returns the query's constants. To what bounds rests on (see quantise.go) they add the rounding of Product: at most
// γ·‖x‖·‖q‖, and ‖x‖ ≤ 127·√W·s + r + l.
func (p *Probe) Bound() Bound {
	width := len(p.codes)
	gamma := scan.ProductError(width) + 0x1p-23
	longest := scan.MaxAbsCode * math.Sqrt(float64(width)) // of codes
	return Bound{
		Step: p.step, Slack: p.slack + gamma*longest*p.norm, Norm: p.norm * (1 + gamma), Rounding: p.norm * gamma,
		Longest: longest*p.norm + p.slack,
	}
}
