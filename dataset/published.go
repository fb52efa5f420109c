package dataset

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"sightline"
)

// Published benchmarks are named scheme:FOLDER/part?options, where the folder holds the official files and, below videos/,
// the videos under their ids: msrvtt:data/msrvtt/test, msrvtt:data/msrvtt/train?split=7k, didemo:data/didemo/val. Protocols
// are those of retrieval.md 0.6.
var published = map[string]benchmark{
	"msrvtt":      {"MSR-VTT", msrvtt},
	"msvd":        {"MSVD", msvd},
	"lsmdc":       {"LSMDC", lsmdc},
	"didemo":      {"DiDeMo", didemo},
	"activitynet": {"ActivityNet Captions", activitynet},
	"youcook2":    {"YouCook2", youcook2},
}

// benchmark reads the official files of one published data set.
type benchmark struct {
	name string
	read func(b *reading) error
}

// reading is a split as it is being read.
type reading struct {
	folder, part string
	options      url.Values
	entries      []entry
}

// entry is a sentence about a video, with where it stands.
type entry struct {
	file     string
	line     int // 0 where a file has no lines to speak of
	video    string
	text     string
	span     sightline.Span
	duration float64
}

func (b *reading) path(name string) string { return filepath.Join(b.folder, name) }

// add takes a sentence; text that is not UTF-8 is an error that names its place.
func (b *reading) add(e entry) error {
	if !utf8.ValidString(e.text) || strings.ContainsRune(e.text, utf8.RuneError) {
		return e.fail(errNotUTF8)
	}
	e.text, e.video = strings.Join(strings.Fields(e.text), " "), strings.TrimSpace(e.video)
	if e.video == "" {
		return e.fail(errors.New("there is no video id"))
	}
	b.entries = append(b.entries, e)
	return nil
}

func (e entry) fail(err error) error { return &placeError{e.file, e.line, err} }

// placeError names file and line of what is wrong.
type placeError struct {
	file string
	line int
	err  error
}

func (e *placeError) Error() string {
	if e.line == 0 {
		return fmt.Sprintf("%s: %v", e.file, e.err)
	}
	return fmt.Sprintf("%s:%d: %v", e.file, e.line, e.err)
}

func (e *placeError) Unwrap() error { return e.err }

// Published reads a split of a published benchmark. It is false when the name is no such split's.
func Published(name string) (Set, bool, error) {
	b, known, err := readPublished(name)
	if !known || err != nil {
		return Set{}, known, err
	}
	set := b.set(name)
	for _, e := range b.entries {
		if e.text == "" {
			return Set{}, true, unreadablePublished(name, e.fail(errors.New("the caption is empty")))
		}
	}
	if len(set.Videos) == 0 {
		return Set{}, true, unreadablePublished(name, errors.New("there are no sentences in it"))
	}
	return set, true, nil
}

func unreadablePublished(name string, err error) error {
	return &sightline.Error{
		Kind: sightline.Failed, What: "read " + name, Err: err,
		Try: fmt.Sprintf("sightline data check %q tells what is wrong; docs/formats.md says which official files it needs", name),
	}
}

// readPublished reads the entries of a split.
func readPublished(name string) (*reading, bool, error) {
	scheme, rest, ok := strings.Cut(name, ":")
	bench, known := published[scheme]
	if !ok || !known {
		return nil, false, nil
	}
	path, query, _ := strings.Cut(rest, "?")
	options, err := url.ParseQuery(query)
	part := filepath.Base(path)
	usage := func(err error) (*reading, bool, error) {
		return nil, true, &sightline.Error{
			Kind: sightline.Usage, What: "read " + name, Err: err,
			Try: fmt.Sprintf("name folder and part, e.g. %s:data/%s/test", scheme, scheme),
		}
	}
	switch {
	case err != nil:
		return usage(err)
	case !slices.Contains([]string{"train", "val", "test"}, part):
		return usage(fmt.Errorf("%q is no part; there are train, val and test", part))
	}
	for key := range options {
		if key != "split" && key != "videos" {
			return usage(fmt.Errorf("unknown option %q", key))
		}
	}
	b := &reading{folder: filepath.Dir(path), part: part, options: options}
	if err := bench.read(b); err != nil {
		return nil, true, unreadablePublished(name, err)
	}
	return b, true, nil
}

