package qacln_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sightline"
	"sightline/align"
	"sightline/align/locate"
	"sightline/engine/enginetest"
)

// BenchmarkEncode encodes a corpus with a model of the paper's sizes, random in weights and features: picture rows of 3,072
// numbers and subtitle rows of 768, a clip in 1.5 s. tvr has the lengths of TVR's validation split, from its file of durations,
// which SIGHTLINE_TVR names or which lies beside the module, or 51 clips a video, their mean; tvr-128 has 128 clips a video.
// SIGHTLINE_BACKEND chooses the backend.
func BenchmarkEncode(b *testing.B) {
	for _, shape := range []struct {
		name    string
		lengths []int
	}{
		{"tvr", tvrLengths(b)},
		{"tvr-128", slices.Repeat([]int{128}, tvrVideos)},
	} {
		b.Run(shape.name, func(b *testing.B) { encodeCorpus(b, shape.lengths) })
	}
}

const tvrVideos = 2179

func encodeCorpus(b *testing.B, lengths []int) {
	const picture, subtitle, text, together = 3072, 768, 768, 64
	config, err := locate.Default("qacln")
	if err != nil {
		b.Fatal(err)
	}
	config.Video, config.Subtitle, config.Text = picture, subtitle, text
	model, err := locate.New(enginetest.Open(b), config, 1)
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	clips := 0
	var spent time.Duration
	for b.Loop() {
		for from := 0; from < len(lengths); from += together {
			var videos []align.Video
			for i, length := range lengths[from:min(from+together, len(lengths))] {
				video := align.Video{ID: fmt.Sprint(from + i), Features: noise(rng, length, picture), Subtitle: noise(rng, length, subtitle)}
				for l := range length {
					video.Spans = append(video.Spans, sightline.Span{Start: 1.5 * float64(l), End: 1.5 * float64(l+1)})
				}
				videos, clips = append(videos, video), clips+length
			}
			begin := time.Now()
			if _, err := model.EncodeVideos(b.Context(), videos); err != nil {
				b.Fatal(err)
			}
			spent += time.Since(begin)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(clips)/float64(b.N), "clips")
	b.ReportMetric(spent.Seconds()/float64(b.N), "s/corpus")
	b.ReportMetric(spent.Seconds()*1e3/float64(b.N*len(lengths)), "ms/video")
}

// tvrLengths returns the clips of each video, the shortest first, so that those encoded together are padded little.
func tvrLengths(b *testing.B) []int {
	path := os.Getenv("SIGHTLINE_TVR")
	if path == "" {
		path = filepath.FromSlash("../../../shared/data/annotations/tvr/tvr_video2dur_idx.json")
	}
	lengths := slices.Repeat([]int{51}, tvrVideos)
	if file, err := os.ReadFile(path); err == nil {
		var splits map[string]map[string][2]float64 // split → video → duration in seconds, number
		if err := json.Unmarshal(file, &splits); err != nil {
			b.Fatal(err)
		}
		lengths = lengths[:0]
		for _, video := range splits["val"] {
			lengths = append(lengths, int(math.Ceil(video[0]/1.5)))
		}
	}
	slices.Sort(lengths)
	return lengths
}

func noise(rng *rand.Rand, rows, cols int) sightline.Matrix {
	m := sightline.NewMatrix(rows, cols)
	for i := range m.Data {
		m.Data[i] = rng.Float32() - 0.5
	}
	return m
}
