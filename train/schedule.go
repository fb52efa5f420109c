package train

import (
	"fmt"
	"math"
)

// ClipNorm scales all gradients by one factor so that their joint Euclidean norm is at most limit, as PyTorch's
// clip_grad_norm_ does, and returns the norm before. A norm that is NaN or infinite is an error: the run has diverged.
func ClipNorm(gradients [][]float32, limit float64) (float64, error) {
	size := norm(gradients)
	if math.IsNaN(size) || math.IsInf(size, 0) {
		return size, fmt.Errorf("gradient norm is %v", size)
	}
	clip(gradients, size, limit)
	return size, nil
}

// norm returns the joint Euclidean norm.
func norm(gradients [][]float32) float64 {
	var square float64
	for _, gradient := range gradients {
		for _, g := range gradient {
			square += float64(g) * float64(g)
		}
	}
	return math.Sqrt(square)
}

// clip scales gradients of the given norm down to the limit; 0 is none.
func clip(gradients [][]float32, size, limit float64) {
	factor := limit / (size + 1e-6)
	if limit <= 0 || factor >= 1 {
		return
	}
	for _, gradient := range gradients {
		for i := range gradient {
			gradient[i] *= float32(factor)
		}
	}
}

// Schedule is the factor on the learning rate at a step, from 0, of total, the first warmup of which rise.
type Schedule func(step, warmup, total int) float64

// schedules holds them by their names in run files.
var schedules = map[string]Schedule{
	"warmup_cosine": WarmupCosine, "bert_cosine": BertCosine, "bert_linear": BertLinear, "constant": Constant,
}

// WarmupCosine is a linear rise over the first warmup steps, then half a cosine over the rest (Hugging Face's
// get_cosine_schedule_with_warmup): X-Pool, T-MASS.
func WarmupCosine(step, warmup, total int) float64 {
	if step < warmup {
		return float64(step) / float64(max(1, warmup))
	}
	progress := float64(step-warmup) / float64(max(1, total-warmup))
	return max(0, 0.5*(1+math.Cos(math.Pi*progress)))
}

// BertCosine is a linear rise, then ½(1 + cos πx) with x the share of all steps, which is not what is left of the rise: the
// factor jumps from 1 down to ½(1 + cos πw) at its end, as CLIP4Clip's and EMCL's do (retrieval.md 0.4).
func BertCosine(step, warmup, total int) float64 {
	if step < warmup {
		return float64(step) / float64(max(1, warmup))
	}
	return 0.5 * (1 + math.Cos(math.Pi*float64(step)/float64(max(1, total))))
}

// BertLinear is a linear rise, then a linear fall to zero: TVR's and ReLoCLNet's (moments.md, M5).
func BertLinear(step, warmup, total int) float64 {
	if step < warmup {
		return float64(step) / float64(max(1, warmup))
	}
	return max(0, float64(total-step)/float64(max(1, total-warmup)))
}

// Constant is 1.
func Constant(int, int, int) float64 { return 1 }
