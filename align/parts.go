package align

import (
	"fmt"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/engine"
)

// Parts are those of one model.
type Parts []NamedPart

// NewParameters returns the fresh parameters of all parts for vectors of width dim, each part's under its name. A part that
// is Checked may refuse.
func (ps Parts) NewParameters(dim int, random *rand.Rand) (*engine.Weights, error) {
	weights := engine.NewWeights()
	for _, p := range ps {
		if checked, ok := p.Part.(Checked); ok {
			if err := checked.Check(dim); err != nil {
				return nil, fmt.Errorf("part %s: %w", p.Name, err)
			}
		}
		part := engine.NewWeights()
		p.Part.Init(part, dim, random)
		weights.Merge(p.prefix(), part)
	}
	return weights, nil
}

// Fixed names the parameters that no gradient moves.
func (ps Parts) Fixed() []string {
	var names []string
	for _, p := range ps {
		for _, name := range p.Part.Fixed() {
			names = append(names, p.prefix()+name)
		}
	}
	return names
}

// Watched names the scalars that Add returns.
func (ps Parts) Watched() []string {
	var names []string
	for _, p := range ps {
		if regularizer, ok := p.Part.(Regularizer); ok {
			names = append(names, regularizer.Watched()...)
		}
	}
	return names
}

// Counted names the parameters whose new values Add returns.
func (ps Parts) Counted() []string {
	var names []string
	for _, p := range ps {
		if counting, ok := p.Part.(Counting); ok {
			for _, name := range counting.Counted() {
				names = append(names, p.prefix()+name)
			}
		}
	}
	return names
}

// Warnings returns what the parts find wrong, given what happened in every step so far.
func (ps Parts) Warnings(losses []float64, watched map[string][]float64) []Warning {
	var all []Warning
	for _, p := range ps {
		if warner, ok := p.Part.(Warner); ok {
			for _, w := range warner.Warn(losses, watched) {
				w.Part, w.Step = p.Name, len(losses)
				all = append(all, w)
			}
		}
	}
	return all
}

// PartStep is what one part takes: the tower's inputs of its own texts, and what it draws.
type PartStep struct {
	Texts, Noise []engine.Array
}

// Step lays out what the parts take beside a batch of pairs whose videos have so many rows, padding included.
func (ps Parts) Step(tower Tower, pairs, rows int, random *rand.Rand) ([]PartStep, error) {
	var steps []PartStep
	for _, p := range ps {
		var step PartStep
		if reader, ok := p.Part.(TextPart); ok && len(reader.Texts()) > 0 {
			var err error
			if step.Texts, err = tower.TextInputs(reader.Texts()); err != nil {
				return nil, fmt.Errorf("%s: %w", p.Name, err)
			}
		}
		if regularizer, ok := p.Part.(Regularizer); ok {
			step.Noise = draw(random, regularizer.Noise(pairs, rows, tower.Dim()))
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// draw returns uniform numbers of the given shapes.
func draw(random *rand.Rand, shapes [][]int) []engine.Array {
	var noise []engine.Array
	for _, shape := range shapes {
		noise = append(noise, Uniform(random, shape...))
	}
	return noise
}

// View is a training batch as one of several parts sees it.
type View struct {
	Seen
	noise []*Node
}

// Views returns what each part sees, given what all of them do and the nodes of their steps' inputs in order. Of like, only
// how many arrays it has of each sort is used.
func (ps Parts) Views(all Seen, like []PartStep, nodes []*Node) []View {
	views := make([]View, len(ps))
	for i := range ps {
		texts, noise := len(like[i].Texts), len(like[i].Noise)
		views[i] = View{all, nodes[texts : texts+noise]}
		views[i].Texts = nodes[:texts]
		nodes = nodes[texts+noise:]
	}
	return views
}

// Add adds the parts' own losses to a loss. It returns, too, the scalars that Watched names and the values that Counted does.
func (ps Parts) Add(vars engine.Vars, loss *Node, views []View) (sum *Node, watched, counted []*Node) {
	for i, p := range ps {
		if regularizer, ok := p.Part.(Regularizer); ok {
			own, scalars := regularizer.Loss(vars.Under(p.prefix()), views[i].Seen, views[i].noise)
			count := len(regularizer.Watched())
			loss, watched, counted = Add(loss, own), append(watched, scalars[:count]...), append(counted, scalars[count:]...)
		}
	}
	return loss, watched, counted
}
