package bench

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sightline"
	"sightline/encoder/clip"
	"sightline/engine/enginetest"
)

// The work, as in torch_speed.py.
const (
	frames    = 12 // a video
	sentences = 32
	pairs     = 128 // a training batch
	width     = 512
)

func source() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// BenchmarkFrames encodes 12 frames of 224 × 224 pixels with CLIP ViT-B/32, preprocessing included.
func BenchmarkFrames(b *testing.B) {
	random := source()
	c := clip.ViTB32()
	model := clip.New(enginetest.Open(b), c, c.Init(random))
	video := make([]sightline.Frame, frames)
	for i := range video {
		rgb := make([]byte, 3*c.Vision.Size*c.Vision.Size)
		for k := range rgb {
			rgb[k] = byte(random.Uint32())
		}
		video[i] = sightline.Frame{Width: c.Vision.Size, Height: c.Vision.Size, RGB: rgb}
	}
	measure(b, frames, "frames/s", func() error {
		_, err := model.EncodeFrames(b.Context(), video)
		return err
	})
}

// BenchmarkTexts encodes 32 sentences that fill CLIP's context of 77 tokens.
func BenchmarkTexts(b *testing.B) {
	c := clip.ViTB32()
	model := clip.New(enginetest.Open(b), c, c.Init(source()))
	texts := make([]string, sentences)
	for i := range texts {
		texts[i] = fmt.Sprint(i, strings.Repeat(" a dog", c.Text.Context))
	}
	measure(b, sentences, "texts/s", func() error {
		_, err := model.EncodeTexts(b.Context(), texts)
		return err
	})
}

// measure runs the work once to compile it, then times it and reports items a second.
func measure(b *testing.B, items int, unit string, work func() error) {
	if err := work(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := work(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(items*b.N)/b.Elapsed().Seconds(), unit)
}
