package transformer

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/engine"
)

// TinyEpsilon is the layer normalisation constant of BERT, and of CLIP4Clip's temporal heads.
const TinyEpsilon = 1e-12

// Heads returns the number of attention heads for x [..., W]: the one configured, or where that is 0 one to 64 components,
// as CLIP has them, and at least one.
func Heads(configured int, x *Node) int {
	if configured > 0 {
		return configured
	}
	return max(1, x.Shape().Dim(-1)/64)
}

// AddPositions adds the first L rows of table [P, W] to x [B, L, W]. A sequence longer than the table is an error.
func AddPositions(x, table *Node) *Node {
	length, known := x.Shape().Dim(1), table.Shape().Dim(0)
	if length > known {
		panic(fmt.Errorf("a sequence of %d does not fit the model's %d positions", length, known))
	}
	rows := make([]int64, length)
	for i := range rows {
		rows[i] = int64(i)
	}
	positions := Gather(table, ExpandAxes(Const(x.Graph(), rows), -1)) // [L, W]
	return Add(x, BroadcastToShape(ExpandAxes(positions, 0), x.Shape()))
}

// HidePadding turns a mask [B, L] of 0 and 1 into an additive attention mask [B, 1, 1, L].
func HidePadding(mask *Node) *Node {
	dims := mask.Shape().Dimensions
	return Reshape(MulScalar(OneMinus(mask), Hidden), dims[0], 1, 1, dims[1])
}

// FirstOfBlock returns the first position [B, 1, W] of what Block makes of x, for a third of the work or less: a last layer
// of which nothing else is read.
func FirstOfBlock(vars engine.Vars, x *Node, heads int, mask *Node, act Activation, epsilon float64) *Node {
	first := func(x *Node) *Node { // [B, 1, W]
		dims := x.Shape().Dimensions
		return Reshape(Pick(TransposeAllAxes(x, 1, 0, 2), 0), dims[0], 1, dims[2])
	}
	normal := LayerNorm(vars, "ln_1", x, epsilon)
	y := Add(first(x), attend(vars.Under("attn."), first(normal), normal, heads, mask))
	return Add(y, Linear(vars, "mlp.c_proj", act(Linear(vars, "mlp.c_fc", LayerNorm(vars, "ln_2", y, epsilon)))))
}
