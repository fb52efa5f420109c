package index

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"sightline"
	"sightline/index/scan"
	"sightline/internal/parallel"
)

// benchRows is how many rows BenchmarkScan searches; SIGHTLINE_BENCH_ROWS changes it.
func benchRows(b *testing.B) int {
	text := os.Getenv("SIGHTLINE_BENCH_ROWS")
	if text == "" {
		return 1_000_000
	}
	n, err := strconv.Atoi(text)
	must(b, err)
	return n
}

// windows returns rows and vectors as an archive has them: videos of 50 windows that resemble each other, all of length
// one.
func windows(rng *rand.Rand, first, n, dim int) ([]Row, sightline.Matrix) {
	rows, vectors := make([]Row, n), sightline.NewMatrix(n, dim)
	theme := make([]float32, dim)
	for i := range n {
		if (first+i)%50 == 0 {
			for j := range theme {
				theme[j] = rng.Float32() - 0.5
			}
		}
		rows[i] = Row{ID: uint64(first + i), VideoID: fmt.Sprint("v", (first+i)/50), Span: sightline.Span{Start: float64(i % 50), End: float64(i%50 + 12)}}
		for j := range vectors.Row(i) {
			vectors.Row(i)[j] = theme[j] + 0.5*(rng.Float32()-0.5)
		}
	}
	return rows, normalise(vectors)
}

// BenchmarkScan measures single queries over rows of 512 dimensions in a folder, all cores in use, in turn with a
// read-sum of the same codes by as many goroutines, and prints the time a query takes, both speeds and their ratio.
func BenchmarkScan(b *testing.B) {
	const dim = 512
	n := benchRows(b)
	w, err := OpenWriter(b.TempDir(), testSpace)
	must(b, err)
	defer w.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	start := time.Now()
	for first := 0; first < n; first += 1 << 16 {
		rows, vectors := windows(rng, first, min(1<<16, n-first), dim)
		must(b, w.Add(context.Background(), rows, vectors))
	}
	must(b, w.Publish(context.Background()))
	b.Logf("%d rows of %d dimensions made and published in %.1f s", n, dim, time.Since(start).Seconds())

	for _, k := range []int{10, 100} {
		b.Run(fmt.Sprintf("rows=%d/k=%d", n, k), func(b *testing.B) {
			g, err := w.reader.acquire()
			must(b, err)
			defer g.release()
			_, queries := windows(rng, 0, 64, dim)
			var searches, sums []time.Duration
			readSum(g.parts)
			for i := 0; b.Loop(); i++ {
				begin := time.Now()
				_, err := g.search(context.Background(), oneQuery(queries.Row(i%queries.Rows)), k, Filter{})
				searched := time.Since(begin)
				must(b, err)
				begin = time.Now()
				readSum(g.parts)
				searches, sums = append(searches, searched), append(sums, time.Since(begin))
			}
			bytes := float64(n) * dim
			p50, sum := quantile(searches, 0.5), quantile(sums, 0.5)
			b.ReportMetric(p50.Seconds()*1e3, "p50-ms")
			b.ReportMetric(quantile(searches, 0.95).Seconds()*1e3, "p95-ms")
			b.ReportMetric(bytes/p50.Seconds()/1e9, "search-GB/s")
			b.ReportMetric(bytes/sum.Seconds()/1e9, "readsum-GB/s")
			b.ReportMetric(sum.Seconds()/p50.Seconds(), "of-readsum")
			b.ReportMetric(float64(runtime.GOMAXPROCS(0)), "cores")
		})
	}
}

// readSum adds up all codes, split over goroutines like a search.
func readSum(parts []*part) uint64 {
	s := &sweep{targets: targets(parts, Filter{})}
	tasks := s.tasks()
	var next atomic.Int64
	var total atomic.Uint64
	parallel.Run(runtime.GOMAXPROCS(0), func() {
		for i := int(next.Add(1)) - 1; i < len(tasks); i = int(next.Add(1)) - 1 {
			t := tasks[i]
			total.Add(scan.Best().Sum(t.in.codes[t.from*t.in.width : t.to*t.in.width]))
		}
	})
	return total.Load()
}

func quantile(d []time.Duration, q float64) time.Duration {
	d = slices.SortedFunc(slices.Values(d), cmp.Compare[time.Duration])
	return d[int(q*float64(len(d)-1))]
}

// BenchmarkBatch answers 32 queries in one pass.
func BenchmarkBatch(b *testing.B) {
	const n, dim, batch = 100_000, 512, 32
	x := NewMemory(testSpace)
	defer x.Close()
	rng := rand.New(rand.NewPCG(2, 2))
	rows, vectors := windows(rng, 0, n, dim)
	must(b, x.Add(context.Background(), rows, vectors), x.Publish(context.Background()))
	_, queries := windows(rng, 0, batch, dim)
	s, err := x.Snapshot()
	must(b, err)
	defer s.Close()
	for b.Loop() {
		_, err := s.SearchAll(context.Background(), queries, 10, Filter{})
		must(b, err)
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N)/batch, "ms/query")
}

// BenchmarkBuild adds and publishes rows.
func BenchmarkBuild(b *testing.B) {
	const n, dim = 10_000, 512
	rows, vectors := windows(rand.New(rand.NewPCG(3, 3)), 0, n, dim)
	for b.Loop() {
		x := NewMemory(testSpace)
		must(b, x.Add(context.Background(), rows, vectors), x.Publish(context.Background()), x.Close())
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "rows/s")
}
