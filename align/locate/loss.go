package locate

import (
	"errors"
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/encoder/transformer"
)

// Part is one part of a training loss.
type Part struct {
	Name   string
	Weight float64
	Loss   func() *Node // a scalar, not weighted
}

// CheckWeights returns an error where a part weighs less than nothing, or all of them weigh nothing.
func CheckWeights(parts []Part) error {
	var sum float64
	for _, part := range parts {
		if !(part.Weight >= 0) {
			return fmt.Errorf("%s weighs %v", part.Name, part.Weight)
		}
		sum += part.Weight
	}
	if sum == 0 {
		return errors.New("no part of the loss weighs anything")
	}
	return nil
}

// Sum returns the weighted sum of those parts that weigh anything, then these parts themselves.
func Sum(parts []Part) []*Node {
	out := []*Node{nil}
	for _, part := range parts {
		if part.Weight != 0 {
			loss := part.Loss()
			out[0] = Plus(out[0], MulScalar(loss, part.Weight))
			out = append(out, loss)
		}
	}
	return out
}

// Names returns the names of those parts that weigh anything.
func Names(parts []Part) []string {
	var names []string
	for _, part := range parts {
		if part.Weight != 0 {
			names = append(names, part.Name)
		}
	}
	return names
}

// Entropy returns the cross-entropy of where moments start plus that of where they end, each the mean over matched pairs of
// −log softmax at the gold clip. Logits are [B, L].
func (g Gold) Entropy(start, end *Node) *Node {
	sum := Add(Mul(LogSoftmax(start, -1), g.Start), Mul(LogSoftmax(end, -1), g.End))
	return MulScalar(ReduceAllSum(sum), -1/float64(start.Shape().Dim(0)))
}

// RankVideos returns the loss that keeps each query's video ahead of a wrong one: the mean of max(0, Δ + φ⁻ − φ⁺), or of
// log(1 + exp(φ⁻ − φ⁺)) where c.Soft. Similarities are [B, B], queries in rows.
func (c Config) RankVideos(similarities *Node, gold Gold) *Node { return c.rank(similarities, gold, 0) }

// RankQueries returns the same for each video's query and a wrong one.
func (c Config) RankQueries(similarities *Node, gold Gold) *Node {
	return c.rank(TransposeAllAxes(similarities, 1, 0), gold, 1)
}

func (c Config) rank(scores *Node, gold Gold, side int) *Node {
	own := diagonal(scores)
	others := OneMinus(own)
	if gold.Same != nil {
		others = OneMinus(Max(own, gold.Same))
	}
	chosen := StopGradient(atRank(scores, others, transformer.Pick(gold.Ranks, side)))
	gap := Sub(ReduceSum(Mul(scores, chosen), 1), ReduceSum(Mul(scores, own), 1)) // [B]
	if c.Soft {
		gap = softplus(gap)
	} else {
		gap = MaxScalar(AddScalar(gap, c.Margin), 0)
	}
	return ReduceAllMean(Mul(gap, ReduceSum(chosen, 1))) // nothing where a row has no negative
}

// diagonal returns the identity matrix of the size of scores [B, B].
func diagonal(scores *Node) *Node {
	return ConvertDType(Diagonal(scores.Graph(), scores.Shape().Dim(0)), scores.DType())
}

// atRank returns [B, B], 1 at the candidate of each row whose place in falling order of scores, from 1, is the row's rank, and
// 0 elsewhere. Of equal scores the first comes first.
func atRank(scores, candidates, rank *Node) *Node {
	size, g := scores.Shape().Dim(0), scores.Graph()
	before := make([]float32, size*size) // [j, k], 1 where k < j
	for j := range size {
		for k := range j {
			before[j*size+k] = 1
		}
	}
	earlier := ExpandAxes(transformer.ConstFlat(g, before, size, size), 0) // [1, j, k]
	cube := func(x *Node, axis int) *Node { return BroadcastToDims(ExpandAxes(x, axis), size, size, size) }
	mine, others := cube(scores, 2), cube(scores, 1) // [i, j, k]: the score of j, and of k
	float := func(x *Node) *Node { return ConvertDType(x, scores.DType()) }
	ahead := Add(float(GreaterThan(others, mine)), Mul(float(Equal(others, mine)), earlier))
	place := OnePlus(ReduceSum(Mul(ahead, ExpandAxes(candidates, 1)), 2)) // [i, j]
	at := float(Equal(place, BroadcastToDims(ExpandAxes(rank, -1), size, size)))
	return Mul(at, candidates)
}

