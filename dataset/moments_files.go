package dataset

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sightline"
)

// charadesMoments reads Charades-STA (Gao et al., 2017): lines "VIDEO START END##sentence". Durations come from the column
// length of Charades_v1_train.csv and Charades_v1_test.csv where they lie beside it.
func charadesMoments(r *momentReading) error {
	durations := map[string]float64{}
	for _, name := range []string{"Charades_v1_train.csv", "Charades_v1_test.csv"} {
		path := filepath.Join(filepath.Dir(r.path), name)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if err := eachRecord(path, []string{"id", "length"}, func(line int, field map[string]string) error {
			duration, err := strconv.ParseFloat(field["length"], 64)
			if err != nil {
				return &placeError{path, line, errors.New("the length is no number of seconds")}
			}
			durations[field["id"]] = duration
			return nil
		}); err != nil {
			return err
		}
	}
	return eachLine(r.path, func(line int, text string) error {
		place, sentence, ok := strings.Cut(text, "##")
		fields := strings.Fields(place)
		if !ok || len(fields) != 3 {
			return r.fail(line, "not VIDEO START END##sentence")
		}
		q := sightline.MomentQuery{Text: sentence, Video: fields[0], Duration: durations[fields[0]], Gold: make([]sightline.Span, 1)}
		for i, to := range []*float64{&q.Gold[0].Start, &q.Gold[0].End} {
			var err error
			if *to, err = strconv.ParseFloat(fields[1+i], 64); err != nil {
				return r.fail(line, "%q is no number of seconds", fields[1+i])
			}
		}
		return r.add(line, q)
	})
}

// timedSentences are what ActivityNet Captions and TACoS say of a video.
type timedSentences struct {
	Duration   float64         `json:"duration"`
	Frames     float64         `json:"num_frames"`
	FPS        float64         `json:"fps"`
	Timestamps json.RawMessage `json:"timestamps"`
	Sentences  []string        `json:"sentences"`
}

// add takes the sentences of one video, whose timestamps count units of the given length in seconds.
func (v timedSentences) add(r *momentReading, line int, video string, duration, unit float64) error {
	spans, err := spansOf(v.Timestamps)
	if err != nil {
		return r.fail(line, "%s: timestamps: %w", video, err)
	}
	if len(spans) != len(v.Sentences) {
		return r.fail(line, "%s: %d timestamps for %d sentences", video, len(spans), len(v.Sentences))
	}
	for i, span := range spans {
		gold := []sightline.Span{{Start: span.Start * unit, End: span.End * unit}}
		if err := r.add(line, sightline.MomentQuery{Text: v.Sentences[i], Video: video, Duration: duration, Gold: gold}); err != nil {
			return err
		}
	}
	return nil
}

// activitynetMoments reads ActivityNet Captions (Krishna et al., 2017): {"v_VIDEO": {"duration", "timestamps", "sentences"}}. As
// in paragraph retrieval, ids lose their v_.
func activitynetMoments(r *momentReading) error {
	return eachMember(r.path, nil, func(line int, id string, v timedSentences) error {
		if !(v.Duration > 0) {
			return r.fail(line, "%s: the duration is %v s", id, v.Duration)
		}
		return v.add(r, line, strings.TrimPrefix(id, "v_"), v.Duration, 1)
	})
}

// tacosMoments reads TACoS (Regneri et al., 2013) as Gao et al. split it: {"VIDEO.avi": {"timestamps": frames, "fps",
// "num_frames", "sentences"}}. Ids lose their .avi.
func tacosMoments(r *momentReading) error {
	return eachMember(r.path, nil, func(line int, id string, v timedSentences) error {
		if !(v.FPS > 0 && v.Frames > 0) {
			return r.fail(line, "%s: %v frames at %v a second", id, v.Frames, v.FPS)
		}
		return v.add(r, line, strings.TrimSuffix(id, ".avi"), v.Frames/v.FPS, 1/v.FPS)
	})
}

// didemoSegment is the length of DiDeMo's segments in seconds.
const didemoSegment = 5

// didemoMoments reads DiDeMo (Hendricks et al., 2017): a list of {"annotation_id", "video", "description", "times": [[first
// segment, last segment], …], "num_segments"}, each pair of times from another person. The video counts as long as its
// segments: six, where the file does not say.
func didemoMoments(r *momentReading) error {
	return eachElement(r.path, "", func(line int, o struct {
		ID       json.RawMessage `json:"annotation_id"`
		Video    string          `json:"video"`
		Text     string          `json:"description"`
		Times    [][]int         `json:"times"`
		Segments int             `json:"num_segments"`
	}) error {
		id, err := idOf(o.ID)
		if err != nil {
			return r.fail(line, "%w", err)
		}
		if o.Segments == 0 {
			o.Segments = 6
		}
		q := sightline.MomentQuery{ID: id, Text: o.Text, Video: o.Video, Duration: float64(o.Segments * didemoSegment)}
		for _, pair := range o.Times {
			if len(pair) != 2 || pair[0] < 0 || pair[1] < pair[0] || pair[1] >= o.Segments {
				return r.fail(line, "query %s: %v are no segments of a video of %d", id, pair, o.Segments)
			}
			q.Gold = append(q.Gold, sightline.Span{Start: float64(pair[0] * didemoSegment), End: float64((pair[1] + 1) * didemoSegment)})
		}
		return r.add(line, q)
	})
}
