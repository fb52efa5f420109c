package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"

	"sightline"
)

// Submission is a model's answer to every query of a data set, as the official scripts take it.
type Submission struct {
	// Tasks holds for each task and query, by its id, the predictions, best first: "VCMR", "SVMR" and "VR" in TVR's layout,
	// WindowTask in that of QVHighlights.
	Tasks map[string]map[string][]sightline.VideoMoment
	// Saliency holds for each query a number for each clip of two seconds; nil where the file has none.
	Saliency map[string][]float64
	Videos   map[string]int // TVR's video2idx: the number of each video; nil in QVHighlights' layout
}

// WindowTask is the one task of submissions in QVHighlights' layout.
const WindowTask = "windows"

// TVRTasks are the tasks that a submission in TVR's layout may hold.
var TVRTasks = []string{"VCMR", "SVMR", "VR"}

// ReadSubmission reads predictions in TVR's layout, one JSON object with video2idx, or in QVHighlights' (JSONL, a query a
// line); the file says which. Everything is checked: ids twice, videos without a number, rows of another form, times that
// are no numbers or run backwards are errors that name file, line and place.
func ReadSubmission(path string) (Submission, error) {
	s, err := readSubmission(path)
	if err != nil {
		e := &sightline.Error{
			Kind: sightline.Failed, What: "read predictions", Err: err,
			Try: "docs/formats.md has the layouts of TVR and of QVHighlights",
		}
		if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
			e.What, e.Err, e.Try = "read predictions from "+path, pathErr.Err, "check the name of the file"
		}
		return Submission{}, e
	}
	return s, nil
}

func readSubmission(path string) (Submission, error) {
	windows, err := startsWithQuery(path)
	if err != nil {
		return Submission{}, err
	}
	if windows {
		return readWindows(path)
	}
	return readTVR(path)
}

// startsWithQuery reports whether a file's first object is one query's, and not all of TVR's submission.
func startsWithQuery(path string) (windows bool, err error) {
	err = readDocument(path, func(d *document) error {
		if err := d.open('{'); err != nil {
			return err
		}
		for d.decoder.More() {
			name, err := d.name()
			if err != nil {
				return err
			}
			if windows = name == "qid"; windows || name == "video2idx" || slices.Contains(TVRTasks, name) {
				return nil
			}
			if err := d.skip(); err != nil {
				return err
			}
		}
		return d.fail(errors.New("neither a submission with video2idx nor lines with qid"))
	})
	return windows, err
}

// tvrList is the list of one query; its rows are [video's number, start, end, score], the last of which may be missing.
type tvrList struct {
	ID          json.RawMessage `json:"desc_id"`
	Predictions [][]float64     `json:"predictions"`
}

// readTVR reads {"video2idx": {video: number}, "VCMR": [{"desc_id", "desc", "predictions": [[number, start, end, score], …]}, …],
// "SVMR": …, "VR": …}.
func readTVR(path string) (Submission, error) {
	s := Submission{Tasks: map[string]map[string][]sightline.VideoMoment{}}
	names := map[int]string{}
	var unresolved []func() error // video2idx may come last
	err := readDocument(path, func(d *document) error {
		if err := d.members(true, func(name string) (err error) {
			switch {
			case name == "video2idx" && s.Videos != nil, s.Tasks[name] != nil:
				return d.fail(fmt.Errorf("%s stands there twice", name))
			case name == "video2idx":
				s.Videos, err = tvrNumbers(d, names)
			case slices.Contains(TVRTasks, name):
				s.Tasks[name] = map[string][]sightline.VideoMoment{}
				var resolve []func() error
				resolve, err = tvrTask(d, name, names, s.Tasks[name])
				unresolved = append(unresolved, resolve...)
			default:
				return d.fail(fmt.Errorf("%q is neither video2idx nor one of %s", name, strings.Join(TVRTasks, ", ")))
			}
			return err
		}); err != nil {
			return err
		}
		switch {
		case s.Videos == nil:
			return d.fail(errors.New("there is no video2idx in it"))
		case len(s.Tasks) == 0:
			return d.fail(fmt.Errorf("there is none of %s in it", strings.Join(TVRTasks, ", ")))
		}
		for _, resolve := range unresolved {
			if err := resolve(); err != nil {
				return err
			}
		}
		return nil
	})
	return s, err
}

