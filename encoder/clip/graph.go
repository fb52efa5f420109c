package clip

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"sightline/encoder/transformer"
	"sightline/engine"
)

// The towers as graph code. Parameters carry the names and layouts of OpenAI's state_dict; Radford et al. 2021, figure 3
// and section 2.4, and clip/model.py.

// Images encodes pixels [B, 3, S, S], preprocessed as pixels does, to vectors [B, Dim], not normalised.
func (c Config) Images(vars engine.Vars, pixels *Node) *Node {
	vars = vars.Under("visual.")
	v := c.Vision
	batch, grid := pixels.Shape().Dimensions[0], v.Size/v.Patch

	// Patches: a convolution whose stride is its width is a product with each flattened patch.
	x := Reshape(pixels, batch, 3, grid, v.Patch, grid, v.Patch)
	x = TransposeAllAxes(x, 0, 2, 4, 1, 3, 5)
	x = Reshape(x, batch, grid*grid, 3*v.Patch*v.Patch)
	x = transformer.Project(x, Reshape(vars.Get("conv1.weight"), v.Width, -1), nil) // [B, g², W]

	class := BroadcastToDims(ExpandLeftToRank(vars.Get("class_embedding"), 3), batch, 1, v.Width)
	x = Concatenate([]*Node{class, x}, 1) // [B, 1+g², W]
	x = Add(x, ExpandLeftToRank(vars.Get("positional_embedding"), 3))
	x = transformer.LayerNorm(vars, "ln_pre", x, v.Epsilon)
	x = blocks(vars, x, v.Tower, nil)

	y := rows(x, Const(x.Graph(), make([]int64, batch))) // [B, W], the class token
	y = transformer.LayerNorm(vars, "ln_post", y, v.Epsilon)
	return Dot(y, vars.Get("proj")).Product() // [B, Dim]
}

// Texts turns what TextTokens returns [B, L, W] into vectors [B, Dim], not normalised. Each text is read at its position
// end [B] (int32), that of the token that closes it; what stands behind is not seen.
func (c Config) Texts(vars engine.Vars, tokens, end *Node) *Node {
	return Dot(rows(tokens, end), vars.Get("text_projection")).Product() // [B, Dim]
}

// TextTokens returns the last layer of the text transformer for token ids [B, L] (int32, L up to the context), normalised
// by ln_final: [B, L, W].
func (c Config) TextTokens(vars engine.Vars, ids *Node) *Node {
	t := c.Text
	length := ids.Shape().Dimensions[1]
	position := Gather(vars.Get("positional_embedding"), ExpandAxes(steps(ids.Graph(), length, 1), -1)) // [L, W], the first L
	x := Gather(vars.Get("token_embedding.weight"), ConvertDType(ExpandAxes(ids, -1), dtypes.Int64))    // [B, L, W]
	x = Add(x, ExpandLeftToRank(position, 3))
	x = blocks(vars, x, t.Tower, transformer.CausalMask(ids.Graph(), length))
	return transformer.LayerNorm(vars, "ln_final", x, t.Epsilon)
}

// blocks applies the residual blocks of a tower to x [B, L, W].
func blocks(vars engine.Vars, x *Node, tower Tower, mask *Node) *Node {
	for i := range tower.Layers {
		block := vars.Under(fmt.Sprintf("transformer.resblocks.%d.", i))
		x = transformer.Block(block, x, tower.Heads, mask, activations[tower.Activation], tower.Epsilon)
	}
	return x
}

// rows returns the row x[b, at[b]] of each item: x [B, L, W], at [B] → [B, W]. It gathers, as ONNX Runtime's backend lacks
// the gradient of a slice.
func rows(x, at *Node) *Node {
	batch, length, width := x.Shape().Dimensions[0], x.Shape().Dimensions[1], x.Shape().Dimensions[2]
	index := Add(ConvertDType(at, dtypes.Int64), steps(x.Graph(), batch, length)) // [B], into the rows of all items
	return Gather(Reshape(x, batch*length, width), ExpandAxes(index, -1))
}

// steps returns the constants 0, step, 2·step, … [count]. Indices are int64: the gradient of a gather asks for it.
func steps(g *Graph, count, step int) *Node {
	values := make([]int64, count)
	for i := range values {
		values[i] = int64(i * step)
	}
	return Const(g, values)
}
