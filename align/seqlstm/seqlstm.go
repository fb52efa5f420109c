// Package seqlstm is CLIP4Clip's sequential head "seqLSTM": one LSTM layer over the frames of a video, added to them, then
// the mean as in package meanpool.
//
// Source: Luo et al., CLIP4Clip: An Empirical Study of CLIP for End to End Video Clip Retrieval, 2021, section 3.3
// ("sequential type"); Hochreiter and Schmidhuber, Long Short-Term Memory, 1997. Parameter names and the order of gates
// (input, forget, cell, output) are PyTorch's, as in the official checkpoints.
package seqlstm

import (
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Name is the head's name in run configs and bundles.
const Name = "seqlstm"

func init() { align.Register(Name, func() align.Head { return Head{} }) }

// Head is the seqLSTM head. Its hidden width is that of the frames.
type Head struct{ align.OneRow }

const prefix = "lstm_visual."

// Init adds the LSTM with PyTorch's initial values, uniform in ±D^-½.
func (Head) Init(weights *engine.Weights, dim int, random *rand.Rand) {
	reach := math.Pow(float64(dim), -0.5)
	set := func(name string, shape ...int) {
		size := 1
		for _, n := range shape {
			size *= n
		}
		data := make([]float32, size)
		for i := range data {
			data[i] = float32((2*random.Float64() - 1) * reach)
		}
		weights.Set(prefix+name, data, shape...)
	}
	set("weight_ih_l0", 4*dim, dim)
	set("weight_hh_l0", 4*dim, dim)
	set("bias_ih_l0", 4*dim)
	set("bias_hh_l0", 4*dim)
}

// Video returns the mean of F + LSTM(F) as one row. Frames that are there come first, so padding after them changes
// nothing.
func (Head) Video(vars engine.Vars, frames align.Frames) align.Frames {
	output := lstm(vars.Under(prefix), frames.Vectors)
	return align.MeanRow(align.Frames{Vectors: Add(output, frames.Vectors), Mask: frames.Mask})
}

// lstm returns the outputs [B, T, D] of one layer over x [B, T, D]:
// i, f, o = σ(W x_t + U h + b), g = tanh(…), c ← f⊙c + i⊙g, h ← o⊙tanh(c).
func lstm(vars engine.Vars, x *Node) *Node {
	dims := x.Shape().Dimensions
	batch, length, dim := dims[0], dims[1], dims[2]
	bias := Add(vars.Get("bias_ih_l0"), vars.Get("bias_hh_l0"))
	steps := TransposeAllAxes(x, 1, 0, 2) // [T, B, D]
	var input, recurrent [4]*Node         // a gate each
	inputWeight := Reshape(vars.Get("weight_ih_l0"), 4, dim, dim)
	recurrentWeight := Reshape(vars.Get("weight_hh_l0"), 4, dim, dim)
	bias = Reshape(bias, 4, dim)
	for gate := range 4 {
		input[gate] = transformer.Project(steps, transformer.Pick(inputWeight, gate), transformer.Pick(bias, gate)) // [T, B, D]
		recurrent[gate] = transformer.Pick(recurrentWeight, gate)
	}
	hidden := BroadcastToDims(ScalarZero(x.Graph(), x.DType()), batch, dim)
	cell := hidden
	outputs := make([]*Node, length)
	for t := range length {
		gate := func(k int) *Node {
			return Add(transformer.Pick(input[k], t), transformer.Project(hidden, recurrent[k], nil))
		}
		cell = Add(Mul(Sigmoid(gate(1)), cell), Mul(Sigmoid(gate(0)), Tanh(gate(2))))
		hidden = Mul(Sigmoid(gate(3)), Tanh(cell))
		outputs[t] = ExpandAxes(hidden, 1) // [B, 1, D]
	}
	return Concatenate(outputs, 1)
}
