// Package half turns float32 into float16, as features and vectors are stored, and back. Start at Narrow and Widen.
package half

import "math"

// Narrow returns the float16 nearest to v, of two equally near ones the even one; ok is false where that is not finite.
func Narrow(v float32) (half uint16, ok bool) {
	const (
		normal   = 0x38800000 // 2⁻¹⁴, the least number with an exponent of its own
		infinite = 0x47800000 // 2¹⁶
		rebias   = (127 - 15) << 23
	)
	bits := math.Float32bits(v)
	sign, magnitude := uint16(bits>>16&0x8000), bits&0x7fffffff
	switch {
	case magnitude >= infinite:
		return sign | 0x7c00, false
	case magnitude < normal:
		// Below ½ + 2⁻¹⁴ float32 has steps of 2⁻²⁴, as float16 has here: the sum rounds, and its last bits are the number.
		return sign | uint16(math.Float32bits(math.Float32frombits(magnitude)+0.5)), true
	}
	magnitude += magnitude>>13&1 + 0xfff - rebias // a carry is what rounds up, into the exponent where it must
	half = uint16(magnitude >> 13)
	return sign | half, half < 0x7c00
}

// Widen returns the value of a finite float16, exactly: its bits go where float32 has them, and a product puts the bias
// of the exponent right, which serves subnormal numbers, too.
func Widen(half uint16) float32 {
	const bias = 0x1p112 // 2^(127−15)
	return math.Float32frombits(uint32(int32(int16(half))<<13)&0x8fffe000) * bias
}
