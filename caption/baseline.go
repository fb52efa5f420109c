package caption

import (
	"fmt"
	"math"
	"math/rand/v2"

	"sightline"
	"sightline/align"
)

// Baselines: captions that take no model. A model that does not beat them has learned nothing of its videos.

// Nearest gives each video the first caption of the most similar training video: the highest cosine between the means of
// their normalised frame vectors, the first of equals. Captions has a list for each training video; those with none, and
// those without rows, are passed over.
func Nearest(training []align.Video, captions [][]string, videos []align.Video) ([]string, error) {
	known := make([][]float64, len(training))
	any := false
	for i, v := range training {
		if len(captions[i]) > 0 && v.Features.Rows > 0 {
			known[i] = direction(v.Features)
			any = true
		}
	}
	if !any {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "caption by the nearest video", Err: fmt.Errorf("none of %d training videos has a caption", len(training))}
	}
	chosen := make([]string, len(videos))
	for i, v := range videos {
		if v.Features.Rows == 0 || v.Features.Cols != training[0].Features.Cols {
			return nil, fmt.Errorf("caption by the nearest video: video %s has features [%d, %d], training videos are %d wide",
				v.ID, v.Features.Rows, v.Features.Cols, training[0].Features.Cols)
		}
		own, best := direction(v.Features), math.Inf(-1)
		for j, other := range known {
			if other == nil {
				continue
			}
			var cosine float64
			for d := range own {
				cosine += own[d] * other[d]
			}
			if cosine > best {
				best, chosen[i] = cosine, captions[j][0]
			}
		}
	}
	return chosen, nil
}

// direction returns the mean of a video's normalised rows, normalised.
func direction(rows sightline.Matrix) []float64 {
	mean := make([]float64, rows.Cols)
	for r := range rows.Rows {
		add(mean, rows.Row(r))
	}
	var square float64
	for _, v := range mean {
		square += v * v
	}
	for d := range mean {
		mean[d] /= math.Sqrt(max(square, 1e-24))
	}
	return mean
}

// add adds a row to a sum, divided by its length.
func add(sum []float64, row []float32) {
	var square float64
	for _, v := range row {
		square += float64(v) * float64(v)
	}
	for d, v := range row {
		sum[d] += float64(v) / math.Sqrt(max(square, 1e-24))
	}
}

// Random gives each of n videos a training caption, whatever it shows.
func Random(captions []string, n int, random *rand.Rand) []string {
	chosen := make([]string, n)
	for i := range chosen {
		chosen[i] = captions[random.IntN(len(captions))]
	}
	return chosen
}
