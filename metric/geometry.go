package metric

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"sightline"
)

// Geometry describes how vectors of two modalities lie in their common space. All vectors are normalised first, as the
// cosine has them; zero vectors stay zero.
type Geometry struct {
	Videos int `json:"videos"`
	Texts  int `json:"texts"`
	Dim    int `json:"dim"`

	VideoSpread Spread `json:"video_spread"`
	TextSpread  Spread `json:"text_spread"`
	Spread      Spread `json:"spread"` // of both together

	// Gap is the distance between the mean video and the mean text vector (Liang et al., Mind the Gap, 2022).
	Gap float64 `json:"modality_gap"`
	// Intra is the mean squared distance of a class's vectors from their mean, Inter that of the class means from the mean of
	// all; a class is a video with its texts. A small ratio Intra/Inter means classes that stand apart (EMCL, section 4).
	Intra float64 `json:"intra_class_variance"`
	Inter float64 `json:"inter_class_variance"`
	// Alignment is the mean squared distance of a text to its video, Uniformity ln E exp(−2‖x − y‖²) over pairs of all vectors
	// (Wang and Isola, Understanding Contrastive Representation Learning, 2020). Both are better when lower.
	Alignment  float64 `json:"alignment"`
	Uniformity float64 `json:"uniformity"`
	// Own and Other are the mean cosines of a text with its own video and with all others.
	Own   float64 `json:"cosine_own"`
	Other float64 `json:"cosine_other"`
}

// Spread tells how many directions vectors use.
type Spread struct {
	// EffectiveRank is exp of the entropy of the singular values' shares (Roy and Vetterli, The Effective Rank, 2007); Centred
	// is the same after the mean is taken away, where one shared direction no longer counts.
	EffectiveRank float64 `json:"effective_rank"`
	Centred       float64 `json:"effective_rank_centred"`
	// Singular holds the singular values of the centred vectors as shares of their sum, the largest first.
	Singular []float64 `json:"singular_values"`
}

// Measure returns the geometry of videos [N, D] and texts [A, D]; owner[i] is the video of text i, nil for text i to video
// i. It takes O((N + A)·D²) time.
func Measure(videos, texts sightline.Matrix, owner []int) (Geometry, error) {
	const what = "measure the geometry"
	switch {
	case videos.Rows == 0 || texts.Rows == 0:
		return Geometry{}, usage(what, "give at least one video and one text", "%d videos and %d texts", videos.Rows, texts.Rows)
	case videos.Cols != texts.Cols:
		return Geometry{}, usage(what, "bring both into one space first", "videos are %d wide, texts %d", videos.Cols, texts.Cols)
	}
	owner, err := checkOwners(texts.Rows, videos.Rows, owner)
	if err != nil {
		return Geometry{}, err
	}
	for _, m := range []sightline.Matrix{videos, texts} {
		if err := m.Finite(); err != nil {
			return Geometry{}, usage(what, "find what was encoded to it", "%w", err)
		}
	}
	v, s := unitRows(videos), unitRows(texts)
	g := Geometry{Videos: videos.Rows, Texts: texts.Rows, Dim: videos.Cols}
	both := append(slices.Clone(v), s...)
	for _, part := range []struct {
		rows   [][]float64
		spread *Spread
	}{{v, &g.VideoSpread}, {s, &g.TextSpread}, {both, &g.Spread}} {
		if *part.spread, err = spreadOf(part.rows); err != nil {
			return Geometry{}, err
		}
	}
	middle := [2][]float64{mean(v), mean(s)}
	g.Gap = math.Sqrt(distance(middle[0], middle[1]))
	g.classes(v, s, owner)
	g.Uniformity = uniformity(both)
	return g, nil
}

// classes fills in what depends on which text belongs to which video.
func (g *Geometry) classes(videos, texts [][]float64, owner []int) {
	members := make([][][]float64, len(videos))
	for n, v := range videos {
		members[n] = [][]float64{v}
	}
	middle := mean(videos)
	var own, all float64
	for i, text := range texts {
		video := videos[owner[i]]
		members[owner[i]] = append(members[owner[i]], text)
		g.Alignment += distance(text, video) / float64(len(texts))
		own += dot(text, video)
		all += dot(text, middle) * float64(len(videos))
	}
	g.Own = own / float64(len(texts))
	if others := len(videos) - 1; others > 0 {
		g.Other = (all - own) / float64(len(texts)*others)
	}
	centres := make([][]float64, len(members))
	count := 0
	for n, class := range members {
		centres[n] = mean(class)
		for _, x := range class {
			g.Intra += distance(x, centres[n])
			count++
		}
	}
	g.Intra /= float64(count)
	centre := mean(centres)
	for _, c := range centres {
		g.Inter += distance(c, centre) / float64(len(centres))
	}
}

