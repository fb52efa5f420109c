package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sightline/encoder/pixels"
	"sightline/encoder/transformer"
	"sightline/internal/bounded"
)

// Tower holds the sizes of one transformer.
type Tower struct {
	Width, Layers, Heads, Hidden int // Hidden is the width inside the MLP
	Activation                   string
	Epsilon                      float64 // of layer normalisation
}

// Config holds the sizes of a CLIP model.
type Config struct {
	Dim    int // width of the joint space
	Vision struct {
		Tower
		Size, Patch int // pixels
	}
	Text struct {
		Tower
		Context, Vocabulary int
		End                 int32 // id of the token that closes a text; legacyEnd means the largest id
	}
	Mean, Std [3]float32 // of the pixels, for red, green, blue in [0, 1]
}

// legacyEnd is the eos_token_id of configurations from before transformers 4.31. It was never the true id: such models
// read a text at its largest id.
const legacyEnd = 2

// activations holds the nonlinearities by their names in config.json.
var activations = map[string]transformer.Activation{
	"quick_gelu": transformer.QuickGELU,
	"gelu":       transformer.GELU,
}

// maxConfig bounds a configuration file in bytes.
const maxConfig = 1 << 20

// readConfig reads config.json and, where there is one, preprocessor_config.json of a Hugging Face CLIP folder. What a
// file leaves out has the value it has in transformers' CLIPConfig.
func readConfig(folder string) (Config, error) {
	var c Config
	text, err := bounded.ReadFile(filepath.Join(folder, "config.json"), maxConfig)
	if err != nil {
		return c, err
	}
	if err := c.parse(text); err != nil {
		return c, fmt.Errorf("config.json: %w", err)
	}
	text, err = bounded.ReadFile(filepath.Join(folder, "preprocessor_config.json"), maxConfig)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if err := c.parsePreprocessor(text); err != nil {
		return c, fmt.Errorf("preprocessor_config.json: %w", err)
	}
	return c, nil
}

// towerJSON is a tower as config.json writes it.
type towerJSON struct {
	Width      int     `json:"hidden_size"`
	Hidden     int     `json:"intermediate_size"`
	Layers     int     `json:"num_hidden_layers"`
	Heads      int     `json:"num_attention_heads"`
	Activation string  `json:"hidden_act"`
	Epsilon    float64 `json:"layer_norm_eps"`
}

type visionJSON struct {
	towerJSON
	Size     int `json:"image_size"`
	Patch    int `json:"patch_size"`
	Channels int `json:"num_channels"`
}

type textJSON struct {
	towerJSON
	Context    int   `json:"max_position_embeddings"`
	Vocabulary int   `json:"vocab_size"`
	End        int32 `json:"eos_token_id"`
}

func (c *Config) parse(text []byte) error {
	var file struct {
		Type       string          `json:"model_type"`
		Dim        int             `json:"projection_dim"`
		Text       json.RawMessage `json:"text_config"`
		TextDict   json.RawMessage `json:"text_config_dict"`
		Vision     json.RawMessage `json:"vision_config"`
		VisionDict json.RawMessage `json:"vision_config_dict"`
	}
	file.Dim = 512
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	if file.Type != "clip" {
		return fmt.Errorf("model_type is %q, want \"clip\"", file.Type)
	}
	vision := visionJSON{towerJSON{768, 3072, 12, 12, "quick_gelu", 1e-5}, 224, 32, 3}
	words := textJSON{towerJSON{512, 2048, 12, 8, "quick_gelu", 1e-5}, 77, 49408, 49407}
	for _, part := range []struct {
		text json.RawMessage
		into any
	}{{file.Vision, &vision}, {file.VisionDict, &vision}, {file.Text, &words}, {file.TextDict, &words}} {
		if part.text == nil {
			continue
		}
		if err := json.Unmarshal(part.text, part.into); err != nil { // null leaves the defaults
			return err
		}
	}
	if vision.Channels != 3 {
		return fmt.Errorf("%d channels, want 3", vision.Channels)
	}
	c.Dim = file.Dim
	c.Vision.Tower, c.Vision.Size, c.Vision.Patch = vision.tower(), vision.Size, vision.Patch
	c.Text.Tower, c.Text.Context, c.Text.Vocabulary, c.Text.End = words.tower(), words.Context, words.Vocabulary, words.End
	c.Mean, c.Std = pixels.CLIPMean, pixels.CLIPStd
	return c.check()
}

func (t towerJSON) tower() Tower {
	return Tower{Width: t.Width, Layers: t.Layers, Heads: t.Heads, Hidden: t.Hidden, Activation: t.Activation, Epsilon: t.Epsilon}
}

