package metric

import (
	"fmt"
	"math"

	"sightline"
)

// What follows changes a whole similarity matrix by looking at all test queries at once, or at a bank of other queries. A
// search engine that answers one person cannot do the former: such numbers are transductive, and stand in rows of their
// own that say so (retrieval.md 0.7).

// Transductive is a post-processing of a similarity matrix [texts, videos], by the name that its rows carry.
type Transductive struct {
	Name string
	// Apply returns the processed similarities for one direction, still [texts, videos]; the input stays as it is.
	Apply func(sims sightline.Matrix, direction Protocol) (sightline.Matrix, error)
}

// Title returns the name of a row that was post-processed.
func (t Transductive) Title(row string) string {
	return fmt.Sprintf("%s + %s (transductive)", row, t.Name)
}

// DualSoftmax multiplies each similarity by its softmax over all queries, S ⊙ softmax(100·S): over texts for text to
// video, over videos for video to text (Cheng et al., CAMoE, 2021; as in T-MASS's trainer).
func DualSoftmax() Transductive {
	return Transductive{"dual softmax", func(s sightline.Matrix, direction Protocol) (sightline.Matrix, error) {
		return timesSoftmax(s, direction, 100, false)
	}}
}

// InvertedSoftmax is EMCL-Net's: the same with temperature 0.01, times the number of queries, which changes no rank (Jin et
// al., EMCL, 2022).
func InvertedSoftmax() Transductive {
	return Transductive{"inverted softmax", func(s sightline.Matrix, direction Protocol) (sightline.Matrix, error) {
		return timesSoftmax(s, direction, 100, true)
	}}
}

// timesSoftmax returns S ⊙ softmax(scale·S) over the queries of a direction, times their number if asked.
func timesSoftmax(s sightline.Matrix, direction Protocol, scale float64, times bool) (sightline.Matrix, error) {
	if err := s.Finite(); err != nil {
		return sightline.Matrix{}, usage("post-process similarities", "judge them first: NaN has no rank", "%w", err)
	}
	rows, cols, at := s.Rows, s.Cols, func(i, j int) int { return i*s.Cols + j }
	if direction != TextToVideo { // queries are columns
		rows, cols, at = s.Cols, s.Rows, func(i, j int) int { return j*s.Cols + i }
	}
	factor := 1.0
	if times {
		factor = float64(rows)
	}
	out := sightline.NewMatrix(s.Rows, s.Cols)
	for j := range cols { // of each candidate, over all queries
		total := logSumExp(rows, func(i int) float64 { return scale * float64(s.Data[at(i, j)]) })
		for i := range rows {
			v := float64(s.Data[at(i, j)])
			out.Data[at(i, j)] = float32(v * math.Exp(scale*v-total) * factor)
		}
	}
	return out, nil
}

// QBNorm is the dynamic inverted softmax of Bogolin et al. (Cross Modal Retrieval with Querybank Normalisation, 2022): a
// bank of other queries' similarities [q, videos] tells which videos are hubs. A video that is among the top k of any bank
// query is active; a row whose best video is active becomes exp(βS)/Σ_q exp(βB), in logarithms here so that nothing
// overflows, and others stay. Rows are ranked one by one, so the two scales do no harm in text to video; video to text
// makes no sense, and is an error. With a bank of training queries it is not transductive, but it knows more than a model.
func QBNorm(bank sightline.Matrix, beta float64, k int) Transductive {
	return Transductive{fmt.Sprintf("QB-Norm β %g k %d", beta, k), func(s sightline.Matrix, direction Protocol) (sightline.Matrix, error) {
		const what = "normalise by a query bank"
		switch {
		case direction != TextToVideo:
			return sightline.Matrix{}, usage(what, "use it from text to video", "rows on two scales cannot be ranked by column")
		case bank.Rows == 0 || bank.Cols != s.Cols:
			return sightline.Matrix{}, usage(what, "score the bank's queries against the same videos", "the bank is %d × %d, the similarities are %d × %d", bank.Rows, bank.Cols, s.Rows, s.Cols)
		case !(beta > 0) || math.IsInf(beta, 0):
			return sightline.Matrix{}, usage(what, "use 20", "β is %v", beta)
		case k < 1 || k > bank.Cols:
			return sightline.Matrix{}, usage(what, "use 1", "the top %d of %d videos", k, bank.Cols)
		}
		for _, m := range []sightline.Matrix{s, bank} {
			if err := m.Finite(); err != nil {
				return sightline.Matrix{}, usage(what, "judge them first: NaN has no rank", "%w", err)
			}
		}
		active := activeVideos(bank, k)
		hubness := make([]float64, s.Cols) // ln Σ_q exp(βB)
		for j := range hubness {
			hubness[j] = logSumExp(bank.Rows, func(q int) float64 { return beta * float64(bank.At(q, j)) })
		}
		out := sightline.NewMatrix(s.Rows, s.Cols)
		for i := range s.Rows {
			row, into := s.Row(i), out.Row(i)
			copy(into, row)
			if !active[argMax(row)] {
				continue
			}
			for j, v := range row {
				into[j] = float32(math.Exp(beta*float64(v) - hubness[j]))
			}
		}
		return out, nil
	}}
}

// activeVideos tells which videos are among the top k of any query of the bank.
func activeVideos(bank sightline.Matrix, k int) []bool {
	active := make([]bool, bank.Cols)
	for q := range bank.Rows {
		row := append([]float32(nil), bank.Row(q)...)
		for range k {
			best := argMax(row)
			active[best] = true
			row[best] = float32(math.Inf(-1))
		}
	}
	return active
}

// argMax returns the place of the largest value, the first of equals.
func argMax(row []float32) int {
	best := 0
	for j, v := range row {
		if v > row[best] {
			best = j
		}
	}
	return best
}

// logSumExp returns ln Σ exp(value(i)) for i < n, whatever the size of the values.
func logSumExp(n int, value func(i int) float64) float64 {
	largest := math.Inf(-1)
	for i := range n {
		largest = max(largest, value(i))
	}
	var sum float64
	for i := range n {
		sum += math.Exp(value(i) - largest)
	}
	return largest + math.Log(sum)
}
