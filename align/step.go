package align

import (
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/engine"
)

// Step is a training batch laid out for the graph of Model.Loss.
type Step struct {
	Videos, Texts []engine.Array // as the tower lays them out
	Noise         []engine.Array // what the head's Objective draws
	Same          []engine.Array // one array [B, B], 1 where two pairs show one video; none when all are negatives
	Targets       []engine.Array // where moments lie, for models that learn to find them; else none
}

// Step lays out a batch. With masked, pairs that show one video are no negatives of each other.
func (m *Model) Step(batch Batch, masked bool, random *rand.Rand) (Step, error) {
	var s Step
	var err error
	if s.Videos, err = m.Tower.VideoInputs(batch.Videos); err != nil {
		return Step{}, err
	}
	if s.Texts, err = m.Tower.TextInputs(batch.Texts); err != nil {
		return Step{}, err
	}
	if objective, ok := m.Head.(Objective); ok {
		longest := 1
		for _, video := range batch.Videos {
			longest = max(longest, video.Rows())
		}
		for _, shape := range objective.Noise(len(batch.Videos), Bucket(longest), m.Tower.Dim()) {
			s.Noise = append(s.Noise, Uniform(random, shape...))
		}
	}
	if masked {
		s.Same = []engine.Array{SameVideo(batch.Videos)}
	}
	return s, nil
}

// SameVideo returns [B, B], 1 where two places of a batch show one video.
func SameVideo(videos []Video) engine.Array {
	same := make([]float32, 0, len(videos)*len(videos))
	for _, a := range videos {
		for _, b := range videos {
			if a.ID == b.ID {
				same = append(same, 1)
			} else {
				same = append(same, 0)
			}
		}
	}
	return engine.Floats(same, len(videos), len(videos))
}

// Uniform returns numbers in [0, 1) of the given shape, two from each draw.
func Uniform(random *rand.Rand, shape ...int) engine.Array {
	size := 1
	for _, dim := range shape {
		size *= dim
	}
	data := make([]float32, size)
	const bits = 24
	for i := 0; i < size; i += 2 {
		draw := random.Uint64()
		data[i] = float32(draw>>(64-bits)) / (1 << bits)
		if i+1 < size {
			data[i+1] = float32(draw&(1<<bits-1)) / (1 << bits)
		}
	}
	return engine.Floats(data, shape...)
}

// Arrays returns the step's inputs in the order in which Loss takes their nodes.
func (s Step) Arrays() []engine.Array {
	var all []engine.Array
	for _, part := range [][]engine.Array{s.Videos, s.Texts, s.Noise, s.Same, s.Targets} {
		all = append(all, part...)
	}
	return all
}

// Scale returns exp(logit_scale), by which scores are multiplied in the loss.
func Scale(vars engine.Vars) *Node { return Exp(vars.Get(LogitScale)) }

// Loss is the graph of the training loss on the nodes of a step's Arrays: the head's Objective, or else InfoNCE of the
// scaled scores, plus the tower's auxiliary loss. Of like, only how many arrays it has of each sort is used.
func (m *Model) Loss(vars engine.Vars, like Step, nodes []*Node) *Node {
	take := func(n int) []*Node {
		part := nodes[:n]
		nodes = nodes[n:]
		return part
	}
	videos, texts, noise, same := take(len(like.Videos)), take(len(like.Texts)), take(len(like.Noise)), take(len(like.Same))
	contrast := Contrast{Scale: Scale(vars)}
	if len(same) > 0 {
		contrast.Same = same[0]
	}
	tower, head := vars.Under(towerPrefix), vars.Under(headPrefix)
	frames := m.Tower.Video(tower, videos)
	sentence := m.Head.Text(head, m.Tower.Text(tower, texts))
	kept := m.Head.Video(head, frames)
	var loss *Node
	if objective, ok := m.Head.(Objective); ok {
		loss = objective.Loss(head, contrast, kept, sentence, noise)
	} else {
		loss = contrast.Loss(m.Head.Score(head, sentence, kept))
	}
	if auxiliary, ok := m.Tower.(Auxiliary); ok {
		if own := auxiliary.Loss(tower, frames, videos, texts); own != nil {
			loss = Add(loss, own)
		}
	}
	return loss
}

// Gradient compiles a training step: on the Arrays of steps like the given one it returns the loss, then its gradient with
// respect to each named parameter in turn.
func (m *Model) Gradient(like Step, parameters []string) (*engine.Program, error) {
	return m.Engine.Gradient(m.Weights, parameters, func(vars engine.Vars, nodes []*Node) []*Node {
		return []*Node{m.Loss(vars, like, nodes)}
	})
}
