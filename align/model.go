package align

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/engine"
)

// Parameter prefixes of the parts of a model.
const (
	towerPrefix = "tower."
	headPrefix  = "head."
)

// Model is a tower and a head with their weights on an engine. It is safe for concurrent use once its weights stand
// still.
type Model struct {
	Tower   Tower
	Head    Head
	Weights *engine.Weights
	Engine  *engine.Engine

	videos, texts, recall, score *engine.Program
}

// Encoded is what a model keeps of N videos or A texts: R rows of width Dim each.
type Encoded struct {
	N, R, Dim int
	Data      []float32 // [N, R, Dim]
}

// Rows returns rows [from, to) without copying.
func (e Encoded) Rows(from, to int) Encoded {
	size := e.R * e.Dim
	return Encoded{N: to - from, R: e.R, Dim: e.Dim, Data: e.Data[from*size : to*size]}
}

// Matrix returns the vectors as [N, Dim]; R must be 1.
func (e Encoded) Matrix() sightline.Matrix {
	if e.R != 1 {
		panic(fmt.Sprintf("align: %d vectors an item do not fit a matrix of one", e.R))
	}
	return sightline.Matrix{Rows: e.N, Cols: e.Dim, Data: e.Data}
}

// New returns a model with fresh parameters drawn from the seed. Untrained, over a Stored tower of equal widths and a
// head without parameters, it scores as the encoder itself does.
func New(e *engine.Engine, tower Tower, head Head, seed uint64) (*Model, error) {
	random := rand.New(rand.NewPCG(seed, 0x51647))
	weights, part := engine.NewWeights(), engine.NewWeights()
	if err := tower.Init(part, random); err != nil {
		return nil, fmt.Errorf("new model: %w", err)
	}
	weights.Merge(towerPrefix, part)
	part = engine.NewWeights()
	head.Init(part, tower.Dim(), random)
	weights.Merge(headPrefix, part)
	weights.Set(LogitScale, []float32{initialLogitScale}) // a scalar, as in CLIP
	return With(e, tower, head, weights)
}

// initialLogitScale is CLIP's: ln(1/0.07).
const initialLogitScale = 2.659260036932778

// With returns a model over given weights.
func With(e *engine.Engine, tower Tower, head Head, weights *engine.Weights) (*Model, error) {
	m := &Model{Tower: tower, Head: head, Weights: weights, Engine: e}
	for _, program := range []struct {
		target **engine.Program
		build  engine.Func
	}{
		{&m.videos, func(vars engine.Vars, in []*Node) []*Node {
			return []*Node{head.Video(vars.Under(headPrefix), tower.Video(vars.Under(towerPrefix), in))}
		}},
		{&m.texts, func(vars engine.Vars, in []*Node) []*Node {
			return []*Node{head.Text(vars.Under(headPrefix), tower.Text(vars.Under(towerPrefix), in))}
		}},
		{&m.recall, func(vars engine.Vars, in []*Node) []*Node {
			return []*Node{head.Recall(vars.Under(headPrefix), in[0])}
		}},
		{&m.score, func(vars engine.Vars, in []*Node) []*Node {
			return []*Node{head.Score(vars.Under(headPrefix), in[0], in[1])}
		}},
	} {
		compiled, err := e.Compile(weights, program.build)
		if err != nil {
			return nil, err
		}
		*program.target = compiled
	}
	return m, nil
}

// Blocks in which work is done, so that memory stays bounded whatever is asked for.
const (
	blockRows   = 512 // frames encoded at a time
	blockTexts  = 256 // texts encoded or scored at a time
	blockVideos = 256 // videos scored at a time
)

// EncodeVideos returns what is stored of each video [N, R, D]. It sees no text.
func (m *Model) EncodeVideos(ctx context.Context, videos []Video) (Encoded, error) {
	longest := 1
	for _, clip := range videos {
		if clip.Rows() == 0 {
			return Encoded{}, fmt.Errorf("encode video %s: it has no rows", clip.ID)
		}
		longest = max(longest, clip.Rows())
	}
	return encode(ctx, videos, max(1, blockRows/longest), m.Tower.VideoInputs, m.videos)
}

// EncodeTexts returns the texts' vectors [A, 1, D]. It sees no video.
func (m *Model) EncodeTexts(ctx context.Context, texts []Sentence) (Encoded, error) {
	return encode(ctx, texts, blockTexts, m.Tower.TextInputs, m.texts)
}

