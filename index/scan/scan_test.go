package scan

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
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
