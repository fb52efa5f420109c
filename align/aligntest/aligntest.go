// Package aligntest checks what every head must keep: the conformance test of align.Head. It is used by tests alone.
package aligntest

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/internal/golden"
)

// Head checks that neither the order nor the company of videos and texts moves a score by more than 1e-6 (relative to
// the largest score, where scores exceed 1), that padding does not, that Recall and RecallTexts have length 1, that a
// head of one stage scores as its recall vectors do, and that a training step has a finite loss and gradients. With parts, all
// of it holds of the model that they make together; the vectors of their prompts are noise, and layers and heads
// that need it are fitted on other videos and texts first.
func Head(t *testing.T, head align.Head, parts ...align.NamedPart) {
	const dim, videos, texts = 16, 9, 7
	random := rand.New(rand.NewPCG(3, 4))
	for _, p := range parts {
		prompt(t, p.Part, dim, random)
	}
	model, err := align.New(enginetest.Open(t), align.Stored{VideoDim: dim, TextDim: dim, Hidden: 8}, head, 1, parts...)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range model.Parameters() { // away from identities and zeros, which could hide a mistake
		noise := engine.Normal(random, len(model.Weights.Float32s(name)), 0.1)
		model.Weights.Update(name, func(p []float32) {
			for i := range p {
				p[i] += noise[i]
			}
		})
	}
	if err := model.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	draw := func() (clips []align.Video, sentences []align.Sentence) {
		for i := range videos {
			rows := 1 + i%4
			clip := align.Video{ID: string(rune('a' + i))}
			clip.Features = sightline.Matrix{Rows: rows, Cols: dim, Data: engine.Normal(random, rows*dim, 1)}
			clips = append(clips, clip)
		}
		for range texts {
			sentences = append(sentences, align.Sentence{Vector: engine.Normal(random, dim, 1)})
		}
		return clips, sentences
	}
	clips, sentences := draw()
	if model.NeedsFit() {
		before := model.Weights.Hash()
		otherClips, otherSentences := draw()
		if err := model.Fit(t.Context(), otherClips, otherSentences); err != nil {
			t.Fatal(err)
		}
		after := model.Weights.Hash()
		if err := model.Fit(t.Context(), otherClips, otherSentences); err != nil {
			t.Fatal(err)
		}
		if again := model.Weights.Hash(); again != after {
			t.Errorf("fitted twice on one reference, the weights go from %s to %s to %s", before, after, again)
		}
	}
	score := func(clips []align.Video, sentences []align.Sentence) sightline.Matrix {
		t.Helper()
		v, s := encode(t, model, clips, sentences)
		scores, err := model.ScoreBlock(t.Context(), s, v)
		if err != nil {
			t.Fatal(err)
		}
		return scores
	}
	all := score(clips, sentences)
	if err := all.Finite(); err != nil {
		t.Fatal(err)
	}
	largest := 1.0
	for _, v := range all.Data {
		largest = max(largest, math.Abs(float64(v)))
	}
	near := func(what string, got, want float32) {
		t.Helper()
		if math.Abs(float64(got)-float64(want)) > 1e-6*largest {
			t.Errorf("%s: score is %v, was %v", what, got, want)
		}
	}
	ofVideos, ofTexts := random.Perm(videos), random.Perm(texts)
	movedVideos, movedTexts := make([]align.Video, videos), make([]align.Sentence, texts)
	for i, j := range ofVideos {
		movedVideos[i] = clips[j]
	}
	for i, j := range ofTexts {
		movedTexts[i] = sentences[j]
	}
	moved := score(movedVideos, movedTexts)
	for a, b := range ofTexts {
		for n, m := range ofVideos {
			near("shuffled", moved.At(a, n), all.At(b, m))
		}
	}
	for n := range clips {
		alone := score(clips[n:n+1], sentences[:2]) // without the others, and with less padding
		near("fewer videos and texts", alone.At(0, 0), all.At(0, n))
	}

	v, s := encode(t, model, clips, sentences)
	recall, err := model.RecallVectors(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	left := model.RecallTexts(s)
	for a := range texts {
		for n := range videos {
			var dot, own float64
			for d := range dim {
				dot += float64(left.Row(a)[d]) * float64(recall.Row(n)[d])
				own += float64(recall.Row(n)[d]) * float64(recall.Row(n)[d])
			}
			if math.Abs(own-1) > 1e-4 {
				t.Errorf("recall vector of video %d has length² %v", n, own)
			}
			if !model.TwoStage() {
				near("recall vectors", float32(dot), all.At(a, n))
			}
		}
	}
	step(t, model, align.Batch{Videos: clips[:texts], Texts: sentences}, random)
}

// prompt gives a part vectors for its prompts.
func prompt(t *testing.T, part align.Part, dim int, random *rand.Rand) {
	t.Helper()
	prompted, ok := part.(align.Prompted)
	if !ok {
		return
	}
	texts, err := prompted.Prompts()
	if err != nil {
		t.Fatal(err)
	}
	prompted.Take(sightline.Matrix{Rows: len(texts), Cols: dim, Data: engine.Normal(random, len(texts)*dim, 1)})
}

func encode(t *testing.T, model *align.Model, clips []align.Video, sentences []align.Sentence) (videos, texts align.Encoded) {
	t.Helper()
	videos, err := model.EncodeVideos(t.Context(), clips)
	if err != nil {
		t.Fatal(err)
	}
	texts, err = model.EncodeTexts(t.Context(), sentences)
	if err != nil {
		t.Fatal(err)
	}
	return videos, texts
}

// step takes the gradient of the training loss, with and without masked duplicates.
func step(t *testing.T, model *align.Model, batch align.Batch, random *rand.Rand) {
	t.Helper()
	names := model.Parameters()
	loss := func(batch align.Batch, masked bool) float32 {
		t.Helper()
		inputs, err := model.Step(batch, masked, rand.New(rand.NewPCG(5, 6)))
		if err != nil {
			t.Fatal(err)
		}
		program, err := model.Gradient(inputs, names)
		if err != nil {
			t.Fatal(err)
		}
		out, err := program.Run(inputs.Arrays()...)
		if err != nil {
			t.Fatal(err)
		}
		for i, part := range out {
			for _, v := range engine.Values(part) {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("output %d of a training step (0 the loss, then what is watched and kept, then gradients) has %v", i, v)
				}
			}
		}
		return engine.Values(out[0])[0]
	}
	plain := loss(batch, false)
	if same := loss(batch, true); same != plain {
		t.Errorf("the loss is %v, and %v with duplicates masked where there are none", plain, same)
	}
	twice := align.Batch{Videos: append([]align.Video{}, batch.Videos...), Texts: batch.Texts}
	twice.Videos[1] = twice.Videos[0]
	if with, without := loss(twice, false), loss(twice, true); without >= with {
		t.Errorf("a video against itself costs %v, and masked %v", with, without)
	}
}

