// Package meanpool is CLIP4Clip's parameter-free head "meanP": a video is the mean of its normalised frame vectors, and
// the similarity to a sentence is the cosine. It is the baseline that every other head must beat.
//
// Source: Luo et al., CLIP4Clip: An Empirical Study of CLIP for End to End Video Clip Retrieval, 2021, section 3.3
// ("parameter-free type"). It cannot see the order of frames.
package meanpool

import (
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Name is the head's name in run configs and bundles.
const Name = "meanpool"

func init() { align.Register(Name, func() align.Head { return Head{} }) }

// Head is the meanP head. It has no parameters.
type Head struct{}

// Init adds nothing.
func (Head) Init(*engine.Weights, int, *rand.Rand) {}

// Video returns v = n(Σ_t m_t n(F_t) / max(Σ_t m_t, 1 if 0)) as [B, 1, D], n(x) = x/‖x‖.
func (Head) Video(_ engine.Vars, frames align.Frames) *Node {
	dims := frames.Mask.Shape().Dimensions
	mask := Reshape(frames.Mask, dims[0], dims[1], 1)                                           // [B, T, 1]
	sum := ReduceSum(Mul(transformer.Normalize(frames.Vectors), mask), 1)                       // [B, D]
	count := MaxScalar(Reshape(ReduceSum(frames.Mask, 1), dims[0], 1), 1)                       // [B, 1]
	return ExpandAxes(transformer.Normalize(Div(sum, BroadcastToShape(count, sum.Shape()))), 1) // [B, 1, D]
}

// Text returns the normalised sentence vectors [B, D].
func (Head) Text(_ engine.Vars, sentence *Node) *Node { return transformer.Normalize(sentence) }

// Recall returns the stored vector itself [B, D].
func (Head) Recall(_ engine.Vars, videos *Node) *Node { return Squeeze(videos, 1) }

// Score returns the cosines s·v [A, N].
func (h Head) Score(vars engine.Vars, texts, videos *Node) *Node {
	return Dot(texts, h.Recall(vars, videos)).General([]int{1}, nil, []int{1}, nil)
}

// TwoStage is false: the recall vectors are the whole model.
func (Head) TwoStage() bool { return false }
