// Package rival holds the layers that EMCL is compared with, at like cost: principal components, a fully connected layer, a
// transformer, a sparse autoencoder. Each is a part that goes between any head and its scores, as package emcl's layer
// does, and leaves every vector as it is until it has been fitted or trained.
//
// EMCL's ablation names them and says little of how they were built, so the forms here are our own reading: each treats
// every vector alone, in training as in search, so that scores do not depend on company; each adds what it makes of a
// vector to the vector, as EMCL does. Products a vector at width D = 512, with the defaults: EMCL 9 × 32,768 in training and
// 32,768 frozen; PCA 32,768; fully connected 262,144; transformer 401,408; sparse autoencoder 262,144.
//
// Source: Jin et al., Expectation-Maximization Contrastive Learning for Compact Video-and-Language Representations, 2022,
// section 4.3.
package rival

import (
	"errors"
	"fmt"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"
	"gonum.org/v1/gonum/mat"

	"sightline"
	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Names of the parts in run configs and bundles.
const (
	NamePCA         = "pca"
	NameConnected   = "connected"
	NameTransformer = "transformer"
	NameSparse      = "sparse"
)

func init() {
	align.RegisterPart(NamePCA, func() align.Part { return &PCA{Axes: 32, Beta: 1, Train: true} })
	align.RegisterPart(NameConnected, func() align.Part { return Connected{} })
	align.RegisterPart(NameTransformer, func() align.Part { return &Transformer{Width: 64} })
	align.RegisterPart(NameSparse, func() align.Part { return DefaultSparse() })
}

// together passes a batch through a layer that treats every vector alone.
func together(l align.Layer, vars engine.Vars, videos align.Frames, texts *Node) (align.Frames, *Node, []*Node) {
	videos.Vectors = l.Alone(vars, videos.Vectors)
	return videos, l.Alone(vars, texts), nil
}

// PCA adds to each vector β times its projection on the main axes of a reference set: x + β (xV)Vᵀ. Where it trains, the
// head learns behind the axes of the last fit; training and every validation fit anew.
type PCA struct {
	Axes  int     `json:"axes"`
	Beta  float64 `json:"beta"`
	Train bool    `json:"train"` // act in training; else the head trains without it
}

// Valid returns an error for constants that make no sense.
func (p *PCA) Valid() error {
	if p.Axes < 1 {
		return fmt.Errorf("axes is %d, and must be at least 1", p.Axes)
	}
	return nil
}

// Init adds axes of length zero. There are at most as many as components.
func (p *PCA) Init(weights *engine.Weights, dim int, _ *rand.Rand) {
	n := min(p.Axes, dim)
	weights.Set("axes", make([]float32, dim*n), dim, n)
}

// Fixed names the axes.
func (*PCA) Fixed() []string { return []string{"axes"} }

// Trains tells whether it acts in training.
func (p *PCA) Trains() bool { return p.Train }

// Kept names nothing.
func (*PCA) Kept() []string { return nil }

// Joint treats every vector alone.
func (p *PCA) Joint(vars engine.Vars, videos align.Frames, texts *Node) (align.Frames, *Node, []*Node) {
	return together(p, vars, videos, texts)
}

// Alone returns x + β (xV)Vᵀ.
func (p *PCA) Alone(vars engine.Vars, x *Node) *Node {
	v, last := vars.Get("axes"), x.Rank()-1 // [D, K]
	along := Dot(x, v).General([]int{last}, nil, []int{0}, nil)
	return Add(x, MulScalar(Dot(along, v).General([]int{last}, nil, []int{1}, nil), p.Beta))
}

// Fit finds the axes along which the rows of both modalities together, less their mean, vary most.
func (p *PCA) Fit(weights *engine.Weights, videos, texts sightline.Matrix) error {
	rows := stack(videos, texts)
	if err := rows.Finite(); err != nil {
		return fmt.Errorf("fit PCA: %w", err)
	}
	scatter, x := mat.NewSymDense(rows.Cols, nil), mat.NewVecDense(rows.Cols, nil)
	mean := make([]float64, rows.Cols)
	for r := range rows.Rows {
		for d, v := range rows.Row(r) {
			mean[d] += float64(v) / float64(rows.Rows)
		}
	}
	for r := range rows.Rows {
		for d, v := range rows.Row(r) {
			x.SetVec(d, float64(v)-mean[d])
		}
		scatter.SymRankOne(scatter, 1, x)
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(scatter, true) {
		return errors.New("fit PCA: the eigenvalues did not converge")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors) // columns, the smallest first
	n := weights.Shape("axes")[1]
	weights.Update("axes", func(axes []float32) {
		for d := range rows.Cols {
			for k := range n {
				axes[d*n+k] = float32(vectors.At(d, rows.Cols-1-k))
			}
		}
	})
	return nil
}

// stack returns the rows of both.
func stack(a, b sightline.Matrix) sightline.Matrix {
	return sightline.Matrix{Rows: a.Rows + b.Rows, Cols: b.Cols, Data: append(append([]float32(nil), a.Data...), b.Data...)}
}

// learned is embedded by layers that gradients move and nothing else does: they always train, and there is nothing to fit.
type learned struct{}

func (learned) Fixed() []string                                               { return nil }
func (learned) Trains() bool                                                  { return true }
func (learned) Kept() []string                                                { return nil }
func (learned) Fit(*engine.Weights, sightline.Matrix, sightline.Matrix) error { return nil }

// Connected adds a fully connected layer, x + Wx + b, one for both modalities. W and b are zero at first.
type Connected struct{ learned }

// Init adds W [D, D] and b [D].
func (Connected) Init(weights *engine.Weights, dim int, random *rand.Rand) {
	transformer.InitLinear(weights, "linear", dim, dim, 0, random)
}

// Joint treats every vector alone.
func (c Connected) Joint(vars engine.Vars, videos align.Frames, texts *Node) (align.Frames, *Node, []*Node) {
	return together(c, vars, videos, texts)
}

// Alone returns x + Wx + b.
func (Connected) Alone(vars engine.Vars, x *Node) *Node {
	return Add(x, transformer.Linear(vars, "linear", x))
}

// Transformer cuts a vector into pieces of Width components, which attend to each other in one block of CLIP's, with learned
// positions: as EM does, it looks for what components have in common. Its residual branches are zero at first, and its
// positions only enter through them.
type Transformer struct {
	learned `json:"-"`

	Width int `json:"width"` // components a piece; the vector is one piece where that does not divide it
}

// Valid returns an error for constants that make no sense.
func (t *Transformer) Valid() error {
	if t.Width < 1 {
		return fmt.Errorf("width is %d, and must be at least 1", t.Width)
	}
	return nil
}

// piece returns how many components a piece of a vector of width dim has.
func (t *Transformer) piece(dim int) int {
	if dim%t.Width != 0 {
		return dim
	}
	return t.Width
}

// Init adds a block whose output layers are zero, and positions.
func (t *Transformer) Init(weights *engine.Weights, dim int, random *rand.Rand) {
	width := t.piece(dim)
	transformer.InitBlock(weights, "block.", width, 1, random)
	for _, out := range []string{"block.attn.out_proj", "block.mlp.c_proj"} {
		weights.Set(out+".weight", make([]float32, len(weights.Float32s(out+".weight"))), weights.Shape(out+".weight")...)
	}
	weights.Set("positions", engine.Normal(random, dim, 0.02), dim/width, width)
}

// Joint treats every vector alone.
func (t *Transformer) Joint(vars engine.Vars, videos align.Frames, texts *Node) (align.Frames, *Node, []*Node) {
	return together(t, vars, videos, texts)
}

// Alone returns x + block(x + positions) − (x + positions), over the pieces of each vector.
func (t *Transformer) Alone(vars engine.Vars, x *Node) *Node {
	dim := x.Shape().Dim(-1)
	pieces := transformer.AddPositions(Reshape(x, -1, dim/t.piece(dim), t.piece(dim)), vars.Get("positions"))
	changed := transformer.Block(vars.Under("block."), pieces, 1, nil, transformer.QuickGELU, transformer.Epsilon)
	return Add(x, Reshape(Sub(changed, pieces), x.Shape().Dimensions...))
}
