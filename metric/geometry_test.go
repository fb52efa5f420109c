package metric

import (
	"math"
	"math/rand/v2"
	"testing"

	"sightline"
)

func measure(t *testing.T, videos, texts sightline.Matrix, owner []int) Geometry {
	t.Helper()
	g, err := Measure(videos, texts, owner)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// The axes of a space: every direction is used alike, and each text lies on its video.
func TestGeometryOfTheAxes(t *testing.T) {
	const dim = 8
	axes := sightline.NewMatrix(dim, dim)
	for i := range dim {
		axes.Row(i)[i] = float32(i + 1) // lengths do not matter
	}
	g := measure(t, axes, axes, nil)
	near(t, "effective rank", g.VideoSpread.EffectiveRank, dim, 1e-9)
	near(t, "effective rank, centred", g.VideoSpread.Centred, dim-1, 1e-6) // the mean takes one direction away
	near(t, "gap", g.Gap, 0, 1e-12)
	near(t, "alignment", g.Alignment, 0, 1e-12)
	near(t, "intra", g.Intra, 0, 1e-12)
	near(t, "inter", g.Inter, 1-1.0/dim, 1e-9)
	near(t, "own", g.Own, 1, 1e-9)
	near(t, "other", g.Other, 0, 1e-9)
}

func TestGeometryOfOneDirection(t *testing.T) {
	videos := sightline.Matrix{Rows: 3, Cols: 2, Data: []float32{1, 0, 2, 0, 3, 0}}
	texts := sightline.Matrix{Rows: 3, Cols: 2, Data: []float32{0, 1, 0, 2, 0, 5}}
	g := measure(t, videos, texts, nil)
	near(t, "effective rank", g.VideoSpread.EffectiveRank, 1, 1e-9)
	near(t, "effective rank, centred", g.VideoSpread.Centred, 0, 1e-9)
	near(t, "gap", g.Gap, math.Sqrt2, 1e-9)
	near(t, "alignment", g.Alignment, 2, 1e-9)
	near(t, "uniformity", g.Uniformity, math.Log((6+9*math.Exp(-4))/15), 1e-9)
}

// Neither the order of vectors nor a rotation of the space changes anything.
func TestGeometryIsInvariant(t *testing.T) {
	const videos, texts, dim = 20, 40, 6
	random := rand.New(rand.NewPCG(1, 2))
	draw := func(rows int) sightline.Matrix {
		m := sightline.NewMatrix(rows, dim)
		for i := range m.Data {
			m.Data[i] = float32(random.NormFloat64())
		}
		return m
	}
	v, s := draw(videos), draw(texts)
	owner := make([]int, texts)
	for i := range owner {
		owner[i] = i % videos
	}
	want := measure(t, v, s, owner)
	sin, cos := math.Sincos(0.7)
	rotate := func(m sightline.Matrix) sightline.Matrix {
		out := sightline.NewMatrix(m.Rows, m.Cols)
		copy(out.Data, m.Data)
		for i := range m.Rows {
			row := out.Row(i)
			a, b := float64(row[1]), float64(row[4])
			row[1], row[4] = float32(cos*a-sin*b), float32(sin*a+cos*b)
		}
		return out
	}
	order := random.Perm(texts)
	shuffled, owners := sightline.NewMatrix(texts, dim), make([]int, texts)
	for i, j := range order {
		copy(shuffled.Row(i), s.Row(j))
		owners[i] = owner[j]
	}
	for name, got := range map[string]Geometry{"rotated": measure(t, rotate(v), rotate(s), owner), "shuffled": measure(t, v, shuffled, owners)} {
		near(t, name+" rank", got.Spread.EffectiveRank, want.Spread.EffectiveRank, 1e-5)
		near(t, name+" gap", got.Gap, want.Gap, 1e-6)
		near(t, name+" intra", got.Intra, want.Intra, 1e-6)
		near(t, name+" inter", got.Inter, want.Inter, 1e-6)
		near(t, name+" uniformity", got.Uniformity, want.Uniformity, 1e-6)
		near(t, name+" other", got.Other, want.Other, 1e-6)
	}
}

func TestGeometryRefuses(t *testing.T) {
	nan := sightline.Matrix{Rows: 1, Cols: 1, Data: []float32{float32(math.NaN())}}
	one := sightline.Matrix{Rows: 1, Cols: 1, Data: []float32{1}}
	for name, c := range map[string][2]sightline.Matrix{
		"none": {sightline.NewMatrix(0, 1), one}, "widths": {one, sightline.NewMatrix(1, 2)}, "NaN": {nan, one}, "owners": {one, sightline.NewMatrix(2, 1)},
	} {
		if _, err := Measure(c[0], c[1], nil); sightline.KindOf(err) != sightline.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}
