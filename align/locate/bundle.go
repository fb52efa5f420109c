package locate

import (
	"fmt"

	"sightline"
	"sightline/align"
	"sightline/engine"
)

// Kind is what align.KindOf says of a folder with a model of this package.
const Kind = "moments"

// BundleVersion is the version of the bundle format that Save writes.
//
//	1  config.json, model.safetensors; the config stands as in run files
const BundleVersion = 1

// Bundle describes a model at rest: a folder with config.json and model.safetensors.
type Bundle struct {
	Version int    `json:"version"`
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Config  Config `json:"config"`

	// Space is what the model's rows mean: which encoders' features it takes, and the hash of its own weights.
	Space sightline.Space `json:"space"`
	// Subtitle is the encoder of subtitle features.
	Subtitle sightline.ModelID `json:"subtitle"`
}

// Accepts returns nil when the model was trained on features of these encoders, and else an error that names both. Subtitle
// counts only where the model takes subtitles.
func (b Bundle) Accepts(video, text, subtitle sightline.ModelID, preprocess string) error {
	offered := b.Space
	offered.Video, offered.Text, offered.Preprocess = video, text, preprocess
	if err := b.Space.Check(offered); err != nil {
		return err
	}
	if b.Config.Subtitle > 0 && subtitle != b.Subtitle {
		return &sightline.Error{
			Kind: sightline.Failed, What: "compare subtitle features of two encoders", Err: fmt.Errorf("%v against %v", b.Subtitle, subtitle),
			Try: "encode subtitles with the encoder that the model was trained on",
		}
	}
	return nil
}

// Save writes the model into a new folder: its weights, then config.json, whose presence makes the folder a bundle. The space
// says what its features mean, subtitle which encoder made those of subtitles; the head's id is filled in.
func Save(dir, name string, m *Model, space sightline.Space, subtitle sightline.ModelID) (Bundle, error) {
	fail := func(err error) (Bundle, error) { return Bundle{}, fmt.Errorf("save model %s: %w", dir, err) }
	if err := align.Vacant(dir); err != nil {
		return fail(err)
	}
	space.Head = sightline.ModelID{Name: m.Config.Method.Kind, Hash: m.Weights.Hash()}
	b := Bundle{Version: BundleVersion, Kind: Kind, Name: name, Config: m.Config, Space: space, Subtitle: subtitle}
	if err := align.Store(dir, m.Weights, b); err != nil {
		return fail(err)
	}
	return b, nil
}

// Open reads a bundle.
func Open(e *engine.Engine, dir string) (*Model, Bundle, error) {
	fail := func(err error) (*Model, Bundle, error) {
		return nil, Bundle{}, &sightline.Error{
			Kind: sightline.Failed, What: "open model of moments " + dir, Err: err, Try: "name a folder that a moment model was saved in",
		}
	}
	b, err := ReadBundle(dir)
	if err != nil {
		return fail(err)
	}
	weights, err := align.StoredWeights(dir, b.Space.Head.Hash)
	if err != nil {
		return fail(err)
	}
	m, err := With(e, b.Config, weights)
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
