// Package clip encodes frames and sentences with a CLIP model: a vision transformer and a causal text transformer that
// were trained to agree (Radford et al., Learning Transferable Visual Models From Natural Language Supervision, 2021). It
// stands between video and feature, and at the door of search.
//
// Start at Open, which reads the folder of a Hugging Face CLIP model of any size: config.json, model.safetensors (or its
// shards; f32, f16, bf16), the tokenizer's files, preprocessor_config.json where there is one. Files that keep OpenAI's
// own tensor names are read too. Config.Images and Config.Texts are the towers as graph code, for training end to end.
//
// It computes in float32, downloads nothing, and refuses pickles. Relatives that share the name only (SigLIP, Chinese
// CLIP, CLAP) are refused by their model_type.
package clip

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	. "github.com/gomlx/gomlx/core/graph"
	"golang.org/x/sync/errgroup"

	"sightline"
	"sightline/encoder/batch"
	"sightline/encoder/bpe"
	"sightline/engine"
	"sightline/internal/safetensors"
)

// Model is a CLIP model ready to encode. It is an encoder.FrameEncoder and an encoder.TextEncoder, safe for concurrent
// use. Each tower's weights are read when it first encodes.
type Model struct {
	Config Config

	id        sightline.ModelID
	tokenizer *bpe.Tokenizer

	vision, text tower
	turns        batch.Turns
}

// tower is one side of the model, read and compiled at first use.
type tower struct {
	load    func() (*engine.Program, error)
	once    sync.Once
	program *engine.Program
	err     error
}

func (t *tower) run(inputs ...engine.Array) ([]engine.Array, error) {
	t.once.Do(func() { t.program, t.err = t.load() })
	if t.err != nil {
		return nil, t.err
	}
	return t.program.Run(inputs...)
}

// Open reads the CLIP model in folder. It checks every tensor's name and shape and computes the hash of the weights; a
// folder that is no CLIP model, or not whole, is refused with what is wrong.
func Open(e *engine.Engine, folder string) (*Model, error) {
	c, file, err := openFiles(folder)
	if err != nil {
		return nil, err
	}
	m, err := open(e, c, file, folder)
	if err != nil {
		file.Close()
		return nil, err
	}
	return m, nil
}

// open makes a model that keeps the file, to read each tower when it is needed.
func open(e *engine.Engine, c Config, file *safetensors.File, folder string) (*Model, error) {
	tokenizer, err := tokenizerOf(c, folder)
	if err != nil {
		return nil, err
	}
	if tokenizer.Size() > c.Text.Vocabulary {
		return nil, failure(folder, fmt.Errorf("the tokenizer's ids go up to %d, the model knows %d", tokenizer.Size()-1, c.Text.Vocabulary))
	}
	sum, err := file.Sum()
	if err != nil {
		return nil, failure(folder, err)
	}
	vision := func() (*engine.Weights, error) { return read(file, c.visionParameters()) }
	text := func() (*engine.Weights, error) { return read(file, c.textParameters()) }
	return assemble(e, c, tokenizer, sum[:], vision, text), nil
}

// tokenizerOf opens the tokenizer beside the weights; a model with OpenAI's vocabulary and no such file has OpenAI's.
func tokenizerOf(c Config, folder string) (*bpe.Tokenizer, error) {
	if c.Text.Vocabulary == bpe.OpenAI().Size() {
		found := false
		for _, name := range []string{"vocab.json", "merges.txt", "tokenizer.json"} {
			_, err := os.Stat(filepath.Join(folder, name))
			found = found || err == nil
		}
		if !found {
			return bpe.OpenAI(), nil
		}
	}
	return bpe.Open(folder)
}

// New returns a model of the given configuration and weights, named as OpenAI's state_dict names them, with CLIP's own
// tokenizer.
func New(e *engine.Engine, c Config, weights *engine.Weights) *Model {
	own := func() (*engine.Weights, error) { return weights, nil }
	return assemble(e, c, bpe.OpenAI(), []byte(weights.Hash()), own, own)
}

