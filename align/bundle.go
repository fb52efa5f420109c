package align

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sightline"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/internal/atomicfile"
	"sightline/internal/safetensors"
)

// Files of a bundle.
const (
	bundleFile  = "config.json"
	weightsFile = "model.safetensors"
	encoderDir  = "encoder"
)

// BundleVersion is the version of the bundle format that Save writes.
//
//	1  config.json, model.safetensors, optionally encoder/; head is a name, or a mapping with the head's options
//	   parts is a list of such; absent where there are none
//	   a part may have a folder of its name with files of its own
const BundleVersion = 1

// Bundle describes a model at rest: a folder with config.json, model.safetensors and, where the encoder was trained with
// the head, that encoder.
type Bundle struct {
	Version int      `json:"version"`
	Name    string   `json:"name"`
	Head    Choice   `json:"head"`
	Parts   []Choice `json:"parts,omitempty"`
	Tower   Stored   `json:"tower"` // a live tower becomes its encoder and a stored tower without adapters

	// Space is what the model's vectors mean: which encoders' features it takes, and the hash of its own weights.
	// Sampling is that of its training; an archive samples in its own way.
	Space sightline.Space `json:"space"`

	// OwnEncoder tells that the folder holds the encoder under encoder/.
	OwnEncoder bool `json:"own_encoder"`
}

// Filed is a Part that keeps files of its own in a bundle, in a folder of its name.
type Filed interface {
	Part
	// Files returns their contents by name.
	Files() map[string][]byte
	// ReadFiles takes them from such a folder.
	ReadFiles(folder string) error
}

// Accepts returns nil when the model was trained on vectors of these encoders, and else an error that names both.
func (b Bundle) Accepts(video, text sightline.ModelID, preprocess string) error {
	offered := b.Space
	offered.Video, offered.Text, offered.Preprocess = video, text, preprocess
	return b.Space.Check(offered)
}

// Save writes the model into a new folder: its encoder, if it brings its own, then the weights, then config.json, whose
// presence makes the folder a bundle. The space says what its features mean; encoder and head ids are filled in.
func Save(dir, name string, head Choice, parts []Choice, m *Model, space sightline.Space) (Bundle, error) {
	fail := func(err error) (Bundle, error) { return Bundle{}, fmt.Errorf("save model %s: %w", dir, err) }
	if _, err := os.Stat(filepath.Join(dir, bundleFile)); err == nil {
		return fail(errors.New("there is a model already"))
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fail(err)
	}
	b := Bundle{Version: BundleVersion, Name: name, Head: head, Parts: parts, Space: space}
	weights := engine.NewWeights()
	switch tower := m.Tower.(type) {
	case Stored:
		b.Tower = tower
		weights = m.Weights
	case Live:
		encoder, err := tower.Encoder(m)
		if err != nil {
			return fail(err)
		}
		if err := encoder.Save(filepath.Join(dir, encoderDir)); err != nil {
			return fail(err)
		}
		// What is read back differs by the rounding to half precision, and so does its name.
		if encoder, err = tiny.Open(m.Engine, filepath.Join(dir, encoderDir)); err != nil {
			return fail(err)
		}
		b.OwnEncoder = true
		b.Tower = Stored{VideoDim: tower.Dim(), TextDim: tower.Dim()}
		b.Space.Video, b.Space.Text, b.Space.Preprocess = encoder.ID(), encoder.ID(), encoder.Preprocess()
		weights.Merge(headPrefix, m.Weights.Under(headPrefix))
		for _, p := range m.Parts {
			weights.Merge(p.prefix(), m.Weights.Under(p.prefix()))
		}
		weights.Set(LogitScale, m.Weights.Float32s(LogitScale))
	default:
		return fail(fmt.Errorf("no way to store a tower of type %T", tower))
	}
	b.Space.Head = sightline.ModelID{Name: head.Kind, Hash: weights.Hash()}
	if err := weights.Save(filepath.Join(dir, weightsFile), safetensors.F32); err != nil {
		return fail(err)
	}
	for _, p := range m.Parts {
		if filed, ok := p.Part.(Filed); ok {
			if err := writeFiles(filepath.Join(dir, p.Name), filed.Files()); err != nil {
				return fail(err)
			}
		}
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return fail(err)
	}
	if err := atomicfile.Write(filepath.Join(dir, bundleFile), append(text, '\n')); err != nil {
		return fail(err)
	}
	return b, nil
}

func writeFiles(dir string, files map[string][]byte) error {
	if len(files) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for name, content := range files {
		if err := atomicfile.Write(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	return nil
}

// Open reads a bundle.
func Open(e *engine.Engine, dir string) (*Model, Bundle, error) {
	fail := func(err error) (*Model, Bundle, error) {
		return nil, Bundle{}, &sightline.Error{
			Kind: sightline.Failed, What: "open model " + dir, Err: err,
			Try: "name a folder that `sightline train` wrote (its model/ folder), or see `sightline model list`",
		}
	}
	b, err := ReadBundle(dir)
	if err != nil {
		return fail(err)
	}
	head, err := NewHead(b.Head)
	if err != nil {
		return fail(err)
	}
	parts, err := NewParts(b.Parts)
	if err != nil {
		return fail(err)
	}
	for _, p := range parts {
		if filed, ok := p.Part.(Filed); ok {
			if err := filed.ReadFiles(filepath.Join(dir, p.Name)); err != nil {
				return fail(fmt.Errorf("part %s: %w", p.Name, err))
			}
		}
	}
	weights, err := engine.LoadWeights(filepath.Join(dir, weightsFile))
	if err != nil {
		return fail(err)
	}
	if hash := weights.Hash(); hash != b.Space.Head.Hash {
		return fail(fmt.Errorf("%s has hash %s, %s says %s", weightsFile, hash, bundleFile, b.Space.Head.Hash))
	}
	m, err := With(e, b.Tower, head, weights, parts...)
	if err != nil {
		return fail(err)
	}
	return m, b, nil
}

// ReadBundle reads what a bundle says of itself without its weights.
func ReadBundle(dir string) (Bundle, error) {
	text, err := os.ReadFile(filepath.Join(dir, bundleFile))
	if err != nil {
		return Bundle{}, err
	}
	var b Bundle
	if err := json.Unmarshal(text, &b); err != nil {
		return Bundle{}, fmt.Errorf("%s: %w", bundleFile, err)
	}
	if b.Version < 1 || b.Version > BundleVersion {
		return Bundle{}, fmt.Errorf("%s: version %d; this program reads up to %d", bundleFile, b.Version, BundleVersion)
	}
	return b, nil
}

// EncoderDir returns where a bundle with OwnEncoder keeps its encoder.
func EncoderDir(dir string) string { return filepath.Join(dir, encoderDir) }
