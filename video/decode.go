package video

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"sightline"
	"sightline/internal/ffmpeg"
)

// picture is one step of a decode: first every decoded picture by its timestamp alone, then, when the filter chose
// it, the same timestamp again with the pixels.
type picture struct {
	pts int64
	rgb []byte // packed RGB of the size asked for; nil when the picture was not chosen
}

// stall is how long the decoder may work without finishing a single picture.
var stall = time.Minute

// maxThreads bounds the threads of one decoder, each of which holds pictures of its own.
const maxThreads = 8

// lost matches what demuxers and the GIF decoder say when they skip over damage, which ffmpeg does not count as an
// error. Other decoders speak up about harmless things as well, and -xerror sees to their real errors.
var lost = regexp.MustCompile(`(?m)^\[(matroska,webm|gif) @|: partial file$`)

// decode runs ffmpeg over the video stream from the last key picture before the given time (seconds; 0: from its very
// start) and yields its pictures in order. choice is an expression of ffmpeg's select filter over pts; the pictures it
// chooses are scaled to width × height. Ending the iteration ends ffmpeg. The last value may be an error, a *Refusal
// when the stream breaks.
//
// ffmpeg writes the pixels on one pipe and, through two metadata filters before and after the choice, the timestamps
// on another. A timestamp is written before its pixels, so reading a line tells whether a picture follows.
func (i *Info) decode(ctx context.Context, from float64, choice string, width, height int) iter.Seq2[picture, error] {
	return func(yield func(picture, error) bool) {
		cmd, err := ffmpeg.Command(ctx, ffmpeg.Guards{}, i.decodeArgs(ctx, from, choice, width, height)...)
		if err != nil {
			yield(picture{}, err)
			return
		}
		pixels, err := cmd.StdoutPipe()
		times, err2 := cmd.ExtraPipe()
		if err := errors.Join(err, err2); err != nil {
			yield(picture{}, fmt.Errorf("decode %q: %w", i.Path, err))
			return
		}
		defer times.Close()
		if err := cmd.Start(); err != nil {
			yield(picture{}, fmt.Errorf("decode %q: %w", i.Path, err))
			return
		}
		done := make(chan struct{})
		defer close(done)
		lines := make(chan picture, 1024) // rgb is empty but not nil where pixels follow
		go readTimes(times, lines, done)
		var stalled atomic.Bool
		watch := time.AfterFunc(stall, func() { stalled.Store(true); cmd.Kill() })
		defer watch.Stop()

		seen := newCourse(2 * i.interval())
		for p := range lines {
			if p.rgb != nil {
				p.rgb = make([]byte, 3*width*height)
				if _, err = io.ReadFull(pixels, p.rgb); err != nil {
					break // ffmpeg has ended, and says why below
				}
			}
			if p.pts == noTime {
				continue
			}
			seen.add(i.time(p.pts))
			watch.Stop() // the caller may take its time
			if !yield(p, nil) {
				cmd.Kill()
				cmd.Wait()
				return
			}
			watch.Reset(stall)
		}
		io.Copy(io.Discard, pixels)
		if ended := cmd.Wait(); ended != nil {
			err = ended
		}
		if ctx.Err() != nil {
			yield(picture{}, fmt.Errorf("decode %q: %w", i.Path, context.Cause(ctx)))
		} else if cause := i.damage(err, cmd.Messages(), stalled.Load(), seen); cause != nil {
			yield(picture{}, refuse(i.Path, cause))
		} else if seen.empty() && from == 0 {
			yield(picture{}, refuse(i.Path, fmt.Errorf("%w: none of its pictures can be decoded", ErrBroken)))
		}
	}
}

// damage returns what was wrong with a decode that came to its end, and where in the video, or nil. err is how ffmpeg
// ended and messages what it said.
func (i *Info) damage(err error, messages string, stalled bool, seen course) error {
	at, cause := seen.last, err
	switch skipped := lost.FindStringIndex(messages); {
	case stalled:
		cause = fmt.Errorf("no picture for %v", stall)
	case i.cut != "":
		cause = errors.New(i.cut)
	case err == nil && skipped != nil:
		line, _, _ := strings.Cut(messages[strings.LastIndexByte(messages[:skipped[0]], '\n')+1:], "\n")
		cause = errors.New(line)
		if !math.IsNaN(seen.beforeGap) {
			at = seen.beforeGap // the demuxer went on behind the damage
		}
	case err == nil && i.Container == "avi" && !seen.empty():
		// AVI has no timestamps: what the demuxer skipped pulls the rest forward. What a decoder could not use is
		// missing at the start.
		missing := seen.first - i.first + i.Duration - seen.last - i.interval()
		if missing <= 1+i.interval() {
			return nil
		}
		cause = fmt.Errorf("%.1f s of them are missing", missing)
	case err == nil:
		return nil
	}
	if seen.empty() {
		return fmt.Errorf("%w: none of its pictures can be decoded: %w", ErrBroken, cause)
	}
	return fmt.Errorf("%w: its pictures break off at %.1f s of %.1f s: %w", ErrBroken, at, i.Duration, cause)
}

