package reloclnet_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/locate"
	"sightline/engine/enginetest"
	"sightline/feature/npy"
	"sightline/internal/golden"
)

// ranked is one row of the official lists: video, start and end in seconds, score.
type ranked struct {
	video      int
	start, end float64
	score      float64
}

// task is one official list a query.
type task []struct {
	Predictions [][4]float64 `json:"predictions"`
}

// From raw features to the official lists of moments in a corpus (VCMR), moments in the right video (SVMR) and videos (VR):
// padded to the official width, scored by exp(α φ) P_s P_e over the spans of allowed length. Scores agree to 1e-3, and rows
// change places only where scores agree to 1e-4.
func TestGoldenMoments(t *testing.T) {
	var setup struct {
		GT []struct {
			Video    string  `json:"vid_name"`
			Duration float64 `json:"duration"`
		} `json:"gt"`
		Index   map[string]int `json:"video2idx"`
		Options struct {
			Alpha float64 `json:"q2c_alpha"`
			Clip  float64 `json:"clip_length"`
			Min   int     `json:"min_pred_l"`
			Max   int     `json:"max_pred_l"`
		} `json:"options"`
		Videos int      `json:"max_n_videos"`
		Config official `json:"config"`
	}
	var expected struct {
		Submission struct{ VCMR, SVMR, VR task } `json:"submission"`
	}
	golden.JSON(t, area, "reloclnet_e2e/setup.json", &setup)
	golden.JSON(t, area, "reloclnet_e2e/expected.json", &expected)
	features := golden.Open(t, area, "reloclnet_e2e/features.npz")

	c := setup.Config.config()
	c.Video, c.Subtitle = setup.Config.Visual-2, setup.Config.Subtitle-2 // the files' widths count the endpoints
	c.Alpha = setup.Options.Alpha
	weights := loaded(t, golden.Open(t, area, "reloclnet_e2e/state_dict.npz"), nil, golden.Vectors{})
	model, err := locate.With(enginetest.Open(t), c, weights)
	if err != nil {
		t.Fatal(err)
	}
	matrix := func(a npy.Array) sightline.Matrix {
		return sightline.Matrix{Rows: a.Shape[0], Cols: a.Shape[1], Data: a.Float32s()}
	}
	names := make([]string, 0, len(setup.Index))
	for name := range setup.Index {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return setup.Index[a] - setup.Index[b] })
	var videos []align.Video
	for i, name := range names {
		v := align.Video{ID: name, Features: matrix(features.Array(fmt.Sprintf("video_%d", i))), Subtitle: matrix(features.Array(fmt.Sprintf("sub_%d", i)))}
		for l := range v.Features.Rows {
			v.Spans = append(v.Spans, sightline.Span{Start: float64(l) * setup.Options.Clip, End: float64(l+1) * setup.Options.Clip})
		}
		videos = append(videos, v)
	}
	var texts []align.Sentence
	for i := range setup.GT {
		texts = append(texts, align.Sentence{Tokens: matrix(features.Array(fmt.Sprintf("query_%d", i)))})
	}
	compared, err := model.Compare(t.Context(), texts, videos)
	if err != nil {
		t.Fatal(err)
	}

	// moments lists the spans of one pair of query and video.
	moments := func(q, n int, weight float64) []ranked {
		var list []ranked
		ps, pe := softmax(compared.Start[n].Row(q)), softmax(compared.End[n].Row(q))
		for s := range ps {
			for e := s + setup.Options.Min; e < min(len(pe), s+setup.Options.Max); e++ {
				list = append(list, ranked{setup.Index[names[n]], float64(s) * setup.Options.Clip, float64(e) * setup.Options.Clip, weight * ps[s] * pe[e]})
			}
		}
		return list
	}
	falling := func(list []ranked) []ranked {
		slices.SortStableFunc(list, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
		return list
	}
	for q, gold := range setup.GT {
		var best []ranked
		for n, name := range names {
			best = append(best, ranked{video: setup.Index[name], score: math.Exp(c.Alpha * float64(compared.Similarities.At(q, n)))})
		}
		best = falling(best)[:setup.Videos]
		compareLists(t, fmt.Sprintf("VR of query %d", q), best, expected.Submission.VR[q].Predictions)
		var all []ranked
		for _, video := range best {
			n := slices.IndexFunc(names, func(name string) bool { return setup.Index[name] == video.video })
			all = append(all, moments(q, n, video.score)...)
		}
		compareLists(t, fmt.Sprintf("VCMR of query %d", q), falling(all), expected.Submission.VCMR[q].Predictions)
		compareLists(t, fmt.Sprintf("SVMR of query %d", q), falling(moments(q, slices.Index(names, gold.Video), 1)), expected.Submission.SVMR[q].Predictions)
	}
}

func softmax(logits []float32) []float64 {
	highest, sum := float64(slices.Max(logits)), 0.0
	shares := make([]float64, len(logits))
	for i, v := range logits {
		shares[i] = math.Exp(float64(v) - highest)
		sum += shares[i]
	}
	for i := range shares {
		shares[i] /= sum
	}
	return shares
}

// compareLists wants at every rank the official score, and the official row there or at a rank whose score is the same to
// 1e-4.
func compareLists(t *testing.T, what string, got []ranked, want [][4]float64) {
	t.Helper()
	if len(got) < len(want) || len(want) == 0 {
		t.Errorf("%s: %d rows, want at least %d", what, len(got), len(want))
		return
	}
	near := func(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance*math.Abs(b) }
	for i, row := range want {
		if row[3] == 0 { // the order of zeros is not defined
			continue
		}
		if !near(got[i].score, row[3], 1e-3) {
			t.Errorf("%s: score at rank %d is %v, want %v", what, i+1, got[i].score, row[3])
			return
		}
		at := slices.IndexFunc(got, func(r ranked) bool { return r.video == int(row[0]) && r.start == row[1] && r.end == row[2] })
		if at < 0 {
			t.Errorf("%s: row %d, %v, is missing", what, i+1, row)
		} else if at != i && !near(got[at].score, got[i].score, 1e-4) {
			t.Errorf("%s: row %d, %v, stands at rank %d, and its score %v is not that of rank %d, %v", what, i+1, row, at+1, got[at].score, i+1, got[i].score)
		}
	}
}