// Golden compares a head with one of the official vectors: the loss, the scores and the gradients of sentences, frames and
// parameters.
type Golden struct {
	Vectors             golden.Vectors
	Head                align.Head
	Text, Video         string  // names of the inputs
	Mask                string  // "" for no padding
	Scale               float64 // of the scores in the loss; 1 when the head's loss takes its logits as they are
	Scaled              bool    // the scores on file include the scale
	Scores, Loss        string  // names of the outputs
	TextGrad, VideoGrad string
	WeightPrefix        string // before the names of parameters
	GradPrefix          string // before the names of their gradients
}

// Check runs the comparison.
func (g Golden) Check(t *testing.T) {
	t.Helper()
	shaped := func(name string) ([]float32, []int) {
		array := g.Vectors.Array(name)
		return array.Float32s(), array.Shape
	}
	text, textShape := shaped(g.Text)
	video, videoShape := shaped(g.Video)
	rows, dim := textShape[0], textShape[len(textShape)-1]
	weights := engine.NewWeights()
	var parameters []string
	for name, array := range g.Vectors.Archive {
		if rest, ok := strings.CutPrefix(name, g.WeightPrefix); ok {
			weights.Set("head."+rest, array.Float32s(), array.Shape...)
			if _, ok := g.Vectors.Archive[g.GradPrefix+rest]; ok && g.GradPrefix != "" {
				parameters = append(parameters, rest)
			}
		}
	}
	weights.Set("text", text, rows, dim)
	weights.Set("video", video, videoShape...)
	mask := engine.Constant(videoShape[0]*videoShape[1], 1)
	if g.Mask != "" {
		mask, _ = shaped(g.Mask)
	}
	with := []string{"text", "video"}
	for _, name := range parameters {
		with = append(with, "head."+name)
	}
	program, err := enginetest.Open(t).Gradient(weights, with, func(vars engine.Vars, in []*Node) []*Node {
		own := vars.Under("head.")
		kept := g.Head.Video(own, align.Frames{Vectors: vars.Get("video"), Mask: in[0]})
		scores := g.Head.Score(own, g.Head.Text(own, vars.Get("text")), kept)
		logits := MulScalar(scores, g.Scale)
		if g.Scaled {
			scores = logits
		}
		return []*Node{align.InfoNCE(logits), scores}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(engine.Floats(mask, videoShape[:2]...))
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, got engine.Array, array string, abs, rel float64) {
		t.Helper()
		golden.Close(t, what, engine.Values(got), g.Vectors.Array(array).Float32s(), abs, rel)
	}
	check("loss", out[0], g.Loss, golden.ForwardAbs, golden.ForwardRel)
	check("scores", out[1], g.Scores, golden.ForwardAbs, golden.ForwardRel)
	check("gradient of sentences", out[2], g.TextGrad, golden.GradientAbs, golden.GradientRel)
	check("gradient of frames", out[3], g.VideoGrad, golden.GradientAbs, golden.GradientRel)
	for i, name := range parameters {
		check("gradient of "+name, out[4+i], g.GradPrefix+name, golden.GradientAbs, golden.GradientRel)
	}
}
