package align

import (
	. "github.com/gomlx/gomlx/core/graph"

	"sightline/engine"
)

// Scorer is a Part that has a say in the scores. What it makes of a video without any text, and of a text without any video,
// is compared by dot product, so that it cannot know what belongs together either.
type Scorer interface {
	Part
	// Share returns λ, from 0 to 1: a score is (1 − λ) times the head's and λ times this part's. With 0 it has no say.
	Share() float64
	VideoView(vars engine.Vars, frames Frames) *Node // [B, E]
	TextView(vars engine.Vars, sentence *Node) *Node // [B, E]
}

// scorer returns the part that has a say in the scores, with its parameters' prefix; nil where none has.
func (m *Model) scorer() (Scorer, string) {
	for _, p := range m.Parts {
		if scorer, ok := p.Part.(Scorer); ok && scorer.Share() > 0 {
			return scorer, p.prefix()
		}
	}
	return nil, ""
}

// TwoStage tells that a score is more than the dot product of the recall vectors: the head's Traits say so, or a part has a
// say in it.
func (m *Model) TwoStage() bool {
	scorer, _ := m.scorer()
	return scorer != nil || m.Head.Traits().TwoStage
}

// mixed returns the scores [A, N] with the part's say, where views of texts [A, E] and videos [N, E] are given.
func (m *Model) mixed(scores *Node, views []*Node) *Node {
	if len(views) == 0 {
		return scores
	}
	scorer, _ := m.scorer()
	own := Dot(views[0], views[1]).General([]int{1}, nil, []int{1}, nil)
	return Add(MulScalar(scores, 1-scorer.Share()), MulScalar(own, scorer.Share()))
}