// tvrNumbers reads the object video2idx, and puts the names of the numbers into names.
func tvrNumbers(d *document, names map[int]string) (map[string]int, error) {
	numbers := map[string]int{}
	err := d.members(false, func(name string) error {
		var number int
		if _, err := d.value(&number); err != nil {
			return within("video2idx."+name, err)
		}
		if _, twice := numbers[name]; twice {
			return d.fail(fmt.Errorf("video2idx.%s stands there twice", name))
		}
		if other, taken := names[number]; taken {
			return d.fail(fmt.Errorf("video2idx: %s and %s have one number, %d", other, name, number))
		}
		numbers[name], names[number] = number, name
		return nil
	})
	return numbers, err
}

// within adds the place inside a document to an error that has file and line.
func within(place string, err error) error {
	if at, ok := errors.AsType[*placeError](err); ok {
		return &placeError{at.file, at.line, fmt.Errorf("%s: %w", place, at.err)}
	}
	return err
}

// tvrTask reads the lists of one task. What it returns puts the names of videos in their places, once all are known.
func tvrTask(d *document, task string, names map[int]string, lists map[string][]sightline.VideoMoment) (resolve []func() error, err error) {
	n := -1
	err = d.elements(false, func() error {
		n++
		var list tvrList
		line, err := d.value(&list)
		if err != nil {
			return within(fmt.Sprintf("%s[%d]", task, n), err)
		}
		nth := n
		place := func(format string, args ...any) error {
			return &placeError{d.path, line, fmt.Errorf("%s[%d]"+format, append([]any{task, nth}, args...)...)}
		}
		id, err := namedID(list.ID, "desc_id")
		switch {
		case err != nil:
			return place(": %w", err)
		case lists[id] != nil:
			return place(".desc_id: query %s stands there twice", id)
		case list.Predictions == nil:
			return place(" has no predictions")
		}
		rows := make([]sightline.VideoMoment, len(list.Predictions))
		numbers := make([]int, len(rows))
		for i, row := range list.Predictions {
			if len(row) != 3 && len(row) != 4 {
				return place(".predictions[%d] has %d numbers, not [video, start, end, score]", i, len(row))
			}
			if row[0] != math.Trunc(row[0]) || math.Abs(row[0]) > 1<<31 {
				return place(".predictions[%d]: %v is no number of a video", i, row[0])
			}
			if row[2] < row[1] {
				return place(".predictions[%d] ends at %v s, before its start at %v s", i, row[2], row[1])
			}
			numbers[i] = int(row[0])
			rows[i].Start, rows[i].End = row[1], row[2]
			if len(row) == 4 {
				rows[i].Score = row[3]
			}
		}
		lists[id] = rows
		resolve = append(resolve, func() error {
			for i, number := range numbers {
				name, ok := names[number]
				if !ok {
					return place(".predictions[%d]: video %d is not in video2idx", i, number)
				}
				rows[i].Video = name
			}
			return nil
		})
		return nil
	})
	return resolve, err
}

// windowLine is a line of QVHighlights' submissions.
type windowLine struct {
	ID       json.RawMessage `json:"qid"`
	Text     string          `json:"query,omitempty"`
	Video    string          `json:"vid"`
	Windows  [][]float64     `json:"pred_relevant_windows"`
	Saliency []float64       `json:"pred_saliency_scores,omitempty"`
}

// readWindows reads lines {"qid", "query", "vid", "pred_relevant_windows": [[start, end, score], …], "pred_saliency_scores": [a
// number for each clip of two seconds]}; all lines have the last, or none has.
func readWindows(path string) (Submission, error) {
	lists := map[string][]sightline.VideoMoment{}
	s := Submission{Tasks: map[string]map[string][]sightline.VideoMoment{WindowTask: lists}, Saliency: map[string][]float64{}}
	err := eachObject(path, func(line int, o windowLine) error {
		fail := func(format string, args ...any) error { return &placeError{path, line, fmt.Errorf(format, args...)} }
		id, err := namedID(o.ID, "qid")
		switch {
		case err != nil:
			return fail("%w", err)
		case lists[id] != nil:
			return fail("query %s stands there twice", id)
		case o.Video == "":
			return fail("query %s has no vid", id)
		case o.Windows == nil:
			return fail("query %s has no pred_relevant_windows", id)
		case (o.Saliency != nil) != (len(s.Saliency) > 0) && len(lists) > 0:
			return fail("query %s: some lines have pred_saliency_scores and some have none", id)
		}
		rows := make([]sightline.VideoMoment, len(o.Windows))
		for i, w := range o.Windows {
			if len(w) != 3 {
				return fail("query %s: pred_relevant_windows[%d] has %d numbers, not [start, end, score]", id, i, len(w))
			}
			if w[1] < w[0] {
				return fail("query %s: pred_relevant_windows[%d] ends at %v s, before its start at %v s", id, i, w[1], w[0])
			}
			rows[i] = sightline.VideoMoment{Video: o.Video, Moment: sightline.Moment{Span: sightline.Span{Start: w[0], End: w[1]}, Score: w[2]}}
		}
		lists[id] = rows
		if o.Saliency != nil {
			if len(o.Saliency) == 0 {
				return fail("query %s: pred_saliency_scores is empty", id)
			}
			s.Saliency[id] = o.Saliency
		}
		return nil
	})
	switch {
	case err == nil && len(lists) == 0:
		err = &placeError{path, 0, errors.New("there are no predictions in it")}
	case len(s.Saliency) == 0:
		s.Saliency = nil
	}
	return s, err
}

