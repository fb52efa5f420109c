package taco

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"sightline"
)

// Found is a video that a text was compared with.
type Found struct {
	Video int     // its place among those searched
	Score float32 // S1 + S2 + S3
}

// Search returns, for each text, the count videos of highest S1 + S2, ranked by S1 + S2 + S3: two stages, of which the second
// takes A·count runs of the fusion. With count ≥ N it is exact; Lost says what less costs. Of equal scores the first video
// comes first.
func (m *Model) Search(ctx context.Context, texts []Text, videos []Video, count int) ([][]Found, error) {
	if count < 1 {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "search", Err: fmt.Errorf("for %d candidates", count)}
	}
	first, err := m.FirstScores(ctx, texts, videos)
	if err != nil {
		return nil, err
	}
	sums := first.Sum()
	if sums.Rows == 0 { // nothing but the fusion
		if count < len(videos) {
			return nil, &sightline.Error{
				Kind: sightline.Usage, What: "search in two stages", Err: errors.New("the model learned neither l1 nor l2, so nothing finds candidates"),
				Try: "score all pairs",
			}
		}
		sums = sightline.NewMatrix(len(texts), len(videos))
	}
	found := make([][]Found, len(texts))
	var pairs [][2]int
	for a := range texts {
		list := make([]Found, len(videos))
		for n, score := range sums.Row(a) {
			list[n] = Found{n, score}
		}
		found[a] = slices.Clip(fall(list)[:min(count, len(videos))])
		for _, f := range found[a] {
			pairs = append(pairs, [2]int{a, f.Video})
		}
	}
	if !m.Config.fuses() {
		return found, nil
	}
	fused, err := m.fuse(ctx, texts, videos, pairs)
	if err != nil {
		return nil, err
	}
	for a := range found {
		for i := range found[a] {
			found[a][i].Score += fused[i]
		}
		fused = fused[len(found[a]):]
		fall(found[a])
	}
	return found, nil
}

// fall sorts by falling score, of equals the first video first.
func fall(list []Found) []Found {
	slices.SortFunc(list, func(x, y Found) int { return cmp.Or(cmp.Compare(y.Score, x.Score), x.Video-y.Video) })
	return list
}

// Lost returns the share, in [0, 1], of the texts whose best video by exact scores [A, N] is not among those found.
func Lost(exact sightline.Matrix, found [][]Found) float64 {
	lost := 0
	for a, list := range found {
		best := 0
		for n, score := range exact.Row(a) {
			if score > exact.At(a, best) {
				best = n
			}
		}
		if !slices.ContainsFunc(list, func(f Found) bool { return f.Video == best }) {
			lost++
		}
	}
	return float64(lost) / float64(max(1, len(found)))
}

// Recall returns the vector of a video [D] whose dot product with a text's is S1: the mean of its rows.
func (v Video) Recall() []float32 {
	mean := make([]float32, v.Rows.Cols)
	for q := range v.Rows.Rows {
		for d, x := range v.Rows.Row(q) {
			mean[d] += x / float32(v.Rows.Rows)
		}
	}
	return mean
}

// Recall returns the vector of a text [D] whose dot product with a video's is S1.
func (t Text) Recall() []float32 { return t.Rows.Row(0) }

// Alignment says which word of a text met which second of a video.
type Alignment struct {
	Words    []string         // [n], tokens as they were read
	Weights  []float32        // [n], what each counts in L2; 0 for those of no interest
	Spans    []sightline.Span // [m]; nil where the video had none
	Products sightline.Matrix // y_p · x_q [n, m]; the highest of a row of interest is its part of S2
	Best     []int            // [n], the frame of the highest
}

// Fits says how well each row of the video answers the text [m]: its dot product with the sentence, and with the words of
// interest in the mean.
func Fits(text Text, video Video) ([]float32, error) {
	a, err := Explain(text, video)
	if err != nil {
		return nil, err
	}
	fits := make([]float32, video.Rows.Rows)
	interest := 0
	for _, weight := range a.Weights {
		if weight > 0 {
			interest++
		}
	}
	for q := range fits {
		fits[q] = dot(text.Recall(), video.Rows.Row(q))
		for p, weight := range a.Weights {
			if weight > 0 {
				fits[q] += a.Products.At(p, q) / float32(interest)
			}
		}
	}
	return fits, nil
}

func dot(a, b []float32) float32 {
	var sum float64
	for d, v := range a {
		sum += float64(v) * float64(b[d])
	}
	return float32(sum)
}

// Explain returns the dot products behind S2, without the sentence's own row.
func Explain(text Text, video Video) (Alignment, error) {
	n := text.Rows.Rows - 1
	if n < 0 || video.Rows.Rows == 0 || text.Rows.Cols != video.Rows.Cols {
		return Alignment{}, fmt.Errorf("explain: a text of %d×%d and a video of %d×%d", text.Rows.Rows, text.Rows.Cols, video.Rows.Rows, video.Rows.Cols)
	}
	a := Alignment{Words: text.Words[1:], Weights: text.Weights[1:], Spans: video.Spans, Products: sightline.NewMatrix(n, video.Rows.Rows), Best: make([]int, n)}
	for p := range n {
		row := a.Products.Row(p)
		for q := range row {
			if row[q] = dot(text.Rows.Row(1+p), video.Rows.Row(q)); row[q] > row[a.Best[p]] {
				a.Best[p] = q
			}
		}
	}
	return a, nil
}
