package scan

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"sightline/internal/half"
)

// example returns n rows of codes and a query that fill their ranges; every tenth row is at the extremes.
func example(rng *rand.Rand, n, width int) (codes []int8, query []int16) {
	codes, query = make([]int8, n*width), make([]int16, width)
	limit := min(math.MaxInt16, MaxAbsSum/width)
	for j := range query {
		query[j] = int16(rng.IntN(2*limit+1) - limit)
	}
	for i := range codes {
		codes[i] = int8(rng.IntN(2*MaxAbsCode+1) - MaxAbsCode)
		if i/width%10 == 0 {
			codes[i] = MaxAbsCode
			if query[i%width] < 0 {
				codes[i] = -MaxAbsCode
			}
		}
	}
	return codes, query
}

func TestKernelsAgreeOnDots(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, width := range []int{64, 128, 192, 512, 1024, 4096} {
		for _, n := range []int{0, 1, 3, 4, 7, 16, 33} {
			codes, query := example(rng, n, width)
			want := make([]int32, n)
			for i := range want {
				var sum int64
				for j, q := range query {
					sum += int64(codes[i*width+j]) * int64(q)
				}
				want[i] = int32(sum)
				if int64(want[i]) != sum {
					t.Fatalf("width %d: a dot product leaves int32: %d", width, sum)
				}
			}
			for _, k := range Kernels() {
				got := make([]int32, n)
				k.Dots(got, codes, query)
				if !slices.Equal(got, want) {
					t.Errorf("%s: width %d, %d rows: got %v, want %v", k.Name, width, n, got, want)
				}
			}
		}
	}
}

func TestKernelsAgreeOnDotsOfMany(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	for _, width := range []int{64, 192, 384} {
		for _, n := range []int{0, 1, 2, 3, 4, 7, 33} {
			for _, many := range []int{0, 1, 3, 4, 5, 9} {
				codes, _ := example(rng, n, width)
				var queries []int16
				for range many {
					_, query := example(rng, 0, width)
					queries = append(queries, query...)
				}
				want := make([]int32, n*many)
				for q := range many {
					dotsPortable(want[q*n:(q+1)*n], codes, queries[q*width:(q+1)*width])
				}
				for _, k := range Kernels() {
					got := make([]int32, n*many)
					k.DotsOfMany(got, codes, queries, width)
					if !slices.Equal(got, want) {
						t.Errorf("%s: width %d, %d rows, %d queries: got %v, want %v", k.Name, width, n, many, got, want)
					}
				}
			}
		}
	}
}

func TestKernelsAgreeOnReach(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 7, 8, 15, 16, 17, 31, 200} {
		dots, scale, radius := make([]int32, n), make([]float32, n), make([]float32, n)
		for i := range n {
			dots[i], scale[i], radius[i] = rng.Int32()-1<<30, rng.Float32(), rng.Float32()
		}
		b := Bound{Step: 1e-7, Slack: 0.3, Norm: 1.7}
		floors := []float32{float32(math.Inf(-1)), 0, 0.5, 2, float32(math.Inf(1))}
		for i := range n { // floors that a row meets exactly
			floors = append(floors, float32(scale[i]*(float32(b.Step*float32(dots[i]))+b.Slack))+float32(b.Norm*radius[i]))
		}
		for _, b.Floor = range floors {
			want := reachPortable([]int32{-7}, dots, scale, radius, b)
			for _, k := range Kernels() {
				if got := k.Reach([]int32{-7}, dots, scale, radius, b); !slices.Equal(got, want) {
					t.Errorf("%s: %d rows, floor %v: got %v, want %v", k.Name, n, b.Floor, got, want)
				}
			}
		}
	}
}

func TestKernelsAgreeOnScore(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, n := range []int{0, 1, 4, 31, 32, 33, 64, 127, 512, 1000} {
		x, y := make([]float32, n), make([]float32, n)
		exact, size := new(big.Float).SetPrec(500), 0.0
		for i := range n {
			x[i] = float32(rng.NormFloat64() * math.Pow(10, float64(rng.IntN(30)-15)))
			y[i] = float32(rng.NormFloat64() * math.Pow(10, float64(rng.IntN(30)-15)))
			product := float64(x[i]) * float64(y[i])
			exact.Add(exact, big.NewFloat(product))
			size += math.Abs(product)
		}
		want := scorePortable(x, y)
		if sum, _ := exact.Float64(); math.Abs(want-sum) > 0x1p-46*size {
			t.Errorf("score of %d elements is %v, want %v", n, want, sum)
		}
		for _, k := range Kernels() {
			if got := k.Score(x, y); got != want {
				t.Errorf("%s: score of %d elements is %v, want %v", k.Name, n, got, want)
			}
		}
	}
}

