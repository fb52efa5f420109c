// Package tiny is a small encoder of pictures and sentences that is trained here, from scratch, on any pairs: a
// convolutional stem with a two-block transformer for pictures, a two-block word transformer for text, one joint space.
// The checkpoint embedded in the program knows only the rendered world of package dataset/world; it lets everything
// after it run, be trained and be measured with nothing to download.
//
// It stands where encoder/clip stands: frames and words → features. Start at Embedded or Open. Training it is the work
// of align.Live and package train.
package tiny

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/encoder"
	"sightline/engine"
	"sightline/internal/atomicfile"
	"sightline/internal/safetensors"
)

// Name is the encoder's name on the command line and in a ModelID.
const Name = "tiny"

// Files of an encoder's folder.
const (
	configFile     = "config.json"
	weightsFile    = "model.safetensors"
	vocabularyFile = "vocabulary.txt"
)

// Encoder encodes frames and sentences with one set of weights. It is an encoder.FrameEncoder, an
// encoder.TextEncoder and an encoder.WordEncoder, safe for concurrent use.
type Encoder struct {
	Config     Config
	Vocabulary Vocabulary
	Weights    *engine.Weights

	id          sightline.ModelID
	image, text *engine.Program // text gives sentence vectors and word vectors
}

// New returns an encoder over the given parts.
func New(e *engine.Engine, config Config, vocabulary Vocabulary, weights *engine.Weights) (*Encoder, error) {
	if got, want := weights.Shape("text.word"), vocabulary.Len(); len(got) != 2 || got[0] != want {
		return nil, fmt.Errorf("tiny encoder: word vectors %v do not fit a vocabulary of %d ids", got, want)
	}
	made := &Encoder{
		Config: config, Vocabulary: vocabulary, Weights: weights,
		id: sightline.ModelID{Name: Name, Hash: weights.Hash()},
	}
	var err error
	if made.image, err = e.Compile(weights, func(vars engine.Vars, in []*Node) []*Node {
		vectors, _ := config.Image(vars, in[0])
		return []*Node{vectors}
	}); err != nil {
		return nil, err
	}
	made.text, err = e.Compile(weights, func(vars engine.Vars, in []*Node) []*Node {
		vectors, words := config.Text(vars, in[0])
		return []*Node{vectors, words}
	})
	return made, err
}

//go:embed checkpoint
var checkpoint embed.FS

var embedded struct {
	sync.Mutex
	byEngine map[*engine.Engine]*Encoder
}

// Embedded returns the encoder that is part of the program; checkpoint/README.md tells how it was trained.
func Embedded(e *engine.Engine) (*Encoder, error) {
	embedded.Lock()
	defer embedded.Unlock()
	if encoder := embedded.byEngine[e]; encoder != nil {
		return encoder, nil
	}
	folder, err := fs.Sub(checkpoint, "checkpoint")
	if err != nil {
		return nil, err
	}
	encoder, err := read(e, folder)
	if err != nil {
		return nil, fmt.Errorf("embedded encoder: %w", err)
	}
	if embedded.byEngine == nil {
		embedded.byEngine = map[*engine.Engine]*Encoder{}
	}
	embedded.byEngine[e] = encoder
	return encoder, nil
}

// Open reads an encoder from a folder that Save wrote.
func Open(e *engine.Engine, dir string) (*Encoder, error) {
	encoder, err := read(e, os.DirFS(dir))
	if err != nil {
		return nil, &sightline.Error{
			What: "open encoder " + dir, Kind: sightline.Failed, Err: err,
			Try: "name a folder with " + configFile + ", " + vocabularyFile + " and " + weightsFile + ", as training writes under encoder/",
		}
	}
	return encoder, nil
}

func read(e *engine.Engine, folder fs.FS) (*Encoder, error) {
	text, err := fs.ReadFile(folder, configFile)
	if err != nil {
		return nil, err
	}
	var config Config
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("%s: %w", configFile, err)
	}
	if text, err = fs.ReadFile(folder, vocabularyFile); err != nil {
		return nil, err
	}
	vocabulary, err := parseVocabulary(string(text))
	if err != nil {
		return nil, err
	}
	file, err := fs.ReadFile(folder, weightsFile)
	if err != nil {
		return nil, err
	}
	tensors, err := safetensors.New(strings.NewReader(string(file)), int64(len(file)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", weightsFile, err)
	}
	weights, err := engine.ReadWeights(tensors)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", weightsFile, err)
	}
	return New(e, config, vocabulary, weights)
}

// Save writes the encoder into a folder, its weights in half precision.
func (e *Encoder) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	config, err := json.MarshalIndent(e.Config, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(dir, configFile), append(config, '\n')); err != nil {
		return err
	}
	words := strings.Join(e.Vocabulary.List(), "\n") + "\n"
	if err := atomicfile.Write(filepath.Join(dir, vocabularyFile), []byte(words)); err != nil {
		return err
	}
	return e.Weights.Save(filepath.Join(dir, weightsFile), safetensors.F16)
}

