package taco

import (
	"fmt"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/engine"
)

// Step lays out a batch of matched videos and texts for Gradient. With masked, pairs that show one video are no negatives of
// each other. What is left to chance (dropout, random negatives) comes from random.
func (m *Model) Step(batch align.Batch, masked bool, random *rand.Rand) (align.Step, error) {
	if len(batch.Videos) == 0 || len(batch.Videos) != len(batch.Texts) {
		return align.Step{}, fmt.Errorf("lay out a batch of %d videos and %d texts: they come in pairs", len(batch.Videos), len(batch.Texts))
	}
	videos := make([]align.Video, len(batch.Videos))
	for i, video := range batch.Videos {
		var err error
		if videos[i], err = m.Config.readVideo(video); err != nil {
			return align.Step{}, err
		}
	}
	words, texts, err := m.wordInputs(batch.Texts)
	if err != nil {
		return align.Step{}, err
	}
	length := words[len(words)-1].Shape[1]
	s := align.Step{Videos: m.Config.frameInputs(videos), Texts: append(words, weightInputs(texts, length))}
	for _, shape := range m.Config.noise(len(videos), s.Videos[1].Shape[1], length) {
		s.Noise = append(s.Noise, align.Uniform(random, shape...))
	}
	if masked {
		s.Same = []engine.Array{align.SameVideo(batch.Videos)}
	}
	return s, nil
}

// noise returns the shapes of the uniform numbers that a step takes: for dropout of frames and of words, then for negatives.
func (c Config) noise(batch, frames, words int) [][]int {
	var shapes [][]int
	if c.Dropout > 0 {
		shapes = [][]int{{batch, frames, c.Hidden}, {batch, words, c.Hidden}}
	}
	if c.fuses() && c.Negatives == Random {
		shapes = append(shapes, []int{2, batch, batch})
	}
	return shapes
}

// Loss is the graph of the training loss, followed by its Watched parts, on the nodes of a step's Arrays. Of like, only how
// many arrays it has of each sort is used.
func (m *Model) Loss(vars engine.Vars, like align.Step, nodes []*Node) []*Node {
	take := func(arrays []engine.Array) []*Node {
		part := nodes[:len(arrays)]
		nodes = nodes[len(arrays):]
		return part
	}
	videos, texts, noise, same := take(like.Videos), take(like.Texts), take(like.Noise), take(like.Same)
	c := m.Config
	var dropFrames, dropWords Chance
	if c.Dropout > 0 {
		drop := func(uniform *Node) Chance {
			return func(x *Node) *Node { return Mul(x, align.Keep(uniform, c.Dropout)) }
		}
		dropFrames, dropWords, noise = drop(noise[0]), drop(noise[1]), noise[2:]
	}
	said, weights := texts[:len(texts)-1], texts[len(texts)-1]
	p := Pairs{
		Videos: c.EncodeFrames(vars, videos[0], videos[1], dropFrames), VideoMask: videos[1],
		Texts: c.EncodeWords(vars, said, dropWords), TextMask: said[len(said)-1],
		Weights: weights, Start: c.width(),
	}
	if len(noise) > 0 {
		p.Draw = noise[0]
	}
	if len(same) > 0 {
		p.Same = same[0]
	}
	return c.Objective(c.Losses(vars, p), p.Videos.Shape().Dim(0))
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
func (m *Model) Watched() []string { return m.Config.watched() }

// Kept names the parameters that a step sets by itself: none.
func (m *Model) Kept() []string { return nil }
