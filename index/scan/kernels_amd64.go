//go:build amd64 && goexperiment.simd

package scan

import (
	"math/bits"
	"simd/archsimd"
	"unsafe"
)

func kernels() []Kernel {
	var found []Kernel
	if archsimd.X86.AVX512() {
		found = append(found, Kernel{Name: "avx512", Dots: dots512, Reach: reach512, Sum: sum512})
	}
	if archsimd.X86.AVX2() {
		found = append(found, Kernel{Name: "avx2", Dots: dots256, Reach: reach256, Sum: sum256})
	}
	return append(found, portable)
}

// The codes are widened to int16 and multiplied pairwise into int32 (VPMADDWD). That leaves the query 15 bits of its
// own, so that practically all of the quantisation error is the rows'; archsimd of Go 1.26 has no VNNI instructions,
// and the loop is bound by memory without them.

func at8x64(p *int8, i int) *[64]int8    { return (*[64]int8)(unsafe.Add(unsafe.Pointer(p), i)) }
func at8x32(p *int8, i int) *[32]int8    { return (*[32]int8)(unsafe.Add(unsafe.Pointer(p), i)) }
func at8x16(p *int8, i int) *[16]int8    { return (*[16]int8)(unsafe.Add(unsafe.Pointer(p), i)) }
func at16x32(p *int16, i int) *[32]int16 { return (*[32]int16)(unsafe.Add(unsafe.Pointer(p), 2*i)) }
func at16x16(p *int16, i int) *[16]int16 { return (*[16]int16)(unsafe.Add(unsafe.Pointer(p), 2*i)) }

func dots512(dots []int32, codes []int8, query []int16) {
	w := len(query)
	if w == 0 || w%Lane != 0 || len(codes) != w*len(dots) {
		panic("scan: codes, query and dots do not fit together")
	}
	q := unsafe.SliceData(query)
	n := len(dots)
	i := 0
	for ; i+4 <= n; i += 4 {
		p0 := unsafe.SliceData(codes[i*w:])
		p1 := unsafe.SliceData(codes[(i+1)*w:])
		p2 := unsafe.SliceData(codes[(i+2)*w:])
		p3 := unsafe.SliceData(codes[(i+3)*w:])
		var s0, s1, s2, s3 archsimd.Int32x16
		for j := 0; j < w; j += 32 {
			v := archsimd.LoadInt16x32(at16x32(q, j))
			s0 = s0.Add(archsimd.LoadInt8x32(at8x32(p0, j)).ExtendToInt16().DotProductPairs(v))
			s1 = s1.Add(archsimd.LoadInt8x32(at8x32(p1, j)).ExtendToInt16().DotProductPairs(v))
			s2 = s2.Add(archsimd.LoadInt8x32(at8x32(p2, j)).ExtendToInt16().DotProductPairs(v))
			s3 = s3.Add(archsimd.LoadInt8x32(at8x32(p3, j)).ExtendToInt16().DotProductPairs(v))
		}
		t0 := s0.GetLo().Add(s0.GetHi())
		t1 := s1.GetLo().Add(s1.GetHi())
		t2 := s2.GetLo().Add(s2.GetHi())
		t3 := s3.GetLo().Add(s3.GetHi())
		t := t0.AddPairsGrouped(t1).AddPairsGrouped(t2.AddPairsGrouped(t3))
		t.GetLo().Add(t.GetHi()).Store((*[4]int32)(dots[i:]))
	}
	for ; i < n; i++ {
		p := unsafe.SliceData(codes[i*w:])
		var s archsimd.Int32x16
		for j := 0; j < w; j += 32 {
			v := archsimd.LoadInt16x32(at16x32(q, j))
			s = s.Add(archsimd.LoadInt8x32(at8x32(p, j)).ExtendToInt16().DotProductPairs(v))
		}
		dots[i] = sum8(s.GetLo().Add(s.GetHi()))
	}
	archsimd.ClearAVXUpperBits()
}

