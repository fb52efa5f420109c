package world

import (
	"fmt"
	"testing"

	"sightline/metric"
)

// oracle returns what the sight can reach on the test split of domain A.
func oracle(t *testing.T, s Sight, rho float64, n int) (t2v, v2t metric.Summary) {
	t.Helper()
	c := New(A, Options{Seed: 1, Extent: Extent{Test: n}, Rho: rho})
	captions, owner := c.Captions(Test)
	summaries, err := s.Ceiling(rho, captions, owner, c.Facts(Test))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range summaries {
		t.Logf("rho %.2f, N=%d, %v, %v: R@1 %.1f  R@5 %.1f  R@10 %.1f  MdR %.1f  MnR %.1f", rho, n, s, m.Protocol,
			m.Recall[0].Value, m.Recall[1].Value, m.Recall[2].Value, m.MedianRank.Value, m.MeanRank.Value)
	}
	return summaries[0], summaries[1]
}

func TestOracleOrdersByWhatItSees(t *testing.T) {
	for _, rho := range []float64{0.55, 0.75, 1} {
		full, fullBack := oracle(t, FullSight, rho, 300)
		blind, blindBack := oracle(t, OrderBlind, rho, 300)
		still, stillBack := oracle(t, Motionless, rho, 300)
		for _, triple := range [][3]metric.Summary{{full, blind, still}, {fullBack, blindBack, stillBack}} {
			a, b, c := triple[0].MeanRank.Value, triple[1].MeanRank.Value, triple[2].MeanRank.Value
			if !(a < b && b < c) {
				t.Errorf("rho %v: mean ranks %v, %v, %v do not grow as sight fails", rho, a, b, c)
			}
		}
		if rho == 1 && full.Recall[0].Value < 99.9 {
			t.Errorf("with every fact stated R@1 is %v", full.Recall[0].Value)
		}
	}
}

// TestLikelihoodIsAProbability sums what a scene's captions may state: the oracle's model of captions must be the one
// that choose draws from.
func TestLikelihoodIsAProbability(t *testing.T) {
	c := New(A, Options{Seed: 5, Extent: Extent{Test: 40}, Rho: 0.75})
	for _, rho := range []float64{0.55, 0.75} {
		for _, f := range c.Facts(Test) {
			seen := map[string]bool{}
			total := 0.0
			r := source(9, captionStream, 0)
			for range 8000 {
				caption := choose(r, f, rho)
				if len(caption.Objects) == 2 && caption.Objects[0].code() > caption.Objects[1].code() {
					caption.Objects[0], caption.Objects[1] = caption.Objects[1], caption.Objects[0]
				}
				if key := keyOf(caption); !seen[key] {
					seen[key] = true
					p := FullSight.likelihood(rho, caption, f)
					if p <= 0 {
						t.Fatalf("%v: caption %+v has likelihood %v", f, caption, p)
					}
					total += p
				}
			}
			if total < 0.97 || total > 1.0001 {
				t.Errorf("rho %v, %v: the likelihoods of what captions state sum to %v", rho, f, total)
			}
		}
	}
}

func (s Stated) code() int { return ((s.Kind+1)*20+s.Colour+1)*200 + (s.Size+1)*20 + s.Motion + 1 }

func keyOf(c Caption) string { return fmt.Sprint(c.Objects, c.Place, c.Camera) }

func TestExpectedRecallBreaksTiesAtRandom(t *testing.T) {
	ranks := metric.Ranks{Greater: []int32{0, 0, 1, 4}, Equal: []int32{0, 1, 3, 0}}
	if got := expectedRecall(ranks, 1); got != 100*(1+0.5+0+0)/4 {
		t.Errorf("R@1 is %v", got)
	}
	if got := expectedRecall(ranks, 3); got != 100*(1+1+0.5+0)/4 {
		t.Errorf("R@3 is %v", got)
	}
}
