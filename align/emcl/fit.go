package emcl

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"

	"sightline"
)

// Map is a fitted decomposition: x ↦ x + β ((xZ)/ν) Zᵀ. On the rows that it was fitted on it gives what the layer gives.
type Map struct {
	Dim, Bases int
	Beta       float64
	Z          []float64 // [D, K], columns with sum 1
	Lengths    []float64 // ν [K], ε + ‖X Z‖ of each column
	// Singular holds the singular values of the bases Mu [b, K], the largest first: how many different ones there are.
	Singular []float64
}

// Fit runs EM on rows x [n, D] in double precision, from an initial value as Start returns it. It acts as on like rows that
// are distributed as the given: sharpness and lengths times √(like/n), which for like = n is EM as published.
func (e EM) Fit(x sightline.Matrix, initial []float32, like int) (Map, error) {
	switch {
	case x.Rows == 0:
		return Map{}, errors.New("fit EM: there are no rows")
	case e.Init == Official && len(initial) != e.Bases, e.Init != Official && len(initial) != e.Bases*x.Cols:
		return Map{}, fmt.Errorf("fit EM: an initial value of %d numbers for %d bases of width %d", len(initial), e.Bases, x.Cols)
	}
	if err := x.Finite(); err != nil {
		return Map{}, fmt.Errorf("fit EM: %w", err)
	}
	share := float64(like) / float64(x.Rows)
	scale := math.Sqrt(share)
	z := make([]float64, x.Cols*e.Bases)
	var product []float64 // Xᵀ Mu [D, K]
	if e.Init == Official {
		product = e.correlate(x, func(_ int, mu []float64) {
			for k := range mu {
				mu[k] = float64(initial[k])
			}
		})
	} else {
		for i, v := range initial {
			z[i] = float64(v)
		}
		product = e.correlateBases(x, z, e.columnLengths(x, z))
	}
	for i := range e.Iterations {
		if i == 0 && e.Init == Official { // M is not divided by the length of its b entries: the product grows with b itself
			e.expect(z, product, e.sharpness()*share)
		} else {
			e.expect(z, product, e.sharpness()*scale)
		}
		if i < e.Iterations-1 {
			product = e.correlateBases(x, z, e.columnLengths(x, z))
		}
	}
	m := Map{Dim: x.Cols, Bases: e.Bases, Beta: e.Beta, Z: z, Lengths: e.columnLengths(x, z)}
	var err error
	if m.Singular, err = m.singular(x); err != nil {
		return Map{}, err
	}
	for k := range m.Lengths {
		m.Lengths[k] *= scale
	}
	return m, nil
}

// expect is the E-step: z ← softmax over bases of sharpness·product, each column divided by its sum.
func (e EM) expect(z, product []float64, sharpness float64) {
	sums := make([]float64, e.Bases)
	for at := 0; at < len(z); at += e.Bases {
		row, logits := z[at:at+e.Bases], product[at:at+e.Bases]
		largest, total := slices.Max(logits), 0.0
		for k, v := range logits {
			row[k] = math.Exp(sharpness * (v - largest))
			total += row[k]
		}
		for k := range row {
			row[k] /= total
			sums[k] += row[k]
		}
	}
	for i := range z {
		z[i] /= epsilon + sums[i%e.Bases]
	}
}

// project returns xZ [K] of one row.
func project(row []float32, z, into []float64) {
	clear(into)
	bases := len(into)
	for d, v := range row {
		if v == 0 {
			continue
		}
		for k, w := range z[d*bases : (d+1)*bases] {
			into[k] += float64(v) * w
		}
	}
}

// columnLengths returns ε + ‖X Z‖ of each column.
func (e EM) columnLengths(x sightline.Matrix, z []float64) []float64 {
	squares := e.sum(x.Rows, e.Bases, func(from, to int, into []float64) {
		mu := make([]float64, e.Bases)
		for r := from; r < to; r++ {
			project(x.Row(r), z, mu)
			for k, v := range mu {
				into[k] += v * v
			}
		}
	})
	for k, v := range squares {
		squares[k] = epsilon + math.Sqrt(v)
	}
	return squares
}

