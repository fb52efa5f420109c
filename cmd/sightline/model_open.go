package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sightline"
	"sightline/align"
	_ "sightline/align/heads"
	"sightline/align/meanpool"
	"sightline/align/taco"
	"sightline/encoder"
	"sightline/encoder/bert"
	"sightline/encoder/clip"
	"sightline/encoder/hub"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/library"
	"sightline/search"
	"sightline/train"
)

// untrained is the name under which an encoder's own quality, without a trained head, is asked for.
const untrained = "untrained"

// model is an aligned model together with the encoders that feed it.
type model struct {
	name     string
	align    *align.Model // nil where it is TACo
	taco     *taco.Model
	encoders train.Encoders
	bundle   align.Bundle // zero for an encoder used as it is; of TACo, name and space alone
	dir      string       // of the bundle
}

// onWorldOnly tells whether the model sees through the built-in encoder, which knows the rendered world and nothing else.
func (m model) onWorldOnly() bool {
	return m.encoders.Frames.ID().Name == tiny.Name && !m.bundle.OwnEncoder
}

// library returns the model as an archive needs it.
func (m model) library() library.Model {
	served := library.Model{Name: m.name, Encoder: m.encoders.Frames, Text: m.encoders.Texts.ID(), Head: m.bundle.Space.Head}
	if m.taco != nil {
		served.Recall = search.RecallTokens(m.taco)
	} else {
		served.Recall = search.Recall(m.align)
	}
	return served
}

// opener opens encoders and models on one engine, with the settings in force. Encoders stay open, so that several models
// share one.
type opener struct {
	settings
	engine *engine.Engine
	open   map[string]train.Encoders
}

// opener opens the backend in force.
func (s settings) opener() (*opener, error) {
	e, err := s.engine()
	return &opener{settings: s, engine: e, open: map[string]train.Encoders{}}, err
}

// encoders opens the encoder of frames and sentences called name: the built-in one, a model that was fetched, or one in a
// folder.
func (o *opener) encoders(name string) (train.Encoders, error) {
	encoders, err := o.reader(name)
	if err == nil && encoders.Frames == nil {
		err = usage("see frames with encoder "+name, "name it as text encoder (text_encoder: in a run file), beside one that sees frames such as clip",
			"%v reads sentences alone", encoders.Texts.ID())
	}
	return encoders, err
}

// texts opens the text encoder called name, which may see no frames.
func (o *opener) texts(name string) (encoder.TextEncoder, error) {
	encoders, err := o.reader(name)
	return encoders.Texts, err
}

// reader opens an encoder that reads sentences; Frames is nil where it does nothing else.
func (o *opener) reader(name string) (train.Encoders, error) {
	if encoders, ok := o.open[name]; ok {
		return encoders, nil
	}
	encoders, err := openEncoders(o.engine, name)
	if err == nil {
		o.open[name] = encoders
	}
	return encoders, err
}

func openEncoders(e *engine.Engine, name string) (train.Encoders, error) {
	if name == tiny.Name {
		return tinyEncoders(tiny.Embedded(e))
	}
	dir := name
	if known := slices.ContainsFunc(hub.Models, func(m hub.Model) bool { return m.Name == name }); known || !isDir(name) {
		found, err := hub.Find(name)
		if err != nil {
			return train.Encoders{}, err
		}
		dir = found
	}
	if _, err := os.Stat(filepath.Join(dir, "vocabulary.txt")); err == nil { // what only the tiny encoder has
		return tinyEncoders(tiny.Open(e, dir))
	}
	if bert.Is(dir) {
		model, err := bert.Open(e, dir)
		if err != nil {
			return train.Encoders{}, err
		}
		return train.Encoders{Texts: model}, nil
	}
	encoder, err := clip.Open(e, dir)
	if err != nil {
		return train.Encoders{}, err
	}
	return train.Encoders{Frames: encoder, Texts: encoder}, nil
}

