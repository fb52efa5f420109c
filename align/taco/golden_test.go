package taco_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align/taco"
	"sightline/align/taco/tagger"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/internal/golden"
)

// setup is what the golden files say of themselves.
type setup struct {
	Captions []struct {
		Text   string     `json:"text"`
		Tags   []string   `json:"tags"`
		Pieces [][]string `json:"pieces"`
	} `json:"captions"`
	IDF    map[string]float64 `json:"idf"`
	Rare   float64            `json:"idf_default"`
	Heads  int                `json:"heads"`
	Hard   int                `json:"k"`
	Lambda float64            `json:"lambda_t"`
	Tau1   float64            `json:"tau1"`
	Tau2   float64            `json:"tau2"`
}

const area = "moments"

func open(t *testing.T, name string) golden.Vectors {
	t.Helper()
	return golden.Open(t, area, "taco/"+name+".npz")
}

func readSetup(t *testing.T) setup {
	t.Helper()
	var s setup
	golden.JSON(t, area, "taco/setup.json", &s)
	return s
}

// loaded returns the reference's weights, with the features of videos and the words' vectors as further parameters, so that
// they have gradients, and the config of their shapes.
func loaded(t *testing.T) (*engine.Weights, taco.Config) {
	t.Helper()
	weights, c, s := engine.NewWeights(), taco.Default(), readSetup(t)
	for name, array := range open(t, "state_dict").Archive {
		weights.Set(name, array.Float32s(), array.Shape...)
	}
	inputs := open(t, "inputs")
	for _, name := range []string{"video", "text"} {
		array := inputs.Array(name)
		weights.Set("input_"+name, array.Float32s(), array.Shape...)
	}
	count := func(prefix string) (layers int) {
		for weights.Has(fmt.Sprintf("%s.%d.q.weight", prefix, layers)) {
			layers++
		}
		return layers
	}
	c.Hidden, c.Heads = weights.Shape("vproj.weight")[0], s.Heads
	c.VideoLayers, c.FusionLayers = count("vlayers"), count("flayers")
	c.L2, c.Tau1, c.Tau2, c.Hard, c.Sum = s.Lambda, s.Tau1, s.Tau2, s.Hard, true
	return weights, c
}

// masks are those of videos and texts, and the weights of the tokens.
func masks(t *testing.T) []engine.Array {
	inputs := open(t, "inputs")
	var all []engine.Array
	for _, name := range []string{"video_mask", "text_mask", "token_weights"} {
		array := inputs.Array(name)
		all = append(all, engine.Floats(array.Float32s(), array.Shape...))
	}
	return all
}

func pairs(vars engine.Vars, c taco.Config, in []*Node) taco.Pairs {
	y := vars.Get("input_text")
	return taco.Pairs{
		Videos: c.EncodeFrames(vars, vars.Get("input_video"), in[0], nil), VideoMask: in[0],
		Texts: y, TextMask: in[1], Weights: in[2], Start: y.Shape().Dim(1),
	}
}

func floats(x *Node) *Node { return ConvertDType(x, dtypes.Float32) }

