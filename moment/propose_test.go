package moment

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"sightline"
)

// seconds returns n rows at one a second.
func seconds(n int) []sightline.Span {
	spans := make([]sightline.Span, n)
	for i := range spans {
		spans[i] = sightline.Span{Start: float64(i), End: float64(i + 1)}
	}
	return spans
}

// film returns the similarities of a sentence with a video that has nothing to do with it: its own level, scenes that
// differ a little, and rows that resemble their neighbours.
func film(rng *rand.Rand, rows int, noise float64) []float32 {
	const memory = 0.6
	curve := make([]float32, rows)
	level, scene, state := 0.2+0.01*rng.NormFloat64(), 0.0, 0.0
	for i, cut := 0, 0; i < rows; i++ {
		if i == cut {
			scene, cut = 0.01*rng.NormFloat64(), i+5+rng.IntN(40)
		}
		state = memory*state + math.Sqrt(1-memory*memory)*noise*rng.NormFloat64()
		curve[i] = float32(level + scene + state)
	}
	return curve
}

// plant raises a stretch of the curve and returns it.
func plant(rng *rand.Rand, curve []float32, rows int, by float32) sightline.Span {
	from := rng.IntN(len(curve) - rows + 1)
	for i := range rows {
		curve[from+i] += by
	}
	return sightline.Span{Start: float64(from), End: float64(from + rows)}
}

// halfway is the stretch that search.Searcher narrows a window to: the rows around the best one, inside the window, that
// lie above halfway between the mean of the video and the best. The window is that of 12 rows with the highest mean, of
// those that overlap by 6; its mean is the score.
func halfway(curve []float32) (span sightline.Span, score float64) {
	var mean float64
	for _, v := range curve {
		mean += float64(v) / float64(len(curve))
	}
	score = math.Inf(-1)
	for from := 0; from == 0 || from+6 < len(curve); from += 6 {
		to := min(from+12, len(curve))
		var window float64
		best := from
		for i := from; i < to; i++ {
			window += float64(curve[i]) / float64(to-from)
			if curve[i] > curve[best] {
				best = i
			}
		}
		if window <= score {
			continue
		}
		enough, first, last := (mean+float64(curve[best]))/2, best, best
		for first > from && float64(curve[first-1]) >= enough {
			first--
		}
		for last+1 < to && float64(curve[last+1]) >= enough {
			last++
		}
		span, score = sightline.Span{Start: float64(first), End: float64(last + 1)}, window
	}
	return span, score
}

// TestProposeFindsWhatIsPlanted compares with the rule that search narrows by: the overlap of the first answer with the
// moment, for moments and videos of many lengths.
func TestProposeFindsWhatIsPlanted(t *testing.T) {
	for _, moment := range []int{2, 4, 8, 16, 40} {
		for _, video := range []int{60, 600, 3600} {
			rng := rand.New(rand.NewPCG(uint64(moment), uint64(video)))
			var ours, rule float64
			const films = 40
			for range films {
				curve := film(rng, video, 0.015)
				gold := plant(rng, curve, moment, 0.08)
				found, err := Propose(curve, seconds(video), Bounds{}, 5)
				must(t, err)
				ours += found[0].IoU(gold) / films
				narrowed, _ := halfway(curve)
				rule += narrowed.IoU(gold) / films
			}
			t.Logf("a moment of %2d s in %4d s: mean IoU %.2f, halfway rule %.2f", moment, video, ours, rule)
			if ours < rule-0.02 || ours < 0.25 {
				t.Errorf("a moment of %d s in %d s: mean IoU %.2f, halfway rule %.2f", moment, video, ours, rule)
			}
		}
	}
}

// TestProposeRanksAnArchive looks for the one video of many that holds the moment, by the score of its first proposal and
// by the best window: videos are of all lengths and have levels of their own.
func TestProposeRanksAnArchive(t *testing.T) {
	const videos, archives = 100, 25
	for _, moment := range []int{3, 6, 12, 30} {
		rng := rand.New(rand.NewPCG(uint64(moment), 7))
		var ours, rule float64 // mean reciprocal ranks
		for range archives {
			var scores, windows [videos]float64
			for v := range videos {
				curve := film(rng, 40+rng.IntN(900), 0.015)
				if v == 0 {
					plant(rng, curve, moment, 0.07)
				}
				found, err := Propose(curve, seconds(len(curve)), Bounds{}, 3)
				must(t, err)
				scores[v] = found[0].Score
				_, windows[v] = halfway(curve)
			}
			reciprocal := func(scores [videos]float64) float64 {
				rank := 1
				for _, s := range scores[1:] {
					if s >= scores[0] {
						rank++
					}
				}
				return 1 / float64(rank)
			}
			ours, rule = ours+reciprocal(scores)/archives, rule+reciprocal(windows)/archives
		}
		t.Logf("a moment of %2d s in one of %d videos: MRR %.2f, best window %.2f", moment, videos, ours, rule)
		if ours < rule-0.05 || ours < 0.3 {
			t.Errorf("a moment of %d s in one of %d videos: MRR %.2f, best window %.2f", moment, videos, ours, rule)
		}
	}
}

