package align

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/encoder/transformer"
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
	Parts   Parts
	Weights *engine.Weights
	Engine  *engine.Engine

	videos, texts, recall, scores *engine.Program
	bareVideos, bareTexts         *engine.Program // without the layer among the parts
	jointScores                   *engine.Program // with layer and head as in training
}

// New returns a model with fresh parameters drawn from the seed. Untrained, over a Stored tower of equal widths and a
// head without parameters, it scores as the encoder itself does.
func New(e *engine.Engine, tower Tower, head Head, seed uint64, parts ...NamedPart) (*Model, error) {
	random := rand.New(rand.NewPCG(seed, 0x51647))
	weights, part := engine.NewWeights(), engine.NewWeights()
	if err := tower.Init(part, random); err != nil {
		return nil, fmt.Errorf("new model: %w", err)
	}
	weights.Merge(towerPrefix, part)
	part = engine.NewWeights()
	head.Init(part, tower.Dim(), random)
	weights.Merge(headPrefix, part)
	part, err := Parts(parts).NewParameters(tower.Dim(), random)
	if err != nil {
		return nil, fmt.Errorf("new model: %w", err)
	}
	weights.Merge("", part)
	weights.Set(LogitScale, []float32{initialLogitScale}) // a scalar, as in CLIP
	return With(e, tower, head, weights, parts...)
}

// initialLogitScale is CLIP's: ln(1/0.07).
const initialLogitScale = 2.659260036932778

