package moment

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sightline"
	"sightline/align/locate"
	"sightline/index"
	"sightline/index/scan"
	"sightline/internal/parallel"
)

// TVR's validation split and the width of its models.
const tvrVideos, tvrQueries, tvrHidden = 2179, 10895, 384

// clipQuantiles are the clips of 1.5 s that videos of that split have, at every twentieth of them: 51 on average.
var clipQuantiles = []int{6, 38, 39, 40, 41, 41, 41, 42, 42, 43, 47, 57, 59, 60, 61, 61, 61, 62, 62, 65, 123}

// tvrClips returns how many clips each video has: from the file of durations where SIGHTLINE_TVR names it or it lies
// beside the module, else as the quantiles have it.
func tvrClips(b *testing.B) []int {
	path := os.Getenv("SIGHTLINE_TVR")
	if path == "" {
		path = filepath.FromSlash("../../shared/data/annotations/tvr/tvr_video2dur_idx.json")
	}
	var clips []int
	if text, err := os.ReadFile(path); err == nil {
		var splits map[string]map[string][2]float64 // split → video → duration in seconds, number
		must(b, json.Unmarshal(text, &splits))
		for _, video := range splits["val"] {
			clips = append(clips, int(math.Ceil(video[0]/clip)))
		}
		slices.Sort(clips)
		b.Logf("clips of %s", path)
		return clips
	}
	for i := range tvrVideos {
		at := float64(i) / (tvrVideos - 1) * float64(len(clipQuantiles)-1)
		k := min(int(at), len(clipQuantiles)-2)
		clips = append(clips, clipQuantiles[k]+int((at-float64(k))*float64(clipQuantiles[k+1]-clipQuantiles[k])))
	}
	return clips
}

// uniform returns random features, quickly.
func uniform(rng *rand.Rand, rows, cols int) sightline.Matrix {
	m := sightline.NewMatrix(rows, cols)
	for i := range m.Data {
		m.Data[i] = rng.Float32() - 0.5
	}
	return m
}

// BenchmarkTVR searches random clips in the shape of TVR's validation split, on disk in float16: all its queries in one
// go, then single ones one after the other. Beside the times it reports what a pass over the codes costs that does nothing
// but add them up, and the time of all processors, which other programs disturb less. SIGHTLINE_BENCH_QUERIES changes the
// number of queries, SIGHTLINE_BENCH_SINGLE that of single ones.
func BenchmarkTVR(b *testing.B) {
	real := tvrClips(b)
	for _, shape := range []struct {
		name  string
		clips []int
		times int
	}{
		{"tvr", real, 1},
		{"tvr-128", slices.Repeat([]int{128}, tvrVideos), 1},
		{"tvr-4", real, 4},
		{"tvr-16", real, 16},
	} {
		b.Run(shape.name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			dir := b.TempDir()
			build(b, dir, rng, slices.Repeat(shape.clips, shape.times))
			measure(b, dir, rng, number(b, "SIGHTLINE_BENCH_QUERIES", tvrQueries/shape.times))
		})
	}
}

func build(b *testing.B, dir string, rng *rand.Rand, clips []int) {
	rng.Shuffle(len(clips), func(i, j int) { clips[i], clips[j] = clips[j], clips[i] })
	w, err := OpenWriter(dir, testSpace, index.Half)
	must(b, err)
	defer w.Close()
	begin := time.Now()
	for i, l := range clips {
		subtitle := uniform(rng, l, tvrHidden)
		must(b, w.Add(b.Context(), clipsOf(fmt.Sprint("v", i), uniform(rng, l, tvrHidden), &subtitle)))
	}
	must(b, w.Publish(b.Context()))
	b.Logf("%d videos made and published in %.1f s", len(clips), time.Since(begin).Seconds())
}

