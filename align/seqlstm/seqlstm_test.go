package seqlstm_test

import (
	"testing"

	"sightline/align/aligntest"
	"sightline/align/seqlstm"
	"sightline/internal/golden"
)

// The official scores carry the logit scale of 100.
func TestGoldenCLIP4ClipSeqLSTM(t *testing.T) {
	vectors := golden.Open(t, "retrieval", "clip4clip_loose.npz")
	aligntest.Golden{
		Vectors: vectors, Head: seqlstm.Head{},
		Text: "sequence", Video: "visual", Mask: "video_mask", Scale: 100, Scaled: true,
		Scores: "seqLSTM/sim", Loss: "seqLSTM/loss", TextGrad: "seqLSTM/dseq", VideoGrad: "seqLSTM/dvis",
		WeightPrefix: "w/", GradPrefix: "g/seqLSTM/",
	}.Check(t)
}

func TestHead(t *testing.T) { aligntest.Head(t, seqlstm.Head{}) }
