package train

import (
	"fmt"
	"math"
	"testing"

	"sightline/engine"
	"sightline/internal/golden"
)

// The official trajectory: gradients clipped over both groups to norm 1, learning rates 1e-3 and 1e-2 under a cosine
// with 3 warm-up steps of 12.
func TestGoldenOptimAdamW(t *testing.T) {
	vectors := golden.Open(t, "retrieval", "optim.npz")
	names := []string{"clip_w", "new_w"}
	weights := engine.NewWeights()
	for _, name := range names {
		start := vectors.Array("p0_" + name)
		weights.Set(name, start.Float32s(), start.Shape...)
	}
	rates := vectors.Array("aw_lr") // [steps, groups]
	steps, groups := rates.Shape[0], rates.Shape[1]
	rate := rates.Float64s()
	optimizer := &AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-6, Decay: 0.2}
	var step int
	optimizer.Rules.Rate = func(name string) float64 { return rate[step*groups+map[string]int{"clip_w": 0, "new_w": 1}[name]] }
	optimizer.Attach(weights, names)
	for step = range steps {
		gradients := make([][]float32, len(names))
		for i, name := range names {
			all := vectors.Array("ba_grads_" + name).Float32s()
			size := len(all) / steps
			gradients[i] = append([]float32(nil), all[step*size:(step+1)*size]...)
		}
		if _, err := ClipNorm(gradients, 1); err != nil {
			t.Fatal(err)
		}
		optimizer.Step(gradients, 1)
		for _, name := range names {
			want := vectors.Array("aw_traj_" + name).Float32s()
			size := len(want) / steps
			golden.Close(t, name, weights.Float32s(name), want[step*size:(step+1)*size], golden.ForwardAbs, golden.ForwardRel)
		}
	}
}

func TestGoldenOptimSchedule(t *testing.T) {
	rates := golden.Open(t, "retrieval", "optim.npz").Array("aw_lr")
	steps, groups := rates.Shape[0], rates.Shape[1]
	values := rates.Float64s()
	warmup, peak := 0, 0.0
	for step := range steps {
		if v := values[step*groups]; v > peak {
			warmup, peak = step, v
		}
	}
	for step := range steps {
		if got, want := WarmupCosine(step, warmup, steps), values[step*groups]/peak; math.Abs(got-want) > 1e-6 {
			t.Errorf("factor at step %d is %v, want %v", step, got, want)
		}
	}
}

func TestClipNormRefusesNaN(t *testing.T) {
	if _, err := ClipNorm([][]float32{{1, float32(math.NaN())}}, 1); err == nil {
		t.Error("a gradient with NaN passed")
	}
}

// CLIP4Clip's trajectory: groups with their own rates, no decay of biases, gradients clipped over all groups and then each
// by itself, the rate from a schedule with a quarter of warm-up that begins at zero.
func TestGoldenOptimBertAdam(t *testing.T) {
	vectors := golden.Open(t, "retrieval", "optim.npz")
	names := []string{"clip_bias", "clip_w", "new_w"}
	weights := engine.NewWeights()
	steps := vectors.Array("ba_traj_clip_w").Shape[0]
	for _, name := range names {
		start := vectors.Array("p0_" + name)
		weights.Set(name, start.Float32s(), start.Shape...)
	}
	optimizer := newOptimizer(OptimizerConfig{
		Kind: bertAdam, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, Decay: 0.2, ClipEach: 1,
		NoDecay: []string{"bias"}, DecayVectors: true, Groups: []Group{{Prefix: "clip_", Rate: 0.1}},
	})
	optimizer.Attach(weights, names)
	for step := range steps {
		gradients := make([][]float32, len(names))
		for i, name := range names {
			all := vectors.Array("ba_grads_" + name).Float32s()
			size := len(all) / steps
			gradients[i] = append([]float32(nil), all[step*size:(step+1)*size]...)
		}
		if _, err := ClipNorm(gradients, 1); err != nil {
			t.Fatal(err)
		}
		optimizer.Step(gradients, 1e-2*BertCosine(step, steps/4, steps))
		for _, name := range names {
			want := vectors.Array("ba_traj_" + name).Float32s()
			size := len(want) / steps
			golden.Close(t, name, weights.Float32s(name), want[step*size:(step+1)*size], golden.ForwardAbs, golden.ForwardRel)
		}
	}
}

// ReLoCLNet's trajectory, in which clipping each gradient by itself bites.
func TestGoldenOptimBertAdamClipsEach(t *testing.T) {
	vectors := golden.Open(t, "moments/reloclnet", "bertadam.npz")
	const total = 8
	weights := engine.NewWeights()
	for _, name := range []string{"p1", "p2"} {
		start := vectors.Array(name + "_0")
		weights.Set(name, start.Float32s(), start.Shape...)
	}
	optimizer := &BertAdam{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-6, Decay: 0.01, Clip: 1}
	optimizer.Decays = func(name string, _ []int) bool { return name == "p1" }
	optimizer.Attach(weights, []string{"p1", "p2"})
	rates := vectors.Array("lr_after_step").Float64s()
	for step := range rates {
		gradients := make([][]float32, 2)
		for i, name := range []string{"g1", "g2"} {
			gradients[i] = append([]float32(nil), vectors.Array(fmt.Sprintf("%s_%d", name, step+1)).Float32s()...)
		}
		optimizer.Step(gradients, 0.01*BertLinear(step, total/4, total))
		for _, name := range []string{"p1", "p2"} {
			want := vectors.Array(fmt.Sprintf("%s_%d", name, step+1)).Float32s()
			golden.Close(t, fmt.Sprintf("%s after step %d", name, step+1), weights.Float32s(name), want, golden.ForwardAbs, golden.ForwardRel)
		}
		if next := 0.01 * BertLinear(step+1, total/4, total); math.Abs(next-rates[step]) > 1e-6 {
			t.Errorf("rate after step %d is %v, want %v", step, next, rates[step])
		}
	}
}
