package search

import (
	"context"
	"errors"
	"io/fs"

	"sightline"
	"sightline/align"
	"sightline/align/locate"
	"sightline/encoder"
	"sightline/feature"
	"sightline/index"
	"sightline/moment"
)

// Clips is a corpus of an archive's clips that can be changed: what a moment model makes of stored rows and of subtitle lines.
type Clips struct {
	*moment.Writer
	model *locate.Model
	words encoder.WordEncoder // of subtitle lines
}

// OpenClips opens the corpus in a folder for changes, and makes it when there is none. Errors are those of
// moment.OpenWriter.
func OpenClips(dir string, space sightline.Space, model *locate.Model, words encoder.WordEncoder) (Clips, error) {
	writer, err := moment.OpenWriter(dir, space, index.Single)
	return Clips{Writer: writer, model: model, words: words}, err
}

// Add encodes videos and adds them for the next Publish, all or none. It returns how many clips it made of each.
func (c Clips) Add(ctx context.Context, videos []feature.Features, cues [][]sightline.Cue) ([]int, error) {
	seen := make([]align.Video, len(videos))
	for i, rows := range videos {
		seen[i] = Window(rows)
		if c.model.Config.Subtitle == 0 {
			continue
		}
		var err error
		if seen[i].Subtitle, err = align.Speech(ctx, c.words, rows.Spans, cues[i]); err != nil {
			return nil, err
		}
	}
	clips, err := c.model.EncodeVideos(ctx, seen)
	if err != nil {
		return nil, err
	}
	counts := make([]int, len(clips))
	for i, v := range clips {
		counts[i] = len(v.Spans)
	}
	return counts, c.Writer.Add(ctx, clips...)
}

// HeldClips returns the ids of the videos in the corpus in a folder; none where there is no corpus.
func HeldClips(dir string, space sightline.Space) ([]string, error) {
	corpus, err := moment.Open(dir, space)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer corpus.Close()
	return corpus.Videos()
}
