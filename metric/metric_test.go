package metric

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sightline"
)

// random returns scores with some signal for the owners, and captions spread unevenly and out of order over the videos;
// the last video has none.
func random(seed uint64, texts, videos int) (sightline.Matrix, []int) {
	r := rand.New(rand.NewPCG(seed, 0))
	owner := make([]int, texts)
	for i := range owner {
		owner[i] = r.IntN(videos - 1)
	}
	sims := sightline.NewMatrix(texts, videos)
	for i := range sims.Data {
		sims.Data[i] = float32(r.NormFloat64())
		if owner[i/videos] == i%videos {
			sims.Data[i] += 1.5
		}
	}
	return sims, owner
}

func judge(t *testing.T, sims sightline.Matrix, owner []int, o Options) Report {
	t.Helper()
	report, err := Judge(sims, owner, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// naive ranks by the definitions, with sorting and full copies.
func naive(sims sightline.Matrix, owner []int) (t2v, v2t, v2c []float64) {
	place := func(own int, scores []float32) float64 {
		var greater, equal float64
		for j, s := range scores {
			if s > scores[own] {
				greater++
			} else if s == scores[own] && j != own {
				equal++
			}
		}
		return greater + equal/2
	}
	for i, v := range owner {
		t2v = append(t2v, place(v, sims.Row(i)))
	}
	for v := range sims.Cols {
		if !slices.Contains(owner, v) {
			continue
		}
		var slots, captions []float32
		best, own := math.Inf(1), 0
		for w := range sims.Cols {
			slot := float32(math.Inf(-1))
			for i, u := range owner {
				if u == w {
					slot = max(slot, sims.At(i, v))
				}
			}
			if slices.Contains(owner, w) {
				if w == v {
					own = len(slots)
				}
				slots = append(slots, slot)
			}
		}
		for i := range owner {
			captions = append(captions, sims.At(i, v))
		}
		for i, u := range owner {
			if u == v {
				best = min(best, place(i, captions))
			}
		}
		v2t = append(v2t, place(own, slots))
		v2c = append(v2c, best)
	}
	return t2v, v2t, v2c
}

func TestRanksFollowTheirDefinition(t *testing.T) {
	for seed := range uint64(20) {
		sims, owner := random(seed, 37, 14)
		if seed%2 == 1 { // with many ties
			for i, v := range sims.Data {
				sims.Data[i] = float32(math.Round(float64(v)))
			}
		}
		ranking := rank(t, sims, owner)
		t2v, v2t, v2c := naive(sims, owner)
		for _, check := range []struct {
			r    Ranks
			want []float64
		}{{ranking.TextToVideo, t2v}, {ranking.VideoToText, v2t}, {ranking.VideoToCaption, v2c}} {
			got := make([]float64, check.r.Queries())
			for i := range got {
				got[i] = check.r.Value(i, Average)
			}
			if !slices.Equal(got, check.want) {
				t.Fatalf("seed %d, %s:\n got %v\nwant %v", seed, check.r.Protocol, got, check.want)
			}
		}
	}
}

func TestBlocksGiveTheRanksOfTheWhole(t *testing.T) {
	sims, owner := random(3, 41, 9)
	want := rank(t, sims, owner)
	for _, size := range []int{1, 2, 7, 40, 41} {
		blocks := func(yield func(sightline.Matrix, error) bool) {
			reused := make([]float32, size*sims.Cols)
			for i := 0; i < sims.Rows; i += size {
				n := copy(reused, sims.Data[i*sims.Cols:min(i+size, sims.Rows)*sims.Cols])
				if !yield(sightline.Matrix{Rows: n / sims.Cols, Cols: sims.Cols, Data: reused[:n]}, nil) {
					return
				}
			}
		}
		got, err := RankRows(sims.Rows, sims.Cols, owner, blocks)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("blocks of %d rows rank differently from the whole", size)
		}
	}
}

func TestConsistentPermutationChangesNothing(t *testing.T) {
	sims, owner := random(5, 60, 20)
	r := rand.New(rand.NewPCG(1, 2))
	texts, videos := r.Perm(sims.Rows), r.Perm(sims.Cols)
	shuffled, shuffledOwner := sightline.NewMatrix(sims.Rows, sims.Cols), make([]int, sims.Rows)
	for i, to := range texts {
		for j, v := range videos {
			shuffled.Data[to*sims.Cols+v] = sims.At(i, j)
		}
		shuffledOwner[to] = videos[owner[i]]
	}
	options := Options{Resamples: -1}
	a, b := judge(t, sims, owner, options), judge(t, shuffled, shuffledOwner, options)
	for n := range a.Results {
		x, y := a.Results[n].Summary, b.Results[n].Summary
		for m, estimate := range x.estimates() {
			near(t, fmt.Sprintf("%s, number %d", x.Protocol, m), y.estimates()[m].Value, estimate.Value, 1e-9)
		}
	}
}

func TestMonotoneTransformKeepsRanks(t *testing.T) {
	sims, owner := random(6, 50, 20)
	want := rank(t, sims, owner)
	for i, v := range sims.Data {
		sims.Data[i] = 3*v + 0.5*v*v*v
	}
	if !reflect.DeepEqual(rank(t, sims, owner), want) {
		t.Error("a strictly increasing transform changed the ranks")
	}
}

// TestTiesEarnNothing: constant scores know nothing, and no default may make them look as if they did.
func TestTiesEarnNothing(t *testing.T) {
	_, owner := random(7, 90, 30)
	constant := sightline.NewMatrix(90, 30)
	for i := range constant.Data {
		constant.Data[i] = 0.25
	}
	for _, ranks := range rank(t, constant, owner).All() {
		chance, err := ranks.Chance([]int{1, 5, 10})
		if err != nil {
			t.Fatal(err)
		}
		average := summarize(t, ranks, Options{Resamples: -1})
		if average.TiedQueries != ranks.Queries() {
			t.Errorf("%s: %d of %d queries reported as tied", ranks.Protocol, average.TiedQueries, ranks.Queries())
		}
		for i, recall := range average.Recall {
			if recall.Value > chance.Recall[i].Value {
				t.Errorf("%s: constant scores reach R@%d %v, chance is %v", ranks.Protocol, recall.K, recall.Value, chance.Recall[i].Value)
			}
		}
		if ranks.Protocol == VideoToCaption {
			continue // own captions tie with each other there, so the best of them has no place of its own
		}
		near(t, "median rank of constant scores", average.MedianRank.Value, chance.MedianRank.Value, 1e-9)
		near(t, "mean rank of constant scores", average.MeanRank.Value, chance.MeanRank.Value, 1e-9)
		expected := summarize(t, ranks, Options{Resamples: -1, Ties: Expected})
		for m, estimate := range expected.estimates() {
			near(t, fmt.Sprintf("%s: expected number %d of constant scores", ranks.Protocol, m), estimate.Value, chance.estimates()[m].Value, 1e-9)
		}
	}
}

// TestExpectedTiesAreTheMeanOverOrders breaks ties at random many times; the mean must be what Expected computes at once.
func TestExpectedTiesAreTheMeanOverOrders(t *testing.T) {
	sims, _ := random(8, 40, 40)
	for i, v := range sims.Data {
		sims.Data[i] = float32(math.Round(float64(v)))
	}
	expected := summarize(t, rank(t, sims, nil).TextToVideo, Options{Resamples: -1, Ties: Expected})
	r := rand.New(rand.NewPCG(9, 9))
	const trials = 400
	var r1, mrr float64
	for range trials {
		broken := sightline.NewMatrix(40, 40)
		for i, v := range sims.Data {
			broken.Data[i] = v + 0.4*r.Float32()
		}
		s := summarize(t, rank(t, broken, nil).TextToVideo, Options{Resamples: -1})
		r1 += s.Recall[0].Value / trials
		mrr += s.Reciprocal.Value / trials
	}
	near(t, "R@1", expected.Recall[0].Value, r1, 0.7)
	near(t, "MRR", expected.Reciprocal.Value, mrr, 0.005)
}

// TestChanceIsWhatRandomScoresReach checks every protocol's closed form against scores without meaning.
func TestChanceIsWhatRandomScoresReach(t *testing.T) {
	_, owner := random(10, 70, 25)
	r := rand.New(rand.NewPCG(4, 4))
	sums := map[Protocol][]float64{}
	const trials = 600
	chance := map[Protocol]Summary{}
	for range trials {
		sims := sightline.NewMatrix(70, 25)
		for i := range sims.Data {
			sims.Data[i] = r.Float32()
		}
		for _, ranks := range rank(t, sims, owner).All() {
			s := summarize(t, ranks, Options{Resamples: -1})
			if sums[ranks.Protocol] == nil {
				sums[ranks.Protocol] = make([]float64, 6)
				c, err := ranks.Chance([]int{1, 5, 10})
				if err != nil {
					t.Fatal(err)
				}
				chance[ranks.Protocol] = c
			}
			for m, estimate := range s.estimates() {
				sums[ranks.Protocol][m] += estimate.Value / trials
			}
		}
	}
	tolerance := []float64{0.8, 1.2, 1.5, 0.5, 0.25, 0.008}
	for protocol, got := range sums {
		c := chance[protocol]
		for m, estimate := range c.estimates() {
			near(t, fmt.Sprintf("%s: chance of %s", protocol, metricNames([]int{1, 5, 10})[m]), estimate.Value, got[m], tolerance[m])
		}
	}
}

func TestNaNIsNamed(t *testing.T) {
	sims, owner := random(11, 30, 12)
	sims.Data[17*12+5] = float32(math.NaN())
	_, err := Judge(sims, owner, Options{})
	if err == nil || !strings.Contains(err.Error(), "text 17 with video 5 is NaN") {
		t.Errorf("error is %v, want the NaN element named", err)
	}
}

func TestBadInputIsRefused(t *testing.T) {
	sims, owner := random(12, 10, 6)
	stranger := slices.Clone(owner)
	stranger[3] = 6
	second := 0
	for name, check := range map[string]struct {
		run  func() error
		want string
	}{
		"not square without owners": {func() error { _, err := Rank(sims, nil); return err }, "10 texts and 6 videos"},
		"too few owners":            {func() error { _, err := Rank(sims, owner[:9]); return err }, "9 owners for 10 texts"},
		"owner out of range":        {func() error { _, err := Rank(sims, stranger); return err }, "text 3 belongs to video 6"},
		"empty":                     {func() error { _, err := Rank(sightline.Matrix{}, nil); return err }, "nothing to rank"},
		"short data": {func() error {
			_, err := Rank(sightline.Matrix{Rows: 2, Cols: 2, Data: make([]float32, 3)}, nil)
			return err
		}, "do not fill"},
		"cut-offs":   {func() error { _, err := Judge(sims, owner, Options{K: []int{5, 1}}); return err }, "cut-offs"},
		"confidence": {func() error { _, err := Judge(sims, owner, Options{Confidence: 95}); return err }, "confidence"},
		"rows missing": {func() error {
			_, err := RankRows(11, 6, append(owner, 0), func(yield func(sightline.Matrix, error) bool) { yield(sims, nil) })
			return err
		}, "ended after 10 of 11"},
		"reader fails": {func() error {
			_, err := RankRows(10, 6, owner, func(yield func(sightline.Matrix, error) bool) { yield(sightline.Matrix{}, errors.New("disk gone")) })
			return err
		}, "disk gone"},
		"passes differ": {func() error {
			_, err := RankRows(10, 6, owner, func(yield func(sightline.Matrix, error) bool) {
				again := sightline.Matrix{Rows: 10, Cols: 6, Data: slices.Clone(sims.Data)}
				again.Data[owner[0]] += float32(second)
				second++
				yield(again, nil)
			})
			return err
		}, "first pass"},
		"other queries": {func() error {
			a := rank(t, sims, owner)
			_, err := Compare(a.TextToVideo, a.VideoToText, Options{})
			return err
		}, "queries"},
		"unknown ties": {func() error { _, err := ParseTies("lucky"); return err }, "lucky"},
	} {
		if err := check.run(); err == nil || !strings.Contains(err.Error(), check.want) {
			t.Errorf("%s: error is %v, want one with %q", name, err, check.want)
		}
	}
}

func BenchmarkRank10000(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	sims := sightline.NewMatrix(10000, 10000)
	for i := range sims.Data {
		sims.Data[i] = r.Float32()
	}
	for b.Loop() {
		if _, err := Rank(sims, nil); err != nil {
			b.Fatal(err)
		}
	}
}
