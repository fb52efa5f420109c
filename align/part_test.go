package align_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/align/meanpool"
	"sightline/engine"
	"sightline/engine/enginetest"
)

// shiftLayer moves every vector by a fitted amount along the first axis; in training it counts steps.
type shiftLayer struct{}

func (shiftLayer) Init(w *engine.Weights, dim int, _ *rand.Rand) {
	w.Set("shift", make([]float32, dim), dim)
	w.Set("steps", []float32{0}, 1)
	w.Set("learned", []float32{1})
}
func (shiftLayer) Trains() bool    { return true }
func (shiftLayer) Fixed() []string { return []string{"shift", "steps"} }
func (shiftLayer) Kept() []string  { return []string{"steps"} }
func (shiftLayer) Joint(vars engine.Vars, videos align.Frames, texts *Node) (align.Frames, *Node, []*Node) {
	return videos, texts, []*Node{AddScalar(vars.Get("steps"), 1)}
}
func (shiftLayer) Alone(vars engine.Vars, x *Node) *Node {
	shift := vars.Get("shift")
	for range x.Rank() - 1 {
		shift = ExpandAxes(shift, 0)
	}
	return Add(x, BroadcastToShape(shift, x.Shape()))
}
func (shiftLayer) Fit(w *engine.Weights, videos, texts sightline.Matrix) error {
	w.Update("shift", func(p []float32) { p[0] = float32(videos.Rows + texts.Rows) })
	return nil
}
func (shiftLayer) Noise(pairs, _, _ int) [][]int { return [][]int{{pairs}} }
func (shiftLayer) Watched() []string             { return []string{"drawn"} }
func (shiftLayer) Loss(vars engine.Vars, _ align.Seen, noise []*Node) (*Node, []*Node) {
	return Mul(vars.Get("learned"), vars.Get("learned")), []*Node{ReduceAllMax(noise[0])}
}

func TestPartsCompose(t *testing.T) {
	const dim = 4
	random := rand.New(rand.NewPCG(1, 1))
	model, err := align.New(enginetest.Open(t), align.Stored{VideoDim: dim, TextDim: dim}, meanpool.Head{}, 1, align.NamedPart{Name: "shift", Part: shiftLayer{}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := model.Parameters(), []string{"logit_scale", "shift.learned"}; !slices.Equal(got, want) {
		t.Errorf("gradients move %v, want %v", got, want)
	}
	var batch align.Batch
	for range 3 {
		batch.Videos = append(batch.Videos, align.Video{Features: sightline.Matrix{Rows: 2, Cols: dim, Data: engine.Normal(random, 2*dim, 1)}})
		batch.Texts = append(batch.Texts, align.Sentence{Vector: engine.Normal(random, dim, 1)})
	}
	step, err := model.Step(batch, true, random)
	if err != nil {
		t.Fatal(err)
	}
	program, err := model.Gradient(step, model.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(step.Arrays()...)
	if err != nil {
		t.Fatal(err)
	}
	drawn := engine.Values(step.Parts[0].Noise[0])
	if got := engine.Values(out[1])[0]; got != slices.Max(drawn) {
		t.Errorf("watched %v, want %v", got, slices.Max(drawn))
	}
	if model.Kept()[0] != "shift.steps" || engine.Values(out[2])[0] != 1 {
		t.Errorf("kept %v = %v, want shift.steps = 1", model.Kept(), engine.Values(out[2]))
	}
	if got := engine.Values(out[4])[0]; got != 2 {
		t.Errorf("the gradient of the part's parameter is %v, want 2", got)
	}

	before, err := model.EncodeTexts(t.Context(), batch.Texts)
	if err != nil {
		t.Fatal(err)
	}
	if err := model.Fit(t.Context(), batch.Videos, batch.Texts); err != nil {
		t.Fatal(err)
	}
	after, err := model.EncodeTexts(t.Context(), batch.Texts)
	if err != nil {
		t.Fatal(err)
	}
	if before.Data[0] >= 0.9 || after.Data[0] < 0.9 { // 3 rows of videos and 3 of texts move it by 6, and it is a unit vector again
		t.Errorf("the first component goes from %v to %v", before.Data[0], after.Data[0])
	}
	if _, err := align.NewParts([]align.Choice{{Kind: "absent"}}); err == nil {
		t.Error("an unknown part is taken")
	}
}
