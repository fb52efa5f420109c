// Package transformer holds the building blocks that the encoders and temporal heads share: linear layers, layer
// normalisation, self-attention and the pre-norm block of CLIP, as GoMLX graph code over named parameters. Parameter
// names and layouts are those of PyTorch and of OpenAI's CLIP (weights are [out, in]), so published checkpoints load by
// name. Start at Block. Functions panic with an error, as graph code does; engine.Program.Run returns it.
//
// Source: Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021.
package transformer

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/nn"

	"sightline/engine"
)

// Epsilon is the layer normalisation constant of CLIP and X-Pool; CLIP4Clip's temporal heads use 1e-12.
const Epsilon = 1e-5

// Activation is the nonlinearity between the two layers of a block's MLP.
type Activation func(x *Node) *Node

// QuickGELU is x·σ(1.702·x), OpenAI's approximation of GELU.
func QuickGELU(x *Node) *Node { return Mul(x, Sigmoid(MulScalar(x, 1.702))) }

// GELU is x·Φ(x), exactly.
func GELU(x *Node) *Node { return activation.Gelu(x) }

// ReLU is max(x, 0).
func ReLU(x *Node) *Node { return activation.Relu(x) }

// Linear returns x·Wᵀ + b with W "name.weight" [out, in] and, where the model has one, b "name.bias" [out].
func Linear(vars engine.Vars, name string, x *Node) *Node {
	var bias *Node
	if vars.Has(name + ".bias") {
		bias = vars.Get(name + ".bias")
	}
	return Project(x, vars.Get(name+".weight"), bias)
}

// Project returns x·Wᵀ + b for x [..., in], W [out, in] and b [out] or nil.
func Project(x, weight, bias *Node) *Node {
	return nn.Dense(x, weight, bias, compute.DenseLayoutOutputsInput)
}

// LayerNorm normalises the last axis to mean 0 and variance 1, then scales by "name.weight" and shifts by "name.bias".
func LayerNorm(vars engine.Vars, name string, x *Node, epsilon float64) *Node {
	return nn.LayerNorm(x, []int{-1}, epsilon, vars.Get(name+".weight"), vars.Get(name+".bias"), nil)
}

// Normalize divides the last axis by its Euclidean length. A zero vector stays zero.
func Normalize(x *Node) *Node {
	square := ReduceAndKeep(Mul(x, x), ReduceSum, -1)
	return Div(x, Sqrt(MaxScalar(square, 1e-24)))
}

// SelfAttention is multi-head attention of x [B, L, W] over itself. Parameters: in_proj_weight [3W, W] (query, key and
// value stacked), in_proj_bias, out_proj. The mask is added to the attention logits [B, heads, L, L] and must broadcast to
// them; nil means none.
func SelfAttention(vars engine.Vars, x *Node, heads int, mask *Node) *Node {
	return attend(vars, x, x, heads, mask)
}

// attend is attention of the positions of [B, Q, W] over those of x [B, L, W], which share parameters.
func attend(vars engine.Vars, of, x *Node, heads int, mask *Node) *Node {
	width := x.Shape().Dim(2)
	weight := Reshape(vars.Get("in_proj_weight"), 3, width, width)
	bias := Reshape(vars.Get("in_proj_bias"), 3, width)
	project := func(x *Node, part int) *Node { return Project(x, Pick(weight, part), Pick(bias, part)) }
	return Linear(vars, "out_proj", Attention(project(of, 0), project(x, 1), project(x, 2), heads, mask))
}

