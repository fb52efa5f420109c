package sightline

import (
	"fmt"
	"math"
)

// Matrix is a dense row-major matrix of float32. Features are [rows, D]; similarities are [texts, videos].
type Matrix struct {
	Rows, Cols int
	Data       []float32 // len = Rows·Cols
}

// NewMatrix returns a zero matrix.
func NewMatrix(rows, cols int) Matrix {
	return Matrix{Rows: rows, Cols: cols, Data: make([]float32, rows*cols)}
}

// Row returns row i without copying.
func (m Matrix) Row(i int) []float32 { return m.Data[i*m.Cols : (i+1)*m.Cols : (i+1)*m.Cols] }

// At returns element (i, j).
func (m Matrix) At(i, j int) float32 { return m.Data[i*m.Cols+j] }

// T returns a transposed copy.
func (m Matrix) T() Matrix {
	t := NewMatrix(m.Cols, m.Rows)
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			t.Data[j*t.Cols+i] = v
		}
	}
	return t
}

// Finite returns an error that names the first element that is NaN or infinite.
func (m Matrix) Finite() error {
	for i, v := range m.Data {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("element (%d, %d) of a %d×%d matrix is %v", i/m.Cols, i%m.Cols, m.Rows, m.Cols, v)
		}
	}
	return nil
}
