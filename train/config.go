package train

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"sightline"
	"sightline/align"
	"sightline/align/locate"
)

// Config is a run as written in its YAML file. Every choice is separate (tower, head, optimiser, data), so an ablation
// is another file and not another program. Unknown keys are errors.
type Config struct {
	Name string `yaml:"name" json:"name"`
	Seed uint64 `yaml:"seed" json:"seed"`
	Task string `yaml:"task,omitempty" json:"task,omitempty"` // what is learned: Retrieval, Taco, Moments or Captions; run files may write retrieval

	Data           DataConfig      `yaml:"data" json:"data"`
	Encoder        string          `yaml:"encoder" json:"encoder"` // "tiny", "clip" or a folder; where a live tower starts from, "" for scratch
	Tower          TowerConfig     `yaml:"tower" json:"tower"`
	Head           align.Choice    `yaml:"head" json:"head"`
	Parts          []align.Choice  `yaml:"parts" json:"parts,omitempty"`                     // losses and layers beside the head; losses beside the captions'
	MaskDuplicates bool            `yaml:"mask_duplicates" json:"mask_duplicates,omitempty"` // a video is no negative of itself in a batch
	Epochs         int             `yaml:"epochs" json:"epochs"`
	Batch          int             `yaml:"batch" json:"batch"` // pairs a step
	Optimizer      OptimizerConfig `yaml:"optimizer" json:"optimizer"`

	TextEncoder string `yaml:"text_encoder,omitempty" json:"text_encoder,omitempty"` // reads sentences and words where Encoder is to see frames alone: a BERT's folder, say; "" for Encoder

	Moments *locate.Config `yaml:"moments,omitempty" json:"moments,omitempty"` // of the task moments, and nil elsewhere
	Caption *CaptionConfig `yaml:"caption,omitempty" json:"caption,omitempty"` // of the task caption, and nil elsewhere
	Taco    *TacoConfig    `yaml:"taco,omitempty" json:"taco,omitempty"`       // of the task taco, and nil elsewhere

	Init string `yaml:"init,omitempty" json:"init,omitempty"` // of the task taco: folder of the bundle that training starts from; "" for fresh weights
}

// The tasks.
const (
	Retrieval = ""        // to compare videos with sentences: tower, head and parts
	Taco      = "taco"    // to compare them by vector, by word and by pair: the sizes under taco
	Moments   = "moments" // to find the stretch of a video that a sentence speaks of: what stands under moments
	Captions  = "caption" // to write sentences: the sizes under caption
)

// DataConfig names the training and validation splits: pair files, or splits of the rendered world (see package corpus).
type DataConfig struct {
	Train  string `yaml:"train" json:"train"`
	Val    string `yaml:"val" json:"val"`
	Frames int    `yaml:"frames" json:"frames"` // uniformly sampled frames a video

	Rate float64 `yaml:"rate,omitempty" json:"rate,omitempty"` // of moments: frames a second, 1 where left out; an archive is searched at its own

	Features string  `yaml:"features,omitempty" json:"features,omitempty"` // of moments: folder of features made elsewhere, in place of an encoder's
	Clip     float64 `yaml:"clip,omitempty" json:"clip,omitempty"`         // seconds that a row of those stands for
}

// TowerConfig says what is trained below the head.
type TowerConfig struct {
	Kind string `yaml:"kind" json:"kind"` // "stored": adapters on a frozen encoder's features; "live": the tiny encoder itself

	Hidden int `yaml:"hidden" json:"hidden,omitempty"` // stored: width of the adapters
	Joint  int `yaml:"joint" json:"joint,omitempty"`   // stored: joint width where video and text widths differ

	TrainFrames int     `yaml:"train_frames" json:"train_frames,omitempty"` // live: frames drawn of each video a step; 0 means all
	Words       float64 `yaml:"words" json:"words,omitempty"`               // live: factor of the word prediction loss
	OneObject   int     `yaml:"one_object" json:"one_object,omitempty"`     // live, world stills: epochs that show one object only
}

