package xpool_test

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"sightline/align"
	"sightline/align/xpool"
	"sightline/engine"
	"sightline/engine/enginetest"
)

// Scoring 10,000 texts with 10,000 videos of 12 frames at width 512 takes less than 1 GB of memory, of which videos and
// scores alone are 0.65 GB.
func TestScoringTenThousandByTenThousand(t *testing.T) {
	if os.Getenv("SIGHTLINE_LONG") == "" {
		t.Skip("scores a hundred million pairs for minutes: set SIGHTLINE_LONG=1")
	}
	const n, frames, dim = 10_000, 12, 512
	random := rand.New(rand.NewPCG(1, 2))
	model, err := align.New(enginetest.Open(t), align.Stored{VideoDim: dim, TextDim: dim}, xpool.Default(), 1)
	if err != nil {
		t.Fatal(err)
	}
	videos := align.Encoded{N: n, R: frames, Dim: dim, Data: engine.Normal(random, n*frames*dim, 1), Mask: engine.Constant(n*frames, 1)}
	texts := align.Encoded{N: n, R: 1, Dim: dim, Data: engine.Normal(random, n*dim, 1), Mask: engine.Constant(n, 1)}
	scores, err := model.ScoreBlock(t.Context(), texts, videos)
	if err != nil {
		t.Fatal(err)
	}
	if err := scores.Finite(); err != nil {
		t.Fatal(err)
	}
	peak := peakMemory(t)
	t.Logf("peak resident memory %d MB", peak>>20)
	if peak > 1<<30 {
		t.Errorf("peak resident memory is %d MB, more than 1 GB", peak>>20)
	}
}

// peakMemory returns the largest resident size that the process has had, in bytes.
func peakMemory(t *testing.T) int64 {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the peak is read from /proc")
	}
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kB, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kB << 10
		}
	}
	t.Fatal("no VmHWM in /proc/self/status")
	return 0
}
