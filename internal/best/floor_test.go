package best

import (
	"math"
	"sync"
	"testing"
)

func TestFloorOnlyRises(t *testing.T) {
	var f Floor
	f.Reset()
	if f.Value() != math.Inf(-1) {
		t.Errorf("a fresh floor is %v", f.Value())
	}
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 1000 {
				f.Raise(float64(i*4+worker) - 2000)
			}
		})
	}
	group.Wait()
	f.Raise(7)
	if f.Value() != 1999 {
		t.Errorf("the floor is %v, want the highest value", f.Value())
	}
}