func assemble(e *engine.Engine, c Config, tokenizer *bpe.Tokenizer, sum []byte, vision, text func() (*engine.Weights, error)) *Model {
	m := &Model{Config: c, tokenizer: tokenizer, turns: batch.NewTurns()}
	// The numbers of the configuration decide about the vectors as the weights do.
	hash := sha256.Sum256(fmt.Appendf(nil, "%x %+v", sum, c))
	m.id = sightline.ModelID{Name: c.kind(), Hash: hex.EncodeToString(hash[:8])}
	m.vision.load = compile(e, vision, func(vars engine.Vars, in []*Node) []*Node {
		return []*Node{c.Images(vars, in[0])}
	})
	m.text.load = compile(e, text, func(vars engine.Vars, in []*Node) []*Node {
		tokens := c.TextTokens(vars, in[0])
		return []*Node{c.Texts(vars, tokens, in[1]), tokens}
	})
	return m
}

func compile(e *engine.Engine, read func() (*engine.Weights, error), fn engine.Func) func() (*engine.Program, error) {
	return func() (*engine.Program, error) {
		weights, err := read()
		if err != nil {
			return nil, err
		}
		return e.Compile(weights, fn)
	}
}

// openFiles reads the configuration of a CLIP folder and opens its weights, which fit it.
func openFiles(folder string) (Config, *safetensors.File, error) {
	c, err := readConfig(folder)
	if err != nil {
		return c, nil, failure(folder, err)
	}
	file, err := safetensors.Open(folder)
	if err != nil {
		return c, nil, err
	}
	if err := check(file, append(c.visionParameters(), c.textParameters()...)); err != nil {
		file.Close()
		return c, nil, failure(folder, err)
	}
	return c, file, nil
}

func failure(folder string, err error) error {
	return &sightline.Error{
		Kind: sightline.Failed,
		What: "open the CLIP model in " + folder,
		Err:  err,
		Try:  "sightline fetch clip, or name the folder of a Hugging Face CLIP model",
	}
}

// ID names the weights, together with the configuration that decides what they compute.
func (m *Model) ID() sightline.ModelID { return m.id }

// Preprocess names how pixels become the model's input.
func (m *Model) Preprocess() string { return m.Config.transform().Name() }

// FrameSize returns the side of the square the model looks at, in pixels.
func (m *Model) FrameSize() int { return m.Config.Vision.Size }

// FrameDim returns the width of a frame vector.
func (m *Model) FrameDim() int { return m.Config.Dim }

// TextDim returns the width of a text vector, that of a frame vector.
func (m *Model) TextDim() int { return m.Config.Dim }

// framePositions is how many positions the vision tower sees in one batch, over all its frames.
const framePositions = 1024

// EncodeFrames returns one row a frame, [len(frames), D], not normalised. It works in batches of bounded memory and
// returns ctx's error between two of them.
func (m *Model) EncodeFrames(ctx context.Context, frames []sightline.Frame) (sightline.Matrix, error) {
	c := m.Config
	side := c.Vision.Size
	grid := side / c.Vision.Patch
	most := max(1, framePositions/(grid*grid+1))
	out := sightline.NewMatrix(len(frames), c.Dim)
	for done := 0; done < len(frames); {
		count, room := batch.Size(len(frames)-done, most)
		input, err := c.prepare(frames[done:done+count], room)
		if err != nil {
			return sightline.Matrix{}, fmt.Errorf("encode frames: %w", err)
		}
		var encoded []engine.Array
		if err := m.turns.Take(ctx, func() (err error) {
			encoded, err = m.vision.run(engine.Floats(input, room, 3, side, side))
			return err
		}); err != nil {
			return sightline.Matrix{}, fmt.Errorf("encode frames: %w", err)
		}
		copy(out.Data[done*c.Dim:], engine.Values(encoded[0])[:count*c.Dim])
		done += count
	}
	return out, nil
}

// prepare returns the pixels of the frames as [room, 3, S, S]; items beyond the frames are zero.
func (c Config) prepare(frames []sightline.Frame, room int) ([]float32, error) {
	transform := c.transform()
	size := transform.Len()
	input := make([]float32, room*size)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, frame := range frames {
		group.Go(func() error { return transform.Apply(input[i*size:(i+1)*size], frame) })
	}
	return input, group.Wait()
}