func tinyEncoders(encoder *tiny.Encoder, err error) (train.Encoders, error) {
	if err != nil {
		return train.Encoders{}, err
	}
	return train.Encoders{Frames: encoder, Texts: encoder, Tiny: encoder}, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// untrained returns an encoder as a model: the mean of its frame vectors against its sentence vector.
func (o *opener) untrained(name string) (model, error) {
	encoders, err := o.encoders(name)
	if err != nil {
		return model{}, err
	}
	tower := align.Stored{VideoDim: encoders.Frames.FrameDim(), TextDim: encoders.Texts.TextDim()}
	if tower.VideoDim != tower.TextDim {
		return model{}, usage("use encoder "+name+" untrained", "train a head first: sightline train",
			"its frame vectors are %d wide and its sentence vectors %d", tower.VideoDim, tower.TextDim)
	}
	m, err := align.New(o.engine, tower, meanpool.Head{}, 0)
	if err != nil {
		return model{}, err
	}
	if isDir(name) {
		if name, err = filepath.Abs(name); err != nil {
			return model{}, err
		}
	}
	return model{name: name, align: m, encoders: encoders}, nil
}

// encodersOf opens the encoder with the given weights, wherever it is: built in, or among the models that were fetched.
func (o *opener) encodersOf(id sightline.ModelID) (train.Encoders, error) {
	if id.Name == tiny.Name {
		return o.encoders(tiny.Name)
	}
	cached, err := hub.Cached()
	if err != nil {
		return train.Encoders{}, err
	}
	for _, candidate := range cached {
		encoders, err := o.encoders(candidate.Name)
		if err == nil && encoders.Frames.ID() == id {
			return encoders, nil
		}
	}
	return train.Encoders{}, &sightline.Error{
		Kind: sightline.NotReady, What: "find encoder " + id.String(), Err: errors.New("none of the models that were fetched has these weights"),
		Try: "sightline fetch clip, or name its folder: --encoder FOLDER",
	}
}

// reading returns the encoders with a text encoder of the given weights: their own where it has them, else the text encoder in
// force, else one that is built in or was fetched.
func (o *opener) reading(encoders train.Encoders, id sightline.ModelID) (train.Encoders, error) {
	if encoders.Texts.ID() == id {
		return encoders, nil
	}
	names := []string{tiny.Name}
	cached, err := hub.Cached()
	if err != nil {
		return train.Encoders{}, err
	}
	for _, candidate := range cached {
		names = append(names, candidate.Name)
	}
	cause := errors.New("neither the built-in encoder nor a model that was fetched has these weights")
	if o.TextEncoder.asked() {
		texts, err := o.texts(o.TextEncoder.Value)
		if err != nil {
			return train.Encoders{}, err
		}
		names = slices.Insert(names, 0, o.TextEncoder.Value)
		cause = fmt.Errorf("%s is %v", o.TextEncoder.Value, texts.ID())
	}
	for _, name := range names {
		if texts, err := o.texts(name); err == nil && texts.ID() == id {
			return train.Encoders{Frames: encoders.Frames, Texts: texts}, nil
		}
	}
	return train.Encoders{}, &sightline.Error{
		Kind: sightline.NotReady, What: "find text encoder " + id.String(), Err: cause,
		Try: "name the folder that the model was trained with: --text-encoder FOLDER, or text_encoder in the settings",
	}
}

// bundle opens a model at rest on the encoder it was trained with, which a person may have to name.
func (o *opener) bundle(dir string) (model, error) {
	m, bundle, err := align.Open(o.engine, dir)
	if err != nil {
		return model{}, err
	}
	opened := model{name: bundle.Name, align: m, bundle: bundle, dir: dir}
	return opened, o.feed(&opened, bundle.Accepts)
}

// taco opens a TACo model at rest on the encoder it was trained with, which a person may have to name.
func (o *opener) taco(dir string) (model, error) {
	m, bundle, err := taco.Open(o.engine, dir)
	if err != nil {
		return model{}, err
	}
	opened := model{name: bundle.Name, taco: m, bundle: align.Bundle{Name: bundle.Name, Space: bundle.Space}, dir: dir}
	return opened, o.feed(&opened, bundle.Accepts)
}

// feed gives a model at rest the encoder it was trained with, or the one that a person named, if that is accepted.
func (o *opener) feed(m *model, accepts func(video, text sightline.ModelID, preprocess string) error) (err error) {
	switch {
	case m.bundle.OwnEncoder:
		m.encoders, err = tinyEncoders(tiny.Open(o.engine, align.EncoderDir(m.dir)))
	case o.Encoder.From == "flag":
		m.encoders, err = o.encoders(o.Encoder.Value)
	default:
		m.encoders, err = o.encodersOf(m.bundle.Space.Video)
	}
	if err == nil && m.encoders.Frames.ID() == m.bundle.Space.Video {
		m.encoders, err = o.reading(m.encoders, m.bundle.Space.Text)
	}
	if err != nil {
		return fmt.Errorf("open model %s: %w", m.name, err)
	}
	frames := m.encoders.Frames
	if err := accepts(frames.ID(), m.encoders.Texts.ID(), frames.Preprocess()); err != nil {
		return &sightline.Error{
			Kind: sightline.Usage, What: "open model " + m.dir, Err: err,
			Try: "leave --encoder out, or name the encoder that the model was trained on",
		}
	}
	return nil
}

// findBundle returns the folder of the bundle called name, and the kind of its model: a folder, the folder of a training run,
// or a name in the archive's models. It is false when there is none.
func (s settings) findBundle(name string) (dir, kind string, ok bool) {
	for _, dir := range []string{name, filepath.Join(name, runModel), filepath.Join(s.modelsDir(), name)} {
		if kind, err := align.KindOf(dir); err == nil && (kind != "" || isBundle(dir)) {
			return dir, kind, true
		}
	}
	return "", "", false
}

func isBundle(dir string) bool {
	_, err := align.ReadBundle(dir)
	return err == nil
}

// modelsDir returns where the archive in force keeps its models.
func (s settings) modelsDir() string { return filepath.Join(s.Archive.Value, "models") }

// model opens the model called name: a bundle, or an encoder as it is.
func (o *opener) model(name string) (model, error) {
	if name == untrained {
		return o.untrained(o.Encoder.Value)
	}
	switch dir, kind, ok := o.findBundle(name); {
	case ok && kind == "":
		return o.bundle(dir)
	case ok && kind == taco.Kind:
		return o.taco(dir)
	case ok:
		return model{}, wrongKind(name, kind)
	}
	m, err := o.untrained(name)
	if sightline.KindOf(err) == sightline.Usage {
		return model{}, &sightline.Error{
			Kind: sightline.Usage, What: fmt.Sprintf("find model %q", name), Err: err,
			Try: "sightline model list shows what there is; the folder of a finished training run is a model too",
		}
	}
	return m, err
}

// headed opens the model called name where it is a tower with a head.
func (o *opener) headed(name string) (model, error) {
	m, err := o.model(name)
	if err == nil && m.taco != nil {
		err = wrongKind(name, taco.Kind)
	}
	return m, err
}

// wrongKind says that a model does something else than what was asked for.
func wrongKind(name, kind string) error {
	return usage(fmt.Sprintf("use model %q", name), "name a model that compares videos with sentences; sightline caption takes those of captions, sightline moments those of moments", "it is a model of %s", kind)
}