// With returns a model over given weights.
func With(e *engine.Engine, tower Tower, head Head, weights *engine.Weights, parts ...NamedPart) (*Model, error) {
	m := &Model{Tower: tower, Head: head, Parts: parts, Weights: weights, Engine: e}
	layers, scorers := 0, 0
	for _, p := range parts {
		if _, ok := p.Part.(Layer); ok {
			layers++
		}
		if scorer, ok := p.Part.(Scorer); ok && scorer.Share() > 0 {
			scorers++
		}
	}
	if layers > 1 || scorers > 1 {
		return nil, errors.New("new model: among its parts it takes one layer at most, and one that has a say in the scores")
	}
	video := func(vars engine.Vars, in []*Node) []*Node { // vectors, mask, and the view of a part that has a say in the scores
		frames := tower.Video(vars.Under(towerPrefix), in)
		kept := head.Video(vars.Under(headPrefix), frames)
		out := []*Node{kept.Vectors, kept.Mask}
		if scorer, prefix := m.scorer(); scorer != nil {
			out = append(out, scorer.VideoView(vars.Under(prefix), frames))
		}
		return out
	}
	text := func(vars engine.Vars, in []*Node) []*Node {
		sentence := tower.Text(vars.Under(towerPrefix), in)
		out := []*Node{head.Text(vars.Under(headPrefix), sentence)}
		if scorer, prefix := m.scorer(); scorer != nil {
			out = append(out, scorer.TextView(vars.Under(prefix), sentence))
		}
		return out
	}
	for _, program := range []struct {
		target **engine.Program
		build  engine.Func
	}{
		{&m.videos, func(vars engine.Vars, in []*Node) []*Node {
			out := video(vars, in)
			out[0] = m.alone(vars, out[0])
			return out
		}},
		{&m.texts, func(vars engine.Vars, in []*Node) []*Node {
			out := text(vars, in)
			out[0] = m.alone(vars, out[0])
			return out
		}},
		{&m.bareVideos, video},
		{&m.bareTexts, text},
		{&m.recall, func(vars engine.Vars, in []*Node) []*Node {
			return []*Node{head.Recall(vars.Under(headPrefix), Frames{Vectors: in[0], Mask: in[1]})}
		}},
		{&m.scores, func(vars engine.Vars, in []*Node) []*Node {
			scores := head.Score(vars.Under(headPrefix), in[0], Frames{Vectors: in[1], Mask: in[2]})
			return []*Node{m.mixed(scores, in[3:])}
		}},
		{&m.jointScores, func(vars engine.Vars, in []*Node) []*Node {
			videos, texts, _ := m.together(vars, Frames{Vectors: in[1], Mask: in[2]}, in[0])
			if joint, ok := head.(JointHead); ok {
				scores, _ := joint.Joint(vars.Under(headPrefix), texts, videos)
				return []*Node{m.mixed(scores, in[3:])}
			}
			return []*Node{m.mixed(head.Score(vars.Under(headPrefix), texts, videos), in[3:])}
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

// restored makes vectors [..., D] unit vectors again where the head keeps such.
func (m *Model) restored(vectors *Node) *Node {
	if m.Head.Traits().Unit {
		return transformer.Normalize(vectors)
	}
	return vectors
}

// Blocks in which work is done, so that memory stays bounded whatever is asked for.
const (
	blockRows   = 512 // frames encoded at a time
	blockTexts  = 256 // texts encoded at a time
	blockVideos = 256 // videos whose recall vectors are made at a time
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

// EncodeTexts returns what represents each text [A, 1, D]. It sees no video.
func (m *Model) EncodeTexts(ctx context.Context, texts []Sentence) (Encoded, error) {
	return encode(ctx, texts, blockTexts, m.Tower.TextInputs, m.texts)
}

// RecallTexts returns the video-free vectors [A, D] of encoded texts, of length 1.
func (m *Model) RecallTexts(texts Encoded) sightline.Matrix {
	vectors := sightline.NewMatrix(texts.N, texts.Dim)
	for i := range texts.N {
		row := texts.Data[i*texts.Dim : (i+1)*texts.Dim]
		var square float64
		for _, v := range row {
			square += float64(v) * float64(v)
		}
		for d, v := range row {
			vectors.Row(i)[d] = float32(float64(v) / math.Sqrt(max(square, 1e-24)))
		}
	}
	return vectors
}

// RecallVectors returns the text-free vectors [N, D] of stored videos, which select candidates by their dot product with
// a text's.
func (m *Model) RecallVectors(ctx context.Context, videos Encoded) (sightline.Matrix, error) {
	vectors := sightline.NewMatrix(videos.N, m.Tower.Dim())
	for from := 0; from < videos.N; from += blockVideos {
		if err := ctx.Err(); err != nil {
			return sightline.Matrix{}, err
		}
		out, err := m.recall.Run(videos.Rows(from, min(from+blockVideos, videos.N)).arrays()...)
		if err != nil {
			return sightline.Matrix{}, fmt.Errorf("recall vectors: %w", err)
		}
		copy(vectors.Data[from*vectors.Cols:], engine.Values(out[0]))
	}
	return vectors, nil
}

// ScoreBlock returns the similarities [A, N] of all texts with all videos. Nothing tells it which belong together. Memory
// beyond the result is bounded by the head's block sizes.
func (m *Model) ScoreBlock(ctx context.Context, texts, videos Encoded) (sightline.Matrix, error) {
	return m.score(ctx, texts, videos, m.Head.Traits(), m.scores)
}

// ScoreRows returns the similarities [A, T] of all texts with every single row of a video of stored features, each row as a
// video of its own.
func (m *Model) ScoreRows(ctx context.Context, texts Encoded, video Video) (sightline.Matrix, error) {
	single := make([]Video, video.Features.Rows)
	for i := range single {
		single[i] = Video{ID: video.ID, Features: sightline.Matrix{Rows: 1, Cols: video.Features.Cols, Data: video.Features.Row(i)}}
		if video.Spans != nil {
			single[i].Spans = video.Spans[i : i+1]
		}
	}
	encoded, err := m.EncodeVideos(ctx, single)
	if err != nil {
		return sightline.Matrix{}, err
	}
	return m.ScoreBlock(ctx, texts, encoded)
}

// Scale returns what similarities are multiplied by before a softmax: the inverse of the temperature that the model was
// trained to, and of an untrained one CLIP's at the start of training.
func (m *Model) Scale() float64 { return math.Exp(float64(m.Weights.Float32s(LogitScale)[0])) }

// score runs a program that compares texts with videos in blocks.
func (m *Model) score(ctx context.Context, texts, videos Encoded, block Traits, program *engine.Program) (sightline.Matrix, error) {
	scores := sightline.NewMatrix(texts.N, videos.N)
	for n := 0; n < videos.N; n += block.Videos {
		columns := videos.Rows(n, min(n+block.Videos, videos.N))
		right := columns.arrays()
		for a := 0; a < texts.N; a += block.Texts {
			if err := ctx.Err(); err != nil {
				return sightline.Matrix{}, err
			}
			rows := texts.Rows(a, min(a+block.Texts, texts.N))
			in := []engine.Array{engine.Floats(rows.Data, rows.N, rows.Dim), right[0], right[1]}
			if rows.E > 0 {
				in = append(in, engine.Floats(rows.View, rows.N, rows.E), engine.Floats(columns.View, columns.N, columns.E))
			}
			out, err := program.Run(in...)
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
