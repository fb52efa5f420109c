package clip

import (
	"fmt"
	"math"
	"math/rand/v2"

	"sightline/encoder/transformer"
	"sightline/engine"
)

// ViTB32 is the configuration of openai/clip-vit-base-patch32.
func ViTB32() Config {
	var c Config
	if err := c.parse([]byte(`{"model_type": "clip", "text_config": {"eos_token_id": 2}}`)); err != nil {
		panic(err) // the defaults of transformers are this model
	}
	return c
}

// Init returns fresh parameters with the names of OpenAI's state_dict and its initial values.
func (c Config) Init(random *rand.Rand) *engine.Weights {
	w := engine.NewWeights()
	v, t := c.Vision, c.Text
	normal := func(name string, deviation float64, shape ...int) {
		size := 1
		for _, d := range shape {
			size *= d
		}
		w.Set(name, engine.Normal(random, size, deviation), shape...)
	}
	scale := math.Pow(float64(v.Width), -0.5)
	positions := (v.Size/v.Patch)*(v.Size/v.Patch) + 1
	normal("visual.conv1.weight", 1/math.Sqrt(float64(3*v.Patch*v.Patch)), v.Width, 3, v.Patch, v.Patch)
	normal("visual.class_embedding", scale, v.Width)
	normal("visual.positional_embedding", scale, positions, v.Width)
	transformer.InitLayerNorm(w, "visual.ln_pre", v.Width)
	for i := range v.Layers {
		transformer.InitBlock(w, fmt.Sprintf("visual.transformer.resblocks.%d.", i), v.Width, v.Layers, random)
	}
	transformer.InitLayerNorm(w, "visual.ln_post", v.Width)
	normal("visual.proj", scale, v.Width, c.Dim)

	normal("token_embedding.weight", 0.02, t.Vocabulary, t.Width)
	normal("positional_embedding", 0.01, t.Context, t.Width)
	for i := range t.Layers {
		transformer.InitBlock(w, fmt.Sprintf("transformer.resblocks.%d.", i), t.Width, t.Layers, random)
	}
	transformer.InitLayerNorm(w, "ln_final", t.Width)
	normal("text_projection", math.Pow(float64(t.Width), -0.5), t.Width, c.Dim)
	w.Set("logit_scale", []float32{float32(math.Log(1 / 0.07))})
	return w
}