// Attention is multi-head scaled dot-product attention of queries [B, Q, W] over keys and values [B, L, W], without any
// projection: [B, Q, W]. The mask is added to the logits [B, heads, Q, L] and must broadcast to them; nil means none.
func Attention(queries, keys, values *Node, heads int, mask *Node) *Node {
	dims := queries.Shape().Dimensions
	batch, width := dims[0], dims[2]
	if width%heads != 0 {
		panic(fmt.Errorf("attention width %d is not divisible by %d heads", width, heads))
	}
	depth := width / heads
	split := func(x *Node) *Node { // [B, H, L, depth]
		return TransposeAllAxes(Reshape(x, batch, -1, heads, depth), 0, 2, 1, 3)
	}
	q := MulScalar(split(queries), 1/math.Sqrt(float64(depth)))
	logits := Dot(q, split(keys)).General([]int{3}, []int{0, 1}, []int{3}, []int{0, 1}) // [B, H, Q, L]
	if mask != nil {
		logits = Add(logits, BroadcastToShape(mask, logits.Shape()))
	}
	y := Dot(Softmax(logits, -1), split(values)).General([]int{3}, []int{0, 1}, []int{2}, []int{0, 1}) // [B, H, Q, depth]
	return Reshape(TransposeAllAxes(y, 0, 2, 1, 3), batch, -1, width)
}

// Pick returns x[index]. It gathers and does not slice, because ONNX Runtime's backend lacks the gradient of a slice.
func Pick(x *Node, index int) *Node {
	return Gather(x, Const(x.Graph(), []int64{int64(index)}))
}

// Block is CLIP's pre-norm residual block: x += attention(ln_1 x); x += c_proj(act(c_fc(ln_2 x))). x is [B, L, W].
func Block(vars engine.Vars, x *Node, heads int, mask *Node, act Activation, epsilon float64) *Node {
	x = Add(x, SelfAttention(vars.Under("attn."), LayerNorm(vars, "ln_1", x, epsilon), heads, mask))
	hidden := act(Linear(vars, "mlp.c_fc", LayerNorm(vars, "ln_2", x, epsilon)))
	return Add(x, Linear(vars, "mlp.c_proj", hidden))
}

// CausalMask returns an additive mask [1, 1, L, L] that hides later positions.
func CausalMask(g *Graph, length int) *Node {
	mask := make([]float32, length*length)
	for i := range length {
		for j := i + 1; j < length; j++ {
			mask[i*length+j] = Hidden
		}
	}
	return Reshape(ConstFlat(g, mask, length, length), 1, 1, length, length)
}

// Hidden is the attention logit of a position that must not be seen: large enough to vanish in a softmax, finite so that
// a row that sees nothing stays a number.
const Hidden = -1e9

// ConstFlat returns a constant node of the given shape.
func ConstFlat(g *Graph, data []float32, shape ...int) *Node {
	return ConstTensor(g, engine.Floats(data, shape...).Tensor())
}

// InitBlock adds the parameters of one Block of the given width to weights, under prefix, with CLIP's initial values:
// attention deviates by W^-½, projections back into the residual stream by W^-½·(2·layers)^-½.
func InitBlock(weights *engine.Weights, prefix string, width, layers int, random *rand.Rand) {
	deviation := math.Pow(float64(width), -0.5)
	residual := deviation * math.Pow(2*float64(layers), -0.5)
	hidden := math.Pow(2*float64(width), -0.5)
	weights.Set(prefix+"attn.in_proj_weight", engine.Normal(random, 3*width*width, deviation), 3*width, width)
	weights.Set(prefix+"attn.in_proj_bias", engine.Constant(3*width, 0), 3*width)
	InitLinear(weights, prefix+"attn.out_proj", width, width, residual, random)
	InitLayerNorm(weights, prefix+"ln_1", width)
	InitLinear(weights, prefix+"mlp.c_fc", width, 4*width, hidden, random)
	InitLinear(weights, prefix+"mlp.c_proj", 4*width, width, residual, random)
	InitLayerNorm(weights, prefix+"ln_2", width)
}

// InitLinear adds a linear layer with weights from N(0, deviation²) and zero bias.
func InitLinear(weights *engine.Weights, name string, in, out int, deviation float64, random *rand.Rand) {
	weights.Set(name+".weight", engine.Normal(random, out*in, deviation), out, in)
	weights.Set(name+".bias", engine.Constant(out, 0), out)
}

// InitLayerNorm adds a layer normalisation that leaves its normalised input unchanged.
func InitLayerNorm(weights *engine.Weights, name string, width int) {
	weights.Set(name+".weight", engine.Constant(width, 1), width)
	weights.Set(name+".bias", engine.Constant(width, 0), width)
}
