package tmass

import (
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/align/aligntest"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/internal/golden"
)

// The official loss and its gradients, and the scores that look at no answer: the best draw of each pair.
func TestGoldenTMASS(t *testing.T) {
	vectors := golden.Open(t, "retrieval", "tmass.npz")
	weights := engine.NewWeights()
	var learned []string
	for name, array := range vectors.Archive {
		switch {
		case len(name) > 2 && name[:2] == "w/":
			weights.Set("head."+name[2:], array.Float32s(), array.Shape...)
		case len(name) > 2 && name[:2] == "g/":
			learned = append(learned, name[2:])
		}
	}
	dims := vectors.Array("video").Shape
	n, frames, dim := dims[0], dims[1], dims[2]
	weights.Set("text", vectors.Array("text").Float32s(), n, dim)
	weights.Set("video", vectors.Array("video").Float32s(), n, frames, dim)
	head := &Head{Heads: 1, Frames: frames}
	mask := engine.Floats(engine.Constant(n*frames, 1), n, frames)
	scale := math.Exp(vectors.Scalar("logit_scale_log"))
	support := (vectors.Scalar("loss_total") - vectors.Scalar("loss_main")) / vectors.Scalar("loss_support")
	if math.Abs(support-Default().Support) > 1e-5 {
		t.Errorf("the support loss weighs %v on file, and %v by default", support, Default().Support)
	}

	names := []string{"text", "video"}
	for _, name := range learned {
		names = append(names, "head."+name)
	}
	program, err := enginetest.Open(t).Gradient(weights, names, func(vars engine.Vars, in []*Node) []*Node {
		contrast := align.Contrast{Scale: Scalar(in[0].Graph(), in[0].DType(), scale)}
		videos := align.Frames{Vectors: vars.Get("video"), Mask: in[0]}
		drawn, sup := head.losses(vars.Under("head."), contrast, videos, vars.Get("text"), nil, in[1])
		return []*Node{Add(drawn, MulScalar(sup, support)), drawn, sup}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(mask, engine.Floats(vectors.Array("eps").Float32s(), n, dim))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"loss_total", "loss_main", "loss_support"} {
		golden.Close(t, want, engine.Values(out[i]), vectors.Array(want).Float32s(), golden.ForwardAbs, golden.ForwardRel)
	}
	gradients := []string{"dtext", "dvideo"}
	for _, name := range learned {
		gradients = append(gradients, "g/"+name)
	}
	for i, want := range gradients {
		golden.Close(t, want, engine.Values(out[3+i]), vectors.Array(want).Float32s(), golden.GradientAbs, golden.GradientRel)
	}

	// Each pair has draws of its own on file [V, K, T, D], so each is scored by itself.
	draws := vectors.Array("eps_inf")
	k := draws.Shape[1]
	weights.Remove("text")
	weights.Remove("video")
	score, err := enginetest.Open(t).Compile(weights, func(vars engine.Vars, in []*Node) []*Node {
		return []*Node{head.best(vars.Under("head."), in[0], align.Frames{Vectors: in[1], Mask: in[2]}, in[3])}
	})
	if err != nil {
		t.Fatal(err)
	}
	text, video, eps := vectors.Array("text").Float32s(), vectors.Array("video").Float32s(), draws.Float32s()
	got := make([]float32, n*n)
	for a := range n {
		for v := range n {
			own := make([]float32, 0, k*dim)
			for i := range k {
				own = append(own, eps[((v*k+i)*n+a)*dim:][:dim]...)
			}
			out, err := score.Run(engine.Floats(text[a*dim:(a+1)*dim], 1, dim), engine.Floats(video[v*frames*dim:(v+1)*frames*dim], 1, frames, dim),
				engine.Floats(engine.Constant(frames, 1), 1, frames), engine.Floats(own, k, dim))
			if err != nil {
				t.Fatal(err)
			}
			got[a*n+v] = engine.Values(out[0])[0]
		}
	}
	golden.Close(t, "sims_correct", got, vectors.Array("sims_correct").Float32s(), golden.ForwardAbs, golden.ForwardRel)
}

func TestHead(t *testing.T) {
	plain, normal, several := Default(), Default(), Default()
	normal.Sigma, normal.Support, normal.Dropout = 0.003, 0, 0
	several.Heads = 4
	for name, head := range map[string]*Head{"as published": plain, "normal draws": normal, "several attention heads": several} {
		t.Run(name, func(t *testing.T) { aligntest.Head(t, head) })
	}
}
