package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"sightline"
)

// TVRVideo is a video of TVR's corpus and the number by which submissions name it.
type TVRVideo struct {
	sightline.Video
	Index int
}

// ReadTVRVideos reads a split (train, val, test_public, …) of tvr_video2dur_idx.json, {split: {video: [duration, number]}}, in
// the order of the numbers.
func ReadTVRVideos(path, split string) ([]TVRVideo, error) {
	var videos []TVRVideo
	numbers := map[int]string{}
	err := eachMember(path, []string{split}, func(line int, name string, pair []float64) error {
		fail := func(format string, args ...any) error { return &placeError{path, line, fmt.Errorf(format, args...)} }
		if len(pair) != 2 || !(pair[0] > 0) || pair[1] != math.Trunc(pair[1]) || math.Abs(pair[1]) > 1<<31 {
			return fail("%s: %v is no pair of duration and number", name, pair)
		}
		index := int(pair[1])
		if other, ok := numbers[index]; ok {
			return fail("videos %s and %s have one number, %d", other, name, index)
		}
		numbers[index] = name
		videos = append(videos, TVRVideo{sightline.Video{ID: name, Duration: pair[0]}, index})
		return nil
	})
	if err == nil && len(videos) == 0 {
		err = errors.New("there are no videos in it")
	}
	if err != nil {
		return nil, unreadableMoments(path, fmt.Errorf("split %s: %w", split, err))
	}
	slices.SortFunc(videos, func(a, b TVRVideo) int { return cmp.Compare(a.Index, b.Index) })
	return videos, nil
}

// ReadTVRSubtitles reads tvqa_preprocessed_subtitles.jsonl, {"vid_name", "sub": [{"start", "end", "text"}, …]}: the cues of each
// video in order of their start. Cues that start before the video are cut there, cues without length and cues without text
// are left out, and cues that overlap with the one before or come before it are kept: all of these are counted. A cue that
// ends before it starts or before the video does is an error, as is a video that stands there twice.
func ReadTVRSubtitles(path string) (map[string][]sightline.Cue, []Repair, error) {
	subtitles := map[string][]sightline.Cue{}
	r := &momentReading{path: path}
	err := eachObject(path, func(line int, o struct {
		Video string `json:"vid_name"`
		Cues  []struct {
			Start *float64 `json:"start"`
			End   *float64 `json:"end"`
			Text  string   `json:"text"`
		} `json:"sub"`
	}) error {
		if _, twice := subtitles[o.Video]; twice || o.Video == "" {
			return r.fail(line, "video %q is without a name or stands there twice", o.Video)
		}
		cues := []sightline.Cue{}
		for i, c := range o.Cues {
			text := strings.TrimSpace(c.Text)
			if c.Start == nil || c.End == nil {
				return r.fail(line, "cue %d of %s lacks its start or end", i, o.Video)
			}
			span := sightline.Span{Start: *c.Start, End: *c.End}
			switch {
			case span.End < span.Start:
				return r.fail(line, "cue %d of %s ends at %v s, before its start at %v s", i, o.Video, span.End, span.Start)
			case span.End < 0:
				return r.fail(line, "cue %d of %s ends at %v s, before the video starts", i, o.Video, span.End)
			case text == "":
				r.repair(line, "cues without text were left out")
				continue
			case span.Start < 0:
				r.repair(line, "cues were cut at the start of the video")
				span.Start = 0
			}
			if span.Length() == 0 {
				r.repair(line, "cues without length were left out")
				continue
			}
			if n := len(cues); n > 0 && span.Start < cues[n-1].End {
				r.repair(line, "cues start before the one above them ends, and were kept")
			}
			cues = append(cues, sightline.Cue{Span: span, Text: text})
		}
		slices.SortStableFunc(cues, func(a, b sightline.Cue) int { return cmp.Compare(a.Start, b.Start) })
		subtitles[o.Video] = cues
		return nil
	})
	if err != nil {
		return nil, nil, unreadableMoments(path, err)
	}
	return subtitles, r.moments.Repairs, nil
}
