package parallel

import (
	"sync/atomic"
	"testing"
)

func TestRunRunsSoMany(t *testing.T) {
	for _, n := range []int{-1, 0, 1, 2, 9} {
		var ran atomic.Int64
		Run(n, func() { ran.Add(1) })
		if got := ran.Load(); got != int64(max(n, 0)) {
			t.Errorf("%d copies ran, want %d", got, n)
		}
	}
}
