package align_test

import (
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/engine"
	"sightline/engine/enginetest"
)

// Weighted InfoNCE is the mean of the pairs' own losses by their weights: equal ones change nothing, a pair that counts alone
// is all there is.
func TestContrastWeights(t *testing.T) {
	const size = 3
	program, err := enginetest.Open(t).Compile(engine.NewWeights(), func(_ engine.Vars, in []*Node) []*Node {
		contrast := align.Contrast{Scale: ScalarOne(in[0].Graph(), in[0].DType()), Weights: in[1]}
		return []*Node{contrast.Loss(in[0]), align.InfoNCE(in[0])}
	})
	if err != nil {
		t.Fatal(err)
	}
	scores := engine.Floats(engine.Normal(rand.New(rand.NewPCG(1, 1)), size*size, 1), size, size)
	loss := func(weights ...float32) (weighted, plain float64) {
		t.Helper()
		out, err := program.Run(scores, engine.Floats(weights, size))
		if err != nil {
			t.Fatal(err)
		}
		return float64(engine.Values(out[0])[0]), float64(engine.Values(out[1])[0])
	}
	even, plain := loss(0.5, 0.5, 0.5)
	first, _ := loss(1, 0, 0)
	second, _ := loss(0, 1, 0)
	third, _ := loss(0, 0, 1)
	mixed, _ := loss(1, 0.5, 0.25)
	for what, pair := range map[string][2]float64{
		"equal weights": {even, plain}, "one at a time": {(first + second + third) / 3, plain}, "a mixture": {mixed, (first + second/2 + third/4) / 1.75},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-5 {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
}
