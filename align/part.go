package align

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/engine"
)

// Part is a choice beside tower and head: a Regularizer, a Layer, or both. Methods compose: any head trains with any parts.
type Part interface {
	// Init adds the part's fresh parameters for vectors of width dim.
	Init(weights *engine.Weights, dim int, random *rand.Rand)
	// Fixed returns the names of those parameters that no gradient moves.
	Fixed() []string
}

// NamedPart is a part with the name it was chosen by, under which its parameters stand.
type NamedPart struct {
	Name string
	Part Part
}

func (p NamedPart) prefix() string { return p.Name + "." }

// Seen is a training batch as a Regularizer sees it.
type Seen struct {
	Frames   Frames                 // the tower's, [B, T, D]
	Sentence *Node                  // the tower's, [B, D]
	Plain    Features               // what the tower started from, where that can be compared with what it makes
	Kept     Frames                 // what the head keeps of the videos, before any layer, [B, R, D]
	Said     *Node                  // what the head keeps of the texts, before any layer, [B, D]
	Scale    *Node                  // exp(logit_scale), a scalar
	Read     func(in []*Node) *Node // the tower's text side, on the inputs of the part's own Texts [K, D]
	Texts    []*Node                // the tower's inputs of the part's own texts, where it is a TextPart
}

// Regularizer adds a loss of its own to the head's.
type Regularizer interface {
	Part
	// Noise returns the shapes of the uniform numbers that Loss takes, as Objective.Noise does.
	Noise(pairs, rows, dim int) [][]int
	// Loss is what is added to the loss, and the scalars to watch in the order of Watched.
	Loss(vars engine.Vars, seen Seen, noise []*Node) (loss *Node, watched []*Node)
	// Watched names the scalars that every step reports.
	Watched() []string
}

// Counting is a Regularizer with parameters that a training step changes without a gradient, such as a count of steps. Its
// Loss returns their new values, in the order of Counted, after the scalars to watch.
type Counting interface {
	Regularizer
	// Counted names these parameters, which are among Fixed.
	Counted() []string
}

// Checked is a Part that may refuse what it is to be put into, before it is made. Options that make no sense anywhere are better
// refused by Valid, which Register tells of: that happens before anything is encoded.
type Checked interface {
	Part
	// Check returns why the part cannot stand beside a tower of width dim.
	Check(dim int) error
}

// Weighing is a Part that says how much each pair of a batch counts in the head's loss.
type Weighing interface {
	Part
	// Weights returns numbers from 0 to 1 [B], without gradient; nil where all pairs count alike.
	Weights(vars engine.Vars, seen Seen) *Node
}

// Prompted is a Part that has texts of its own, which the frozen text encoder reads once before the part's Init.
type Prompted interface {
	Part
	// Prompts returns the texts.
	Prompts() ([]string, error)
	// Take is given their vectors [K, Dt].
	Take(vectors sightline.Matrix)
}

// TextPart is a Part whose Regularizer loss passes texts of its own through the tower in every step.
type TextPart interface {
	Part
	// Texts returns the texts with their vectors; none to pass none.
	Texts() []Sentence
	// Settle takes over what the tower makes of them as it stands [K, D], before the model is judged or saved.
	Settle(weights *engine.Weights, vectors sightline.Matrix) error
}

// Layer changes what a head keeps of videos and texts, between Head.Video and Head.Text on one side and Head.Score on the
// other.
type Layer interface {
	Part
	// Trains tells whether Joint takes part in training; else the head trains without the layer.
	Trains() bool
	// Joint changes a training batch, whose vectors may look at each other: videos [B, R, D] and texts [B, D]. Kept are new
	// values of the parameters that Kept names, taken over after the step.
	Joint(vars engine.Vars, videos Frames, texts *Node) (v Frames, t *Node, kept []*Node)
	// Kept names the parameters that a training step changes without a gradient; they are among Fixed.
	Kept() []string
	// Alone changes vectors [..., D] one by one, as in search and evaluation, by what was fitted. Before Fit it changes
	// nothing.
	Alone(vars engine.Vars, vectors *Node) *Node
	// Fit prepares Alone from a reference set: rows [N, D] that the head kept of videos, and of texts.
	Fit(weights *engine.Weights, videos, texts sightline.Matrix) error
}

// Settle gives the parts what the tower makes of their own texts as it stands. Where no part has such texts it does nothing.
func (m *Model) Settle(ctx context.Context) error {
	for _, p := range m.Parts {
		reader, ok := p.Part.(TextPart)
		if !ok || len(reader.Texts()) == 0 {
			continue
		}
		program, err := m.OfTexts(p.Name, func(_ engine.Vars, sentence *Node) []*Node { return []*Node{sentence} })
		if err != nil {
			return err
		}
		vectors, err := encode(ctx, reader.Texts(), blockTexts, m.Tower.TextInputs, program)
		if err != nil {
			return fmt.Errorf("texts of %s: %w", p.Name, err)
		}
		if err := reader.Settle(m.Weights.Under(p.prefix()), vectors.valid()); err != nil {
			return fmt.Errorf("texts of %s: %w", p.Name, err)
		}
	}
	return nil
}

