// Package corpus gives the videos of a split their frames and features, wherever they come from: files of pairs that a
// person or a benchmark provides, or the rendered world, straight from its renderer. Training and evaluation ask it for
// a split by name and never need to know which it was.
//
// It stands between dataset, video and encoder below and train above. Start at Open. It trains and scores nothing.
package corpus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"sightline"
	"sightline/dataset"
	"sightline/dataset/world"
	"sightline/internal/ffmpeg"
	"sightline/video"
)

// Scheme starts the names of rendered splits: world:A/base/train, with options as in world:A/base/train?seed=7&rho=1 and
// captions=1 for the first so many captions of each video; world:A/base/moments/train and world:A/base/tasks/train for
// films; and world:stills/60000?seed=1 for that many still pictures.
const Scheme = "world:"

// DefaultSeed is the world's seed where a name gives none. Published tables use it.
const DefaultSeed = 2026

// Corpus is one split: videos, their captions, and a way to their frames. It is safe for concurrent use.
type Corpus struct {
	Name     string
	Set      dataset.Set
	Rendered bool // frames come from the renderer, not from files

	clips   []world.Clip
	films   []world.Film
	stills  []sightline.Frame
	options world.Options
	drawnAs string // names the pictures: the name without what changes captions alone
}

// Open opens a split: the name of a file of pairs, of a split of a published benchmark, or of a rendered split.
func Open(name string) (*Corpus, error) {
	spec, rendered := strings.CutPrefix(name, Scheme)
	if !rendered {
		read := dataset.Read
		if dataset.IsPublished(name) {
			read = dataset.Published
		}
		set, err := read(name)
		if err != nil {
			return nil, err
		}
		return &Corpus{Name: name, Set: set}, nil
	}
	if n, seed, ok := Stills(name); ok {
		return stills(name, n, seed), nil
	}
	wanted, err := parse(spec)
	if err != nil {
		return nil, &sightline.Error{
			Kind: sightline.Usage, What: "open corpus " + name, Err: err,
			Try: "write world:A/base/train or world:stills/1000, with ?seed=7 after it if need be",
		}
	}
	drawn := world.New(wanted.domain, wanted.options)
	path, _, _ := strings.Cut(spec, "?")
	c := &Corpus{Name: name, Rendered: true, options: wanted.options, drawnAs: fmt.Sprintf("%s seed %d", path, wanted.options.Seed)}
	switch wanted.films {
	case "moments":
		c.films = drawn.Moments[wanted.split]
	case "tasks":
		c.films = drawn.Tasks[wanted.split]
	default:
		c.clips = drawn.Clips[wanted.split]
		for i := range c.clips {
			c.clips[i].Captions = c.clips[i].Captions[:min(wanted.captions, len(c.clips[i].Captions))]
		}
		c.Set = drawn.Set(wanted.split)
		return c, nil
	}
	c.Set = world.FilmSet("world "+path, c.films)
	return c, nil
}

// Steps returns the films of a rendered split as videos that carry out tasks; it is false where they do not.
func (c *Corpus) Steps() (dataset.StepSet, bool) {
	if len(c.films) == 0 || c.films[0].Task == "" {
		return dataset.StepSet{}, false
	}
	return world.StepSet(c.Set.Name, c.films), true
}

// rendered is what the name of a rendered split asks for.
type rendered struct {
	domain   world.Domain
	films    string // "moments" or "tasks"; "" for clips
	split    world.Split
	options  world.Options
	captions int // of each clip
}

func parse(spec string) (r rendered, err error) {
	path, query, _ := strings.Cut(spec, "?")
	parts := strings.Split(path, "/")
	if len(parts) == 4 && (parts[2] == "moments" || parts[2] == "tasks") {
		r.films = parts[2]
		parts = slices.Delete(parts, 2, 3)
	}
	if len(parts) != 3 {
		return r, errors.New("a rendered split has a domain, a size and a part")
	}
	if r.domain, err = named(parts[0], world.A, world.B); err != nil {
		return
	}
	if r.options.Extent, err = world.ExtentOf(parts[1]); err != nil {
		return
	}
	if r.split, err = named(parts[2], world.Train, world.Val, world.Test); err != nil {
		return
	}
	r.options.Seed, r.options.Rho, r.captions = DefaultSeed, world.DefaultRho, math.MaxInt
	values, err := url.ParseQuery(query)
	if err != nil {
		return
	}
	for key := range values {
		value := values.Get(key)
		switch key {
		case "seed":
			r.options.Seed, err = strconv.ParseUint(value, 10, 64)
		case "rho":
			if r.options.Rho, err = strconv.ParseFloat(value, 64); err == nil && !(r.options.Rho > 0 && r.options.Rho <= 1) {
				err = fmt.Errorf("rho is %s, not in (0, 1]", value)
			}
		case "captions":
			if r.captions, err = strconv.Atoi(value); err == nil && (r.captions < 1 || r.films != "") {
				err = fmt.Errorf("%d captions are no choice; clips have one or more, and films are asked for each of theirs", r.captions)
			}
		default:
			err = fmt.Errorf("unknown option %q", key)
		}
		if err != nil {
			return
		}
	}
	return r, nil
}