// Information is the lower bound of the mutual information of an anchor with the clips of a moment against the other clips of
// its video, of which x holds dot products (Jensen-Shannon estimator, Hjelm et al., 2019): the mean over inside of
// shift − sp(−x) less the mean over outside of sp(x) − shift, where sp(z) = log(1 + exp z). All are [B, L], the result is
// [B]; a mean over nothing is 0.
func Information(x, inside, outside *Node, shift float64) *Node {
	mean := func(of, where *Node) *Node {
		return Div(ReduceSum(Mul(of, where), -1), AddScalar(ReduceSum(where, -1), 1e-12))
	}
	positive := AddScalar(Neg(softplus(Neg(x))), shift)
	negative := AddScalar(softplus(x), -shift)
	return Sub(mean(positive, inside), mean(negative, outside))
}

// Log2 is the shift with which Information is 0 for an anchor that tells nothing.
const Log2 = math.Ln2

// VideoContrast says what is the denominator of the contrast of a video with a query.
type VideoContrast string

// The readings of MIL-NCE (Miech et al., 2020) for logits X [B, B].
const (
	PerQuery     VideoContrast = "query" // mean_i log(Σ_j e^X_ij + Σ_j e^X_ji) − X_ii: the positive counts twice; official
	PerQueryOnce VideoContrast = "once"  // the same, but the positive counts once
	PerBatch     VideoContrast = "batch" // log Σ_ij e^X_ij − log Σ_i e^X_ii: one ratio for the batch
)

// Check returns an error where there is no such reading.
func (k VideoContrast) Check() error {
	switch k {
	case PerQuery, PerQueryOnce, PerBatch:
		return nil
	}
	return fmt.Errorf("video_contrast is %q, not %s, %s or %s", k, PerQuery, PerQueryOnce, PerBatch)
}

// Loss returns the contrast of logits X [B, B], queries in rows.
func (k VideoContrast) Loss(logits *Node, gold Gold) *Node {
	size, own := logits.Shape().Dim(0), diagonal(logits)
	if gold.Same != nil {
		logits = Add(logits, MulScalar(Mul(gold.Same, OneMinus(own)), absent))
	}
	positive := ReduceSum(Mul(logits, own), 1) // X_ii [B]
	columns := TransposeAllAxes(logits, 1, 0)
	switch k {
	case PerBatch:
		all := Reshape(logits, 1, size*size)
		return Sub(ReduceAllSum(logSumExp(all)), ReduceAllSum(logSumExp(Reshape(positive, 1, size))))
	case PerQueryOnce:
		columns = Add(columns, MulScalar(own, absent))
	}
	return ReduceAllMean(Sub(logSumExp(Concatenate([]*Node{logits, columns}, 1)), positive))
}

// logSumExp returns log Σ_j e^x_ij [B].
func logSumExp(x *Node) *Node {
	highest := StopGradient(ReduceAndKeep(x, ReduceMax, 1))
	return Add(Log(ReduceSum(Exp(Sub(x, highest)), 1)), Squeeze(highest, 1))
}

// softplus returns log(1 + exp x). It is written out as max(x, 0) + log(1 + exp(−|x|)) because GoMLX's own asks whether
// numbers are finite, which ONNX Runtime's backend cannot.
func softplus(x *Node) *Node { return Add(MaxScalar(x, 0), Log(OnePlus(Exp(Neg(Abs(x)))))) }
