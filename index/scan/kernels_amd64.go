//go:build amd64 && goexperiment.simd

package scan

import (
	"math/bits"
	"simd/archsimd"
)

func kernels() []Kernel {
	var found []Kernel
	if archsimd.X86.AVX512() {
		wide := Kernel{
			Name: "avx512", Dots: inGroups(dotsAVX512), Reach: reach512, Score: score512, Product: productAVX,
			ProductHalf: productF16C, ProductCodes: productCodesAVX2, Cosines: cosines512, Sum: sum512,
		}
		wide.DotsOfMany = oneByOne(wide.Dots)
		if archsimd.X86.AVX512VNNI() {
			best := wide
			best.Name, best.Dots = "avx512vnni", inGroups(dotsVNNI)
			best.DotsOfMany = inTiles(4, tileVNNI, best.Dots)
			found = append(found, best)
		}
		found = append(found, wide)
	}
	if archsimd.X86.AVX2() && hasF16C {
		narrow := Kernel{
			Name: "avx2", Dots: inGroups(dotsAVX2), Reach: reach256, Score: score256, Product: productAVX,
			ProductHalf: productF16C, ProductCodes: productCodesAVX2, Cosines: cosines256, Sum: sum256,
		}
		narrow.DotsOfMany = inTiles(2, tileAVX2, narrow.Dots)
		found = append(found, narrow)
	}
	return append(found, portable)
}

// The integer products are assembly because archsimd of Go 1.26 has neither prefetching nor the VNNI instructions.

//go:noescape
func dotsVNNI(dots *int32, codes *int8, query *int16, width, groups int)

//go:noescape
func dotsAVX512(dots *int32, codes *int8, query *int16, width, groups int)

//go:noescape
func dotsAVX2(dots *int32, codes *int8, query *int16, width, groups int)

//go:noescape
func tileAVX2(dots *int32, codes *int8, queries *int16, width, rows, n int)

//go:noescape
func tileVNNI(dots *int32, codes *int8, queries *int16, width, rows, n int)

// inTiles makes a kernel's DotsOfMany of a function that takes rows of a multiple of high with four queries. Rows that are left
// over are done together with rows before them, once more; fewer than high in all and fewer than four queries go one by one.
func inTiles(
	high int, tile func(dots *int32, codes *int8, queries *int16, width, rows, n int), one func([]int32, []int8, []int16),
) func([]int32, []int8, []int16, int) {
	rest := oneByOne(one)
	return func(dots []int32, codes []int8, queries []int16, width int) {
		if width == 0 || width%Lane != 0 || len(codes)%width != 0 || len(queries)%width != 0 || len(dots) != len(codes)/width*(len(queries)/width) {
			panic("scan: codes, queries and dots do not fit together")
		}
		n := len(codes) / width
		for ; n >= high && len(queries) >= 4*width; dots, queries = dots[4*n:], queries[4*width:] {
			tile(&dots[0], &codes[0], &queries[0], width, n-n%high, n)
			if n%high != 0 {
				tile(&dots[n-high], &codes[(n-high)*width], &queries[0], width, high, n)
			}
		}
		rest(dots, codes, queries, width)
	}
}

// inGroups makes a kernel's Dots of a function that takes four rows at a time. Rows that are left over are done together
// with rows before them, once more; only fewer than four in all are left to the portable loop.
func inGroups(groups func(dots *int32, codes *int8, query *int16, width, groups int)) func([]int32, []int8, []int16) {
	return func(dots []int32, codes []int8, query []int16) {
		w := len(query)
		if w == 0 || w%Lane != 0 || len(codes) != w*len(dots) {
			panic("scan: codes, query and dots do not fit together")
		}
		n := len(dots)
		if n < 4 {
			dotsPortable(dots, codes, query)
			return
		}
		groups(&dots[0], &codes[0], &query[0], w, n/4)
		if n%4 != 0 {
			groups(&dots[n-4], &codes[(n-4)*w], &query[0], w, 1)
		}
	}
}

func reach512(hits []int32, dots []int32, scale, radius []float32, b Bound) []int32 {
	step, slack := archsimd.BroadcastFloat32x16(b.Step), archsimd.BroadcastFloat32x16(b.Slack)
	norm, floor := archsimd.BroadcastFloat32x16(b.Norm), archsimd.BroadcastFloat32x16(b.Floor)
	i := 0
	for ; i+16 <= len(dots); i += 16 {
		d := archsimd.LoadInt32x16Slice(dots[i:]).ConvertToFloat32()
		inner := step.Mul(d).Add(slack)
		upper := archsimd.LoadFloat32x16Slice(scale[i:]).Mul(inner).Add(norm.Mul(archsimd.LoadFloat32x16Slice(radius[i:])))
		for mask := upper.GreaterEqual(floor).ToBits(); mask != 0; mask &= mask - 1 {
			hits = append(hits, int32(i+bits.TrailingZeros16(mask)))
		}
	}
	archsimd.ClearAVXUpperBits()
	return reachFrom(hits, i, dots, scale, radius, b)
}

