package align

import (
	"cmp"
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
	Kind    string   `json:"kind,omitempty"` // "" for models that this package opens
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
	if err := Vacant(dir); err != nil {
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
	for _, p := range m.Parts {
		if filed, ok := p.Part.(Filed); ok {
			if err := writeFiles(filepath.Join(dir, p.Name), filed.Files()); err != nil {
				return fail(err)
			}
		}
	}
	if err := Store(dir, weights, b); err != nil {
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

// Vacant makes a folder for a bundle. A folder that holds one already is an error.
func Vacant(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, bundleFile)); err == nil {
		return errors.New("there is a model already")
	}
	return os.MkdirAll(dir, 0o777)
}

// Store writes the two files of a bundle of any kind: weights, then config.json with what is said of them.
func Store(dir string, weights *engine.Weights, said any) error {
	if err := weights.Save(filepath.Join(dir, weightsFile), safetensors.F32); err != nil {
		return err
	}
	text, err := json.MarshalIndent(said, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, bundleFile), append(text, '\n'))
}

// StoredWeights reads the weights of a bundle of any kind, which must have the given hash.
func StoredWeights(dir, hash string) (*engine.Weights, error) {
	weights, err := engine.LoadWeights(filepath.Join(dir, weightsFile))
	if err != nil {
		return nil, err
	}
	if own := weights.Hash(); own != hash {
		return nil, fmt.Errorf("%s has hash %s, %s says %s", weightsFile, own, bundleFile, hash)
	}
	return weights, nil
}

// ReadSaid reads into target what a bundle of any kind says of itself, and checks its kind and its version, of which this
// program reads up to newest.
func ReadSaid(dir, kind string, newest int, target any) error {
	text, err := os.ReadFile(filepath.Join(dir, bundleFile))
	if err != nil {
		return err
	}
	var said struct {
		Version int    `json:"version"`
		Kind    string `json:"kind"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return fmt.Errorf("%s: %w", bundleFile, err)
	}
	if said.Kind != kind {
		of := func(kind string) string { return cmp.Or(kind, "videos") }
		return fmt.Errorf("%s: a model of %s, not of %s", bundleFile, of(said.Kind), of(kind))
	}
	if said.Version < 1 || said.Version > newest {
		return fmt.Errorf("%s: version %d; this program reads up to %d", bundleFile, said.Version, newest)
	}
	if err := json.Unmarshal(text, target); err != nil {
		return fmt.Errorf("%s: %w", bundleFile, err)
	}
	return nil
}

// KindOf returns what kind of model a folder holds: "" for one that compares videos with sentences, which this package
// opens, "moments" for one of package locate.
func KindOf(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, bundleFile))
	if err != nil {
		return "", err
	}
	var said struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return "", fmt.Errorf("%s: %w", bundleFile, err)
	}
	return said.Kind, nil
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
	weights, err := StoredWeights(dir, b.Space.Head.Hash)
	if err != nil {
		return fail(err)
	}
	m, err := With(e, b.Tower, head, weights, parts...)
	if err != nil {
		return fail(err)
	}
	return m, b, nil
}

// ReadBundle reads what a bundle says of itself without its weights.
func ReadBundle(dir string) (Bundle, error) {
	var b Bundle
	if err := ReadSaid(dir, "", BundleVersion, &b); err != nil {
		return Bundle{}, err
	}
	return b, nil
}

// EncoderDir returns where a bundle with OwnEncoder keeps its encoder.
func EncoderDir(dir string) string { return filepath.Join(dir, encoderDir) }
