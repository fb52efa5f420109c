package caption

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Step lays out a batch for teacher forcing: each position is given the pieces of the caption up to it and learns the next.
// Masked has no meaning here: no pair is a negative of another.
func (m *Model) Step(batch align.Batch, _ bool, random *rand.Rand) (align.Step, error) {
	var s align.Step
	var err error
	if s.Videos, err = m.inputs(batch.Videos); err != nil {
		return s, err
	}
	s.Targets = m.targets(batch.Texts, m.Config.CountPadding)
	if m.Config.Dropout > 0 {
		shape := s.Videos[1].Shape // [B, T]
		for range 1 + 2*m.Config.VisualLayers {
			s.Noise = append(s.Noise, align.Uniform(random, shape[0], shape[1], m.Config.Width))
		}
		shape = s.Targets[0].Shape // [B, L]
		for range 1 + 3*m.Config.Layers {
			s.Noise = append(s.Noise, align.Uniform(random, shape[0], shape[1], m.Config.Width))
		}
	}
	if len(m.Parts) == 0 {
		return s, nil
	}
	if s.Texts, err = m.Tower.TextInputs(batch.Texts); err != nil {
		return s, err
	}
	s.Parts, err = m.Parts.Step(m.Tower, len(batch.Videos), s.Videos[1].Shape[1], random)
	return s, err
}

// targets returns, each [B, L], the pieces that are given, [CLS] first, those to be predicted, [SEP] last, and the mask of
// both. L is the longest caption's, rounded up so that few shapes occur, or with full the most that the model writes.
func (m *Model) targets(texts []align.Sentence, full bool) []engine.Array {
	v, length := m.Vocabulary, 1
	captions := make([][]int32, len(texts))
	for i, text := range texts {
		captions[i], _ = v.Encode(text.Text)
		captions[i] = captions[i][:min(len(captions[i]), m.Config.Words-1)]
		length = max(length, len(captions[i])+1)
	}
	length = min(align.Bucket(length), m.Config.Words)
	if full {
		length = m.Config.Words
	}
	given, wanted, mask := make([]int32, len(texts)*length), make([]int32, len(texts)*length), make([]float32, len(texts)*length)
	for i := range given {
		given[i], wanted[i] = v.Padding, v.Padding
	}
	for i, caption := range captions {
		row := i * length
		given[row] = v.Start
		copy(given[row+1:], caption)
		copy(wanted[row:], caption)
		wanted[row+len(caption)] = v.End
		for t := range len(caption) + 1 {
			mask[row+t] = 1
		}
	}
	return []engine.Array{
		engine.Ints(given, len(texts), length), engine.Ints(wanted, len(texts), length), engine.Floats(mask, len(texts), length),
	}
}

// Gradient compiles a training step. The loss is the mean of the negative log-likelihoods of all pieces that are there, or
// where the config counts padding, of all positions, plus the parts' own.
func (m *Model) Gradient(like align.Step, parameters []string) (*engine.Program, error) {
	return m.Engine.Gradient(m.Weights, parameters, func(vars engine.Vars, nodes []*Node) []*Node {
		take := func(arrays []engine.Array) []*Node {
			part := nodes[:len(arrays)]
			nodes = nodes[len(arrays):]
			return part
		}
		videos, texts, noise, targets := take(like.Videos), take(like.Texts), take(like.Noise), take(like.Targets)
		drop := m.Config.dropout(noise)
		frames := m.frames(vars, videos)
		states := m.Config.read(vars, frames, drop)
		surprise := m.Config.surprise(vars.Under(decoderPrefix), states, frames.Mask, targets[0], targets[1], targets[2], drop)
		loss := m.Config.mean(surprise, targets[2])
		if len(m.Parts) == 0 {
			return []*Node{loss}
		}
		loss, watched, counted := m.Parts.Add(vars, loss, m.Parts.Views(m.seen(vars, frames, states, videos, texts), like.Parts, nodes))
		return slices.Concat([]*Node{loss}, watched, counted)
	})
}

// mean returns the loss of negative log-likelihoods [B, L] with their mask.
func (c Config) mean(surprise, mask *Node) *Node {
	if c.CountPadding {
		return ReduceAllMean(surprise)
	}
	return Div(ReduceAllSum(Mul(surprise, mask)), ReduceAllSum(mask))
}

// dropout uses the uniform numbers up in the order of the sublayers.
func (c Config) dropout(noise []*Node) transformer.Dropout {
	if len(noise) == 0 {
		return transformer.NoDropout
	}
	return func(x *Node) *Node {
		keep := align.Keep(noise[0], c.Dropout)
		noise = noise[1:]
		return Mul(x, keep)
	}
}

// Parameters returns the names of the weights that gradients move: all but what parts keep as it is.
func (m *Model) Parameters() []string {
	fixed := m.Parts.Fixed()
	return slices.DeleteFunc(m.Weights.Names(), func(name string) bool { return slices.Contains(fixed, name) })
}

// Watched names the scalars that a training step returns after its loss: what the parts report.
func (m *Model) Watched() []string { return m.Parts.Watched() }

// Kept names the weights whose new values a training step returns after what is watched.
func (m *Model) Kept() []string { return m.Parts.Counted() }

// Warnings returns what the parts find wrong, given what happened in every step so far.
func (m *Model) Warnings(losses []float64, watched map[string][]float64) []align.Warning {
	return m.Parts.Warnings(losses, watched)
}

// blockPairs is how many captions Loss judges at a time.
const blockPairs = 64

// Loss returns the mean negative log-likelihood of the pieces of captions, one for each of the videos, without dropout and
// without padding.
func (m *Model) Loss(ctx context.Context, videos []align.Video, captions []align.Sentence) (float64, error) {
	var sum, count float64
	for from := 0; from < len(videos); from += blockPairs {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		to := min(from+blockPairs, len(videos))
		in, err := m.inputs(align.Fill(videos[from:to], blockPairs))
		if err != nil {
			return 0, fmt.Errorf("judge captions: %w", err)
		}
		targets := m.targets(align.Fill(captions[from:to], blockPairs), false)
		out, err := m.judge.Run(append(in, targets...)...)
		if err != nil {
			return 0, fmt.Errorf("judge captions: %w", err)
		}
		length := targets[0].Shape[1]
		for i, mask := range engine.Values(targets[2])[:(to-from)*length] {
			sum += float64(mask * engine.Values(out[0])[i])
			count += float64(mask)
		}
	}
	return sum / max(count, 1), nil
}
