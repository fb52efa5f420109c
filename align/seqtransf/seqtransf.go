// Package seqtransf is CLIP4Clip's sequential head "seqTransf": a transformer over the frames of a video, added to them,
// then the mean as in package meanpool. It sees the order of frames through learned positions.
//
// Source: Luo et al., CLIP4Clip: An Empirical Study of CLIP for End to End Video Clip Retrieval, 2021, section 3.3
// ("sequential type"). Parameter names are those of the official checkpoints.
package seqtransf

import (
	"fmt"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Name is the head's name in run configs and bundles.
const Name = "seqtransf"

func init() { align.Register(Name, func() align.Head { return Default() }) }

// Head is the seqTransf head.
type Head struct {
	align.OneRow `json:"-"`

	Layers    int `json:"layers"`    // blocks of the transformer
	Heads     int `json:"heads"`     // attention heads; 0 for one to 64 components, as CLIP has them
	Positions int `json:"positions"` // frames a video may have
}

// Default returns the head as published, with 4 layers, and CLIP's 77 positions.
func Default() *Head { return &Head{Layers: 4, Positions: 77} }

const blocks, positions = "transformerClip.resblocks.", "frame_position_embeddings.weight"

// Init adds the transformer: CLIP's initial values, positions from N(0, 0.02²). The paper takes the weights of CLIP's text
// tower, which `sightline model import` brings in with a published checkpoint.
func (h *Head) Init(weights *engine.Weights, dim int, random *rand.Rand) {
	for i := range h.Layers {
		transformer.InitBlock(weights, fmt.Sprintf("%s%d.", blocks, i), dim, h.Layers, random)
	}
	weights.Set(positions, engine.Normal(random, h.Positions*dim, 0.02), h.Positions, dim)
}

// Video returns the mean of F + transformer(F + positions) as one row.
func (h *Head) Video(vars engine.Vars, frames align.Frames) align.Frames {
	return align.MeanRow(h.Sequence(vars, frames))
}

// Sequence returns F + transformer(F + positions) [B, T, D], not normalised. Padding is hidden from attention.
func (h *Head) Sequence(vars engine.Vars, frames align.Frames) align.Frames {
	x := transformer.AddPositions(frames.Vectors, vars.Get(positions)) // [B, T, D]
	hidden := transformer.HidePadding(frames.Mask)
	for i := range h.Layers {
		x = transformer.Block(vars.Under(fmt.Sprintf("%s%d.", blocks, i)), x, transformer.Heads(h.Heads, x), hidden, transformer.QuickGELU, transformer.TinyEpsilon)
	}
	return align.Frames{Vectors: Add(x, frames.Vectors), Mask: frames.Mask}
}