// RecallVectors returns the text-free vectors [N, D] of stored videos, which select candidates by their dot product with
// a text's vector.
func (m *Model) RecallVectors(ctx context.Context, videos Encoded) (sightline.Matrix, error) {
	vectors := sightline.NewMatrix(videos.N, videos.Dim)
	for from := 0; from < videos.N; from += blockVideos {
		if err := ctx.Err(); err != nil {
			return sightline.Matrix{}, err
		}
		block := videos.Rows(from, min(from+blockVideos, videos.N))
		out, err := m.recall.Run(engine.Floats(block.Data, block.N, block.R, block.Dim))
		if err != nil {
			return sightline.Matrix{}, fmt.Errorf("recall vectors: %w", err)
		}
		copy(vectors.Data[from*videos.Dim:], engine.Values(out[0]))
	}
	return vectors, nil
}

// ScoreBlock returns the similarities [A, N] of all texts with all videos. Nothing tells it which belong together. Memory
// beyond the result is bounded by the block sizes.
func (m *Model) ScoreBlock(ctx context.Context, texts, videos Encoded) (sightline.Matrix, error) {
	scores := sightline.NewMatrix(texts.N, videos.N)
	for a := 0; a < texts.N; a += blockTexts {
		rows := texts.Rows(a, min(a+blockTexts, texts.N))
		left := engine.Floats(rows.Data, rows.N, rows.Dim)
		for n := 0; n < videos.N; n += blockVideos {
			if err := ctx.Err(); err != nil {
				return sightline.Matrix{}, err
			}
			columns := videos.Rows(n, min(n+blockVideos, videos.N))
			out, err := m.score.Run(left, engine.Floats(columns.Data, columns.N, columns.R, columns.Dim))
			if err != nil {
				return sightline.Matrix{}, fmt.Errorf("score: %w", err)
			}
			values := engine.Values(out[0])
			for i := range rows.N {
				copy(scores.Row(a + i)[n:], values[i*columns.N:(i+1)*columns.N])
			}
		}
	}
	return scores, nil
}

// Scale returns exp(logit_scale), by which scores are multiplied in the loss.
func Scale(vars engine.Vars) *Node { return Exp(vars.Get(LogitScale)) }

// Loss is the graph of the training loss on B pairs: InfoNCE of the scaled scores, plus the tower's auxiliary loss.
func (m *Model) Loss(vars engine.Vars, videos, texts []*Node) *Node {
	tower, head := vars.Under(towerPrefix), vars.Under(headPrefix)
	frames := m.Tower.Video(tower, videos)
	scores := m.Head.Score(head, m.Head.Text(head, m.Tower.Text(tower, texts)), m.Head.Video(head, frames))
	loss := InfoNCE(Mul(scores, BroadcastToShape(Scale(vars), scores.Shape())))
	if auxiliary, ok := m.Tower.(Auxiliary); ok {
		if own := auxiliary.Loss(tower, frames, videos, texts); own != nil {
			loss = Add(loss, own)
		}
	}
	return loss
}

// encode runs a program over items in blocks and joins what comes out along the first axis. A block is filled up with its
// last item to a size that occurs often, so that few shapes are compiled.
func encode[T any](ctx context.Context, items []T, block int, inputs func([]T) ([]engine.Array, error), program *engine.Program) (Encoded, error) {
	var all Encoded
	for from := 0; from < len(items); from += block {
		if err := ctx.Err(); err != nil {
			return Encoded{}, err
		}
		part := items[from:min(from+block, len(items))]
		filled := slices.Concat(part, slices.Repeat(part[len(part)-1:], min(bucket(len(part)), block)-len(part)))
		in, err := inputs(filled)
		if err != nil {
			return Encoded{}, fmt.Errorf("encode: %w", err)
		}
		out, err := program.Run(in...)
		if err != nil {
			return Encoded{}, fmt.Errorf("encode: %w", err)
		}
		dims := out[0].Shape
		all.N += len(part)
		all.Dim = dims[len(dims)-1]
		all.R = 1
		if len(dims) == 3 {
			all.R = dims[1]
		}
		all.Data = append(all.Data, engine.Values(out[0])[:len(part)*all.R*all.Dim]...)
	}
	return all, nil
}
