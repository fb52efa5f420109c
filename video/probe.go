package video

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sightline"
	"sightline/internal/ffmpeg"
)

// Info is what is known of a video before its pictures are decoded. Its methods read the file again.
type Info struct {
	Path          string
	Container     string   // mp4, mov, mkv, webm, avi or gif
	Duration      float64  // seconds from 0 to the end of the last picture, as the file declares; a frame's time may exceed it
	FPS           Rational // mean pictures a second; 0/1 when the file does not say
	Rotation      int      // degrees clockwise a player turns the picture: 0, 90, 180, 270; other angles are rounded to these
	Width, Height int      // pixels as shown: turned, and stretched where pixels are not square
	Streams       []Stream

	stream int      // index of the video stream whose pictures are taken
	base   Rational // seconds a tick of its timestamps
	origin float64  // the timestamp, in ticks, of time 0
	first  float64  // time of its first picture
	cut    string   // how the file is shorter than it declares
}

// Stream is one stream of a file.
type Stream struct {
	Index    int
	Kind     string // video, audio, subtitle, data, attachment
	Codec    string // ffmpeg's name of the codec; "" when unknown
	Language string // as tagged, e.g. eng; "" when not
	Title    string
	Default  bool
	Cover    bool // a still picture attached to the file, not video
}

// Rational is an exact fraction. Den is never 0.
type Rational struct{ Num, Den int64 }

// Float returns the fraction as a float64.
func (r Rational) Float() float64 { return float64(r.Num) / float64(r.Den) }

// String formats the fraction as 30000/1001.
func (r Rational) String() string { return fmt.Sprintf("%d/%d", r.Num, r.Den) }

func parseRational(s string) Rational {
	num, den, _ := strings.Cut(s, "/")
	n, err := strconv.ParseInt(num, 10, 64)
	d, err2 := strconv.ParseInt(den, 10, 64)
	if err != nil || err2 != nil || d <= 0 || n < 0 {
		return Rational{0, 1}
	}
	return Rational{n, d}
}

// probeTime bounds how long ffprobe may look at a file, and measureTime how long it may read through one that does
// not say how long it is.
const (
	probeTime   = time.Minute
	measureTime = 10 * time.Minute
)

// probed is the part of ffprobe's JSON that is read.
type probed struct {
	Streams []struct {
		Index       int               `json:"index"`
		Kind        string            `json:"codec_type"`
		Codec       string            `json:"codec_name"`
		Width       int               `json:"width"`
		Height      int               `json:"height"`
		Aspect      string            `json:"sample_aspect_ratio"`
		MeanRate    string            `json:"avg_frame_rate"`
		TimeBase    string            `json:"time_base"`
		Start       *int64            `json:"start_pts"`
		Ticks       int64             `json:"duration_ts"`
		Tags        map[string]string `json:"tags"`
		Disposition map[string]int    `json:"disposition"`
		SideData    []struct {
			Rotation *float64 `json:"rotation"`
		} `json:"side_data_list"`
	} `json:"streams"`
	Format struct {
		Start    string `json:"start_time"`
		Duration string `json:"duration"`
	} `json:"format"`
}

// Probe looks at the file at path. The error is a *Refusal, inside a sightline.Error, when the file is no video this
// program can read.
func Probe(ctx context.Context, path string) (*Info, error) {
	size, err := regular(path)
	if err != nil {
		return nil, err
	}
	shape, err := readLayout(path, size)
	if err != nil {
		return nil, &sightline.Error{Kind: sightline.Failed, What: "read video", Err: err,
			Try: "check that you may read the file"}
	}
	args := append([]string{"-show_streams", "-show_format", "-of", "json"}, ffmpeg.Input(path)...)
	cmd, err := ffmpeg.Probe(ctx, ffmpeg.Guards{Timeout: probeTime}, args...)
	if err != nil {
		return nil, err
	}
	out, err := cmd.Output()
	if err != nil {
		return nil, probeError(ctx, path, shape, err)
	}
	var p probed
	if err := json.Unmarshal(out, &p); err != nil {
		return nil, fmt.Errorf("read what ffprobe says of %q: %w", path, err)
	}
	info, err := newInfo(path, shape, p)
	if err != nil {
		if m := tooLarge.FindStringSubmatch(cmd.Messages()); m != nil {
			err = fmt.Errorf("%w: %s×%s pixels", ErrTooLarge, m[1], m[2])
		} else if shape.cut != "" {
			err = fmt.Errorf("%w: %s", ErrBroken, shape.cut)
		}
		return nil, refuse(path, err)
	}
	if info.Duration <= 0 {
		if err := info.measure(ctx); err != nil {
			return nil, err
		}
	}
	return info, nil
}

