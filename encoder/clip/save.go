package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"sightline/engine"
	"sightline/internal/atomicfile"
	"sightline/internal/safetensors"
)

// Save writes a folder that Open reads, from weights under OpenAI's or Hugging Face's names. Sizes are read off the
// tensors, as OpenAI's own loader does, with one attention head to 64 components. The tokenizer is OpenAI's, which needs
// no file.
func Save(folder string, weights *engine.Weights) error {
	fail := func(err error) error { return fmt.Errorf("write the CLIP model %s: %w", folder, err) }
	config, err := configOf(weights)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return fail(err)
	}
	if err := weights.Save(filepath.Join(folder, "model.safetensors"), safetensors.F32); err != nil {
		return fail(err)
	}
	if err := atomicfile.Write(filepath.Join(folder, "config.json"), append(text, '\n')); err != nil {
		return fail(err)
	}
	return nil
}

// configOf returns config.json for the weights.
func configOf(weights *engine.Weights) (map[string]any, error) {
	shape := func(rank int, names ...string) []int {
		for _, name := range names {
			if s := weights.Shape(name); len(s) == rank {
				return s
			}
		}
		return nil
	}
	layers := func(patterns ...string) int {
		n := 0
		for _, pattern := range patterns {
			for weights.Has(fmt.Sprintf(pattern, n)) {
				n++
			}
		}
		return n
	}
	patches := shape(4, "visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight")
	places := shape(2, "visual.positional_embedding", "vision_model.embeddings.position_embedding.weight")
	words := shape(2, "token_embedding.weight", "text_model.embeddings.token_embedding.weight")
	context := shape(2, "positional_embedding", "text_model.embeddings.position_embedding.weight")
	vision := layers("visual.transformer.resblocks.%d.ln_1.weight", "vision_model.encoder.layers.%d.layer_norm1.weight")
	text := layers("transformer.resblocks.%d.ln_1.weight", "text_model.encoder.layers.%d.layer_norm1.weight")
	if patches == nil || places == nil || words == nil || context == nil || vision == 0 || text == 0 {
		return nil, errors.New("these are no tensors of a CLIP model with a vision transformer")
	}
	dim := 0
	if s := shape(2, "text_projection"); s != nil {
		dim = s[1]
	} else if s := shape(2, "text_projection.weight"); s != nil {
		dim = s[0]
	}
	tower := func(width, layers int) map[string]any {
		return map[string]any{
			"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers,
			"num_attention_heads": max(1, width/64), "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
		}
	}
	image, sentence := tower(patches[0], vision), tower(words[1], text)
	image["patch_size"] = patches[3]
	image["image_size"] = patches[3] * int(math.Round(math.Sqrt(float64(places[0]-1))))
	sentence["max_position_embeddings"], sentence["vocab_size"], sentence["eos_token_id"] = context[0], words[0], legacyEnd
	return map[string]any{"model_type": "clip", "projection_dim": dim, "vision_config": image, "text_config": sentence}, nil
}
