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

func TestNarrowRefuses(t *testing.T) {
	for _, v := range []float32{65520, -1e6, float32(math.Inf(1)), float32(math.NaN())} {
		if _, ok := Narrow(v); ok {
			t.Errorf("%v passes for a finite float16", v)
		}
	}
}
