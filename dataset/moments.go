package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"sightline"
)

// Moments is a list of sentences that ask for moments, with what had to be done to make sense of them.
type Moments struct {
	Format  string
	Videos  []sightline.Video       // that the queries are about, each once, in order of first appearance
	Queries []sightline.MomentQuery // in the order of the file
	// Agree is how many of a query's gold spans an answer must reach: 2 where each is what another person marked for the
	// same moment (DiDeMo), else 1.
	Agree   int
	Repairs []Repair
}

// Repair is something that was wrong with a file and was put right in a way that docs/formats.md names.
type Repair struct {
	What  string `json:"what"`
	Count int    `json:"count"`
	First string `json:"first"` // file:line
}

// String formats the repair for people.
func (r Repair) String() string {
	return fmt.Sprintf("%s: %d times, first at %s", r.What, r.Count, r.First)
}

// Labelled returns how many queries have an answer.
func (m Moments) Labelled() int {
	n := 0
	for _, q := range m.Queries {
		if len(q.Gold) > 0 {
			n++
		}
	}
	return n
}

// momentFormat reads the files of one data set of moments.
type momentFormat struct {
	read func(r *momentReading) error
	// loose are files known to hold spans beyond their video and spans without length, which practice cuts and leaves out.
	loose bool
	// rows reads the data set in the layout of QVHighlights instead, as Lighthouse publishes it.
	rows bool
	// agree is Moments.Agree.
	agree int
}

var momentFormats = map[string]momentFormat{
	"tvr":          {read: tvrMoments, agree: 1},
	"qvhighlights": {read: windowMoments, agree: 1},
	"windows":      {read: windowMoments, agree: 1},
	"charades":     {read: charadesMoments, loose: true, rows: true, agree: 1},
	"activitynet":  {read: activitynetMoments, loose: true, rows: true, agree: 1},
	"tacos":        {read: tacosMoments, loose: true, rows: true, agree: 1},
	"didemo":       {read: didemoMoments, agree: 2},
	"world":        {read: pairMoments, agree: 1},
}

// MomentFormats are the names that ReadMoments knows.
func MomentFormats() []string {
	return []string{"tvr", "qvhighlights", "windows", "charades", "activitynet", "tacos", "didemo", "world"}
}

// ReadMoments reads queries with their gold spans from the official file of a data set: TVR, QVHighlights, Charades-STA,
// ActivityNet Captions, TACoS, DiDeMo, the last four also as Lighthouse publishes them (format windows), and the moment
// queries of a rendered world. An empty format is found out from the file. videos, where not nil, are all videos there are: a
// query about another, or one that gives another duration, is an error.
//
// An id that stands there twice, a time that is no number, a span that ends before it starts or lies beyond its video: each
// is an error that names file and line, unless it is of a kind that Moments.Repairs counts.
func ReadMoments(path, format string, videos []sightline.Video) (Moments, error) {
	if format == "" {
		var err error
		if format, err = momentFormatOf(path); err != nil {
			return Moments{}, unreadableMoments(path, err)
		}
	}
	f, ok := momentFormats[format]
	if !ok {
		return Moments{}, &sightline.Error{
			Kind: sightline.Usage, What: "read moments from " + path, Err: fmt.Errorf("%q is no format", format),
			Try: "one of " + strings.Join(MomentFormats(), ", "),
		}
	}
	r := &momentReading{
		path: path, loose: f.loose, moments: Moments{Format: format, Agree: f.agree},
		lines: map[string]int{}, places: map[string]int{}, asked: map[string]int{},
	}
	if videos != nil {
		r.known = map[string]float64{}
		for _, v := range videos {
			r.known[v.ID] = v.Duration
		}
	}
	read := f.read
	if f.rows {
		if layout, err := momentFormatOf(path); err == nil && (layout == "windows" || layout == "qvhighlights") {
			read, r.loose = windowMoments, false
		}
	}
	if err := read(r); err != nil {
		return Moments{}, unreadableMoments(path, err)
	}
	if len(r.moments.Queries) == 0 {
		return Moments{}, unreadableMoments(path, errors.New("there are no queries in it"))
	}
	return r.moments, nil
}

func unreadableMoments(path string, err error) error {
	e := &sightline.Error{
		Kind: sightline.Failed, What: "read moments from " + path, Err: err,
		Try: "docs/formats.md says what each format holds; --format names one",
	}
	var place *placeError
	if errors.As(err, &place) {
		e.What = "read moments" // the place names the file
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		e.Err, e.Try = pathErr.Err, "check the name of the file"
	}
	return e
}

