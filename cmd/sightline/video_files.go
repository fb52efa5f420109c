package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"sightline"
	"sightline/corpus"
	"sightline/dataset"
	"sightline/encoder"
	"sightline/feature"
	"sightline/library"
)

// videoFiles finds videos and the rows of their frames: in the archive, where they are there and of the encoder, else in files.
type videoFiles struct {
	opener   *opener
	frames   encoder.FrameEncoder
	settings library.Settings // of the archive, or what an archive has; Rate is that of the rows
	archived bool             // there is an archive
	absent   error            // why there is none
	features feature.Store    // of the archive, where its rows are of the same rate; else without a folder
	space    sightline.Space
	known    []library.Video
	progress *series
}

// videoFiles looks for videos as an encoder sees them, so many frames a second; rate 0 is the archive's. The caller calls close
// when it knows which videos it wants.
func (o *opener) videoFiles(ctx context.Context, frames encoder.FrameEncoder, rate float64, progress *series) (files videoFiles, close func() error, err error) {
	files = videoFiles{opener: o, frames: frames, settings: library.DefaultSettings(), progress: progress}
	close = func() error { return nil }
	archive, err := library.Open(o.Archive.Value)
	switch {
	case err == nil:
		close = archive.Close
		files.archived, files.settings = true, archive.Settings()
		if rate == 0 || rate == files.settings.Rate {
			files.features, files.space = archive.Features(), archive.FeatureSpace(frames)
		}
		if files.known, err = archive.Videos(ctx); err != nil {
			return files, close, errors.Join(err, archive.Close())
		}
	case sightline.KindOf(err) == sightline.NotReady:
		files.absent, err = err, nil
	}
	if rate > 0 {
		files.settings.Rate = rate
	}
	return files, close, err
}

// find returns the video called name: an id or a path of the archive, or a file.
func (f videoFiles) find(ctx context.Context, name string) (sightline.Video, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return sightline.Video{}, err
	}
	for _, v := range f.known {
		if v.ID == name || slices.Contains(v.Paths, path) {
			return v.Video, nil
		}
	}
	data, err := openData(ctx, []string{name})
	if err != nil {
		return sightline.Video{}, err
	}
	return data.Set.Videos[0], nil
}

// rows returns the features of a video.
func (f videoFiles) rows(ctx context.Context, v sightline.Video) (feature.Features, error) {
	if f.features.Dir != "" {
		rows, err := f.features.Read(feature.Header{VideoID: v.ID, Stream: feature.Frame, Space: f.space})
		if !errors.Is(err, fs.ErrNotExist) {
			return rows, err
		}
	}
	if v.Path == "" {
		return feature.Features{}, &sightline.Error{
			Kind: sightline.NotReady, What: "read " + title(v), Err: fmt.Errorf("the archive has no features of %v at this rate, and there is no file to encode", f.frames.ID()),
		}
	}
	data := corpus.Corpus{Name: title(v), Set: dataset.Set{Videos: []sightline.Video{v}}}
	all, err := data.Encode(ctx, f.frames, corpus.Rate(f.settings.Rate), f.opener.store(), func(done int) {
		f.progress.encoding(data.Name, done, 1)
	})
	if err != nil {
		return feature.Features{}, err
	}
	return all[0], nil
}
