package clip

import (
	"fmt"
	"slices"
	"strings"

	"sightline/engine"
	"sightline/internal/safetensors"
)

// parameter is a tensor of the model: its name and shape in OpenAI's state_dict, and the tensors of a Hugging Face file
// it is made of.
type parameter struct {
	name  string
	shape []int
	parts []string // stacked along the first axis
	turn  bool     // Hugging Face keeps the transpose
}

// visionParameters lists the tensors of the vision tower.
func (c Config) visionParameters() []parameter {
	v := c.Vision
	positions := (v.Size/v.Patch)*(v.Size/v.Patch) + 1
	list := []parameter{
		{name: "visual.conv1.weight", shape: []int{v.Width, 3, v.Patch, v.Patch}, parts: []string{"vision_model.embeddings.patch_embedding.weight"}},
		{name: "visual.class_embedding", shape: []int{v.Width}, parts: []string{"vision_model.embeddings.class_embedding"}},
		{name: "visual.positional_embedding", shape: []int{positions, v.Width}, parts: []string{"vision_model.embeddings.position_embedding.weight"}},
		{name: "visual.proj", shape: []int{v.Width, c.Dim}, parts: []string{"visual_projection.weight"}, turn: true},
	}
	list = append(list, affine("visual.ln_pre", "vision_model.pre_layrnorm", v.Width)...) // the typo is theirs
	list = append(list, affine("visual.ln_post", "vision_model.post_layernorm", v.Width)...)
	return append(list, v.Tower.parameters("visual.transformer.resblocks.", "vision_model.encoder.layers.")...)
}

// textParameters lists the tensors of the text tower.
func (c Config) textParameters() []parameter {
	t := c.Text
	list := []parameter{
		{name: "token_embedding.weight", shape: []int{t.Vocabulary, t.Width}, parts: []string{"text_model.embeddings.token_embedding.weight"}},
		{name: "positional_embedding", shape: []int{t.Context, t.Width}, parts: []string{"text_model.embeddings.position_embedding.weight"}},
		{name: "text_projection", shape: []int{t.Width, c.Dim}, parts: []string{"text_projection.weight"}, turn: true},
	}
	list = append(list, affine("ln_final", "text_model.final_layer_norm", t.Width)...)
	return append(list, t.Tower.parameters("transformer.resblocks.", "text_model.encoder.layers.")...)
}

// affine lists weight and bias of a layer normalisation.
func affine(name, theirs string, width int) []parameter {
	return []parameter{
		{name: name + ".weight", shape: []int{width}, parts: []string{theirs + ".weight"}},
		{name: name + ".bias", shape: []int{width}, parts: []string{theirs + ".bias"}},
	}
}

// parameters lists the tensors of the residual blocks.
func (t Tower) parameters(prefix, theirs string) []parameter {
	var list []parameter
	for i := range t.Layers {
		ours, theirs := fmt.Sprintf("%s%d.", prefix, i), fmt.Sprintf("%s%d.", theirs, i)
		linear := func(name string, in, out int, parts ...string) {
			weight := parameter{name: ours + name + "weight", shape: []int{out, in}}
			bias := parameter{name: ours + name + "bias", shape: []int{out}}
			for _, part := range parts {
				weight.parts = append(weight.parts, theirs+part+".weight")
				bias.parts = append(bias.parts, theirs+part+".bias")
			}
			list = append(list, weight, bias)
		}
		linear("attn.in_proj_", t.Width, 3*t.Width, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
		linear("attn.out_proj.", t.Width, t.Width, "self_attn.out_proj")
		linear("mlp.c_fc.", t.Width, t.Hidden, "mlp.fc1")
		linear("mlp.c_proj.", t.Hidden, t.Width, "mlp.fc2")
		list = append(list, affine(ours+"ln_1", theirs+"layer_norm1", t.Width)...)
		list = append(list, affine(ours+"ln_2", theirs+"layer_norm2", t.Width)...)
	}
	return list
}

// check returns an error that names the first tensor that the file lacks or holds in another shape.
func check(file *safetensors.File, parameters []parameter) error {
	for _, p := range parameters {
		shape := slices.Clone(p.shape)
		parts := []string{p.name}
		if _, ours := file.Info(p.name); !ours {
			parts = p.parts
			shape[0] /= len(parts)
			if p.turn {
				slices.Reverse(shape)
			}
		}
		for _, name := range parts {
			info, ok := file.Info(name)
			if !ok {
				return fmt.Errorf("tensor %s (or %s) is missing", p.parts[0], p.name)
			}
			if !slices.Equal(info.Shape, shape) {
				return fmt.Errorf("tensor %s has shape %v, config.json makes it %v", name, info.Shape, shape)
			}
		}
	}
	return nil
}

// read returns the parameters under their names in OpenAI's state_dict, from a file with either set of names.
func read(file *safetensors.File, parameters []parameter) (*engine.Weights, error) {
	weights := engine.NewWeights()
	for _, p := range parameters {
		parts, turn := []string{p.name}, false
		if _, ours := file.Info(p.name); !ours {
			parts, turn = p.parts, p.turn
		}
		var data []float32
		for _, name := range parts {
			part, err := file.Float32s(name)
			if err != nil {
				return nil, err
			}
			data = append(data, part...)
		}
		if turn {
			data = transpose(data, p.shape[1], p.shape[0])
		}
		weights.Set(p.name, data, p.shape...)
	}
	return weights, nil
}

// transpose turns a matrix [rows, cols] into [cols, rows].
func transpose(from []float32, rows, cols int) []float32 {
	to := make([]float32, len(from))
	for i := range rows {
		for j := range cols {
			to[j*rows+i] = from[i*cols+j]
		}
	}
	return to
}

// ReadWeights reads the configuration and all weights of a CLIP folder, under the names of OpenAI's state_dict, to train
// on. The scale of the logits (logit_scale, a logarithm) is among them where the file has it.
func ReadWeights(folder string) (Config, *engine.Weights, error) {
	c, file, err := openFiles(folder)
	if err != nil {
		return c, nil, err
	}
	defer file.Close()
	list := append(c.visionParameters(), c.textParameters()...)
	const scale = "logit_scale"
	if info, ok := file.Info(scale); ok && info.Len() == 1 {
		list = append(list, parameter{name: scale, shape: info.Shape})
	}
	weights, err := read(file, list)
	if err != nil {
		return c, nil, failure(folder, err)
	}
	return c, weights, nil
}

// kind names the architecture, as clip-vit-b-32.
func (c Config) kind() string {
	v := c.Vision
	size, ok := map[[2]int]string{{768, 12}: "b", {1024, 24}: "l", {1280, 32}: "h", {1664, 48}: "bigg"}[[2]int{v.Width, v.Layers}]
	if !ok {
		size = fmt.Sprintf("%dx%d", v.Width, v.Layers)
	}
	name := []string{"clip-vit", size, fmt.Sprint(v.Patch)}
	if v.Size != 224 {
		name = append(name, fmt.Sprint(v.Size))
	}
	return strings.Join(name, "-")
}
