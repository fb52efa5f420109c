package rival_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/align/rival"
	"sightline/engine"
	"sightline/engine/enginetest"
)

var names = []string{rival.NamePCA, rival.NameConnected, rival.NameTransformer, rival.NameSparse}

// chosen returns a part as a run file chooses it.
func chosen(t *testing.T, name string, options map[string]any) align.NamedPart {
	t.Helper()
	parts, err := align.NewParts([]align.Choice{{Kind: name, Options: options}})
	if err != nil {
		t.Fatal(err)
	}
	return parts[0]
}

// options are small enough for vectors of width 16.
var options = map[string]map[string]any{
	rival.NamePCA: {"axes": 3}, rival.NameTransformer: {"width": 4}, rival.NameSparse: {"hidden": 12},
}

// through passes vectors [N, D] through a layer.
func through(t *testing.T, layer align.Layer, weights *engine.Weights, x sightline.Matrix) []float32 {
	t.Helper()
	program, err := enginetest.Open(t).Compile(weights, func(vars engine.Vars, in []*Node) []*Node { return []*Node{layer.Alone(vars, in[0])} })
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(engine.Floats(x.Data, x.Rows, x.Cols))
	if err != nil {
		t.Fatal(err)
	}
	return engine.Values(out[0])
}

func draw(random *rand.Rand, rows, dim int) sightline.Matrix {
	return sightline.Matrix{Rows: rows, Cols: dim, Data: engine.Normal(random, rows*dim, 1)}
}

// Untrained and not fitted, every layer leaves vectors as they are.
func TestFreshLayersChangeNothing(t *testing.T) {
	const dim = 16
	random := rand.New(rand.NewPCG(1, 1))
	x := draw(random, 5, dim)
	for _, name := range names {
		layer := chosen(t, name, options[name]).Part.(align.Layer)
		weights := engine.NewWeights()
		layer.Init(weights, dim, random)
		for i, v := range through(t, layer, weights, x) {
			if math.Abs(float64(v-x.Data[i])) > 1e-6 {
				t.Fatalf("%s: element %d goes from %v to %v", name, i, x.Data[i], v)
			}
		}
	}
}

// Rows in a space of as many dimensions as there are axes are doubled; rows across it stay.
func TestPCAFindsTheAxes(t *testing.T) {
	const dim, axes = 8, 2
	random := rand.New(rand.NewPCG(2, 2))
	layer := &rival.PCA{Axes: axes, Beta: 1}
	weights := engine.NewWeights()
	layer.Init(weights, dim, random)
	flat := draw(random, 20, dim)
	for r := range flat.Rows {
		clear(flat.Row(r)[axes:])
	}
	if err := layer.Fit(weights, flat, sightline.Matrix{Cols: dim}); err != nil {
		t.Fatal(err)
	}
	x := draw(random, 3, dim)
	for i, v := range through(t, layer, weights, x) {
		want := x.Data[i]
		if i%dim < axes {
			want *= 2
		}
		if math.Abs(float64(v-want)) > 1e-5 {
			t.Fatalf("component %d of row %d is %v, want %v", i%dim, i/dim, v, want)
		}
	}
}

// Fitted alone, the autoencoder reconstructs rows of few dimensions, whatever their length.
func TestSparseReconstructs(t *testing.T) {
	const dim, rank = 16, 3
	random := rand.New(rand.NewPCG(3, 3))
	for _, length := range []float32{0.1, 10} {
		basis, low := draw(random, rank, dim), draw(random, 200, rank)
		x := sightline.NewMatrix(low.Rows, dim)
		for r := range x.Rows {
			for k, v := range low.Row(r) {
				for d, w := range basis.Row(k) {
					x.Row(r)[d] += length * v * w
				}
			}
		}
		layer := rival.DefaultSparse()
		layer.Train, layer.Hidden = false, 32
		weights := engine.NewWeights()
		layer.Init(weights, dim, random)
		if err := layer.Fit(weights, x, sightline.Matrix{Cols: dim}); err != nil {
			t.Fatal(err)
		}
		var off, all float64
		for i, v := range through(t, layer, weights, x) { // x + x̂
			off += math.Pow(float64(v-2*x.Data[i]), 2)
			all += math.Pow(float64(x.Data[i]), 2)
		}
		if share := off / all; !(share < 0.1) {
			t.Errorf("rows of length %v: %.3f of the square length is lost", length, share)
		}
		if got := layer.Fixed(); len(got) != 4 {
			t.Errorf("gradients move what Fit made: only %v is fixed", got)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, options := range map[string]map[string]any{
		rival.NamePCA: {"axes": 0}, rival.NameTransformer: {"width": 0}, rival.NameSparse: {"hidden": -1}, rival.NameConnected: {"width": 3},
	} {
		if _, err := align.NewParts([]align.Choice{{Kind: name, Options: options}}); err == nil {
			t.Errorf("%s takes %v", name, options)
		}
	}
	if slices.Contains(align.Heads(), rival.NamePCA) {
		t.Error("a part is taken for a head")
	}
}
