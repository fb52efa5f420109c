// Package calm is CALM: videos and sentences are aligned through class anchors, sentences made of the labels of some unrelated
// classification task. A video's and a sentence's similarity to every anchor are two probability distributions, and a
// variational autoencoder learns to generate the sentence's from the video's. All of it is a loss beside the head's own, so
// CALM goes with every head; scores stay the head's.
//
// It stands beside the heads, below package align. Start at Part for training and at Explainer for what a trained model can
// tell: the concepts that a result matches through, how sure it is, and what is seen when. What it will not do: hold a list of
// labels whose licence forbids it (Charades' comes from the user's own file), or write captions.
//
// Source: CALM: Class-anchor-aligned generative modelling for multi-modal representation learning, CVPR 2025
// (arXiv 2503.17417). There is no official code; the choices that the paper leaves open are listed in docs/methods.md.
package calm

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sightline"
	"sightline/align"
	"sightline/engine"
	"sightline/internal/bounded"
)

// Name is the part's name in run configs and bundles.
const Name = "calm"

func init() { align.RegisterPart(Name, func() align.Part { return Default() }) }

// Part is the CALM loss with its options.
type Part struct {
	// The anchors.
	Labels   string `json:"labels"`   // "world", "foreign", "coco80", or a file with a label a line
	Prompt   string `json:"prompt"`   // what is encoded; [label] stands for the label
	Anchors  int    `json:"anchors"`  // K, how many of the labels; 0 turns CALM off, -1 takes all
	Choose   string `json:"choose"`   // which: "first" of the list, or "coverage", each as unlike the ones before as can be
	Position string `json:"position"` // e^pos, learned and added to each anchor: from N(0, 0.01²) ("normal"), from "zeros", or "none"
	Live     bool   `json:"live"`     // encode the prompts in every step with the tower as it stands, in place of once

	// The distributions over them.
	Tau   float64 `json:"tau"`   // softmax(τ·cos): the higher, the sharper
	Level string  `json:"level"` // one distribution for the mean frame of a "video", or one for each "frame"

	// The loss.
	Between string  `json:"loss"`   // "vae"; or, without one, "mse", "kl" or "ce" between the distributions themselves; or "none"
	Alpha   float64 `json:"alpha"`  // weight of the KL divergence from the prior
	Hidden  []int   `json:"hidden"` // widths of the encoder's layers; the decoder's are these backwards
	Latent  int     `json:"latent"` // d, width of z
	Detach  bool    `json:"detach"` // no gradient through the target distribution

	Beyond Beyond `json:"beyond"` // what the paper does not have; all off by default

	labels  []string         // the K chosen, in the order of the anchors
	vectors sightline.Matrix // their prompts' [K, Dt]
}

// Beyond are options that are not the paper's.
type Beyond struct {
	Anneal     int     `json:"anneal"`      // steps in which alpha rises from 0 to its value
	FreeBits   float64 `json:"free_bits"`   // nats of KL that each latent unit has for nothing (Kingma et al., 2016)
	Anchors    string  `json:"anchors"`     // "centred": their mean is taken away; "whitened": and they are made orthogonal
	Symmetric  bool    `json:"symmetric"`   // a second VAE generates the video's distribution from the sentence's, at half the weight each
	Divergence string  `json:"divergence"`  // in place of loss: "skl" (symmetric KL) or "js" (Jensen-Shannon) between the distributions
	Segments   int     `json:"segments"`    // at level video: stretches of the video, whose distributions the VAE reads side by side, in order
	Confidence float64 `json:"confidence"`  // γ: pairs count (1 − H(S_p)/ln K)^γ in the head's loss, so that vague sentences count less
	Preserve   float64 `json:"preserve"`    // weight of the divergence from the distributions that the frozen encoder's vectors have
	PreserveBy string  `json:"preserve_by"` // over "anchors" (""); of the "prompts" themselves (live); or as a control without any, the "cosine" of the vectors
	Mix        float64 `json:"mix"`         // λ: share of Σ √(S_p Ŝ_p) in the score
}

// Default returns the part as the paper has it, over the labels written for the rendered world.
func Default() *Part {
	return &Part{Labels: "world", Prompt: "The content of [label]", Anchors: all, Choose: first, Position: normal,
		Tau: 100, Level: video, Between: vae, Alpha: 0.1, Hidden: []int{256, 256}, Latent: 256}
}

