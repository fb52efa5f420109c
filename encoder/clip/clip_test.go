package clip

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/encoder"
	"sightline/engine/enginetest"
	"sightline/feature/npy"
	"sightline/internal/golden"
	"sightline/internal/safetensors"
)

var (
	_ encoder.FrameEncoder = (*Model)(nil)
	_ encoder.TextEncoder  = (*Model)(nil)
)

// openTest opens the model in testdata/hf.
func openTest(t *testing.T, folder string) *Model {
	t.Helper()
	m, err := Open(enginetest.Open(t), folder)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// copyModel returns a folder with the model in testdata/hf, to be damaged.
func copyModel(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("testdata/hf")); err != nil {
		t.Fatal(err)
	}
	return folder
}

func picturesOf(t *testing.T, expected npy.Archive) []sightline.Frame {
	t.Helper()
	array := expected["pictures"]
	n, height, width := array.Shape[0], array.Shape[1], array.Shape[2]
	frames := make([]sightline.Frame, n)
	values := array.Ints()
	for i := range frames {
		rgb := make([]byte, 3*height*width)
		for k := range rgb {
			rgb[k] = byte(values[i*len(rgb)+k])
		}
		frames[i] = sightline.Frame{Width: width, Height: height, RGB: rgb}
	}
	return frames
}

func textsOf(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/hf/texts.json")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	if err := json.Unmarshal(text, &texts); err != nil {
		t.Fatal(err)
	}
	return texts
}

// testdata/make_hf.py computed the vectors with PyTorch, from pixels and words.
func TestEncodesLikePyTorch(t *testing.T) {
	expected, err := npy.Open("testdata/expected.npz")
	if err != nil {
		t.Fatal(err)
	}
	m := openTest(t, "testdata/hf")
	frames, err := m.EncodeFrames(t.Context(), picturesOf(t, expected))
	if err != nil {
		t.Fatal(err)
	}
	golden.Close(t, "frames", frames.Data, expected["frames"].Float32s(), golden.ForwardAbs, golden.ForwardRel)
	texts, err := m.EncodeTexts(t.Context(), textsOf(t))
	if err != nil {
		t.Fatal(err)
	}
	golden.Close(t, "texts", texts.Data, expected["texts"].Float32s(), golden.ForwardAbs, golden.ForwardRel)
	if m.FrameDim() != frames.Cols || m.TextDim() != texts.Cols || m.FrameSize() != 16 {
		t.Errorf("dimensions %d, %d, side %d do not fit the vectors %d, %d", m.FrameDim(), m.TextDim(), m.FrameSize(), frames.Cols, texts.Cols)
	}
	if name := m.Preprocess(); !strings.HasPrefix(name, "clip-bicubic-16-mean") {
		t.Errorf("preprocessing is named %q", name)
	}
}

func TestARowDependsOnItsItemAlone(t *testing.T) {
	m := openTest(t, "testdata/hf")
	random := rand.New(rand.NewPCG(3, 4))
	frames := make([]sightline.Frame, 300) // more than a batch
	texts := make([]string, 41)
	for i := range frames {
		rgb := make([]byte, 3*16*20)
		for k := range rgb {
			rgb[k] = byte(random.UintN(256))
		}
		frames[i] = sightline.Frame{Width: 20, Height: 16, RGB: rgb}
	}
	for i := range texts {
		texts[i] = strings.Repeat("ab c", random.IntN(6)) + string(rune('a'+i%26))
	}
	together, err := m.EncodeFrames(t.Context(), frames)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 150, 299} {
		alone, err := m.EncodeFrames(t.Context(), frames[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, "frame", together.Row(i), alone.Data, golden.ForwardAbs, golden.ForwardRel)
	}
	together, err = m.EncodeTexts(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		alone, err := m.EncodeTexts(t.Context(), []string{text})
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, text, together.Row(i), alone.Data, golden.ForwardAbs, golden.ForwardRel)
	}
}

