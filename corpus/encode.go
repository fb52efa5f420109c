package corpus

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"sightline"
	"sightline/encoder"
	"sightline/feature"
)

// Encode returns the features of the frames that a plan takes of every video, in the order of the set. They are taken from
// the store where they are there and stored where they are not, to the same values either way, and what killed processes
// left unfinished in the store is removed; with a store without a folder they are made anew. Decoding runs ahead of encoding. Progress, if not nil, is told how many videos are done.
func (c *Corpus) Encode(ctx context.Context, frames encoder.FrameEncoder, plan Plan, store feature.Store, progress func(done int)) ([]feature.Features, error) {
	space := sightline.Space{Video: frames.ID(), Preprocess: frames.Preprocess(), Sampling: plan.String()}
	kept := store.Dir != ""
	if kept {
		if err := store.Clean(space); err != nil {
			return nil, err
		}
	}
	all := make([]feature.Features, len(c.Set.Videos))
	var missing []int
	for i, v := range c.Set.Videos {
		if !kept {
			missing = append(missing, i)
			continue
		}
		stored, err := store.Read(feature.Header{VideoID: c.storedAs(i), Stream: feature.Frame, Space: space})
		switch {
		case err == nil:
			stored.VideoID = v.ID
			all[i] = stored
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, i)
		default:
			return nil, err
		}
	}
	done := len(all) - len(missing)
	if progress != nil {
		progress(done)
	}
	var waiting []decoded
	held := 0 // frames waiting
	encode := func() error {
		var pictures []sightline.Frame
		for _, d := range waiting {
			pictures = append(pictures, d.frames...)
		}
		rows, err := frames.EncodeFrames(ctx, pictures)
		if err != nil {
			return fmt.Errorf("encode %s: %w", c.Name, err)
		}
		first := 0
		for _, d := range waiting {
			own := rows.Data[first*rows.Cols : (first+len(d.frames))*rows.Cols]
			first += len(d.frames)
			made := feature.Features{
				Header: feature.Header{VideoID: c.storedAs(d.video), Stream: feature.Frame, Space: space},
				Spans:  spans(d.frames, d.end),
				Rows:   sightline.Matrix{Rows: len(d.frames), Cols: rows.Cols, Data: own},
			}
			if kept {
				if err := store.Write(made); err != nil {
					return err
				}
				if made, err = store.Read(made.Header); err != nil { // rounded to float16, as they are next time
					return err
				}
			}
			made.VideoID = c.Set.Videos[d.video].ID
			all[d.video] = made
		}
		if done += len(waiting); progress != nil {
			progress(done)
		}
		waiting, held = waiting[:0], 0
		return nil
	}
	for decoded := range c.decode(ctx, missing, plan, frames.FrameSize()) {
		if decoded.err != nil {
			return nil, fmt.Errorf("encode %s: %w", c.Name, decoded.err)
		}
		waiting, held = append(waiting, decoded), held+len(decoded.frames)
		if held >= blockFrames {
			if err := encode(); err != nil {
				return nil, err
			}
		}
	}
	if len(waiting) > 0 && ctx.Err() == nil {
		if err := encode(); err != nil {
			return nil, err
		}
	}
	return all, ctx.Err()
}

// storedAs names video i in the feature store. Ids are unique in one data set only, and a file may be replaced: where the
// video is a file, its path, size and time of change are part of the name, and so is the stretch of it that counts; where
// it is rendered, the split it belongs to.
func (c *Corpus) storedAs(i int) string {
	v := c.Set.Videos[i]
	if c.Rendered {
		return c.drawnAs + " " + v.ID
	}
	path, err := filepath.Abs(v.Path)
	if v.Path == "" || err != nil {
		return v.ID
	}
	info, err := os.Stat(path)
	if err != nil {
		return v.ID
	}
	source := fmt.Appendf(nil, "%s\x00%d\x00%d", path, info.Size(), info.ModTime().UnixNano())
	if cut := c.Set.Cut(i); cut != (sightline.Span{}) {
		source = fmt.Appendf(source, "\x00%v\x00%v", cut.Start, cut.End)
	}
	sum := sha256.Sum256(source)
	return fmt.Sprintf("%s-%x", v.ID, sum[:4])
}

