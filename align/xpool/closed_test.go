package xpool

import (
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
	"sightline/engine/enginetest"
)

// The closed form gives the scores of the direct one, and the same gradients, on parameters far from their initial values.
func TestClosedFormIsTheDirectOne(t *testing.T) {
	const dim, texts, videos, frames = 24, 5, 4, 6
	random := rand.New(rand.NewPCG(7, 8))
	weights := engine.NewWeights()
	head := Default()
	head.Init(weights, dim, random)
	for _, name := range weights.Names() {
		noise := engine.Normal(random, len(weights.Float32s(name)), 0.3)
		weights.Update(name, func(p []float32) {
			for i := range p {
				p[i] += noise[i]
			}
		})
	}
	weights.Set("texts", engine.Normal(random, texts*dim, 3), texts, dim)
	weights.Set("videos", engine.Normal(random, videos*frames*dim, 2), videos, frames, dim)
	mask := engine.Constant(videos*frames, 1)
	mask[frames-1], mask[3*frames-1], mask[3*frames-2] = 0, 0, 0
	upstream := engine.Normal(random, texts*videos, 1)
	run := func(score func(engine.Vars, *Node, align.Frames) *Node) []engine.Array {
		t.Helper()
		program, err := enginetest.Open(t).Gradient(weights, weights.Names(), func(vars engine.Vars, in []*Node) []*Node {
			scores := score(vars, vars.Get("texts"), align.Frames{Vectors: vars.Get("videos"), Mask: in[0]})
			return []*Node{ReduceAllSum(Mul(scores, in[1])), scores}
		})
		if err != nil {
			t.Fatal(err)
		}
		out, err := program.Run(engine.Floats(mask, videos, frames), engine.Floats(upstream, texts, videos))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	direct := run(func(vars engine.Vars, texts *Node, videos align.Frames) *Node {
		return head.direct(vars, texts, videos, nil)
	})
	unfolded := run(func(vars engine.Vars, texts *Node, videos align.Frames) *Node {
		pooled := transformer.Normalize(head.Pool(vars, texts, videos, nil))
		scores := Mul(pooled, BroadcastToShape(ExpandAxes(transformer.Normalize(texts), 0), pooled.Shape()))
		return Transpose(ReduceSum(scores, -1), 0, 1)
	})
	for name, closed := range map[string][]engine.Array{"closed": run(head.closed), "unfolded": unfolded} {
		for i := range direct {
			got, want := engine.Values(closed[i]), engine.Values(direct[i])
			for k := range want {
				if math.Abs(float64(got[k]-want[k])) > 2e-5*(1+math.Abs(float64(want[k]))) {
					t.Fatalf("output %d (0 a sum, 1 scores, then gradients), element %d: %s %v, direct %v", i, k, name, got[k], want[k])
				}
			}
		}
	}
}
