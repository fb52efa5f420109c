package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"sightline"
)

// eachObject decodes every line of a JSONL file.
func eachObject[T any](path string, do func(line int, object T) error) error {
	return eachLine(path, func(line int, text string) error {
		var object T
		decoder := json.NewDecoder(strings.NewReader(text))
		if err := decoder.Decode(&object); err != nil {
			return &placeError{path, line, fmt.Errorf("not a JSON object of this format: %w", err)}
		}
		if decoder.More() {
			return &placeError{path, line, errors.New("more text after the JSON object")}
		}
		return do(line, object)
	})
}

var wholeNumber = regexp.MustCompile(`^-?[0-9]+$`)

// idOf reads an id that is a text or a whole number; nothing is the empty id.
func idOf(raw json.RawMessage) (string, error) {
	var text string
	switch {
	case raw == nil:
		return "", nil
	case raw[0] == '"':
		err := json.Unmarshal(raw, &text)
		return text, err
	case wholeNumber.Match(raw):
		return string(raw), nil
	}
	return "", fmt.Errorf("the id %s is neither a text nor a whole number", raw)
}

// namedID reads an id that must be there.
func namedID(raw json.RawMessage, name string) (string, error) {
	id, err := idOf(raw)
	if err == nil && id == "" {
		err = errors.New("there is no " + name)
	}
	return id, err
}

// tvrMoments reads TVR's tvr_{train,val}_release.jsonl, and DiDeMo's, Charades-STA's and ActivityNet's annotations in that
// layout: {"vid_name", "duration", "ts": [start, end], "desc", "type", "desc_id"}. Lists of four spans and more are what
// several people marked (DiDeMo). Lines without video and ts, as in test-public, are queries without an answer.
func tvrMoments(r *momentReading) error {
	return eachObject(r.path, func(line int, o struct {
		ID       json.RawMessage `json:"desc_id"`
		Video    string          `json:"vid_name"`
		Duration float64         `json:"duration"`
		Times    json.RawMessage `json:"ts"`
		Text     string          `json:"desc"`
		Kind     string          `json:"type"`
	}) error {
		id, err := namedID(o.ID, "desc_id")
		switch {
		case err != nil:
			return r.fail(line, "%w", err)
		case (o.Video == "") != (o.Times == nil):
			return r.fail(line, "query %s has only one of vid_name and ts", id)
		}
		q := sightline.MomentQuery{ID: id, Text: o.Text, Video: o.Video, Duration: o.Duration, Kind: o.Kind}
		if o.Times != nil {
			if bytes.HasPrefix(bytes.TrimLeft(o.Times[1:], " \t"), []byte("[")) {
				q.Gold, err = spansOf(o.Times)
				r.moments.Agree = 2
				if err == nil && len(q.Gold) < 4 {
					err = fmt.Errorf("%d spans; TVR's rules know one, or four and more", len(q.Gold))
				}
			} else {
				q.Gold, err = spansOf(append(append([]byte("["), o.Times...), ']'))
			}
			if err != nil {
				return r.fail(line, "query %s: ts: %w", id, err)
			}
		}
		return r.add(line, q)
	})
}

// spansOf decodes [[start, end], …].
func spansOf(raw json.RawMessage) ([]sightline.Span, error) {
	var pairs [][]float64
	if err := json.Unmarshal(raw, &pairs); err != nil {
		return nil, errors.New("these are no pairs of seconds")
	}
	spans := make([]sightline.Span, 0, len(pairs))
	for _, pair := range pairs {
		if len(pair) != 2 {
			return nil, fmt.Errorf("%v is no pair of seconds", pair)
		}
		spans = append(spans, sightline.Span{Start: pair[0], End: pair[1]})
	}
	return spans, nil
}

// windowMoments reads QVHighlights' highlight_{train,val,test}_release.jsonl, and what Lighthouse publishes in that layout:
// {"qid", "query", "duration", "vid", "relevant_windows": [[start, end], …]}, where people rated clips of two seconds also
// "relevant_clip_ids" and "saliency_scores". Lines without windows are queries without an answer.
func windowMoments(r *momentReading) error {
	return eachObject(r.path, func(line int, o struct {
		ID       json.RawMessage `json:"qid"`
		Text     string          `json:"query"`
		Duration float64         `json:"duration"`
		Video    string          `json:"vid"`
		Windows  json.RawMessage `json:"relevant_windows"`
		Clips    []int           `json:"relevant_clip_ids"`
		Scores   [][]int         `json:"saliency_scores"`
	}) error {
		id, err := namedID(o.ID, "qid")
		if err != nil {
			return r.fail(line, "%w", err)
		}
		q := sightline.MomentQuery{ID: id, Text: o.Text, Video: o.Video, Duration: o.Duration}
		if o.Windows != nil {
			if q.Gold, err = spansOf(o.Windows); err != nil {
				return r.fail(line, "query %s: relevant_windows: %w", id, err)
			}
			if len(q.Gold) == 0 {
				return r.fail(line, "query %s: relevant_windows is empty", id)
			}
		}
		if o.Clips != nil || o.Scores != nil {
			if q.Saliency, err = ratings(o.Clips, o.Scores, int(o.Duration/2)); err != nil {
				return r.fail(line, "query %s: %w", id, err)
			}
		}
		return r.add(line, q)
	})
}

// ratings joins QVHighlights' lists of clips and of what each annotator thinks of them.
func ratings(clips []int, scores [][]int, inVideo int) ([]sightline.Rating, error) {
	if len(clips) != len(scores) {
		return nil, fmt.Errorf("%d relevant_clip_ids and %d saliency_scores", len(clips), len(scores))
	}
	seen := map[int]bool{}
	rated := make([]sightline.Rating, len(clips))
	for i, clip := range clips {
		switch {
		case clip < 0 || clip >= inVideo:
			return nil, fmt.Errorf("clip %d is rated, the video has %d of two seconds", clip, inVideo)
		case seen[clip]:
			return nil, fmt.Errorf("clip %d is rated twice", clip)
		case len(scores[i]) == 0 || len(scores[i]) != len(scores[0]):
			return nil, fmt.Errorf("clip %d has %d ratings, the first has %d", clip, len(scores[i]), len(scores[0]))
		}
		seen[clip] = true
		for _, score := range scores[i] {
			if score < 0 || score > 4 {
				return nil, fmt.Errorf("clip %d is rated %d, not 0 to 4", clip, score)
			}
		}
		rated[i] = sightline.Rating{Clip: clip, Scores: scores[i]}
	}
	return rated, nil
}

// pairMoments reads a file of pairs, such as a rendered world's moments/test.jsonl, whose every sentence has a span.
func pairMoments(r *momentReading) error {
	return readRows(r.path, func(pair row, problem *rowError) error {
		if problem != nil {
			return &placeError{r.path, problem.line, problem.err}
		}
		if pair.span == (sightline.Span{}) {
			return r.fail(pair.line, "the sentence has no start and end, so it asks for no moment")
		}
		for _, text := range pair.captions {
			q := sightline.MomentQuery{Text: text, Video: pair.id, Duration: pair.duration, Gold: []sightline.Span{pair.span}, Kind: pair.kind}
			if err := r.add(pair.line, q); err != nil {
				return err
			}
		}
		return nil
	})
}
