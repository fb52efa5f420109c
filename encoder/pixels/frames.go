package pixels

import "math"

// CLIP4ClipFrames returns which of n decoded frames CLIP4Clip and EMCL look at, at most limit of them: all when there
// are no more, else limit of them from the first to the last at even steps (slice_framepos 2). Frames that are missing
// up to limit are the caller's to mask.
func CLIP4ClipFrames(n, limit int) []int {
	if n <= limit {
		limit = n
	}
	return steps(n-1, limit)
}

// XPoolFrames returns which count of a video's n frames X-Pool and T-MASS look at: the middles of count equal
// stretches. A shorter video repeats its last frame.
func XPoolFrames(n, count int) []int {
	bounds := steps(n, min(n, count)+1)
	frames := make([]int, 0, count)
	for k := range len(bounds) - 1 {
		frames = append(frames, (bounds[k]+bounds[k+1]-1)/2)
	}
	for len(frames) > 0 && len(frames) < count {
		frames = append(frames, frames[len(frames)-1])
	}
	return frames
}

// steps returns count numbers from 0 to last at even steps, cut to integers: numpy's linspace(0, last, count) as int.
func steps(last, count int) []int {
	out := make([]int, max(count, 0))
	step := float64(last) / math.Max(1, float64(count-1))
	for k := range out {
		out[k] = int(float64(k) * step)
	}
	if count > 1 {
		out[count-1] = last
	}
	return out
}