// transform returns how frames become the model's input.
func (c Config) transform() pixels.Transform {
	return pixels.Transform{Size: c.Vision.Size, Mean: c.Mean, Std: c.Std}
}

// maxSize bounds every size in a configuration, far above any published model.
const maxSize = 1 << 20

// check returns an error that names the first size that makes no sense.
func (c *Config) check() error {
	for _, s := range []struct {
		name string
		size int
	}{
		{"projection_dim", c.Dim}, {"image_size", c.Vision.Size}, {"patch_size", c.Vision.Patch},
		{"vision hidden_size", c.Vision.Width}, {"vision intermediate_size", c.Vision.Hidden},
		{"vision num_hidden_layers", c.Vision.Layers}, {"vision num_attention_heads", c.Vision.Heads},
		{"max_position_embeddings", c.Text.Context}, {"vocab_size", c.Text.Vocabulary},
		{"text hidden_size", c.Text.Width}, {"text intermediate_size", c.Text.Hidden},
		{"text num_hidden_layers", c.Text.Layers}, {"text num_attention_heads", c.Text.Heads},
	} {
		if s.size < 1 || s.size > maxSize {
			return fmt.Errorf("%s is %d", s.name, s.size)
		}
	}
	if c.Text.Context < 2 {
		return fmt.Errorf("max_position_embeddings is %d, want room for the two tokens around a text", c.Text.Context)
	}
	if c.Vision.Size%c.Vision.Patch != 0 {
		return fmt.Errorf("image_size %d is no multiple of patch_size %d", c.Vision.Size, c.Vision.Patch)
	}
	for name, t := range map[string]Tower{"vision": c.Vision.Tower, "text": c.Text.Tower} {
		if t.Width%t.Heads != 0 {
			return fmt.Errorf("%s hidden_size %d is no multiple of its %d attention heads", name, t.Width, t.Heads)
		}
		if activations[t.Activation] == nil {
			return fmt.Errorf("%s hidden_act %q is not known, only quick_gelu and gelu", name, t.Activation)
		}
		if !(t.Epsilon > 0 && t.Epsilon < 1) {
			return fmt.Errorf("%s layer_norm_eps is %v", name, t.Epsilon)
		}
	}
	return nil
}

// parsePreprocessor reads how pictures are prepared and refuses ways other than CLIP's: bicubic to the short side, then
// the middle of the same size.
func (c *Config) parsePreprocessor(text []byte) error {
	var file struct {
		Size     json.RawMessage `json:"size"`
		Crop     json.RawMessage `json:"crop_size"`
		Resample *int            `json:"resample"`
		Mean     []float32       `json:"image_mean"`
		Std      []float32       `json:"image_std"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	for name, raw := range map[string]json.RawMessage{"size": file.Size, "crop_size": file.Crop} {
		if raw == nil {
			continue
		}
		side, err := parseSide(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if side != c.Vision.Size {
			return fmt.Errorf("%s is %d, but the model looks at %d pixels", name, side, c.Vision.Size)
		}
	}
	if bicubic := 3; file.Resample != nil && *file.Resample != bicubic {
		return fmt.Errorf("resample is %d, only %d (bicubic) is supported", *file.Resample, bicubic)
	}
	for name, part := range map[string]struct {
		from []float32
		to   *[3]float32
	}{"image_mean": {file.Mean, &c.Mean}, "image_std": {file.Std, &c.Std}} {
		if part.from == nil {
			continue
		}
		if len(part.from) != 3 {
			return fmt.Errorf("%s has %d numbers, want 3", name, len(part.from))
		}
		copy(part.to[:], part.from)
	}
	if min(c.Std[0], c.Std[1], c.Std[2]) <= 0 {
		return fmt.Errorf("image_std is %v", c.Std)
	}
	return nil
}

// parseSide reads the side of a square: 224, {"shortest_edge": 224} or {"height": 224, "width": 224}.
func parseSide(raw json.RawMessage) (int, error) {
	var side int
	if err := json.Unmarshal(raw, &side); err == nil {
		return side, nil
	}
	var sides struct {
		Shortest int `json:"shortest_edge"`
		Height   int `json:"height"`
		Width    int `json:"width"`
	}
	if err := json.Unmarshal(raw, &sides); err != nil {
		return 0, err
	}
	if sides.Shortest > 0 {
		return sides.Shortest, nil
	}
	if sides.Height != sides.Width {
		return 0, fmt.Errorf("%d×%d is no square", sides.Width, sides.Height)
	}
	return sides.Height, nil
}
