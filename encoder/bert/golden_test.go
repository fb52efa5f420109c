package bert

import (
	"path/filepath"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/internal/golden"
	"sightline/internal/safetensors"
)

// testdata/make_hf.py computed the hidden states with PyTorch; the ids are those of Hugging Face's tokenizer.
func TestGoldenBERT(t *testing.T) {
	folder := golden.Path(t, "retrieval", "bert")
	v := golden.Open(t, "retrieval", filepath.Join("bert", "expected.npz"))
	var texts []string
	golden.JSON(t, "retrieval", filepath.Join("bert", "texts.json"), &texts)
	e := enginetest.Open(t)
	m, err := Open(e, folder)
	if err != nil {
		t.Fatal(err)
	}
	lengths, ids, offsets := v.Array("length").Ints(), v.Array("ids"), v.Array("offsets").Ints()
	longest := ids.Shape[1]
	if len(lengths) != len(texts) {
		t.Fatalf("%d sentences with %d lengths", len(texts), len(lengths))
	}

	// Pieces and where they stand.
	for n, text := range texts {
		ours, places := m.tokens(text)
		want := ids.Ints()[n*longest:][:lengths[n]]
		if !slices.EqualFunc(ours, want, func(a int32, b int) bool { return int(a) == b }) {
			t.Errorf("%q has the pieces %v, want %v", text, ours, want)
			continue
		}
		for i, place := range places {
			from, to := offsets[2*(n*longest+i+1)], offsets[2*(n*longest+i+1)+1]
			if place != [2]int{from, to} {
				t.Errorf("%q: piece %d stands at %v, want [%d %d]", text, i, place, from, to)
			}
		}
	}

	// What every layer makes of them.
	file, err := safetensors.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	names, err := m.Config.find(file)
	if err != nil {
		t.Fatal(err)
	}
	weights, err := read(file, names)
	if err != nil {
		t.Fatal(err)
	}
	program, err := e.Compile(weights, func(vars engine.Vars, in []*Node) []*Node { return m.Config.States(vars, in[0], in[1]) })
	if err != nil {
		t.Fatal(err)
	}
	padded, mask := make([]int32, ids.Len()), make([]float32, ids.Len())
	for i, id := range ids.Ints() {
		padded[i] = int32(id)
		if i%longest < lengths[i/longest] {
			mask[i] = 1
		}
	}
	states, err := program.Run(engine.Ints(padded, ids.Shape...), engine.Floats(mask, ids.Shape...))
	if err != nil {
		t.Fatal(err)
	}
	hidden := v.Array("hidden")
	if len(states) != hidden.Shape[0] || m.Config.Width != hidden.Shape[3] {
		t.Fatalf("%d states of width %d, want %v", len(states), m.Config.Width, hidden.Shape)
	}
	size := m.Config.Width * longest
	for layer, state := range states {
		for n, text := range texts {
			there := lengths[n] * m.Config.Width
			want := hidden.Float32s()[(layer*len(texts)+n)*size:][:there]
			golden.Close(t, text, engine.Values(state)[n*size:][:there], want, golden.ForwardAbs, golden.ForwardRel)
		}
	}

	// What leaves the encoder.
	sentences, err := m.EncodeTexts(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	golden.Close(t, "[CLS]", sentences.Data, v.Array("cls").Float32s(), golden.ForwardAbs, golden.ForwardRel)
	words, err := m.EncodeWords(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	for n, text := range texts {
		want := hidden.Float32s()[((len(states)-1)*len(texts)+n)*size:][m.Config.Width:][:max(1, lengths[n]-2)*m.Config.Width]
		golden.Close(t, "words of "+text, words[n].Vectors.Data, want, golden.ForwardAbs, golden.ForwardRel)
	}
}