// What ffprobe says of a file it will not open, and of a picture.
var (
	offList  = regexp.MustCompile(`\[(\S+) @ \w+\] Format not on whitelist`)
	tooLarge = regexp.MustCompile(`Picture size (\d+)x(\d+) (?:is invalid|exceeds)`)
)

// probeError explains why ffprobe could not open the file.
func probeError(ctx context.Context, path string, shape layout, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("read video %q: %w", path, context.Cause(ctx))
	}
	var failure *ffmpeg.Failure
	if !errors.As(err, &failure) {
		return fmt.Errorf("read video %q: %w", path, err)
	}
	cause := fmt.Errorf("%w: %w", ErrNotVideo, err)
	switch m := offList.FindStringSubmatch(failure.Messages); {
	case m != nil && m[1] != "concat" && m[1] != "hls":
		cause = fmt.Errorf("%w: ffmpeg calls it %s", ErrNotVideo, m[1])
	case shape.hint != "":
		cause = fmt.Errorf("%w: %s", ErrNotVideo, shape.hint)
	case errors.Is(err, context.DeadlineExceeded):
		cause = fmt.Errorf("%w: ffprobe understood nothing of it within %v", ErrBroken, probeTime)
	case shape.cut != "":
		cause = fmt.Errorf("%w: %s", ErrBroken, shape.cut)
	case strings.Contains(failure.Messages, "moov atom not found") && shape.container != "":
		cause = fmt.Errorf("%w: the index that says where its pictures are (moov) is missing", ErrBroken)
	case shape.container != "":
		cause = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return refuse(path, cause)
}

// newInfo makes sense of what ffprobe printed. The error is the cause of a refusal.
func newInfo(path string, shape layout, p probed) (*Info, error) {
	info := &Info{Path: path, Container: shape.container, cut: shape.cut, stream: -1}
	chosen := -1
	for n, s := range p.Streams {
		stream := Stream{Index: s.Index, Kind: s.Kind, Codec: s.Codec, Title: tag(s.Tags, "title"),
			Language: tag(s.Tags, "language"), Default: s.Disposition["default"] == 1, Cover: s.Disposition["attached_pic"] == 1}
		if stream.Language == "und" {
			stream.Language = ""
		}
		info.Streams = append(info.Streams, stream)
		if s.Kind == "video" && !stream.Cover && (chosen < 0 || stream.Default && !info.Streams[chosen].Default) {
			chosen = n
		}
	}
	if chosen < 0 {
		return nil, ErrNoVideo
	}
	s := p.Streams[chosen]
	if s.Width <= 0 || s.Height <= 0 {
		return nil, fmt.Errorf("%w: the size of its pictures cannot be made out", ErrBroken)
	}
	if s.Width > ffmpeg.MaxPixels/s.Height {
		return nil, fmt.Errorf("%w: %d×%d is more than the %d million pixels that are decoded", ErrTooLarge,
			s.Width, s.Height, ffmpeg.MaxPixels/1_000_000)
	}
	info.stream = s.Index
	info.FPS = parseRational(s.MeanRate)
	info.base = parseRational(s.TimeBase)
	if info.base.Num == 0 {
		return nil, fmt.Errorf("%w: its time base is %q", ErrBroken, s.TimeBase)
	}
	angle := 0.0
	for _, side := range s.SideData {
		if side.Rotation != nil {
			angle = -*side.Rotation
		}
	}
	info.Rotation = (int(math.Round(angle/90))%4 + 4) % 4 * 90
	info.Width, info.Height = shown(s.Width, s.Height, s.Aspect, info.Rotation)
	info.setTimes(p, chosen)
	return info, nil
}

