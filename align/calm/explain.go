package calm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Explainer tells what a model trained with CALM sees in videos and sentences, in the terms of its anchors. It changes
// nothing and is safe for concurrent use.
type Explainer struct {
	model  *align.Model
	part   *Part
	videos *engine.Program // the tower's inputs of one video → look
	texts  *engine.Program // the tower's inputs of one text → log S_p [1, K]
	chance *engine.Program // μ, log σ² [R, d], weights [R], log S_p [1, K] → log-likelihood, a scalar
}

// Look is what a model sees in one video.
type Look struct {
	Distribution []float32        // V_p [K], the mean over rows and segments
	Rows         sightline.Matrix // [T, K], the distribution of each frame by itself
	Spans        []sightline.Span // T stretches of time; may be nil
	latent       [3]engine.Array  // μ, log σ² [R, d], and which rows are there [R]
}

// Explanation says why a sentence and a video match.
type Explanation struct {
	Concepts   []Concept  `json:"concepts"`             // the anchors through which they match, the weightiest first
	Overlap    float64    `json:"overlap"`              // Σ_k √(S_p V_p), from 0 to 1
	Likelihood *float64   `json:"likelihood,omitempty"` // from 0 to 1; see Explainer.Likelihood. Only with a VAE
	Ambiguity  *Ambiguity `json:"ambiguity,omitempty"`  // only with a VAE
}

// Concept is an anchor with its probabilities.
type Concept struct {
	Label string  `json:"label"`
	Text  float64 `json:"text"`  // in S_p
	Video float64 `json:"video"` // in V_p
}

// Ambiguity is how much a video leaves open of what could be said of it, read off its latent distribution.
type Ambiguity struct {
	Variance float64 `json:"variance"` // mean of σ² over the units; the prior's is 1
	Active   int     `json:"active"`   // units whose distribution is not the prior: 0.01 nats of KL or more
	Units    int     `json:"units"`
}

// Stretch is a run of frames in which one anchor is the most probable.
type Stretch struct {
	Span        sightline.Span `json:"span"`
	Label       string         `json:"label"`
	Probability float64        `json:"probability"` // the mean over the frames
}

// draws is how many latent vectors a likelihood is the mean of.
const draws = 128

// activeNats is the KL divergence from the prior from which on a unit counts as active for one video.
const activeNats = 0.01

// NewExplainer returns the explainer of a model, or an error when it was not trained with anchors.
func NewExplainer(m *align.Model) (*Explainer, error) {
	x := &Explainer{model: m}
	for _, named := range m.Parts {
		if part, ok := named.Part.(*Part); ok && !part.off() {
			x.part = part
		}
	}
	fail := func(err error) (*Explainer, error) {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "explain by class anchors", Err: err,
			Try: "train a model with parts: [{kind: calm}] in its run file, and let it serve"}
	}
	if x.part == nil {
		return fail(errors.New("the model has none"))
	}
	if k := m.Weights.Shape(Name + "." + anchors)[0]; k != len(x.part.labels) {
		return fail(fmt.Errorf("the model has %d anchors and %d labels", k, len(x.part.labels)))
	}
	var err error
	if x.videos, err = m.OfVideos(Name, x.part.look); err != nil {
		return nil, err
	}
	x.texts, err = m.OfTexts(Name, func(vars engine.Vars, sentence *Node) []*Node {
		return []*Node{x.part.over(kept(vars), sentence)}
	})
	if err != nil || x.part.loss() != vae {
		return x, err
	}
	x.chance, err = m.Engine.Compile(m.Weights, func(vars engine.Vars, in []*Node) []*Node {
		return []*Node{x.part.likelihood(vars.Under(Name+"."), in[0], in[1], in[2], in[3])}
	})
	return x, err
}

// look returns V_p [1, K], the frames' own distributions [T, K] and, with a VAE, μ, log σ² and the weights of its rows.
func (p *Part) look(vars engine.Vars, frames align.Frames) []*Node {
	at := kept(vars)
	logs, weight := p.ofFrames(at, frames)
	single := p.over(at, Squeeze(frames.Vectors, 0))
	out := []*Node{byVideo(ReduceMean(Exp(logs), 1), weight, 1), Exp(single)}
	if p.loss() == vae {
		mu, logvar := p.encode(vars, logs)
		out = append(out, mu, logvar, weight)
	}
	return out
}

// likelihood returns log E_z exp(Σ_k S_p log Ŝ_p(z)) by draws of z for each row [R, d] that is there; always the same draws.
func (p *Part) likelihood(vars engine.Vars, mu, logvar, weight, logS *Node) *Node {
	g, dims := mu.Graph(), mu.Shape().Dimensions
	random := rand.New(rand.NewPCG(1, 0xca1))
	eps := transformer.ConstFlat(g, engine.Normal(random, draws*dims[1], 1), draws, 1, dims[1])
	shape := []int{draws, dims[0], dims[1]}
	wide := func(x *Node) *Node { return BroadcastToDims(ExpandAxes(x, 0), shape...) }
	generated := p.decode(vars, sample(wide(mu), wide(logvar), BroadcastToDims(eps, shape...))) // [L, R, K]
	target := BroadcastToShape(ExpandAxes(Exp(logS), 0), generated.Shape())
	each := ReduceSum(Mul(target, generated), -1) // [L, R]
	there := BroadcastToShape(ExpandAxes(weight, 0), each.Shape())
	each = Add(each, MulScalar(OneMinus(there), transformer.Hidden))
	top := ReduceAllMax(each)
	sum := ReduceAllSum(Exp(Sub(each, BroadcastToShape(top, each.Shape()))))
	return Add(top, Log(Div(sum, MaxScalar(ReduceAllSum(there), 1))))
}

