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

// Video returns v = n(Σ_t m_t n(F_t) / max(Σ_t m_t, 1 if 0)) as one row, n(x) = x/‖x‖.
func (Head) Video(_ engine.Vars, frames align.Frames) align.Frames { return align.MeanRow(frames) }

// Text returns the normalised sentence vectors [B, D].
func (Head) Text(_ engine.Vars, sentence *Node) *Node { return transformer.Normalize(sentence) }

// Recall returns the stored vector itself [B, D].
func (Head) Recall(_ engine.Vars, videos align.Frames) *Node { return Squeeze(videos.Vectors, 1) }

// Score returns the cosines s·v [A, N].
func (Head) Score(_ engine.Vars, texts *Node, videos align.Frames) *Node {
	return align.Cosines(texts, videos)
}

// Traits: the recall vectors are the whole model.
func (Head) Traits() align.Traits { return align.OneStage }