func run(t *testing.T, weights *engine.Weights, parameters []string, build engine.Func) []engine.Array {
	t.Helper()
	e := enginetest.Open(t)
	program, err := e.Compile(weights, build)
	if parameters != nil {
		program, err = e.Gradient(weights, parameters, build)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(masks(t)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Encodings, the three scores of all pairs, mined negatives, fused candidates and the parts of the loss.
func TestGoldenTACo(t *testing.T) {
	weights, c := loaded(t)
	outputs := open(t, "outputs")
	out := run(t, weights, nil, func(vars engine.Vars, in []*Node) []*Node {
		p := pairs(vars, c, in)
		l := c.Losses(vars, p)
		tokens := taco.TokenScores(p.Videos, p.VideoMask, p.Texts)
		weighted := c
		weighted.Weighted = true
		w := weighted.Losses(vars, p)
		nodes := []*Node{
			p.Videos, l.SentenceScores, tokens, l.TokenScores, floats(l.NegativeVideos.Rows), floats(l.NegativeTexts.Rows),
			l.Sentence, l.Token, l.TextToVideo, l.VideoToText, l.TextLogits, l.VideoLogits, c.Objective(l, 1)[0],
			w.TokenScores, floats(w.NegativeVideos.Rows), floats(w.NegativeTexts.Rows), weighted.Objective(w, 1)[0],
		}
		n := p.Videos.Shape().Dim(0)
		var left, right [][]int64
		for i := range p.Texts.Shape().Dim(0) {
			for j := range n {
				left, right = append(left, []int64{int64(i)}), append(right, []int64{int64(j)})
			}
		}
		g := p.Texts.Graph()
		fused := c.Fuse(vars, taco.Fused{Videos: p.Videos, VideoMask: p.VideoMask, Texts: p.Texts, TextMask: p.TextMask, Video: Const(g, right), Text: Const(g, left), Start: p.Start})
		fused = Reshape(fused, -1, n) // S3 of all pairs
		return append(nodes, fused, l.SentenceScores, l.TokenScores, Add(Add(fused, l.SentenceScores), l.TokenScores))
	})
	for i, name := range []string{
		"x", "S1", "T", "S2", "neg_v", "neg_t", "l1", "l2", "l3_t2v", "l3_v2t", "fusion_t2v", "fusion_v2t", "total",
		"S2_weighted", "neg_v_weighted", "neg_t_weighted", "total_weighted", "score_l3", "score_l1", "score_l2", "score",
	} {
		want := outputs.Array(name)
		abs, rel := golden.ForwardAbs, golden.ForwardRel
		if strings.HasPrefix(name, "neg_") {
			abs, rel = 0, 0
		}
		golden.Close(t, name, engine.Values(out[i]), want.Float32s(), abs, rel)
	}
}

// Gradients of every part and of the whole, with respect to parameters and features.
func TestGoldenTACoGradients(t *testing.T) {
	weights, c := loaded(t)
	stored := open(t, "grads")
	for _, loss := range []string{"l1", "l2", "l3", "total"} {
		t.Run(loss, func(t *testing.T) {
			var parameters []string
			for name := range stored.Archive {
				if rest, ok := strings.CutPrefix(name, loss+"__"); ok {
					parameters = append(parameters, rest)
				}
			}
			if len(parameters) == 0 {
				t.Fatal("the file has no gradient of this loss")
			}
			slices.Sort(parameters)
			out := run(t, weights, parameters, func(vars engine.Vars, in []*Node) []*Node {
				l := c.Losses(vars, pairs(vars, c, in))
				return []*Node{map[string]*Node{
					"l1": l.Sentence, "l2": l.Token, "l3": Add(l.TextToVideo, l.VideoToText), "total": c.Objective(l, 1)[0],
				}[loss]}
			})
			for i, name := range parameters {
				golden.Close(t, "gradient of "+name, engine.Values(out[1+i]), stored.Array(loss+"__"+name).Float32s(), golden.GradientAbs, golden.GradientRel)
			}
		})
	}
}

// From captions with their tags to the weights of tokens.
func TestGoldenTACoWeights(t *testing.T) {
	s, want := readSetup(t), open(t, "inputs").Array("token_weights")
	var lines, captions []string
	for _, caption := range s.Captions {
		words := `"` + strings.Join(strings.Fields(caption.Text), `","`) + `"`
		lines = append(lines, fmt.Sprintf(`{"text": %q, "words": [%s], "tags": ["%s"]}`, caption.Text, words, strings.Join(caption.Tags, `","`)))
		captions = append(captions, caption.Text)
	}
	tags, err := tagger.ReadFile("tags.jsonl", strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	idf, err := tagger.Count(tags, captions)
	if err != nil {
		t.Fatal(err)
	}
	for word, value := range s.IDF {
		golden.Close(t, "idf of "+word, []float32{float32(idf.Of(word))}, []float32{float32(value)}, 1e-7, 0)
	}
	golden.Close(t, "idf of an unknown word", []float32{float32(idf.Of("unheard-of"))}, []float32{float32(s.Rare)}, 1e-7, 0)
	for i, caption := range s.Captions {
		tokens, at := [][2]int{{}}, 0 // [CLS]
		for w, word := range strings.Fields(caption.Text) {
			for _, piece := range caption.Pieces[w] {
				size := len(strings.TrimPrefix(piece, "##"))
				tokens, at = append(tokens, [2]int{at, at + size}), at+size
			}
			if at > len(caption.Text) || !strings.HasSuffix(caption.Text[:at], word) {
				t.Fatalf("the pieces of %q do not make it", caption.Text)
			}
			at++ // the space
		}
		got, err := tagger.Weights(tags, tagger.NounsVerbs, idf, caption.Text, tokens)
		if err != nil {
			t.Fatal(err)
		}
		row := want.Float32s()[i*want.Shape[1] : (i+1)*want.Shape[1]]
		padded := append(got, make([]float32, len(row)-len(got))...)
		golden.Close(t, "weights of "+caption.Text, padded, row, 1e-7, 0)
	}
}