// Stills takes the name of still pictures apart: how many, drawn from which seed. It is false for other names.
func Stills(name string) (n int, seed uint64, ok bool) {
	spec, rendered := strings.CutPrefix(name, Scheme+"stills/")
	if !rendered {
		return 0, 0, false
	}
	count, query, _ := strings.Cut(spec, "?seed=")
	seed = DefaultSeed
	if query != "" {
		var err error
		if seed, err = strconv.ParseUint(query, 10, 64); err != nil {
			return 0, 0, false
		}
	}
	n, err := strconv.Atoi(count)
	return n, seed, err == nil && n > 0
}

// stills draws still pictures as videos of one frame with one caption each.
func stills(name string, n int, seed uint64) *Corpus {
	c := &Corpus{Name: name, Set: dataset.Set{Name: "stills"}, Rendered: true, drawnAs: fmt.Sprintf("stills seed %d", seed)}
	for i, still := range world.Stills(seed, n, world.StillOptions{}) {
		c.Set.Videos = append(c.Set.Videos, sightline.Video{ID: fmt.Sprintf("still-%d", i)})
		c.Set.Captions = append(c.Set.Captions, dataset.Caption{Video: i, Text: still.Caption.Text})
		c.stills = append(c.stills, still.Frame)
	}
	return c
}

// named returns the one of the choices that prints as name.
func named[T fmt.Stringer](name string, choices ...T) (T, error) {
	names := make([]string, len(choices))
	for i, choice := range choices {
		if names[i] = choice.String(); names[i] == name {
			return choice, nil
		}
	}
	var none T
	return none, fmt.Errorf("%q is none of %s", name, strings.Join(names, ", "))
}

// Plan says which frames of each video are taken, and names it as Space.Sampling does.
type Plan = video.Plan

// Uniform takes n frames of each video at equal distances, as retrieval benchmarks do.
func Uniform(n int) Plan { return video.Uniform(n) }

// Rate takes so many frames a second, as an archive does and as moments are found in.
func Rate(aSecond float64) Plan { return video.Rate(aSecond) }

// Frames returns the frames of video i that a plan takes. Pictures of files whose short side is longer than size are scaled
// down to it while they are decoded; size 0 leaves them as they are. Where the video is a stretch of a longer file
// (Set.Cut), the frames come from that stretch and times count from where it starts; it is an error where the file ends
// before the stretch starts. A stretch that runs beyond the file ends with the file.
func (c *Corpus) Frames(ctx context.Context, i int, plan Plan, size int) ([]sightline.Frame, error) {
	frames, _, err := c.sample(ctx, i, plan, size)
	return frames, err
}

// sample returns the frames of video i as Frames does, and the time in seconds at which the last of them ends.
func (c *Corpus) sample(ctx context.Context, i int, plan Plan, size int) (frames []sightline.Frame, end float64, err error) {
	fps := 0.0 // while unknown
	switch {
	case c.stills != nil:
		frames = c.stills[i : i+1]
	case c.Rendered:
		if frames, err = c.draw(i, plan); err != nil {
			return nil, 0, err
		}
		end = c.Set.Videos[i].Duration
	default:
		info, err := video.Probe(ctx, c.Set.Videos[i].Path)
		if err != nil {
			return nil, 0, err
		}
		cut := c.Set.Cut(i)
		if cut == (sightline.Span{}) {
			cut.End = info.Duration
		} else if plan, err = within(info, &cut, plan); err != nil {
			return nil, 0, err
		}
		end, fps = cut.Length(), info.FPS.Float()
		for frame, err := range info.Sample(ctx, plan, size) {
			if err != nil {
				return nil, 0, err
			}
			frame.Time = max(0, frame.Time-cut.Start) // the picture on show at the start may have come before it
			frames = append(frames, frame)
		}
	}
	// The last frame may begin where the file says that it ends. It lasts for one picture then, at most a second.
	if last := frames[len(frames)-1].Time; end <= last {
		end = last + 1/max(fps, 1)
	}
	return frames, end, ctx.Err()
}

