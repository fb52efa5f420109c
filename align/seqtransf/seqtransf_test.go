package seqtransf_test

import (
	"testing"

	"sightline/align/aligntest"
	"sightline/align/seqtransf"
	"sightline/internal/golden"
	"strings"
)

// The official scores carry the logit scale of 100.
func TestGoldenCLIP4ClipSeqTransf(t *testing.T) {
	vectors := golden.Open(t, "retrieval", "clip4clip_loose.npz")
	layers := 0
	for name := range vectors.Archive {
		if strings.HasPrefix(name, "w/transformerClip.resblocks.") && strings.HasSuffix(name, "ln_1.weight") {
			layers++
		}
	}
	aligntest.Golden{
		Vectors: vectors, Head: &seqtransf.Head{Layers: layers, Heads: int(vectors.Scalar("heads"))},
		Text: "sequence", Video: "visual", Mask: "video_mask", Scale: 100, Scaled: true,
		Scores: "seqTransf/sim", Loss: "seqTransf/loss", TextGrad: "seqTransf/dseq", VideoGrad: "seqTransf/dvis",
		WeightPrefix: "w/", GradPrefix: "g/seqTransf/",
	}.Check(t)
}

func TestHead(t *testing.T) { aligntest.Head(t, &seqtransf.Head{Layers: 2, Heads: 4, Positions: 8}) }
