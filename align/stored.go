package align

import (
	"fmt"
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline/encoder/transformer"
	"sightline/engine"
)

// Stored is the tower over features at rest: the encoder is frozen, and a residual adapter on each side,
// x + W₂·QuickGELU(W₁x + b₁) + b₂ with W₂ and b₂ zero at first, moves its vectors. Untrained, it is the identity, so
// training starts from the encoder's own quality. Where video and text vectors have different widths, a linear layer
// first brings both to Joint.
type Stored struct {
	VideoDim int `json:"video_dim"` // Dv
	TextDim  int `json:"text_dim"`  // Dt
	Joint    int `json:"joint"`     // D; used where Dv and Dt differ
	Hidden   int `json:"hidden"`    // width between W₁ and W₂; 0 for no adapters
}

// Dim returns the width of the joint space.
func (s Stored) Dim() int {
	if s.VideoDim == s.TextDim {
		return s.VideoDim
	}
	return s.Joint
}

// Init adds the adapters' parameters.
func (s Stored) Init(weights *engine.Weights, random *rand.Rand) error {
	if s.VideoDim <= 0 || s.TextDim <= 0 || s.Dim() <= 0 {
		return fmt.Errorf("stored features of width %d and text vectors of width %d need a joint width, not %d", s.VideoDim, s.TextDim, s.Joint)
	}
	for _, side := range []struct {
		name  string
		width int
	}{{"video", s.VideoDim}, {"text", s.TextDim}} {
		if s.VideoDim != s.TextDim {
			transformer.InitLinear(weights, side.name+".project", side.width, s.Joint, math.Pow(float64(side.width), -0.5), random)
		}
		if s.Hidden > 0 {
			transformer.InitLinear(weights, side.name+".down", s.Dim(), s.Hidden, math.Pow(float64(s.Dim()), -0.5), random)
			transformer.InitLinear(weights, side.name+".up", s.Hidden, s.Dim(), 0, random)
		}
	}
	return nil
}

// VideoInputs pads features to [B, T, Dv] and returns them with their mask [B, T]; T is the longest clip's, rounded up so
// that few shapes occur.
func (s Stored) VideoInputs(videos []Video) ([]engine.Array, error) {
	longest := 1
	for _, clip := range videos {
		if clip.Features.Rows > 0 && clip.Features.Cols != s.VideoDim {
			return nil, fmt.Errorf("video %s: features are %d wide, the model takes %d", clip.ID, clip.Features.Cols, s.VideoDim)
		}
		longest = max(longest, clip.Features.Rows)
	}
	length := Bucket(longest)
	data := make([]float32, len(videos)*length*s.VideoDim)
	mask := make([]float32, len(videos)*length)
	for i, clip := range videos {
		copy(data[i*length*s.VideoDim:], clip.Features.Data)
		for t := range clip.Features.Rows {
			mask[i*length+t] = 1
		}
	}
	return []engine.Array{
		engine.Floats(data, len(videos), length, s.VideoDim),
		engine.Floats(mask, len(videos), length),
	}, nil
}

// TextInputs returns the sentence vectors [B, Dt].
func (s Stored) TextInputs(texts []Sentence) ([]engine.Array, error) {
	data := make([]float32, 0, len(texts)*s.TextDim)
	for _, text := range texts {
		if len(text.Vector) != s.TextDim {
			return nil, fmt.Errorf("text %q: vector is %d wide, the model takes %d", text.Text, len(text.Vector), s.TextDim)
		}
		data = append(data, text.Vector...)
	}
	return []engine.Array{engine.Floats(data, len(texts), s.TextDim)}, nil
}

// Video adapts the stored frame vectors.
func (s Stored) Video(vars engine.Vars, inputs []*Node) Frames {
	return Frames{Vectors: s.adapt(vars.Under("video."), inputs[0]), Mask: inputs[1]}
}

// Text adapts the stored sentence vectors.
func (s Stored) Text(vars engine.Vars, inputs []*Node) *Node {
	return s.adapt(vars.Under("text."), inputs[0])
}

// Plain returns the stored vectors as they are; none where a layer brings them to another width.
func (s Stored) Plain(videos, texts []*Node) Features {
	if s.VideoDim != s.TextDim {
		return Features{}
	}
	return Features{Frames: Frames{Vectors: videos[0], Mask: videos[1]}, Sentence: texts[0]}
}

func (s Stored) adapt(vars engine.Vars, x *Node) *Node {
	if s.VideoDim != s.TextDim {
		x = transformer.Linear(vars, "project", x)
	}
	if s.Hidden == 0 {
		return x
	}
	hidden := transformer.QuickGELU(transformer.Linear(vars, "down", x))
	return Add(x, transformer.Linear(vars, "up", hidden))
}

// Bucket rounds a length up to 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, …: every shape is compiled once, and padding costs at
// most a third.
func Bucket(n int) int {
	for power := 1; ; power *= 2 {
		if n <= power {
			return power
		}
		if power >= 2 && n <= power+power/2 {
			return power + power/2
		}
	}
}
