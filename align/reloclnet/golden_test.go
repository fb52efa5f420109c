package reloclnet_test

import (
	"math"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align/locate"
	"sightline/align/reloclnet"
	"sightline/align/xml"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/internal/golden"
)

// official is the config of the official model as its files tell it.
type official struct {
	Visual   int     `json:"visual_input_size"`
	Subtitle int     `json:"sub_input_size"`
	Query    int     `json:"query_input_size"`
	Hidden   int     `json:"hidden_size"`
	Kernel   int     `json:"conv_kernel_size"`
	Clips    int     `json:"max_ctx_l"`
	Words    int     `json:"max_desc_l"`
	Heads    int     `json:"n_heads"`
	Margin   float64 `json:"margin"`
}

// config returns the same for ours. Widths of features are those of the files, ends included.
func (o official) config() locate.Config {
	c := locate.Base()
	c.Method.Kind, c.Parity = reloclnet.Name, true
	c.Video, c.Subtitle, c.Text = o.Visual, o.Subtitle, o.Query
	c.Hidden, c.Heads, c.Clips, c.Words, c.Kernel, c.Margin = o.Hidden, o.Heads, o.Clips, o.Words, o.Kernel, o.Margin
	c.NormalizeText = false
	return c
}

// area is where the official vectors of the layers and losses lie.
const area = "moments"

func open(t *testing.T, name string) golden.Vectors {
	t.Helper()
	return golden.Open(t, area, "reloclnet/"+name+".npz")
}

// loaded returns the weights of a state_dict, with the model's inputs as further parameters, so that they have gradients.
func loaded(t *testing.T, state golden.Vectors, inputs map[string]string, from golden.Vectors) *engine.Weights {
	t.Helper()
	weights := engine.NewWeights()
	for name, array := range state.Archive {
		weights.Set(name, array.Float32s(), array.Shape...)
	}
	for name, stored := range inputs {
		array := from.Array(stored)
		weights.Set(name, array.Float32s(), array.Shape...)
	}
	return weights
}

var features = map[string]string{"input_query_feat": "query_feat", "input_video_feat": "video_feat", "input_sub_feat": "sub_feat"}

// pairsOf builds the encoders on the inputs of the golden files: nodes are query mask, video mask, start, end, inside, ranks.
func pairsOf(c locate.Config, method locate.Method, vars engine.Vars, in []*Node) locate.Pairs {
	pairs := locate.Pairs{
		Words: c.EncodeWords(vars, vars.Get("input_query_feat"), in[0], nil),
		Videos: c.EncodeClips(vars, locate.ClipNodes{
			Features: [locate.Modalities]*Node{vars.Get("input_video_feat"), vars.Get("input_sub_feat")},
			Mask:     in[1], Spoken: ReduceMax(in[1], 1),
		}, nil),
		Gold: locate.Gold{Start: in[2], End: in[3], Inside: in[4], Ranks: in[5]},
	}
	pairs.Query = method.Query(vars, pairs.Words)
	return pairs
}

// arrays returns what pairsOf takes, with the given ranks [2, B].
func arrays(inputs golden.Vectors, ranks []float32) []engine.Array {
	array := func(name string) engine.Array {
		a := inputs.Array(name)
		return engine.Floats(a.Float32s(), a.Shape...)
	}
	labels := inputs.Array("match_labels")
	at := inputs.Array("st_ed_indices").Ints()
	batch, length := labels.Shape[0], labels.Shape[1]
	start, end := make([]float32, batch*length), make([]float32, batch*length)
	for i := range batch {
		start[i*length+at[2*i]], end[i*length+at[2*i+1]] = 1, 1
	}
	return []engine.Array{
		array("query_mask"), array("video_mask"), engine.Floats(start, batch, length), engine.Floats(end, batch, length),
		engine.Floats(labels.Float32s(), batch, length), engine.Floats(ranks, 2, batch),
	}
}

type losses struct {
	Config official `json:"config"`
	N      int      `json:"n"`
	Losses map[string]struct {
		Parts map[string]float64 `json:"parts"`
		Draws [][]float32        `json:"rank_draws"`
	} `json:"losses"`
}

func readLosses(t *testing.T) losses {
	t.Helper()
	var l losses
	golden.JSON(t, area, "reloclnet/losses.json", &l)
	return l
}

