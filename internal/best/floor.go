package best

import (
	"math"
	"sync/atomic"
)

// Floor is a number that several goroutines raise together: what an item must reach to be among the k greatest. The zero
// Floor is 0; Reset makes it −∞.
type Floor struct{ bits atomic.Uint64 }

// Reset puts the floor at −∞.
func (f *Floor) Reset() { f.bits.Store(math.Float64bits(math.Inf(-1))) }

// Value returns the floor.
func (f *Floor) Value() float64 { return math.Float64frombits(f.bits.Load()) }

// Raise lifts the floor to a value above it.
func (f *Floor) Raise(to float64) {
	for old := f.bits.Load(); to > math.Float64frombits(old); old = f.bits.Load() {
		if f.bits.CompareAndSwap(old, math.Float64bits(to)) {
			return
		}
	}
}
