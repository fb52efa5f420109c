package main

import (
	"context"
	"fmt"
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

// captioner is a caption model with what feeds it.
type captioner struct {
	opener *opener
	model  *caption.Model
	bundle caption.Bundle
	frames encoder.FrameEncoder

	trainedOn string // the name of the data; "" where that is not known
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
	return captioner{o, model, bundle, encoders.Frames, trainedOn(dir)}, nil
}

// uncaptioned is a video with the stretches that get a caption each, and what gives pictures of one.
type uncaptioned struct {
	video    sightline.Video
	parts    []feature.Features
	pictures func(span sightline.Span) ([]sightline.Frame, error)
}

// subjects are the videos that were asked for, by their number: the stretches of each, and a few pictures of a stretch.
type subjects struct {
	videos   []sightline.Video
	parts    func(i int) ([]feature.Features, error)
	pictures func(i int, span sightline.Span) ([]sightline.Frame, error)
}

// captionBlock is how many stretches, of several videos, are captioned together.
const captionBlock = 64

// captions writes the captions that were asked for and gives each video's to done, in their order.
func (a *app) captions(ctx context.Context, c captioner, asked captionRequest, options caption.Options, done func(captioned) error) error {
	progress := series{start: a.bar}
	defer func() { progress.close() }()
	list, err := c.subjects(ctx, asked, &progress)
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
		progress.set("Writing captions", float64(finished), float64(len(list.videos)), terminal.Count(finished, "video", "videos"))
		waiting, stretches = waiting[:0], 0
		for _, video := range all {
			if err := done(video); err != nil {
				return err
			}
		}
		return nil
	}
	for i, video := range list.videos {
		parts, err := list.parts(i)
		if err != nil {
			return err
		}
		pictures := func(span sightline.Span) ([]sightline.Frame, error) { return list.pictures(i, span) }
		waiting = append(waiting, uncaptioned{video, parts, pictures})
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
		one := captioned{Video: v.video, pictures: v.pictures}
		for _, part := range v.parts {
			one.Captions = append(one.Captions, captionedSpan{part.Span(), written[0][0], written[0][1:]})
			written = written[1:]
		}
		all = append(all, one)
	}
	return all, nil
}

// subjects returns what was asked for.
func (c captioner) subjects(ctx context.Context, asked captionRequest, progress *series) (subjects, error) {
	if asked.data != "" {
		return c.split(ctx, asked.data, progress)
	}
	files, close, err := c.opener.videoFiles(ctx, c.frames, 0, progress)
	if err != nil {
		return subjects{}, err
	}
	defer close()
	if asked.all && !files.archived {
		return subjects{}, files.absent
	}
	videos := make([]sightline.Video, len(asked.videos))
	for i, v := range asked.videos {
		if videos[i], err = files.find(ctx, v.name); err != nil {
			return subjects{}, err
		}
	}
	if asked.all {
		for _, v := range files.known {
			videos = append(videos, v.Video)
		}
	}
	parts := func(i int) ([]feature.Features, error) {
		rows, err := files.rows(ctx, videos[i])
		if err != nil {
			return nil, err
		}
		if asked.all || asked.videos[i].span == nil {
			return rows.Windows(files.settings.WindowRows, 0), nil
		}
		part, ok := overlapping(rows, *asked.videos[i].span)
		if !ok {
			return nil, usage("caption "+title(videos[i]), "a moment before that", "the video ends at %.1f s", rows.Span().End)
		}
		return []feature.Features{part}, nil
	}
	return subjects{videos, parts, func(i int, span sightline.Span) ([]sightline.Frame, error) { return picturesOf(ctx, videos[i], span) }}, nil
}

// split returns the videos of a split, each one stretch of as many frames as the model was trained on.
func (c captioner) split(ctx context.Context, name string, progress *series) (subjects, error) {
	data, err := corpus.Open(name)
	if err != nil {
		return subjects{}, err
	}
	all, err := data.Encode(ctx, c.frames, corpus.Uniform(c.model.Config.Frames), c.opener.store(), func(done int) {
		progress.encoding(data.Name, done, len(data.Set.Videos))
	})
	if err != nil {
		return subjects{}, err
	}
	return subjects{
		data.Set.Videos, func(i int) ([]feature.Features, error) { return all[i : i+1], nil },
		func(i int, _ sightline.Span) ([]sightline.Frame, error) {
			return data.Frames(ctx, i, corpus.Uniform(captionPictures), captionPixels)
		},
	}, nil
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
