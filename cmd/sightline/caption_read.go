package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sightline"
	"sightline/align"
	"sightline/caption"
	"sightline/corpus"
	"sightline/encoder"
	"sightline/feature"
	"sightline/internal/terminal"
	"sightline/search"
	"sightline/train"
)

// captionRequest says which stretches of which videos get a caption.
type captionRequest struct {
	videos []string
	all    bool
	data   string
	moment bool // one caption for span
	span   sightline.Span
}

func (r *captionRequest) check() error {
	ways := 0
	for _, way := range []bool{len(r.videos) > 0, r.all, r.data != ""} {
		if way {
			ways++
		}
	}
	switch {
	case ways != 1:
		return usage("caption", "sightline caption --help", "it takes videos, or --all, or --data")
	case r.moment && len(r.videos) != 1:
		return usage("caption --from, --to", "name one video", "a moment is in one video")
	case !r.moment:
		return nil
	case r.span.End == 0:
		r.span.End = math.Inf(1)
	}
	if !(r.span.Start >= 0) || !(r.span.End > r.span.Start) {
		return usage("caption --from, --to", "--from 61 --to 75", "%v to %v seconds is no moment", r.span.Start, r.span.End)
	}
	return nil
}

// captioner is a caption model with what feeds it.
type captioner struct {
	opener *opener
	model  *caption.Model
	bundle caption.Bundle
	frames encoder.FrameEncoder
}

// captioner opens the caption model called name, on the encoder it was trained with, which a person may have to name.
func (o *opener) captioner(name string) (captioner, error) {
	dir, kind, ok := o.findBundle(name)
	if !ok || kind != caption.Kind {
		return captioner{}, usage(fmt.Sprintf("find caption model %q", name), "name the folder of a run that was trained with task: caption",
			"there is no such model of captions")
	}
	model, bundle, err := caption.Open(o.engine, dir)
	if err != nil {
		return captioner{}, err
	}
	find := func() (train.Encoders, error) { return o.encodersOf(bundle.Space.Video) }
	if o.Encoder.From == "flag" {
		find = func() (train.Encoders, error) { return o.encoders(o.Encoder.Value) }
	}
	encoders, err := find()
	if err == nil {
		err = bundle.Accepts(encoders.Frames.ID(), encoders.Frames.Preprocess())
	}
	if err != nil {
		return captioner{}, fmt.Errorf("open caption model %s: %w", bundle.Name, err)
	}
	return captioner{o, model, bundle, encoders.Frames}, nil
}

// uncaptioned is a video with the stretches that get a caption each.
type uncaptioned struct {
	video sightline.Video
	parts []feature.Features
}

// captionBlock is how many stretches, of several videos, are captioned together.
const captionBlock = 64

// captions writes the captions that were asked for and gives each video's to done, in their order.
func (a *app) captions(ctx context.Context, c captioner, asked captionRequest, options caption.Options, done func(captioned) error) error {
	progress := series{start: a.bar}
	defer func() { progress.close() }()
	list, load, err := c.subjects(ctx, asked, &progress)
	if err != nil {
		return err
	}
	var waiting []uncaptioned
	stretches, finished := 0, 0
	flush := func() error {
		if stretches == 0 {
			return nil
		}
		all, err := c.write(ctx, waiting, options)
		if err != nil {
			return err
		}
		finished += len(all)
		progress.set("Writing captions", float64(finished), float64(len(list)), terminal.Count(finished, "video", "videos"))
		waiting, stretches = waiting[:0], 0
		for _, video := range all {
			if err := done(video); err != nil {
				return err
			}
		}
		return nil
	}
	for i, video := range list {
		parts, err := load(i)
		if err != nil {
			return err
		}
		waiting = append(waiting, uncaptioned{video, parts})
		if stretches += len(parts); stretches >= captionBlock {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// write captions the stretches of some videos.
func (c captioner) write(ctx context.Context, videos []uncaptioned, options caption.Options) ([]captioned, error) {
	var parts []align.Video
	for _, v := range videos {
		for _, part := range v.parts {
			parts = append(parts, search.Window(part))
		}
	}
	written, err := c.model.Generate(ctx, parts, options)
	if err != nil {
		return nil, err
	}
	var all []captioned
	for _, v := range videos {
		one := captioned{Video: v.video}
		for _, part := range v.parts {
			one.Captions = append(one.Captions, captionedSpan{part.Span(), written[0][0], written[0][1:]})
			written = written[1:]
		}
		all = append(all, one)
	}
	return all, nil
}

// subjects returns the videos that were asked for and what gives the stretches of each.
func (c captioner) subjects(ctx context.Context, asked captionRequest, progress *series) ([]sightline.Video, func(i int) ([]feature.Features, error), error) {
	if asked.data != "" {
		return c.split(ctx, asked.data, progress)
	}
	files, close, err := c.opener.videoFiles(ctx, c.frames, 0, progress)
	if err != nil {
		return nil, nil, err
	}
	defer close()
	if asked.all && !files.archived {
		return nil, nil, files.absent
	}
	videos := make([]sightline.Video, len(asked.videos))
	for i, name := range asked.videos {
		if videos[i], err = files.find(ctx, name); err != nil {
			return nil, nil, err
		}
	}
	if asked.all {
		for _, v := range files.known {
			videos = append(videos, v.Video)
		}
	}
	return videos, func(i int) ([]feature.Features, error) {
		rows, err := files.rows(ctx, videos[i])
		if err != nil {
			return nil, err
		}
		if !asked.moment {
			return rows.Windows(files.settings.WindowRows, 0), nil
		}
		part, ok := overlapping(rows, asked.span)
		if !ok {
			return nil, usage("caption "+title(videos[i]), "a moment before that", "the video ends at %.1f s", rows.Span().End)
		}
		return []feature.Features{part}, nil
	}, nil
}

// split returns the videos of a split, each one stretch of as many frames as the model was trained on.
func (c captioner) split(ctx context.Context, name string, progress *series) ([]sightline.Video, func(i int) ([]feature.Features, error), error) {
	data, err := corpus.Open(name)
	if err != nil {
		return nil, nil, err
	}
	all, err := data.Encode(ctx, c.frames, corpus.Uniform(c.model.Config.Frames), c.opener.store(), func(done int) {
		progress.encoding(data.Name, done, len(data.Set.Videos))
	})
	if err != nil {
		return nil, nil, err
	}
	return data.Set.Videos, func(i int) ([]feature.Features, error) { return all[i : i+1], nil }, nil
}

// overlapping returns the rows that show some of a span; false where none does.
func overlapping(rows feature.Features, span sightline.Span) (feature.Features, bool) {
	from := slices.IndexFunc(rows.Spans, func(s sightline.Span) bool { return s.End > span.Start })
	if from < 0 {
		return feature.Features{}, false
	}
	to := from
	for to < len(rows.Spans) && rows.Spans[to].Start < span.End {
		to++
	}
	return rows.Slice(from, to), to > from
}
