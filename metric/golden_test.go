package metric

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"sightline"
	"sightline/feature/npy"
	"sightline/internal/golden"
)

var everyK = Options{K: []int{1, 5, 10, 50}, Resamples: -1}

func matrix(a npy.Array) sightline.Matrix {
	return sightline.Matrix{Rows: a.Shape[0], Cols: a.Shape[1], Data: a.Float32s()}
}

func rank(t *testing.T, sims sightline.Matrix, owner []int) Ranking {
	t.Helper()
	ranking, err := Rank(sims, owner)
	if err != nil {
		t.Fatal(err)
	}
	return ranking
}

func summarize(t *testing.T, r Ranks, o Options) Summary {
	t.Helper()
	summary, err := r.Summarize(o)
	if err != nil {
		t.Fatal(err)
	}
	return summary
}

// same compares a summary with the golden numbers under prefix; median and mean name their keys.
func same(t *testing.T, v golden.Vectors, prefix, median, mean string, s Summary) {
	t.Helper()
	for _, recall := range s.Recall {
		near(t, fmt.Sprintf("%sR%d", prefix, recall.K), recall.Value, v.Scalar(fmt.Sprintf("%sR%d", prefix, recall.K)), 1e-5)
	}
	near(t, prefix+median, s.MedianRank.Value, v.Scalar(prefix+median), 0)
	near(t, prefix+mean, s.MeanRank.Value, v.Scalar(prefix+mean), 1e-12)
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestGoldenMetricsSquare(t *testing.T) {
	v := golden.Open(t, "retrieval", "metrics.npz")
	ranking := rank(t, matrix(v.Array("sq")), nil)
	same(t, v, "sq_t2v_", "MedianR", "MeanR", summarize(t, ranking.TextToVideo, everyK))
	same(t, v, "sq_v2t_", "MedianR", "MeanR", summarize(t, ranking.VideoToText, everyK))
	for i, want := range v.Array("sq_t2v_cols").Ints() {
		if got := int(ranking.TextToVideo.Greater[i]); got != want {
			t.Errorf("rank of text %d is %d, want %d", i, got, want)
		}
	}
}

func TestGoldenMetricsTies(t *testing.T) {
	v := golden.Open(t, "retrieval", "metrics.npz")
	ranking := rank(t, matrix(v.Array("ties")), nil)
	for ties, key := range map[Ties]string{Average: "average", Optimistic: "optimistic", Pessimistic: "pessimistic"} {
		for i, want := range v.Array("ties_rank_" + key).Float64s() {
			near(t, fmt.Sprintf("%s rank of text %d", key, i), ranking.TextToVideo.Value(i, ties), want, 0)
		}
	}
	sameRounded(t, v, "ties_qb_t2v_", summarize(t, ranking.TextToVideo, everyK))
	sameRounded(t, v, "ties_qb_v2t_", summarize(t, ranking.VideoToText, everyK))

	constant := rank(t, sightline.NewMatrix(8, 8), nil)
	sameRounded(t, v, "const8_qb_t2v_", summarize(t, constant.TextToVideo, everyK))
}

// sameRounded compares with Collaborative Experts and QB-Norm, which print Python's round(x, 1) and the geometric mean of
// R@1, R@5 and R@10.
func sameRounded(t *testing.T, v golden.Vectors, prefix string, s Summary) {
	t.Helper()
	rounded := func(key string, x float64) {
		t.Helper()
		got, err := strconv.ParseFloat(strconv.FormatFloat(x, 'f', 1, 64), 64)
		if err != nil {
			t.Fatal(err)
		}
		near(t, prefix+key, got, v.Scalar(prefix+key), 0)
	}
	product := 1.0
	for _, recall := range s.Recall {
		rounded(fmt.Sprintf("R%d", recall.K), recall.Value)
		if recall.K <= 10 {
			product *= recall.Value
		}
	}
	rounded("MedR", s.MedianRank.Value)
	rounded("MeanR", s.MeanRank.Value)
	rounded("geometric_mean_R1-R5-R10", math.Cbrt(product))
}

// TestGoldenMetricsTieMiscount shows what CLIP4Clip and its descendants do with ties, and that ours is another number: they
// append every position of a tie as one more query, so 60 queries become 429, and a constant matrix reports R@5 62.5
// from 64 queries that do not exist.
func TestGoldenMetricsTieMiscount(t *testing.T) {
	v := golden.Open(t, "retrieval", "metrics.npz")
	miscounted := func(prefix string, r Ranks) int {
		var positions []float64
		for i, g := range r.Greater {
			for p := g; p <= g+r.Equal[i]; p++ {
				positions = append(positions, float64(p))
			}
		}
		slices.Sort(positions)
		n := len(positions)
		for _, k := range everyK.K {
			hits := 0
			for _, p := range positions {
				if p < float64(k) {
					hits++
				}
			}
			key := fmt.Sprintf("%sR%d", prefix, k)
			near(t, key, 100*float64(hits)/float64(n), v.Scalar(key), 1e-9)
		}
		near(t, prefix+"MR", (positions[(n-1)/2]+positions[n/2])/2+1, v.Scalar(prefix+"MR"), 0)
		return n
	}
	ties := rank(t, matrix(v.Array("ties")), nil).TextToVideo
	if n, want := miscounted("ties_c4c_t2v_", ties), int(v.Scalar("ties_c4c_nranks")); n != want || n == ties.Queries() {
		t.Errorf("CLIP4Clip makes %d queries of %d, want %d", n, ties.Queries(), want)
	}
	ours := summarize(t, ties, everyK)
	if theirs := v.Scalar("ties_c4c_t2v_R1"); math.Abs(ours.Recall[0].Value-theirs) < 1 {
		t.Errorf("R@1 %v should differ from the miscounted %v", ours.Recall[0].Value, theirs)
	}
	if n := miscounted("const8_c4c_t2v_", rank(t, sightline.NewMatrix(8, 8), nil).TextToVideo); n != 64 {
		t.Errorf("CLIP4Clip makes %d queries of a constant 8×8 matrix, want 64", n)
	}
}

func TestGoldenMetricsMultiCaption(t *testing.T) {
	v := golden.Open(t, "retrieval", "metrics.npz")
	ranking := rank(t, matrix(v.Array("mc")), Owners(v.Array("mc_caps").Ints()))
	t2v := summarize(t, ranking.TextToVideo, everyK)
	same(t, v, "mc_t2v_", "MR", "MeanR", t2v)
	same(t, v, "mc_xpool_t2v_", "MedR", "MeanR", t2v)
	v2t := summarize(t, ranking.VideoToText, everyK)
	same(t, v, "mc_v2t_", "MR", "MeanR", v2t)
	same(t, v, "mc_xpool_v2t_", "MedR", "MeanR", v2t)

	// mc_t2v_MedianR is torch.median, the lower of the middle two; ours is np.median, their mean.
	ranks := make([]float64, ranking.TextToVideo.Queries())
	mean, squares := 0.0, 0.0
	for i := range ranks {
		ranks[i] = ranking.TextToVideo.Value(i, Average)
		mean += ranks[i] / float64(len(ranks))
	}
	for _, r := range ranks {
		squares += (r - mean) * (r - mean) / float64(len(ranks))
	}
	near(t, "population standard deviation of the ranks", math.Sqrt(squares), v.Scalar("mc_t2v_Std_Rank"), 1e-12)
	slices.Sort(ranks)
	near(t, "lower median", ranks[(len(ranks)-1)/2]+1, v.Scalar("mc_t2v_MedianR"), 0)
}

func TestGoldenMetricsBestOwnCaption(t *testing.T) {
	v := golden.Open(t, "retrieval", "metrics.npz")
	all, mask := matrix(v.Array("fx")), v.Array("fx_mask")
	kept := sightline.Matrix{Cols: all.Cols}
	var owner []int
	for i, present := range mask.Ints() {
		if present == 1 {
			kept.Data = append(kept.Data, all.Row(i)...)
			kept.Rows++
			owner = append(owner, i/mask.Shape[1])
		}
	}
	ranking := rank(t, kept, owner)
	sameRounded(t, v, "fx_ce_t2v_", summarize(t, ranking.TextToVideo, everyK))
	sameRounded(t, v, "fx_ce_v2t_", summarize(t, ranking.VideoToCaption, everyK))
}
