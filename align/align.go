// Package align holds the aligned model: what turns stored features, or pixels and words, of videos and sentences into
// vectors whose similarity says whether they belong together. A model is composed of a Tower (features in, frame and
// sentence vectors of one width out) and a Head (one paper's way to compare them; one package each below this one), and may have Parts: losses and layers of other papers
// that go with any head.
//
// It sits between encoder and index. Start at Model: EncodeVideos and EncodeTexts make what is stored once, ScoreBlock
// compares A texts with N videos and sees no pairing, Save and Open keep a model as a folder. Training is in package
// train; this package has no optimiser.
package align

import (
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
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
	Read    string           // Text as the encoder of words reads it, cleaned; "" without Tokens
	Offsets [][2]int         // L byte ranges of Read, one a token
}

// Batch is what training sees of B pairs. Nothing pairs a text with a video except the order.
type Batch struct {
	Videos []Video
	Texts  []Sentence
	Spans  []sightline.Span // where in its video each text happens; nil outside moment tasks
	Epoch  int              // of the run, from 0, for losses that change as it goes on
}

// Frames is what a tower makes of B videos, and in the same shape what a head keeps of them.
type Frames struct {
	Vectors *Node // [B, T, D], not normalised
	Mask    *Node // [B, T], 1 where there is a frame and 0 where there is padding
	Pooled  *Node // what the tower's own Auxiliary loss needs; else nil
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

// Features are vectors of B pairs before a tower has changed them: frames [B, T, D] and sentences [B, D]. The zero value means
// that there are none of the tower's width.
type Features struct {
	Frames   Frames
	Sentence *Node
}

// Residual is a Tower that starts as the identity, so that what it makes can be compared with what it was given.
type Residual interface {
	Plain(videos, texts []*Node) Features
}

// Auxiliary is a Tower with a loss of its own that is added to the head's while it trains; nil when it has none today.
type Auxiliary interface {
	Loss(vars engine.Vars, frames Frames, videos, texts []*Node) *Node
}

// Head is one paper's way to compare frame vectors with a sentence vector.
type Head interface {
	// Init adds the head's fresh parameters for vectors of width dim.
	Init(weights *engine.Weights, dim int, random *rand.Rand)
	// Video turns frames into what is stored of each video: R rows with their mask. It must not depend on any text.
	Video(vars engine.Vars, frames Frames) Frames
	// Text turns sentence vectors [B, D] into what represents each text, [B, D]. Normalised, it is the text's recall vector.
	Text(vars engine.Vars, sentence *Node) *Node
	// Recall turns stored videos into the text-free, normalised vectors [B, D] whose dot product with a text's recall
	// vector selects candidates.
	Recall(vars engine.Vars, videos Frames) *Node
	// Score compares every text [A, D] with every stored video: similarities [A, N], not scaled. The similarity of a pair
	// must not depend on what else is compared.
	Score(vars engine.Vars, texts *Node, videos Frames) *Node
	// Traits tells how the head wants to be used.
	Traits() Traits
}

// Traits tells how a head wants to be used.
type Traits struct {
	// TwoStage tells that Score is more than the dot product of the recall vectors, so that candidates need re-scoring.
	TwoStage bool
	// Unit tells that what it keeps of videos and texts has length 1.
	Unit bool
	// Texts and Videos are how many Score compares at a time, so that memory stays bounded whatever is asked for.
	Texts, Videos int
}

// Objective is a Head whose training loss is not InfoNCE of its scaled scores, or that draws chance while it trains.
type Objective interface {
	// Noise returns the shapes of the uniform numbers in [0, 1) that Loss takes on a batch of pairs with frames rows each
	// and vectors of width dim. They are drawn on the host from the run's seed, so that a resumed run draws the same.
	Noise(pairs, rows, dim int) [][]int
	// Loss is the loss of B matched videos and sentences [B, D].
	Loss(vars engine.Vars, contrast Contrast, videos Frames, sentence *Node, noise []*Node) *Node
}

// JointHead is a Head that scores a training batch jointly, so that vectors may look at each other, and alone by what was
// fitted. Its Score is the latter, like every head's; before Fit it scores as if nothing were fitted.
type JointHead interface {
	Head
	// Fixed returns the names of the parameters that no gradient moves.
	Fixed() []string
	// Joint returns the similarities [A, N] of a batch, not scaled, and new values of what Kept names.
	Joint(vars engine.Vars, texts *Node, videos Frames) (scores *Node, kept []*Node)
	// Kept names the parameters that a training step changes without a gradient; they are among Fixed.
	Kept() []string
	// Fit prepares Score from a reference set: what the head keeps of videos and texts, taken without pairing.
	Fit(weights *engine.Weights, videos, texts Encoded) error
}
