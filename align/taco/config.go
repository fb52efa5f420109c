package taco

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"sightline/align/taco/tagger"
)

// Negatives says which pairs the fusion is taught to tell from the true ones.
type Negatives string

// The choices of Table 3.
const (
	Cascade Negatives = "cascade" // those that S1 + S2 find most alike
	Random  Negatives = "random"  // any of the batch
)

// Config says how a model is built and trained. Default has what the paper says.
type Config struct {
	Video    int `json:"video" yaml:"video"`       // width of a frame's features
	Sentence int `json:"sentence" yaml:"sentence"` // width of a sentence's vector, which takes the place of BERT's [CLS]
	Text     int `json:"text" yaml:"text"`         // width of a word's features

	// Pieces is the size of a table of embeddings of the model's own, from which it reads texts in place of an encoder's
	// sentence and word vectors; 0 for none.
	Pieces int `json:"pieces,omitempty" yaml:"pieces,omitempty"`

	Hidden       int `json:"hidden" yaml:"hidden"`             // D
	Heads        int `json:"heads" yaml:"heads"`               // of attention; divides Hidden
	FeedForward  int `json:"feed_forward" yaml:"feed_forward"` // width inside the layers
	VideoLayers  int `json:"video_layers" yaml:"video_layers"`
	TextLayers   int `json:"text_layers" yaml:"text_layers"` // on the words of a frozen encoder; the paper trains BERT itself
	FusionLayers int `json:"fusion_layers" yaml:"fusion_layers"`
	Clips        int `json:"clips" yaml:"clips"` // frames that are read; of a longer video so many, spread evenly
	Words        int `json:"words" yaml:"words"` // words of a sentence that are read; what follows is not

	Dropout float64 `json:"dropout" yaml:"dropout"` // on frames and words where they enter the layers

	Tau1 float64 `json:"tau1" yaml:"tau1"` // temperature of L1
	Tau2 float64 `json:"tau2" yaml:"tau2"` // temperature of L2

	// What the parts of the loss weigh. A part that weighs nothing leaves its score out of mining and of comparison, for
	// nothing has taught it.
	L1 float64 `json:"l1" yaml:"l1"`
	L2 float64 `json:"l2" yaml:"l2"` // λ_t
	L3 float64 `json:"l3" yaml:"l3"`

	Hard      int       `json:"hard" yaml:"hard"`           // K', negatives of each text and of each video; fewer in a small batch
	Negatives Negatives `json:"negatives" yaml:"negatives"` // how they are chosen

	Tokens   tagger.Set `json:"tokens" yaml:"tokens"`     // the tokens of interest, P
	Weighted bool       `json:"weighted" yaml:"weighted"` // S2 weighs words by idf, as L2 always does; as printed it is a plain sum
	Average  bool       `json:"average" yaml:"average"`   // S2 is divided by what its words weigh, so that it does not grow with their number
	Sum      bool       `json:"sum" yaml:"sum"`           // losses are sums over the batch, as printed, not means
}

// Default returns the published config. Widths of features are left open.
func Default() Config {
	return Config{
		Hidden: 768, Heads: 12, FeedForward: 3072, VideoLayers: 2, TextLayers: 1, FusionLayers: 2, Clips: 48, Words: 30,
		Dropout: 0.1, Tau1: 1, Tau2: 1, L1: 1, L2: 0.5, L3: 1, Hard: 8, Negatives: Cascade, Tokens: tagger.NounsVerbs,
	}
}