// setTimes finds where the container starts, and from there the span of the stream's pictures.
func (i *Info) setTimes(p probed, chosen int) {
	s := p.Streams[chosen]
	tick := i.base.Float()
	start, _ := strconv.ParseFloat(p.Format.Start, 64)
	if s.Start != nil { // sound that only primes its decoder before 0 does not move 0
		start = max(start, min(0, float64(*s.Start)*tick))
	}
	i.origin = start / tick
	if s.Start != nil {
		first := float64(*s.Start)
		if math.Abs(first*tick-start) < 2e-6 { // ffprobe rounds the container's start to microseconds
			i.origin = first
		}
		i.first = (first - i.origin) * tick
	}
	whole, _ := strconv.ParseFloat(p.Format.Duration, 64)
	i.Duration = whole
	if s.Ticks > 0 {
		i.Duration = i.first + float64(s.Ticks)*tick
	} else if end, ok := clock(tag(s.Tags, "DURATION")); ok && end > 0 { // Matroska's statistics count from timestamp 0
		i.Duration = end - start
		if whole > 0 {
			i.Duration = min(i.Duration, whole)
		}
	}
	if math.IsNaN(i.Duration) || math.IsInf(i.Duration, 0) {
		i.Duration = 0
	}
}

// maxStretch bounds how unlike a square a pixel may be; beyond it the file is not believed.
const maxStretch = 8

// shown returns the size a player gives a picture of width × height pixels of the given aspect ("64:45").
func shown(width, height int, aspect string, rotation int) (int, int) {
	a := parseRational(strings.Replace(aspect, ":", "/", 1))
	if f := a.Float(); f > 0 && f != 1 && f <= maxStretch && f >= 1.0/maxStretch {
		width = max(1, int(math.Round(float64(width)*f)))
	}
	if rotation%180 != 0 {
		width, height = height, width
	}
	return width, height
}

// tag returns the tag of the given name, whose case differs between containers.
func tag(tags map[string]string, name string) string {
	for _, n := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
		if v := tags[n]; v != "" {
			return v
		}
	}
	return ""
}

// clock parses hours:minutes:seconds.
func clock(s string) (float64, bool) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return 0, false
	}
	var seconds float64
	for _, p := range parts {
		f, err := strconv.ParseFloat(p, 64)
		if err != nil || f < 0 {
			return 0, false
		}
		seconds = seconds*60 + f
	}
	return seconds, true
}

// measure finds the duration of a file that does not tell it, such as a browser's recording, by reading the
// timestamps of all its packets.
func (i *Info) measure(ctx context.Context) error {
	args := append([]string{"-select_streams", strconv.Itoa(i.stream), "-show_entries", "packet=pts,duration",
		"-of", "csv=p=0"}, ffmpeg.Input(i.Path)...)
	cmd, err := ffmpeg.Probe(ctx, ffmpeg.Guards{Timeout: measureTime}, args...)
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("measure video %q: %w", i.Path, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("measure video %q: %w", i.Path, err)
	}
	end, packets := math.Inf(-1), 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fields := strings.Split(lines.Text(), ",")
		pts, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			continue
		}
		length := 0.0
		if len(fields) > 1 {
			length, _ = strconv.ParseFloat(fields[1], 64)
		}
		if length == 0 && i.FPS.Num > 0 {
			length = 1 / i.FPS.Float() / i.base.Float()
		}
		end = max(end, float64(pts)+length)
		packets++
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("measure video %q: %w", i.Path, context.Cause(ctx))
		}
		return refuse(i.Path, fmt.Errorf("%w: %w", ErrBroken, err))
	}
	if packets == 0 {
		return refuse(i.Path, fmt.Errorf("%w: %s", ErrBroken, cmp.Or(i.cut, "its video stream is empty")))
	}
	i.Duration = (end - i.origin) * i.base.Float()
	return nil
}
