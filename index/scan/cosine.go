package scan

import "math"

// Mix is a run of n rows of one side, or of the same n rows of two sides, beside a query of length one. Its vectors are
// x_i = Σ √Weight·row_i over the sides, and it bounds their cosines with the query from integer dot products:
//
//	cos_i ∈ (Offset + Σ Step·Scale_i·Dots_i ± (Margin + Σ (Slack·Scale_i + Norm·Radius_i))) / length_i ± Slop
//	length_i² = Σ Weight·Square_i + CrossWeight·Cross_i
//
// in float32. What the query's gates contribute is the caller's, who puts it into Step, Slack, Norm, Weight, CrossWeight,
// Offset and Margin, and widens Slack, Norm and Margin for the rounding of the numerator. Slop is for that of the quotient.
type Mix struct {
	First, Second  Side      // Second is the zero Side where there is one
	Cross          []float32 // [n] dot products of the rows of both sides; nil where there is one
	CrossWeight    float32
	Offset, Margin float32
}

// Side is one kind of row in a Mix.
type Side struct {
	Dots                      []int32   // [n] of codes and query
	Scale, Radius             []float32 // [n] of the rows
	Square                    []float32 // [n] squared lengths of the rows
	Step, Slack, Norm, Weight float32
}

// Slop bounds what the rounding of length and quotient moves a cosine: length² is off by less than 2⁻²⁰ of Σ
// Weight·Square and is at least blurred of it, so length is off by less than 2⁻¹³.
const Slop = 0x1p-12

// Where two sides cancel out to less than blurred of Σ Weight·Square, or a length is near the end of float32, the bounds
// are those of any cosine: −1 and 1.
const blurred, tiny = 0x1p-8, 1e-30

// bounds returns between which values cosine i lies, Slop apart.
func (m *Mix) bounds(i int) (lower, upper float32) {
	middle, reach, parts := m.First.add(i, m.Offset, m.Margin, 0)
	length := parts
	if m.Cross != nil {
		middle, reach, parts = m.Second.add(i, middle, reach, parts)
		length = parts + float32(m.CrossWeight*m.Cross[i])
	}
	if !(length > max(float32(blurred*parts), tiny)) {
		return -1, 1
	}
	inverse := 1 / float32(math.Sqrt(float64(length)))
	return max(-1, float32((middle-reach)*inverse)), min(1, float32((middle+reach)*inverse))
}

func (s *Side) add(i int, middle, reach, parts float32) (_, _, _ float32) {
	scale := s.Scale[i]
	middle += float32(float32(s.Step*scale) * float32(s.Dots[i]))
	reach += float32(s.Slack * scale)
	reach += float32(s.Norm * s.Radius[i])
	return middle, reach, parts + float32(s.Weight*s.Square[i])
}

func cosinesPortable(upper []float32, m *Mix) (lower, greatest float32) {
	lower, greatest = float32(math.Inf(-1)), float32(math.Inf(-1))
	for i := range upper {
		low, high := m.bounds(i)
		upper[i] = high + Slop
		lower, greatest = max(lower, low-Slop), max(greatest, high+Slop)
	}
	return lower, greatest
}
