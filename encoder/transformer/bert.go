package transformer

import (
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/engine"
)

// BERT's post-norm blocks, under the names of its published checkpoints.
//
// Source: Devlin et al., BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding, 2019.

// BERTDeviation is the deviation of BERT's fresh weights.
const BERTDeviation = 0.02

// Dropout changes what a sublayer adds to its input while a model trains.
type Dropout func(x *Node) *Node

// NoDropout changes nothing.
func NoDropout(x *Node) *Node { return x }

// PostNorm returns LayerNorm(x + drop(W·y + b)): how BERT ends a sublayer y of x. Parameters: dense, LayerNorm.
func PostNorm(vars engine.Vars, y, x *Node, epsilon float64, drop Dropout) *Node {
	return LayerNorm(vars, "LayerNorm", Add(x, drop(Linear(vars, "dense", y))), epsilon)
}

// FeedForward returns LayerNorm(x + drop(W₂·GELU(W₁·x))). Parameters: intermediate.dense, output.
func FeedForward(vars engine.Vars, x *Node, epsilon float64, drop Dropout) *Node {
	return PostNorm(vars.Under("output."), GELU(Linear(vars, "intermediate.dense", x)), x, epsilon, drop)
}

// BERTLayer is a layer of BERT's encoder on x [B, L, W]: attention of all positions over all, then FeedForward. The mask is
// as SelfAttention takes it. Parameters: attention.self.query, .key and .value, attention.output, those of FeedForward.
func BERTLayer(vars engine.Vars, x *Node, heads int, mask *Node, epsilon float64, drop Dropout) *Node {
	own := vars.Under("attention.self.")
	y := Attention(Linear(own, "query", x), Linear(own, "key", x), Linear(own, "value", x), heads, mask)
	return FeedForward(vars, PostNorm(vars.Under("attention.output."), y, x, epsilon, drop), epsilon, drop)
}

// InitBERT adds a linear layer of BERT's: weights from N(0, 0.02²), zero bias.
func InitBERT(weights *engine.Weights, name string, in, out int, random *rand.Rand) {
	InitLinear(weights, name, in, out, BERTDeviation, random)
}

// InitPostNorm adds the parameters of PostNorm under prefix.
func InitPostNorm(weights *engine.Weights, prefix string, in, out int, random *rand.Rand) {
	InitBERT(weights, prefix+"dense", in, out, random)
	InitLayerNorm(weights, prefix+"LayerNorm", out)
}

// InitAttention adds the projections of one attention, query, key and value, under prefix.
func InitAttention(weights *engine.Weights, prefix string, width int, random *rand.Rand) {
	for _, name := range []string{"query", "key", "value"} {
		InitBERT(weights, prefix+name, width, width, random)
	}
}

// InitFeedForward adds the parameters of FeedForward under prefix.
func InitFeedForward(weights *engine.Weights, prefix string, width, hidden int, random *rand.Rand) {
	InitBERT(weights, prefix+"intermediate.dense", width, hidden, random)
	InitPostNorm(weights, prefix+"output.", hidden, width, random)
}

// InitBERTLayer adds the parameters of one BERTLayer under prefix.
func InitBERTLayer(weights *engine.Weights, prefix string, width, hidden int, random *rand.Rand) {
	InitAttention(weights, prefix+"attention.self.", width, random)
	InitPostNorm(weights, prefix+"attention.output.", width, width, random)
	InitFeedForward(weights, prefix, width, hidden, random)
}
