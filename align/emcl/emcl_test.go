package emcl_test

import (
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/align/emcl"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/internal/golden"
)

// constants reads K, R, μ, λ, β of a group.
func constants(vectors golden.Vectors, name string, multiply bool) emcl.EM {
	c := vectors.Array(name).Float64s()
	return emcl.EM{Bases: int(c[0]), Iterations: int(c[1]), Momentum: c[2], Lambda: c[3], Beta: c[4], Multiply: multiply, Init: emcl.Official}
}

// outcome is what the graph makes of one call.
type outcome struct {
	y, next, dx []float32
	frozen      []float32 // by bases frozen on the same rows
}

// run passes rows through the layer as a training step does, takes the gradient for dy, and then through bases frozen on
// them.
func run(t *testing.T, em emcl.EM, x sightline.Matrix, mu, dy []float32, unit bool) outcome {
	t.Helper()
	weights := engine.NewWeights()
	em.Add(weights, "", x.Cols, rand.New(rand.NewPCG(1, 1)))
	weights.Update("initial", func(p []float32) { copy(p, mu) })
	weights.Set("x", x.Data, x.Rows, x.Cols)
	e := enginetest.Open(t)
	finish := func(y *Node) *Node {
		if unit {
			y = Div(y, Sqrt(ReduceAndKeep(Mul(y, y), ReduceSum, -1)))
		}
		return y
	}
	step, err := e.Gradient(weights, []string{"x"}, func(vars engine.Vars, in []*Node) []*Node {
		rows := vars.Get("x")
		more, kept := em.Reconstruct(vars, rows, Scalar(rows.Graph(), rows.DType(), x.Rows))
		y := finish(Add(rows, more))
		return append([]*Node{ReduceAllSum(Mul(y, in[0])), y}, kept...)
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := step.Run(engine.Floats(dy, x.Rows, x.Cols))
	if err != nil {
		t.Fatal(err)
	}
	if err := em.Freeze(weights, "", x); err != nil {
		t.Fatal(err)
	}
	alone, err := e.Compile(weights, func(vars engine.Vars, _ []*Node) []*Node { return []*Node{finish(em.Frozen(vars, vars.Get("x")))} })
	if err != nil {
		t.Fatal(err)
	}
	frozen, err := alone.Run()
	if err != nil {
		t.Fatal(err)
	}
	return outcome{engine.Values(out[1]), engine.Values(out[2]), engine.Values(out[4]), engine.Values(frozen[0])}
}

// The layer gives the official outputs, gradients and maintained values; frozen on the same rows it gives the same outputs.
func TestGoldenEMCL(t *testing.T) {
	vectors := golden.Open(t, "retrieval", "emcl_em.npz")
	check := func(what string, em emcl.EM, x sightline.Matrix, mu, dy, y, dx, next []float32, unit bool) {
		t.Helper()
		got := run(t, em, x, mu, dy, unit)
		golden.Close(t, what+": output", got.y, y, golden.ForwardAbs, golden.ForwardRel)
		golden.Close(t, what+": gradient", got.dx, dx, golden.GradientAbs, golden.GradientRel)
		golden.Close(t, what+": output of frozen bases", got.frozen, y, golden.ForwardAbs, golden.ForwardRel)
		if next != nil {
			golden.Close(t, what+": maintained value", got.next, next, golden.ForwardAbs, golden.ForwardRel)
		}
		if !unit {
			golden.Close(t, what+": the gradient is the upstream one", got.dx, dy, 0, 1e-6)
		}
		fitted, err := em.Fit(x, mu, x.Rows)
		if err != nil {
			t.Fatal(err)
		}
		host, err := fitted.Apply(x)
		if err != nil {
			t.Fatal(err)
		}
		if !unit {
			golden.Close(t, what+": output on the host", host.Data, y, golden.ForwardAbs, golden.ForwardRel)
		}
		t.Logf("%s: singular values of the bases %.3g", what, fitted.Singular)
	}
	floats := func(name string) []float32 { return vectors.Array(name).Float32s() }
	rows := func(name string) sightline.Matrix {
		array := vectors.Array(name)
		return sightline.Matrix{Rows: array.Shape[0], Cols: array.Shape[1], Data: array.Float32s()}
	}
	for _, group := range []struct {
		name, calls string
		train       bool
	}{{"default", "01", true}, {"generic", "01", true}, {"infer", "0", false}} {
		em := constants(vectors, group.name+"/cfg", false)
		for i, call := range group.calls {
			of := func(part string) []float32 { return floats(group.name + "/" + part + string(call)) }
			var next []float32
			if group.train {
				next = floats(group.name + "/mu" + string(group.calls[0]+byte(i)+1))
			}
			check(group.name+" "+string(call), em, rows(group.name+"/x"+string(call)), of("mu"), of("dy"), of("y"), of("dx"), next, false)
		}
	}
	em := constants(vectors, "mmt/cfg", true)
	shape := vectors.Array("mmt/x0").Shape // [modalities, b, D]
	part := func(name string, m int) []float32 {
		all := floats("mmt/" + name)
		size := len(all) / shape[0]
		return all[m*size : (m+1)*size]
	}
	for m := range shape[0] {
		x := sightline.Matrix{Rows: shape[1], Cols: shape[2], Data: part("x0", m)}
		check("mmt", em, x, part("mu0", m), part("dy0", m), part("y0", m), part("dx0", m), part("mu1", m), true)
	}
}

// Padding has no influence on a batch, nor on the maintained value.
func TestPaddingIsNoRow(t *testing.T) {
	const dim, videos, frames = 8, 3, 4
	random := rand.New(rand.NewPCG(2, 2))
	layer := emcl.DefaultLayer()
	layer.Bases = 3
	weights := engine.NewWeights()
	layer.Init(weights, dim, random)
	program, err := enginetest.Open(t).Compile(weights, func(vars engine.Vars, in []*Node) []*Node {
		v, s, kept := layer.Joint(vars, align.Frames{Vectors: in[0], Mask: in[1]}, in[2])
		return append([]*Node{v.Vectors, s}, kept...)
	})
	if err != nil {
		t.Fatal(err)
	}
	data, texts := engine.Normal(random, videos*frames*dim, 1), engine.Floats(engine.Normal(random, videos*dim, 1), videos, dim)
	mask := engine.Constant(videos*frames, 1)
	mask[frames-1] = 0
	first, err := program.Run(engine.Floats(data, videos, frames, dim), engine.Floats(mask, videos, frames), texts)
	if err != nil {
		t.Fatal(err)
	}
	for d := range dim {
		data[(frames-1)*dim+d] = 100
	}
	second, err := program.Run(engine.Floats(data, videos, frames, dim), engine.Floats(mask, videos, frames), texts)
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		a, b := engine.Values(first[i]), engine.Values(second[i])
		if i == 0 {
			a, b = a[frames*dim:], b[frames*dim:] // the first video's padding itself did change
		}
		golden.Close(t, "with other padding", b, a, 1e-7, 0)
	}
	if rows := engine.Values(first[3])[0]; rows != videos*frames-1+videos {
		t.Errorf("%v rows were counted, want %d", rows, videos*frames-1+videos)
	}
}

// Bases from a reference of many rows act as a training batch of the same distribution did.
func TestFrozenActsAsTrainingDid(t *testing.T) {
	const b, dim, copies = 24, 16, 5
	random := rand.New(rand.NewPCG(3, 3))
	for _, init := range []string{emcl.Official, emcl.Random} {
		em := emcl.EM{Bases: 4, Iterations: 6, Lambda: 0.3, Beta: 2, Momentum: 0.9, Init: init}
		start := em.Start(dim, random)
		x := sightline.Matrix{Rows: b, Cols: dim, Data: engine.Normal(random, b*dim, 1)}
		many := sightline.Matrix{Rows: copies * b, Cols: dim}
		for range copies {
			many.Data = append(many.Data, x.Data...)
		}
		once, err := em.Fit(x, start, b)
		if err != nil {
			t.Fatal(err)
		}
		often, err := em.Fit(many, start, b)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := once.Apply(x)
		got, _ := often.Apply(x)
		golden.Close(t, init, got.Data, want.Data, 1e-5, 1e-5)
	}
}

// The official start has two different bases at most, whatever K; the random start has as many as it has bases.
func TestRankOfTheBases(t *testing.T) {
	const b, dim = 64, 48
	random := rand.New(rand.NewPCG(4, 4))
	rank := func(em emcl.EM) int {
		x := sightline.Matrix{Rows: b, Cols: dim, Data: engine.Normal(random, b*dim, 1)}
		fitted, err := em.Fit(x, em.Start(dim, random), b)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, v := range fitted.Singular {
			if v > 1e-6*fitted.Singular[0] {
				n++
			}
		}
		return n
	}
	em := emcl.Default()
	em.Bases = 8
	if got := rank(em); got > 2 {
		t.Errorf("the official start has %d different bases", got)
	}
	em.Init = emcl.Random
	if got := rank(em); got != em.Bases {
		t.Errorf("the random start has %d different bases of %d", got, em.Bases)
	}
}

func TestFitRefuses(t *testing.T) {
	em := emcl.Default()
	nan := sightline.NewMatrix(2, 4)
	nan.Data[3] = float32(math.NaN())
	for name, x := range map[string]sightline.Matrix{"NaN": nan, "nothing": {Cols: 4}} {
		if _, err := em.Fit(x, em.Start(4, rand.New(rand.NewPCG(1, 1))), 2); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := em.Fit(sightline.NewMatrix(2, 4), nil, 2); err == nil {
		t.Error("an initial value of another size is taken")
	}
	for _, options := range []map[string]any{{"bases": 0}, {"lambda": -1}, {"init": "best"}, {"momentum": 2}, {"iterations": 0}, {"bass": 3}} {
		if _, err := align.NewParts([]align.Choice{{Kind: emcl.Name, Options: options}}); err == nil {
			t.Errorf("options %v are taken", options)
		}
	}
}
