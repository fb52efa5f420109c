// Package scan holds the inner loops of the exact search in package index: integer dot products of one query with many
// rows of int8 codes, the test that tells which of those rows can still reach the best k, bounds of cosines, and true
// scores. Start at Best, which returns the fastest kernel of this machine, and at Kernel, which says what each loop computes.
//
// Every kernel gives the same bits: the dot products are integers, and reach test and score are the same floating-point
// arithmetic everywhere. The portable kernel is always there; the others need amd64 and GOEXPERIMENT=simd.
//
// It knows nothing of files, rows' names or scores; package index gives the numbers their meaning.
package scan

import "unsafe"

// Lane is the unit of row width: rows of codes and queries have a multiple of Lane elements.
const Lane = 64

// MaxAbsCode is the largest magnitude of a code.
const MaxAbsCode = 127

// MaxAbsSum bounds Σ|query[j]|, so that no sum of products with codes leaves an int32.
const MaxAbsSum = (1<<31 - 1) / MaxAbsCode

// Width returns dim rounded up to a multiple of Lane.
func Width(dim int) int { return (dim + Lane - 1) / Lane * Lane }

// Bound turns an integer dot product into an upper bound of a row's score: Scale·(Step·dot + Slack) + Norm·Radius,
// where Scale and Radius belong to the row. Rows under Floor are out.
type Bound struct {
	Step, Slack, Norm, Floor float32
}

// Reaches reports whether a row may reach the floor. Every kernel evaluates exactly this expression: each product and
// each sum is rounded to float32 by itself.
func (b Bound) Reaches(dot int32, scale, radius float32) bool {
	inner := float32(b.Step*float32(dot)) + b.Slack
	upper := float32(scale*inner) + float32(b.Norm*radius)
	return upper >= b.Floor
}

// Kernel is one implementation of the loops.
type Kernel struct {
	Name string

	// Dots sets dots[i] = Σ_j codes[i·w+j]·query[j] with w = len(query), a multiple of Lane. codes holds len(dots)
	// rows with magnitudes up to MaxAbsCode, and Σ|query[j]| is at most MaxAbsSum.
	Dots func(dots []int32, codes []int8, query []int16)

	// DotsOfMany is Dots of several queries of one width, one behind the other: the dot products of query q start at
	// dots[q·n], n being the number of rows.
	DotsOfMany func(dots []int32, codes []int8, queries []int16, width int)

	// Reach appends the positions i for which b.Reaches(dots[i], scale[i], radius[i]) to hits, in rising order. The
	// three slices are of one length.
	Reach func(hits []int32, dots []int32, scale, radius []float32, b Bound) []int32

	// Score returns the dot product of two vectors of one length. Each product is exact in float64; they are summed in
	// float64 into 32 interleaved sums (element i goes to sum i mod 32), which are then folded in halves.
	Score func(x, y []float32) float64

	// Product returns the dot product of two vectors of one length in float32. Element i of the first len(x) mod 32 goes to
	// sum i; the others follow in blocks of 32, each product rounded and added to the sum of its place; the sums are folded
	// in halves.
	Product func(x, y []float32) float32

	// ProductHalf is Product of a vector in float16, whose elements are finite.
	ProductHalf func(x []uint16, y []float32) float32

	// ProductCodes is Product of a row of codes, as long as the query and a multiple of Lane.
	ProductCodes func(x []int8, y []float32) float32

	// Cosines sets upper[i] to the upper bound of cosine i of a mix and returns the highest lower bound and the highest
	// upper bound, −∞ both where upper is empty.
	Cosines func(upper []float32, m *Mix) (lower, greatest float32)

	// Sum adds up the codes as unsigned bytes: the cheapest loop that reads all of them, and so the yardstick of
	// memory speed that a scan is measured against. len(codes) is a multiple of Lane.
	Sum func(codes []int8) uint64
}

var best = kernels()[0]

// Best returns the fastest kernel of this machine.
func Best() Kernel { return best }

// Kernels returns all kernels that this machine can run, fastest first, for tests and benchmarks.
func Kernels() []Kernel { return kernels() }

var portable = Kernel{
	Name: "portable", Dots: dotsPortable, DotsOfMany: oneByOne(dotsPortable), Reach: reachPortable, Score: scorePortable,
	Product: productPortable, ProductHalf: productHalfPortable, ProductCodes: productCodesPortable,
	Cosines: cosinesPortable, Sum: sumPortable,
}

// oneByOne makes DotsOfMany of Dots.
func oneByOne(one func([]int32, []int8, []int16)) func([]int32, []int8, []int16, int) {
	return func(dots []int32, codes []int8, queries []int16, width int) {
		n := len(codes) / width
		for ; len(queries) > 0; dots, queries = dots[n:], queries[width:] {
			one(dots[:n], codes, queries[:width])
		}
	}
}

func dotsPortable(dots []int32, codes []int8, query []int16) {
	w := len(query)
	for i := range dots {
		row := codes[i*w:][:w]
		var a, b, c, d int32
		for j := 0; j+4 <= len(row) && j+4 <= len(query); j += 4 {
			r, q := row[j:j+4:j+4], query[j:j+4:j+4]
			a += int32(r[0]) * int32(q[0])
			b += int32(r[1]) * int32(q[1])
			c += int32(r[2]) * int32(q[2])
			d += int32(r[3]) * int32(q[3])
		}
		dots[i] = a + b + c + d
	}
}

func reachPortable(hits []int32, dots []int32, scale, radius []float32, b Bound) []int32 {
	return reachFrom(hits, 0, dots, scale, radius, b)
}

// reachFrom appends the positions from start on; the vector kernels use it for what is left over.
func reachFrom(hits []int32, start int, dots []int32, scale, radius []float32, b Bound) []int32 {
	for i := start; i < len(dots); i++ {
		if b.Reaches(dots[i], scale[i], radius[i]) {
			hits = append(hits, int32(i))
		}
	}
	return hits
}

func scorePortable(x, y []float32) float64 {
	var s [32]float64
	for y = y[:len(x)]; len(x) >= 32; x, y = x[32:], y[32:] {
		a, b := x[:32:32], y[:32:32]
		for i := range s {
			s[i] += float64(a[i]) * float64(b[i])
		}
	}
	return fold(&s, x, y)
}

// fold adds the products of what is left of two vectors, fewer than 32 elements, to the sums and returns their total.
func fold(s *[32]float64, x, y []float32) float64 {
	for i := range x {
		s[i] += float64(x[i]) * float64(y[i])
	}
	for half := 16; half > 0; half /= 2 {
		for i := range half {
			s[i] += s[i+half]
		}
	}
	return s[0]
}

// sumPortable adds eight bytes at a time: even and odd bytes of a word go to the 16-bit halves of two sums, which are
// emptied before they can overflow.
func sumPortable(codes []int8) uint64 {
	const even = 0x00ff00ff00ff00ff
	words := unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(codes))), len(codes)/8)
	var total uint64
	for len(words) > 0 {
		block := words[:min(len(words), 128)]
		words = words[len(block):]
		var sum uint64
		for _, w := range block {
			sum += w&even + w>>8&even
		}
		total += sum&0xffff + sum>>16&0xffff + sum>>32&0xffff + sum>>48
	}
	return total
}
