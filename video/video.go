// Package video turns video files into frames and cues.
//
// It is the first step of the pipeline: video → frames → features. Start at Sample, which yields frames at a rate or a
// number of uniform ones, each with the exact time a player would show it at; Probe tells what a file is, Thumbnail
// makes a JPEG of one instant, Subtitles reads what is said. ffmpeg does the decoding, in a process of its own, a
// frame at a time, so that a video of many hours needs no more memory than a short one.
//
// # Times
//
// A time is in seconds from the start of the container, which is what a player calls 0:00. A frame's time is its own
// presentation timestamp times the time base of its stream, never a frame number divided by a rate: it is right for
// variable frame rates, edit lists and streams that start late. Frames are turned the way the file asks for, and
// stretched where its pixels are not square.
//
// # What is refused
//
// A file that cannot be read whole is refused with a *Refusal that names it and the cause, so that an archive never
// holds half a video without saying so: nothing decodable, a file shorter than its container declares, a picture the
// decoder reports as damaged. A stream that breaks says at which second. Damage that the codec hides without a word
// stays unseen, and so does damage between the places that Uniform, At and Thumbnail look at in a long video; Rate
// looks everywhere.
//
// # What it does not do
//
// It keeps nothing, learns nothing and knows no encoder. HDR is not tone-mapped and interlaced video not deinterlaced.
// Colours follow ffmpeg's reading of the stream. Containers are MP4, MOV, Matroska, WebM, AVI and GIF; ffmpeg must be
// 4.4 or later.
package video

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sightline"
)

// The causes of a Refusal, for errors.Is.
var (
	ErrNotVideo = errors.New("not a video in a container this program reads (mp4, mov, mkv, webm, avi, gif)")
	ErrNoVideo  = errors.New("no video stream")
	ErrTooLarge = errors.New("the picture is too large")
	ErrBroken   = errors.New("the file is damaged or cut short")
)

// Refusal says that a file cannot be used and why. It concerns that file alone: others can go on. Errors of another
// type (no such file, no permission, no ffmpeg, a cancelled context) say nothing about the file's content.
type Refusal struct {
	Path  string
	Cause error // wraps one of the Err values above
}

// Error names the file, quoted so that a name with line breaks stays on one line, and the cause.
func (r *Refusal) Error() string { return fmt.Sprintf("%q: %v", r.Path, r.Cause) }

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// refuse returns the error for a file that cannot be used: a Refusal inside a sightline.Error with advice.
func refuse(path string, cause error) error {
	try := ""
	switch {
	case errors.Is(cause, ErrBroken):
		try = "copy the file again from where it came; what is left of it can be saved with: ffmpeg -i FILE -c:v libx264 repaired.mp4"
	case errors.Is(cause, ErrNotVideo):
		try = "convert it first: ffmpeg -i FILE converted.mp4"
	case errors.Is(cause, ErrSubtitles):
		try = "save it again as SubRip (.srt) or WebVTT (.vtt), or move it away"
	case errors.Is(cause, ErrTooLarge):
		try = "make it smaller first: ffmpeg -i FILE -vf scale=1920:-2 smaller.mp4"
	}
	return &sightline.Error{Kind: sightline.Failed, What: "refused", Err: &Refusal{Path: path, Cause: cause}, Try: try}
}

// regular returns the size of the file at path, and an error unless it is a regular file with something in it: a
// directory is no video, a FIFO would block and a device might never end.
func regular(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return 0, &sightline.Error{Kind: sightline.Failed, What: fmt.Sprintf("read video %q", path), Err: err,
			Try: "check the name and that you may read the file"}
	}
	if !info.Mode().IsRegular() {
		return 0, refuse(path, fmt.Errorf("%w: it is no regular file (%v)", ErrNotVideo, info.Mode().Type()))
	}
	if info.Size() == 0 {
		return 0, refuse(path, fmt.Errorf("%w: it is empty", ErrNotVideo))
	}
	return info.Size(), nil
}