// correlateBases returns Xᵀ Mu [D, K] for Mu = X Z / lengths.
func (e EM) correlateBases(x sightline.Matrix, z, lengths []float64) []float64 {
	return e.correlate(x, func(r int, mu []float64) {
		project(x.Row(r), z, mu)
		for k := range mu {
			mu[k] /= lengths[k]
		}
	})
}

// correlate returns Xᵀ Mu [D, K]; of gives the bases' coordinates in a row.
func (e EM) correlate(x sightline.Matrix, of func(r int, mu []float64)) []float64 {
	return e.sum(x.Rows, x.Cols*e.Bases, func(from, to int, into []float64) {
		mu := make([]float64, e.Bases)
		for r := from; r < to; r++ {
			of(r, mu)
			for d, v := range x.Row(r) {
				for k, w := range mu {
					into[d*e.Bases+k] += float64(v) * w
				}
			}
		}
	})
}

// sum adds up what work makes of stretches of rows, which are the same on every machine, so that the sum is too.
func (e EM) sum(rows, size int, work func(from, to int, into []float64)) []float64 {
	const fewest, most = 512, 64 // rows of a stretch, stretches
	stretch := max(fewest, (rows+most-1)/most)
	parts := make([][]float64, (rows+stretch-1)/stretch)
	next := make(chan int, len(parts))
	for i := range parts {
		next <- i
	}
	close(next)
	var group sync.WaitGroup
	for range min(len(parts), runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for i := range next {
				parts[i] = make([]float64, size)
				work(i*stretch, min((i+1)*stretch, rows), parts[i])
			}
		})
	}
	group.Wait()
	total := parts[0]
	for _, part := range parts[1:] {
		for i, v := range part {
			total[i] += v
		}
	}
	return total
}

// singular returns the singular values of Mu = X Z / lengths, from its K × K Gram matrix.
func (m Map) singular(x sightline.Matrix) ([]float64, error) {
	gram := mat.NewSymDense(m.Bases, nil)
	mu := make([]float64, m.Bases)
	for r := range x.Rows {
		project(x.Row(r), m.Z, mu)
		for k := range mu {
			mu[k] /= m.Lengths[k]
		}
		gram.SymRankOne(gram, 1, mat.NewVecDense(m.Bases, mu))
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(gram, false) {
		return nil, errors.New("fit EM: the singular values of the bases did not converge")
	}
	values := eigen.Values(nil)
	slices.Reverse(values)
	for i, v := range values {
		values[i] = math.Sqrt(max(v, 0))
	}
	return values, nil
}

// Apply returns the rows [n, D] with what the bases can say of each added.
func (m Map) Apply(x sightline.Matrix) (sightline.Matrix, error) {
	if x.Cols != m.Dim {
		return sightline.Matrix{}, fmt.Errorf("apply EM: rows are %d wide, the bases %d", x.Cols, m.Dim)
	}
	out := sightline.NewMatrix(x.Rows, x.Cols)
	for r := range x.Rows {
		for d, v := range m.Added(x.Row(r)) {
			out.Row(r)[d] = x.Row(r)[d] + v
		}
	}
	return out, nil
}

// Added returns β ((xZ)/ν) Zᵀ, what Apply adds to a row.
func (m Map) Added(row []float32) []float32 {
	mu := make([]float64, m.Bases)
	project(row, m.Z, mu)
	for k := range mu {
		mu[k] *= m.Beta / m.Lengths[k]
	}
	added := make([]float32, m.Dim)
	for d := range added {
		var sum float64
		for k, w := range m.Z[d*m.Bases : (d+1)*m.Bases] {
			sum += mu[k] * w
		}
		added[d] = float32(sum)
	}
	return added
}
