// Package checkpoint takes published checkpoints of CLIP4Clip and X-Pool apart by the names of their tensors, so that they
// serve here: the CLIP encoder they were trained with, and the head on top of it. It reads safetensors files;
// scripts/pt2safetensors.py turns PyTorch's own files into them.
//
// It sits beside package align. Start at Split. It trains nothing and changes no number.
package checkpoint

import (
	"errors"
	"fmt"
	"strings"

	"sightline"
	"sightline/align"
	"sightline/align/meanpool"
	"sightline/align/seqlstm"
	"sightline/align/seqtransf"
	"sightline/align/tighttransf"
	"sightline/align/xpool"
	"sightline/engine"
)

// Parts are what a checkpoint consists of.
type Parts struct {
	Head       align.Choice
	Weights    *engine.Weights // of the head, under its own names
	Encoder    *engine.Weights // of CLIP, under OpenAI's or Hugging Face's names
	LogitScale float32         // a logarithm
	Ignored    []string        // tensors that neither needs
}

// families tell heads apart by the first tensor that only they have, and say where their tensors lie.
var families = []struct {
	kind, mark string
	prefix     string // cut off
	keep       []string
}{
	{xpool.Name, "pool_frames.cross_attn.q_proj.weight", "pool_frames.", []string{"cross_attn.", "linear_proj.", "layer_norm"}},
	{tighttransf.Name, "cross.transformer.resblocks.0.ln_1.weight", "",
		[]string{"cross.transformer.", "cross.embeddings.position_embeddings.", "cross.pooler.", "similarity_dense."}},
	{seqlstm.Name, "lstm_visual.weight_ih_l0", "", []string{"lstm_visual."}},
	{seqtransf.Name, "transformerClip.resblocks.0.ln_1.weight", "", []string{"transformerClip.", "frame_position_embeddings."}},
	{meanpool.Name, "", "", nil},
}

const clipPrefix = "clip."

// Split takes a checkpoint apart. A leading "module.", as data-parallel training leaves it, is overlooked.
func Split(all *engine.Weights) (Parts, error) {
	if wrapped := all.Under("module."); len(wrapped.Names()) > 0 {
		all = wrapped
	}
	parts := Parts{Weights: engine.NewWeights(), Encoder: all.Under(clipPrefix)}
	scale := parts.Encoder.Float32s(align.LogitScale)
	if len(scale) != 1 {
		return Parts{}, &sightline.Error{
			Kind: sightline.Failed, What: "read a published checkpoint", Err: errors.New("there is no tensor clip." + align.LogitScale),
			Try: "give a checkpoint of CLIP4Clip or X-Pool, made into safetensors by scripts/pt2safetensors.py",
		}
	}
	parts.LogitScale = scale[0]
	for _, family := range families {
		if family.mark != "" && !all.Has(family.mark) {
			continue
		}
		parts.Head.Kind = family.kind
		for _, name := range all.Names() {
			own, inside := strings.CutPrefix(name, family.prefix)
			switch {
			case strings.HasPrefix(name, clipPrefix):
			case inside && hasPrefix(own, family.keep):
				parts.Weights.Set(own, all.Float32s(name), all.Shape(name)...)
			default:
				parts.Ignored = append(parts.Ignored, name)
			}
		}
		break
	}
	if err := parts.configure(); err != nil {
		return Parts{}, fmt.Errorf("read a published checkpoint: %w", err)
	}
	return parts, nil
}

// configure reads the head's sizes off its tensors.
func (p *Parts) configure() error {
	var blocks, positions string
	switch p.Head.Kind {
	case seqtransf.Name:
		blocks, positions = "transformerClip.resblocks.", "frame_position_embeddings.weight"
	case tighttransf.Name:
		blocks, positions = "cross.transformer.resblocks.", "cross.embeddings.position_embeddings.weight"
	default:
		return nil
	}
	layers := 0
	for p.Weights.Has(fmt.Sprintf("%s%d.ln_1.weight", blocks, layers)) {
		layers++
	}
	shape := p.Weights.Shape(positions)
	if len(shape) != 2 {
		return fmt.Errorf("there is no matrix %s", positions)
	}
	p.Head.Options = map[string]any{"layers": layers, "positions": shape[0]}
	return nil
}

func hasPrefix(name string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// Model returns the head as a model on the features of its encoder, whose vectors are dim wide.
func (p Parts) Model(e *engine.Engine, dim int) (*align.Model, error) {
	head, err := align.NewHead(p.Head)
	if err != nil {
		return nil, err
	}
	fresh, err := align.New(e, align.Stored{VideoDim: dim, TextDim: dim}, head, 1)
	if err != nil {
		return nil, err
	}
	weights := engine.NewWeights()
	weights.Merge("head.", p.Weights)
	weights.Set(align.LogitScale, []float32{p.LogitScale})
	for _, name := range fresh.Weights.Names() {
		if got, want := fmt.Sprint(weights.Shape(name)), fmt.Sprint(fresh.Weights.Shape(name)); !weights.Has(name) || got != want {
			return nil, fmt.Errorf("head %s needs a tensor %s of shape %s; the checkpoint has %s", p.Head.Kind, strings.TrimPrefix(name, "head."), want, got)
		}
	}
	return align.With(e, align.Stored{VideoDim: dim, TextDim: dim}, head, weights)
}
