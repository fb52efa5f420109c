package locate

import (
	"fmt"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/engine"
)

// Step lays out a batch for Gradient: matched videos and texts, and in batch.Spans where in its video each text's moment lies,
// in seconds. With masked, pairs that show one video are no negatives of each other. What is left to chance (dropout,
// negatives, which part of a long video) comes from random.
func (m *Model) Step(batch align.Batch, masked bool, random *rand.Rand) (align.Step, error) {
	if len(batch.Spans) != len(batch.Videos) {
		return align.Step{}, fmt.Errorf("lay out a batch of %d pairs: it says where %d moments lie", len(batch.Videos), len(batch.Spans))
	}
	parts, gold := make([]sequence, len(batch.Videos)), make([]labels, len(batch.Videos))
	for i, video := range batch.Videos {
		s, err := m.Config.read(video)
		if err != nil {
			return align.Step{}, err
		}
		at, err := s.label(batch.Spans[i])
		if err != nil {
			return align.Step{}, err
		}
		parts[i], gold[i] = s.around(at, m.Config.Clips, random)
	}
	texts, err := m.Config.wordInputs(batch.Texts)
	if err != nil {
		return align.Step{}, err
	}
	s := align.Step{Videos: m.Config.clipInputs(parts), Texts: texts}
	length := s.Videos[1].Shape[1]
	s.Targets = targets(gold, length, m.Config.ranks(batch.Videos, masked, batch.Epoch, random))
	for _, p := range m.Config.places(len(parts), texts[1].Shape[1], length) {
		s.Noise = append(s.Noise, align.Uniform(random, p.shape...))
	}
	if masked {
		s.Same = []engine.Array{align.SameVideo(batch.Videos)}
	}
	return s, nil
}

// Loss is the graph of the training loss, followed by its Watched parts, on the nodes of a step's Arrays. Of like, only how
// many arrays it has of each sort is used.
func (m *Model) Loss(vars engine.Vars, like align.Step, nodes []*Node) []*Node {
	take := func(n int) []*Node {
		part := nodes[:n]
		nodes = nodes[n:]
		return part
	}
	videos, texts, noise := clipNodes(take(len(like.Videos))), take(len(like.Texts)), take(len(like.Noise))
	gold, same := take(len(like.Targets)), take(len(like.Same))
	dims := videos.Mask.Shape().Dimensions
	drop := m.Config.dropout(m.Config.places(dims[0], texts[1].Shape().Dim(1), dims[1]), noise)
	pairs := Pairs{
		Words:  m.Config.EncodeWords(vars, texts[0], texts[1], drop),
		Videos: m.Config.EncodeClips(vars, videos, drop),
		Gold:   Gold{Start: gold[0], End: gold[1], Inside: gold[2], Ranks: gold[3]},
	}
	if len(same) > 0 {
		pairs.Gold.Same = same[0]
	}
	pairs.Query = m.Method.Query(vars, pairs.Words)
	return m.Method.Loss(vars, m.Config, pairs)
}

// Gradient compiles a training step: on the Arrays of steps like the given one it returns the loss, its Watched parts, then
// its gradient with respect to each named parameter in turn.
func (m *Model) Gradient(like align.Step, parameters []string) (*engine.Program, error) {
	return m.Engine.Gradient(m.Weights, parameters, func(vars engine.Vars, nodes []*Node) []*Node {
		return m.Loss(vars, like, nodes)
	})
}

// Parameters names what is learned: everything.
func (m *Model) Parameters() []string { return m.Weights.Names() }

// Watched names the parts of the loss that Gradient returns after it.
func (m *Model) Watched() []string { return m.Method.Watched() }

// Kept names the parameters that a step sets by itself: none.
func (m *Model) Kept() []string { return nil }
