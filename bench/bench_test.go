package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/align/meanpool"
	"sightline/encoder/clip"
	"sightline/encoder/transformer"
	"sightline/engine"
	"sightline/train"
)

// The work, as in torch_speed.py.
const (
	frames    = 12 // a video
	sentences = 32
	pairs     = 128 // a training batch
	width     = 512
	layers    = 4 // of the temporal transformer
)

// backend opens the backend named by SIGHTLINE_BACKEND.
func backend(b *testing.B) *engine.Engine {
	e, err := engine.Open(os.Getenv("SIGHTLINE_BACKEND"))
	if err != nil {
		b.Fatal(err)
	}
	return e
}

func source() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// BenchmarkFrames encodes 12 frames of 224 × 224 pixels with CLIP ViT-B/32, preprocessing included.
func BenchmarkFrames(b *testing.B) {
	random := source()
	c := clip.ViTB32()
	model := clip.New(backend(b), c, c.Init(random))
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
	model := clip.New(backend(b), c, c.Init(source()))
	texts := make([]string, sentences)
	for i := range texts {
		texts[i] = fmt.Sprint(i, strings.Repeat(" a dog", c.Text.Context))
	}
	measure(b, sentences, "texts/s", func() error {
		_, err := model.EncodeTexts(b.Context(), texts)
		return err
	})
}

// BenchmarkTrainAdapters takes steps of meanP on stored features: residual adapters on both towers, InfoNCE, AdamW.
func BenchmarkTrainAdapters(b *testing.B) {
	model, err := align.New(backend(b), align.Stored{VideoDim: width, TextDim: width, Hidden: width}, meanpool.Head{}, 1)
	if err != nil {
		b.Fatal(err)
	}
	step(b, model.Weights, func(vars engine.Vars, in []*Node) *Node {
		return model.Loss(vars, align.Step{Videos: make([]engine.Array, 2), Texts: make([]engine.Array, 1)}, in)
	})
}

// BenchmarkTrainTemporal takes steps of a four-layer transformer over the frames of each video, then meanP.
func BenchmarkTrainTemporal(b *testing.B) {
	random := source()
	weights := engine.NewWeights()
	for i := range layers {
		transformer.InitBlock(weights, fmt.Sprintf("blocks.%d.", i), width, layers, random)
	}
	weights.Set("position", engine.Normal(random, frames*width, 0.02), frames, width)
	weights.Set(align.LogitScale, []float32{2.66})
	step(b, weights, func(vars engine.Vars, in []*Node) *Node {
		x := Add(in[0], ExpandLeftToRank(vars.Get("position"), 3))
		for i := range layers {
			x = transformer.Block(vars.Under(fmt.Sprintf("blocks.%d.", i)), x, width/64, nil, transformer.QuickGELU, 1e-12)
		}
		x = transformer.Normalize(Add(x, in[0]))
		video := transformer.Normalize(ReduceSum(Mul(x, ExpandAxes(in[1], -1)), 1))
		cosines := Dot(transformer.Normalize(in[2]), video).General([]int{1}, nil, []int{1}, nil)
		return align.InfoNCE(Mul(cosines, align.Scale(vars)))
	})
}

// step measures training steps on videos [B, T, D], their mask [B, T] and sentences [B, D]: loss, gradients, clipping
// and AdamW.
func step(b *testing.B, weights *engine.Weights, loss func(vars engine.Vars, in []*Node) *Node) {
	random := source()
	names := weights.Names()
	program, err := backend(b).Gradient(weights, names, func(vars engine.Vars, in []*Node) []*Node {
		return []*Node{loss(vars, in)}
	})
	if err != nil {
		b.Fatal(err)
	}
	optimizer := &train.AdamW{Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, Decay: 0.2}
	optimizer.Attach(weights, names)
	videos := engine.Floats(engine.Normal(random, pairs*frames*width, 1), pairs, frames, width)
	mask := engine.Floats(engine.Constant(pairs*frames, 1), pairs, frames)
	texts := engine.Floats(engine.Normal(random, pairs*width, 1), pairs, width)
	measure(b, 1, "steps/s", func() error {
		out, err := program.Run(videos, mask, texts)
		if err != nil {
			return err
		}
		gradients := make([][]float32, len(names))
		for i := range names {
			gradients[i] = engine.Values(out[1+i])
		}
		if _, err := train.ClipNorm(gradients, 1); err != nil {
			return err
		}
		optimizer.Step(gradients, 1e-4)
		return nil
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
