package taco

import (
	. "github.com/gomlx/gomlx/core/graph"

	"sightline/encoder/transformer"
	"sightline/engine"
)

// Pairs are B texts with the B videos they speak of, encoded.
type Pairs struct {
	Videos, VideoMask *Node // x [B, m, D], [B, m]
	Texts, TextMask   *Node // y [B, n, D], [B, n]
	Weights           *Node // w [B, n], how much each row of a text tells
	Same              *Node // [B, B], 1 where two pairs show one video; nil to take all for different
	Draw              *Node // [2, B, B], by which Random negatives are chosen
	Start             int   // position of videos in the fusion
}

// Mined are the K negatives of each of B rows, hardest first.
type Mined struct {
	Rows  *Node // [B, K], integers
	There *Node // [B, K], 0 where a row has fewer than K negatives
}

// Losses are sums over the texts of a batch, and over its videos in VideoToText. What the config does without is nil.
type Losses struct {
	Sentence    *Node // L1, equation 3
	Token       *Node // L2, equation 4
	TextToVideo *Node // L3, equation 5: each text tells its video from its hard videos
	VideoToText *Node // and each video its text from its hard texts

	NegativeVideos, NegativeTexts Mined
	TextLogits, VideoLogits       *Node // [B, 1+K] of TextToVideo and VideoToText, the true pair first
	SentenceScores, TokenScores   *Node // S1 and S2 [B, B]
}

// Losses returns the parts of equation 6.
func (c Config) Losses(vars engine.Vars, p Pairs) Losses {
	var out Losses
	own := ConvertDType(Diagonal(p.Videos.Graph(), p.Videos.Shape().Dim(0)), p.Videos.DType())
	none := own // no negatives: the pair itself, and what shows its video
	if p.Same != nil {
		none = Max(own, p.Same)
	}
	others := MulScalar(Sub(none, own), transformer.Hidden) // [B, B]
	if c.comparesSentences() {
		out.SentenceScores = SentenceScores(p.Videos, p.VideoMask, p.Texts)
		logits := Add(DivScalar(out.SentenceScores, c.Tau1), others)
		out.Sentence = Neg(ReduceAllSum(Mul(LogSoftmax(logits, -1), own)))
	}
	if c.comparesTokens() {
		tokens := TokenScores(p.Videos, p.VideoMask, p.Texts) // [B, n, B]
		out.TokenScores = c.SumTokens(tokens, p.Weights)
		logits := Add(DivScalar(tokens, c.Tau2), ExpandAxes(others, 1))
		each := ReduceSum(Mul(LogSoftmax(logits, -1), ExpandAxes(own, 1)), -1) // [B, n]
		out.Token = Neg(ReduceAllSum(Mul(each, p.Weights)))
	}
	if !c.fuses() {
		return out
	}
	alike := [2]*Node{} // of texts with videos, and of videos with texts
	if c.Negatives == Random {
		alike = [2]*Node{transformer.Pick(p.Draw, 0), transformer.Pick(p.Draw, 1)}
	} else {
		alike[0] = plus(out.SentenceScores, out.TokenScores)
		alike[1] = TransposeAllAxes(alike[0], 1, 0)
	}
	out.NegativeVideos, out.NegativeTexts = mine(alike[0], none, c.Hard), mine(alike[1], none, c.Hard)
	c.fusionLoss(vars, p, &out)
	return out
}

// fusionLoss runs the fusion over the true pairs, once, and the mined ones.
func (c Config) fusionLoss(vars engine.Vars, p Pairs, out *Losses) {
	batch, g := p.Videos.Shape().Dim(0), p.Videos.Graph()
	hard := 0
	if out.NegativeVideos.Rows != nil {
		hard = out.NegativeVideos.Rows.Shape().Dim(1)
	}
	var all, each []int64 // [B] and [B·K], each row K times
	for i := range batch {
		all = append(all, int64(i))
		for range hard {
			each = append(each, int64(i))
		}
	}
	videos, texts := ints(g, all), ints(g, all) // rows of B·(1+2K) pairs
	if hard > 0 {
		repeated := ints(g, each)
		videos = Concatenate([]*Node{videos, indices(out.NegativeVideos.Rows), repeated}, 0)
		texts = Concatenate([]*Node{texts, repeated, indices(out.NegativeTexts.Rows)}, 0)
	}
	scores := c.Fuse(vars, Fused{p.Videos, p.VideoMask, p.Texts, p.TextMask, videos, texts, p.Start})

	lists := func(from int, mined Mined) (logits, loss *Node) {
		var places []int64
		for i := range batch {
			places = append(places, int64(i))
			for r := range hard {
				places = append(places, int64(from+i*hard+r))
			}
		}
		logits = Reshape(Gather(scores, ints(g, places)), batch, 1+hard)
		known := logits
		if hard > 0 {
			there := Concatenate([]*Node{OnesLike(ReduceAndKeep(mined.There, ReduceMax, 1)), mined.There}, 1)
			known = Add(logits, MulScalar(OneMinus(there), transformer.Hidden))
		}
		first := transformer.Pick(TransposeAllAxes(LogSoftmax(known, -1), 1, 0), 0) // [B]
		return logits, Neg(ReduceAllSum(first))
	}
	out.TextLogits, out.TextToVideo = lists(batch, out.NegativeVideos)
	out.VideoLogits, out.VideoToText = lists(batch+batch*hard, out.NegativeTexts)
}

// mine returns the count columns of each row of alike [B, B] that score highest, of equal ones the first, without those
// where none is 1. No gradient flows through the choice. Where there is no other row, there is nothing to mine.
func mine(alike, none *Node, count int) Mined {
	const taken, floor = -2e30, -1e30
	size := alike.Shape().Dim(0)
	count = min(count, size-1)
	if count == 0 {
		return Mined{}
	}
	left := StopGradient(Add(Mul(alike, OneMinus(none)), MulScalar(none, floor)))
	var rows, there []*Node
	for range count {
		best := ArgMax(left, 1) // [B]
		rows = append(rows, ExpandAxes(best, -1))
		there = append(there, ConvertDType(GreaterThan(ReduceAndKeep(left, ReduceMax, 1), Scalar(left.Graph(), left.DType(), floor/2)), left.DType()))
		chosen := OneHot(best, size, left.DType())
		left = Add(Mul(left, OneMinus(chosen)), MulScalar(chosen, taken))
	}
	return Mined{Rows: Concatenate(rows, 1), There: Concatenate(there, 1)}
}

// Objective returns the loss, equation 6, then the parts that Watched names, none of them weighted: sums over the batch or
// means.
func (c Config) Objective(l Losses, batch int) []*Node {
	out := []*Node{nil}
	for _, part := range []struct {
		weight float64
		loss   *Node
	}{{c.L1, l.Sentence}, {c.L2, l.Token}, {c.L3, plus(l.TextToVideo, l.VideoToText)}} {
		if part.loss == nil {
			continue
		}
		loss := part.loss
		if !c.Sum {
			loss = DivScalar(loss, float64(batch))
		}
		out[0] = plus(out[0], MulScalar(loss, part.weight))
		out = append(out, loss)
	}
	return out
}

// watched names the parts that Objective returns.
func (c Config) watched() []string {
	var names []string
	if c.comparesSentences() {
		names = append(names, "sentence")
	}
	if c.comparesTokens() {
		names = append(names, "token")
	}
	if c.fuses() {
		names = append(names, "fusion")
	}
	return names
}

// plus returns a + b, where nil is nothing.
func plus(a, b *Node) *Node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return Add(a, b)
}