// Check returns every implausible value at once.
func (c Config) Check() error {
	var wrong []string
	require := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	require(c.Video > 0, "video is %d: the width of frame features", c.Video)
	require(c.Pieces >= 0, "pieces is %d", c.Pieces)
	require(c.Pieces == 0 || c.TextLayers > 0, "text_layers is %d: a sentence that has no vector learns of its words in layers alone", c.TextLayers)
	require(c.Pieces > 0 || c.Sentence > 0, "sentence is %d: the width of sentence vectors", c.Sentence)
	require(c.Pieces > 0 || c.Text > 0, "text is %d: the width of word features", c.Text)
	require(c.Hidden > 0 && c.Heads > 0 && c.Hidden%c.Heads == 0, "hidden is %d and heads %d, which must divide it", c.Hidden, c.Heads)
	require(c.FeedForward > 0, "feed_forward is %d", c.FeedForward)
	require(c.VideoLayers >= 0 && c.TextLayers >= 0, "video_layers is %d, text_layers %d", c.VideoLayers, c.TextLayers)
	require(c.FusionLayers > 0, "fusion_layers is %d", c.FusionLayers)
	require(c.Clips > 0 && c.Words > 0, "clips is %d, words %d", c.Clips, c.Words)
	require(c.Dropout >= 0 && c.Dropout < 1, "dropout is %v, not a share in [0, 1)", c.Dropout)
	require(c.Tau1 > 0 && c.Tau2 > 0, "tau1 is %v, tau2 %v: temperatures are above 0", c.Tau1, c.Tau2)
	for name, weight := range map[string]float64{"l1": c.L1, "l2": c.L2, "l3": c.L3} {
		require(weight >= 0 && !math.IsInf(weight, 0), "%s weighs %v", name, weight)
	}
	require(c.L1 > 0 || c.L2 > 0 || c.L3 > 0, "no part of the loss weighs anything")
	require(c.Hard > 0, "hard is %d: how many negatives the fusion sees", c.Hard)
	require(c.Negatives == Cascade || c.Negatives == Random, "negatives is %q, not %s or %s", c.Negatives, Cascade, Random)
	require(c.Tokens.Check() == nil, "tokens: %v", c.Tokens.Check())
	require(c.Tokens != tagger.NoTokens || c.L2 == 0 || c.L1 > 0 || c.L3 > 0, "l2 is all there is, and there are no tokens for it")
	require(c.Negatives == Random || !c.fuses() || c.comparesSentences() || c.comparesTokens(),
		"negatives is %s, but neither l1 nor l2 teaches a score to choose them by", Cascade)
	if wrong != nil {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}

// Differs says in which sizes, of all that the shapes of weights depend on, another config is different.
func (c Config) Differs(other Config) []string {
	var differs []string
	for _, size := range []struct {
		name       string
		one, other int
	}{
		{"video", c.Video, other.Video}, {"sentence", c.Sentence, other.Sentence}, {"text", c.Text, other.Text}, {"pieces", c.Pieces, other.Pieces},
		{"hidden", c.Hidden, other.Hidden}, {"heads", c.Heads, other.Heads}, {"feed_forward", c.FeedForward, other.FeedForward},
		{"video_layers", c.VideoLayers, other.VideoLayers}, {"text_layers", c.TextLayers, other.TextLayers},
		{"fusion_layers", c.FusionLayers, other.FusionLayers}, {"clips", c.Clips, other.Clips}, {"words", c.Words, other.Words},
	} {
		if size.one != size.other {
			differs = append(differs, fmt.Sprintf("%s is %d against %d", size.name, size.one, size.other))
		}
	}
	if c.fuses() != other.fuses() {
		differs = append(differs, fmt.Sprintf("l3 weighs %v against %v, and only one has a fusion", c.L3, other.L3))
	}
	return differs
}

// Which parts there are.
func (c Config) comparesSentences() bool { return c.L1 > 0 }
func (c Config) comparesTokens() bool    { return c.L2 > 0 && c.Tokens != tagger.NoTokens }
func (c Config) fuses() bool             { return c.L3 > 0 }

// Recalls tells whether S1 was learned, so that an index of Recall vectors finds candidates.
func (c Config) Recalls() bool { return c.comparesSentences() }

// TwoStage tells whether cheap scores find the candidates of a fusion.
func (c Config) TwoStage() bool { return c.fuses() && (c.comparesSentences() || c.comparesTokens()) }

// width returns how many rows a sentence of Words words has, and so the position at which videos start in the fusion.
func (c Config) width() int { return 1 + c.Words }