func TestKernelsAgreeOnProduct(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, n := range []int{0, 1, 4, 31, 32, 33, 64, 127, 384, 1000} {
		x, y, short := make([]float32, n), make([]float32, n), make([]uint16, n)
		var exact, size, other float64
		for i := range n {
			short[i], _ = half.Narrow(float32(rng.NormFloat64() * math.Pow(10, float64(rng.IntN(8)-5))))
			x[i], y[i] = half.Widen(short[i]), float32(rng.NormFloat64())
			exact += float64(x[i]) * float64(y[i])
			size += float64(x[i]) * float64(x[i])
			other += float64(y[i]) * float64(y[i])
		}
		want := productPortable(x, y)
		if off := math.Abs(float64(want) - exact); off > ProductError(n)*math.Sqrt(size*other) {
			t.Errorf("product of %d elements is %v, want %v", n, want, exact)
		}
		for _, k := range Kernels() {
			if got := k.Product(x, y); got != want {
				t.Errorf("%s: product of %d elements is %v, want %v", k.Name, n, got, want)
			}
			if got := k.ProductHalf(short, y); got != want {
				t.Errorf("%s: product of %d halves is %v, want %v", k.Name, n, got, want)
			}
		}
	}
	for _, width := range []int{64, 128, 384} {
		codes, _ := example(rng, 1, width)
		x, y := make([]float32, width), make([]float32, width)
		for i := range width {
			x[i], y[i] = float32(codes[i]), float32(rng.NormFloat64())
		}
		for _, k := range Kernels() {
			if got, want := k.ProductCodes(codes, y), productPortable(x, y); got != want {
				t.Errorf("%s: product of %d codes is %v, want %v", k.Name, width, got, want)
			}
		}
	}
}

func TestKernelsAgreeOnCosines(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	side := func(n int) Side {
		s := Side{
			Dots: make([]int32, n), Scale: make([]float32, n), Radius: make([]float32, n), Square: make([]float32, n),
			Step: 1e-7, Slack: 0.001, Norm: 1, Weight: rng.Float32(),
		}
		for i := range n {
			s.Dots[i], s.Scale[i], s.Radius[i], s.Square[i] = rng.Int32N(1<<24)-1<<23, rng.Float32(), rng.Float32()/50, rng.Float32()
		}
		return s
	}
	for _, n := range []int{0, 1, 7, 8, 15, 16, 17, 51, 128} {
		two := Mix{First: side(n), Second: side(n), Cross: make([]float32, n), CrossWeight: 1.3, Offset: 0.01, Margin: 1e-6}
		one := Mix{First: side(n), Offset: -0.2}
		for i := range n { // some rows are zero, or cancel out
			two.Cross[i] = rng.Float32() - 0.5
			if i%5 == 0 {
				one.First.Square[i] = 0
				two.CrossWeight, two.Cross[i] = 1, -two.First.Weight*two.First.Square[i]-two.Second.Weight*two.Second.Square[i]
			}
		}
		for _, m := range []*Mix{&one, &two} {
			want := make([]float32, n)
			low, high := cosinesPortable(want, m)
			for _, k := range Kernels() {
				got := make([]float32, n)
				if l, h := k.Cosines(got, m); l != low || h != high || !slices.Equal(got, want) {
					t.Errorf("%s: %d rows: got %v, %v, %v, want %v, %v, %v", k.Name, n, got, l, h, want, low, high)
				}
			}
		}
	}
}

func TestKernelsAgreeOnSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 64, 128, 192, 64 * 40, 64 * 101} {
		codes := make([]int8, n)
		var want uint64
		for i := range codes {
			codes[i] = int8(rng.Uint32() | 0x80)
			want += uint64(uint8(codes[i]))
		}
		for _, k := range Kernels() {
			if got := k.Sum(codes); got != want {
				t.Errorf("%s: sum of %d bytes is %d, want %d", k.Name, n, got, want)
			}
		}
	}
}

// BenchmarkDots scans 64 MB in one goroutine with every kernel, beside the read-sum of the same bytes.
func BenchmarkDots(b *testing.B) {
	const width, rows, block = 512, 1 << 17, 256
	codes, query := example(rand.New(rand.NewPCG(7, 8)), rows, width)
	dots := make([]int32, block)
	for _, k := range Kernels() {
		b.Run(fmt.Sprintf("kernel=%s/dots", k.Name), func(b *testing.B) {
			b.SetBytes(int64(len(codes)))
			for b.Loop() {
				for i := 0; i < rows; i += block {
					k.Dots(dots, codes[i*width:(i+block)*width], query)
				}
			}
		})
		b.Run(fmt.Sprintf("kernel=%s/readsum", k.Name), func(b *testing.B) {
			b.SetBytes(int64(len(codes)))
			for b.Loop() {
				k.Sum(codes)
			}
		})
	}
}

// BenchmarkParts measures what a search by clips spends its time on, out of the fast caches: a block of 160 rows of
// width 384, and 51 clips.
func BenchmarkParts(b *testing.B) {
	const width, rows, many, clips = 384, 160, 64, 51
	rng := rand.New(rand.NewPCG(15, 16))
	codes, query := example(rng, rows, width)
	queries, dots := slices.Repeat(query, many), make([]int32, rows*many)
	x, short, y := make([]float32, width), make([]uint16, width), make([]float32, width)
	flat := make([]float32, clips)
	side := Side{Dots: dots[:clips], Scale: flat, Radius: flat, Square: slices.Repeat([]float32{1}, clips), Weight: 1}
	mix := &Mix{First: side, Second: side, Cross: flat}
	for _, k := range Kernels() {
		run := func(name string, f func()) {
			b.Run(fmt.Sprintf("kernel=%s/%s", k.Name, name), func(b *testing.B) {
				for b.Loop() {
					f()
				}
			})
		}
		run("dots", func() { k.Dots(dots[:rows], codes, query) })
		run("dots-of-64", func() { k.DotsOfMany(dots, codes, queries, width) })
		run("product", func() { k.Product(x, y) })
		run("product-half", func() { k.ProductHalf(short, y) })
		run("cosines", func() { k.Cosines(flat, mix) })
	}
}
