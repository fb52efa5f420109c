// Package half turns float32 into float16, as features and vectors are stored, and back. Start at Narrow and Widen.
package half

import (
	"math"

	"github.com/x448/float16"
)

// Narrow returns the float16 nearest to v, of two equally near ones the even one; ok is false where that is not finite.
func Narrow(v float32) (half uint16, ok bool) {
	h := float16.Fromfloat32(v)
	return h.Bits(), h.IsFinite()
}

// Widen returns the value of a finite float16, exactly: its bits go where float32 has them, and a product puts the bias
// of the exponent right, which serves subnormal numbers, too.
func Widen(half uint16) float32 {
	const bias = 0x1p112 // 2^(127−15)
	return math.Float32frombits(uint32(int32(int16(half))<<13)&0x8fffe000) * bias
}
