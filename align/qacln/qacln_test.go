package qacln

import (
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align/locate"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/internal/golden"
)

// reference is one folder of vectors of the reference implementation: QACLN's own part, on given rows and words.
type reference struct {
	inputs, outputs, gradients golden.Vectors
	weights                    *engine.Weights
	method                     *Method
	config                     locate.Config
}

func read(t *testing.T, folder string) reference {
	t.Helper()
	open := func(name string) golden.Vectors { return golden.Open(t, "moments", folder+"/"+name+".npz") }
	r := reference{inputs: open("inputs"), outputs: open("outputs"), gradients: open("grads"), weights: engine.NewWeights(), method: Default()}
	r.config = locate.Base()
	r.config.Parity = true // the reference lets padding into the boundary filters, as the official code of its ancestor does
	for name, array := range open("state_dict").Archive {
		r.weights.Set(name, array.Float32s(), array.Shape...)
		if name == centres {
			r.method.Clusters = array.Shape[1]
		}
	}
	for _, name := range []string{"Hv", "Hs", "words"} {
		array := r.inputs.Array(name)
		r.weights.Set("input_"+name, array.Float32s(), array.Shape...)
	}
	return r
}

// pairs takes nodes of video mask, query mask, start, end, inside and ranks.
func (r reference) pairs(vars engine.Vars, in []*Node) locate.Pairs {
	pairs := locate.Pairs{
		Words: locate.Words{Rows: vars.Get("input_words"), Mask: in[1]},
		Videos: locate.Context{
			Rows: [locate.Modalities]*Node{vars.Get("input_Hv"), vars.Get("input_Hs")}, Mask: in[0], Spoken: ReduceMax(in[0], 1),
		},
		Gold: locate.Gold{Start: in[2], End: in[3], Inside: in[4], Ranks: in[5]},
	}
	pairs.Query = r.method.Query(vars, pairs.Words)
	return pairs
}

func (r reference) arrays() []engine.Array {
	array := func(name string) engine.Array {
		a := r.inputs.Array(name)
		return engine.Floats(a.Float32s(), a.Shape...)
	}
	shape, at := r.inputs.Array("labels").Shape, r.inputs.Array("st_ed").Ints()
	batch, length := shape[0], shape[1]
	start, end := make([]float32, batch*length), make([]float32, batch*length)
	for i := range batch {
		start[i*length+at[2*i]], end[i*length+at[2*i+1]] = 1, 1
	}
	// The ranks of the reference's negatives in falling order of φ, which it takes the hardest of unless told otherwise.
	phi, negatives := r.outputs.Array("phi").Float32s(), [][]int{r.outputs.Array("neg_v").Ints(), r.outputs.Array("neg_q").Ints()}
	var ranks []float32
	for side := range negatives {
		score := func(i, j int) float32 {
			if side == 1 {
				i, j = j, i
			}
			return phi[i*batch+j]
		}
		for i := range batch {
			rank := float32(1)
			for j := range batch {
				if j != i && score(i, j) > score(i, negatives[side][i]) {
					rank++
				}
			}
			ranks = append(ranks, rank)
		}
	}
	return []engine.Array{
		array("video_mask"), array("query_mask"), engine.Floats(start, batch, length), engine.Floats(end, batch, length),
		array("labels"), engine.Floats(ranks, 2, batch),
	}
}

func TestGoldenQACLN(t *testing.T) {
	for _, folder := range []string{"qacln_eq2", "qacln_netvlad"} {
		t.Run(folder, func(t *testing.T) {
			r := read(t, folder)
			r.forward(t)
			r.losses(t)
		})
	}
}

