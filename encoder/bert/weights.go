package bert

import (
	"fmt"
	"slices"
	"strings"

	"sightline/engine"
	"sightline/internal/safetensors"
)

// parameter is a tensor of the model, named as in transformers' BertModel.
type parameter struct {
	name  string
	shape []int
}

// parameters lists the tensors that States reads.
func (c Config) parameters() []parameter {
	list := []parameter{
		{wordTable, []int{c.Vocabulary, c.Width}}, {positionTable, []int{c.Positions, c.Width}}, {kindTable, []int{c.Kinds, c.Width}},
	}
	norm := func(name string) {
		list = append(list, parameter{name + ".weight", []int{c.Width}}, parameter{name + ".bias", []int{c.Width}})
	}
	linear := func(name string, in, out int) {
		list = append(list, parameter{name + ".weight", []int{out, in}}, parameter{name + ".bias", []int{out}})
	}
	norm("embeddings.LayerNorm")
	for i := range c.Layers {
		layer := layerName(i)
		for _, part := range []string{"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"} {
			linear(layer+part, c.Width, c.Width)
		}
		norm(layer + "attention.output.LayerNorm")
		linear(layer+"intermediate.dense", c.Width, c.Hidden)
		linear(layer+"output.dense", c.Hidden, c.Width)
		norm(layer + "output.LayerNorm")
	}
	return list
}

// oldNames are LayerNorm's parameters in checkpoints that were converted from TensorFlow.
var oldNames = strings.NewReplacer("LayerNorm.weight", "LayerNorm.gamma", "LayerNorm.bias", "LayerNorm.beta")

// stored is a parameter and the name under which a file has it.
type stored struct {
	parameter
	as string
}

// find returns where a file keeps the parameters: under "bert." in models with a head, LayerNorm's by their old names in old
// ones. It returns an error that names the first that is not there or has another shape.
func (c Config) find(file *safetensors.File) ([]stored, error) {
	var list []stored
	for _, p := range c.parameters() {
		names := []string{p.name, "bert." + p.name, oldNames.Replace(p.name), "bert." + oldNames.Replace(p.name)}
		at := slices.IndexFunc(names, func(name string) bool { _, ok := file.Info(name); return ok })
		if at < 0 {
			return nil, fmt.Errorf("tensor %s (or bert.%[1]s) is missing", p.name)
		}
		if info, _ := file.Info(names[at]); !slices.Equal(info.Shape, p.shape) {
			return nil, fmt.Errorf("tensor %s has shape %v, %s makes it %v", names[at], info.Shape, configFile, p.shape)
		}
		list = append(list, stored{p, names[at]})
	}
	return list, nil
}

// read returns the parameters by their names in BertModel.
func read(file *safetensors.File, list []stored) (*engine.Weights, error) {
	weights := engine.NewWeights()
	for _, p := range list {
		data, err := file.Float32s(p.as)
		if err != nil {
			return nil, err
		}
		weights.Set(p.name, data, p.shape...)
	}
	return weights, nil
}
