// Package tighttransf is CLIP4Clip's tight head "tightTransf": a transformer over the sentence and the frames of a video
// together says how well they match. Every pair costs a run of the transformer, so search recalls candidates by the mean
// of the frames and re-scores those.
//
// Source: Luo et al., CLIP4Clip: An Empirical Study of CLIP for End to End Video Clip Retrieval, 2021, section 3.3 ("tight
// type"). Parameter names are those of the official checkpoints.
package tighttransf

import (
	"fmt"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Name is the head's name in run configs and bundles.
const Name = "tighttransf"

func init() { align.Register(Name, func() align.Head { return Default() }) }

// Head is the tightTransf head.
type Head struct {
	Layers    int     `json:"layers"`    // blocks of the transformer
	Heads     int     `json:"heads"`     // attention heads; 0 for one to 64 components, as CLIP has them
	Positions int     `json:"positions"` // frames a video may have, plus one for the sentence
	Dropout   float64 `json:"dropout"`   // share of the input's components dropped in training
	Auxiliary float64 `json:"recall"`    // weight of InfoNCE on the recall vectors in the loss; the paper has none
}

// Default returns the head as published: 4 layers, CLIP's 77 positions, dropout 0.1 on the input.
func Default() *Head { return &Head{Layers: 4, Positions: 77, Dropout: 0.1} }

const (
	blocks    = "cross.transformer.resblocks."
	positions = "cross.embeddings.position_embeddings.weight"
	pool      = "cross.pooler.ln_pool"
	dense     = "cross.pooler.dense"
	decision  = "similarity_dense"
)

// Init adds the transformer with CLIP's initial values, and the pooler and decision from N(0, 0.02²) as CLIP4Clip has them.
func (h *Head) Init(weights *engine.Weights, dim int, random *rand.Rand) {
	for i := range h.Layers {
		transformer.InitBlock(weights, fmt.Sprintf("%s%d.", blocks, i), dim, h.Layers, random)
	}
	weights.Set(positions, engine.Normal(random, h.Positions*dim, 0.02), h.Positions, dim)
	transformer.InitLayerNorm(weights, pool, dim)
	transformer.InitLinear(weights, dense, dim, dim, 0.02, random)
	transformer.InitLinear(weights, decision, dim, 1, 0.02, random)
}

// Video keeps the frames as they are.
func (*Head) Video(_ engine.Vars, frames align.Frames) align.Frames { return frames }

// Text keeps the sentence vectors [B, D] as they are.
func (*Head) Text(_ engine.Vars, sentence *Node) *Node { return sentence }

// Recall returns the mean of the normalised frames [B, D].
func (*Head) Recall(_ engine.Vars, videos align.Frames) *Node {
	return Squeeze(align.MeanRow(videos).Vectors, 1)
}

// Score returns the transformer's logits [A, N] for every pair.
func (h *Head) Score(vars engine.Vars, texts *Node, videos align.Frames) *Node {
	return h.score(vars, texts, videos, nil)
}

// score runs [sentence; frames] of every pair; keep [A·N, 1 + T, D] holds 0 or 1/(1 − dropout), nil for all ones.
func (h *Head) score(vars engine.Vars, texts *Node, videos align.Frames, keep *Node) *Node {
	dims := videos.Vectors.Shape().Dimensions
	a, n, t, dim := texts.Shape().Dimensions[0], dims[0], dims[1], dims[2]
	pairs := a * n
	sentence := BroadcastToDims(Reshape(texts, a, 1, 1, dim), a, n, 1, dim)
	frames := BroadcastToDims(Reshape(videos.Vectors, 1, n, t, dim), a, n, t, dim)
	x := Reshape(Concatenate([]*Node{sentence, frames}, 2), pairs, 1+t, dim)
	there := BroadcastToDims(Reshape(videos.Mask, 1, n, t), a, n, t)
	there = Reshape(Concatenate([]*Node{BroadcastToDims(ScalarOne(x.Graph(), there.DType()), a, n, 1), there}, 2), pairs, 1+t)
	x = transformer.AddPositions(x, vars.Get(positions))
	if keep != nil {
		x = Mul(x, keep)
	}
	hidden, heads := transformer.HidePadding(there), transformer.Heads(h.Heads, x)
	for i := range h.Layers {
		layer := vars.Under(fmt.Sprintf("%s%d.", blocks, i))
		if i == h.Layers-1 { // of the last layer only the first position is read
			x = transformer.FirstOfBlock(layer, x, heads, hidden, transformer.QuickGELU, transformer.TinyEpsilon)
			continue
		}
		x = transformer.Block(layer, x, heads, hidden, transformer.QuickGELU, transformer.TinyEpsilon)
	}
	first := Reshape(x, pairs, dim)
	first = transformer.QuickGELU(transformer.Linear(vars, dense, transformer.LayerNorm(vars, pool, first, transformer.TinyEpsilon)))
	return Reshape(transformer.Linear(vars, decision, first), a, n)
}

// Noise is what dropout draws: one number a component of each pair's input.
func (h *Head) Noise(pairs, rows, dim int) [][]int {
	if h.Dropout == 0 {
		return nil
	}
	return [][]int{{pairs * pairs, 1 + rows, dim}}
}

// Loss is InfoNCE of the logits, which carry no scale (retrieval.md, R6), plus, where asked for, that of the recall
// vectors.
func (h *Head) Loss(vars engine.Vars, contrast align.Contrast, videos align.Frames, sentence *Node, noise []*Node) *Node {
	var keep *Node
	if h.Dropout > 0 {
		keep = align.Keep(noise[0], h.Dropout)
	}
	loss := contrast.Logits(h.score(vars, sentence, videos, keep))
	if h.Auxiliary > 0 {
		recall := contrast.Loss(align.Cosines(transformer.Normalize(sentence), align.MeanRow(videos)))
		loss = Add(loss, MulScalar(recall, h.Auxiliary))
	}
	return loss
}

// Traits: every pair is a sequence, so few are compared at a time.
func (*Head) Traits() align.Traits { return align.Traits{TwoStage: true, Texts: 16, Videos: 64} }