func (r reference) forward(t *testing.T) {
	t.Helper()
	program, err := enginetest.Open(t).Compile(r.weights, func(vars engine.Vars, in []*Node) []*Node {
		pairs := r.pairs(vars, in)
		q, v := pairs.Query, pairs.Videos
		st, ed := r.config.Boundaries(vars, r.method, pairs.OwnCurves(), v.Mask)
		x := Contrasts(vars, q, v)
		s, e, a := intra(pairs, fuseOwn(pairs))
		return []*Node{
			q.Retrieve[locate.Visual], q.Gate, fuseOwn(pairs), locate.FusedSimilarities(q, v), pairs.OwnCurves(), st, ed, Softmax(st, -1), Softmax(ed, -1),
			x, s, e, a, locate.Curves(q, v),
			locate.PerQuery.Loss(x, pairs.Gold), locate.PerQueryOnce.Loss(x, pairs.Gold), locate.PerBatch.Loss(x, pairs.Gold),
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(r.arrays()...)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{
		"q", "mu", "H_own", "phi", "S", "st_logits", "ed_logits", "P_st", "P_ed", "X", "I_s", "I_e", "I_a", "corpus_S",
		"L_VideoCL", "L_VideoCL_once", "L_VideoCL_literal",
	} {
		golden.Close(t, name, engine.Values(out[i]), r.outputs.Array(name).Float32s(), golden.ForwardAbs, golden.ForwardRel)
	}
}

// losses checks equation 20 and each of its parts alone, with gradients.
func (r reference) losses(t *testing.T) {
	t.Helper()
	for loss, method := range map[string]*Method{
		"total": Default(), "L_VR": {Videos: 1}, "L_ML": {Spans: 1}, "L_VideoCL": {VideoCL: 1, VideoContrast: locate.PerQuery},
		"L_FrameCL": {FrameCL: 1}, "L_VVCL": {ClipCL: 1},
	} {
		method.Clusters = r.method.Clusters
		var parameters []string
		for name := range r.gradients.Archive {
			if rest, ok := strings.CutPrefix(name, loss+"__"); ok {
				parameters = append(parameters, rest)
			}
		}
		if !slices.Contains(parameters, "input_Hv") {
			t.Fatalf("the file holds no gradients of %s", loss)
		}
		program, err := enginetest.Open(t).Gradient(r.weights, parameters, func(vars engine.Vars, in []*Node) []*Node {
			return method.Loss(vars, r.config, r.pairs(vars, in))
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := program.Run(r.arrays()...)
		if err != nil {
			t.Fatal(err)
		}
		golden.Close(t, loss, engine.Values(out[0]), r.outputs.Array(loss).Float32s(), golden.ForwardAbs, golden.ForwardRel)
		for i, parameter := range parameters {
			got := engine.Values(out[1+len(method.Watched())+i])
			golden.Close(t, loss+": gradient of "+parameter, got, r.gradients.Array(loss+"__"+parameter).Float32s(), golden.GradientAbs, golden.GradientRel)
		}
	}
}

// CONQUER's NetVLAD, which masks nothing, with the gradients of Σ y·w; then the summaries inside QACLN, with padding and without.
func TestGoldenNetVLAD(t *testing.T) {
	vectors := golden.Open(t, "moments", "netvlad/conquer_netvlad.npz")
	weights, parameters := engine.NewWeights(), []string{"x"}
	for name, array := range vectors.Archive {
		if rest, ok := strings.CutPrefix(name, "p__"); ok {
			weights.Set("vlad."+rest, array.Float32s(), array.Shape...)
			parameters = append(parameters, "vlad."+rest)
		}
	}
	x, w := vectors.Array("x"), vectors.Array("w")
	weights.Set("x", x.Float32s(), x.Shape...)
	program, err := enginetest.Open(t).Gradient(weights, parameters, func(vars engine.Vars, in []*Node) []*Node {
		y := netVLAD(vars, vars.Get("x"), nil)
		return []*Node{ReduceAllSum(Mul(y, in[0])), y}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(engine.Floats(w.Float32s(), w.Shape...))
	if err != nil {
		t.Fatal(err)
	}
	golden.Close(t, "y", engine.Values(out[1]), vectors.Array("y").Float32s(), golden.ForwardAbs, golden.ForwardRel)
	for i, parameter := range parameters {
		stored := "dx"
		if rest, ok := strings.CutPrefix(parameter, "vlad."); ok {
			stored = "g__" + rest
		}
		golden.Close(t, stored, engine.Values(out[2+i]), vectors.Array(stored).Float32s(), golden.GradientAbs, golden.GradientRel)
	}

	r := read(t, "qacln_netvlad")
	both, err := enginetest.Open(t).Compile(r.weights, func(vars engine.Vars, in []*Node) []*Node {
		return []*Node{netVLAD(vars, vars.Get("input_words"), in[1]), netVLAD(vars, vars.Get("input_words"), nil)}
	})
	if err != nil {
		t.Fatal(err)
	}
	if out, err = both.Run(r.arrays()...); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"netvlad", "netvlad_nomask"} {
		golden.Close(t, name, engine.Values(out[i]), r.outputs.Array(name).Float32s(), golden.ForwardAbs, golden.ForwardRel)
	}
}