// draw renders the frames of video i that a plan takes: of clips uniform ones, of films so many a second.
func (c *Corpus) draw(i int, plan video.Plan) ([]sightline.Frame, error) {
	switch n := plan.(type) {
	case video.Uniform:
		if c.clips != nil {
			return c.clips[i].Frames(int(n)), nil
		}
	case video.Rate:
		if c.films != nil {
			return slices.Collect(c.films[i].Sample(float64(n))), nil
		}
	}
	return nil, &sightline.Error{
		Kind: sightline.Usage, What: "sample " + c.Name, Err: fmt.Errorf("it is not rendered in the sampling %v", plan),
		Try: "clips are sampled uniformly, films by frames a second; as files (sightline world DIR) they are sampled in any way",
	}
}

// within ends a stretch where the file ends, and takes frames of it as the plan takes them of a file.
func within(info *video.Info, cut *sightline.Span, plan video.Plan) (video.Plan, error) {
	if cut.Start >= info.Duration {
		return nil, &sightline.Error{
			Kind: sightline.Failed, What: "sample frames of " + info.Path,
			Err: fmt.Errorf("it ends at %.1f s, before the stretch from %.1f to %.1f s", info.Duration, cut.Start, cut.End),
			Try: "get the whole video again: what the data set calls the video lies behind the end of this file",
		}
	}
	cut.End = min(cut.End, info.Duration)
	var at video.At
	switch n := plan.(type) {
	case video.Uniform:
		for k := range int(n) {
			at = append(at, cut.Start+cut.Length()*(float64(k)+0.5)/float64(n))
		}
	case video.Rate:
		for t := cut.Start; t < cut.End; t += 1 / float64(n) {
			at = append(at, t)
		}
	default:
		return nil, fmt.Errorf("sample frames of a stretch of %s: not in the sampling %v", info.Path, plan)
	}
	return at, nil
}

// Cues returns what is said in video i, in order of time, as video.RepairCues leaves it, and how many lines that changed.
// Of a stretch of a file it is what is said there, in the time of the stretch.
func (c *Corpus) Cues(ctx context.Context, i int) (cues []sightline.Cue, repaired int, err error) {
	switch {
	case c.films != nil:
		return c.films[i].Cues, 0, nil
	case c.Rendered || c.Set.Videos[i].Path == "":
		return nil, 0, nil
	}
	if cues, err = video.Subtitles(ctx, c.Set.Videos[i].Path); err != nil {
		return nil, 0, err
	}
	if cut := c.Set.Cut(i); cut != (sightline.Span{}) {
		cues = slices.DeleteFunc(cues, func(cue sightline.Cue) bool { return cue.Intersect(cut) <= 0 })
		for k := range cues {
			cues[k].Start, cues[k].End = max(cues[k].Start, cut.Start)-cut.Start, min(cues[k].End, cut.End)-cut.Start
		}
	}
	cues, repaired = video.RepairCues(cues)
	return cues, repaired, nil
}

// Decoder names what decodes the frames.
func (c *Corpus) Decoder(ctx context.Context) string {
	if c.Rendered {
		return fmt.Sprintf("rendered, world version %d", world.Version)
	}
	version, err := ffmpeg.LookUp(ctx)
	if err != nil {
		return "ffmpeg, version unknown"
	}
	return "ffmpeg " + version.Text
}

// Hash returns 16 hex digits over the captions and over what the videos are: the renderer's options, or the sizes and
// times of change of the files, with the stretch of them where not all counts.
func (c *Corpus) Hash() string {
	sum := sha256.New()
	encoder := json.NewEncoder(sum)
	_ = encoder.Encode(c.options) // a hash takes every write, and these types always marshal
	_ = encoder.Encode(c.Set.Captions)
	for i, v := range c.Set.Videos {
		fmt.Fprintln(sum, v.ID)
		if cut := c.Set.Cut(i); cut != (sightline.Span{}) {
			fmt.Fprintln(sum, cut.Start, cut.End)
		}
		if c.Rendered {
			continue
		}
		if info, err := os.Stat(v.Path); err == nil {
			fmt.Fprintln(sum, info.Size(), info.ModTime().UnixNano())
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
