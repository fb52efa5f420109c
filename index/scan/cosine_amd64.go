//go:build amd64 && goexperiment.simd

package scan

import (
	"math"
	"simd/archsimd"
)

// The order of every sum is that of Mix.bounds, and no product is fused with a sum.

func cosines512(upper []float32, m *Mix) (lower, greatest float32) {
	low := archsimd.BroadcastFloat32x16(float32(math.Inf(-1)))
	high := low
	offset, margin := archsimd.BroadcastFloat32x16(m.Offset), archsimd.BroadcastFloat32x16(m.Margin)
	one, slop := archsimd.BroadcastFloat32x16(1), archsimd.BroadcastFloat32x16(Slop)
	least, share := archsimd.BroadcastFloat32x16(tiny), archsimd.BroadcastFloat32x16(blurred)
	crossed, minus := archsimd.BroadcastFloat32x16(m.CrossWeight), archsimd.BroadcastFloat32x16(-1)
	if len(upper) < 16 {
		return cosinesPortable(upper, m)
	}
	for i := 0; ; {
		middle, reach, parts := m.First.add512(i, offset, margin, archsimd.Float32x16{})
		length := parts
		if m.Cross != nil {
			middle, reach, parts = m.Second.add512(i, middle, reach, parts)
			length = parts.Add(crossed.Mul(archsimd.LoadFloat32x16Slice(m.Cross[i:])))
		}
		clear := length.Greater(share.Mul(parts).Max(least))
		inverse := one.Div(length.Sqrt())
		top := middle.Add(reach).Mul(inverse).Min(one).Merge(one, clear).Add(slop)
		top.StoreSlice(upper[i:])
		low = low.Max(middle.Sub(reach).Mul(inverse).Max(minus).Merge(minus, clear).Sub(slop))
		high = high.Max(top)
		if i += 16; i+16 > len(upper) {
			if i >= len(upper) {
				break
			}
			i = len(upper) - 16 // some once more
		}
	}
	var lows, highs [16]float32
	low.Store(&lows)
	high.Store(&highs)
	archsimd.ClearAVXUpperBits()
	return greatestOf(lows[:]), greatestOf(highs[:])
}

func (s *Side) add512(i int, middle, reach, parts archsimd.Float32x16) (_, _, _ archsimd.Float32x16) {
	scale := archsimd.LoadFloat32x16Slice(s.Scale[i:])
	dots := archsimd.LoadInt32x16Slice(s.Dots[i:]).ConvertToFloat32()
	middle = middle.Add(archsimd.BroadcastFloat32x16(s.Step).Mul(scale).Mul(dots))
	reach = reach.Add(archsimd.BroadcastFloat32x16(s.Slack).Mul(scale))
	reach = reach.Add(archsimd.BroadcastFloat32x16(s.Norm).Mul(archsimd.LoadFloat32x16Slice(s.Radius[i:])))
	return middle, reach, parts.Add(archsimd.BroadcastFloat32x16(s.Weight).Mul(archsimd.LoadFloat32x16Slice(s.Square[i:])))
}

func cosines256(upper []float32, m *Mix) (lower, greatest float32) {
	low := archsimd.BroadcastFloat32x8(float32(math.Inf(-1)))
	high := low
	offset, margin := archsimd.BroadcastFloat32x8(m.Offset), archsimd.BroadcastFloat32x8(m.Margin)
	one, slop := archsimd.BroadcastFloat32x8(1), archsimd.BroadcastFloat32x8(Slop)
	least, share := archsimd.BroadcastFloat32x8(tiny), archsimd.BroadcastFloat32x8(blurred)
	crossed, minus := archsimd.BroadcastFloat32x8(m.CrossWeight), archsimd.BroadcastFloat32x8(-1)
	if len(upper) < 8 {
		return cosinesPortable(upper, m)
	}
	for i := 0; ; {
		middle, reach, parts := m.First.add256(i, offset, margin, archsimd.Float32x8{})
		length := parts
		if m.Cross != nil {
			middle, reach, parts = m.Second.add256(i, middle, reach, parts)
			length = parts.Add(crossed.Mul(archsimd.LoadFloat32x8Slice(m.Cross[i:])))
		}
		clear := length.Greater(share.Mul(parts).Max(least))
		inverse := one.Div(length.Sqrt())
		top := middle.Add(reach).Mul(inverse).Min(one).Merge(one, clear).Add(slop)
		top.StoreSlice(upper[i:])
		low = low.Max(middle.Sub(reach).Mul(inverse).Max(minus).Merge(minus, clear).Sub(slop))
		high = high.Max(top)
		if i += 8; i+8 > len(upper) {
			if i >= len(upper) {
				break
			}
			i = len(upper) - 8 // some once more
		}
	}
	var lows, highs [8]float32
	low.Store(&lows)
	high.Store(&highs)
	archsimd.ClearAVXUpperBits()
	return greatestOf(lows[:]), greatestOf(highs[:])
}

func (s *Side) add256(i int, middle, reach, parts archsimd.Float32x8) (_, _, _ archsimd.Float32x8) {
	scale := archsimd.LoadFloat32x8Slice(s.Scale[i:])
	dots := archsimd.LoadInt32x8Slice(s.Dots[i:]).ConvertToFloat32()
	middle = middle.Add(archsimd.BroadcastFloat32x8(s.Step).Mul(scale).Mul(dots))
	reach = reach.Add(archsimd.BroadcastFloat32x8(s.Slack).Mul(scale))
	reach = reach.Add(archsimd.BroadcastFloat32x8(s.Norm).Mul(archsimd.LoadFloat32x8Slice(s.Radius[i:])))
	return middle, reach, parts.Add(archsimd.BroadcastFloat32x8(s.Weight).Mul(archsimd.LoadFloat32x8Slice(s.Square[i:])))
}

func greatestOf(values []float32) float32 {
	greatest := values[0]
	for _, v := range values[1:] {
		greatest = max(greatest, v)
	}
	return greatest
}
