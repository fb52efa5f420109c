package train

import (
	"math"
	"testing"

	"sightline/engine"
	"sightline/internal/golden"
)

// The official trajectory: gradients clipped over both groups to norm 1, learning rates 1e-3 and 1e-2 under a cosine
// with 3 warm-up steps of 12.
func TestGoldenAdamW(t *testing.T) {
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
	optimizer.Rate = func(name string) float64 { return rate[step*groups+map[string]int{"clip_w": 0, "new_w": 1}[name]] }
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

func TestGoldenAdamWSchedule(t *testing.T) {
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