// TestProposeKeepsQuietOnNoise counts how often a stretch of a video in which nothing happens passes for more than chance.
// Where neighbours are as alike as 0.9, a curve of noise looks as if things went on.
func TestProposeKeepsQuietOnNoise(t *testing.T) {
	for memory, share := range map[float64]float64{0: 0.1, 0.6: 0.2, 0.9: 0.7} {
		rng := rand.New(rand.NewPCG(uint64(100*memory), 3))
		for _, rows := range []int{60, 600} {
			alarms := 0
			const films = 200
			for range films {
				curve, state := make([]float32, rows), rng.NormFloat64()
				for i := range curve {
					state = memory*state + math.Sqrt(1-memory*memory)*rng.NormFloat64()
					curve[i] = float32(0.2 + 0.01*state)
				}
				found, err := Propose(curve, seconds(rows), Bounds{}, 1)
				must(t, err)
				if found[0].Contrast > 1 {
					alarms++
				}
			}
			t.Logf("memory %.1f, %d rows: %d of %d curves of noise pass for more", memory, rows, alarms, films)
			if float64(alarms) > share*films {
				t.Errorf("memory %.1f, %d rows: %d of %d curves of noise pass for more", memory, rows, alarms, films)
			}
		}
	}
}

// TestProposeFindsSeveral wants three moments of one video, in the order of how well they fit, apart from each other.
func TestProposeFindsSeveral(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	curve := film(rng, 900, 0.01)
	gold := []sightline.Span{{Start: 700, End: 712}, {Start: 100, End: 140}, {Start: 400, End: 406}}
	for k, span := range gold {
		for i := int(span.Start); i < int(span.End); i++ {
			curve[i] += float32(0.12 - 0.02*float64(k))
		}
	}
	found, err := Propose(curve, seconds(900), Bounds{}, 3)
	must(t, err)
	for k, span := range gold {
		if len(found) <= k || found[k].IoU(span) < 0.7 {
			t.Fatalf("place %d: got %+v, want %v", k, found, span)
		}
		if p := found[k]; p.Peak < p.Start || p.Peak >= p.End || p.Contrast < 1.5 {
			t.Errorf("place %d: peak %v, contrast %v", k, p.Peak, p.Contrast)
		}
	}
}

func TestProposeEdges(t *testing.T) {
	for name, curve := range map[string][]float32{
		"one row": {0.3}, "two rows": {0.1, 0.3}, "flat": {0.2, 0.2, 0.2, 0.2}, "a drawn step": {0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0},
	} {
		found, err := Propose(curve, seconds(len(curve)), Bounds{}, 3)
		must(t, err)
		if len(found) == 0 || found[0].Start < 0 || found[0].End > float64(len(curve)) || math.IsNaN(found[0].Score) {
			t.Errorf("%s: %+v", name, found)
		}
		if name == "a drawn step" && (found[0].Span != sightline.Span{Start: 4, End: 6}) {
			t.Errorf("%s: %+v", name, found)
		}
		if name == "flat" && math.Abs(found[0].Score-0.2) > 1e-6 {
			t.Errorf("%s: %+v", name, found)
		}
	}
	curve := film(rand.New(rand.NewPCG(6, 6)), 300, 0.01)
	plant(rand.New(rand.NewPCG(7, 7)), curve, 60, 0.1)
	found, err := Propose(curve, seconds(300), Bounds{Shortest: 5, Longest: 20}, 4)
	must(t, err)
	for _, p := range found {
		if p.Length() < 5 || p.Length() > 20 {
			t.Errorf("%v is not of 5 to 20 s", p.Span)
		}
	}
	for _, bad := range []struct {
		curve []float32
		spans []sightline.Span
	}{
		{nil, nil}, {[]float32{1}, seconds(2)}, {[]float32{1, float32(math.NaN())}, seconds(2)},
		{[]float32{1, 2}, []sightline.Span{{Start: 1, End: 2}, {Start: 0, End: 1}}},
	} {
		if _, err := Propose(bad.curve, bad.spans, Bounds{}, 1); err == nil {
			t.Errorf("%v passes for a curve of %v", bad.curve, bad.spans)
		}
	}
}

func TestBackground(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	var b Background
	if got := b.Standard(1); got != 0 {
		t.Errorf("without rows: %v", got)
	}
	for range 50 {
		curve := make([]float32, 100)
		for i := range curve {
			curve[i] = float32(3 + 2*rng.NormFloat64())
		}
		b.Add(curve)
	}
	if got := b.Standard(9); math.Abs(got-3) > 0.15 {
		t.Errorf("9 stands %v deviations above a mean of 3 ± 2", got)
	}
}

func BenchmarkPropose(b *testing.B) {
	for _, rows := range []int{60, 600, 7200} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(9, 9))
			curve, spans := film(rng, rows, 0.015), seconds(rows)
			plant(rng, curve, 12, 0.08)
			for b.Loop() {
				_, err := Propose(curve, spans, Bounds{}, 5)
				must(b, err)
			}
		})
	}
}
