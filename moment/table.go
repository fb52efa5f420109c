package moment

import (
	"fmt"

	"sightline/index"
)

// table says where in a generation's segments each video lies.
type table struct {
	name   []uint64 // what nameOf says of the generation
	videos []video  // in the order in which they were added
	number map[string]int

	longest int // clips of a video
}

// video is a video's place in a segment.
type video struct {
	id      string
	segment int
	visual  int // its first visual row
	spoken  int // its first subtitle row; −1 without subtitles
	clips   int
}

// nameOf returns numbers that two generations share only where they hold the same.
func nameOf(s index.Snapshot, segments []index.Segment) []uint64 {
	name := []uint64{s.Generation(), uint64(s.Len())}
	for _, segment := range segments {
		name = append(name, uint64(segment.Sum()))
	}
	return name
}

// tabulate finds the videos in the segments.
func tabulate(segments []index.Segment) (*table, error) {
	t := &table{number: map[string]int{}}
	for at, s := range segments {
		if s.Layout().Notes != noteCount {
			return nil, fmt.Errorf("the index keeps %d notes a row, clips have %d: it holds no clips", s.Layout().Notes, noteCount)
		}
		for from := 0; from < s.Len(); {
			v, to, err := videoAt(s, from)
			if err != nil {
				return nil, err
			}
			if v.segment = at; s.Live(from) {
				if _, twice := t.number[v.id]; twice {
					return nil, fmt.Errorf("the index holds video %q twice", v.id)
				}
				t.number[v.id] = len(t.videos)
				t.videos = append(t.videos, v)
				t.longest = max(t.longest, v.clips)
			}
			from = to
		}
	}
	return t, nil
}

// videoAt returns the video whose rows start at from, and where they end.
func videoAt(s index.Segment, from int) (v video, to int, err error) {
	v = video{id: s.Row(from).VideoID, visual: from, spoken: -1}
	for to = from; to < s.Len(); to++ {
		row := s.Row(to)
		if row.VideoID != v.id {
			break
		}
		switch {
		case row.Kind == visualKind && v.spoken < 0:
			v.clips++
		case row.Kind == subtitleKind && v.spoken < 0:
			v.spoken = to
		case row.Kind != subtitleKind:
			return v, to, fmt.Errorf("row %d of video %q is of kind %q", to-from, v.id, row.Kind)
		}
	}
	if v.clips == 0 || v.spoken >= 0 && to-v.spoken != v.clips {
		return v, to, fmt.Errorf("video %q has %d visual rows of %d", v.id, v.clips, to-from)
	}
	return v, to, nil
}
