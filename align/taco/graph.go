package taco

import (
	"fmt"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"sightline/encoder/transformer"
	"sightline/engine"
)

// layer is a layer of BERT's encoder over x [B, L, D]. Mask is what HidePadding makes of x's. Parameters: q, k, v, o, ln1, f1,
// f2, ln2.
func layer(vars engine.Vars, x *Node, heads int, mask *Node) *Node {
	of := func(name string) *Node { return transformer.Linear(vars, name, x) }
	return attend(vars, x, of("q"), of("k"), of("v"), heads, mask)
}

// attend is what a layer does with its projections: attention of the positions of x [B, Q, D] by q [B, Q, D] over k and v
// [B, L, D], then the feed-forward part, each added and normalised.
func attend(vars engine.Vars, x, q, k, v *Node, heads int, mask *Node) *Node {
	y := transformer.LayerNorm(vars, "ln1", Add(x, transformer.Linear(vars, "o", transformer.Attention(q, k, v, heads, mask))), transformer.TinyEpsilon)
	inner := transformer.Linear(vars, "f2", transformer.GELU(transformer.Linear(vars, "f1", y)))
	return transformer.LayerNorm(vars, "ln2", Add(y, inner), transformer.TinyEpsilon)
}

// layers runs count layers over x [B, L, D] with mask [B, L].
func (c Config) layers(vars engine.Vars, name string, count int, x, mask *Node) *Node {
	hidden := transformer.HidePadding(mask)
	for i := range count {
		x = layer(vars.Under(fmt.Sprintf("%s.%d.", name, i)), x, c.Heads, hidden)
	}
	return x
}

// Chance changes rows where they enter the layers while a model trains; nil changes nothing.
type Chance func(x *Node) *Node

func (change Chance) apply(x *Node) *Node {
	if change == nil {
		return x
	}
	return change(x)
}

// EncodeFrames returns x [N, m, D] of frame features [N, m, Dv] with mask [N, m].
func (c Config) EncodeFrames(vars engine.Vars, features, mask *Node, drop Chance) *Node {
	x := transformer.AddPositions(transformer.Linear(vars, "vproj", features), vars.Get("vpos.weight"))
	return c.layers(vars, "vlayers", c.VideoLayers, drop.apply(x), mask)
}

// EncodeWords returns y [A, n, D] of sentence vectors [A, 1, Ds] and word features [A, n−1, Dt], or of the numbers of pieces
// [A, n]; then the mask [A, n]. The sentence counts first.
func (c Config) EncodeWords(vars engine.Vars, in []*Node, drop Chance) *Node {
	mask := in[len(in)-1]
	var y *Node
	if c.Pieces > 0 {
		y = Reshape(Gather(vars.Get("temb.weight"), indices(in[0])), mask.Shape().Dim(0), mask.Shape().Dim(1), c.Hidden)
	} else {
		y = Concatenate([]*Node{transformer.Linear(vars, "cproj", in[0]), transformer.Linear(vars, "tproj", in[1])}, 1)
	}
	y = transformer.AddPositions(y, vars.Get("tpos.weight"))
	return c.layers(vars, "tlayers", c.TextLayers, drop.apply(y), mask)
}

// Fused are the videos and texts that a fusion reads, and which of them make its P pairs.
type Fused struct {
	Videos, VideoMask *Node // x [N, m, D], [N, m]
	Texts, TextMask   *Node // y [A, n, D], [A, n]
	Video, Text       *Node // [P, 1], rows of Videos and of Texts

	// Start is the position of videos in the joint sequence, start ≥ n, however few columns the texts have, so that S3 does
	// not depend on the company of a text.
	Start int
}

// Fuse returns S3 [P]: w·z_[CLS] + b of the transformer's output at the sentence's row. What the first layer projects knows
// no pair, and is computed once for each text and each video, however many pairs they are in.
func (c Config) Fuse(vars engine.Vars, f Fused) *Node {
	in := func(rows *Node, kind, start int) *Node {
		var positions []int64
		for i := range rows.Shape().Dim(1) {
			positions = append(positions, int64(start+i))
		}
		place := Gather(vars.Get("pos_emb.weight"), ints(rows.Graph(), positions))                                         // [L, D]
		return Add(Add(rows, ExpandAxes(place, 0)), ExpandAxes(transformer.Pick(vars.Get("type_emb.weight"), kind), 0, 1)) // [B, L, D]
	}
	texts, videos := in(f.Texts, 0, 0), in(f.Videos, 1, f.Start)
	pair := func(text, video *Node) *Node { // [P, n+m, ..]
		return Concatenate([]*Node{Gather(text, f.Text), Gather(video, f.Video)}, 1)
	}
	of := func(vars engine.Vars, name string) *Node {
		return pair(transformer.Linear(vars, name, texts), transformer.Linear(vars, name, videos))
	}
	mask := transformer.HidePadding(pair(f.TextMask, f.VideoMask))
	var z *Node
	for i := range c.FusionLayers {
		own, last := vars.Under(fmt.Sprintf("flayers.%d.", i)), i == c.FusionLayers-1
		switch {
		case i == 0 && last:
			first := firstRow(texts)
			z = attend(own, Gather(first, f.Text), Gather(transformer.Linear(own, "q", first), f.Text), of(own, "k"), of(own, "v"), c.Heads, mask)
		case i == 0:
			z = attend(own, pair(texts, videos), of(own, "q"), of(own, "k"), of(own, "v"), c.Heads, mask)
		case last: // of which the sentence's row alone is read
			first := firstRow(z)
			z = attend(own, first, transformer.Linear(own, "q", first), transformer.Linear(own, "k", z), transformer.Linear(own, "v", z), c.Heads, mask)
		default:
			z = layer(own, z, c.Heads, mask)
		}
	}
	return Reshape(transformer.Linear(vars, "score", z), -1) // of [P, 1, D]
}

