package bench

import (
	"math/rand/v2"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/calm"
	"sightline/align/meanpool"
	"sightline/align/seqlstm"
	"sightline/align/seqtransf"
	"sightline/align/tighttransf"
	"sightline/align/tmass"
	"sightline/align/xpool"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/train"
)

// tightPairs is a batch of tightTransf, which runs its transformer on every pair of it.
const tightPairs = 16

// BenchmarkTrainAdapters takes steps of meanP on stored features with residual adapters on both towers.
func BenchmarkTrainAdapters(b *testing.B) { head(b, meanpool.Head{}, pairs, width) }

// The training step of each head as its paper has it, on frozen features without adapters: loss, gradients, clipping, AdamW.

func BenchmarkTrainSeqLSTM(b *testing.B)   { head(b, seqlstm.Head{}, pairs, 0) }
func BenchmarkTrainSeqTransf(b *testing.B) { head(b, seqtransf.Default(), pairs, 0) }
func BenchmarkTrainTight(b *testing.B)     { head(b, tighttransf.Default(), tightPairs, 0) }
func BenchmarkTrainXPool(b *testing.B)     { head(b, xpool.Default(), pairs, 0) }

// BenchmarkTrainXPoolClosed is X-Pool without dropout, which needs no vector for every pair.
func BenchmarkTrainXPoolClosed(b *testing.B) { head(b, &xpool.Head{Heads: 1}, pairs, 0) }

// BenchmarkTrainTMASS is T-MASS, which needs one vector more than X-Pool for every pair of text and video.
func BenchmarkTrainTMASS(b *testing.B) { head(b, tmass.Default(), pairs, 0) }

// BenchmarkTrainXPoolCALM is X-Pool with CALM over 157 anchors, which may cost 1.15 times X-Pool alone.
func BenchmarkTrainXPoolCALM(b *testing.B) { head(b, xpool.Default(), pairs, 0, anchored(b)) }

// BenchmarkTrainXPoolClosedCALM is the same over X-Pool without dropout.
func BenchmarkTrainXPoolClosedCALM(b *testing.B) {
	head(b, &xpool.Head{Heads: 1}, pairs, 0, anchored(b))
}

// anchored returns CALM as published, with random anchors.
func anchored(b *testing.B) align.NamedPart {
	part := calm.Default()
	prompts, err := part.Prompts()
	if err != nil {
		b.Fatal(err)
	}
	part.Take(noise(source(), len(prompts)))
	return align.NamedPart{Name: calm.Name, Part: part}
}

// Scoring a thousand texts with a thousand videos.

func BenchmarkScoreXPool(b *testing.B) { score(b, xpool.Default()) }
func BenchmarkScoreTMASS(b *testing.B) { score(b, tmass.Default()) }

func score(b *testing.B, head align.Head) {
	const n = 1000
	model, err := align.New(enginetest.Open(b), align.Stored{VideoDim: width, TextDim: width}, head, 1)
	if err != nil {
		b.Fatal(err)
	}
	random := source()
	videos := align.Encoded{N: n, R: frames, Dim: width, Data: noise(random, n*frames).Data, Mask: engine.Constant(n*frames, 1)}
	texts := align.Encoded{N: n, R: 1, Dim: width, Data: noise(random, n).Data, Mask: engine.Constant(n, 1)}
	measure(b, n*n, "pairs/s", func() error {
		_, err := model.ScoreBlock(b.Context(), texts, videos)
		return err
	})
}

// head measures training steps of a head with parts over adapters of the given hidden width, 0 for none.
func head(b *testing.B, head align.Head, pairs, hidden int, parts ...align.NamedPart) {
	model, err := align.New(enginetest.Open(b), align.Stored{VideoDim: width, TextDim: width, Hidden: hidden}, head, 1, parts...)
	if err != nil {
		b.Fatal(err)
	}
	random := source()
	var batch align.Batch
	for range pairs {
		batch.Videos = append(batch.Videos, align.Video{Features: noise(random, frames)})
		batch.Texts = append(batch.Texts, align.Sentence{Vector: noise(random, 1).Data})
	}
	names := model.Parameters()
	like, err := model.Step(batch, false, random)
	if err != nil {
		b.Fatal(err)
	}
	program, err := model.Gradient(like, names)
	if err != nil {
		b.Fatal(err)
	}
	optimizer := &train.AdamW{Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, Decay: 0.2}
	optimizer.Attach(model.Weights, names)
	measure(b, 1, "steps/s", func() error {
		inputs, err := model.Step(batch, false, random)
		if err != nil {
			return err
		}
		out, err := program.Run(inputs.Arrays()...)
		if err != nil {
			return err
		}
		gradients := make([][]float32, len(names))
		for i := range names {
			gradients[i] = engine.Values(out[1+len(model.Watched())+i])
		}
		if _, err := train.ClipNorm(gradients, 1); err != nil {
			return err
		}
		optimizer.Step(gradients, 1e-4)
		return nil
	})
}

func noise(random *rand.Rand, rows int) sightline.Matrix {
	return sightline.Matrix{Rows: rows, Cols: width, Data: engine.Normal(random, rows*width, 1)}
}
