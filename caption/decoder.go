package caption

import (
	"strconv"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Names of parameters that more than one place needs.
const (
	wordTable     = "embeddings.word_embeddings.weight" // [V, W]; the output layer's weight too
	positionTable = "embeddings.position_embeddings.weight"
	transform     = "classifier.cls.predictions.transform"
	outputBias    = "classifier.cls.predictions.bias" // [V]
)

// read is the visual side (UniVL, 3.2.1): what frames [B, T, D] say, [B, T, W].
func (c Config) read(vars engine.Vars, frames align.Frames, drop transformer.Dropout) *Node {
	x := transformer.LayerNorm(vars, normPrefix, frames.Vectors, transformer.TinyEpsilon)
	vars = vars.Under(visualPrefix)
	x = transformer.Linear(vars, "embeddings.word_embeddings", x)
	x = transformer.AddPositions(x, vars.Get(positionTable))
	x = drop(transformer.LayerNorm(vars, "embeddings.LayerNorm", x, transformer.TinyEpsilon))
	mask := transformer.HidePadding(frames.Mask) // [B, 1, 1, T]
	for i := range c.VisualLayers {
		x = transformer.BERTLayer(vars.Under("encoder.layer."+strconv.Itoa(i)+"."), x, c.Heads, mask, transformer.TinyEpsilon, drop)
	}
	return x
}

// memory is what attention looks at: keys and values [N, L, W] with an additive mask.
type memory struct {
	keys, values, mask *Node
}

// remember returns the keys and values of positions x [N, L, W] for the attention of the given parameters.
func remember(vars engine.Vars, x *Node) (keys, values *Node) {
	return transformer.Linear(vars, "att.key", x), transformer.Linear(vars, "att.value", x)
}

// attend is a sublayer of attention. x [R, L, W] may have several rows for each one of the memory: those of one video's
// beam lie together.
func (c Config) attend(vars engine.Vars, x *Node, of memory, drop transformer.Dropout) *Node {
	queries := transformer.Linear(vars, "att.query", x)
	queries = Reshape(queries, of.keys.Shape().Dim(0), -1, c.Width)
	y := transformer.Attention(queries, of.keys, of.values, c.Heads, of.mask)
	return transformer.PostNorm(vars.Under("output."), Reshape(y, x.Shape().Dimensions...), x, transformer.TinyEpsilon, drop)
}

// layerAt returns the parameters of a layer of the decoder.
func layerAt(vars engine.Vars, i int) engine.Vars {
	return vars.Under("decoder.layer." + strconv.Itoa(i) + ".")
}

// memories returns the keys and the values [B, T, W] that each layer's attention over states [B, T, W] looks at. They are the
// same for every word.
func (c Config) memories(vars engine.Vars, states *Node) []*Node {
	var all []*Node
	for i := range c.Layers {
		keys, values := remember(layerAt(vars, i).Under("enc_attn."), states)
		all = append(all, keys, values)
	}
	return all
}

// write is the decoder (UniVL, 3.2.3) on whole captions: from ids [B, L] of their pieces, those there are marked in mask
// [B, L], what it makes of each position having seen those up to it, [B, L, W].
func (c Config) write(vars engine.Vars, states, seen, ids, mask *Node, drop transformer.Dropout) *Node {
	x := transformer.AddPositions(pieces(vars, ids), vars.Get(positionTable))
	x = drop(transformer.LayerNorm(vars, "embeddings.LayerNorm", x, transformer.TinyEpsilon))
	causal := transformer.CausalMask(x.Graph(), ids.Shape().Dim(1)) // [1, 1, L, L]
	padding := transformer.HidePadding(mask)                        // [B, 1, 1, L]
	shape := []int{ids.Shape().Dim(0), 1, ids.Shape().Dim(1), ids.Shape().Dim(1)}
	before := Add(BroadcastToDims(causal, shape...), BroadcastToDims(padding, shape...))
	for i := range c.Layers {
		layer := layerAt(vars, i)
		own, seen := memory{mask: before}, memory{mask: transformer.HidePadding(seen)}
		own.keys, own.values = remember(layer.Under("slf_attn."), x)
		seen.keys, seen.values = remember(layer.Under("enc_attn."), states)
		x = c.layer(layer, x, own, seen, drop)
	}
	return x
}

func (c Config) layer(vars engine.Vars, x *Node, own, seen memory, drop transformer.Dropout) *Node {
	x = c.attend(vars.Under("slf_attn."), x, own, drop)
	x = c.attend(vars.Under("enc_attn."), x, seen, drop)
	return transformer.FeedForward(vars, x, transformer.TinyEpsilon, drop)
}

// pieces returns the vectors [..., W] of ids.
func pieces(vars engine.Vars, ids *Node) *Node {
	return Gather(vars.Get(wordTable), ExpandAxes(ConvertDType(ids, dtypes.Int64), -1))
}

// logits returns the scores [..., V] of every piece, and the vectors [..., W] whose products with the pieces' own they are.
func logits(vars engine.Vars, x *Node) (scores, vectors *Node) {
	vectors = transformer.GELU(transformer.Linear(vars, transform+".dense", x))
	vectors = transformer.LayerNorm(vars, transform+".LayerNorm", vectors, transformer.TinyEpsilon)
	return transformer.Project(vectors, vars.Get(wordTable), vars.Get(outputBias)), vectors
}

// surprise returns the negative log-likelihoods [B, L] of the target pieces [B, L] after those of ids [B, L]. The score of a
// target is the product with its vector, taken by itself: no second array of the vocabulary's width is made.
func (c Config) surprise(vars engine.Vars, states, seen, ids, targets, mask *Node, drop transformer.Dropout) *Node {
	scores, vectors := logits(vars, c.write(vars, states, seen, ids, mask, drop)) // [B, L, V], [B, L, W]
	bias := Gather(vars.Get(outputBias), ExpandAxes(ConvertDType(targets, dtypes.Int64), -1))
	target := Add(ReduceSum(Mul(vectors, pieces(vars, targets)), -1), bias) // [B, L]
	largest := StopGradient(ReduceAndKeep(scores, ReduceMax, -1))           // [B, L, 1]
	total := Log(ReduceSum(Exp(Sub(scores, largest)), -1))                  // [B, L]
	return Sub(Add(total, Squeeze(largest, -1)), target)
}

// next is the decoder at one position, for R rows of which the rows of one video's beam lie together. It takes the ids
// [R, 1] of the pieces there, the position [1], the mask of what lies before it [1, P], the videos' mask [N, T], and for each
// layer the keys and values of the video [N, T, W], then those of what lies before [R, P, W]. It returns the
// log-probabilities [R, V] of what comes next, then each layer's keys and values of this position [R, 1, W].
func (c Config) next(vars engine.Vars, in []*Node) []*Node {
	ids, position, past, video := in[0], in[1], in[2], in[3]
	rows := ids.Shape().Dim(0)
	here := Gather(vars.Get(positionTable), ExpandAxes(ConvertDType(position, dtypes.Int64), -1)) // [1, W]
	x := pieces(vars, ids)                                                                        // [R, 1, W]
	x = Add(x, BroadcastToShape(ExpandAxes(here, 0), x.Shape()))
	x = transformer.LayerNorm(vars, "embeddings.LayerNorm", x, transformer.TinyEpsilon)
	before := transformer.HidePadding(Concatenate([]*Node{past, OnesLike(ConvertDType(ExpandAxes(position, 0), past.DType()))}, 1))
	var made []*Node
	for i := range c.Layers {
		layer, given := layerAt(vars, i), in[4+4*i:]
		keys, values := remember(layer.Under("slf_attn."), x) // [R, 1, W]
		made = append(made, keys, values)
		own := memory{Concatenate([]*Node{given[2], keys}, 1), Concatenate([]*Node{given[3], values}, 1), before}
		x = c.layer(layer, x, own, memory{given[0], given[1], transformer.HidePadding(video)}, transformer.NoDropout)
	}
	scores, _ := logits(vars, x)
	return append([]*Node{LogSoftmax(Reshape(scores, rows, -1), -1)}, made...)
}
