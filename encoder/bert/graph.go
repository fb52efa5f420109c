package bert

import (
	"fmt"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"sightline/encoder/transformer"
	"sightline/engine"
)

// States returns what the embeddings and then each layer make of token ids [B, L] (int32, L up to Positions), those there
// are marked by 1 in mask [B, L] and padding by 0: [B, L, W] each. Parameters are named as in transformers' BertModel.
func (c Config) States(vars engine.Vars, ids, mask *Node) []*Node {
	x := Gather(vars.Get(wordTable), ExpandAxes(ConvertDType(ids, dtypes.Int64), -1)) // [B, L, W]
	x = transformer.AddPositions(x, vars.Get(positionTable))
	x = Add(x, ExpandLeftToRank(transformer.Pick(vars.Get(kindTable), 0), 3)) // every text is the first segment
	x = transformer.LayerNorm(vars, "embeddings.LayerNorm", x, c.Epsilon)
	states := []*Node{x}
	hidden := transformer.HidePadding(mask) // [B, 1, 1, L]
	for i := range c.Layers {
		x = transformer.BERTLayer(vars.Under(layerName(i)), x, c.Heads, hidden, c.Epsilon, transformer.NoDropout)
		states = append(states, x)
	}
	return states
}

// Names of the parameters before the layers, and what those of a layer start with.
const (
	wordTable     = "embeddings.word_embeddings.weight"
	positionTable = "embeddings.position_embeddings.weight"
	kindTable     = "embeddings.token_type_embeddings.weight"
)

func layerName(i int) string { return fmt.Sprintf("encoder.layer.%d.", i) }
