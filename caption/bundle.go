package caption

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"

	"sightline"
	"sightline/align"
	"sightline/encoder/wordpiece"
	"sightline/engine"
	"sightline/internal/atomicfile"
)

// Kind is what align.KindOf says of a folder with a model of this package.
const Kind = "captions"

// BundleVersion is the version of the bundle format that Save writes.
//
//	1  config.json, model.safetensors, vocab.txt
const BundleVersion = 1

// vocabularyFile holds the vocabulary in a bundle, as BERT's is published.
const vocabularyFile = "vocab.txt"

// Bundle describes a model at rest.
type Bundle struct {
	Version    int          `json:"version"`
	Kind       string       `json:"kind"`
	Name       string       `json:"name"`
	Config     Config       `json:"config"`
	Tower      align.Stored `json:"tower"`
	Vocabulary string       `json:"vocabulary"` // the first 16 hex digits of the SHA-256 of vocab.txt

	// Space is what the model's features mean: which encoder made them of which frames, and the hash of the model's weights.
	Space sightline.Space `json:"space"`
}

// Accepts returns nil when the model was trained on features of this encoder, and else an error that names both.
func (b Bundle) Accepts(video sightline.ModelID, preprocess string) error {
	offered := b.Space
	offered.Video, offered.Preprocess = video, preprocess
	return b.Space.Check(offered)
}

// Save writes the model into a new folder: its vocabulary and the weights that write, then config.json, whose presence makes
// the folder a bundle. What parts train with is left out. The space says what its features mean; the head's id is filled in.
func Save(dir, name string, m *Model, space sightline.Space) (Bundle, error) {
	fail := func(err error) (Bundle, error) { return Bundle{}, fmt.Errorf("save caption model %s: %w", dir, err) }
	if err := align.Vacant(dir); err != nil {
		return fail(err)
	}
	weights := m.writing()
	space.Head = sightline.ModelID{Name: Kind, Hash: weights.Hash()}
	b := Bundle{Version: BundleVersion, Kind: Kind, Name: name, Config: m.Config, Tower: m.Tower, Vocabulary: hash(m.Vocabulary), Space: space}
	if err := atomicfile.Write(filepath.Join(dir, vocabularyFile), []byte(m.Vocabulary.String())); err != nil {
		return fail(err)
	}
	if err := align.Store(dir, weights, b); err != nil {
		return fail(err)
	}
	return b, nil
}

func hash(v *wordpiece.Vocabulary) string {
	sum := sha256.Sum256([]byte(v.String()))
	return hex.EncodeToString(sum[:8])
}

// Open reads a bundle.
func Open(e *engine.Engine, dir string) (*Model, Bundle, error) {
	fail := func(err error) (*Model, Bundle, error) {
		return nil, Bundle{}, &sightline.Error{
			Kind: sightline.Failed, What: "open caption model " + dir, Err: err,
			Try: "name the folder of a run that was trained with task: caption",
		}
	}
	b, err := ReadBundle(dir)
	if err != nil {
		return fail(err)
	}
	vocabulary, err := wordpiece.Open(filepath.Join(dir, vocabularyFile))
	if err != nil {
		return fail(err)
	}
	if own := hash(vocabulary); own != b.Vocabulary {
		return fail(fmt.Errorf("%s has hash %s, the model was trained with %s", vocabularyFile, own, b.Vocabulary))
	}
	weights, err := align.StoredWeights(dir, b.Space.Head.Hash)
	if err != nil {
		return fail(err)
	}
	m, err := With(e, b.Config, vocabulary, b.Tower, weights)
	if err != nil {
		return fail(err)
	}
	return m, b, nil
}

// ReadBundle reads what a bundle says of itself without its weights.
func ReadBundle(dir string) (Bundle, error) {
	var b Bundle
	if err := align.ReadSaid(dir, Kind, BundleVersion, &b); err != nil {
		return Bundle{}, err
	}
	return b, nil
}
