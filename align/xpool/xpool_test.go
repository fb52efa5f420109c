package xpool_test

import (
	"testing"

	"math"
	"sightline/align/aligntest"
	"sightline/align/xpool"
	"sightline/internal/golden"
)

// The scores on file are the cosines.
func TestGoldenXPool(t *testing.T) {
	vectors := golden.Open(t, "retrieval", "xpool.npz")
	aligntest.Golden{
		Vectors: vectors, Head: &xpool.Head{Heads: int(vectors.Scalar("heads"))},
		Text: "text", Video: "video", Scale: math.Exp(vectors.Scalar("logit_scale_log")),
		Scores: "sims", Loss: "loss", TextGrad: "dtext", VideoGrad: "dvideo",
		WeightPrefix: "w/", GradPrefix: "g/",
	}.Check(t)
}

func TestHead(t *testing.T) { aligntest.Head(t, &xpool.Head{Heads: 1, Dropout: 0.3}) }

func TestHeadWithSeveralAttentionHeads(t *testing.T) { aligntest.Head(t, &xpool.Head{Heads: 4}) }