func TestEncodeNothingAndStop(t *testing.T) {
	m := openTest(t, "testdata/hf")
	if frames, err := m.EncodeFrames(t.Context(), nil); err != nil || frames.Rows != 0 || frames.Cols != 8 {
		t.Errorf("no frames: %d×%d, %v", frames.Rows, frames.Cols, err)
	}
	if texts, err := m.EncodeTexts(t.Context(), nil); err != nil || texts.Rows != 0 || texts.Cols != 8 {
		t.Errorf("no texts: %d×%d, %v", texts.Rows, texts.Cols, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := m.EncodeTexts(ctx, []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("texts after the end of the context: %v", err)
	}
	if _, err := m.EncodeFrames(ctx, []sightline.Frame{{Width: 1, Height: 1, RGB: []byte{1, 2, 3}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("frames after the end of the context: %v", err)
	}
	if _, err := m.EncodeFrames(t.Context(), []sightline.Frame{{Width: 2, Height: 2, RGB: []byte{1}}}); err == nil {
		t.Error("a frame without its bytes was encoded")
	}
}

// A folder in OpenAI's names and another precision computes the same, up to that precision.
func TestOpenReadsOtherLayouts(t *testing.T) {
	c, weights, err := ReadWeights("testdata/hf")
	if err != nil {
		t.Fatal(err)
	}
	if got := weights.Float32s("logit_scale"); len(got) != 1 || got[0] != 2.5 {
		t.Errorf("logit_scale is %v, want 2.5", got)
	}
	want, err := openTest(t, "testdata/hf").EncodeTexts(t.Context(), textsOf(t))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{openTest(t, "testdata/hf").ID().String(): true}
	for precision, tolerance := range map[safetensors.Precision]float64{safetensors.F32: 1e-6, safetensors.F16: 1e-2} {
		folder := copyModel(t)
		if err := os.Remove(filepath.Join(folder, "model.safetensors.index.json")); err != nil {
			t.Fatal(err)
		}
		if err := weights.Save(filepath.Join(folder, "model.safetensors"), precision); err != nil {
			t.Fatal(err)
		}
		m := openTest(t, folder)
		got, err := m.EncodeTexts(t.Context(), textsOf(t))
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, string(precision), got.Data, want.Data, tolerance, tolerance)
		if ids[m.ID().String()] || m.ID().Name != c.kind() {
			t.Errorf("%s: id %v is not its own", precision, m.ID())
		}
		ids[m.ID().String()] = true
	}
}

func TestIDFollowsWeightsAndConfiguration(t *testing.T) {
	first, again := openTest(t, "testdata/hf"), openTest(t, copyModel(t))
	if first.ID() != again.ID() {
		t.Errorf("a copy of the model has id %v, the model %v", again.ID(), first.ID())
	}
	folder := copyModel(t)
	edit(t, folder, "config.json", `"gelu"`, `"quick_gelu"`)
	if other := openTest(t, folder); other.ID() == first.ID() {
		t.Error("another activation has the same id")
	}
}

// edit replaces text in a file of the folder.
func edit(t *testing.T, folder, name, from, to string) {
	t.Helper()
	path := filepath.Join(folder, name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		t.Fatalf("%s does not hold %s", name, from)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), from, to)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOpenExplainsWhatIsWrong(t *testing.T) {
	remove := func(names ...string) func(t *testing.T, folder string) {
		return func(t *testing.T, folder string) {
			for _, name := range names {
				if err := os.Remove(filepath.Join(folder, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	replace := func(name, from, to string) func(t *testing.T, folder string) {
		return func(t *testing.T, folder string) { edit(t, folder, name, from, to) }
	}
	for want, damage := range map[string]func(t *testing.T, folder string){
		"config.json: no such file":        remove("config.json"),
		"tokenizer.json: no such file":     remove("vocab.json"),
		"neither model.safetensors":        remove("model.safetensors.index.json"),
		"shard model-00001":                remove("model-00001-of-00002.safetensors"),
		`model_type is "siglip"`:           replace("config.json", `"clip"`, `"siglip"`),
		`hidden_act "swish"`:               replace("config.json", `"gelu"`, `"swish"`),
		"no multiple of patch_size":        replace("config.json", `"patch_size": 8`, `"patch_size": 7`),
		"num_hidden_layers is -2":          replace("config.json", `"num_hidden_layers": 2`, `"num_hidden_layers": -2`),
		"layers.2.self_attn.q_proj.weight": replace("config.json", `"num_hidden_layers": 2`, `"num_hidden_layers": 3`),
		"has shape":                        replace("config.json", `"hidden_size": 16`, `"hidden_size": 18`),
		"up to 600, the model knows 514":   replace("vocab.json", `"<|endoftext|>"`, `"extra": 600, "<|endoftext|>"`),
		"resample is 2":                    replace("preprocessor_config.json", `"resample": 3`, `"resample": 2`),
		"size is 32":                       replace("preprocessor_config.json", `"shortest_edge": 16`, `"shortest_edge": 32`),
		"image_std is":                     replace("preprocessor_config.json", `0.25`, `0.0`),
		"Python pickle": func(t *testing.T, folder string) {
			remove("model.safetensors.index.json")(t, folder)
			if err := os.WriteFile(filepath.Join(folder, "pytorch_model.bin"), []byte("PK\x03\x04"), 0o644); err != nil {
				t.Fatal(err)
			}
		},
	} {
		folder := copyModel(t)
		damage(t, folder)
		_, err := Open(enginetest.Open(t), folder)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), folder) || sightline.TryOf(err) == "" {
			t.Errorf("error %v (try %q), want one that names the folder, says %q and what to try", err, sightline.TryOf(err), want)
		}
	}
}

func TestConfigOfPublishedModels(t *testing.T) {
	for _, test := range []struct {
		text string
		kind string
		end  int32
		act  string
	}{
		{`{"model_type":"clip","text_config":{"eos_token_id":2},"text_config_dict":null}`, "clip-vit-b-32", legacyEnd, "quick_gelu"},
		{`{"model_type":"clip","projection_dim":768,
			"vision_config":{"hidden_size":1024,"intermediate_size":4096,"num_hidden_layers":24,"num_attention_heads":16,"patch_size":14,"image_size":336},
			"text_config":{"hidden_size":768,"intermediate_size":3072,"num_attention_heads":12}}`, "clip-vit-l-14-336", 49407, "quick_gelu"},
		{`{"model_type":"clip","projection_dim":1024,
			"vision_config":{"hidden_act":"gelu","hidden_size":1280,"intermediate_size":5120,"num_hidden_layers":32,"num_attention_heads":16,"patch_size":14},
			"vision_config_dict":{"hidden_act":"gelu"},
			"text_config":{"hidden_act":"gelu","hidden_size":1024,"intermediate_size":4096,"num_hidden_layers":24,"num_attention_heads":16,"eos_token_id":49407}}`,
			"clip-vit-h-14", 49407, "gelu"},
	} {
		var c Config
		if err := c.parse([]byte(test.text)); err != nil {
			t.Fatal(err)
		}
		if c.kind() != test.kind || c.Text.End != test.end || c.Vision.Activation != test.act {
			t.Errorf("%s, end %d, %s; want %s, %d, %s", c.kind(), c.Text.End, c.Vision.Activation, test.kind, test.end, test.act)
		}
	}
}

// OpenAI's ViT-B/32 has 151,277,313 parameters, the logit scale included.
func TestInitCountsParameters(t *testing.T) {
	count := 1
	c := ViTB32()
	for _, p := range append(c.visionParameters(), c.textParameters()...) {
		size := 1
		for _, d := range p.shape {
			size *= d
		}
		count += size
	}
	if count != 151_277_313 {
		t.Errorf("ViT-B/32 has %d parameters, want 151277313", count)
	}
	c.Vision.Layers, c.Text.Layers, c.Text.Vocabulary = 1, 1, 600
	weights := c.Init(rand.New(rand.NewPCG(1, 2)))
	for _, p := range append(c.visionParameters(), c.textParameters()...) {
		if !slices.Equal(weights.Shape(p.name), p.shape) {
			t.Errorf("initial %s has shape %v, want %v", p.name, weights.Shape(p.name), p.shape)
		}
	}
}

func TestEndOfText(t *testing.T) {
	var c Config
	for _, test := range []struct {
		end  int32
		ids  []int32
		want int32
	}{
		{legacyEnd, []int32{5, 2, 9, 0, 0}, 2},
		{legacyEnd, []int32{5, 9, 9}, 1}, // the first of the largest, as argmax
		{7, []int32{5, 9, 7, 7}, 2},
		{7, []int32{5, 9, 1}, 1}, // without its end a text is read as the old convention does
	} {
		c.Text.End = test.end
		if got := c.endOf(test.ids); got != test.want {
			t.Errorf("end %d in %v is at %d, want %d", test.end, test.ids, got, test.want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"model_type":"clip","text_config":{"eos_token_id":2},"size":{"shortest_edge":224}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var c Config
		if c.parse(text) == nil && (c.Vision.Width%c.Vision.Heads != 0 || math.IsNaN(c.Text.Epsilon)) {
			t.Errorf("%s is taken for %+v", text, c)
		}
		_ = c.parsePreprocessor(text)
	})
}

// Word vectors are what sentences are read from: that of an empty text is its closing token's, and a text's words do not
// depend on its company.
func TestEncodeWords(t *testing.T) {
	m := openTest(t, "testdata/hf")
	texts := []string{"A cat &amp; a dog", "", "a dog"}
	all, err := m.EncodeWords(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		alone, err := m.EncodeWords(t.Context(), []string{text})
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, text, all[i].Vectors.Data, alone[0].Vectors.Data, 1e-5, 1e-4)
		if all[i].Vectors.Rows != len(all[i].Offsets) || all[i].Vectors.Cols != m.WordDim() {
			t.Errorf("%q has vectors of shape [%d, %d] and %d offsets", text, all[i].Vectors.Rows, all[i].Vectors.Cols, len(all[i].Offsets))
		}
	}
	if got := all[0].Text; got != "a cat & a dog" {
		t.Errorf("the text is read as %q", got)
	}
	var joined string
	for _, offset := range all[0].Offsets {
		joined += all[0].Text[offset[0]:offset[1]]
	}
	if joined != "acat&adog" {
		t.Errorf("the tokens cover %q", joined)
	}
}