func reach256(hits []int32, dots []int32, scale, radius []float32, b Bound) []int32 {
	step, slack := archsimd.BroadcastFloat32x8(b.Step), archsimd.BroadcastFloat32x8(b.Slack)
	norm, floor := archsimd.BroadcastFloat32x8(b.Norm), archsimd.BroadcastFloat32x8(b.Floor)
	i := 0
	for ; i+8 <= len(dots); i += 8 {
		d := archsimd.LoadInt32x8Slice(dots[i:]).ConvertToFloat32()
		inner := step.Mul(d).Add(slack)
		upper := archsimd.LoadFloat32x8Slice(scale[i:]).Mul(inner).Add(norm.Mul(archsimd.LoadFloat32x8Slice(radius[i:])))
		for mask := upper.GreaterEqual(floor).ToBits(); mask != 0; mask &= mask - 1 {
			hits = append(hits, int32(i+bits.TrailingZeros8(mask)))
		}
	}
	archsimd.ClearAVXUpperBits()
	return reachFrom(hits, i, dots, scale, radius, b)
}

// Product and sum in one instruction give the same bits as apart, for the product of two float32 is exact in float64.

func score512(x, y []float32) float64 {
	var s0, s1, s2, s3 archsimd.Float64x8
	for y = y[:len(x)]; len(x) >= 32; x, y = x[32:], y[32:] {
		s0 = wide8(x[0:]).MulAdd(wide8(y[0:]), s0)
		s1 = wide8(x[8:]).MulAdd(wide8(y[8:]), s1)
		s2 = wide8(x[16:]).MulAdd(wide8(y[16:]), s2)
		s3 = wide8(x[24:]).MulAdd(wide8(y[24:]), s3)
	}
	var s [32]float64
	s0.StoreSlice(s[0:])
	s1.StoreSlice(s[8:])
	s2.StoreSlice(s[16:])
	s3.StoreSlice(s[24:])
	archsimd.ClearAVXUpperBits()
	return fold(&s, x, y)
}

func wide8(x []float32) archsimd.Float64x8 { return archsimd.LoadFloat32x8Slice(x).ConvertToFloat64() }

func score256(x, y []float32) float64 {
	var s0, s1, s2, s3, s4, s5, s6, s7 archsimd.Float64x4
	for y = y[:len(x)]; len(x) >= 32; x, y = x[32:], y[32:] {
		s0 = s0.Add(wide4(x[0:]).Mul(wide4(y[0:])))
		s1 = s1.Add(wide4(x[4:]).Mul(wide4(y[4:])))
		s2 = s2.Add(wide4(x[8:]).Mul(wide4(y[8:])))
		s3 = s3.Add(wide4(x[12:]).Mul(wide4(y[12:])))
		s4 = s4.Add(wide4(x[16:]).Mul(wide4(y[16:])))
		s5 = s5.Add(wide4(x[20:]).Mul(wide4(y[20:])))
		s6 = s6.Add(wide4(x[24:]).Mul(wide4(y[24:])))
		s7 = s7.Add(wide4(x[28:]).Mul(wide4(y[28:])))
	}
	var s [32]float64
	for i, part := range [...]archsimd.Float64x4{s0, s1, s2, s3, s4, s5, s6, s7} {
		part.StoreSlice(s[4*i:])
	}
	archsimd.ClearAVXUpperBits()
	return fold(&s, x, y)
}

func wide4(x []float32) archsimd.Float64x4 { return archsimd.LoadFloat32x4Slice(x).ConvertToFloat64() }

func sum512(codes []int8) uint64 {
	var zero archsimd.Uint8x64
	var s0, s1 archsimd.Uint64x8
	for ; len(codes) >= 128; codes = codes[128:] {
		s0 = s0.Add(archsimd.LoadInt8x64Slice(codes[0:]).AsUint8x64().SumAbsDiff(zero).AsUint64x8())
		s1 = s1.Add(archsimd.LoadInt8x64Slice(codes[64:]).AsUint8x64().SumAbsDiff(zero).AsUint64x8())
	}
	var parts [8]uint64
	s0.Add(s1).Store(&parts)
	archsimd.ClearAVXUpperBits()
	return total(parts[:]) + sumPortable(codes)
}

func sum256(codes []int8) uint64 {
	var zero archsimd.Uint8x32
	var s0, s1 archsimd.Uint64x4
	for ; len(codes) >= 64; codes = codes[64:] {
		s0 = s0.Add(archsimd.LoadInt8x32Slice(codes[0:]).AsUint8x32().SumAbsDiff(zero).AsUint64x4())
		s1 = s1.Add(archsimd.LoadInt8x32Slice(codes[32:]).AsUint8x32().SumAbsDiff(zero).AsUint64x4())
	}
	var parts [4]uint64
	s0.Add(s1).Store(&parts)
	archsimd.ClearAVXUpperBits()
	return total(parts[:]) + sumPortable(codes)
}

func total(parts []uint64) uint64 {
	var sum uint64
	for _, p := range parts {
		sum += p
	}
	return sum
}