const (
	all       = -1
	labelSlot = "[label]"

	first, coverage      = "first", "coverage"
	normal, zeros, none  = "normal", "zeros", "none"
	video, frame         = "video", "frame"
	vae, mse, kl, ce     = "vae", "mse", "kl", "ce"
	byCosine, byPrompts  = "cosine", "prompts"
	skl, js              = "skl", "js"
	centred, whitened    = "centred", "whitened"
	anchors, position    = "anchors", "anchor.pos"
	forward, back, count = "", "back.", "steps"
)

// positionDeviation is that of e^pos at first, CLIP's for positional embeddings.
const positionDeviation = 0.01

// sharpest bounds τ, so that logits stay exact enough in float32.
const sharpest = 1e6

// off tells that the part has no anchors, as in the paper's ablation.
func (p *Part) off() bool { return p.Anchors == 0 }

// loss returns what is taken between the distributions.
func (p *Part) loss() string { return cmp.Or(p.Beyond.Divergence, p.Between) }

// segments returns how many stretches of a video have a distribution each.
func (p *Part) segments() int { return max(1, p.Beyond.Segments) }

// validate returns every option that makes no sense.
func (p *Part) validate() error {
	var wrong []string
	require := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	oneOf := func(name, value string, known ...string) {
		require(slices.Contains(known, value), "%s is %q, none of %s", name, value, strings.Join(known, ", "))
	}
	require(strings.Contains(p.Prompt, labelSlot), "prompt %q has no %s", p.Prompt, labelSlot)
	require(p.Anchors >= all, "anchors is %d; -1 takes all labels, 0 turns CALM off", p.Anchors)
	oneOf("choose", p.Choose, first, coverage)
	oneOf("position", p.Position, normal, zeros, none)
	oneOf("level", p.Level, video, frame)
	oneOf("loss", p.Between, vae, mse, kl, ce, none)
	require(p.Tau > 0 && p.Tau <= sharpest, "tau is %v, not above 0 and at most %v", p.Tau, sharpest)
	require(p.Alpha >= 0 && !math.IsInf(p.Alpha, 0), "alpha is %v", p.Alpha)
	require(p.Latent > 0, "latent is %d", p.Latent)
	for _, width := range p.Hidden {
		require(width > 0, "hidden is %v", p.Hidden)
	}
	b := p.Beyond
	oneOf("beyond.anchors", b.Anchors, "", centred, whitened)
	oneOf("beyond.divergence", b.Divergence, "", skl, js)
	require(b.Anneal >= 0, "beyond.anneal is %d", b.Anneal)
	require(b.FreeBits >= 0, "beyond.free_bits is %v", b.FreeBits)
	oneOf("beyond.preserve_by", b.PreserveBy, "", anchors, byPrompts, byCosine)
	require(b.PreserveBy != byPrompts || p.Live, "beyond.preserve_by prompts passes them through the tower in every step: live: true")
	require(b.Preserve >= 0, "beyond.preserve is %v", b.Preserve)
	require(b.Confidence >= 0, "beyond.confidence is %v", b.Confidence)
	require(b.Mix >= 0 && b.Mix <= 1, "beyond.mix is %v, not in [0, 1]", b.Mix)
	require(b.Segments >= 0, "beyond.segments is %d", b.Segments)
	require(b.Segments <= 1 || p.Level == video, "beyond.segments is for level video")
	require(!b.Symmetric || p.loss() == vae, "beyond.symmetric is for loss vae; divergence skl and js are symmetric by themselves")
	require(b.Anchors == "" || !p.Live, "beyond.anchors %s needs anchors that are encoded once, live: false", b.Anchors)
	if wrong != nil {
		return &sightline.Error{Kind: sightline.Usage, What: "use part " + Name, Err: errors.New(strings.Join(wrong, "; ")),
			Try: "go doc ./align/calm Part lists the options"}
	}
	return nil
}

// Prompts returns the texts of all anchors that may be chosen; none when the part is off.
func (p *Part) Prompts() ([]string, error) {
	if err := p.validate(); err != nil || p.off() {
		return nil, err
	}
	labels, err := ReadLabels(p.Labels)
	if err != nil {
		return nil, err
	}
	if p.Anchors > len(labels) {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "use part " + Name,
			Err: fmt.Errorf("%d anchors were asked for, %s has %d labels", p.Anchors, p.Labels, len(labels)), Try: "anchors: -1 takes all"}
	}
	if p.Choose == first && p.Anchors > 0 {
		labels = labels[:p.Anchors]
	}
	p.labels = labels
	return p.prompts(), nil
}

