package library

import (
	"context"
	"iter"

	"sightline"
	"sightline/video"
)

// media is what library asks of video files. Tests put others in place of files.
type media interface {
	probe(ctx context.Context, path string) (*video.Info, error)
	frames(ctx context.Context, info *video.Info, rate float64, size int) iter.Seq2[sightline.Frame, error]
	subtitles(ctx context.Context, path string) ([]sightline.Cue, error)
}

// files is the media of real files.
type files struct{}

func (files) probe(ctx context.Context, path string) (*video.Info, error) {
	return video.Probe(ctx, path)
}

func (files) frames(ctx context.Context, info *video.Info, rate float64, size int) iter.Seq2[sightline.Frame, error] {
	return info.Sample(ctx, video.Rate(rate), size)
}

func (files) subtitles(ctx context.Context, path string) ([]sightline.Cue, error) {
	return video.Subtitles(ctx, path)
}