// blockFrames is how many frames, of several videos, are encoded together: encoders are slower on few.
const blockFrames = 64

// MaxPictures bounds the bytes of pictures that Pictures holds in memory.
const MaxPictures = 4 << 30

// Pictures returns a function that gives the frames that a plan takes of any video, again and again, as training end to end
// asks for them. Videos in files are decoded once, now, and held in memory; rendered ones are drawn when asked for.
func (c *Corpus) Pictures(ctx context.Context, plan Plan, size int, progress func(done int)) (func(ctx context.Context, video int) ([]sightline.Frame, error), error) {
	if c.Rendered {
		return func(ctx context.Context, video int) ([]sightline.Frame, error) {
			return c.Frames(ctx, video, plan, size)
		}, nil
	}
	held := make([][]sightline.Frame, len(c.Set.Videos))
	all := make([]int, len(held))
	for i := range all {
		all[i] = i
	}
	done, bytes := 0, 0
	for decoded := range c.decode(ctx, all, plan, size) {
		if decoded.err != nil {
			return nil, fmt.Errorf("decode %s: %w", c.Name, decoded.err)
		}
		held[decoded.video] = decoded.frames
		for _, frame := range decoded.frames {
			bytes += len(frame.RGB)
		}
		if bytes > MaxPictures {
			return nil, &sightline.Error{
				Kind: sightline.Usage, What: "decode " + c.Name,
				Err: fmt.Errorf("the pictures of %d of %d videos fill %d GiB already", done+1, len(held), MaxPictures>>30),
				Try: "train on stored features (tower.kind: stored), or with a smaller data.frames",
			}
		}
		if done++; progress != nil {
			progress(done)
		}
	}
	return func(ctx context.Context, video int) ([]sightline.Frame, error) { return held[video], ctx.Err() }, ctx.Err()
}

// spans gives every frame the time until the next picture, and the last the time until end. Frames that show the same
// picture, as those of a video with fewer pictures than frames do, share its time.
func spans(frames []sightline.Frame, end float64) []sightline.Span {
	spans := make([]sightline.Span, len(frames))
	for i, frame := range slices.Backward(frames) {
		if i+1 < len(frames) && frames[i+1].Time > frame.Time {
			end = frames[i+1].Time
		}
		spans[i] = sightline.Span{Start: frame.Time, End: end}
	}
	return spans
}

type decoded struct {
	video  int
	frames []sightline.Frame
	end    float64 // of the last frame, in seconds
	err    error
}

// decode yields the frames of the given videos in whatever order they come, from as many decoders as there are cores. It
// ends early after an error and when ctx ends.
func (c *Corpus) decode(ctx context.Context, videos []int, plan Plan, size int) func(yield func(decoded) bool) {
	return func(yield func(decoded) bool) {
		ctx, stop := context.WithCancel(ctx)
		results, queue := make(chan decoded, runtime.GOMAXPROCS(0)), make(chan int)
		var workers sync.WaitGroup
		defer workers.Wait()
		defer stop()
		go func() {
			defer close(queue)
			for _, video := range videos {
				select {
				case queue <- video:
				case <-ctx.Done():
					return
				}
			}
		}()
		for range runtime.GOMAXPROCS(0) {
			workers.Go(func() {
				for video := range queue {
					frames, end, err := c.sample(ctx, video, plan, size)
					select {
					case results <- decoded{video, frames, end, err}:
					case <-ctx.Done():
						return
					}
				}
			})
		}
		for range videos {
			select {
			case result := <-results:
				if !yield(result) || result.err != nil {
					return
				}
			case <-ctx.Done():
				yield(decoded{err: ctx.Err()})
				return
			}
		}
	}
}
