package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sightline/align"
	"sightline/align/emcl"
	"sightline/align/meanpool"
	"sightline/engine"
	"sightline/engine/enginetest"
)

// BenchmarkQueryEMCL asks a query, one sentence from its stored vector to its similarities with ten thousand videos, of a
// model with EMCL's frozen bases and of one without, in turn: their difference is less than what a minute changes of either.
// It reports the medians of both and their ratio, which may be 1.05.
func BenchmarkQueryEMCL(b *testing.B) {
	const videos, reference = 10_000, 256
	random := source()
	var known []align.Video
	var texts []align.Sentence
	for range reference {
		known = append(known, align.Video{Features: noise(random, 1)})
		texts = append(texts, align.Sentence{Vector: noise(random, 1).Data})
	}
	stored := align.Encoded{N: videos, R: 1, Dim: width, Data: noise(random, videos).Data, Mask: engine.Constant(videos, 1)}
	plain := fitted(b, known, texts)
	frozen := fitted(b, known, texts, align.NamedPart{Name: emcl.Name, Part: emcl.DefaultLayer()})
	ask := func(model *align.Model) time.Duration {
		begin := time.Now()
		sentence, err := model.EncodeTexts(b.Context(), texts[:1])
		if err == nil {
			_, err = model.ScoreBlock(b.Context(), sentence, stored)
		}
		if err != nil {
			b.Fatal(err)
		}
		return time.Since(begin)
	}
	ask(plain) // compiles
	ask(frozen)
	var without, with []time.Duration
	for b.Loop() {
		if rand.IntN(2) == 0 { // what comes second pays for the garbage of the first
			without, with = append(without, ask(plain)), append(with, ask(frozen))
		} else {
			with, without = append(with, ask(frozen)), append(without, ask(plain))
		}
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return d[len(d)/2].Seconds() * 1e3
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(without), "ms/plain")
	b.ReportMetric(median(with), "ms/EMCL")
	b.ReportMetric(median(with)/median(without), "EMCL/plain")
}

func fitted(b *testing.B, videos []align.Video, texts []align.Sentence, parts ...align.NamedPart) *align.Model {
	model, err := align.New(enginetest.Open(b), align.Stored{VideoDim: width, TextDim: width}, meanpool.Head{}, 1, parts...)
	if err == nil {
		err = model.Fit(b.Context(), videos, texts)
	}
	if err != nil {
		b.Fatal(err)
	}
	return model
}
