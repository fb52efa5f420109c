package half

import (
	"math"
	"testing"

	"github.com/x448/float16"
)

func TestEveryFiniteHalf(t *testing.T) {
	for bits := range 1 << 16 {
		h := float16.Frombits(uint16(bits))
		if !h.IsFinite() {
			continue
		}
		got := Widen(uint16(bits))
		if math.Float32bits(got) != math.Float32bits(h.Float32()) {
			t.Fatalf("%#04x widens to %v, want %v", bits, got, h.Float32())
		}
		if back, ok := Narrow(got); !ok || back != uint16(bits) {
			t.Fatalf("%v narrows to %#04x, %v, want %#04x", got, back, ok, bits)
		}
	}
}

// TestNarrowRounds compares with another implementation: around every half, and at and around the middle of every two.
func TestNarrowRounds(t *testing.T) {
	for bits := range 0x7c00 {
		low := float64(Widen(uint16(bits)))
		high := 65536.0
		if bits < 0x7bff {
			high = float64(Widen(uint16(bits + 1)))
		}
		for _, x := range []float64{low, low + (high-low)/4, (low + high) / 2, low + (high-low)*3/4} {
			for _, v := range []float32{float32(x), math.Nextafter32(float32(x), 0), math.Nextafter32(float32(x), 1e9)} {
				for _, v := range []float32{v, -v} {
					want := float16.Fromfloat32(v)
					if got, ok := Narrow(v); ok != want.IsFinite() || ok && got != want.Bits() {
						t.Fatalf("%v narrows to %#04x, %v, want %#04x", v, got, ok, want.Bits())
					}
				}
			}
		}
	}
}

func TestNarrowRefuses(t *testing.T) {
	for _, v := range []float32{65520, -1e6, float32(math.Inf(1)), float32(math.NaN())} {
		if _, ok := Narrow(v); ok {
			t.Errorf("%v passes for a finite float16", v)
		}
	}
}
