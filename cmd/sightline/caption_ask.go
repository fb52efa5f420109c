package main

import (
	"context"
	"math"
	"net/url"
	"os"
	"strconv"
	"strings"

	"sightline"
	"sightline/library"
)

// captionRequest says which stretches of which videos get a caption.
type captionRequest struct {
	videos []captionOperand
	all    bool
	data   string
	moment bool // one caption for span
	span   sightline.Span
}

// captionOperand is a video as it was named, with the moment that was named with it.
type captionOperand struct {
	name string
	span *sightline.Span // nil for all of the video
}

// take reads the operands: videos, moments as VIDEO#t=START,END, links to either, and folders, of which it takes the videos.
func (r *captionRequest) take(ctx context.Context, operands []string) error {
	for _, operand := range operands {
		v, err := readOperand(operand)
		if err != nil {
			return err
		}
		if v.span == nil && isDir(v.name) {
			files, err := library.VideosIn(ctx, v.name)
			if err != nil {
				return err
			}
			if len(files) == 0 {
				return usage("caption "+v.name, "name a folder with videos, or the videos themselves", "there is no video in that folder")
			}
			for _, file := range files {
				r.videos = append(r.videos, captionOperand{name: file})
			}
			continue
		}
		r.videos = append(r.videos, v)
	}
	return nil
}

// readOperand reads a video with or without a moment. A file of the very name goes before a moment of another.
func readOperand(operand string) (captionOperand, error) {
	name := operand
	if link, err := url.Parse(operand); err == nil && link.Scheme == "file" {
		name = link.Path
		if link.Fragment != "" {
			name += "#" + link.Fragment
		}
	}
	at := strings.LastIndex(name, "#t=")
	if _, err := os.Stat(name); err == nil || at < 0 {
		return captionOperand{name: name}, nil
	}
	start, end, bounded := strings.Cut(name[at+len("#t="):], ",")
	span := sightline.Span{End: math.Inf(1)}
	var wrong [2]error
	if start != "" {
		span.Start, wrong[0] = strconv.ParseFloat(start, 64)
	}
	if bounded {
		span.End, wrong[1] = strconv.ParseFloat(end, 64)
	}
	if wrong[0] != nil || wrong[1] != nil || !(span.Start >= 0) || !(span.End > span.Start) {
		return captionOperand{}, usage("caption "+operand, "film.mp4#t=61,75", "#t= takes the seconds at which a moment begins and ends")
	}
	return captionOperand{name[:at], &span}, nil
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
		return usage("caption --from, --to", "name one video, or several as VIDEO#t=START,END", "a moment is in one video")
	case !r.moment:
		return nil
	case r.videos[0].span != nil:
		return usage("caption --from, --to", "leave one of the two out", "the video is named with a moment, #t=, already")
	case r.span.End == 0:
		r.span.End = math.Inf(1)
	}
	if !(r.span.Start >= 0) || !(r.span.End > r.span.Start) {
		return usage("caption --from, --to", "--from 61 --to 75", "%v to %v seconds is no moment", r.span.Start, r.span.End)
	}
	r.videos[0].span = &r.span
	return nil
}