// Labels returns the anchors' labels [K].
func (x *Explainer) Labels() []string { return slices.Clone(x.part.labels) }

// Video looks at one video.
func (x *Explainer) Video(ctx context.Context, v align.Video) (Look, error) {
	if v.Rows() == 0 {
		return Look{}, fmt.Errorf("explain video %s: it has no rows", v.ID)
	}
	in, err := x.model.Tower.VideoInputs([]align.Video{v})
	if err != nil {
		return Look{}, fmt.Errorf("explain: %w", err)
	}
	out, err := run(ctx, x.videos, in...)
	if err != nil {
		return Look{}, err
	}
	k := len(x.part.labels)
	look := Look{Distribution: engine.Values(out[0]), Spans: v.Spans}
	look.Rows = sightline.Matrix{Rows: v.Rows(), Cols: k, Data: engine.Values(out[1])[:v.Rows()*k]}
	copy(look.latent[:], out[2:])
	return look, nil
}

func run(ctx context.Context, program *engine.Program, in ...engine.Array) ([]engine.Array, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out, err := program.Run(in...)
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	return out, nil
}

// text returns log S_p [K].
func (x *Explainer) text(ctx context.Context, s align.Sentence) ([]float32, error) {
	in, err := x.model.Tower.TextInputs([]align.Sentence{s})
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	out, err := run(ctx, x.texts, in...)
	if err != nil {
		return nil, err
	}
	return engine.Values(out[0]), nil
}

// Explain says why a sentence and a video match, through the given number of concepts at most.
func (x *Explainer) Explain(ctx context.Context, s align.Sentence, look Look, concepts int) (Explanation, error) {
	logS, err := x.text(ctx, s)
	if err != nil {
		return Explanation{}, err
	}
	var e Explanation
	shared := make([]Concept, len(logS))
	for k, log := range logS {
		shared[k] = Concept{Label: x.part.labels[k], Text: math.Exp(float64(log)), Video: float64(look.Distribution[k])}
		e.Overlap += math.Sqrt(shared[k].Text * shared[k].Video)
	}
	slices.SortStableFunc(shared, func(a, b Concept) int { return cmp.Compare(b.Text*b.Video, a.Text*a.Video) })
	e.Concepts = shared[:min(concepts, len(shared))]
	if x.chance == nil {
		return e, nil
	}
	ambiguity := look.ambiguity()
	e.Ambiguity = &ambiguity
	likelihood, err := x.likelihood(ctx, logS, look)
	e.Likelihood = &likelihood
	return e, err
}

// likelihood returns how likely the video is to generate the sentence's distribution, by Monte Carlo over the latent vector,
// as a share of what the distribution itself would reach: exp(log E_z exp(Σ S_p log Ŝ_p(z)) + H(S_p)), from 0 to 1.
func (x *Explainer) likelihood(ctx context.Context, logS []float32, look Look) (float64, error) {
	out, err := run(ctx, x.chance, look.latent[0], look.latent[1], look.latent[2], engine.Floats(logS, 1, len(logS)))
	if err != nil {
		return 0, err
	}
	logarithm := float64(engine.Values(out[0])[0])
	for _, log := range logS {
		logarithm -= math.Exp(float64(log)) * float64(log)
	}
	return min(1, math.Exp(logarithm)), nil
}

// ambiguity reads the latent distribution: means over the rows that are there.
func (l Look) ambiguity() Ambiguity {
	mu, logvar, weight := engine.Values(l.latent[0]), engine.Values(l.latent[1]), engine.Values(l.latent[2])
	units := l.latent[0].Shape[1]
	a := Ambiguity{Units: units}
	var rows float64
	for _, w := range weight {
		rows += float64(w)
	}
	for j := range units {
		var kl float64
		for r, w := range weight {
			m, v := float64(mu[r*units+j]), float64(logvar[r*units+j])
			a.Variance += float64(w) * math.Exp(v) / (rows * float64(units))
			kl += float64(w) * (m*m + math.Exp(v) - v - 1) / (2 * rows)
		}
		if kl >= activeNats {
			a.Active++
		}
	}
	return a
}

// Timeline returns what is seen when: for each run of frames with one most probable anchor, that anchor. It needs the video's
// Spans.
func (x *Explainer) Timeline(look Look) []Stretch {
	var line []Stretch
	frames := 0 // in the last stretch
	for t := range min(look.Rows.Rows, len(look.Spans)) {
		row := look.Rows.Row(t)
		best := 0
		for k, p := range row {
			if p > row[best] {
				best = k
			}
		}
		now := Stretch{Span: look.Spans[t], Label: x.part.labels[best], Probability: float64(row[best])}
		if n := len(line); n > 0 && line[n-1].Label == now.Label {
			last := &line[n-1]
			last.Span.End = now.Span.End
			last.Probability = (last.Probability*float64(frames) + now.Probability) / float64(frames+1)
			frames++
			continue
		}
		line, frames = append(line, now), 1
	}
	return line
}
