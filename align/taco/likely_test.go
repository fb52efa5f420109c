package taco_test

import (
	"math/rand/v2"
	"testing"

	"sightline"
	"sightline/align/taco"
)

// With all videos as candidates, scores in two stages are the exact ones but for where zero lies; with few, candidates come
// first and the others keep the order of the first stage.
func TestScoreLikely(t *testing.T) {
	c := small()
	m := fresh(t, c)
	texts, videos := encode(t, m, corpus(c, rand.New(rand.NewPCG(3, 4))))
	exact := score(t, m, texts, videos)
	likely := func(count int) taco.Likely {
		l, err := m.ScoreLikely(t.Context(), texts, videos, count)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	all := likely(len(texts) + len(videos))
	if all.Pairs != len(texts)*len(videos) {
		t.Errorf("%d pairs of %d×%d", all.Pairs, len(texts), len(videos))
	}
	sum, shift := exact.Sum(), all.TextToVideo.At(0, 0)-exact.Sum().At(0, 0)
	for i, v := range sum.Data {
		if !near(all.TextToVideo.Data[i]-shift, v, 1e-4) || all.VideoToText.Data[i] != all.TextToVideo.Data[i] {
			t.Fatalf("pair %d scores %v, not %v", i, all.TextToVideo.Data[i]-shift, v)
		}
	}
	first, err := m.FirstScores(t.Context(), texts, videos)
	if err != nil {
		t.Fatal(err)
	}
	one := likely(1)
	check := func(what string, rows, cols int, scores, firsts func(r, c int) float32) {
		for r := range rows {
			best := 0
			for c := range cols {
				if firsts(r, c) > firsts(r, best) {
					best = c
				}
			}
			for c := range cols {
				if (scores(r, c) >= 0) != (c == best) {
					t.Errorf("%s %d: candidate %d scores %v, the only one fused is %d", what, r, c, scores(r, c), best)
				}
				for other := range cols {
					if c != best && other != best && (firsts(r, c) < firsts(r, other)) != (scores(r, c) < scores(r, other)) {
						t.Errorf("%s %d: %d and %d change places", what, r, c, other)
					}
				}
			}
		}
	}
	at := func(m sightline.Matrix, turned bool) func(r, c int) float32 {
		return func(r, c int) float32 {
			if turned {
				r, c = c, r
			}
			return m.At(r, c)
		}
	}
	check("text", len(texts), len(videos), at(one.TextToVideo, false), at(first.Sum(), false))
	check("video", len(videos), len(texts), at(one.VideoToText, true), at(first.Sum(), true))
}
