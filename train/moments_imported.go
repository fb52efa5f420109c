package train

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sightline"
	"sightline/align"
	"sightline/dataset"
	"sightline/feature/npy"
)

// importedMoments reads a split whose features were made elsewhere: the queries from the official file of a data set, and
// from data.Features
//
//	video/ID.npy        [L, Dv], a row for each clip of data.Clip seconds
//	subtitle/ID.npy     [L, Ds]; no file for a video without subtitles
//	query/ID.npy        [W, Dt], a row a word, by the query's id
//
// A query with several gold spans is trained on the first. Queries whose answer is not public are an error.
func importedMoments(name string, data DataConfig) (Timed, DataRecord, error) {
	fail := func(err error) (Timed, DataRecord, error) { return Timed{}, DataRecord{}, err }
	read, err := dataset.ReadMoments(name, "", nil)
	if err != nil {
		return fail(err)
	}
	timed := Timed{Set: dataset.Set{Name: name}, Asked: read.Queries}
	places := map[string]int{}
	for _, q := range read.Queries {
		if q.Video == "" || len(q.Gold) == 0 {
			return fail(lacking(name, fmt.Errorf("query %s has no answer to learn or to be judged by", q.ID)))
		}
		at, known := places[q.Video]
		if !known {
			at = len(timed.Videos)
			places[q.Video] = at
			video, err := importedVideo(data, q)
			if err != nil {
				return fail(err)
			}
			timed.Videos = append(timed.Videos, video)
			timed.Set.Videos = append(timed.Set.Videos, sightline.Video{ID: q.Video, Duration: q.Duration})
		}
		words, err := matrix(filepath.Join(data.Features, "query", q.ID+".npy"))
		if err != nil {
			return fail(lacking(name, err))
		}
		timed.Texts = append(timed.Texts, align.Sentence{Text: q.Text, Tokens: words})
		timed.Set.Captions = append(timed.Set.Captions, dataset.Caption{Video: at, Text: q.Text, Span: q.Gold[0], Kind: q.Kind})
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return fail(lacking(name, err))
	}
	sum := sha256.Sum256(text)
	return timed, DataRecord{Name: name, Hash: hex.EncodeToString(sum[:8]), Videos: len(timed.Videos), Captions: len(timed.Texts),
		Sampling: fmt.Sprintf("imported, clips of %v s", data.Clip), Decoder: data.Features}, nil
}

// importedVideo reads the rows of one video.
func importedVideo(data DataConfig, q sightline.MomentQuery) (align.Video, error) {
	v := align.Video{ID: q.Video}
	var err error
	if v.Features, err = matrix(filepath.Join(data.Features, "video", q.Video+".npy")); err != nil {
		return v, lacking(data.Features, err)
	}
	path := filepath.Join(data.Features, "subtitle", q.Video+".npy")
	switch v.Subtitle, err = matrix(path); {
	case errors.Is(err, fs.ErrNotExist):
		v.Subtitle = sightline.Matrix{}
	case err != nil:
		return v, lacking(data.Features, err)
	case v.Subtitle.Rows != v.Features.Rows:
		return v, lacking(data.Features, fmt.Errorf("%s has %d rows, the video's features %d", path, v.Subtitle.Rows, v.Features.Rows))
	}
	for i := range v.Features.Rows {
		v.Spans = append(v.Spans, sightline.Span{Start: float64(i) * data.Clip, End: float64(i+1) * data.Clip})
	}
	return v, nil
}

// matrix reads an array of two axes with finite values.
func matrix(path string) (sightline.Matrix, error) {
	array, err := npy.ReadFile(path)
	if err != nil {
		return sightline.Matrix{}, err
	}
	if len(array.Shape) != 2 || array.Shape[0] == 0 || array.Shape[1] == 0 {
		return sightline.Matrix{}, fmt.Errorf("%s has shape %v, not rows and columns", path, array.Shape)
	}
	m := sightline.Matrix{Rows: array.Shape[0], Cols: array.Shape[1], Data: array.Float32s()}
	if err := m.Finite(); err != nil {
		return sightline.Matrix{}, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

func lacking(what string, err error) error {
	return &sightline.Error{Kind: sightline.Usage, What: "read features of " + what, Err: err,
		Try: "docs/formats.md says how features made elsewhere are laid out, and scripts/hdf5-to-npy.py makes such files of HDF5"}
}
