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
	Parts         []PartStep     // a part each, as far as the model has parts with losses of their own
	Targets       []engine.Array // what is to be found, in tasks where the order of pairs does not say it
	Same          []engine.Array // one array [B, B], 1 where two pairs show one video; none when all are negatives
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
	longest := 1
	for _, video := range batch.Videos {
		longest = max(longest, video.Rows())
	}
	if objective, ok := m.Head.(Objective); ok {
		s.Noise = draw(random, objective.Noise(len(batch.Videos), Bucket(longest), m.Tower.Dim()))
	}
	if s.Parts, err = m.Parts.Step(m.Tower, len(batch.Videos), Bucket(longest), random); err != nil {
		return Step{}, err
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
	for _, part := range [][]engine.Array{s.Videos, s.Texts, s.Noise, s.Targets, s.Same} {
		all = append(all, part...)
	}
	for _, part := range s.Parts {
		all = append(append(all, part.Texts...), part.Noise...)
	}
	return all
}

// Scale returns exp(logit_scale), by which scores are multiplied in the loss.
func Scale(vars engine.Vars) *Node { return Exp(vars.Get(LogitScale)) }

// Loss is the graph of a training step on the nodes of its Arrays. The first output is the loss: the head's Objective, or
// else InfoNCE of the scaled scores, plus the tower's auxiliary loss and the parts' own. After it come the scalars that
// Watched names and the values that Kept names. Of like, only how many arrays it has of each sort is used.
func (m *Model) Loss(vars engine.Vars, like Step, nodes []*Node) []*Node {
	take := func(arrays []engine.Array) []*Node {
		part := nodes[:len(arrays)]
		nodes = nodes[len(arrays):]
		return part
	}
	videos, texts, noise := take(like.Videos), take(like.Texts), take(like.Noise)
	_, same := take(like.Targets), take(like.Same)
	contrast := Contrast{Scale: Scale(vars)}
	if len(same) > 0 {
		contrast.Same = same[0]
	}
	tower, head := vars.Under(towerPrefix), vars.Under(headPrefix)
	frames, sentence := m.Tower.Video(tower, videos), m.Tower.Text(tower, texts)
	left, right := m.Head.Text(head, sentence), m.Head.Video(head, frames)
	before := Seen{Frames: frames, Sentence: sentence, Kept: right, Said: left, Scale: contrast.Scale}
	if residual, ok := m.Tower.(Residual); ok {
		before.Plain = residual.Plain(videos, texts)
	}
	before.Read = func(in []*Node) *Node { return m.Tower.Text(tower, in) }
	views := m.Parts.Views(before, like.Parts, nodes)
	for i, p := range m.Parts {
		if weighing, ok := p.Part.(Weighing); ok {
			contrast.weigh(weighing.Weights(vars.Under(p.prefix()), views[i].Seen))
		}
	}
	var loss *Node
	var kept []*Node
	if layer, _ := m.layer(); layer != nil && layer.Trains() {
		right, left, kept = m.together(vars, right, left)
	}
	switch chosen := m.Head.(type) {
	case JointHead:
		scores, own := chosen.Joint(head, left, right)
		loss, kept = contrast.Loss(scores), append(kept, own...)
	case Objective:
		loss = chosen.Loss(head, contrast, right, left, noise)
	default:
		loss = contrast.Loss(chosen.Score(head, left, right))
	}
	if auxiliary, ok := m.Tower.(Auxiliary); ok {
		if own := auxiliary.Loss(tower, frames, videos, texts); own != nil {
			loss = Add(loss, own)
		}
	}
	loss, watched, counted := m.Parts.Add(vars, loss, views)
	kept = append(kept, counted...)
	return append(append([]*Node{loss}, watched...), kept...)
}

// Gradient compiles a training step: on the Arrays of steps like the given one it returns the outputs of Loss, then the
// loss's gradient with respect to each named parameter in turn.
func (m *Model) Gradient(like Step, parameters []string) (*engine.Program, error) {
	return m.Engine.Gradient(m.Weights, parameters, func(vars engine.Vars, nodes []*Node) []*Node {
		return m.Loss(vars, like, nodes)
	})
}