// firstRow returns the first position [B, 1, D] of x [B, L, D].
func firstRow(x *Node) *Node {
	return ExpandAxes(transformer.Pick(TransposeAllAxes(x, 1, 0, 2), 0), 1)
}

// SentenceScores returns S1 [A, N], y_[CLS] · mean_q x_q, equation 3.
func SentenceScores(x, xMask, y *Node) *Node {
	there := ExpandAxes(xMask, -1)
	mean := Div(ReduceSum(Mul(x, there), 1), ReduceSum(there, 1)) // [N, D]
	return Dot(Squeeze(firstRow(y), 1), mean).General([]int{1}, nil, []int{1}, nil)
}

// absent takes the place of the dot product with a frame that is not there.
const absent = -1e10

// TokenScores returns s [A, n, N], max_q y_p · x_q over the frames that are there, equation 4.
func TokenScores(x, xMask, y *Node) *Node {
	products := Dot(y, x).General([]int{2}, nil, []int{2}, nil) // [A, n, N, m]
	there := ExpandAxes(xMask, 0, 1)
	return ReduceMax(Add(Mul(products, there), MulScalar(OneMinus(there), absent)), -1)
}

// SumTokens returns S2 [A, N] of token scores [A, n, N] and weights [A, n]: the sum over the tokens that weigh anything,
// each alike or, where Weighted, by its weight; where Average, divided by the sum of what they count.
func (c Config) SumTokens(tokens, weights *Node) *Node {
	if !c.Weighted {
		weights = ConvertDType(GreaterThan(weights, ZerosLike(weights)), weights.DType())
	}
	if c.Average {
		weights = Div(weights, AddScalar(ReduceAndKeep(weights, ReduceSum, 1), 1e-9))
	}
	return ReduceSum(Mul(tokens, ExpandAxes(weights, -1)), 1)
}

// init adds fresh parameters.
func (c Config) init(weights *engine.Weights, random *rand.Rand) {
	linear := func(name string, in, out int) { transformer.InitBERT(weights, name, in, out, random) }
	table := func(name string, rows int) {
		weights.Set(name+".weight", engine.Normal(random, rows*c.Hidden, transformer.BERTDeviation), rows, c.Hidden)
	}
	layers := func(name string, count int) {
		for i := range count {
			prefix := fmt.Sprintf("%s.%d.", name, i)
			for _, part := range []string{"q", "k", "v", "o"} {
				linear(prefix+part, c.Hidden, c.Hidden)
			}
			linear(prefix+"f1", c.Hidden, c.FeedForward)
			linear(prefix+"f2", c.FeedForward, c.Hidden)
			transformer.InitLayerNorm(weights, prefix+"ln1", c.Hidden)
			transformer.InitLayerNorm(weights, prefix+"ln2", c.Hidden)
		}
	}
	linear("vproj", c.Video, c.Hidden)
	table("vpos", c.Clips)
	layers("vlayers", c.VideoLayers)
	if c.Pieces > 0 {
		table("temb", c.Pieces)
	} else {
		linear("cproj", c.Sentence, c.Hidden)
		linear("tproj", c.Text, c.Hidden)
	}
	table("tpos", c.width())
	layers("tlayers", c.TextLayers)
	if c.fuses() {
		table("type_emb", 2)
		table("pos_emb", c.width()+c.Clips)
		layers("flayers", c.FusionLayers)
		linear("score", c.Hidden, 1)
	}
}

// ints returns a constant of indices [len, 1]. They have 64 bits, like indices below: ONNX Runtime scatters by no others, and a
// gradient of Gather scatters.
func ints(g *Graph, indices []int64) *Node { return ExpandAxes(Const(g, indices), -1) }

// indices turns a node of row numbers into the shape that Gather takes, [.., 1].
func indices(rows *Node) *Node { return ExpandAxes(ConvertDType(Reshape(rows, -1), dtypes.Int64), -1) }
