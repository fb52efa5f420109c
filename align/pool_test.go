package align_test

import (
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/engine"
	"sightline/engine/enginetest"
)

func TestStretches(t *testing.T) {
	for name, c := range map[string]struct{ mask, want []float32 }{
		"each frame":   {[]float32{1, 1, 1, 0}, []float32{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}},
		"overlapping":  {[]float32{1, 1, 1, 1}, []float32{.5, .5, 0, 0, 0, .5, .5, 0, 0, 0, .5, .5}},
		"repeated":     {[]float32{1, 1, 0, 0}, []float32{1, 0, 0, 0, .5, .5, 0, 0, 0, 1, 0, 0}},
		"with a hole":  {[]float32{1, 0, 1, 1}, []float32{1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}},
		"one":          {[]float32{0, 1, 0, 0}, []float32{0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0}},
		"nothing":      {[]float32{0, 0, 0, 0}, make([]float32, 12)},
		"six in three": {[]float32{1, 1, 1, 1, 1, 1}, []float32{.5, .5, 0, 0, 0, 0, 0, 0, .5, .5, 0, 0, 0, 0, 0, 0, .5, .5}},
	} {
		program, err := enginetest.Open(t).Compile(engine.NewWeights(), func(_ engine.Vars, in []*Node) []*Node {
			return []*Node{align.Stretches(in[0], 3)}
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := program.Run(engine.Floats(c.mask, 1, len(c.mask)))
		if err != nil {
			t.Fatal(err)
		}
		if got := engine.Values(out[0]); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
