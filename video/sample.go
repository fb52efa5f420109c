package video

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"

	"sightline"
)

// Plan says which frames of a video to take: Rate, Uniform or At.
type Plan interface {
	// String names the plan the way sightline.Space.Sampling does.
	String() string
	check() error
	frames(ctx context.Context, i *Info, width, height int) iter.Seq2[sightline.Frame, error]
}

// Rate takes that many frames a second: the first picture of every interval [k/r, (k+1)/r). A picture that stays
// longer than an interval is taken once, at its own time, so no frame is repeated.
type Rate float64

// Uniform takes N frames: those a player shows at the centres of N equal intervals of the time the video stream
// covers. A video with fewer pictures than N repeats some, in order; repeated frames share their pixels.
type Uniform int

// At takes the frames a player shows at the given times in seconds, which must not decrease. Before the first picture
// that is the first, after the end the last.
type At []float64

// maxFrames bounds Uniform and At; maxRate bounds Rate.
const (
	maxFrames = 1024
	maxRate   = 1000
)

func (r Rate) String() string    { return strconv.FormatFloat(float64(r), 'g', -1, 64) + "fps" }
func (n Uniform) String() string { return "uniform-" + strconv.Itoa(int(n)) }
func (a At) String() string      { return "at-" + strconv.Itoa(len(a)) }

func (r Rate) check() error {
	if !(r > 0 && r <= maxRate) {
		return fmt.Errorf("a rate of %v frames a second is not in (0, %d]", float64(r), maxRate)
	}
	return nil
}

func (n Uniform) check() error {
	if n < 1 || n > maxFrames {
		return fmt.Errorf("%d uniform frames are not in [1, %d]", int(n), maxFrames)
	}
	return nil
}

func (a At) check() error {
	if len(a) < 1 || len(a) > maxFrames {
		return fmt.Errorf("%d times are not in [1, %d]", len(a), maxFrames)
	}
	for k, t := range a {
		if math.IsNaN(t) || math.IsInf(t, 0) || k > 0 && t < a[k-1] {
			return fmt.Errorf("time %d is %v: times must be numbers that do not decrease", k, t)
		}
	}
	return nil
}

// Sample probes the video at path and yields the frames of the plan in the order of their times. With size > 0
// pictures whose short side is longer are scaled down while they are decoded: the short side to size, the long one in
// proportion, cut to an integer, as CLIP's preprocessing does. Smaller ones are left as they are, never enlarged.
//
// The sequence ends with an error if there is one, and the frames before it should then be thrown away: a *Refusal
// inside a sightline.Error when the file is at fault. A sequence without an error has at least one frame.
func Sample(ctx context.Context, path string, plan Plan, size int) iter.Seq2[sightline.Frame, error] {
	return func(yield func(sightline.Frame, error) bool) {
		info, err := Probe(ctx, path)
		if err != nil {
			yield(sightline.Frame{}, err)
			return
		}
		info.Sample(ctx, plan, size)(yield)
	}
}

// Sample is the function Sample on a video already probed.
func (i *Info) Sample(ctx context.Context, plan Plan, size int) iter.Seq2[sightline.Frame, error] {
	if err := plan.check(); err != nil {
		return func(yield func(sightline.Frame, error) bool) {
			yield(sightline.Frame{}, &sightline.Error{Kind: sightline.Usage, What: "sample frames", Err: err})
		}
	}
	width, height := Fit(i.Width, i.Height, size)
	return plan.frames(ctx, i, width, height)
}

// Fit returns the size that a picture of width × height pixels has when its short side is scaled down to size; it is
// unchanged when size is not positive or the short side not longer.
func Fit(width, height, size int) (int, int) {
	switch {
	case size <= 0 || min(width, height) <= size:
		return width, height
	case width < height:
		return size, int(int64(size) * int64(height) / int64(width))
	}
	return int(int64(size) * int64(width) / int64(height)), size
}

