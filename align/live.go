package align

import (
	"fmt"
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/encoder/tiny"
	"sightline/encoder/transformer"
	"sightline/engine"
)

// Live is the tower that looks at pixels and words itself: the tiny encoder, trained end to end. Besides the head's loss
// it learns to name the words of each video's text from the picture alone, which breaks the plateau at which a
// contrastive loss on small objects stands still at first.
type Live struct {
	Config     tiny.Config
	Vocabulary tiny.Vocabulary
	WordWeight float64         // factor of the word prediction loss; 0 turns it off
	WordValue  []float32       // [vocabulary], how much each word counts there: its inverse document frequency
	Start      *engine.Weights // parameters to start from; nil means random
}

// wordLayer predicts the words of the text from the pooled picture.
const wordLayer = "words"

// Dim returns the width of the encoder's joint space.
func (l Live) Dim() int { return l.Config.Dim }

// Init adds the encoder's parameters: those it starts from, or fresh ones.
func (l Live) Init(weights *engine.Weights, random *rand.Rand) error {
	start := l.Start
	if start == nil {
		start = l.Config.Init(l.Vocabulary.Len(), random)
	}
	weights.Merge("", start.Clone())
	if l.WordWeight > 0 {
		pooled := 2 * l.Config.Width
		transformer.InitLinear(weights, wordLayer, pooled, l.Vocabulary.Len(), math.Pow(float64(pooled), -0.5), random)
	}
	return nil
}

// VideoInputs returns the patches of all frames [B·T, P, patch] and the mask [B, T].
func (l Live) VideoInputs(videos []Video) ([]engine.Array, error) {
	length := 1
	for _, clip := range videos {
		length = max(length, len(clip.Frames))
	}
	length = Bucket(length)
	blank := sightline.Frame{Width: l.Config.Side, Height: l.Config.Side, RGB: make([]byte, 3*l.Config.Side*l.Config.Side)}
	frames := make([]sightline.Frame, 0, len(videos)*length)
	mask := make([]float32, len(videos)*length)
	for i, clip := range videos {
		if len(clip.Frames) == 0 {
			return nil, fmt.Errorf("video %s has no frames: training end to end needs pictures, not features", clip.ID)
		}
		for t := range length {
			if t < len(clip.Frames) {
				frames = append(frames, clip.Frames[t])
				mask[i*length+t] = 1
			} else {
				frames = append(frames, blank)
			}
		}
	}
	patches := l.Config.Patches(frames)
	shape := l.Config.PatchShape(len(frames))
	return []engine.Array{engine.Floats(patches, shape...), engine.Floats(mask, len(videos), length)}, nil
}

// TextInputs returns the word ids [B, L] and, for the word loss, the share of each word in what a text says
// [B, vocabulary].
func (l Live) TextInputs(texts []Sentence) ([]engine.Array, error) {
	length := l.Config.TextLength
	ids := make([]int32, 0, len(texts)*length)
	for _, text := range texts {
		ids = append(ids, l.Vocabulary.IDs(text.Text, length)...)
	}
	inputs := []engine.Array{engine.Ints(ids, len(texts), length)}
	if l.WordWeight == 0 {
		return inputs, nil
	}
	shares := sightline.NewMatrix(len(texts), l.Vocabulary.Len())
	for i := range texts {
		row := shares.Row(i)
		var sum float32
		for _, id := range ids[i*length : (i+1)*length] {
			if row[id] == 0 {
				row[id] = l.WordValue[id]
				sum += l.WordValue[id]
			}
		}
		for j := range row {
			row[j] /= max(sum, 1e-6)
		}
	}
	return append(inputs, engine.Floats(shares.Data, shares.Rows, shares.Cols)), nil
}

// Video encodes the frames.
func (l Live) Video(vars engine.Vars, inputs []*Node) Frames {
	dims := inputs[1].Shape().Dimensions
	vectors, pooled := l.Config.Image(vars, inputs[0])
	return Frames{
		Vectors: Reshape(vectors, dims[0], dims[1], -1),
		Mask:    inputs[1],
		Pooled:  Reshape(pooled, dims[0], dims[1], -1),
	}
}

// Text encodes the sentences.
func (l Live) Text(vars engine.Vars, inputs []*Node) *Node {
	vectors, _ := l.Config.Text(vars, inputs[0])
	return vectors
}

// Loss is WordWeight times the cross-entropy between the words of each text and what the mean of its video's frames
// predicts; nil without a weight.
func (l Live) Loss(vars engine.Vars, frames Frames, _, texts []*Node) *Node {
	if l.WordWeight == 0 {
		return nil
	}
	dims := frames.Mask.Shape().Dimensions
	mask := Reshape(frames.Mask, dims[0], dims[1], 1)
	mean := ReduceSum(Mul(frames.Pooled, mask), 1)
	mean = Div(mean, MaxScalar(ReduceSum(mask, 1), 1)) // [B, 2·Width]
	logits := transformer.Linear(vars, wordLayer, mean)
	entropy := ReduceAllSum(Mul(texts[1], LogSoftmax(logits, -1)))
	return MulScalar(entropy, -l.WordWeight/float64(dims[0]))
}

// Encoder returns the encoder as the model has trained it.
func (l Live) Encoder(m *Model) (*tiny.Encoder, error) {
	weights := m.Weights.Under(towerPrefix)
	weights.Remove(wordLayer + ".")
	return tiny.New(m.Engine, l.Config, l.Vocabulary, weights)
}
