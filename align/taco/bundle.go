package taco

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sightline"
	"sightline/align"
	"sightline/align/taco/tagger"
	"sightline/encoder/wordpiece"
	"sightline/engine"
	"sightline/internal/atomicfile"
)

// Kind is what align.KindOf says of a folder with a model of this package.
const Kind = "taco"

// BundleVersion is the version of the bundle format that Save writes.
//
//	1  config.json, model.safetensors; words.json where tokens are compared: in how many training captions each word is; tags.jsonl
//	   where they were tagged by a file, which is that; vocab.txt where the model reads pieces of words
const BundleVersion = 1

const (
	wordsFile      = "words.json"
	tagsFile       = "tags.jsonl"
	vocabularyFile = "vocab.txt"
)

// Bundle describes a model at rest: a folder with config.json, model.safetensors and words.json.
type Bundle struct {
	Version int    `json:"version"`
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Config  Config `json:"config"`

	Tagger string `json:"tagger,omitempty"` // its ID; "" where no tokens are compared
	Words  string `json:"words,omitempty"`  // hash of words.json

	Vocabulary string `json:"vocabulary,omitempty"` // hash of vocab.txt; "" where the model reads an encoder's vectors

	// Space is what the model's rows mean: which encoders' features it takes, and the hash of its own weights.
	Space sightline.Space `json:"space"`
}

// Accepts returns nil when the model was trained on features of these encoders, and else an error that names both. The encoder
// of text counts where the model has no vocabulary of its own.
func (b Bundle) Accepts(video, text sightline.ModelID, preprocess string) error {
	offered := b.Space
	if b.Vocabulary != "" {
		text = b.Space.Text
	}
	offered.Video, offered.Text, offered.Preprocess = video, text, preprocess
	return b.Space.Check(offered)
}

// Save writes the model into a new folder; config.json comes last and makes the folder a bundle. The space says what its
// features mean; the head's id is filled in.
func Save(dir, name string, m *Model, space sightline.Space) (Bundle, error) {
	fail := func(err error) (Bundle, error) { return Bundle{}, fmt.Errorf("save model %s: %w", dir, err) }
	if err := align.Vacant(dir); err != nil {
		return fail(err)
	}
	space.Head = sightline.ModelID{Name: Kind, Hash: m.Weights.Hash()}
	b := Bundle{Version: BundleVersion, Kind: Kind, Name: name, Config: m.Config, Space: space}
	keep := func(name string, content []byte) (string, error) {
		return digest(content), atomicfile.Write(filepath.Join(dir, name), content)
	}
	if m.Tagger != nil {
		words, err := m.IDF.Marshal()
		if err != nil {
			return fail(err)
		}
		b.Tagger = m.Tagger.ID()
		if b.Words, err = keep(wordsFile, words); err != nil {
			return fail(err)
		}
		if file, ok := m.Tagger.(*tagger.File); ok {
			if _, err := keep(tagsFile, file.Content()); err != nil {
				return fail(err)
			}
		}
	}
	if m.Vocabulary != nil {
		var err error
		if b.Vocabulary, err = keep(vocabularyFile, []byte(m.Vocabulary.String())); err != nil {
			return fail(err)
		}
	}
	if err := align.Store(dir, m.Weights, b); err != nil {
		return fail(err)
	}
	return b, nil
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// Open reads a bundle.
func Open(e *engine.Engine, dir string) (*Model, Bundle, error) {
	weights, b, words, err := Read(dir)
	var m *Model
	if err == nil {
		m, err = With(e, b.Config, words, weights)
	}
	if err != nil {
		return nil, Bundle{}, &sightline.Error{Kind: sightline.Failed, What: "open TACo model " + dir, Err: err, Try: "name a folder that a TACo model was saved in"}
	}
	return m, b, nil
}

// Read returns what a bundle holds, for a training that begins where another ended.
func Read(dir string) (*engine.Weights, Bundle, Lexicon, error) {
	fail := func(err error) (*engine.Weights, Bundle, Lexicon, error) { return nil, Bundle{}, Lexicon{}, err }
	b, err := ReadBundle(dir)
	if err != nil {
		return fail(err)
	}
	var words Lexicon
	if b.Tagger != "" {
		if words.Tagger, err = readTagger(dir, b.Tagger); err != nil {
			return fail(err)
		}
		text, err := readWhole(dir, wordsFile, b.Words)
		if err != nil {
			return fail(err)
		}
		if words.IDF, err = tagger.ReadIDF(text); err != nil {
			return fail(fmt.Errorf("%s: %w", wordsFile, err))
		}
	}
	if b.Vocabulary != "" {
		text, err := readWhole(dir, vocabularyFile, b.Vocabulary)
		if err != nil {
			return fail(err)
		}
		if words.Vocabulary, err = wordpiece.Parse(string(text)); err != nil {
			return fail(fmt.Errorf("%s: %w", vocabularyFile, err))
		}
	}
	weights, err := align.StoredWeights(dir, b.Space.Head.Hash)
	if err != nil {
		return fail(err)
	}
	return weights, b, words, nil
}

// readWhole reads a file of a bundle that config.json says the hash of.
func readWhole(dir, name, hash string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	if own := digest(text); own != hash {
		return nil, fmt.Errorf("%s has hash %s, config.json says %s", name, own, hash)
	}
	return text, nil
}

// readTagger returns the tagger of an ID: one of this program's, or that of the bundle's file of tags.
func readTagger(dir, id string) (tagger.Tagger, error) {
	if known := tagger.Known(id); known != nil {
		return known, nil
	}
	file, err := os.Open(filepath.Join(dir, tagsFile))
	if err != nil {
		return nil, fmt.Errorf("its words were tagged by %s: %w", id, err)
	}
	defer file.Close()
	tags, err := tagger.ReadFile(tagsFile, file)
	if err != nil {
		return nil, err
	}
	if _, other, ok := strings.Cut(id, "+"); ok {
		tags.Else = tagger.Known(other)
	}
	if tags.ID() != id {
		return nil, fmt.Errorf("its words were tagged by %s, %s has %s", id, tagsFile, tags.ID())
	}
	return tags, nil
}

// ReadBundle reads what a bundle says of itself without its weights.
func ReadBundle(dir string) (Bundle, error) {
	var b Bundle
	if err := align.ReadSaid(dir, Kind, BundleVersion, &b); err != nil {
		return Bundle{}, err
	}
	return b, nil
}