// OptimizerConfig holds the optimiser and its schedule.
type OptimizerConfig struct {
	Kind     string  `yaml:"kind" json:"kind"`                     // "adamw" or "bertadam"
	Schedule string  `yaml:"schedule" json:"schedule"`             // "warmup_cosine", "bert_cosine", "bert_linear" or "constant"
	Rate     float64 `yaml:"rate" json:"rate"`                     // peak learning rate
	Warmup   float64 `yaml:"warmup" json:"warmup"`                 // share of all steps with a rising rate
	Decay    float64 `yaml:"decay" json:"decay"`                   // weight decay
	Clip     float64 `yaml:"clip" json:"clip"`                     // largest norm of all gradients together; 0 for none
	ClipEach float64 `yaml:"clip_each" json:"clip_each,omitempty"` // bertadam: largest norm of each parameter's gradient, after that; 0 for none
	Beta1    float64 `yaml:"beta1" json:"beta1"`
	Beta2    float64 `yaml:"beta2" json:"beta2"`
	Epsilon  float64 `yaml:"epsilon" json:"epsilon"`

	DecayVectors bool     `yaml:"decay_vectors" json:"decay_vectors,omitempty"` // vectors and scalars decay as matrices do
	NoDecay      []string `yaml:"no_decay" json:"no_decay,omitempty"`           // parts of the names of parameters that never decay
	Groups       []Group  `yaml:"groups" json:"groups,omitempty"`               // the first that fits a parameter holds for it
}

// Group gives parameters a learning rate of their own.
type Group struct {
	Prefix string  `yaml:"prefix" json:"prefix"` // of the parameters' names: "tower." or "head."
	Rate   float64 `yaml:"rate" json:"rate"`     // factor on the learning rate
}

const (
	adamW    = "adamw"
	bertAdam = "bertadam"
)

// Defaults returns the values that a run file may leave out: AdamW with CLIP's betas, ten percent warm-up, clipping at 1.
func Defaults() Config {
	return Config{
		Data:  DataConfig{Frames: 8},
		Tower: TowerConfig{Kind: "stored", Hidden: 256, Joint: 256},
		Head:  align.Choice{Kind: "meanpool"}, Encoder: "tiny",
		Epochs: 30, Batch: 64,
		Optimizer: OptimizerConfig{Kind: adamW, Schedule: "warmup_cosine", Rate: 1e-3, Warmup: 0.1, Decay: 0.05, Clip: 1, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6},
	}
}

// ReadConfig reads a run file.
func ReadConfig(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, &sightline.Error{Kind: sightline.Usage, What: "read run config", Err: err, Try: "sightline config init > run.yaml"}
	}
	config, err := ParseConfig(text)
	if err != nil {
		return Config{}, &sightline.Error{Kind: sightline.Usage, What: "read run config " + path, Err: err, Try: "sightline config init shows every key with its default"}
	}
	return config, nil
}

// ParseConfig reads YAML over the Defaults and checks it.
func ParseConfig(text []byte) (Config, error) {
	config := Defaults()
	var asked struct {
		Task string    `yaml:"task"`
		Taco yaml.Node `yaml:"taco"`
	}
	if err := yaml.Unmarshal(text, &asked); err != nil {
		return Config{}, err
	}
	if asked.Task == Retrieval && !asked.Taco.IsZero() {
		asked.Task = Taco // its section says it
	}
	switch asked.Task {
	case Captions:
		config.Caption = defaultCaption()
	case Taco:
		config.Task, config.Taco = Taco, defaultTaco()
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&config); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, err
	}
	switch {
	case config.Task == "retrieval":
		config.Task = Retrieval
	case config.Task == Taco && config.Taco == nil: // an empty section
		config.Taco = defaultTaco()
	}
	if config.Task == Moments && config.Data.Rate == 0 {
		config.Data.Rate = 1
	}
	if config.Task == Moments && config.Moments == nil { // as QACLN is published
		published, err := locate.Default("qacln")
		if err != nil {
			return Config{}, err
		}
		config.Moments = &published
	}
	return config, config.Check()
}

