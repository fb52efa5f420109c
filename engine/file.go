package engine

import (
	"fmt"

	"sightline/internal/safetensors"
)

// ReadWeights reads every tensor of an open safetensors file as float32.
func ReadWeights(file *safetensors.File) (*Weights, error) {
	weights := NewWeights()
	for _, name := range file.Names() {
		data, err := file.Float32s(name)
		if err != nil {
			return nil, fmt.Errorf("read weights: %w", err)
		}
		info, _ := file.Info(name)
		weights.Set(name, data, info.Shape...)
	}
	return weights, nil
}

// LoadWeights reads the safetensors file at path.
func LoadWeights(path string) (*Weights, error) {
	file, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return ReadWeights(file)
}

// Save writes the weights to path as safetensors, whole or not at all.
func (w *Weights) Save(path string, precision safetensors.Precision) error {
	list := make([]safetensors.Tensor, 0, len(w.tensors))
	for _, name := range w.Names() {
		list = append(list, safetensors.Tensor{Name: name, Shape: w.Shape(name), Data: w.Float32s(name)})
	}
	return safetensors.Write(path, nil, precision, list)
}
