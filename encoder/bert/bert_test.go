package bert

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/align/taco/tagger"
	"sightline/encoder"
	"sightline/engine/enginetest"
	"sightline/internal/golden"
	"sightline/internal/safetensors"
)

var (
	_ encoder.TextEncoder = (*Model)(nil)
	_ encoder.WordEncoder = (*Model)(nil)
)

const small = "testdata/bert"

func openSmall(t *testing.T) *Model {
	t.Helper()
	m, err := Open(enginetest.Open(t), small)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Whatever is written, a sentence has a vector and words that lie in it in order, and neither depends on its company.
func TestEveryTextHasVectors(t *testing.T) {
	m := openSmall(t)
	texts := []string{
		"", " ", "\x00\xff\xfe", "🎸", "👩‍👩‍👧🎸", "一个男人", "a dog", "[MASK] [SEP] [CLS]", strings.Repeat("a dog catches the ", 2500),
		strings.Repeat("frisbee", 5000), strings.Repeat("\u0301", 300), "unaffable", strings.Repeat("一", 3000),
	}
	for range 40 { // more than a batch
		texts = append(texts, "the woman opens the door")
	}
	sentences, err := m.EncodeTexts(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	all, err := m.EncodeWords(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts[:14] {
		name := text[:min(len(text), 30)]
		alone, err := m.EncodeTexts(t.Context(), []string{text})
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, name, sentences.Row(i), alone.Data, golden.ForwardAbs, golden.ForwardRel)
		words := all[i]
		if words.Text != text || words.Vectors.Rows != len(words.Offsets) || words.Vectors.Rows < 1 || words.Vectors.Rows > m.Config.Positions-2 {
			t.Errorf("%q: %d vectors and %d places", name, words.Vectors.Rows, len(words.Offsets))
		}
		end := 0
		for _, offset := range words.Offsets {
			if offset[0] < end || offset[1] < offset[0] || offset[1] > len(text) || offset[0] == offset[1] && len(words.Offsets) > 1 {
				t.Errorf("%q: a piece at %v behind %d", name, offset, end)
			}
			end = offset[1]
		}
	}
	if got := all[8].Vectors.Rows; got != m.Config.Positions-2 {
		t.Errorf("of 10,000 words %d are read, there are %d positions", got, m.Config.Positions)
	}
	if got := all[6].Offsets; !slices.Equal(got, [][2]int{{0, 1}, {2, 5}}) {
		t.Errorf("the words of %q stand at %v", texts[6], got)
	}
	if got := all[11].Offsets; !slices.Equal(got, [][2]int{{0, 3}, {3, 6}, {6, 9}}) {
		t.Errorf("the pieces of %q stand at %v", texts[11], got)
	}
	for _, id := range []int32{m.Vocabulary.Start, m.Vocabulary.End} {
		ids, _ := m.tokens(texts[7])
		if n := len(slices.DeleteFunc(ids, func(other int32) bool { return other != id })); n != 1 {
			t.Errorf("a text that spells out special pieces has %d of id %d", n, id)
		}
	}
}

func TestEncodeNothingAndStop(t *testing.T) {
	m := openSmall(t)
	if out, err := m.EncodeTexts(t.Context(), nil); err != nil || out.Rows != 0 || out.Cols != m.TextDim() {
		t.Errorf("no texts: %d×%d, %v", out.Rows, out.Cols, err)
	}
	if out, err := m.EncodeWords(t.Context(), nil); err != nil || len(out) != 0 {
		t.Errorf("no texts: %v, %v", out, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := m.EncodeTexts(ctx, []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("texts after the end of the context: %v", err)
	}
	if _, err := m.EncodeWords(ctx, []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("words after the end of the context: %v", err)
	}
}

// copied returns a folder with the small model.
func copied(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(small)); err != nil {
		t.Fatal(err)
	}
	return folder
}

// edit replaces text in a file of a folder.
func edit(t *testing.T, folder, name, from, to string) {
	t.Helper()
	path := filepath.Join(folder, name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		t.Fatalf("%s holds no %q", name, from)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// rewrite stores the small model's tensors under other names and values.
func rewrite(t *testing.T, folder string, precision safetensors.Precision, change func(*safetensors.Tensor)) {
	t.Helper()
	file, err := safetensors.Open(small)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var tensors []safetensors.Tensor
	for _, name := range file.Names() {
		info, _ := file.Info(name)
		data, err := file.Float32s(name)
		if err != nil {
			t.Fatal(err)
		}
		tensor := safetensors.Tensor{Name: name, Shape: info.Shape, Data: data}
		change(&tensor)
		tensors = append(tensors, tensor)
	}
	if err := safetensors.Write(filepath.Join(folder, "model.safetensors"), nil, precision, tensors); err != nil {
		t.Fatal(err)
	}
}

// A file named as BertModel saves it today computes the same, and so up to its precision does one in float16.
func TestOpenReadsOtherLayouts(t *testing.T) {
	texts := []string{"a dog catches a frisbee", ""}
	want, err := openSmall(t).EncodeTexts(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	today := strings.NewReplacer("bert.", "", ".gamma", ".weight", ".beta", ".bias")
	ids := map[sightline.ModelID]bool{openSmall(t).ID(): true}
	for precision, tolerance := range map[safetensors.Precision]float64{safetensors.F32: 0, safetensors.F16: 1e-2} {
		folder := copied(t)
		rewrite(t, folder, precision, func(tensor *safetensors.Tensor) { tensor.Name = today.Replace(tensor.Name) })
		edit(t, folder, "config.json", ` "model_type": "bert",`, "")
		m, err := Open(enginetest.Open(t), folder)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.EncodeTexts(t.Context(), texts)
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, folder, got.Data, want.Data, tolerance, tolerance)
		if !Is(folder) {
			t.Error("a folder without a model_type is not seen to be a BERT")
		}
		ids[m.ID()] = true
	}
	folder := copied(t)
	edit(t, folder, "vocab.txt", "dog", "dug")
	m, err := Open(enginetest.Open(t), folder)
	if err != nil {
		t.Fatal(err)
	}
	if ids[m.ID()] = true; len(ids) != 4 {
		t.Errorf("four models have %d IDs: %v", len(ids), ids)
	}
}

func TestOpenExplainsWhatIsWrong(t *testing.T) {
	remove := func(name string) func(string) {
		return func(folder string) {
			if err := os.Remove(filepath.Join(folder, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace := func(name, from, to string) func(string) {
		return func(folder string) { edit(t, folder, name, from, to) }
	}
	write := func(name, text string) func(string) {
		return func(folder string) {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for want, damage := range map[string]func(folder string){
		"config.json: no such file":             remove("config.json"),
		"vocab.txt: no such file":               remove("vocab.txt"),
		"neither model.safetensors":             remove("model.safetensors"),
		`model_type is "roberta"`:               replace("config.json", `"bert"`, `"roberta"`),
		`hidden_act "relu"`:                     replace("config.json", `"gelu"`, `"relu"`),
		`position_embedding_type "relative_key`: replace("config.json", `{`, `{"position_embedding_type": "relative_key",`),
		"is_decoder is true":                    replace("config.json", `{`, `{"is_decoder": true,`),
		"no multiple of 5 attention heads":      replace("config.json", `"num_attention_heads": 3`, `"num_attention_heads": 5`),
		"max_position_embeddings is 2":          replace("config.json", `"max_position_embeddings": 40`, `"max_position_embeddings": 2`),
		"layer_norm_eps is 0":                   replace("config.json", `0.001`, `0`),
		"encoder.layer.2.attention.self.query.weight (or bert.encoder.layer.2": replace("config.json", `"num_hidden_layers": 2`, `"num_hidden_layers": 3`),
		"has shape [40 24], config.json makes it [41 24]":                      replace("config.json", `"intermediate_size": 40`, `"intermediate_size": 41`),
		"288 pieces, and the model has vectors of 287":                         replace("vocab.txt", "dog\n", "dog\ncat\n"),
		"287 pieces, and the model has vectors of 30522":                       replace("config.json", `"vocab_size": 287`, `"vocab_size": 30522`),
		`"Dog" has a capital letter`:                                           replace("vocab.txt", "dog\n", "Dog\n"),
		"it has no [CLS]":                                                      replace("vocab.txt", "[CLS]", "[cls]"),
		"do_lower_case is false":                                               write("tokenizer_config.json", `{"do_lower_case": false}`),
		"tokenizer_config.json: unexpected end":                                write("tokenizer_config.json", `{`),
	} {
		folder := copied(t)
		damage(folder)
		_, err := Open(enginetest.Open(t), folder)
		if err == nil || !strings.Contains(err.Error(), want) || sightline.TryOf(err) == "" {
			t.Errorf("the error is %v (try: %s), want %q", err, sightline.TryOf(err), want)
		}
	}
}

func TestWeightsThatAreNoNumbersGiveAnError(t *testing.T) {
	folder := copied(t)
	rewrite(t, folder, safetensors.F32, func(tensor *safetensors.Tensor) {
		if strings.HasSuffix(tensor.Name, "layer.1.output.dense.bias") {
			tensor.Data[3] = float32(math.NaN())
		}
	})
	m, err := Open(enginetest.Open(t), folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.EncodeTexts(t.Context(), []string{"a dog"}); err == nil {
		t.Error("a sentence has a vector that is no number")
	}
	if _, err := m.EncodeWords(t.Context(), []string{"a dog"}); err == nil {
		t.Error("words have vectors that are no numbers")
	}
}

func TestIs(t *testing.T) {
	for folder, want := range map[string]bool{small: true, "../clip/testdata/hf": false, "../tiny/checkpoint": false, t.TempDir(): false} {
		if Is(folder) != want {
			t.Errorf("%s is a BERT: %v", folder, !want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"model_type":"bert","hidden_size":24,"layer_norm_eps":1e-12,"do_lower_case":true}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var c Config
		if c.parse(text) == nil && (c.Width%c.Heads != 0 || c.Positions < 3 || math.IsNaN(c.Epsilon)) {
			t.Errorf("%s is taken for %+v", text, c)
		}
		_ = checkTokenizer(text)
	})
}

// The pieces of a word weigh what the word does, wherever they are cut: TACo finds them by their bytes.
func TestPiecesShareTheWeightOfTheirWord(t *testing.T) {
	const text = "the Unaffable dog"
	all, err := openSmall(t).EncodeWords(t.Context(), []string{text})
	if err != nil {
		t.Fatal(err)
	}
	idf := tagger.IDF{Captions: 8, Counts: map[string]int{"unaffable": 2, "dog": 4, "the": 8}}
	weights, err := tagger.Weights(tagger.List{}, tagger.NounsVerbs, idf, all[0].Text, all[0].Offsets)
	if err != nil {
		t.Fatal(err)
	}
	word, dog := float32(math.Log(4)), float32(math.Log(2))
	if want := []float32{0, word, word, word, dog}; !slices.Equal(weights, want) {
		t.Errorf("the pieces weigh %v, want %v", weights, want)
	}
}
