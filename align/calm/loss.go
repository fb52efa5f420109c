package calm

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// What is watched in every step.
const (
	watchRec     = Name + ".rec"     // L_rec, or the loss between the distributions, nats
	watchEntropy = Name + ".entropy" // of S_p, the mean over the batch, nats
	watchCosine  = Name + ".cosine"  // of two anchors, the mean over all pairs
	watchKL      = Name + ".kl"      // L_KL, nats
	watchMoved   = Name + ".moved"   // how far distributions are from the frozen encoder's, nats
	watchActive  = Name + ".active"  // latent units whose μ varies over the batch
)

// activeVariance is the variance of μ over a batch from which on a latent unit counts as active (Burda et al., 2016).
const activeVariance = 0.01

// Watched names the scalars that every step reports; none when the part is off.
func (p *Part) Watched() []string {
	if p.off() {
		return nil
	}
	names := []string{watchRec, watchEntropy, watchCosine}
	if p.loss() == vae {
		names = append(names, watchKL, watchActive)
	}
	if p.Beyond.Preserve > 0 {
		names = append(names, watchMoved)
	}
	return names
}

// Noise is what ε is made of: two uniform numbers for each component of each latent vector.
func (p *Part) Noise(pairs, rows, _ int) [][]int {
	if p.off() || p.loss() != vae {
		return nil
	}
	size := pairs
	if p.Level == frame {
		size *= rows
	}
	shapes := [][]int{{size, p.Latent}, {size, p.Latent}}
	if p.Beyond.Symmetric {
		shapes = append(shapes, []int{pairs, p.Latent}, []int{pairs, p.Latent})
	}
	return shapes
}

// Loss is L_rec + α L_KL, or the loss between the distributions.
func (p *Part) Loss(vars engine.Vars, seen align.Seen, noise []*Node) (*Node, []*Node) {
	if p.off() {
		return ScalarZero(seen.Sentence.Graph(), seen.Sentence.DType()), nil
	}
	var eps []*Node
	for i := 0; i < len(noise); i += 2 {
		eps = append(eps, align.Bell(noise[i], noise[i+1]))
	}
	d := p.of(vars, seen)
	t := p.terms(vars, d, eps)
	watched := []*Node{t.rec, entropy(d.text), likeness(d.points)}
	if p.loss() == vae {
		watched = append(watched, t.kl, t.active)
	}
	loss := t.loss
	if p.Beyond.Preserve > 0 {
		moved := p.moved(vars, seen)
		loss, watched = Add(loss, MulScalar(moved, p.Beyond.Preserve)), append(watched, moved)
	}
	if p.Beyond.Anneal > 0 {
		watched = append(watched, AddScalar(vars.Get(count), 1))
	}
	return loss, watched
}

// terms are the parts of the loss.
type terms struct {
	loss, rec, kl, active *Node
}

// terms returns the loss of a batch for given draws ε [R, d]; with beyond.symmetric, those of the second VAE after them.
func (p *Part) terms(vars engine.Vars, d distributions, eps []*Node) terms {
	target := d.text
	if p.Detach {
		target = StopGradient(target)
	}
	rows := d.video.Shape().Dimensions[0]
	target = repeated(target, rows)
	if p.loss() != vae {
		segments := p.segments()
		logV := Reshape(d.video, rows*segments, -1)
		loss := p.between(repeated(target, rows*segments), logV, repeated(ExpandAxes(d.weight, -1), rows*segments))
		return terms{loss: loss, rec: loss}
	}
	t := p.generative(vars, d.video, d.weight, target, eps[0])
	if !p.Beyond.Symmetric {
		return t
	}
	videos := d.text.Shape().Dimensions[0]
	whole := Log(AddScalar(byVideo(ReduceMean(Exp(d.video), 1), d.weight, videos), 1e-12)) // log V_p [B, K]
	if p.Detach {
		whole = StopGradient(whole)
	}
	other := p.generative(vars.Under(back), ExpandAxes(d.text, 1), OnesLike(ReduceMax(d.text, -1)), whole, eps[1])
	half := func(x, y *Node) *Node { return MulScalar(Add(x, y), 0.5) }
	return terms{loss: half(t.loss, other.loss), rec: half(t.rec, other.rec), kl: half(t.kl, other.kl), active: t.active}
}

// repeated gives each of B rows [B, X] as often as it takes to have n of them, one after the other.
func repeated(x *Node, n int) *Node {
	dims := x.Shape().Dimensions
	if dims[0] == n {
		return x
	}
	return Reshape(BroadcastToDims(ExpandAxes(x, 1), dims[0], n/dims[0], dims[1]), n, dims[1])
}

// generative is L_rec + α L_KL of the VAE that generates the target [R, K] from distributions [R, G, K]:
//
//	L_rec = −Σ_k S_p log Ŝ_p        L_KL = ½ Σ_j (μ² + σ² − log σ² − 1)
//
// both means over the rows that are there.
func (p *Part) generative(vars engine.Vars, from, weight, target, eps *Node) terms {
	mu, logvar := p.encode(vars, from)
	rec := Neg(mean(ReduceSum(Mul(Exp(target), p.decode(vars, sample(mu, logvar, eps))), -1), weight))
	perUnit := MulScalar(AddScalar(Sub(Add(Mul(mu, mu), Exp(logvar)), logvar), -1), 0.5) // [R, d]
	perUnit = meanRow(perUnit, weight)                                                   // [d]
	paid := perUnit
	if p.Beyond.FreeBits > 0 {
		paid = MaxScalar(paid, p.Beyond.FreeBits)
	}
	cost := MulScalar(ReduceAllSum(paid), p.Alpha)
	if p.Beyond.Anneal > 0 {
		cost = Mul(cost, MinScalar(MulScalar(vars.Get(count), 1/float64(p.Beyond.Anneal)), 1))
	}
	away := Sub(mu, BroadcastToShape(ExpandAxes(meanRow(mu, weight), 0), mu.Shape()))
	variance := meanRow(Mul(away, away), weight) // of μ, by unit
	active := ReduceAllSum(ConvertDType(GreaterThan(variance, Scalar(variance.Graph(), variance.DType(), activeVariance)), variance.DType()))
	return terms{loss: Add(rec, cost), rec: rec, kl: ReduceAllSum(perUnit), active: active}
}