// WriteTVR writes the submission in TVR's layout, with the queries in the order given. Every task must answer every query,
// with videos that have a number and times that are finite and in order.
func (s Submission) WriteTVR(w io.Writer, queries []sightline.MomentQuery) error {
	type list struct {
		ID          json.RawMessage `json:"desc_id"`
		Text        string          `json:"desc"`
		Predictions [][4]float64    `json:"predictions"`
	}
	file := map[string]any{"video2idx": s.Videos}
	for task, lists := range s.Tasks {
		if !slices.Contains(TVRTasks, task) {
			return unwritable("%s is no task of TVR", task)
		}
		rows := []list{}
		for _, q := range queries {
			predictions, err := checked(q, lists)
			if err != nil {
				return err
			}
			l := list{rawID(q.ID), q.Text, [][4]float64{}}
			for _, p := range predictions {
				number, ok := s.Videos[p.Video]
				if !ok {
					return unwritable("query %s: video %q has no number", q.ID, p.Video)
				}
				l.Predictions = append(l.Predictions, [4]float64{float64(number), p.Start, p.End, p.Score})
			}
			rows = append(rows, l)
		}
		file[task] = rows
	}
	return json.NewEncoder(w).Encode(file)
}

// WriteWindows writes the submission in the layout of QVHighlights, a line for each query, on the same conditions.
func (s Submission) WriteWindows(w io.Writer, queries []sightline.MomentQuery) error {
	encoder := json.NewEncoder(w)
	for _, q := range queries {
		predictions, err := checked(q, s.Tasks[WindowTask])
		if err != nil {
			return err
		}
		line := windowLine{ID: rawID(q.ID), Text: q.Text, Video: q.Video, Windows: [][]float64{}, Saliency: s.Saliency[q.ID]}
		if s.Saliency != nil && len(line.Saliency) == 0 {
			return unwritable("query %s has no saliency scores, others have", q.ID)
		}
		for _, p := range predictions {
			if p.Video != q.Video {
				return unwritable("query %s is about video %q, its prediction about %q", q.ID, q.Video, p.Video)
			}
			line.Windows = append(line.Windows, []float64{p.Start, p.End, p.Score})
		}
		if err := encoder.Encode(line); err != nil {
			return fmt.Errorf("write query %s: %w", q.ID, err)
		}
	}
	return nil
}

// checked returns the predictions for a query, if all can be written.
func checked(q sightline.MomentQuery, lists map[string][]sightline.VideoMoment) ([]sightline.VideoMoment, error) {
	predictions, ok := lists[q.ID]
	if !ok {
		return nil, unwritable("query %s has no predictions", q.ID)
	}
	for i, p := range predictions {
		for _, x := range []float64{p.Start, p.End, p.Score} {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return nil, unwritable("query %s: prediction %d runs from %v to %v s and scores %v", q.ID, i, p.Start, p.End, p.Score)
			}
		}
		if p.End < p.Start {
			return nil, unwritable("query %s: prediction %d ends at %v s, before its start at %v s", q.ID, i, p.End, p.Start)
		}
	}
	return predictions, nil
}

// rawID writes an id as the number it is, or else as text.
func rawID(id string) json.RawMessage {
	if wholeNumber.MatchString(id) && (len(id) == 1 || !strings.HasPrefix(strings.TrimPrefix(id, "-"), "0")) {
		return json.RawMessage(id)
	}
	text, err := json.Marshal(id)
	if err != nil {
		panic(err) // every text can be written
	}
	return text
}

func unwritable(format string, args ...any) error {
	return &sightline.Error{Kind: sightline.Failed, What: "write predictions", Err: fmt.Errorf(format, args...)}
}
