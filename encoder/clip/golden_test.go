package clip

import (
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/encoder/transformer"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/internal/golden"
)

// goldenModel returns the configuration and weights of the golden file.
func goldenModel(v golden.Vectors) (Config, *engine.Weights) {
	meta := v.Array("meta").Ints()
	c := ViTB32()
	c.Dim, c.Vision.Size, c.Vision.Patch = meta[0], meta[1], meta[5]
	c.Vision.Layers, c.Vision.Width, c.Vision.Heads, c.Vision.Hidden = meta[2], meta[3], meta[4], 4*meta[3]
	c.Text.Context, c.Text.Vocabulary = meta[6], meta[7]
	c.Text.Width, c.Text.Heads, c.Text.Layers, c.Text.Hidden = meta[8], meta[9], meta[10], 4*meta[8]
	weights := engine.NewWeights()
	for name, array := range v.Archive {
		if name, ok := strings.CutPrefix(name, "w/"); ok {
			weights.Set(name, array.Float32s(), array.Shape...)
		}
	}
	return c, weights
}

// contrast is the loss of CLIP: the mean of the cross-entropies of both directions, the pairs on the diagonal.
func contrast(logits *Node) *Node {
	size := logits.Shape().Dimensions[0]
	pairs := ConvertDType(Diagonal(logits.Graph(), size), logits.DType())
	one := func(axis int) *Node { return ReduceAllSum(Mul(LogSoftmax(logits, axis), pairs)) }
	return MulScalar(Add(one(0), one(1)), -0.5/float64(size))
}

func TestGoldenCLIP(t *testing.T) {
	v := golden.Open(t, "retrieval", "clip_tiny.npz")
	c, weights := goldenModel(v)

	var parameters []string
	for name := range v.Archive {
		if name, ok := strings.CutPrefix(name, "g/"); ok {
			parameters = append(parameters, name)
		}
	}
	slices.Sort(parameters)
	if len(parameters) == 0 {
		t.Fatal("the golden file holds no gradients")
	}
	step, err := enginetest.Open(t).Gradient(weights, parameters, func(vars engine.Vars, in []*Node) []*Node {
		images, texts := c.Images(vars, in[0]), c.Texts(vars, c.TextTokens(vars, in[1]), in[2])
		cosines := Dot(transformer.Normalize(images), transformer.Normalize(texts)).General([]int{1}, nil, []int{1}, nil)
		logits := Mul(cosines, Exp(vars.Get("logit_scale")))
		return []*Node{contrast(logits), images, texts, logits}
	})
	if err != nil {
		t.Fatal(err)
	}
	image, tokens := v.Array("image"), v.Array("tokens")
	ids, ends := make([]int32, tokens.Len()), make([]int32, tokens.Shape[0])
	for i, id := range tokens.Ints() {
		ids[i] = int32(id)
	}
	for i := range ends {
		ends[i] = c.endOf(ids[i*c.Text.Context : (i+1)*c.Text.Context])
	}
	out, err := step.Run(engine.Floats(image.Float32s(), image.Shape...), engine.Ints(ids, tokens.Shape...), engine.Ints(ends, len(ends)))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"loss", "image_features", "text_features", "logits_per_image"} {
		golden.Close(t, name, engine.Values(out[i]), v.Array(name).Float32s(), golden.ForwardAbs, golden.ForwardRel)
	}
	for i, name := range parameters {
		golden.Close(t, "gradient of "+name, engine.Values(out[4+i]), v.Array("g/"+name).Float32s(), golden.GradientAbs, golden.GradientRel)
	}
}