// momentFormatOf finds out the format of a file from its first characters and names.
func momentFormatOf(path string) (string, error) {
	file, in, err := openText(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	start, err := in.Peek(1)
	for err == nil && strings.ContainsRune(" \t\r\n", rune(start[0])) {
		in.Discard(1)
		start, err = in.Peek(1)
	}
	switch {
	case err == io.EOF:
		return "", &placeError{path, 1, errors.New("the file is empty")}
	case err != nil:
		return "", err
	case start[0] == '[':
		return "didemo", nil
	case start[0] != '{':
		line, err := readLine(in)
		if err == nil && bytes.Contains(line, []byte("##")) {
			return "charades", nil
		}
		return "", &placeError{path, 1, errors.New("this is neither JSON nor a line of Charades-STA (VIDEO START END##sentence)")}
	}
	names := map[string]bool{}
	decoder := json.NewDecoder(io.LimitReader(in, maxElement))
	decoder.Token()
	for decoder.More() { // the names of the first object, as far as they tell
		name, err := decoder.Token()
		if err != nil {
			return "", &placeError{path, 1, err}
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return "", &placeError{path, 1, err}
		}
		var video map[string]json.RawMessage
		if json.Unmarshal(value, &video) == nil && video["timestamps"] != nil {
			if video["fps"] != nil {
				return "tacos", nil
			}
			return "activitynet", nil
		}
		if key, ok := name.(string); ok {
			names[key] = true
		}
	}
	switch {
	case names["desc_id"]:
		return "tvr", nil
	case names["qid"] && names["saliency_scores"]:
		return "qvhighlights", nil
	case names["qid"]:
		return "windows", nil
	case names["caption"] || names["captions"]:
		return "world", nil
	}
	return "", &placeError{path, 1, errors.New("an object of none of the known formats")}
}

// momentReading is a file of moments as it is being read.
type momentReading struct {
	path    string
	loose   bool
	known   map[string]float64 // durations of all videos there are; nil where any will do
	moments Moments
	lines   map[string]int // where an id stands
	places  map[string]int // index of a video
	asked   map[string]int // how many queries a video has
}

func (r *momentReading) fail(line int, format string, args ...any) error {
	return &placeError{r.path, line, fmt.Errorf(format, args...)}
}

func (r *momentReading) repair(line int, what string) {
	i := slices.IndexFunc(r.moments.Repairs, func(known Repair) bool { return known.What == what })
	if i < 0 {
		i = len(r.moments.Repairs)
		r.moments.Repairs = append(r.moments.Repairs, Repair{What: what, First: fmt.Sprintf("%s:%d", r.path, line)})
	}
	r.moments.Repairs[i].Count++
}

// cutAt is how far, in seconds, a span may reach beyond its video and count as rounded; loose files are cut anywhere.
const cutAt = 1

const (
	cutSpans    = "spans were cut at the end of their video"
	leftOut     = "queries were left out whose span has no length within the video"
	noDurations = "videos are of unknown duration, so their spans could not be checked"
)

// add takes a query. An empty id becomes VIDEO_N, N counting the queries of a video from 0.
func (r *momentReading) add(line int, q sightline.MomentQuery) error {
	q.ID, q.Text, q.Video = strings.TrimSpace(q.ID), strings.Join(strings.Fields(q.Text), " "), strings.TrimSpace(q.Video)
	if q.Video == "" && len(q.Gold) > 0 {
		return r.fail(line, "there is no video id")
	}
	if q.ID == "" {
		q.ID = fmt.Sprintf("%s_%d", q.Video, r.asked[q.Video])
	}
	r.asked[q.Video]++
	if first, twice := r.lines[q.ID]; twice {
		return r.fail(line, "query %s stands on line %d too", q.ID, first)
	}
	r.lines[q.ID] = line
	switch {
	case q.Text == "":
		return r.fail(line, "query %s has no text", q.ID)
	case !utf8.ValidString(q.Text) || strings.ContainsRune(q.Text, utf8.RuneError):
		return r.fail(line, "query %s: %w", q.ID, errNotUTF8)
	case !(q.Duration >= 0) || math.IsInf(q.Duration, 0):
		return r.fail(line, "query %s: the duration is %v s", q.ID, q.Duration)
	}
	if q.Video != "" {
		if err := r.video(line, &q); err != nil {
			return err
		}
	}
	if keep, err := r.spans(line, &q); err != nil || !keep {
		return err
	}
	r.moments.Queries = append(r.moments.Queries, q)
	return nil
}

// video looks the query's video up, and takes it where it is new.
func (r *momentReading) video(line int, q *sightline.MomentQuery) error {
	if r.known != nil {
		duration, ok := r.known[q.Video]
		if !ok {
			return r.fail(line, "query %s is about video %q, which is not among the %d videos there are", q.ID, q.Video, len(r.known))
		}
		if q.Duration > 0 && duration > 0 && duration != q.Duration {
			return r.fail(line, "video %q lasts %v s here, and %v s elsewhere", q.Video, q.Duration, duration)
		}
		q.Duration = max(q.Duration, duration)
	}
	at, ok := r.places[q.Video]
	if !ok {
		at = len(r.moments.Videos)
		r.places[q.Video] = at
		r.moments.Videos = append(r.moments.Videos, sightline.Video{ID: q.Video, Duration: q.Duration})
		if q.Duration == 0 {
			r.repair(line, noDurations)
		}
	}
	if before := r.moments.Videos[at].Duration; before != q.Duration {
		return r.fail(line, "video %q lasts %v s here, and %v s before", q.Video, q.Duration, before)
	}
	return nil
}

// spans checks the gold spans and cuts them at the end of the video; it is false where the query must be left out.
func (r *momentReading) spans(line int, q *sightline.MomentQuery) (keep bool, err error) {
	end := q.Duration
	if end == 0 {
		end = math.Inf(1)
	}
	for i, g := range q.Gold {
		switch {
		case !(g.Start >= 0) || math.IsNaN(g.End) || math.IsInf(g.End, 0):
			return false, r.fail(line, "query %s: the span runs from %v to %v s", q.ID, g.Start, g.End)
		case g.End <= g.Start || g.Start >= end:
			if r.loose {
				r.repair(line, leftOut)
				return false, nil
			}
			if g.End <= g.Start {
				return false, r.fail(line, "query %s: the span ends at %v s, not after its start at %v s", q.ID, g.End, g.Start)
			}
			return false, r.fail(line, "query %s: the span starts at %v s, the video ends at %v s", q.ID, g.Start, end)
		case g.End > end && !r.loose && g.End > end+cutAt:
			return false, r.fail(line, "query %s: the span ends at %v s, the video at %v s", q.ID, g.End, end)
		case g.End > end:
			r.repair(line, cutSpans)
			q.Gold[i].End = end
		}
	}
	return true, nil
}
