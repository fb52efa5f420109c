package align

import (
	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/encoder/transformer"
)

// LogitScale is the parameter that holds the logarithm of the temperature's inverse, as in CLIP; MaxLogitScale bounds it.
const (
	LogitScale    = "logit_scale"
	MaxLogitScale = 4.605170185988092 // ln 100
)

// Contrast is the contrastive objective of one batch.
type Contrast struct {
	Scale *Node // exp(logit_scale), a scalar
	Same  *Node // [B, B], 1 where two pairs show one video, so that neither is a negative of the other; nil to take all

	Weights *Node // [B], how much each pair counts; nil for all alike
}

// weigh lets pairs count by more weights [B]; nil changes nothing.
func (c *Contrast) weigh(weights *Node) {
	switch {
	case weights == nil:
	case c.Weights == nil:
		c.Weights = weights
	default:
		c.Weights = Mul(c.Weights, weights)
	}
}

// Loss is InfoNCE of matched similarities [B, B] times the scale.
func (c Contrast) Loss(similarities *Node) *Node {
	return c.Logits(Mul(similarities, BroadcastToShape(c.Scale, similarities.Shape())))
}

// Logits is InfoNCE of matched logits [B, B] as they are.
func (c Contrast) Logits(logits *Node) *Node {
	if c.Same != nil {
		others := Sub(c.Same, identity(logits.Graph(), logits.Shape().Dimensions[0]))
		logits = Add(logits, MulScalar(others, transformer.Hidden))
	}
	return infoNCE(logits, c.Weights)
}

// InfoNCE is the symmetric contrastive loss of matched scores [B, B], texts in rows (CLIP; retrieval.md 0.3):
// ½(mean_i −log softmax_row(i)_ii + mean_i −log softmax_col(i)_ii).
func InfoNCE(logits *Node) *Node { return infoNCE(logits, nil) }

// infoNCE takes the means with weights [B]; nil for equal ones.
func infoNCE(logits, weights *Node) *Node {
	size := logits.Shape().Dimensions[0]
	own := identity(logits.Graph(), size)
	total := Scalar(logits.Graph(), logits.DType(), size)
	if weights != nil {
		own = Mul(own, BroadcastToShape(ExpandAxes(weights, -1), own.Shape()))
		total = MaxScalar(ReduceAllSum(weights), 1e-6)
	}
	rows := ReduceAllSum(Mul(own, LogSoftmax(logits, 1)))
	columns := ReduceAllSum(Mul(own, LogSoftmax(logits, 0)))
	return MulScalar(Div(Add(rows, columns), total), -0.5)
}

// identity returns the [size, size] identity matrix.
func identity(g *Graph, size int) *Node {
	ones := sightline.NewMatrix(size, size)
	for i := range size {
		ones.Row(i)[i] = 1
	}
	return transformer.ConstFlat(g, ones.Data, size, size)
}

// Keep turns uniform numbers in [0, 1) into the factors of dropout: 0 for a share of them, 1/(1 − share) for the rest.
func Keep(uniform *Node, share float64) *Node {
	kept := ConvertDType(GreaterOrEqual(uniform, Scalar(uniform.Graph(), uniform.DType(), share)), uniform.DType())
	return MulScalar(kept, 1/(1-share))
}