// spreadOf returns the spread of rows, from the eigenvalues of their D × D scatter matrix.
func spreadOf(rows [][]float64) (Spread, error) {
	raw, err := singularValues(rows, make([]float64, len(rows[0])))
	if err != nil {
		return Spread{}, err
	}
	centred, err := singularValues(rows, mean(rows))
	if err != nil {
		return Spread{}, err
	}
	return Spread{EffectiveRank: effectiveRank(raw), Centred: effectiveRank(centred), Singular: centred}, nil
}

// singularValues returns the singular values of rows − centre as shares of their sum, the largest first; all zero when
// nothing is left.
func singularValues(rows [][]float64, centre []float64) ([]float64, error) {
	scatter := scatterOf(rows, centre)
	var eigen mat.EigenSym
	if !eigen.Factorize(scatter, false) {
		return nil, errors.New("measure the geometry: the eigenvalues did not converge")
	}
	values := eigen.Values(nil)
	slices.Reverse(values)
	var sum float64
	floor := 1e-12 * max(values[0], 0) // what rounding leaves of zero
	for i, v := range values {
		if v <= floor {
			v = 0
		}
		values[i] = math.Sqrt(v)
		sum += values[i]
	}
	for i := range values {
		if sum > 0 {
			values[i] /= sum
		}
	}
	return values, nil
}

// scatterOf returns Σ (x − centre)(x − centre)ᵀ over rows x.
func scatterOf(rows [][]float64, centre []float64) *mat.SymDense {
	scatter := mat.NewSymDense(len(centre), nil)
	x := mat.NewVecDense(len(centre), nil)
	for _, row := range rows {
		for d, v := range row {
			x.SetVec(d, v-centre[d])
		}
		scatter.SymRankOne(scatter, 1, x)
	}
	return scatter
}

// effectiveRank is exp(−Σ p ln p); 0 when all shares are zero.
func effectiveRank(shares []float64) float64 {
	var entropy, sum float64
	for _, p := range shares {
		sum += p
		if p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	if sum == 0 {
		return 0
	}
	return math.Exp(entropy)
}

// uniformity is ln of the mean of exp(−2‖x − y‖²) over pairs of different rows: all pairs, or 200,000 drawn from a fixed
// seed where there are more.
func uniformity(rows [][]float64) float64 {
	const most = 200_000
	n := len(rows)
	if n < 2 {
		return 0
	}
	var sum float64
	count := 0
	add := func(i, j int) { sum += math.Exp(-2 * distance(rows[i], rows[j])); count++ }
	if n*(n-1)/2 <= most {
		for i := range n {
			for j := range i {
				add(i, j)
			}
		}
		return math.Log(sum / float64(count))
	}
	random := rand.New(rand.NewPCG(1, 1))
	for count < most {
		if i, j := random.IntN(n), random.IntN(n); i != j {
			add(i, j)
		}
	}
	return math.Log(sum / float64(count))
}

// unitRows returns the rows at length 1.
func unitRows(m sightline.Matrix) [][]float64 {
	rows := make([][]float64, m.Rows)
	for i := range rows {
		rows[i] = make([]float64, m.Cols)
		var square float64
		for _, v := range m.Row(i) {
			square += float64(v) * float64(v)
		}
		for d, v := range m.Row(i) {
			rows[i][d] = float64(v) / math.Sqrt(max(square, 1e-24))
		}
	}
	return rows
}

func mean(rows [][]float64) []float64 {
	m := make([]float64, len(rows[0]))
	for _, row := range rows {
		for d, v := range row {
			m[d] += v / float64(len(rows))
		}
	}
	return m
}

// distance is the squared Euclidean distance.
func distance(a, b []float64) float64 {
	var sum float64
	for d := range a {
		sum += (a[d] - b[d]) * (a[d] - b[d])
	}
	return sum
}

func dot(a, b []float64) float64 {
	var sum float64
	for d := range a {
		sum += a[d] * b[d]
	}
	return sum
}

// Project returns videos and texts in the plane of the two directions along which all of them, normalised, vary most
// (principal component analysis). Matrices are as in Measure.
func Project(videos, texts sightline.Matrix) (v, s [][2]float64, err error) {
	if videos.Rows == 0 || texts.Rows == 0 || videos.Cols != texts.Cols || videos.Cols < 2 {
		return nil, nil, usage("draw a space", "give videos and texts of one width, two or more", "videos %d × %d, texts %d × %d", videos.Rows, videos.Cols, texts.Rows, texts.Cols)
	}
	rows := append(unitRows(videos), unitRows(texts)...)
	centre := mean(rows)
	scatter, dim := scatterOf(rows, centre), len(centre)
	var eigen mat.EigenSym
	if !eigen.Factorize(scatter, true) {
		return nil, nil, errors.New("draw a space: the eigenvalues did not converge")
	}
	var axes mat.Dense
	eigen.VectorsTo(&axes) // columns, the smallest first
	points := make([][2]float64, len(rows))
	for i, row := range rows {
		for d, x := range row {
			points[i][0] += (x - centre[d]) * axes.At(d, dim-1)
			points[i][1] += (x - centre[d]) * axes.At(d, dim-2)
		}
	}
	return points[:videos.Rows], points[videos.Rows:], nil
}