// between is a loss on the distributions themselves [R, K], target first: the paper's ablations (retrieval.md R11) and two
// that are symmetric.
func (p *Part) between(logS, logV, weight *Node) *Node {
	s, v := Exp(logS), Exp(logV)
	weight = Reshape(weight, -1)
	divergence := func(a, logA, logB *Node) *Node { return ReduceSum(Mul(a, Sub(logA, logB)), -1) } // KL(A‖B)
	switch p.loss() {
	case none:
		return ScalarZero(s.Graph(), s.DType())
	case mse:
		return mean(ReduceMean(Mul(Sub(s, v), Sub(s, v)), -1), weight)
	case ce:
		return Neg(mean(ReduceSum(Mul(s, logV), -1), weight))
	case skl:
		return MulScalar(mean(Add(divergence(s, logS, logV), divergence(v, logV, logS)), weight), 0.5)
	case js:
		middle := Log(MaxScalar(MulScalar(Add(s, v), 0.5), 1e-30))
		return MulScalar(mean(Add(divergence(s, logS, middle), divergence(v, logV, middle)), weight), 0.5)
	}
	return mean(divergence(s, logS, logV), weight)
}

// moved is how far training has moved videos and sentences from where the frozen encoder has them: KL(P₀‖P) of their
// distributions over the anchors before and after the tower, half for each side. What an anchor is does not move. With
// preserve_by "cosine" it is 1 − cos of the vectors themselves, the control that has no anchors; with "prompts" that of the
// prompts' vectors before and after the tower's text side: a list of labels is text without videos, and the tower may not forget
// how it was read.
func (p *Part) moved(vars engine.Vars, seen align.Seen) *Node {
	plain := seen.Plain
	if plain.Sentence == nil {
		panic(fmt.Errorf("%s: beyond.preserve needs a tower that starts from stored vectors of one width", Name))
	}
	turned := func(before, now *Node) *Node {
		return ReduceAllMean(OneMinus(ReduceSum(Mul(transformer.Normalize(before), transformer.Normalize(now)), -1)))
	}
	if p.Beyond.PreserveBy == byPrompts {
		return turned(seen.Texts[0], seen.Read(seen.Texts))
	}
	meanOf := func(frames align.Frames) *Node {
		return Squeeze(Dot(align.Stretches(frames.Mask, 1), frames.Vectors).General([]int{2}, []int{0}, []int{1}, []int{0}), 1)
	}
	away := func(before, now *Node) *Node {
		if p.Beyond.PreserveBy == byCosine {
			return turned(before, now)
		}
		points := vars.Get(anchors)
		logBefore, logNow := p.over(points, before), p.over(points, now)
		return ReduceAllMean(ReduceSum(Mul(Exp(logBefore), Sub(logBefore, logNow)), -1))
	}
	return MulScalar(Add(away(meanOf(plain.Frames), meanOf(seen.Frames)), away(plain.Sentence, seen.Sentence)), 0.5)
}

// mean averages x [R] over the rows that are there.
func mean(x, weight *Node) *Node {
	return Div(ReduceAllSum(Mul(x, weight)), MaxScalar(ReduceAllSum(weight), 1))
}

// meanRow averages x [R, d] over the rows that are there.
func meanRow(x, weight *Node) *Node {
	sum := ReduceSum(Mul(x, BroadcastToShape(ExpandAxes(weight, -1), x.Shape())), 0)
	return Div(sum, BroadcastToShape(MaxScalar(ReduceAllSum(weight), 1), sum.Shape()))
}

// entropy returns the mean entropy of distributions [B, K], in nats.
func entropy(logs *Node) *Node {
	return MulScalar(ReduceAllSum(Mul(Exp(logs), logs)), -1/float64(logs.Shape().Dimensions[0]))
}

// likeness returns the mean cosine of two different anchors; 0 where there is but one.
func likeness(points *Node) *Node {
	k := float64(points.Shape().Dimensions[0])
	if k == 1 {
		return ScalarZero(points.Graph(), points.DType())
	}
	sum := ReduceSum(transformer.Normalize(points), 0)
	return MulScalar(AddScalar(ReduceAllSum(Mul(sum, sum)), -k), 1/(k*(k-1)))
}

// Weights is how much each pair counts in the head's loss, (1 − H(S_p)/ln K)^γ, and never less than a thousandth^γ.
func (p *Part) Weights(vars engine.Vars, seen align.Seen) *Node {
	if p.off() || p.Beyond.Confidence == 0 {
		return nil
	}
	logs := StopGradient(p.over(p.at(vars, seen), seen.Sentence))
	k := logs.Shape().Dim(-1)
	if k == 1 {
		return nil
	}
	entropy := Neg(ReduceSum(Mul(Exp(logs), logs), -1))
	sure := OneMinus(MulScalar(entropy, 1/math.Log(float64(k))))
	return Exp(MulScalar(Log(MaxScalar(sure, 1e-3)), p.Beyond.Confidence))
}
