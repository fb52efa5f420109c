package tiny

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"sightline/encoder/transformer"
	"sightline/engine"
)

// Config holds the sizes of an encoder. They are written into every checkpoint.
type Config struct {
	Side   int `json:"side"`   // side of the square input in pixels; a multiple of 16
	Stem   int `json:"stem"`   // channels of the first layer
	Merged int `json:"merged"` // channels after the first merge of 2×2 neighbours
	Width  int `json:"width"`  // width of the image transformer, after the second merge
	Layers int `json:"layers"` // image transformer blocks
	Heads  int `json:"heads"`

	TextWidth  int `json:"text_width"`
	TextLayers int `json:"text_layers"`
	TextHeads  int `json:"text_heads"`
	TextLength int `json:"text_length"` // words read of a text

	Dim int `json:"dim"` // width of the joint space
}

// Default is the size of the embedded checkpoint: about half a million parameters.
var Default = Config{
	Side: 64, Stem: 48, Merged: 96, Width: 128, Layers: 2, Heads: 4,
	TextWidth: 64, TextLayers: 2, TextHeads: 4, TextLength: 24,
	Dim: 128,
}

// tokens returns the number of positions the image transformer sees.
func (c Config) tokens() int { return (c.Side / patchStride / 4) * (c.Side / patchStride / 4) }

// Init returns fresh parameters for the configuration and a vocabulary of the given number of ids.
func (c Config) Init(vocabulary int, random *rand.Rand) *engine.Weights {
	w := engine.NewWeights()
	he := func(in int) float64 { return math.Sqrt(2 / float64(in)) }
	transformer.InitLinear(w, "image.stem", patchDim, c.Stem, he(patchDim), random)
	transformer.InitLinear(w, "image.merge1", 4*c.Stem, c.Merged, he(4*c.Stem), random)
	transformer.InitLayerNorm(w, "image.norm1", c.Merged)
	transformer.InitLinear(w, "image.merge2", 4*c.Merged, c.Width, he(4*c.Merged), random)
	w.Set("image.position", engine.Normal(random, c.tokens()*c.Width, 0.02), c.tokens(), c.Width)
	for i := range c.Layers {
		transformer.InitBlock(w, "image.blocks."+strconv.Itoa(i)+".", c.Width, c.Layers, random)
	}
	transformer.InitLayerNorm(w, "image.norm", 2*c.Width)
	transformer.InitLinear(w, "image.project", 2*c.Width, c.Dim, math.Pow(2*float64(c.Width), -0.5), random)

	w.Set("text.word", engine.Normal(random, vocabulary*c.TextWidth, 0.1), vocabulary, c.TextWidth)
	w.Set("text.position", engine.Normal(random, c.TextLength*c.TextWidth, 0.02), c.TextLength, c.TextWidth)
	for i := range c.TextLayers {
		transformer.InitBlock(w, "text.blocks."+strconv.Itoa(i)+".", c.TextWidth, c.TextLayers, random)
	}
	transformer.InitLayerNorm(w, "text.norm", c.TextWidth)
	transformer.InitLinear(w, "text.project", c.TextWidth, c.Dim, math.Pow(float64(c.TextWidth), -0.5), random)
	return w
}

// Image encodes patches [B, P, patchDim], as Patches lays them out, to vectors [B, Dim] (not normalised) and the pooled
// features [B, 2·Width] they are projected from.
func (c Config) Image(vars engine.Vars, patches *Node) (vectors, pooled *Node) {
	vars = vars.Under("image.")
	batch := patches.Shape().Dimensions[0]
	x := transformer.ReLU(transformer.Linear(vars, "stem", patches)) // [B, P, Stem]
	x = Reshape(x, batch, -1, 4*c.Stem)                              // Z-order: four neighbours lie side by side
	x = transformer.LayerNorm(vars, "norm1", transformer.Linear(vars, "merge1", x), transformer.Epsilon)
	x = Reshape(transformer.ReLU(x), batch, -1, 4*c.Merged)
	x = transformer.Linear(vars, "merge2", x) // [B, tokens, Width]
	x = Add(x, ExpandLeftToRank(vars.Get("position"), 3))
	for i := range c.Layers {
		x = transformer.Block(vars.Under("blocks."+strconv.Itoa(i)+"."), x, c.Heads, nil, transformer.ReLU, transformer.Epsilon)
	}
	pooled = Concatenate([]*Node{ReduceMean(x, 1), ReduceMax(x, 1)}, -1) // [B, 2·Width]
	pooled = transformer.LayerNorm(vars, "norm", pooled, transformer.Epsilon)
	return transformer.Linear(vars, "project", pooled), pooled
}

// Text encodes word ids [B, TextLength] to sentence vectors [B, Dim] (not normalised) and word vectors
// [B, TextLength, TextWidth].
func (c Config) Text(vars engine.Vars, ids *Node) (vectors, words *Node) {
	vars = vars.Under("text.")
	dims := ids.Shape().Dimensions
	batch, length := dims[0], dims[1]
	present := ConvertDType(NotEqual(ids, ScalarZero(ids.Graph(), ids.DType())), vars.Get("word").DType()) // [B, L]
	x := Gather(vars.Get("word"), ConvertDType(Reshape(ids, batch, length, 1), dtypes.Int64))              // [B, L, W]
	x = Add(x, ExpandLeftToRank(vars.Get("position"), 3))
	mask := Reshape(MulScalar(OneMinus(present), transformer.Hidden), batch, 1, 1, length)
	for i := range c.TextLayers {
		x = transformer.Block(vars.Under("blocks."+strconv.Itoa(i)+"."), x, c.TextHeads, mask, transformer.ReLU, transformer.Epsilon)
	}
	weight := Reshape(present, batch, length, 1)
	mean := Div(ReduceSum(Mul(x, weight), 1), ReduceSum(weight, 1)) // [B, W]: IDs puts at least one word in every text
	mean = transformer.LayerNorm(vars, "norm", mean, transformer.Epsilon)
	return transformer.Linear(vars, "project", mean), x
}