// Check returns every implausible value at once.
func (c Config) Check() error {
	var wrong []string
	require := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	require(c.Name != "", "name is empty")
	require(c.Data.Train != "", "data.train is empty")
	require(c.Data.Val != "", "data.val is empty: the best checkpoint is chosen on a validation split")
	require(c.Data.Val == "" || c.Data.Val != c.Data.Train, "data.val is data.train")
	require(c.Data.Frames > 0, "data.frames is %d", c.Data.Frames)
	c.checkTask(require)
	require(c.Tower.Kind == "stored" || c.Tower.Kind == "live", "tower.kind is %q, not stored or live", c.Tower.Kind)
	require(c.TextEncoder == "" || c.Task != Captions, "text_encoder reads sentences, and the task caption writes them: name the pieces of words as caption.vocabulary")
	require(c.TextEncoder == "" || c.Tower.Kind != "live", "text_encoder is for tower.kind: stored; a live tower reads its sentences itself")
	require(c.TextEncoder == "" || c.Data.Features == "", "text_encoder has nothing to read where data.features holds the features of sentences too")
	require(c.Tower.Hidden >= 0, "tower.hidden is %d", c.Tower.Hidden)
	require(c.Tower.Words >= 0, "tower.words is %v", c.Tower.Words)
	require(c.Epochs > 0, "epochs is %d", c.Epochs)
	require(c.Batch > 0, "batch is %d", c.Batch)
	require(c.Batch != 1 || c.Task == Captions, "batch is 1: a contrastive loss needs at least 2 pairs")
	require(c.Optimizer.Kind == adamW || c.Optimizer.Kind == bertAdam, "optimizer.kind is %q, not %s or %s", c.Optimizer.Kind, adamW, bertAdam)
	require(schedules[c.Optimizer.Schedule] != nil, "optimizer.schedule is %q, none of %s", c.Optimizer.Schedule, strings.Join(slices.Sorted(maps.Keys(schedules)), ", "))
	require(c.Optimizer.ClipEach == 0 || c.Optimizer.Kind == bertAdam, "optimizer.clip_each is for bertadam")
	for _, group := range c.Optimizer.Groups {
		require(group.Rate >= 0, "optimizer.groups: the rate of %q is %v", group.Prefix, group.Rate)
	}
	require(c.Optimizer.Rate > 0, "optimizer.rate is %v", c.Optimizer.Rate)
	require(c.Optimizer.Warmup >= 0 && c.Optimizer.Warmup < 1, "optimizer.warmup is %v, not a share in [0, 1)", c.Optimizer.Warmup)
	require(c.Optimizer.Beta1 >= 0 && c.Optimizer.Beta1 < 1, "optimizer.beta1 is %v", c.Optimizer.Beta1)
	require(c.Optimizer.Beta2 >= 0 && c.Optimizer.Beta2 < 1, "optimizer.beta2 is %v", c.Optimizer.Beta2)
	require(c.Optimizer.Epsilon > 0, "optimizer.epsilon is %v", c.Optimizer.Epsilon)
	if wrong != nil {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

// checkTask requires what the task of a run needs, and nothing of another task's.
func (c Config) checkTask(require func(ok bool, format string, args ...any)) {
	require(slices.Contains([]string{Retrieval, Taco, Moments, Captions}, c.Task), "task is %q, not retrieval, taco, moments or caption", c.Task)
	require((c.Task == Moments) == (c.Moments != nil), "the sizes under moments go with task: moments")
	require(c.Data.Features == "" || c.Data.Clip > 0, "data.clip is %v: say how many seconds a row of data.features stands for", c.Data.Clip)
	require(c.Data.Features == "" || c.Task == Moments, "data.features is for the task moments")
	require(c.Task != Moments || c.Data.Rate > 0, "data.rate is %v frames a second", c.Data.Rate)
	require((c.Task == Captions) == (c.Caption != nil), "the sizes under caption go with task: caption")
	require((c.Task == Taco) == (c.Taco != nil), "the sizes under taco go with task: taco")
	require(c.Init == "" || c.Task == Taco, "init is for the task taco")
	require(c.Task == Retrieval || c.Tower.Kind == "stored", "the task %s is learned on stored features (tower.kind: stored)", c.Task)
	require(c.Task != Taco || len(c.Parts) == 0, "no parts go with task: %s", c.Task)
	if c.Taco != nil {
		c.Taco.check(require)
	}
	if c.Caption != nil {
		c.Caption.check(c.Data.Frames, require)
	}
}

// Equal tells whether two configs are the same run.
func (c Config) Equal(other Config) bool { return bytes.Equal(c.YAML(), other.YAML()) }

// YAML returns the run file that reads back as c.
func (c Config) YAML() []byte {
	text, err := yaml.Marshal(c)
	if err != nil {
		panic(err) // a struct of plain values always marshals
	}
	return text
}