func (r Rate) frames(ctx context.Context, i *Info, width, height int) iter.Seq2[sightline.Frame, error] {
	// The interval of a timestamp, counted from 1. Two microseconds of grace take up the rounding of the origin, so
	// that the picture meant for second k is not counted to the interval before.
	perTick := i.base.Float() * float64(r)
	zero := i.origin - 2e-6/i.base.Float()
	interval := func(pts int64) float64 { return math.Floor((float64(pts)-zero)*perTick) + 1 }
	choice := fmt.Sprintf("st(1,floor((pts-(%s))*%s)+1);if(gt(ld(1),ld(0)),st(0,ld(1)),0)", exact(zero), exact(perTick))

	return func(yield func(sightline.Frame, error) bool) {
		taken := 0.0
		for p, err := range i.decode(ctx, 0, choice, width, height) {
			if err != nil {
				yield(sightline.Frame{}, err)
				return
			}
			// A change of picture size within the stream makes the filter forget what it has taken.
			if p.rgb == nil || interval(p.pts) <= taken {
				continue
			}
			taken = interval(p.pts)
			if !yield(i.frame(p, width, height), nil) {
				return
			}
		}
	}
}

func (n Uniform) frames(ctx context.Context, i *Info, width, height int) iter.Seq2[sightline.Frame, error] {
	at := make([]float64, n)
	for k := range at {
		at[k] = i.first + (i.Duration-i.first)*(float64(k)+0.5)/float64(n)
	}
	return i.shownAt(ctx, at, true, width, height)
}

func (a At) frames(ctx context.Context, i *Info, width, height int) iter.Seq2[sightline.Frame, error] {
	at := slices.Clone(a)
	for k := range at {
		at[k] = min(max(at[k], i.first), i.Duration)
	}
	return i.shownAt(ctx, at, false, width, height)
}

// seekCost and seekStart say when jumping to each time is worth it, in seconds of video decoded instead: half the
// distance of key pictures in ordinary files plus the start of a process, and a decode too short to care.
const (
	seekCost  = 20
	seekStart = 60
)

// shownAt yields the frames shown at the given times, by decoding from the start or, where that is longer, by jumping
// to each. Decoded from the start, a whole video is read to its end so that no damage behind the last time stays
// unseen.
func (i *Info) shownAt(ctx context.Context, at []float64, whole bool, width, height int) iter.Seq2[sightline.Frame, error] {
	return func(yield func(sightline.Frame, error) bool) {
		left := at
		if i.cut == "" && at[len(at)-1] > seekStart+seekCost*float64(len(at)) {
			for len(left) > 0 {
				frame, err := i.jump(ctx, left[0], width, height)
				if ctx.Err() == nil && err != nil {
					break // decoding from the start decides whether the file is at fault
				}
				if !yield(frame, err) || err != nil {
					return
				}
				left = left[1:]
			}
		}
		if len(left) > 0 {
			i.walk(ctx, 0, left, whole, width, height)(yield)
		}
	}
}

// errOvershot says that a jump landed behind the time it was meant for.
var errOvershot = errors.New("no key picture before the time was found")

// jump returns the frame shown at a time, decoding from a key picture shortly before.
func (i *Info) jump(ctx context.Context, t float64, width, height int) (frame sightline.Frame, err error) {
	for _, before := range []float64{2 * i.interval(), 10, 60} {
		for frame, err = range i.walk(ctx, max(0, t-before), []float64{t}, false, width, height) {
			break
		}
		if !errors.Is(err, errOvershot) {
			return frame, err
		}
	}
	return frame, err
}

// interval returns the mean time between two pictures in seconds.
func (i *Info) interval() float64 {
	if i.FPS.Num == 0 {
		return 0.04
	}
	return 1 / i.FPS.Float()
}

