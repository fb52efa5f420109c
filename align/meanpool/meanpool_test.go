package meanpool_test

import (
	"math/rand/v2"
	"os"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/align/meanpool"
	"sightline/engine"
	"sightline/internal/golden"
)

func open(t testing.TB) *engine.Engine {
	t.Helper()
	e, err := engine.Open(os.Getenv("SIGHTLINE_BACKEND"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// The official scores carry the logit scale of 100; the loss is InfoNCE of the scaled scores.
func TestGoldenMeanP(t *testing.T) {
	vectors := golden.Open(t, "retrieval", "clip4clip_loose.npz")
	sequence, visual, mask := vectors.Array("sequence"), vectors.Array("visual"), vectors.Array("video_mask")
	texts, dim := sequence.Shape[0], sequence.Shape[2]

	inputs := engine.NewWeights() // the gradient is asked with respect to the inputs, so they stand as parameters
	inputs.Set("sequence", sequence.Float32s(), texts, dim)
	inputs.Set("visual", visual.Float32s(), visual.Shape...)
	const scale = 100
	step, err := open(t).Gradient(inputs, []string{"sequence", "visual"}, func(vars engine.Vars, in []*Node) []*Node {
		head := meanpool.Head{}
		frames := align.Frames{Vectors: vars.Get("visual"), Mask: in[0]}
		logits := MulScalar(head.Score(vars, head.Text(vars, vars.Get("sequence")), head.Video(vars, frames)), scale)
		return []*Node{align.InfoNCE(logits), logits}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := step.Run(engine.Floats(mask.Float32s(), mask.Shape...))
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, got []float32, array string, abs, rel float64) {
		t.Helper()
		golden.Close(t, what, got, vectors.Array(array).Float32s(), abs, rel)
	}
	check("loss", engine.Values(out[0]), "meanP/loss", golden.ForwardAbs, golden.ForwardRel)
	check("scores", engine.Values(out[1]), "meanP/sim", golden.ForwardAbs, golden.ForwardRel)
	check("gradient of sentences", engine.Values(out[2]), "meanP/dseq", golden.GradientAbs, golden.GradientRel)
	check("gradient of frames", engine.Values(out[3]), "meanP/dvis", golden.GradientAbs, golden.GradientRel)
}

// An untrained model over stored features scores as the encoder does, and neither the order nor the company of videos
// and texts moves a score.
func TestScoresSeeNoPairing(t *testing.T) {
	const dim, videos, texts = 16, 9, 7
	random := rand.New(rand.NewPCG(3, 4))
	model, err := align.New(open(t), align.Stored{VideoDim: dim, TextDim: dim, Hidden: 8}, meanpool.Head{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	var clips []align.Video
	for i := range videos {
		rows := 1 + i%4
		clip := align.Video{}
		clip.Features.Rows, clip.Features.Cols = rows, dim
		clip.Features.Data = engine.Normal(random, rows*dim, 1)
		clips = append(clips, clip)
	}
	var sentences []align.Sentence
	for range texts {
		sentences = append(sentences, align.Sentence{Vector: engine.Normal(random, dim, 1)})
	}
	score := func(clips []align.Video, sentences []align.Sentence) func(text, video int) float32 {
		t.Helper()
		v, err := model.EncodeVideos(t.Context(), clips)
		if err != nil {
			t.Fatal(err)
		}
		s, err := model.EncodeTexts(t.Context(), sentences)
		if err != nil {
			t.Fatal(err)
		}
		scores, err := model.ScoreBlock(t.Context(), s, v)
		if err != nil {
			t.Fatal(err)
		}
		return scores.At
	}
	all := score(clips, sentences)
	order := random.Perm(videos)
	shuffled := make([]align.Video, videos)
	for i, j := range order {
		shuffled[i] = clips[j]
	}
	moved := score(shuffled, sentences)
	for a := range texts {
		alone := score(clips[:1], sentences[a:a+1])
		if got, want := alone(0, 0), all(a, 0); abs(got-want) > 1e-6 {
			t.Errorf("text %d scores %v alone and %v in company", a, got, want)
		}
		for i, j := range order {
			if got, want := moved(a, i), all(a, j); abs(got-want) > 1e-6 {
				t.Errorf("text %d, video %d scores %v after shuffling and %v before", a, j, got, want)
			}
		}
	}
}

func abs(x float32) float32 { return max(x, -x) }
