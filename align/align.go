// Package align holds the aligned model: what turns stored features, or pixels and words, of videos and sentences into
// vectors whose similarity says whether they belong together. A model is composed of a Tower (features in, frame and
// sentence vectors of one width out) and a Head (one paper's way to compare them; one package each below this one).
//
// It sits between encoder and index. Start at Model: EncodeVideos and EncodeTexts make what is stored once, ScoreBlock
// compares A texts with N videos and sees no pairing, Save and Open keep a model as a folder. Training is in package
// train; this package has no optimiser.
package align

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Video is one video, or a window of one, as a model sees it: stored features, or frames where the tower looks at pixels.
type Video struct {
	ID       string            // of the video
	Features sightline.Matrix  // [T, Dv], a row a frame; from stored features
	Frames   []sightline.Frame // T pictures, for towers that are trained end to end
	Spans    []sightline.Span  // T stretches of time, one a row; may be nil
	Subtitle sightline.Matrix  // [Ts, Ds]; zero when the video has none
}

// Rows returns T.
func (c Video) Rows() int { return max(c.Features.Rows, len(c.Frames)) }

// Sentence is one text as a model sees it.
type Sentence struct {
	Text    string
	Vector  []float32        // [Dt], from the text encoder
	Tokens  sightline.Matrix // [L, Dt], word by word; zero where the encoder gives none
	Offsets [][2]int         // L byte ranges of Text, one a token
}

// Batch is what training sees of B pairs. Nothing pairs a text with a video except the order.
type Batch struct {
	Videos []Video
	Texts  []Sentence
	Spans  []sightline.Span // where in its video each text happens; nil outside moment tasks
}

// Frames is what a tower makes of B videos.
type Frames struct {
	Vectors *Node // [B, T, D], not normalised
	Mask    *Node // [B, T], 1 where there is a frame and 0 where there is padding
	Pooled  *Node // what the tower's own Auxiliary loss needs; else nil
}

// Register makes a head known to run configs and bundles under its name. Packages of heads call it when they are
// imported.
func Register(name string, head func() Head) { heads[name] = head }

var heads = map[string]func() Head{}

// NewHead returns a new head of the given name.
func NewHead(name string) (Head, error) {
	head, ok := heads[name]
	if !ok {
		return nil, &sightline.Error{
			Kind: sightline.Usage,
			What: fmt.Sprintf("use head %q", name),
			Err:  fmt.Errorf("known heads: %s", strings.Join(slices.Sorted(maps.Keys(heads)), ", ")),
		}
	}
	return head(), nil
}

// Tower turns videos and sentences into frame and sentence vectors of one width. Each method comes as a pair: the host
// side lays out inputs, the graph side computes on them.
type Tower interface {
	Dim() int                                              // D
	Init(weights *engine.Weights, random *rand.Rand) error // adds fresh parameters
	VideoInputs(videos []Video) ([]engine.Array, error)    // padded to one length
	TextInputs(texts []Sentence) ([]engine.Array, error)
	Video(vars engine.Vars, inputs []*Node) Frames
	Text(vars engine.Vars, inputs []*Node) *Node // [B, D], not normalised
}

// Auxiliary is a Tower with a loss of its own that is added to the head's while it trains; nil when it has none today.
type Auxiliary interface {
	Loss(vars engine.Vars, frames Frames, videos, texts []*Node) *Node
}

// Head is one paper's way to compare frame vectors with a sentence vector.
type Head interface {
	// Init adds the head's fresh parameters for vectors of width dim.
	Init(weights *engine.Weights, dim int, random *rand.Rand)
	// Video turns frames into what is stored of each video: [B, R, D]. It must not depend on any text.
	Video(vars engine.Vars, frames Frames) *Node
	// Text turns sentence vectors [B, D] into what represents each text: [B, D], normalised: its recall vector.
	Text(vars engine.Vars, sentence *Node) *Node
	// Recall turns stored videos [B, R, D] into the text-free, normalised vectors [B, D] whose dot product with a text's
	// selects candidates.
	Recall(vars engine.Vars, videos *Node) *Node
	// Score compares every text [A, D] with every video [N, R, D]: similarities [A, N], not scaled.
	Score(vars engine.Vars, texts, videos *Node) *Node
	// TwoStage tells whether Score is more than the dot product of the recall vectors, so that candidates need re-scoring.
	TwoStage() bool
}

// LogitScale is the parameter that holds the logarithm of the temperature's inverse, as in CLIP; MaxLogitScale bounds it.
const (
	LogitScale    = "logit_scale"
	MaxLogitScale = 4.605170185988092 // ln 100
)

// InfoNCE is the symmetric contrastive loss of matched scores [B, B], texts in rows (CLIP; retrieval.md 0.3):
// ½(mean_i −log softmax_row(i)_ii + mean_i −log softmax_col(i)_ii).
func InfoNCE(logits *Node) *Node {
	size := logits.Shape().Dimensions[0]
	own := identity(logits.Graph(), size)
	rows := ReduceAllSum(Mul(own, LogSoftmax(logits, 1)))
	columns := ReduceAllSum(Mul(own, LogSoftmax(logits, 0)))
	return MulScalar(Add(rows, columns), -0.5/float64(size))
}

// identity returns the [size, size] identity matrix.
func identity(g *Graph, size int) *Node {
	ones := sightline.NewMatrix(size, size)
	for i := range size {
		ones.Row(i)[i] = 1
	}
	return transformer.ConstFlat(g, ones.Data, size, size)
}
