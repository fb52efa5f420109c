package taco

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"sightline"
	"sightline/align"
	"sightline/align/taco/tagger"
	"sightline/engine"
	"sightline/internal/atomicfile"
)

// Kind is what align.KindOf says of a folder with a model of this package.
const Kind = "taco"

// BundleVersion is the version of the bundle format that Save writes.
//
//	1  config.json, model.safetensors; words.json where tokens are compared: in how many training captions each word is
const BundleVersion = 1

const wordsFile = "words.json"

// Bundle describes a model at rest: a folder with config.json, model.safetensors and words.json.
type Bundle struct {
	Version int    `json:"version"`
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Config  Config `json:"config"`

	Tagger string `json:"tagger,omitempty"` // its ID; "" where no tokens are compared
	Words  string `json:"words,omitempty"`  // hash of words.json

	// Space is what the model's rows mean: which encoders' features it takes, and the hash of its own weights.
	Space sightline.Space `json:"space"`
}

// Accepts returns nil when the model was trained on features of these encoders, and else an error that names both.
func (b Bundle) Accepts(video, text sightline.ModelID, preprocess string) error {
	offered := b.Space
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
	if m.Tagger != nil {
		words, err := m.IDF.Marshal()
		if err != nil {
			return fail(err)
		}
		b.Tagger, b.Words = m.Tagger.ID(), digest(words)
		if err := atomicfile.Write(filepath.Join(dir, wordsFile), words); err != nil {
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

// Open reads a bundle. Its tagger is the one of its ID where this program has it, and t may be nil; tags from a file must be
// given again, and be the same.
func Open(e *engine.Engine, dir string, t tagger.Tagger) (*Model, Bundle, error) {
	fail := func(try string, err error) (*Model, Bundle, error) {
		return nil, Bundle{}, &sightline.Error{Kind: sightline.Failed, What: "open TACo model " + dir, Err: err, Try: try}
	}
	const elsewhere = "name a folder that a TACo model was saved in"
	b, err := ReadBundle(dir)
	if err != nil {
		return fail(elsewhere, err)
	}
	var idf tagger.IDF
	if b.Tagger != "" {
		if t == nil {
			t = tagger.Known(b.Tagger)
		}
		if t == nil || t.ID() != b.Tagger {
			given := "none"
			if t != nil {
				given = t.ID()
			}
			return fail("give the tags that it was trained with", fmt.Errorf("its words were tagged by %s; given is %s", b.Tagger, given))
		}
		text, err := os.ReadFile(filepath.Join(dir, wordsFile))
		if err != nil {
			return fail(elsewhere, err)
		}
		if own := digest(text); own != b.Words {
			return fail(elsewhere, fmt.Errorf("%s has hash %s, config.json says %s", wordsFile, own, b.Words))
		}
		if idf, err = tagger.ReadIDF(text); err != nil {
			return fail(elsewhere, fmt.Errorf("%s: %w", wordsFile, err))
		}
	}
	weights, err := align.StoredWeights(dir, b.Space.Head.Hash)
	if err != nil {
		return fail(elsewhere, err)
	}
	m, err := With(e, b.Config, t, idf, weights)
	if err != nil {
		return fail(elsewhere, err)
	}
	return m, b, nil
}

// Start returns the weights of a bundle, for a training that begins where another ended, and what the bundle says of itself.
func Start(dir string) (*engine.Weights, Bundle, error) {
	b, err := ReadBundle(dir)
	if err != nil {
		return nil, Bundle{}, err
	}
	weights, err := align.StoredWeights(dir, b.Space.Head.Hash)
	return weights, b, err
}

// ReadBundle reads what a bundle says of itself without its weights.
func ReadBundle(dir string) (Bundle, error) {
	var b Bundle
	if err := align.ReadSaid(dir, Kind, BundleVersion, &b); err != nil {
		return Bundle{}, err
	}
	return b, nil
}
