package bert

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sightline/internal/bounded"
)

// Files of a model's folder, beside its weights.
const (
	configFile     = "config.json"
	vocabularyFile = "vocab.txt"
	tokenizerFile  = "tokenizer_config.json" // need not be there
)

// Limits, far above those of any published model.
const (
	maxFile = 1 << 20 // bytes of a configuration
	maxSize = 1 << 20 // of any size in it
)

// spare is fewer vectors than a model may have beyond its vocabulary: published models round up to multiples of 128 at most.
const spare = 128

// Config holds the sizes of a BERT model.
type Config struct {
	Width, Layers, Heads, Hidden int     // Hidden is the width inside the feed-forward layers
	Positions                    int     // tokens of a text at most, [CLS] and [SEP] included
	Vocabulary, Kinds            int     // pieces, and kinds of segments, of which a sentence is the first
	Epsilon                      float64 // of layer normalisation
}

// Is tells whether a folder holds a model that says it is a BERT, whole or not.
func Is(folder string) bool {
	text, err := bounded.ReadFile(filepath.Join(folder, configFile), maxFile)
	if err != nil {
		return false
	}
	var file struct {
		Type string `json:"model_type"`
	}
	if json.Unmarshal(text, &file) != nil || file.Type != "" {
		return file.Type == modelType
	}
	_, err = os.Stat(filepath.Join(folder, vocabularyFile)) // the first published configurations name no type
	return err == nil
}

const modelType = "bert"

// readConfig reads config.json, and of tokenizer_config.json whether the text is read as an uncased BERT reads it.
func readConfig(folder string) (Config, error) {
	var c Config
	text, err := bounded.ReadFile(filepath.Join(folder, configFile), maxFile)
	if err != nil {
		return c, err
	}
	if err := c.parse(text); err != nil {
		return c, fmt.Errorf("%s: %w", configFile, err)
	}
	text, err = bounded.ReadFile(filepath.Join(folder, tokenizerFile), maxFile)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		if err = checkTokenizer(text); err != nil {
			err = fmt.Errorf("%s: %w", tokenizerFile, err)
		}
	}
	return c, err
}

// parse reads a configuration. What it leaves out has the value it has in transformers' BertConfig.
func (c *Config) parse(text []byte) error {
	file := struct {
		Type       string  `json:"model_type"`
		Width      int     `json:"hidden_size"`
		Layers     int     `json:"num_hidden_layers"`
		Heads      int     `json:"num_attention_heads"`
		Hidden     int     `json:"intermediate_size"`
		Positions  int     `json:"max_position_embeddings"`
		Vocabulary int     `json:"vocab_size"`
		Kinds      int     `json:"type_vocab_size"`
		Epsilon    float64 `json:"layer_norm_eps"`
		Activation string  `json:"hidden_act"`
		Places     string  `json:"position_embedding_type"`
		Decoder    bool    `json:"is_decoder"`
	}{modelType, 768, 12, 12, 3072, 512, 30522, 2, 1e-12, "gelu", "absolute", false}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	switch {
	case file.Type != modelType:
		return fmt.Errorf("model_type is %q, want %q", file.Type, modelType)
	case file.Activation != "gelu":
		return fmt.Errorf("hidden_act %q is not known, only gelu", file.Activation)
	case file.Places != "absolute":
		return fmt.Errorf("position_embedding_type %q is not known, only absolute", file.Places)
	case file.Decoder:
		return errors.New("is_decoder is true: it writes text, and one that reads is wanted")
	}
	*c = Config{
		Width: file.Width, Layers: file.Layers, Heads: file.Heads, Hidden: file.Hidden,
		Positions: file.Positions, Vocabulary: file.Vocabulary, Kinds: file.Kinds, Epsilon: file.Epsilon,
	}
	return c.check()
}

// check returns an error that names the first size that makes no sense.
func (c Config) check() error {
	for _, s := range []struct {
		name        string
		size, least int
	}{
		{"hidden_size", c.Width, 1}, {"num_hidden_layers", c.Layers, 1}, {"num_attention_heads", c.Heads, 1},
		{"intermediate_size", c.Hidden, 1}, {"max_position_embeddings", c.Positions, 3}, // a piece between [CLS] and [SEP]
		{"vocab_size", c.Vocabulary, 1}, {"type_vocab_size", c.Kinds, 1},
	} {
		if s.size < s.least || s.size > maxSize {
			return fmt.Errorf("%s is %d", s.name, s.size)
		}
	}
	if c.Width%c.Heads != 0 {
		return fmt.Errorf("hidden_size %d is no multiple of %d attention heads", c.Width, c.Heads)
	}
	if !(c.Epsilon > 0 && c.Epsilon < 1) {
		return fmt.Errorf("layer_norm_eps is %v", c.Epsilon)
	}
	return nil
}

// checkTokenizer refuses a model that reads text as package wordpiece does not.
func checkTokenizer(text []byte) error {
	var file struct {
		Lower   *bool `json:"do_lower_case"`
		Accents *bool `json:"strip_accents"`
		Chinese *bool `json:"tokenize_chinese_chars"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return err
	}
	for _, choice := range []struct {
		name  string
		value *bool
	}{{"do_lower_case", file.Lower}, {"strip_accents", file.Accents}, {"tokenize_chinese_chars", file.Chinese}} {
		if choice.value != nil && !*choice.value {
			return fmt.Errorf("%s is false: only uncased models are read, with accents taken off and Chinese characters one by one", choice.name)
		}
	}
	return nil
}

// kind names the architecture, as bert-base or bert-2x24.
func (c Config) kind() string {
	switch [2]int{c.Layers, c.Width} {
	case [2]int{12, 768}:
		return "bert-base"
	case [2]int{24, 1024}:
		return "bert-large"
	}
	return fmt.Sprintf("bert-%dx%d", c.Layers, c.Width)
}