// ID names the weights.
func (e *Encoder) ID() sightline.ModelID { return e.id }

// Preprocess names how pictures become input.
func (e *Encoder) Preprocess() string { return fmt.Sprintf("tiny-square-%d", e.Config.Side) }

// FrameSize returns the side of the square the encoder looks at, in pixels.
func (e *Encoder) FrameSize() int { return e.Config.Side }

// FrameDim returns the width of frame vectors.
func (e *Encoder) FrameDim() int { return e.Config.Dim }

// TextDim returns the width of sentence vectors.
func (e *Encoder) TextDim() int { return e.Config.Dim }

// Work is cut into blocks of at most these sizes, powers of two.
const (
	frameBlock = 64
	textBlock  = 64
)

// EncodeFrames returns frame vectors [len(frames), Dim], not normalised.
func (e *Encoder) EncodeFrames(ctx context.Context, frames []sightline.Frame) (sightline.Matrix, error) {
	return e.blocks(ctx, len(frames), frameBlock, func(from, to int) ([]float32, error) {
		patches := e.Config.Patches(frames[from:to])
		shape := e.Config.PatchShape(size(to - from))
		full := make([]float32, shape[0]*shape[1]*shape[2])
		copy(full, patches)
		out, err := e.image.Run(engine.Floats(full, shape...))
		if err != nil {
			return nil, fmt.Errorf("encode frames: %w", err)
		}
		return engine.Values(out[0]), nil
	})
}

// EncodeTexts returns sentence vectors [len(texts), Dim], not normalised.
func (e *Encoder) EncodeTexts(ctx context.Context, texts []string) (sightline.Matrix, error) {
	return e.blocks(ctx, len(texts), textBlock, func(from, to int) ([]float32, error) {
		out, err := e.read(texts[from:to])
		if err != nil {
			return nil, fmt.Errorf("encode texts: %w", err)
		}
		return engine.Values(out[0]), nil
	})
}

// WordDim returns the width of word vectors.
func (e *Encoder) WordDim() int { return e.Config.TextWidth }

// EncodeWords returns the vectors of the words of each text, as the last layer has them.
func (e *Encoder) EncodeWords(ctx context.Context, texts []string) ([]encoder.Words, error) {
	all := make([]encoder.Words, 0, len(texts))
	for from := 0; from < len(texts); from += textBlock {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part := texts[from:min(from+textBlock, len(texts))]
		out, err := e.read(part)
		if err != nil {
			return nil, fmt.Errorf("encode words: %w", err)
		}
		length, width := out[1].Shape[1], out[1].Shape[2]
		for i, text := range part {
			ranges := wordRanges(text)
			if len(ranges) == 0 {
				ranges = [][2]int{{}} // the unknown word that IDs puts there
			}
			ranges = ranges[:min(len(ranges), length)]
			rows := engine.Values(out[1])[i*length*width:][:len(ranges)*width]
			words := encoder.Words{Text: text, Offsets: ranges, Vectors: sightline.Matrix{Rows: len(ranges), Cols: width, Data: slices.Clone(rows)}}
			if err := words.Vectors.Finite(); err != nil {
				return nil, fmt.Errorf("encode words of %q: %w", text, err)
			}
			all = append(all, words)
		}
	}
	return all, nil
}

// read runs the text side on a block of texts, filled up to a size that occurs often.
func (e *Encoder) read(texts []string) ([]engine.Array, error) {
	length, n := e.Config.TextLength, size(len(texts))
	ids := make([]int32, 0, n*length)
	for i := range n {
		text := ""
		if i < len(texts) {
			text = texts[i]
		}
		ids = append(ids, e.Vocabulary.IDs(text, length)...)
	}
	return e.text.Run(engine.Ints(ids, n, length))
}

// size returns how many items a block of n is filled up to: the next power of two, so that few shapes are compiled.
func size(n int) int { return 1 << bits.Len(uint(n-1)) }

// blocks encodes n items block by block and joins the rows.
func (e *Encoder) blocks(ctx context.Context, n, block int, encode func(from, to int) ([]float32, error)) (sightline.Matrix, error) {
	all := sightline.NewMatrix(n, e.Config.Dim)
	for from := 0; from < n; from += block {
		if err := ctx.Err(); err != nil {
			return sightline.Matrix{}, err
		}
		to := min(from+block, n)
		values, err := encode(from, to)
		if err != nil {
			return sightline.Matrix{}, err
		}
		copy(all.Data[from*all.Cols:to*all.Cols], values)
	}
	return all, all.Finite()
}
