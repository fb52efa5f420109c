//go:build amd64 && goexperiment.simd

package scan

// The products are assembly because archsimd of Go 1.26 does not convert float16.

//go:noescape
func sumsAVX(sums *[32]float32, x, y *float32, blocks int) float32

//go:noescape
func sumsF16C(sums *[32]float32, x *uint16, y *float32, blocks int) float32

//go:noescape
func sumsCodes(sums *[32]float32, x *int8, y *float32, blocks int) float32

func features() uint32

// hasF16C is as good as certain where there is AVX2.
var hasF16C = features()>>29&1 != 0

func productAVX(x, y []float32) float32 {
	rest := len(x) % 32
	s := products(x[:rest], y[:rest])
	if len(x) == rest {
		return foldSingle(&s)
	}
	y = y[rest:len(x)]
	return sumsAVX(&s, &x[rest], &y[0], len(x)/32)
}

func productF16C(x []uint16, y []float32) float32 {
	rest := len(x) % 32
	s := productsHalf(x[:rest], y[:rest])
	if len(x) == rest {
		return foldSingle(&s)
	}
	y = y[rest:len(x)]
	return sumsF16C(&s, &x[rest], &y[0], len(x)/32)
}

func productCodesAVX2(x []int8, y []float32) float32 {
	if len(x) == 0 || len(x)%Lane != 0 || len(y) != len(x) {
		panic("scan: codes and query do not fit together")
	}
	var s [32]float32
	return sumsCodes(&s, &x[0], &y[0], len(x)/32)
}