// OfVideos compiles what fn makes, with the named part's parameters, of videos as the tower sees them: it runs on what the
// tower's VideoInputs lays out.
func (m *Model) OfVideos(part string, fn func(vars engine.Vars, frames Frames) []*Node) (*engine.Program, error) {
	return m.Engine.Compile(m.Weights, func(vars engine.Vars, in []*Node) []*Node {
		return fn(vars.Under(NamedPart{Name: part}.prefix()), m.Tower.Video(vars.Under(towerPrefix), in))
	})
}

// OfTexts is OfVideos for texts [B, D] and the tower's TextInputs.
func (m *Model) OfTexts(part string, fn func(vars engine.Vars, sentence *Node) []*Node) (*engine.Program, error) {
	return m.Engine.Compile(m.Weights, func(vars engine.Vars, in []*Node) []*Node {
		return fn(vars.Under(NamedPart{Name: part}.prefix()), m.Tower.Text(vars.Under(towerPrefix), in))
	})
}

// layer returns the model's Layer with its name; nil where it has none.
func (m *Model) layer() (Layer, string) {
	for _, p := range m.Parts {
		if layer, ok := p.Part.(Layer); ok {
			return layer, p.prefix()
		}
	}
	return nil, ""
}

// alone passes what a head keeps through the model's layer; normalised again where the head keeps unit vectors.
func (m *Model) alone(vars engine.Vars, vectors *Node) *Node {
	layer, prefix := m.layer()
	if layer == nil {
		return vectors
	}
	return m.restored(layer.Alone(vars.Under(prefix), vectors))
}

// together passes a batch through the model's layer, if it has one, and returns the new values of what the layer keeps.
func (m *Model) together(vars engine.Vars, videos Frames, texts *Node) (v Frames, t *Node, kept []*Node) {
	layer, prefix := m.layer()
	if layer == nil {
		return videos, texts, nil
	}
	videos, texts, kept = layer.Joint(vars.Under(prefix), videos, texts)
	videos.Vectors = m.restored(videos.Vectors)
	return videos, m.restored(texts), kept
}

// NeedsFit tells whether the model has a layer or a head that Fit prepares.
func (m *Model) NeedsFit() bool {
	layer, _ := m.layer()
	_, joint := m.Head.(JointHead)
	return layer != nil || joint
}

// Bare returns the model without its layer, on the same weights.
func (m *Model) Bare() *Model {
	bare := *m
	bare.videos, bare.texts = m.bareVideos, m.bareTexts
	bare.Parts = slices.DeleteFunc(slices.Clone(m.Parts), func(p NamedPart) bool { _, ok := p.Part.(Layer); return ok })
	return &bare
}

// Fit prepares the model's layer, then its head, from a reference set of videos and texts, which are taken without pairing.
// Where neither needs it, it does nothing.
func (m *Model) Fit(ctx context.Context, videos []Video, texts []Sentence) error {
	keep := func(of *Model) (v, t Encoded, err error) {
		if v, err = of.EncodeVideos(ctx, videos); err != nil {
			return v, t, fmt.Errorf("fit: %w", err)
		}
		if t, err = of.EncodeTexts(ctx, texts); err != nil {
			return v, t, fmt.Errorf("fit: %w", err)
		}
		return v, t, nil
	}
	if layer, prefix := m.layer(); layer != nil {
		v, t, err := keep(m.Bare())
		if err != nil {
			return err
		}
		if err := layer.Fit(m.Weights.Under(prefix), v.valid(), t.valid()); err != nil {
			return fmt.Errorf("fit: %w", err)
		}
	}
	if head, ok := m.Head.(JointHead); ok {
		v, t, err := keep(m)
		if err != nil {
			return err
		}
		if err := head.Fit(m.Weights.Under(headPrefix), v, t); err != nil {
			return fmt.Errorf("fit: %w", err)
		}
	}
	return nil
}

// ScoreJointly returns the similarities [A, N] of texts and videos as Bare encodes them, with layer and head as in training: a
// block of texts and videos is decomposed together, so the score of a pair depends on its block. That is how official
// evaluators of such methods work; it is transductive. Of a model that NeedsFit does not name it is ScoreBlock.
func (m *Model) ScoreJointly(ctx context.Context, texts, videos Encoded, block int) (sightline.Matrix, error) {
	if block < 1 {
		return sightline.Matrix{}, fmt.Errorf("score jointly: a block of %d", block)
	}
	return m.score(ctx, texts, videos, Traits{Texts: block, Videos: block}, m.jointScores)
}

// Parameters returns the names of the weights that gradients move.
func (m *Model) Parameters() []string {
	fixed := m.Parts.Fixed()
	if head, ok := m.Head.(JointHead); ok {
		for _, name := range head.Fixed() {
			fixed = append(fixed, headPrefix+name)
		}
	}
	return slices.DeleteFunc(m.Weights.Names(), func(name string) bool { return slices.Contains(fixed, name) })
}

// Watched names the scalars that a training step returns after its loss.
func (m *Model) Watched() []string { return m.Parts.Watched() }

// Kept names the weights whose new values a training step returns after what is watched: the layer's, the head's, then the parts' own.
func (m *Model) Kept() []string {
	var names []string
	if layer, prefix := m.layer(); layer != nil && layer.Trains() {
		for _, name := range layer.Kept() {
			names = append(names, prefix+name)
		}
	}
	if head, ok := m.Head.(JointHead); ok {
		for _, name := range head.Kept() {
			names = append(names, headPrefix+name)
		}
	}
	return append(names, m.Parts.Counted()...)
}