// course is the course of the times that a decode has come by.
type course struct {
	first     float64 // NaN while there is none
	last      float64 // NaN while there is none
	gap       float64 // the longest step so far
	beforeGap float64 // where that step began; NaN when no step was longer than the usual one
}

func newCourse(usual float64) course { return course{math.NaN(), math.NaN(), usual, math.NaN()} }

func (c course) empty() bool { return math.IsNaN(c.last) }

func (c *course) add(t float64) {
	if t-c.last > c.gap {
		c.gap, c.beforeGap = t-c.last, c.last
	}
	if c.empty() {
		c.first = t
	}
	c.last = t
}

// time returns the time of a timestamp in seconds.
func (i *Info) time(pts int64) float64 {
	return max(0, (float64(pts)-i.origin)*i.base.Float())
}

func (i *Info) decodeArgs(ctx context.Context, from float64, choice string, width, height int) []string {
	args := []string{"-copyts", "-threads", strconv.Itoa(min(runtime.GOMAXPROCS(0), maxThreads))}
	if from > 0 {
		args = append(args, "-noaccurate_seek", "-ss", strconv.FormatFloat(from, 'f', 6, 64))
	}
	args = append(args, ffmpeg.Input(i.Path)...)
	report := func(key string) string {
		return "metadata=add:key=" + key + ":value=1,metadata=print:key=" + key + `:file='pipe\:3':direct=1`
	}
	filters := []string{
		"settb=" + i.base.String(),
		report("decoded"),
		"select='" + choice + "'",
		report("chosen"),
		// Catmull-Rom, the bicubic of CLIP's preprocessing; ffmpeg's own default is sharper.
		fmt.Sprintf("scale=%d:%d:flags=bicubic+accurate_rnd+full_chroma_int:param0=0:param1=0.5", width, height),
		"setsar=1",
		"format=rgb24",
	}
	keepTimes := []string{"-vsync", "passthrough"}
	if v, err := ffmpeg.LookUp(ctx); err == nil && v.AtLeast(5, 1) {
		keepTimes = []string{"-fps_mode", "passthrough"}
	}
	args = append(args, "-map", "0:"+strconv.Itoa(i.stream), "-vf", strings.Join(filters, ","))
	args = append(args, keepTimes...)
	// With more threads than one the encoder of raw video would hold a picture back until the next is chosen.
	return append(args, "-threads", "1", "-flush_packets", "1", "-f", "rawvideo", "pipe:1")
}

// noTime stands for a picture without a timestamp, which cannot be placed and is left out.
const noTime = math.MinInt64

// readTimes parses what the metadata filters print, two lines a picture:
//
//	frame:12   pts:3584    pts_time:0.28
//	decoded=1
//
// and sends it until the pipe ends or done is closed.
func readTimes(r io.Reader, lines chan<- picture, done <-chan struct{}) {
	defer close(lines)
	var p picture
	for in := bufio.NewScanner(r); in.Scan(); {
		line := in.Text()
		switch line {
		case "decoded=1":
			p.rgb = nil
		case "chosen=1":
			p.rgb = []byte{}
		default:
			if strings.HasPrefix(line, "frame:") {
				p.pts = parsePTS(line)
			}
			continue
		}
		select {
		case lines <- p:
		case <-done:
			return
		}
	}
}

func parsePTS(line string) int64 {
	for _, f := range strings.Fields(line) {
		if s, ok := strings.CutPrefix(f, "pts:"); ok {
			if pts, err := strconv.ParseInt(s, 10, 64); err == nil {
				return pts
			}
		}
	}
	return noTime
}

// frame returns the picture as the rest of the program knows it.
func (i *Info) frame(p picture, width, height int) sightline.Frame {
	return sightline.Frame{Time: i.time(p.pts), Width: width, Height: height, RGB: p.rgb}
}
