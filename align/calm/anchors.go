package calm

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"sightline"
)

// covering returns the places of n rows that cover the directions of all: the row nearest to the mean direction, then again
// and again the row whose largest cosine with those taken is smallest (Gonzalez, 1985). The earliest of equals is taken.
func covering(vectors sightline.Matrix, n int) []int {
	units := normalized(vectors)
	mean := make([]float32, units.Cols)
	for i := range units.Rows {
		for d, v := range units.Row(i) {
			mean[d] += v
		}
	}
	best := 0
	for i := range units.Rows {
		if dot(units.Row(i), mean) > dot(units.Row(best), mean) {
			best = i
		}
	}
	nearest := make([]float32, units.Rows) // largest cosine with a taken row; taken ones have +Inf
	for i := range nearest {
		nearest[i] = float32(math.Inf(-1))
	}
	taken := make([]int, 0, n)
	for len(taken) < n {
		taken = append(taken, best)
		row := units.Row(best)
		for i := range nearest {
			nearest[i] = max(nearest[i], dot(units.Row(i), row))
		}
		nearest[best] = float32(math.Inf(1))
		for i := range nearest {
			if nearest[i] < nearest[best] {
				best = i
			}
		}
	}
	return taken
}

// chosen returns the rows and labels at the given places.
func chosen(vectors sightline.Matrix, labels []string, places []int) (sightline.Matrix, []string) {
	rows, names := sightline.NewMatrix(len(places), vectors.Cols), make([]string, len(places))
	for i, place := range places {
		copy(rows.Row(i), vectors.Row(place))
		names[i] = labels[place]
	}
	return rows, names
}

// normalized returns the rows with length 1; zero rows stay.
func normalized(vectors sightline.Matrix) sightline.Matrix {
	units := sightline.NewMatrix(vectors.Rows, vectors.Cols)
	for i := range vectors.Rows {
		row := vectors.Row(i)
		length := math.Sqrt(max(float64(dot(row, row)), 1e-24))
		for d, v := range row {
			units.Row(i)[d] = float32(float64(v) / length)
		}
	}
	return units
}

func dot(x, y []float32) float32 {
	var sum float32
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// centre takes the mean of the rows away. A single row stays.
func centre(vectors sightline.Matrix) sightline.Matrix {
	if vectors.Rows == 1 {
		return vectors
	}
	mean := make([]float64, vectors.Cols)
	for i := range vectors.Rows {
		for d, v := range vectors.Row(i) {
			mean[d] += float64(v) / float64(vectors.Rows)
		}
	}
	moved := sightline.NewMatrix(vectors.Rows, vectors.Cols)
	for i := range vectors.Rows {
		for d, v := range vectors.Row(i) {
			moved.Row(i)[d] = float32(float64(v) - mean[d])
		}
	}
	return moved
}

// whiten centres the rows and turns them into the nearest ones that have no direction in common more than another: with the
// singular value decomposition U S Vᵀ of the centred rows, U Vᵀ, at the length that the rows had on average. Up to as many
// rows as columns come out orthogonal but for the centring.
func whiten(vectors sightline.Matrix) sightline.Matrix {
	rows := centre(vectors)
	dense := mat.NewDense(rows.Rows, rows.Cols, nil)
	var length float64
	for i := range rows.Rows {
		length += math.Sqrt(float64(dot(rows.Row(i), rows.Row(i)))) / float64(rows.Rows)
		for d, v := range rows.Row(i) {
			dense.Set(i, d, float64(v))
		}
	}
	var svd mat.SVD
	if !svd.Factorize(dense, mat.SVDThin) {
		return rows // it did not converge: the rows stay centred
	}
	var u, v, product mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	values := svd.Values(nil)
	for j, value := range values {
		if value <= 1e-6*values[0] { // a direction that the rows do not have
			for i := range rows.Rows {
				u.Set(i, j, 0)
			}
		}
	}
	product.Mul(&u, v.T())
	var norm float64
	for i := range rows.Rows {
		norm += mat.Norm(product.RowView(i), 2) / float64(rows.Rows)
	}
	for i := range rows.Rows {
		for d := range rows.Row(i) {
			rows.Row(i)[d] = float32(product.At(i, d) * length / max(norm, 1e-12))
		}
	}
	return rows
}