// walk decodes from a time on and yields the frames shown at the given times. The frame shown at t is the last whose
// time is not after t, which only the next picture tells. So a first pass takes the pictures that would be right at a
// constant rate and checks them against the timestamps of all; from the first that was wrong on a second pass takes
// exactly the right ones. Videos of constant rate need one pass, and no pass holds more than a frame.
func (i *Info) walk(ctx context.Context, from float64, at []float64, whole bool, width, height int) iter.Seq2[sightline.Frame, error] {
	tick := i.base.Float()
	limits := make([]float64, len(at)) // in ticks, with a grace for rounding
	for k, t := range at {
		limits[k] = i.origin + t/tick + 1e-3
	}
	return func(yield func(sightline.Frame, error) bool) {
		next := 0 // the first time whose frame is not yet yielded
		choice := i.guess(from, limits)
		for range 2 {
			right, ok := i.take(ctx, from, choice, limits, &next, whole, width, height, yield)
			if !ok || next == len(at) {
				return
			}
			choice = exactly(right[next:])
		}
		yield(sightline.Frame{}, refuse(i.Path, fmt.Errorf("%w: two decodes of it tell different times", ErrBroken)))
	}
}

// take makes one pass of walk. It yields the frames of limits[*next:] while the pictures chosen are the right ones,
// advances *next past them, and returns the timestamps of the right ones, as far as *next had to look; ok is false
// when the caller is done, because the consumer stopped or an error was yielded.
func (i *Info) take(ctx context.Context, from float64, choice string, limits []float64, next *int, whole bool,
	width, height int, yield func(sightline.Frame, error) bool) (right []int64, ok bool) {

	right = make([]int64, 0, len(limits))
	now, begun := int64(0), false // the picture on show
	var held picture              // the last one chosen
	settle := func(until float64) bool {
		for len(right) < len(limits) && limits[len(right)] < until {
			right = append(right, now)
			if *next == len(right)-1 && held.rgb != nil && held.pts == now {
				*next++
				if !yield(i.frame(held, width, height), nil) {
					return false
				}
			}
		}
		return true
	}
	for p, err := range i.decode(ctx, from, choice, width, height) {
		switch {
		case err != nil:
			yield(sightline.Frame{}, err)
			return right, false
		case p.rgb != nil:
			held = p
			continue
		case !begun:
			if from > 0 && float64(p.pts) > limits[0] {
				yield(sightline.Frame{}, errOvershot)
				return right, false
			}
			begun, now = true, p.pts
		case p.pts > now:
			if !settle(float64(p.pts)) {
				return right, false
			}
			now = p.pts
		}
		if !whole && len(right) == len(limits) {
			return right, true
		}
	}
	if !begun {
		yield(sightline.Frame{}, errOvershot)
		return right, false
	}
	return right, settle(math.Inf(1))
}

// guess returns the choice of the pictures that are shown at the limits when the rate is constant, and of the first,
// which is shown at all times before it.
func (i *Info) guess(from float64, limits []float64) string {
	width := i.interval()/i.base.Float() + 1
	ranges := make([]string, 0, len(limits)+1)
	if from == 0 {
		ranges = append(ranges, "eq(n,0)")
	}
	for _, l := range limits {
		ranges = append(ranges, fmt.Sprintf("between(pts,%.0f,%.0f)", math.Ceil(l-width), math.Floor(l)))
	}
	return anyOf(slices.Compact(ranges))
}

// exactly returns the choice of the pictures with the given timestamps.
func exactly(pts []int64) string {
	choices := make([]string, 0, len(pts))
	for _, t := range slices.Compact(slices.Clone(pts)) {
		choices = append(choices, fmt.Sprintf("eq(pts,%d)", t))
	}
	return anyOf(choices)
}

// anyOf returns the choice of what any of the choices chooses, as a balanced tree: ffmpeg takes no expression that is
// more than a hundred operations deep.
func anyOf(choices []string) string {
	if len(choices) == 1 {
		return choices[0]
	}
	half := len(choices) / 2
	return "(" + anyOf(choices[:half]) + "+" + anyOf(choices[half:]) + ")"
}

// exact formats x so that ffmpeg's parser, which knows no exponent without a dot, reads the same number back.
func exact(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
