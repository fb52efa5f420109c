package bench

import (
	"testing"

	"sightline/align"
	"sightline/align/emcl"
	"sightline/align/meanpool"
	"sightline/engine"
	"sightline/engine/enginetest"
)

// A query: one sentence, from its stored vector to its similarities with ten thousand videos. With frozen bases it may cost
// 1.05 times what it costs without.

func BenchmarkQuery(b *testing.B) { query(b) }
func BenchmarkQueryEMCL(b *testing.B) {
	query(b, align.NamedPart{Name: emcl.Name, Part: emcl.DefaultLayer()})
}

func query(b *testing.B, parts ...align.NamedPart) {
	const videos, reference = 10_000, 256
	model, err := align.New(enginetest.Open(b), align.Stored{VideoDim: width, TextDim: width}, meanpool.Head{}, 1, parts...)
	if err != nil {
		b.Fatal(err)
	}
	random := source()
	var known []align.Video
	var texts []align.Sentence
	for range reference {
		known = append(known, align.Video{Features: noise(random, 1)})
		texts = append(texts, align.Sentence{Vector: noise(random, 1).Data})
	}
	if err := model.Fit(b.Context(), known, texts); err != nil {
		b.Fatal(err)
	}
	stored := align.Encoded{N: videos, R: 1, Dim: width, Data: noise(random, videos).Data, Mask: engine.Constant(videos, 1)}
	measure(b, 1, "queries/s", func() error {
		sentence, err := model.EncodeTexts(b.Context(), texts[:1])
		if err != nil {
			return err
		}
		_, err = model.ScoreBlock(b.Context(), sentence, stored)
		return err
	})
}