// set gathers the entries by video, in the order in which videos first appear.
func (b *reading) set(name string) Set {
	set := Set{Name: name, Dir: b.folder}
	places := map[string]int{}
	for _, e := range b.entries {
		at, ok := places[e.video]
		if !ok {
			at = len(set.Videos)
			places[e.video] = at
			path, _ := b.video(e.video)
			set.Videos = append(set.Videos, sightline.Video{ID: e.video, Path: path, Duration: e.duration})
		}
		set.Captions = append(set.Captions, Caption{Video: at, Text: e.text, Span: e.span})
	}
	return set
}

// containers are the extensions under which people keep videos.
var containers = []string{".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v"}

// video returns where a video lies, and whether it is there: below videos/ by its id, or as LSMDC has it in a folder of
// its film; where it is not, the name under which it is looked for first.
func (b *reading) video(id string) (string, bool) {
	dir := b.options.Get("videos")
	if dir == "" {
		dir = b.path("videos")
	}
	stem := strings.TrimSuffix(id, filepath.Ext(id))
	if !slices.Contains(containers, filepath.Ext(id)) {
		stem = id
	}
	film, _, _ := cutLast(id, "_")
	for _, base := range []string{filepath.Join(dir, id), filepath.Join(dir, stem), filepath.Join(dir, "v_"+id), filepath.Join(dir, film, id)} {
		for _, ext := range append([]string{""}, containers...) {
			if info, err := os.Stat(base + ext); err == nil && info.Mode().IsRegular() {
				return base + ext, true
			}
		}
	}
	return filepath.Join(dir, stem+".mp4"), false
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// paragraphs joins all sentences of each video into one, as paragraph retrieval does.
func paragraphs(entries []entry) []entry {
	var joined []entry
	places := map[string]int{}
	for _, e := range entries {
		at, ok := places[e.video]
		if !ok {
			places[e.video] = len(joined)
			joined = append(joined, e)
			continue
		}
		joined[at].text = strings.TrimSpace(joined[at].text + " " + e.text)
	}
	return joined
}

// CheckPublished reports on a split of a published benchmark what Check reports on a file of pairs; dead, which may be nil,
// are ids known to be gone from where they came from. It is false when the name is no such split's.
func CheckPublished(name string, dead map[string]bool) (Report, bool, error) {
	b, known, err := readPublished(name)
	if !known || err != nil {
		var place *placeError
		if errors.As(err, &place) {
			return Report{Files: []string{name}, Problems: []Problem{{place.file, place.line, place.err.Error(), true}}}, true, nil
		}
		return Report{}, known, err
	}
	report := Report{Files: []string{name}, Captions: len(b.entries)}
	note := func(e entry, fatal bool, format string, args ...any) {
		report.Problems = append(report.Problems, Problem{e.file, e.line, fmt.Sprintf(format, args...), fatal})
	}
	videos, pairs, texts := map[string]bool{}, map[[2]string]int{}, map[string]string{}
	for _, e := range b.entries {
		if e.text == "" {
			note(e, true, "the caption of %s is empty", e.video)
		}
		if line, ok := pairs[[2]string{e.video, e.text}]; ok && e.text != "" && e.span == (sightline.Span{}) {
			note(e, false, "the same video and caption as on line %d", line)
		}
		pairs[[2]string{e.video, e.text}] = e.line
		if other, ok := texts[strings.ToLower(e.text)]; ok && other != e.video {
			report.Shared++
		}
		texts[strings.ToLower(e.text)] = e.video
		if videos[e.video] {
			continue
		}
		videos[e.video] = true
		path, there := b.video(e.video)
		switch {
		case there:
			if info, err := os.Stat(path); err == nil && info.Size() == 0 {
				note(e, false, "%s is empty", path)
			}
		case dead[e.video]:
			report.Missing, report.Dead = report.Missing+1, report.Dead+1
		default:
			report.Missing++
			note(e, false, "video %s is missing", e.video)
		}
	}
	report.Videos = len(videos)
	for _, other := range slices.Sorted(maps.Keys(map[string]bool{"train": true, "val": true, "test": true})) {
		if other == b.part {
			continue
		}
		prefix, _, _ := strings.Cut(name, "?")
		elsewhere, _, err := readPublished(strings.TrimSuffix(prefix, b.part) + other + strings.TrimPrefix(name, prefix))
		if err != nil {
			continue // that part is not here
		}
		seen := map[string]bool{}
		for _, e := range elsewhere.entries {
			if videos[e.video] && !seen[e.video] {
				seen[e.video] = true
				note(e, false, "video %s is in %s too", e.video, b.part)
			}
		}
	}
	return report, true, nil
}
