package taco

import (
	"context"

	"sightline"
)

// Likely are scores of A texts and N videos as a search in two stages has them, [A, N] each, by what is looked for: those of the
// candidates, S1 + S2 + S3, and below them all the others in the order of S1 + S2.
type Likely struct {
	TextToVideo sightline.Matrix // every text has candidates among the videos
	VideoToText sightline.Matrix // every video has candidates among the texts
	Pairs       int              // runs of the fusion that it took
}

// ScoreLikely fuses the count videos of highest S1 + S2 of each text, and as many texts of each video. It is exact where count
// reaches all, and where the model learned neither l1 nor l2, so that nothing finds candidates.
func (m *Model) ScoreLikely(ctx context.Context, texts []Text, videos []Video, count int) (Likely, error) {
	first, err := m.FirstScores(ctx, texts, videos)
	if err != nil {
		return Likely{}, err
	}
	sums := first.Sum()
	switch {
	case !m.Config.fuses():
		return Likely{TextToVideo: sums, VideoToText: sums}, nil
	case sums.Rows == 0:
		sums, count = sightline.NewMatrix(len(texts), len(videos)), max(len(texts), len(videos))
	}
	byText := candidates(sums.Rows, sums.Cols, count, sums.At)
	byVideo := candidates(sums.Cols, sums.Rows, count, func(n, a int) float32 { return sums.At(a, n) })
	var pairs [][2]int
	chosen := func(a, n int) (of [2]bool) { return [2]bool{byText[a*len(videos)+n], byVideo[n*len(texts)+a]} }
	for a := range texts {
		for n := range videos {
			if chosen(a, n) != [2]bool{} {
				pairs = append(pairs, [2]int{a, n})
			}
		}
	}
	fused, err := m.fuse(ctx, texts, videos, pairs)
	if err != nil {
		return Likely{}, err
	}
	out := Likely{TextToVideo: below(sums), VideoToText: below(sums), Pairs: len(pairs)}
	low := float32(0)
	for i, pair := range pairs {
		fused[i] += sums.At(pair[0], pair[1])
		low = min(low, fused[i])
	}
	for i, pair := range pairs {
		of := chosen(pair[0], pair[1])
		for direction, scores := range []sightline.Matrix{out.TextToVideo, out.VideoToText} {
			if of[direction] {
				scores.Row(pair[0])[pair[1]] = fused[i] - low // at least 0
			}
		}
	}
	return out, nil
}

// candidates returns for each of rows which count columns score highest, of equals the first, row by row.
func candidates(rows, cols, count int, score func(row, col int) float32) []bool {
	chosen := make([]bool, rows*cols)
	list := make([]Found, cols)
	for r := range rows {
		for c := range cols {
			list[c] = Found{c, score(r, c)}
		}
		for _, f := range fall(list)[:min(count, cols)] {
			chosen[r*cols+f.Video] = true
		}
	}
	return chosen
}

// below returns scores in their order, all of them under 0.
func below(scores sightline.Matrix) sightline.Matrix {
	high := scores.Data[0]
	for _, v := range scores.Data {
		high = max(high, v)
	}
	low := sightline.NewMatrix(scores.Rows, scores.Cols)
	for i, v := range scores.Data {
		low.Data[i] = v - high - 1
	}
	return low
}