func dots256(dots []int32, codes []int8, query []int16) {
	w := len(query)
	if w == 0 || w%Lane != 0 || len(codes) != w*len(dots) {
		panic("scan: codes, query and dots do not fit together")
	}
	q := unsafe.SliceData(query)
	n := len(dots)
	i := 0
	for ; i+4 <= n; i += 4 {
		p0 := unsafe.SliceData(codes[i*w:])
		p1 := unsafe.SliceData(codes[(i+1)*w:])
		p2 := unsafe.SliceData(codes[(i+2)*w:])
		p3 := unsafe.SliceData(codes[(i+3)*w:])
		var s0, s1, s2, s3 archsimd.Int32x8
		for j := 0; j < w; j += 16 {
			v := archsimd.LoadInt16x16(at16x16(q, j))
			s0 = s0.Add(archsimd.LoadInt8x16(at8x16(p0, j)).ExtendToInt16().DotProductPairs(v))
			s1 = s1.Add(archsimd.LoadInt8x16(at8x16(p1, j)).ExtendToInt16().DotProductPairs(v))
			s2 = s2.Add(archsimd.LoadInt8x16(at8x16(p2, j)).ExtendToInt16().DotProductPairs(v))
			s3 = s3.Add(archsimd.LoadInt8x16(at8x16(p3, j)).ExtendToInt16().DotProductPairs(v))
		}
		t := s0.AddPairsGrouped(s1).AddPairsGrouped(s2.AddPairsGrouped(s3))
		t.GetLo().Add(t.GetHi()).Store((*[4]int32)(dots[i:]))
	}
	for ; i < n; i++ {
		p := unsafe.SliceData(codes[i*w:])
		var s archsimd.Int32x8
		for j := 0; j < w; j += 16 {
			v := archsimd.LoadInt16x16(at16x16(q, j))
			s = s.Add(archsimd.LoadInt8x16(at8x16(p, j)).ExtendToInt16().DotProductPairs(v))
		}
		dots[i] = sum8(s)
	}
	archsimd.ClearAVXUpperBits()
}

// sum8 adds up the eight elements.
func sum8(s archsimd.Int32x8) int32 {
	t := s.GetLo().Add(s.GetHi())
	t = t.AddPairs(t)
	t = t.AddPairs(t)
	return t.GetElem(0)
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

func sum512(codes []int8) uint64 {
	p := unsafe.SliceData(codes)
	var zero archsimd.Uint8x64
	var s0, s1 archsimd.Uint64x8
	i := 0
	for ; i+128 <= len(codes); i += 128 {
		s0 = s0.Add(archsimd.LoadInt8x64(at8x64(p, i)).AsUint8x64().SumAbsDiff(zero).AsUint64x8())
		s1 = s1.Add(archsimd.LoadInt8x64(at8x64(p, i+64)).AsUint8x64().SumAbsDiff(zero).AsUint64x8())
	}
	var out [8]uint64
	s0.Add(s1).Store(&out)
	archsimd.ClearAVXUpperBits()
	total := sumPortable(codes[i:])
	for _, x := range out {
		total += x
	}
	return total
}

func sum256(codes []int8) uint64 {
	p := unsafe.SliceData(codes)
	var zero archsimd.Uint8x32
	var s0, s1 archsimd.Uint64x4
	i := 0
	for ; i+64 <= len(codes); i += 64 {
		s0 = s0.Add(archsimd.LoadInt8x32(at8x32(p, i)).AsUint8x32().SumAbsDiff(zero).AsUint64x4())
		s1 = s1.Add(archsimd.LoadInt8x32(at8x32(p, i+32)).AsUint8x32().SumAbsDiff(zero).AsUint64x4())
	}
	var out [4]uint64
	s0.Add(s1).Store(&out)
	archsimd.ClearAVXUpperBits()
	total := sumPortable(codes[i:])
	for _, x := range out {
		total += x
	}
	return total
}
