package locate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"sightline/align"
)

// Config says how a model is built and trained. Default has what the papers say.
type Config struct {
	Method align.Choice `json:"method" yaml:"method"` // "xml", "reloclnet" or "qacln", with what differs from its defaults

	Video    int `json:"video" yaml:"video"`       // width of a clip's picture features
	Subtitle int `json:"subtitle" yaml:"subtitle"` // width of a clip's subtitle features; 0 for a model of pictures alone
	Text     int `json:"text" yaml:"text"`         // width of a word's features

	Hidden int `json:"hidden" yaml:"hidden"` // D
	Heads  int `json:"heads" yaml:"heads"`   // of attention; divides Hidden
	Clips  int `json:"clips" yaml:"clips"`   // clips that are looked at together; longer videos are cut into windows, see Pool
	Words  int `json:"words" yaml:"words"`   // words of a sentence that are read; what follows is not
	Kernel int `json:"kernel" yaml:"kernel"` // width of the boundary filters, odd

	// Refine adds the last self-attention layer of clips and the second one of words, which XML lacks.
	Refine bool `json:"refine" yaml:"refine"`

	Dropout      float64 `json:"dropout" yaml:"dropout"`             // inside attention layers
	InputDropout float64 `json:"input_dropout" yaml:"input_dropout"` // on features and positions

	// Ends appends to the features of clip i of L where it lies, i/L and (i+1)/L: "temporal endpoint features".
	Ends           bool `json:"ends" yaml:"ends"`
	NormalizeVideo bool `json:"normalize_video" yaml:"normalize_video"` // picture features are divided by their length first
	NormalizeText  bool `json:"normalize_text" yaml:"normalize_text"`   // subtitle and word features are

	// Pool brings a video of more than Clips clips to that number by averaging neighbours, as the official code does. Else it
	// is looked at through windows that overlap by half, and every clip is taken from the window that shows most around it.
	Pool bool `json:"pool" yaml:"pool"`

	// Parity computes as the official code does, which pads every video to Clips clips, lets the padding through the encoders
	// and lets the boundary filters read it, and pools. Published checkpoints reproduce published numbers in this mode alone.
	// Without it nothing but a video's own clips moves its scores.
	Parity bool `json:"parity" yaml:"parity"`

	Margin   float64 `json:"margin" yaml:"margin"`       // Δ of the ranking loss
	Soft     bool    `json:"soft" yaml:"soft"`           // the ranking loss is log(1 + exp(negative − positive)), without a margin
	HardFrom int     `json:"hard_from" yaml:"hard_from"` // epoch from which its negatives are drawn among the hardest alone; −1 for never
	HardPool int     `json:"hard_pool" yaml:"hard_pool"` // how many these are

	// Alpha is α of exp(α·φ), by which an index weighs the moments of a video.
	Alpha float64 `json:"alpha" yaml:"alpha"`

	// Longest bounds the moments that are looked for, in seconds; 0 for as long as the longest that it is trained on.
	Longest float64 `json:"longest,omitempty" yaml:"longest,omitempty"`
}

// Base returns what the three papers share, as ReLoCLNet is published. Widths of features are left open.
func Base() Config {
	return Config{
		Hidden: 384, Heads: 8, Clips: 128, Words: 30, Kernel: 5, Refine: true,
		Dropout: 0.1, InputDropout: 0.1, Ends: true, NormalizeText: true,
		Margin: 0.1, HardFrom: 20, HardPool: 20, Alpha: 30,
	}
}

// Default returns the published config of a method.
func Default(kind string) (Config, error) {
	method, err := newMethod(align.Choice{Kind: kind})
	if err != nil {
		return Config{}, err
	}
	config := Base()
	config.Method.Kind = kind
	method.Defaults(&config)
	return config, nil
}

// UnmarshalYAML reads a config over what its method is published with; without a method, over QACLN's. Unknown keys are
// errors.
func (c *Config) UnmarshalYAML(node *yaml.Node) error {
	var chosen struct {
		Method align.Choice `yaml:"method"`
	}
	if err := node.Decode(&chosen); err != nil {
		return err
	}
	kind := cmp.Or(chosen.Method.Kind, "qacln")
	config, err := Default(kind)
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	type plain Config // without this method
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode((*plain)(&config)); err != nil {
		return err
	}
	*c = config
	return nil
}

// Check returns every implausible value at once.
func (c Config) Check() error {
	var wrong []string
	require := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	require(c.Video > 0, "video is %d: the width of picture features", c.Video)
	require(c.Subtitle >= 0, "subtitle is %d: the width of subtitle features", c.Subtitle)
	require(c.Text > 0, "text is %d: the width of word features", c.Text)
	require(c.Hidden > 0 && c.Heads > 0 && c.Hidden%c.Heads == 0, "hidden is %d and heads %d, which must divide it", c.Hidden, c.Heads)
	require(c.Clips > 1, "clips is %d", c.Clips)
	require(c.Words > 0, "words is %d", c.Words)
	require(c.Kernel > 0 && c.Kernel%2 == 1, "kernel is %d, not odd", c.Kernel)
	require(c.Dropout >= 0 && c.Dropout < 1, "dropout is %v, not a share in [0, 1)", c.Dropout)
	require(c.InputDropout >= 0 && c.InputDropout < 1, "input_dropout is %v, not a share in [0, 1)", c.InputDropout)
	require(c.Margin >= 0, "margin is %v", c.Margin)
	require(c.HardPool > 0, "hard_pool is %d", c.HardPool)
	require(c.Alpha > 0, "alpha is %v", c.Alpha)
	require(c.Longest >= 0, "longest is %v s", c.Longest)
	if wrong != nil {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

// widths returns how wide rows are as they enter the encoders.
func (c Config) widths() [Modalities]int {
	ends := 0
	if c.Ends {
		ends = 2
	}
	widths := [Modalities]int{c.Video + ends, c.Subtitle + ends}
	if c.Subtitle == 0 {
		widths[Subtitle] = 0
	}
	return widths
}