func measure(b *testing.B, dir string, rng *rand.Rand, queries int) {
	c, err := Open(dir, testSpace)
	must(b, err)
	defer c.Close()
	videos, clips, err := c.Size()
	must(b, err)
	asked := make([]locate.Query, queries)
	for i := range asked {
		vector := func() []float32 { return uniform(rng, 1, tvrHidden).Data }
		share := rng.Float32()
		asked[i] = locate.Query{Fused: true, Gate: [2]float32{share, 1 - share}}
		asked[i].Retrieve[0] = vector()
		asked[i].Retrieve[1] = asked[i].Retrieve[0]
		asked[i].Locate = asked[i].Retrieve
	}
	o := Options{Boundary: boundary}
	single := asked[:min(queries, number(b, "SIGHTLINE_BENCH_SINGLE", 200))]
	var all, allCores time.Duration
	var singles, floors []time.Duration
	var moments int
	codes := float64(2*clips) * float64(scan.Width(tvrHidden))
	for b.Loop() {
		begin, cores := time.Now(), processors(b)
		must(b, c.SearchAll(context.Background(), asked, o, func(_ int, a Answer) error {
			moments += len(a.Moments)
			return nil
		}))
		all, allCores = all+time.Since(begin), allCores+processors(b)-cores
		for i := range single {
			begin = time.Now()
			_, err := c.Search(context.Background(), single[i], o)
			singles = append(singles, time.Since(begin))
			must(b, err)
			if i%10 == 0 {
				begin = time.Now()
				readSum(b, c)
				floors = append(floors, time.Since(begin))
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(videos), "videos")
	b.ReportMetric(float64(clips), "clips")
	b.ReportMetric(float64(queries), "queries")
	b.ReportMetric(all.Seconds()*1e3/float64(b.N*queries), "ms/query-of-all")
	b.ReportMetric(allCores.Seconds()*1e3/float64(b.N*queries), "core-ms/query-of-all")
	b.ReportMetric(quantile(singles, 0.5).Seconds()*1e3, "ms/single-p50")
	b.ReportMetric(quantile(singles, 0.95).Seconds()*1e3, "ms/single-p95")
	b.ReportMetric(quantile(floors, 0.5).Seconds()*1e3, "ms/readsum")
	b.ReportMetric(codes/1e6, "codes-MB")
	b.ReportMetric(size(b, dir)/1e6, "disk-MB")
	b.ReportMetric(heap()/1e6, "heap-MB")
	b.ReportMetric(float64(runtime.GOMAXPROCS(0)), "cores")
	if moments != b.N*queries*100 {
		b.Errorf("%d moments", moments)
	}
}

// readSum adds up all codes, on all cores: what reading them costs.
func readSum(b *testing.B, c *Corpus) {
	s, err := c.open()
	must(b, err)
	defer s.close()
	var next atomic.Int64
	var sum atomic.Uint64
	parallel.Run(runtime.GOMAXPROCS(0), func() {
		for {
			from := int(next.Add(stretch)) - stretch
			if from >= len(s.videos) {
				return
			}
			for _, v := range s.videos[from:min(from+stretch, len(s.videos))] {
				sum.Add(scan.Best().Sum(s.segments[v.segment].Codes(v.visual, v.spoken+v.clips)))
			}
		}
	})
}

func number(b *testing.B, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	must(b, err)
	return n
}

func quantile(d []time.Duration, q float64) time.Duration {
	d = slices.SortedFunc(slices.Values(d), cmp.Compare[time.Duration])
	return d[int(q*float64(len(d)-1))]
}

// size returns the bytes of a folder's files.
func size(b *testing.B, dir string) float64 {
	entries, err := os.ReadDir(dir)
	must(b, err)
	var sum int64
	for _, e := range entries {
		info, err := e.Info()
		must(b, err)
		sum += info.Size()
	}
	return float64(sum)
}

// processors returns the time that all processors have spent on this process.
func processors(b *testing.B) time.Duration {
	var usage unix.Rusage
	must(b, unix.Getrusage(unix.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// heap returns the bytes in use on the heap.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
