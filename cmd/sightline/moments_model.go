package main

import (
	"context"
	"fmt"
	"path/filepath"

	"sightline"
	"sightline/align/locate"
	"sightline/encoder"
	"sightline/internal/terminal"
	"sightline/library"
	"sightline/moment"
	"sightline/search"
)

// momentModel is a model that finds moments, with the encoder of words that feeds it.
type momentModel struct {
	name   string
	dir    string
	locate *locate.Model
	bundle locate.Bundle
	words  encoder.WordEncoder
}

// momentModel opens the moment model called name for an archive, on the encoders of the model that serves its search: both see
// the same stored rows.
func (o *opener) momentModel(ctx context.Context, archive *library.Archive, serving model, name string) (momentModel, error) {
	dir, kind, ok := o.findBundle(name)
	if !ok {
		return momentModel{}, usage(fmt.Sprintf("find moment model %q", name),
			"name the folder of a run that was trained with task: moments; sightline model list shows the archive's models", "there is no folder of that name with a model, and none in the archive")
	}
	if kind != locate.Kind {
		return momentModel{}, usage(fmt.Sprintf("find moments with model %q", name),
			"name the folder of a run that was trained with task: moments, or --model search for the model that serves search", "it finds no moments")
	}
	bundle, err := locate.ReadBundle(dir)
	if err != nil {
		return momentModel{}, err
	}
	m := momentModel{name: bundle.Name, dir: dir, bundle: bundle}
	if filepath.Dir(dir) == o.modelsDir() {
		m.name = filepath.Base(dir)
	}
	if err := archive.AcceptMoments(ctx, m.library()); err != nil {
		return momentModel{}, err
	}
	encoders, err := o.reading(serving.encoders, bundle.Space.Text)
	if err != nil {
		return momentModel{}, fmt.Errorf("open model %s: %w", m.name, err)
	}
	frames, texts := encoders.Frames, encoders.Texts
	words, known := texts.(encoder.WordEncoder)
	if err = bundle.Accepts(frames.ID(), texts.ID(), texts.ID(), frames.Preprocess()); err == nil && !known {
		err = fmt.Errorf("the text encoder %v gives vectors of sentences alone", texts.ID())
	}
	if err != nil {
		return momentModel{}, &sightline.Error{
			Kind: sightline.Usage, What: "find moments with the model " + m.name, Err: err,
			Try: "name a moment model that was trained on the encoder of the archive's search model",
		}
	}
	m.words = words
	m.locate, _, err = locate.Open(o.engine, dir)
	return m, err
}

// library returns the model as an archive needs it.
func (m momentModel) library() library.MomentModel {
	space := m.bundle.Space
	return library.MomentModel{
		Name: m.name, Space: space,
		Held: func(dir string) ([]string, error) { return search.HeldClips(dir, space) },
		Open: func(dir string) (library.ClipWriter, error) { return search.OpenClips(dir, space, m.locate, m.words) },
	}
}

// catchUp brings the archive's clips of the model up to date and returns how many videos are still missing.
func (a *app) catchUp(ctx context.Context, archive *library.Archive, m momentModel) (missing int, err error) {
	bar := a.bar("Encoding clips")
	defer bar.Close()
	return archive.CatchUp(ctx, m.library(), showProgress(bar))
}

// trainedFinder finds moments with a moment model, over an archive that it brings up to date first.
func (a *app) trainedFinder(ctx context.Context, archive *library.Archive, o *opener, serving model, name string) (finder, error) {
	m, err := o.momentModel(ctx, archive, serving, name)
	if err != nil {
		return finder{}, err
	}
	missing, err := a.catchUp(ctx, archive, m)
	if err != nil {
		return finder{}, err
	}
	corpus, err := moment.Open(archive.MomentsDir(m.library()), m.bundle.Space)
	if err != nil {
		return finder{}, err
	}
	locator := search.Locator{Model: m.locate, Words: m.words, Corpus: corpus, Video: shelf{archive, serving}.Video, Distinct: distinct}
	result := foundMomentsJSON{Model: m.name, Trained: true, Space: m.bundle.Space, Missing: missing, Hits: []foundMomentJSON{}}
	return finder{locator.Moments, corpus.Close, result}, nil
}

// useMoments makes a moment model the archive's.
func (a *app) useMoments(ctx context.Context, o *opener, dir, name string) error {
	archive, err := library.Open(o.Archive.Value)
	if err != nil {
		return err
	}
	defer archive.Close()
	serving, err := servingModel(ctx, archive, o)
	if err != nil {
		return err
	}
	m, err := o.momentModel(ctx, archive, serving, dir)
	if err != nil {
		return err
	}
	if m.name, err = bringModel(archive.ModelsDir(), m.dir, m.name, m.bundle.Space, name); err != nil {
		return err
	}
	if _, err := a.catchUp(ctx, archive, m); err != nil {
		return err
	}
	if err := archive.UseMoments(ctx, m.library()); err != nil {
		return err
	}
	return a.print(usedJSON{archive.Dir(), m.name, m.bundle.Space}, func() error {
		a.out.Printf("%s finds the moments of %s\n", terminal.Clean(m.name), terminal.Clean(archive.Dir()))
		return nil
	})
}

// aboutMoments describes a moment model on one line.
func aboutMoments(b locate.Bundle) string {
	sees := "pictures"
	if b.Config.Subtitle > 0 {
		sees = "pictures and subtitles"
	}
	return fmt.Sprintf("%s on %v, %s at %s", b.Config.Method, b.Space.Video, sees, b.Space.Sampling)
}
