package calm

import (
	"fmt"
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// distributions are what a batch looks like over the anchors, as logarithms of probabilities.
type distributions struct {
	video  *Node // [R, G, K]: G segments of R = B videos, or R = B·T frames of one segment
	weight *Node // [R], 1 where there is a row and 0 where there is padding
	text   *Node // [B, K]
	points *Node // [K, D], the anchors with their positions
}

// points returns p_k = anchor_k + e^pos_k [K, D].
func points(vars engine.Vars, anchors *Node) *Node {
	if vars.Has(position) {
		return Add(anchors, vars.Get(position))
	}
	return anchors
}

// kept returns the anchors of a model that is not being trained [K, D].
func kept(vars engine.Vars) *Node { return points(vars, vars.Get(anchors)) }

// over returns log softmax_k(τ cos(x, p_k)) [..., K] for x [..., D].
func (p *Part) over(points, x *Node) *Node {
	cosines := Dot(transformer.Normalize(x), transformer.Normalize(points)).General([]int{x.Rank() - 1}, nil, []int{1}, nil)
	return LogSoftmax(MulScalar(cosines, p.Tau), -1)
}

// ofFrames returns the distributions of videos and which rows of them are there. A video's is that of its mean frame, before
// any normalisation (retrieval.md R11).
func (p *Part) ofFrames(points *Node, frames align.Frames) (video, weight *Node) {
	dims := frames.Mask.Shape().Dimensions
	if p.Level == frame {
		return ExpandAxes(p.over(points, Reshape(frames.Vectors, dims[0]*dims[1], -1)), 1), Reshape(frames.Mask, dims[0]*dims[1])
	}
	stretches := Dot(align.Stretches(frames.Mask, p.segments()), frames.Vectors).General([]int{2}, []int{0}, []int{1}, []int{0})
	return p.over(points, stretches), OnesLike(ReduceMax(frames.Mask, 1))
}

// of returns the distributions of a training batch.
func (p *Part) of(vars engine.Vars, seen align.Seen) distributions {
	var d distributions
	d.points = p.at(vars, seen)
	d.video, d.weight = p.ofFrames(d.points, seen.Frames)
	d.text = p.over(d.points, seen.Sentence)
	return d
}

// at returns the anchors of a training step: fixed, or as the tower makes them now.
func (p *Part) at(vars engine.Vars, seen align.Seen) *Node {
	if p.Live {
		return points(vars, seen.Read(seen.Texts))
	}
	return points(vars, vars.Get(anchors))
}

// initVAE adds an encoder of distributions of width in, and a decoder of the same hidden layers backwards. Initial values are
// PyTorch's for linear layers: uniform in ±in^-½, biases too.
func (p *Part) initVAE(weights *engine.Weights, prefix string, in, out int, random *rand.Rand) {
	set := func(name string, in, out int) {
		reach := math.Pow(float64(in), -0.5)
		uniform := func(size int) []float32 {
			data := make([]float32, size)
			for i := range data {
				data[i] = float32((2*random.Float64() - 1) * reach)
			}
			return data
		}
		weights.Set(prefix+name+".weight", uniform(out*in), out, in)
		weights.Set(prefix+name+".bias", uniform(out), out)
	}
	width := in
	for i, hidden := range p.Hidden {
		set(fmt.Sprintf("enc.%d", i), width, hidden)
		width = hidden
	}
	set("mu", width, p.Latent)
	set("logvar", width, p.Latent)
	width = p.Latent
	for i := range p.Hidden {
		hidden := p.Hidden[len(p.Hidden)-1-i]
		set(fmt.Sprintf("dec.%d", i), width, hidden)
		width = hidden
	}
	set(fmt.Sprintf("dec.%d", len(p.Hidden)), width, out)
}

// encode returns μ and log σ² [R, d] of distributions [R, G, K].
func (p *Part) encode(vars engine.Vars, logs *Node) (mu, logvar *Node) {
	h := Reshape(Exp(logs), logs.Shape().Dimensions[0], -1)
	for i := range p.Hidden {
		h = transformer.ReLU(transformer.Linear(vars, fmt.Sprintf("enc.%d", i), h))
	}
	return transformer.Linear(vars, "mu", h), transformer.Linear(vars, "logvar", h)
}

// decode returns log Ŝ_p [..., K] for latent vectors [..., d].
func (p *Part) decode(vars engine.Vars, z *Node) *Node {
	for i := range p.Hidden {
		z = transformer.ReLU(transformer.Linear(vars, fmt.Sprintf("dec.%d", i), z))
	}
	return LogSoftmax(transformer.Linear(vars, fmt.Sprintf("dec.%d", len(p.Hidden)), z), -1)
}

// sample returns z = μ + σ ⊙ ε.
func sample(mu, logvar, eps *Node) *Node { return Add(mu, Mul(Exp(MulScalar(logvar, 0.5)), eps)) }

// VideoView is √Ŝ_p [B, K], generated from μ, or √V_p without a VAE: the mean over a video's rows and segments.
func (p *Part) VideoView(vars engine.Vars, frames align.Frames) *Node {
	return Sqrt(p.generated(vars, frames))
}

// TextView is √S_p [B, K].
func (p *Part) TextView(vars engine.Vars, sentence *Node) *Node {
	return Exp(MulScalar(p.over(kept(vars), sentence), 0.5))
}

// Share is λ.
func (p *Part) Share() float64 {
	if p.off() {
		return 0
	}
	return p.Beyond.Mix
}

// generated returns what a video says of its sentence [B, K], as probabilities.
func (p *Part) generated(vars engine.Vars, frames align.Frames) *Node {
	logs, weight := p.ofFrames(kept(vars), frames)
	if p.loss() == vae {
		mu, _ := p.encode(vars, logs)
		logs = ExpandAxes(p.decode(vars, mu), 1)
	}
	return byVideo(ReduceMean(Exp(logs), 1), weight, frames.Mask.Shape().Dimensions[0])
}

// byVideo averages rows [R, X] by video [B, X], R being B or B·T.
func byVideo(x, weight *Node, videos int) *Node {
	rows := Reshape(weight, videos, -1, 1)
	x = Reshape(x, videos, -1, x.Shape().Dim(-1))
	sum := ReduceSum(Mul(x, BroadcastToShape(rows, x.Shape())), 1)
	return Div(sum, BroadcastToShape(MaxScalar(ReduceSum(rows, 1), 1), sum.Shape()))
}
