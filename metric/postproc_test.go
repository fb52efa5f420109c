package metric

import (
	"math"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/internal/golden"
)

func TestGoldenPostProc(t *testing.T) {
	v := golden.Open(t, "retrieval", "postproc.npz")
	test, bank := matrix(v.Array("test")), matrix(v.Array("bank"))
	before := slices.Clone(test.Data)
	for _, c := range []struct {
		process   Transductive
		direction Protocol
		array     string
		metrics   string // "" where the file has none for it
	}{
		{DualSoftmax(), TextToVideo, "dsl_tmass", "R_dsl_tmass_t2v_"},
		{InvertedSoftmax(), TextToVideo, "inv_softmax_t2v_T001", "R_inv_softmax_t2v_T001_t2v_"},
		{InvertedSoftmax(), VideoToText, "inv_softmax_v2t_T001", "R_inv_softmax_v2t_"},
		{QBNorm(bank, 20, 1), TextToVideo, "qb_b20_k1", "R_qb_b20_k1_t2v_"},
		{QBNorm(bank, 5, 3), TextToVideo, "qb_b5_k3", ""},
	} {
		got, err := c.process.Apply(test, c.direction)
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, c.array, got.Data, v.Array(c.array).Float32s(), golden.ForwardAbs, golden.ForwardRel)
		if c.metrics == "" {
			continue
		}
		ranking := rank(t, got, nil)
		ranks := ranking.TextToVideo
		if c.direction == VideoToText {
			ranks = ranking.VideoToText
		}
		same(t, v, c.metrics, "MedianR", "MeanR", summarize(t, ranks, everyK))
	}
	same(t, v, "R_test_t2v_", "MedianR", "MeanR", summarize(t, rank(t, test, nil).TextToVideo, everyK))
	if !slices.Equal(before, test.Data) {
		t.Error("the similarities themselves were changed")
	}
	var active []float64
	for video, is := range activeVideos(bank, 1) {
		if is {
			active = append(active, float64(video))
		}
	}
	want := v.Array("qb_retrieved_k1").Float64s()
	slices.Sort(want)
	if !slices.Equal(active, want) {
		t.Errorf("active videos are %v, want %v", active, want)
	}
}

// Similarities as large as scaled logits do not overflow.
func TestPostProcessingSurvivesLogits(t *testing.T) {
	sims := sightline.Matrix{Rows: 2, Cols: 2, Data: []float32{1000, 10, -2000, 900}}
	for _, p := range []Transductive{DualSoftmax(), InvertedSoftmax(), QBNorm(sims, 20, 1)} {
		out, err := p.Apply(sims, TextToVideo)
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Finite(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if title := p.Title("meanP"); !strings.Contains(title, "transductive") {
			t.Errorf("the row is called %q", title)
		}
	}
}

func TestPostProcessingRefuses(t *testing.T) {
	sims := sightline.Matrix{Rows: 2, Cols: 2, Data: []float32{1, 2, 3, 4}}
	nan := sightline.Matrix{Rows: 1, Cols: 2, Data: []float32{float32(math.NaN()), 1}}
	for name, c := range map[string]struct {
		process   Transductive
		sims      sightline.Matrix
		direction Protocol
	}{
		"NaN":                {DualSoftmax(), nan, TextToVideo},
		"NaN in the bank":    {QBNorm(nan, 20, 1), sims, TextToVideo},
		"empty bank":         {QBNorm(sightline.Matrix{Cols: 2}, 20, 1), sims, TextToVideo},
		"other videos":       {QBNorm(sightline.NewMatrix(2, 3), 20, 1), sims, TextToVideo},
		"beta 0":             {QBNorm(sims, 0, 1), sims, TextToVideo},
		"k 0":                {QBNorm(sims, 20, 0), sims, TextToVideo},
		"k beyond":           {QBNorm(sims, 20, 3), sims, TextToVideo},
		"video to text bank": {QBNorm(sims, 20, 1), sims, VideoToText},
	} {
		if _, err := c.process.Apply(c.sims, c.direction); sightline.KindOf(err) != sightline.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}
