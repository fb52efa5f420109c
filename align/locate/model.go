package locate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/engine"
)

// Model is a method over the shared encoders, with its weights on an engine. It is safe for concurrent use once its weights
// stand still.
type Model struct {
	Config  Config
	Method  Method
	Weights *engine.Weights
	Engine  *engine.Engine

	clips, words, pairs *engine.Program
}

// New returns a model with fresh parameters drawn from the seed.
func New(e *engine.Engine, config Config, seed uint64) (*Model, error) {
	weights, err := config.fresh(seed)
	if err != nil {
		return nil, err
	}
	return With(e, config, weights)
}

// fresh draws parameters.
func (c Config) fresh(seed uint64) (*engine.Weights, error) {
	method, err := newMethod(c.Method)
	if err != nil {
		return nil, err
	}
	if err := c.Check(); err != nil {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "new model " + c.Method.String(), Err: err}
	}
	weights, random := engine.NewWeights(), rand.New(rand.NewPCG(seed, 0x10ca7e))
	c.init(weights, random)
	method.Init(weights, c, random)
	return weights, nil
}

// With returns a model over given weights, which must be those of its config by name and shape.
func With(e *engine.Engine, config Config, weights *engine.Weights) (*Model, error) {
	want, err := config.fresh(0)
	if err != nil {
		return nil, err
	}
	for _, name := range want.Names() {
		if got := weights.Shape(name); !slices.Equal(got, want.Shape(name)) {
			return nil, fmt.Errorf("model %s: parameter %s has shape %v, the config asks for %v", config.Method, name, got, want.Shape(name))
		}
	}
	for _, name := range weights.Names() {
		if !want.Has(name) {
			return nil, fmt.Errorf("model %s: the config knows no parameter %s", config.Method, name)
		}
	}
	method, err := newMethod(config.Method)
	if err != nil {
		return nil, err
	}
	m := &Model{Config: config, Method: method, Weights: weights, Engine: e}
	for _, program := range []struct {
		target **engine.Program
		build  engine.Func
	}{
		{&m.clips, func(vars engine.Vars, in []*Node) []*Node {
			videos := config.EncodeClips(vars, clipNodes(in), nil)
			var kept []*Node
			for _, modality := range videos.Modalities() {
				kept = append(kept, videos.Rows[modality])
			}
			return kept
		}},
		{&m.words, func(vars engine.Vars, in []*Node) []*Node {
			q := method.Query(vars, config.EncodeWords(vars, in[0], in[1], nil))
			return []*Node{q.Retrieve[Visual], q.Retrieve[Subtitle], q.Locate[Visual], q.Locate[Subtitle], q.Gate}
		}},
		{&m.pairs, m.compare},
	} {
		if *program.target, err = e.Compile(weights, program.build); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// compare is the graph of Compare, on what the words program returns, then mask and rows of videos and who has subtitles.
func (m *Model) compare(vars engine.Vars, in []*Node) []*Node {
	q := Comparison{Retrieve: [Modalities]*Node(in[:2]), Locate: [Modalities]*Node(in[2:4]), Gate: in[4]}
	videos := Context{Mask: in[5], Rows: [Modalities]*Node{Visual: in[6]}}
	if len(in) > 7 {
		videos.Rows[Subtitle], videos.Spoken = in[7], in[8]
	}
	similarities := Similarities
	if m.Method.Fused() {
		similarities = FusedSimilarities
	}
	start, end := m.Config.Boundaries(vars, m.Method, Curves(q, videos), ExpandAxes(videos.Mask, 0))
	return []*Node{similarities(q, videos), start, end}
}

// clipNodes takes the nodes of what clipInputs lays out.
func clipNodes(in []*Node) ClipNodes {
	nodes := ClipNodes{Features: [Modalities]*Node{Visual: in[0]}, Mask: in[1]}
	if len(in) > 2 {
		nodes.Features[Subtitle], nodes.Spoken = in[2], in[3]
	}
	return nodes
}

// Blocks in which work is done, so that memory stays bounded whatever is asked for.
const (
	blockClips = 1024 // clips encoded at a time
	blockTexts = 128  // texts encoded at a time
)

// EncodeVideos returns what an index keeps of each video. It sees no text, and no video moves what is made of another. A
// video of more clips than the model's Clips is looked at through overlapping windows, or pooled where the config says so.
// A model in parity mode compares padded videos, which an index cannot hold: that is an error, and Compare is the way.
func (m *Model) EncodeVideos(ctx context.Context, videos []align.Video) ([]Clips, error) {
	if m.Config.Parity {
		return nil, &sightline.Error{
			Kind: sightline.Usage, What: "encode videos for an index",
			Err: fmt.Errorf("in parity mode the padding of a video is part of its scores"), Try: "set parity: false in the model's config",
		}
	}
	kept, parts := make([]Clips, len(videos)), []sequence(nil)
	type origin struct {
		video int
		window
	}
	var origins []origin
	for i, video := range videos {
		s, err := m.Config.read(video)
		if err != nil {
			return nil, err
		}
		kept[i] = Clips{VideoID: video.ID, Spans: slices.Clone(s.spans)}
		for modality, rows := range s.rows {
			if rows.Rows > 0 {
				kept[i].Rows[modality] = sightline.NewMatrix(len(s.spans), m.Config.Hidden)
			}
		}
		for _, w := range windows(len(s.spans), m.Config.Clips) {
			parts, origins = append(parts, s.cut(w.from, w.to)), append(origins, origin{i, w})
		}
	}
	longest := 1
	for _, part := range parts {
		longest = max(longest, len(part.spans))
	}
	block := max(1, blockClips/longest)
	for from := 0; from < len(parts); from += block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		some := parts[from:min(from+block, len(parts))]
		out, err := m.clips.Run(m.Config.clipInputs(align.Fill(some, block))...)
		if err != nil {
			return nil, fmt.Errorf("encode videos: %w", err)
		}
		for modality, array := range out {
			values, length, width := engine.Values(array), array.Shape[1], array.Shape[2]
			for i := range some {
				o := origins[from+i]
				rows := kept[o.video].Rows[modality]
				if rows.Rows > 0 {
					at := i*length + o.keepFrom - o.from
					copy(rows.Data[o.keepFrom*width:o.keepTo*width], values[at*width:])
				}
			}
		}
	}
	return kept, nil
}

// readTexts runs the words program over blocks of texts.
func (m *Model) readTexts(ctx context.Context, texts []align.Sentence, each func(from, count int, out []engine.Array)) error {
	for from := 0; from < len(texts); from += blockTexts {
		if err := ctx.Err(); err != nil {
			return err
		}
		some := texts[from:min(from+blockTexts, len(texts))]
		in, err := m.Config.wordInputs(align.Fill(some, blockTexts))
		if err != nil {
			return err
		}
		out, err := m.words.Run(in...)
		if err != nil {
			return fmt.Errorf("encode texts: %w", err)
		}
		each(from, len(some), out)
	}
	return nil
}

// EncodeTexts returns what a search makes of each sentence from its Tokens, of which the first Words count. It sees no video.
func (m *Model) EncodeTexts(ctx context.Context, texts []align.Sentence) ([]Query, error) {
	all := make([]Query, 0, len(texts))
	err := m.readTexts(ctx, texts, func(_, count int, out []engine.Array) {
		row := func(i, of int) []float32 {
			width := out[of].Shape[1]
			return slices.Clone(engine.Values(out[of])[i*width : (i+1)*width])
		}
		for i := range count {
			q := Query{Gate: [Modalities]float32(row(i, 2*Modalities)), Fused: m.Method.Fused()}
			for modality := range Modalities {
				q.Retrieve[modality], q.Locate[modality] = row(i, modality), row(i, Modalities+modality)
			}
			all = append(all, q)
		}
	})
	return all, err
}

// Boundary returns the model's boundary filters.
func (m *Model) Boundary() Boundary {
	start, end := m.Method.Filters()
	return Boundary{Start: m.Weights.Float32s(start), End: m.Weights.Float32s(end)}
}

// Compared is what a model makes of A texts and N videos.
type Compared struct {
	Similarities sightline.Matrix   // φ [A, N]
	Start, End   []sightline.Matrix // for each video [A, L], logits of where a moment starts and ends
}

// Compare compares every text with every video without going over an index: the reference that a search must reach, and the
// only way to compare in parity mode. Videos of more clips than the model's Clips are pooled or an error.
func (m *Model) Compare(ctx context.Context, texts []align.Sentence, videos []align.Video) (Compared, error) {
	all := Compared{Similarities: sightline.NewMatrix(len(texts), len(videos))}
	parts, longest := make([]sequence, len(videos)), 1
	for n, video := range videos {
		var err error
		if parts[n], err = m.Config.read(video); err != nil {
			return Compared{}, err
		}
		clips := len(parts[n].spans)
		if clips > m.Config.Clips {
			return Compared{}, &sightline.Error{
				Kind: sightline.Usage, What: "compare video " + video.ID, Err: fmt.Errorf("it has %d clips, the model looks at %d", clips, m.Config.Clips),
				Try: "set pool: true in the model's config, or compare with what EncodeVideos makes of it",
			}
		}
		longest = max(longest, clips)
		all.Start = append(all.Start, sightline.NewMatrix(len(texts), clips))
		all.End = append(all.End, sightline.NewMatrix(len(texts), clips))
	}
	type block struct {
		from, count int
		queries     []engine.Array
	}
	var blocks []block
	err := m.readTexts(ctx, texts, func(from, count int, out []engine.Array) { blocks = append(blocks, block{from, count, out}) })
	if err != nil {
		return Compared{}, err
	}
	size := max(1, blockClips/longest)
	for at := 0; at < len(parts); at += size {
		some := parts[at:min(at+size, len(parts))]
		in := m.Config.clipInputs(align.Fill(some, size))
		rows, err := m.clips.Run(in...)
		if err != nil {
			return Compared{}, fmt.Errorf("compare: %w", err)
		}
		right := append([]engine.Array{in[1]}, rows...)
		if len(in) > 2 {
			right = append(right, in[3])
		}
		for _, left := range blocks {
			if err := ctx.Err(); err != nil {
				return Compared{}, err
			}
			out, err := m.pairs.Run(slices.Concat(left.queries, right)...)
			if err != nil {
				return Compared{}, fmt.Errorf("compare: %w", err)
			}
			shape := out[1].Shape // [A, N, L]
			for i := range left.count {
				a := left.from + i
				for n := range some {
					pair := i*shape[1] + n
					all.Similarities.Row(a)[at+n] = engine.Values(out[0])[pair]
					copy(all.Start[at+n].Row(a), engine.Values(out[1])[pair*shape[2]:])
					copy(all.End[at+n].Row(a), engine.Values(out[2])[pair*shape[2]:])
				}
			}
		}
	}
	return all, nil
}
