package bench

import (
	"math/rand/v2"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/meanpool"
	"sightline/align/seqlstm"
	"sightline/align/seqtransf"
	"sightline/align/tighttransf"
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

// head measures training steps of a head over adapters of the given hidden width, 0 for none.
func head(b *testing.B, head align.Head, pairs, hidden int) {
	model, err := align.New(enginetest.Open(b), align.Stored{VideoDim: width, TextDim: width, Hidden: hidden}, head, 1)
	if err != nil {
		b.Fatal(err)
	}
	random := source()
	var batch align.Batch
	for range pairs {
		batch.Videos = append(batch.Videos, align.Video{Features: noise(random, frames)})
		batch.Texts = append(batch.Texts, align.Sentence{Vector: noise(random, 1).Data})
	}
	names := model.Weights.Names()
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
			gradients[i] = engine.Values(out[1+i])
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
