package moment

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sightline/internal/golden"
)

// probabilities are those of the golden file, [videos][clips].
func probabilities(t *testing.T) (start, end [][]float32) {
	v := golden.Open(t, "moments", "tvr_eval/span_probs.npz")
	rows := func(name string) (rows [][]float32) {
		array := v.Array(name)
		return slices.Collect(slices.Chunk(array.Float32s(), array.Shape[1]))
	}
	return rows("st"), rows("ed")
}

func TestGoldenSpanWindow(t *testing.T) {
	v := golden.Open(t, "moments", "tvr_eval/span_probs.npz")
	var bounds struct {
		Min int `json:"min_pred_l"`
		Max int `json:"max_pred_l"`
	}
	golden.JSON(t, "moments", "tvr_eval/span_probs_svmr.json", &bounds)
	mask := v.Array("len_mask")
	clips := mask.Shape[0]
	ones := slices.Repeat([]float32{1}, clips)
	r := NewRanking(clips*clips, Window{bounds.Min, bounds.Max})
	if err := r.Add(0, 1, ones, ones); err != nil {
		t.Fatal(err)
	}
	got := make([]float32, clips*clips)
	for _, c := range r.Best() {
		got[c.Start*clips+c.End] = c.Score
	}
	golden.Close(t, "window", got, mask.Float32s(), 0, 0)
}

func TestGoldenSpanTriples(t *testing.T) {
	v := golden.Open(t, "moments", "tvr_eval/span_probs.npz")
	start, end := probabilities(t)
	triples := v.Array("triples") // [videos, n, (start, end, score)]
	n, want := triples.Shape[1], triples.Float64s()
	for video := range start {
		got, err := Triples(start[video], end[video], n)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range got {
			w := want[(video*n+i)*3:][:3]
			if c.Start != int(w[0]) || c.End != int(w[1]) || math.Abs(float64(c.Score)-w[2]) > 1e-7 {
				t.Errorf("video %d, place %d: %+v, want %v", video, i, c, w)
			}
		}
	}
}

func TestGoldenSpanSVMR(t *testing.T) {
	start, end := probabilities(t)
	var want struct {
		Clip    float64        `json:"clip_length"`
		Min     int            `json:"min_pred_l"`
		Max     int            `json:"max_pred_l"`
		Size    int            `json:"max_before_nms"`
		Videos  map[string]int `json:"vid2idx"`
		Queries []struct {
			Predictions [][4]float64 `json:"predictions"`
		} `json:"res"`
	}
	golden.JSON(t, "moments", "tvr_eval/span_probs_svmr.json", &want)
	for q := range want.Queries {
		r := NewRanking(want.Size, Window{want.Min, want.Max})
		if err := r.Add(q, 1, start[q], end[q]); err != nil {
			t.Fatal(err)
		}
		best := r.Best()
		if len(best) != len(want.Queries[q].Predictions) {
			t.Errorf("query %d: %d spans, want %d", q, len(best), len(want.Queries[q].Predictions))
			continue
		}
		for i, w := range want.Queries[q].Predictions {
			if w[3] == 0 {
				continue // NumPy leaves the order of equals open
			}
			if s := best[i].Span(want.Clip); s.Start != w[1] || s.End != w[2] || float64(best[i].Score) != w[3] {
				t.Errorf("query %d, place %d: %v with %v, want %v", q, i, s, best[i].Score, w)
			}
		}
	}
}

// Equal scores stand in the order of videos, starts and ends, whatever the order in which they were shown.
func TestRankingTies(t *testing.T) {
	even := slices.Repeat([]float32{0.25}, 4)
	var rankings [][]Candidate
	for _, videos := range [][]int{{0, 1, 2}, {2, 0, 1}, {1, 2, 0}} {
		r := NewRanking(5, Window{2, 4})
		for _, v := range videos {
			if err := r.Add(v, 1, even, even); err != nil {
				t.Fatal(err)
			}
		}
		rankings = append(rankings, r.Best())
	}
	want := []Candidate{{0, 0, 2, 0.0625}, {0, 0, 3, 0.0625}, {0, 1, 3, 0.0625}, {1, 0, 2, 0.0625}, {1, 0, 3, 0.0625}}
	for _, got := range rankings {
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// A ranking is what sorting every span of every video would give.
func TestRankingIsSorting(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		size := 1 + random.IntN(40)
		r := NewRanking(size, Window{1 + random.IntN(3), 4 + random.IntN(20)})
		var all []Candidate
		for video := range 4 {
			start, end := make([]float32, random.IntN(30)), []float32(nil)
			for i := range start {
				start[i] = float32(random.IntN(4)) / 4 // many ties
				end = append(end, float32(random.IntN(4))/4)
			}
			if err := r.Add(video, 2, start, end); err != nil {
				t.Fatal(err)
			}
			for s := range start {
				for e := range end {
					if e-s >= r.window.Min && e-s < r.window.Max {
						all = append(all, Candidate{video, s, e, 2 * start[s] * end[e]})
					}
				}
			}
		}
		slices.SortFunc(all, order)
		if got, want := r.Best(), all[:min(size, len(all))]; !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestRankingRefuses(t *testing.T) {
	nan := float32(math.NaN())
	for name, bad := range map[string]struct {
		weight     float32
		start, end []float32
	}{
		"NaN":      {1, []float32{0.5, nan}, []float32{0.5, 0.5}},
		"negative": {1, []float32{0.5, 0.5}, []float32{-0.5, 0.5}},
		"lengths":  {1, []float32{0.5, 0.5}, []float32{0.5}},
		"weight":   {nan, []float32{0.5, 0.5}, []float32{0.5, 0.5}},
		"infinite": {1, []float32{0.5, float32(math.Inf(1))}, []float32{0.5, 0.5}},
	} {
		r := NewRanking(3, Window{1, 3})
		if err := r.Add(0, bad.weight, bad.start, bad.end); err == nil || len(r.Best()) > 0 {
			t.Errorf("%s: error %v, ranking %v", name, err, r.Best())
		}
	}
}
