package scan

import "sightline/internal/half"

// ProductError returns γ with |Product(x, y) − ⟨x, y⟩| ≤ γ·‖x‖·‖y‖ for vectors of dim elements whose squares stay inside
// float32: an element passes through one product, at most dim/32 + 1 sums and 5 sums of folding, each rounded by 2⁻²⁴.
func ProductError(dim int) float64 { return float64(dim/32+8) * 0x1p-24 * (1 + 0x1p-10) }

func productPortable(x, y []float32) float32 {
	rest := len(x) % 32
	s := products(x[:rest], y[:rest])
	for x, y = x[rest:], y[rest:len(x)]; len(x) > 0; x, y = x[32:], y[32:] {
		a, b := x[:32:32], y[:32:32]
		for i := range s {
			s[i] += float32(a[i] * b[i])
		}
	}
	return foldSingle(&s)
}

func productHalfPortable(x []uint16, y []float32) float32 {
	rest := len(x) % 32
	s := productsHalf(x[:rest], y[:rest])
	for x, y = x[rest:], y[rest:len(x)]; len(x) > 0; x, y = x[32:], y[32:] {
		a, b := x[:32:32], y[:32:32]
		for i := range s {
			s[i] += float32(half.Widen(a[i]) * b[i])
		}
	}
	return foldSingle(&s)
}

func productCodesPortable(x []int8, y []float32) float32 {
	var s [32]float32
	for y = y[:len(x)]; len(x) > 0; x, y = x[32:], y[32:] {
		a, b := x[:32:32], y[:32:32]
		for i := range s {
			s[i] += float32(float32(a[i]) * b[i])
		}
	}
	return foldSingle(&s)
}

// products starts the sums with the elements that do not fill a block, fewer than 32.
func products(x, y []float32) (s [32]float32) {
	for i, v := range x {
		s[i] = v * y[i]
	}
	return s
}

func productsHalf(x []uint16, y []float32) (s [32]float32) {
	for i, h := range x {
		s[i] = half.Widen(h) * y[i]
	}
	return s
}

func foldSingle(s *[32]float32) float32 {
	for half := 16; half > 0; half /= 2 {
		for i := range half {
			s[i] += s[i+half]
		}
	}
	return s[0]
}
