package qacln

import (
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/encoder/transformer"
	"sightline/engine"
)

const (
	centres   = "vlad.clusters"  // [D, K], which assign
	residuals = "vlad.clusters2" // [1, D, K], which are taken off
	vladNorm  = "vlad.LayerNorm"
)

// initVLAD adds the parameters of NetVLAD with the given number of clusters, as CONQUER draws them.
func initVLAD(weights *engine.Weights, clusters, dim int, random *rand.Rand) {
	deviation := 1 / math.Sqrt(float64(dim))
	weights.Set(centres, engine.Normal(random, dim*clusters, deviation), dim, clusters)
	weights.Set(residuals, engine.Normal(random, dim*clusters, deviation), 1, dim, clusters)
	transformer.InitLayerNorm(weights, vladNorm, clusters)
}

// netVLAD returns one vector [A, D·K] of length 1 for rows x [A, W, D] (Arandjelović et al., NetVLAD, 2016; the formulation of
// CONQUER, Hou et al., 2021): with a = softmax_K(LayerNorm(x·C)) it is Σ_w a_wk (x_w − C'_k), each cluster brought to length 1,
// then all of them together, K running fastest. Mask [A, W] takes padding out; nil takes all rows.
func netVLAD(vars engine.Vars, x, mask *Node) *Node {
	logits := Dot(x, vars.Get(centres)).General([]int{2}, nil, []int{0}, nil)                   // [A, W, K]
	assigned := Softmax(transformer.LayerNorm(vars, vladNorm, logits, transformer.Epsilon), -1) // [A, W, K]
	if mask != nil {
		assigned = Mul(assigned, ExpandAxes(mask, -1))
	}
	sums := Dot(x, assigned).General([]int{1}, []int{0}, []int{1}, []int{0})                         // [A, D, K]
	off := Mul(ExpandAxes(ReduceSum(assigned, 1), 1), vars.Get(residuals))                           // [A, D, K]
	clusters := transformer.Normalize(TransposeAllAxes(Sub(sums, off), 0, 2, 1))                     // [A, K, D]
	return transformer.Normalize(Reshape(TransposeAllAxes(clusters, 0, 2, 1), x.Shape().Dim(0), -1)) // [A, D·K]
}
