package tighttransf_test

import (
	"testing"

	"sightline/align/aligntest"
	"sightline/align/tighttransf"
	"sightline/internal/golden"
	"strings"
)

// The official loss takes the logits without a scale.
func TestGoldenCLIP4ClipTightTransf(t *testing.T) {
	vectors := golden.Open(t, "retrieval", "clip4clip_tight.npz")
	layers := 0
	for name := range vectors.Archive {
		if strings.HasPrefix(name, "w/cross.transformer.resblocks.") && strings.HasSuffix(name, "ln_1.weight") {
			layers++
		}
	}
	aligntest.Golden{
		Vectors: vectors, Head: &tighttransf.Head{Layers: layers, Heads: int(vectors.Scalar("heads"))},
		Text: "sequence", Video: "visual", Mask: "video_mask", Scale: 1,
		Scores: "sim", Loss: "loss", TextGrad: "dseq", VideoGrad: "dvis",
		WeightPrefix: "w/",
	}.Check(t)
}

func TestHead(t *testing.T) {
	aligntest.Head(t, &tighttransf.Head{Layers: 2, Heads: 4, Positions: 9, Dropout: 0.1})
}