// hardest are the ranks of hard_pool_size 1.
func hardest(n int) []float32 { return engine.Constant(2*n, 1) }

func TestGoldenReLoCLNet(t *testing.T) {
	inputs, outputs, file := open(t, "inputs"), open(t, "outputs"), readLosses(t)
	c, method := file.Config.config(), reloclnet.Default()
	weights := loaded(t, open(t, "state_dict"), features, inputs)
	program, err := enginetest.Open(t).Compile(weights, func(vars engine.Vars, in []*Node) []*Node {
		pairs := pairsOf(c, method, vars, in)
		v, q := pairs.Videos, pairs.Query
		st, ed := c.Boundaries(vars, method, pairs.OwnCurves(), v.Mask)
		crossSt, crossEd := c.Boundaries(vars, method, locate.Curves(q, v), ExpandAxes(v.Mask, 0))
		mid := locate.Present(locate.Dots(q.Retrieve[locate.Visual], v.Middle[locate.Visual]), ExpandAxes(v.Mask, 0))
		return []*Node{
			v.Middle[0], v.Middle[1], v.Rows[0], v.Rows[1], pairs.Words.Rows, q.Retrieve[0], q.Retrieve[1], locate.Similarities(q, v),
			st, ed, Softmax(st, -1), Softmax(ed, -1), crossSt, crossEd, TransposeAllAxes(mid, 0, 2, 1),
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(arrays(inputs, hardest(file.N))...)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{
		"mid_x_video", "mid_x_sub", "x_video", "x_sub", "encoded_query", "video_query", "sub_query", "q2ctx_scores",
		"st_logits", "ed_logits", "st_prob", "ed_prob", "cross_st_logits", "cross_ed_logits", "mid_unnorm_video_scores",
	} {
		golden.Close(t, name, engine.Values(out[i]), outputs.Array(name).Float32s(), golden.ForwardAbs, golden.ForwardRel)
	}
	golden.Close(t, "cross_q2ctx_scores", engine.Values(out[7]), outputs.Array("cross_q2ctx_scores").Float32s(), golden.ForwardAbs, golden.ForwardRel)
}

// Every loss by itself and all together, with the negatives that the official run drew, and their gradients.
func TestGoldenReLoCLNetLosses(t *testing.T) {
	inputs, file := open(t, "inputs"), readLosses(t)
	weights := loaded(t, open(t, "state_dict"), features, inputs)
	gradients := map[string]golden.Vectors{"grads_parts": open(t, "grads_parts"), "grads_total": open(t, "grads_total")}
	alone := map[string]reloclnet.Method{
		"fcl": {FrameCL: 1}, "vcl": {VideoCL: 1}, "st_ed": {Method: xml.Method{Spans: 1}},
		"neg_ctx": {Method: xml.Method{Videos: 1}}, "neg_q": {Method: xml.Method{Queries: 1}}, "total": *reloclnet.Default(),
		"ranking_lse": {Method: xml.Method{Videos: 1, Queries: 1}},
	}
	parts := map[string]string{"videos": "loss_neg_ctx", "queries": "loss_neg_q", "spans": "loss_st_ed", "frame_cl": "loss_fcl", "video_cl": "loss_vcl"}
	for name, want := range file.Losses {
		t.Run(name, func(t *testing.T) {
			kind := strings.TrimSuffix(strings.TrimSuffix(name, "_hard1"), "_rand")
			method, ok := alone[kind]
			if !ok {
				t.Fatalf("the file holds a loss %q that this test does not know", name)
			}
			c := file.Config.config()
			c.Soft = kind == "ranking_lse"
			ranks := hardest(file.N)
			if len(want.Draws) == 2 {
				ranks = append(append([]float32(nil), want.Draws[0]...), want.Draws[1]...)
			}
			var stored golden.Vectors // where this loss has gradients
			var parameters []string
			for _, vectors := range gradients {
				for array := range vectors.Archive {
					if rest, ok := strings.CutPrefix(array, name+"__"); ok {
						stored, parameters = vectors, append(parameters, rest)
					}
				}
			}
			program, err := enginetest.Open(t).Gradient(weights, parameters, func(vars engine.Vars, in []*Node) []*Node {
				return method.Loss(vars, c, pairsOf(c, &method, vars, in))
			})
			if err != nil {
				t.Fatal(err)
			}
			out, err := program.Run(arrays(inputs, ranks)...)
			if err != nil {
				t.Fatal(err)
			}
			scalar := func(what string, got engine.Array, want float64) {
				t.Helper()
				golden.Close(t, what, engine.Values(got), []float32{float32(want)}, golden.ForwardAbs, golden.ForwardRel)
			}
			scalar("loss", out[0], want.Parts["loss_overall"])
			weight := map[string]float64{"videos": method.Videos, "queries": method.Queries, "spans": method.Spans, "frame_cl": method.FrameCL, "video_cl": method.VideoCL}
			watched := method.Watched()
			for i, part := range watched {
				scalar(part, out[1+i], want.Parts[parts[part]]/weight[part])
			}
			for i, parameter := range parameters {
				golden.Close(t, "gradient of "+parameter, engine.Values(out[1+len(watched)+i]), stored.Array(name+"__"+parameter).Float32s(),
					golden.GradientAbs, golden.GradientRel)
			}
			if !strings.HasSuffix(name, "_rand") && kind != "ranking_lse" && len(parameters) == 0 {
				t.Error("the files hold no gradient of this loss")
			}
		})
	}
}

// The losses on given rows and scores: the frame contrast, MIL-NCE, and the sum of the start's and the end's intra-modal
// contrasts, which the official code holds and does not use.
func TestGoldenReLoCLNetStandalone(t *testing.T) {
	vectors := open(t, "standalone_losses")
	weights := engine.NewWeights()
	for _, name := range []string{"vq_video", "vq_query", "nce_x"} {
		array := vectors.Array(name)
		weights.Set(name, array.Float32s(), array.Shape...)
	}
	labels, mask, at := vectors.Array("match_labels"), vectors.Array("mask"), vectors.Array("st_ed_indices").Ints()
	batch, length := labels.Shape[0], labels.Shape[1]
	ends := make([]float32, 2*batch*length)
	for i := range batch {
		ends[i*length+at[2*i]], ends[(batch+i)*length+at[2*i+1]] = 1, 1
	}
	in := []engine.Array{
		engine.Floats(labels.Float32s(), labels.Shape...), engine.Floats(mask.Float32s(), mask.Shape...), engine.Floats(ends, 2, batch, length),
	}
	for _, c := range []struct {
		loss      string
		gradients map[string]string
		build     func(vars engine.Vars, inside, outside, ends *Node) *Node
	}{
		{"vq_loss", map[string]string{"vq_video": "vq_dvideo", "vq_query": "vq_dquery"}, func(vars engine.Vars, inside, outside, _ *Node) *Node {
			dots := locate.OwnDots(vars.Get("vq_query"), vars.Get("vq_video"))
			return Neg(ReduceAllMean(locate.Information(dots, inside, outside, math.Ln2)))
		}},
		{"vv_loss", map[string]string{"vq_video": "vv_dvideo"}, func(vars engine.Vars, inside, outside, ends *Node) *Node {
			rows := vars.Get("vq_video")
			anchors := Dot(ends, rows).General([]int{2}, []int{1}, []int{1}, []int{0})                    // [B, 2, D]
			products := Dot(anchors, rows).General([]int{2}, []int{0}, []int{2}, []int{0})                // [B, 2, L]
			each := locate.Information(products, ExpandAxes(inside, 1), ExpandAxes(outside, 1), math.Ln2) // [B, 2]
			return Neg(ReduceAllMean(ReduceSum(each, 1)))
		}},
		{"nce_loss", map[string]string{"nce_x": "nce_dx"}, func(vars engine.Vars, _, _, _ *Node) *Node {
			return locate.PerQuery.Loss(vars.Get("nce_x"), locate.Gold{})
		}},
	} {
		var names []string
		for name := range c.gradients {
			names = append(names, name)
		}
		program, err := enginetest.Open(t).Gradient(weights, names, func(vars engine.Vars, in []*Node) []*Node {
			return []*Node{c.build(vars, in[0], Mul(OneMinus(in[0]), in[1]), in[2])}
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := program.Run(in...)
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, c.loss, engine.Values(out[0]), vectors.Array(c.loss).Float32s(), golden.ForwardAbs, golden.ForwardRel)
		for i, name := range names {
			golden.Close(t, c.gradients[name], engine.Values(out[1+i]), vectors.Array(c.gradients[name]).Float32s(), golden.GradientAbs, golden.GradientRel)
		}
	}
}
