package best

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBestIsTheFrontOfASort(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, k := range []int{1, 2, 7, 100, 2000} {
		all := make([]int, 1000)
		b := New(k, cmp.Compare[int])
		for i := range all {
			all[i] = rng.IntN(300)
			full := b.Full()
			worst := 0
			if full {
				worst = b.Worst()
			}
			if took := b.Offer(all[i]); took != (!full || all[i] > worst) {
				t.Fatalf("k = %d: offering %d beside a worst of %d: took is %v", k, all[i], worst, took)
			}
		}
		slices.SortFunc(all, func(x, y int) int { return y - x })
		if got := b.Sorted(); !slices.Equal(got, all[:min(k, len(all))]) {
			t.Errorf("k = %d: got %v", k, got)
		}
		b.Reset()
		if b.Full() || len(b.Items()) != 0 {
			t.Errorf("k = %d: items are left", k)
		}
	}
}
