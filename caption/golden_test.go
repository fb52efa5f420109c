package caption

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/encoder/wordpiece"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/feature/npy"
	"sightline/internal/golden"
)

// goldenBeam is beam.json: what the official search found, for each beam, video and hypothesis.
type goldenBeam struct {
	Bos     int32 `json:"bos"`
	Eos     int32 `json:"eos"`
	Pad     int32 `json:"pad"`
	Heads   int   `json:"heads"`
	Results []struct {
		Beam     int         `json:"beam"`
		MaxWords int         `json:"max_words"`
		Hyps     [][][]int32 `json:"hyps"`
		Scores   [][]float32 `json:"scores"`
	} `json:"results"`
}

// tied is the name of the output layer's weight in the files, which is that of the words.
const tied = "classifier.cls.predictions.decoder.weight"

// officialDecoder returns a model whose decoder has the weights on file, and a visual side of the same sizes that the files say
// nothing of.
func officialDecoder(t *testing.T, want goldenBeam) *Model {
	t.Helper()
	state := golden.Open(t, "moments", "caption_decoder/state_dict.npz")
	words, positions := state.Array(wordTable), state.Array(positionTable)
	layers := 0
	for state.Archive[fmt.Sprintf("decoder.layer.%d.output.dense.bias", layers)].Shape != nil {
		layers++
	}
	config := Config{
		Width: words.Shape[1], Heads: want.Heads, Hidden: state.Array("decoder.layer.0.intermediate.dense.bias").Shape[0],
		Layers: layers, Words: positions.Shape[0], Frames: 8,
	}
	pieces := make([]string, words.Shape[0])
	for i := range pieces {
		pieces[i] = fmt.Sprintf("w%d", i)
	}
	pieces[want.Pad], pieces[want.Bos], pieces[want.Eos] = "[PAD]", "[CLS]", "[SEP]"
	pieces[slices.IndexFunc(pieces, func(p string) bool { return p[0] == 'w' })] = "[UNK]"
	vocabulary, err := wordpiece.Parse(strings.Join(pieces, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(enginetest.Open(t), config, vocabulary, align.Stored{VideoDim: 3, TextDim: 3}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, array := range state.Archive {
		own := decoderPrefix + name
		switch shape := m.Weights.Shape(own); {
		case name == tied:
			golden.Close(t, "tied weight", array.Float32s(), words.Float32s(), 0, 0)
		case !slices.Equal(shape, array.Shape):
			t.Fatalf("%s is %v on file, the model has %v", name, array.Shape, shape)
		default:
			m.Weights.Set(own, array.Float32s(), array.Shape...)
		}
	}
	for _, name := range m.Weights.Under(decoderPrefix).Names() {
		if _, ok := state.Archive[name]; !ok {
			t.Fatalf("the model has a parameter %s, the files do not", name)
		}
	}
	return m
}

func ints(array npy.Array) engine.Array {
	values := make([]int32, 0, len(array.Float64s()))
	for _, v := range array.Float64s() {
		values = append(values, int32(v))
	}
	return engine.Ints(values, array.Shape...)
}

func floats(array npy.Array) engine.Array { return engine.Floats(array.Float32s(), array.Shape...) }

func TestGoldenCaptionDecoder(t *testing.T) {
	var want goldenBeam
	golden.JSON(t, "moments", "caption_decoder/beam.json", &want)
	m := officialDecoder(t, want)
	vectors := golden.Open(t, "moments", "caption_decoder/teacher_forcing.npz")
	m.Weights.Set("states", vectors.Array("encoder_out").Float32s(), vectors.Array("encoder_out").Shape...)
	names, gradients := []string{"states"}, []string{"d_encoder_out"}
	for _, name := range slices.Sorted(maps.Keys(vectors.Archive)) {
		if own, ok := strings.CutPrefix(name, "g__"); ok {
			names, gradients = append(names, decoderPrefix+own), append(gradients, name)
		}
	}
	if len(names) != 1+len(m.Weights.Under(decoderPrefix).Names()) {
		t.Fatalf("there are gradients of %d parameters", len(names)-1)
	}
	program, err := m.Engine.Gradient(m.Weights, names, func(vars engine.Vars, in []*Node) []*Node {
		own, states := vars.Under(decoderPrefix), vars.Get("states")
		surprise := m.Config.surprise(own, states, in[0], in[1], in[2], in[3], transformer.NoDropout)
		counting := m.Config
		counting.CountPadding = true
		scores, _ := logits(own, m.Config.write(own, states, in[0], in[1], in[3], transformer.NoDropout))
		return []*Node{m.Config.mean(surprise, in[3]), counting.mean(surprise, in[3]), scores}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(floats(vectors.Array("encoder_mask")), ints(vectors.Array("input_ids")),
		ints(vectors.Array("target_ids")), floats(vectors.Array("decoder_mask")))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"loss_nopad", "loss_repo", "logits"} {
		golden.Close(t, name, engine.Values(out[i]), vectors.Array(name).Float32s(), golden.ForwardAbs, golden.ForwardRel)
	}
	for i, name := range gradients {
		golden.Close(t, name, engine.Values(out[3+i]), vectors.Array(name).Float32s(), golden.GradientAbs, golden.GradientRel)
	}
}

func TestGoldenCaptionBeam(t *testing.T) {
	var want goldenBeam
	golden.JSON(t, "moments", "caption_decoder/beam.json", &want)
	m := officialDecoder(t, want)
	vectors := golden.Open(t, "moments", "caption_decoder/teacher_forcing.npz")
	remember, err := m.Engine.Compile(m.Weights, func(vars engine.Vars, in []*Node) []*Node {
		return m.Config.memories(vars.Under(decoderPrefix), in[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	seen, err := remember.Run(floats(vectors.Array("encoder_out")))
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Results) == 0 {
		t.Fatal("there are no results on file")
	}
	for _, result := range want.Results {
		beams, err := m.search(t.Context(), slices.Clone(seen), floats(vectors.Array("encoder_mask")), len(result.Hyps), nil,
			Options{Beam: result.Beam, Words: result.MaxWords})
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range beams {
			for k, tokens := range result.Hyps[i] {
				what := fmt.Sprintf("beam %d, video %d, hypothesis %d", result.Beam, i, k)
				if !slices.Equal(b.hypotheses[k].tokens, tokens) {
					t.Errorf("%s is %v, want %v", what, b.hypotheses[k].tokens, tokens)
				}
				golden.Close(t, what, []float32{float32(b.hypotheses[k].score)}, result.Scores[i][k:k+1], golden.ForwardAbs, golden.ForwardRel)
			}
		}
	}
}
