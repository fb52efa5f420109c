package caption

import (
	"errors"
	"fmt"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// viewLayer is the linear layer through which parts see what the visual side makes of frames.
const viewLayer = "view"

// Learn adds parts, such as CALM, whose losses train the model beside the caption's. They see the sentence vectors of the
// captions, and of the videos
//
//	h_t = f_t + W R_t + b        [B, T, D]
//
// the frame vectors f as they are stored, plus what the visual side makes of them, R, brought to their width. W and b are zero
// at first: parts start from the encoder's own vectors, and what they ask of the frames from then on is asked of R, which the
// captions are written from. The stored vectors are frozen, so of these alone nothing could be asked.
//
// All of it is there in training only: Save leaves it out, and no caption needs it. Parts must be losses; layers, and options
// that change scores or the weights of pairs, are refused, because there is no pair here.
func (m *Model) Learn(parts align.Parts, seed uint64) error {
	dim := m.Tower.Dim()
	for _, p := range parts {
		if err := lossOnly(p.Part); err != nil {
			return &sightline.Error{Kind: sightline.Usage, What: "train captions with part " + p.Name, Err: err, Try: "leave it out; parts: [calm] is one that goes with captions"}
		}
	}
	if m.Tower.VideoDim != m.Tower.TextDim {
		return &sightline.Error{Kind: sightline.Usage, What: "train captions with parts",
			Err: fmt.Errorf("frame vectors are %d wide and sentence vectors %d, which nothing compares", m.Tower.VideoDim, m.Tower.TextDim),
			Try: "use an encoder that has both in one space, encoder: clip or encoder: tiny"}
	}
	random := rand.New(rand.NewPCG(seed, 0xCA17))
	weights, err := parts.NewParameters(dim, random)
	if err != nil {
		return fmt.Errorf("train captions: %w", err)
	}
	transformer.InitLinear(weights, viewLayer, m.Config.Width, dim, 0, random)
	m.Weights.Merge("", weights)
	m.Parts = parts
	return nil
}

// lossOnly returns why a part is more than a loss, or none.
func lossOnly(part align.Part) error {
	if _, ok := part.(align.Regularizer); !ok {
		return errors.New("it has no loss of its own")
	}
	if _, ok := part.(align.Layer); ok {
		return errors.New("it is a layer between head and scores, and captions have neither")
	}
	if scorer, ok := part.(align.Scorer); ok && scorer.Share() > 0 {
		return errors.New("it has a say in scores, and captions have none")
	}
	return nil
}

// seen is a batch as parts see it, given its frames, what the visual side made of them, and the inputs of both sides.
func (m *Model) seen(vars engine.Vars, frames align.Frames, states *Node, videos, texts []*Node) align.Seen {
	tower := vars.Under(towerPrefix)
	own := align.Frames{Vectors: Add(frames.Vectors, transformer.Linear(vars, viewLayer, states)), Mask: frames.Mask}
	all := align.Seen{
		Frames: own, Sentence: m.Tower.Text(tower, texts), Plain: m.Tower.Plain(videos, texts),
		Read: func(in []*Node) *Node { return m.Tower.Text(tower, in) },
	}
	for _, p := range m.Parts {
		if weighing, ok := p.Part.(align.Weighing); ok && weighing.Weights(vars.Under(p.Name+"."), all) != nil {
			panic(fmt.Errorf("part %s weighs the pairs of a head's loss, and captions have none: leave that option out", p.Name))
		}
	}
	return all
}

// writing returns the weights without what parts train with.
func (m *Model) writing() *engine.Weights {
	if len(m.Parts) == 0 {
		return m.Weights
	}
	writing := m.Weights.Clone()
	writing.Remove(viewLayer + ".")
	for _, p := range m.Parts {
		writing.Remove(p.Name + ".")
	}
	return writing
}
