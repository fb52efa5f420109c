// Package meanpool is CLIP4Clip's parameter-free head "meanP": a video is the mean of its normalised frame vectors, and
// the similarity to a sentence is the cosine. It is the baseline that every other head must beat.
//
// Source: Luo et al., CLIP4Clip: An Empirical Study of CLIP for End to End Video Clip Retrieval, 2021, section 3.3
// ("parameter-free type"). It cannot see the order of frames.
package meanpool

import (
	"math/rand/v2"

	"sightline/align"
	"sightline/engine"
)

// Name is the head's name in run configs and bundles.
const Name = "meanpool"

func init() { align.Register(Name, func() align.Head { return Head{} }) }

// Head is the meanP head. It has no parameters.
type Head struct{ align.OneRow }

// Init adds nothing.
func (Head) Init(*engine.Weights, int, *rand.Rand) {}

// Video returns v = n(Σ_t m_t n(F_t) / max(Σ_t m_t, 1 if 0)) as one row, n(x) = x/‖x‖.
func (Head) Video(_ engine.Vars, frames align.Frames) align.Frames { return align.MeanRow(frames) }