func (p *Part) prompts() []string {
	texts := make([]string, len(p.labels))
	for i, label := range p.labels {
		texts[i] = strings.ReplaceAll(p.Prompt, labelSlot, label)
	}
	return texts
}

// Take is given the prompts' vectors, and chooses among them where that was asked for.
func (p *Part) Take(vectors sightline.Matrix) {
	p.vectors = vectors
	if p.Choose == coverage && p.Anchors > 0 {
		p.vectors, p.labels = chosen(vectors, p.labels, covering(vectors, p.Anchors))
	}
	switch p.Beyond.Anchors {
	case centred:
		p.vectors = centre(p.vectors)
	case whitened:
		p.vectors = whiten(p.vectors)
	}
}

// Check refuses options that make no sense, and anchors that are not as wide as the tower.
func (p *Part) Check(dim int) error {
	if err := p.validate(); err != nil || p.off() {
		return err
	}
	if p.vectors.Rows == 0 {
		return errors.New("its prompts were not encoded")
	}
	if err := p.vectors.Finite(); err != nil {
		return fmt.Errorf("vectors of the prompts: %w", err)
	}
	if p.vectors.Cols != dim && !p.Live {
		return &sightline.Error{Kind: sightline.Usage, What: "use part " + Name,
			Err: fmt.Errorf("the prompts' vectors are %d wide, the tower's %d", p.vectors.Cols, dim), Try: "live: true brings them through the tower"}
	}
	return nil
}

// Init adds the anchors, their positions and the VAE, with PyTorch's initial values for linear layers.
func (p *Part) Init(weights *engine.Weights, dim int, random *rand.Rand) {
	if p.off() {
		return
	}
	k := p.vectors.Rows
	if p.Live { // until they are settled
		weights.Set(anchors, make([]float32, k*dim), k, dim)
	} else {
		weights.Set(anchors, slices.Clone(p.vectors.Data), k, dim)
	}
	switch p.Position {
	case normal:
		weights.Set(position, engine.Normal(random, k*dim, positionDeviation), k, dim)
	case zeros:
		weights.Set(position, make([]float32, k*dim), k, dim)
	}
	if p.loss() == vae {
		p.initVAE(weights, forward, p.segments()*k, k, random)
		if p.Beyond.Symmetric {
			p.initVAE(weights, back, k, k, random)
		}
	}
	if p.Beyond.Anneal > 0 {
		weights.Set(count, []float32{0})
	}
}

// Fixed names the anchors and the count of steps.
func (p *Part) Fixed() []string {
	if p.off() {
		return nil
	}
	return append(p.Counted(), anchors)
}

// Counted names the count of steps, where alpha rises with it.
func (p *Part) Counted() []string {
	if p.off() || p.Beyond.Anneal == 0 {
		return nil
	}
	return []string{count}
}

// Texts returns the prompts, where they pass the tower in every step.
func (p *Part) Texts() []align.Sentence {
	if !p.Live || p.off() {
		return nil
	}
	texts := make([]align.Sentence, len(p.labels))
	for i, prompt := range p.prompts() {
		texts[i] = align.Sentence{Text: prompt}
		if p.vectors.Rows > 0 {
			texts[i].Vector = p.vectors.Row(i)
		}
	}
	return texts
}

// Settle keeps the anchors as the tower makes them now.
func (p *Part) Settle(weights *engine.Weights, vectors sightline.Matrix) error {
	if err := vectors.Finite(); err != nil {
		return err
	}
	weights.Update(anchors, func(data []float32) { copy(data, vectors.Data) })
	return nil
}

// labelsFile holds the labels in a bundle, a line each, in the order of the anchors.
const labelsFile = "labels.txt"

// Files returns the chosen labels.
func (p *Part) Files() map[string][]byte {
	if p.off() {
		return nil
	}
	return map[string][]byte{labelsFile: []byte(strings.Join(p.labels, "\n") + "\n")}
}

// ReadFiles takes the labels of a bundle.
func (p *Part) ReadFiles(folder string) error {
	if p.off() {
		return nil
	}
	path := filepath.Join(folder, labelsFile)
	text, err := bounded.ReadFile(path, largestFile)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the bundle has no %s/%s", Name, labelsFile)
	}
	if err != nil {
		return err
	}
	p.labels = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	return nil
}
