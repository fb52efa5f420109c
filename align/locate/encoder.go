package locate

import (
	"fmt"
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Names of the encoders' parameters are those of ReLoCLNet's official checkpoints.
const (
	wordStream    = "query"
	wordPositions = "query_pos_embed"
	clipPositions = "ctx_pos_embed" // of both modalities
)

// streams are the name prefixes of the modalities.
var streams = [Modalities]string{Visual: "video", Subtitle: "sub"}

// Deviation is that of fresh linear layers and positions, as in the official code.
const Deviation = 0.02

// Words is what the encoder makes of A sentences.
type Words struct {
	Rows *Node // E_q [A, W, D]
	Mask *Node // [A, W]
}

// Context is what the encoders make of N videos. Where the model takes no subtitles, its subtitle nodes are nil.
type Context struct {
	Rows   [Modalities]*Node // H [N, L, D], which is what an index keeps
	Middle [Modalities]*Node // [N, L, D], one layer before
	Mask   *Node             // [N, L]
	Spoken *Node             // [N], 1 where the video has subtitles
}

// ClipNodes are the features of N videos as they enter the encoders.
type ClipNodes struct {
	Features [Modalities]*Node // [N, L, width]
	Mask     *Node             // [N, L]
	Spoken   *Node             // [N]
}

// Modalities returns those that the model has.
func (c Context) Modalities() []int {
	if c.Spoken == nil {
		return []int{Visual}
	}
	return []int{Visual, Subtitle}
}

// EncodeWords returns E_q of word features [A, W, Dt] with their mask [A, W].
func (c Config) EncodeWords(vars engine.Vars, features, mask *Node, drop Dropout) Words {
	rows := c.embed(vars, wordStream, wordPositions, features, drop)
	rows = c.attention(vars, wordStream+"_encoder", rows, mask, drop)
	if c.Refine {
		rows = c.attention(vars, wordStream+"_encoder1", rows, mask, drop)
	}
	return Words{Rows: rows, Mask: mask}
}

// EncodeClips returns H of the clips of N videos.
func (c Config) EncodeClips(vars engine.Vars, in ClipNodes, drop Dropout) Context {
	out := Context{Mask: in.Mask, Spoken: in.Spoken}
	masks := [Modalities]*Node{Visual: in.Mask}
	if in.Spoken != nil {
		masks[Subtitle] = Mul(in.Mask, ExpandAxes(in.Spoken, -1))
	}
	var first [Modalities]*Node // V₁, S₁ [N, L, D]
	for _, m := range out.Modalities() {
		first[m] = c.embed(vars, streams[m], clipPositions, in.Features[m], drop)
		first[m] = c.attention(vars, streams[m]+"_encoder1", first[m], masks[m], drop)
	}
	for _, m := range out.Modalities() {
		rows, name := first[m], streams[m]
		if in.Spoken != nil { // co-attention; a video without subtitles has nothing to mix in
			mixed := c.mix(vars, name+"_cross_att", rows, first[1-m], crossMask(masks[m], masks[1-m]), drop)
			rows = Add(rows, Mul(mixed, ExpandAxes(in.Spoken, 1, 2)))
			rows = transformer.LayerNorm(vars, name+"_cross_layernorm", rows, transformer.Epsilon)
		}
		out.Middle[m] = c.attention(vars, name+"_encoder2", rows, masks[m], drop)
		out.Rows[m] = out.Middle[m]
		if c.Refine {
			out.Rows[m] = c.attention(vars, name+"_encoder3", out.Middle[m], masks[m], drop)
		}
	}
	return out
}

// embed is LayerNorm, dropout, Linear, ReLU, then learned positions, LayerNorm, dropout [B, L, D].
func (c Config) embed(vars engine.Vars, stream, positions string, x *Node, drop Dropout) *Node {
	name := stream + "_input_proj"
	x = transformer.LayerNorm(vars, name+".LayerNorm", x, transformer.Epsilon)
	x = drop.Apply(name, x)
	x = transformer.ReLU(transformer.Linear(vars, name+".net.1", x))
	x = transformer.AddPositions(x, vars.Get(positions+".position_embeddings.weight"))
	x = transformer.LayerNorm(vars, positions+".LayerNorm", x, transformer.Epsilon)
	return drop.Apply(stream+"_positions", x)
}

// attention is BERT's attention layer, without the feed-forward part: LayerNorm(x + Linear(mix(x, x))).
func (c Config) attention(vars engine.Vars, name string, x, mask *Node, drop Dropout) *Node {
	y := c.mix(vars, name+".self", x, x, ExpandAxes(mask, 1), drop)
	y = drop.Apply(name, transformer.Linear(vars, name+".output.dense", y))
	return transformer.LayerNorm(vars, name+".output.LayerNorm", Add(y, x), transformer.Epsilon)
}

// hiddenLogit is added to the attention logit of a position that is not there. In a row that sees nothing it leaves, in
// float32, the logits rounded to multiples of 2^-10, and parity needs exactly that.
const hiddenLogit = -1e4

// mix is multi-head attention of x [B, Q, D] over side [B, L, D] without an output layer. Mask is [B, Q or 1, L].
func (c Config) mix(vars engine.Vars, name string, x, side, mask *Node, drop Dropout) *Node {
	batch, depth := x.Shape().Dim(0), c.Hidden/c.Heads
	project := func(part string, x *Node) *Node { // [B, heads, L, depth]
		y := transformer.Linear(vars, name+"."+part, x)
		return TransposeAllAxes(Reshape(y, batch, -1, c.Heads, depth), 0, 2, 1, 3)
	}
	logits := Dot(project("query", x), project("key", side)).General([]int{3}, []int{0, 1}, []int{3}, []int{0, 1})
	logits = MulScalar(logits, 1/math.Sqrt(float64(depth))) // [B, heads, Q, L]
	hidden := ExpandAxes(MulScalar(OneMinus(mask), hiddenLogit), 1)
	weights := drop.Apply(name, Softmax(Add(logits, BroadcastToShape(hidden, logits.Shape())), -1))
	y := Dot(weights, project("value", side)).General([]int{3}, []int{0, 1}, []int{2}, []int{0, 1}) // [B, heads, Q, depth]
	return Reshape(TransposeAllAxes(y, 0, 2, 1, 3), batch, -1, c.Hidden)
}

// crossMask returns the products [B, Q, L] of two masks.
func crossMask(main, side *Node) *Node { return Mul(ExpandAxes(main, -1), ExpandAxes(side, 1)) }

// Dropout holds, by the name of the place, uniform numbers in [0, 1) of the shape of what is dropped there; nil for none.
type Dropout map[string]dropped

type dropped struct {
	uniform *Node
	share   float64
}

// Apply drops what falls below the share of the place and scales the rest up.
func (d Dropout) Apply(place string, x *Node) *Node {
	if d == nil {
		return x
	}
	at, ok := d[place]
	if !ok {
		return x
	}
	return Mul(x, align.Keep(at.uniform, at.share))
}

// place is where numbers are dropped.
type place struct {
	name  string
	shape []int
	share float64
}

// places returns where a training step of batch pairs with words and clips drops, in a fixed order.
func (c Config) places(batch, words, clips int) []place {
	var all []place
	add := func(share float64, name string, shape ...int) {
		if share > 0 {
			all = append(all, place{name, shape, share})
		}
	}
	stream := func(name string, width, length int, layers ...string) {
		add(c.InputDropout, name+"_input_proj", batch, length, width)
		add(c.InputDropout, name+"_positions", batch, length, c.Hidden)
		for _, layer := range layers {
			add(c.Dropout, name+layer+".self", batch, c.Heads, length, length)
			add(c.Dropout, name+layer, batch, length, c.Hidden)
		}
	}
	wordLayers, clipLayers := []string{"_encoder"}, []string{"_encoder1", "_encoder2"}
	if c.Refine {
		wordLayers, clipLayers = append(wordLayers, "_encoder1"), append(clipLayers, "_encoder3")
	}
	stream(wordStream, c.Text, words, wordLayers...)
	for m, width := range c.widths() {
		if width > 0 {
			stream(streams[m], width, clips, clipLayers...)
			if c.Subtitle > 0 {
				add(c.Dropout, streams[m]+"_cross_att", batch, c.Heads, clips, clips)
			}
		}
	}
	return all
}

// dropout pairs the places with their nodes.
func (c Config) dropout(places []place, nodes []*Node) Dropout {
	if len(nodes) == 0 {
		return nil
	}
	if len(nodes) != len(places) {
		panic(fmt.Errorf("dropout: %d arrays of chance for %d places", len(nodes), len(places)))
	}
	drop := Dropout{}
	for i, p := range places {
		drop[p.name] = dropped{nodes[i], p.share}
	}
	return drop
}

// InitFilter adds a fresh boundary filter [1, 1, width], drawn as PyTorch draws a convolution.
func InitFilter(weights *engine.Weights, name string, width int, random *rand.Rand) {
	bound := 1 / math.Sqrt(float64(width))
	filter := make([]float32, width)
	for i := range filter {
		filter[i] = float32((2*random.Float64() - 1) * bound)
	}
	weights.Set(name, filter, 1, 1, width)
}

// init adds fresh parameters of the encoders.
func (c Config) init(weights *engine.Weights, random *rand.Rand) {
	linear := func(name string, in int) {
		transformer.InitLinear(weights, name, in, c.Hidden, Deviation, random)
	}
	mix := func(name string) {
		for _, part := range []string{".query", ".key", ".value"} {
			linear(name+part, c.Hidden)
		}
	}
	attention := func(name string) {
		mix(name + ".self")
		linear(name+".output.dense", c.Hidden)
		transformer.InitLayerNorm(weights, name+".output.LayerNorm", c.Hidden)
	}
	project := func(name string, in int) {
		transformer.InitLayerNorm(weights, name+"_input_proj.LayerNorm", in)
		linear(name+"_input_proj.net.1", in)
	}
	positions := func(name string, count int) {
		weights.Set(name+".position_embeddings.weight", engine.Normal(random, count*c.Hidden, Deviation), count, c.Hidden)
		transformer.InitLayerNorm(weights, name+".LayerNorm", c.Hidden)
	}
	positions(wordPositions, c.Words)
	positions(clipPositions, c.Clips)
	project(wordStream, c.Text)
	attention(wordStream + "_encoder")
	if c.Refine {
		attention(wordStream + "_encoder1")
	}
	for m, width := range c.widths() {
		if width == 0 {
			continue
		}
		name := streams[m]
		project(name, width)
		attention(name + "_encoder1")
		attention(name + "_encoder2")
		if c.Refine {
			attention(name + "_encoder3")
		}
		if c.Subtitle > 0 {
			mix(name + "_cross_att")
			transformer.InitLayerNorm(weights, name+"_cross_layernorm", c.Hidden)
		}
	}
}
