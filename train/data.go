package train

import (
	"context"
	"fmt"
	"math/rand/v2"

	"sightline"
	"sightline/align"
	"sightline/dataset"
	"sightline/dataset/world"
)

// Pairs is Data over a set whose videos and sentences are at hand. Every epoch goes through all videos, each with one of
// its captions drawn at random: a batch then holds no video against itself. Where that does not matter, it may go through
// all captions.
type Pairs struct {
	Set    dataset.Set
	Seed   uint64
	Videos []align.Video                                                   // one for each video of the set; Frames may be empty
	Texts  []align.Sentence                                                // one for each caption
	Frames func(ctx context.Context, video int) ([]sightline.Frame, error) // the frames of a video, for a live tower; else nil
	All    bool                                                            // an epoch goes through all captions
	Draw   int                                                             // frames drawn of each video, in order; 0 means all
}

// Len returns the number of videos with captions, or of all captions.
func (p Pairs) Len() int { return len(p.epoch(0)) }

// epoch returns an epoch's pairs in their order.
func (p Pairs) epoch(number int) []dataset.Pair {
	if p.All {
		return p.Set.Epoch(dataset.EachCaption, p.Seed, number)
	}
	return p.Set.Epoch(dataset.EachVideo, p.Seed, number)
}

// Batch returns size pairs of an epoch, from the given place in its order on.
func (p Pairs) Batch(ctx context.Context, epoch, from, size int, random *rand.Rand) (align.Batch, error) {
	var batch align.Batch
	for _, pair := range p.epoch(epoch)[from : from+size] {
		video := p.Videos[pair.Video]
		if p.Frames != nil {
			frames, err := p.Frames(ctx, pair.Video)
			if err != nil {
				return align.Batch{}, err
			}
			video.Frames = sample(frames, p.Draw, random)
		}
		batch.Videos = append(batch.Videos, video)
		batch.Texts = append(batch.Texts, p.Texts[pair.Caption])
	}
	return batch, nil
}

// sample takes one frame at random from each of n equal stretches.
func sample(frames []sightline.Frame, n int, random *rand.Rand) []sightline.Frame {
	if n == 0 || n >= len(frames) {
		return frames
	}
	drawn := make([]sightline.Frame, n)
	for i := range drawn {
		from, to := i*len(frames)/n, (i+1)*len(frames)/n
		drawn[i] = frames[from+random.IntN(to-from)]
	}
	return drawn
}

// Stills is Data over the world's still pictures, rendered when they are needed. Pictures are shifted by a few pixels at
// random, and the first epochs may show one object only.
type Stills struct {
	Seed      uint64
	Count     int
	OneObject int // epochs at the start that show scenes of one object
}

// Len returns the number of stills in an epoch.
func (s Stills) Len() int { return s.Count }

// Batch renders size stills of an epoch.
func (s Stills) Batch(ctx context.Context, epoch, from, size int, random *rand.Rand) (align.Batch, error) {
	options := world.StillOptions{OneObject: epoch < s.OneObject}
	order := rand.New(rand.NewPCG(s.Seed, uint64(epoch))).Perm(s.Count)
	var batch align.Batch
	for _, i := range order[from : from+size] {
		if err := ctx.Err(); err != nil {
			return align.Batch{}, err
		}
		still := world.StillAt(s.Seed, i, options)
		const reach = 3 // pixels
		frame := shift(still.Frame, random.IntN(2*reach+1)-reach, random.IntN(2*reach+1)-reach)
		batch.Videos = append(batch.Videos, align.Video{ID: fmt.Sprintf("still-%d", i), Frames: []sightline.Frame{frame}})
		batch.Texts = append(batch.Texts, align.Sentence{Text: still.Caption.Text})
	}
	return batch, nil
}

// shift moves a picture by (dx, dy) pixels; what enters at the border repeats it.
func shift(frame sightline.Frame, dx, dy int) sightline.Frame {
	moved := frame
	moved.RGB = make([]byte, len(frame.RGB))
	for y := range frame.Height {
		row := frame.RGB[3*frame.Width*min(max(y-dy, 0), frame.Height-1):]
		for x := range frame.Width {
			copy(moved.RGB[3*(y*frame.Width+x):][:3], row[3*min(max(x-dx, 0), frame.Width-1):])
		}
	}
	return moved
}
