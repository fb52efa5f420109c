package emclnet_test

import (
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/align/aligntest"
	"sightline/align/emcl"
	"sightline/align/emclnet"
	"sightline/align/seqtransf"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/internal/golden"
)

// still is EMCL-Net behind its transformer: the golden frames come after it.
type still struct{ *emclnet.Head }

func (still) Video(_ engine.Vars, frames align.Frames) align.Frames { return frames }

// The loss on file has scale 100.
func TestGoldenEMCLNet(t *testing.T) {
	const scale = 100
	vectors := golden.Open(t, "retrieval", "emcl_net_logits.npz")
	c := vectors.Array("cfg").Float64s()
	head := &emclnet.Head{
		EM:          emcl.EM{Bases: int(c[0]), Iterations: int(c[1]), Momentum: c[2], Lambda: c[3], Beta: c[4], Init: emcl.Official},
		Temperature: c[5],
	}
	floats := func(name string) []float32 { return vectors.Array(name).Float32s() }
	shape := vectors.Array("video").Shape // [B, V, D]
	texts := vectors.Array("cls").Shape[0]
	weights := engine.NewWeights()
	weights.Set("texts", floats("cls"), texts, shape[2])
	weights.Set("videos", floats("video"), shape...)
	weights.Set("em.initial", floats("mu0"), 1, head.Bases)
	program, err := enginetest.Open(t).Gradient(weights, []string{"texts", "videos"}, func(vars engine.Vars, in []*Node) []*Node {
		scores, kept := head.Joint(vars, vars.Get("texts"), align.Frames{Vectors: vars.Get("videos"), Mask: in[0]})
		return []*Node{align.InfoNCE(MulScalar(scores, scale)), scores, kept[0]}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(engine.Floats(floats("video_mask"), shape[:2]...))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"train_loss", "train_logits", "train_mu1"} {
		golden.Close(t, name, engine.Values(out[i]), floats(name), golden.ForwardAbs, golden.ForwardRel)
	}
	for i, name := range []string{"train_dcls", "train_dvideo"} {
		golden.Close(t, name, engine.Values(out[3+i]), floats(name), golden.GradientAbs, golden.GradientRel)
	}

	// The official evaluator: all at once, and in blocks.
	own := engine.NewWeights()
	own.Set("head.em.initial", floats("mu0"), 1, head.Bases)
	model, err := align.With(enginetest.Open(t), align.Stored{VideoDim: shape[2], TextDim: shape[2]}, still{head}, own)
	if err != nil {
		t.Fatal(err)
	}
	left := align.Encoded{N: texts, R: 1, Dim: shape[2], Data: floats("cls"), Mask: engine.Constant(texts, 1)}
	right := align.Encoded{N: shape[0], R: shape[1], Dim: shape[2], Data: floats("video"), Mask: floats("video_mask")}
	for name, block := range map[string]int{"eval_logits": max(texts, shape[0]), "eval_logits_blocks2": 2} {
		scores, err := model.ScoreJointly(t.Context(), left, right, block)
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, name, scores.Data, floats(name), golden.ForwardAbs, golden.ForwardRel)
	}
}

func TestHead(t *testing.T) {
	aligntest.Head(t, &emclnet.Head{
		Head: seqtransf.Head{Layers: 1, Heads: 4, Positions: 8},
		EM:   emcl.EM{Bases: 4, Iterations: 3, Lambda: 1, Beta: 3, Momentum: 0.9, Init: emcl.Random}, Temperature: 3,
	})
}

// Fitted on the very videos and sentences that are compared, without padding, frozen bases score as the batch did.
func TestFrozenScoresAsTheBatchDid(t *testing.T) {
	const dim, pairs, frames = 12, 5, 4
	head := &emclnet.Head{
		Head: seqtransf.Head{Layers: 1, Heads: 2, Positions: 8},
		EM:   emcl.EM{Bases: 3, Iterations: 4, Lambda: 1, Beta: 3, Momentum: 0.9, Init: emcl.Random}, Temperature: 3,
	}
	model, err := align.New(enginetest.Open(t), align.Stored{VideoDim: dim, TextDim: dim}, head, 1)
	if err != nil {
		t.Fatal(err)
	}
	var videos []align.Video
	var texts []align.Sentence
	numbers := rand.New(rand.NewPCG(5, 5))
	for range pairs {
		videos = append(videos, align.Video{Features: sightline.Matrix{Rows: frames, Cols: dim, Data: engine.Normal(numbers, frames*dim, 1)}})
		texts = append(texts, align.Sentence{Vector: engine.Normal(numbers, dim, 1)})
	}
	if err := model.Fit(t.Context(), videos, texts); err != nil {
		t.Fatal(err)
	}
	v, err := model.EncodeVideos(t.Context(), videos)
	if err != nil {
		t.Fatal(err)
	}
	s, err := model.EncodeTexts(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := model.ScoreBlock(t.Context(), s, v)
	if err != nil {
		t.Fatal(err)
	}
	together, err := model.ScoreJointly(t.Context(), s, v, pairs)
	if err != nil {
		t.Fatal(err)
	}
	golden.Close(t, "scores", alone.Data, together.Data, golden.ForwardAbs, golden.ForwardRel)
}
