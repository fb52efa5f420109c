package meanpool_test

import (
	"testing"

	"sightline/align/aligntest"
	"sightline/align/meanpool"
	"sightline/internal/golden"
)

// The official scores carry the logit scale of 100; the loss is InfoNCE of the scaled scores.
func TestGoldenMeanP(t *testing.T) {
	vectors := golden.Open(t, "retrieval", "clip4clip_loose.npz")
	aligntest.Golden{
		Vectors: vectors, Head: meanpool.Head{},
		Text: "sequence", Video: "visual", Mask: "video_mask", Scale: 100, Scaled: true,
		Scores: "meanP/sim", Loss: "meanP/loss", TextGrad: "meanP/dseq", VideoGrad: "meanP/dvis",
		WeightPrefix: "w/", GradPrefix: "g/meanP/",
	}.Check(t)
}

func TestHead(t *testing.T) { aligntest.Head(t, meanpool.Head{}) }
