package dataset

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"sightline"
)

// Published benchmarks are named scheme:FOLDER/part?options, where the folder holds the official files and, below videos/,
// the videos under their ids: msrvtt:data/msrvtt/test, msrvtt:data/msrvtt/train?split=7k, didemo:data/didemo/val. The
// protocols are those that text-to-video papers share, as CLIP4Clip's data loaders have them.
var published = map[string]benchmark{
	"msrvtt":      {msrvtt, []string{"9k", "7k", "full"}},
	"msvd":        {msvd, nil},
	"lsmdc":       {lsmdc, nil},
	"didemo":      {didemo, nil},
	"activitynet": {activitynet, nil},
	"youcook2":    {youcook2, nil},
}

// benchmark reads the official files of one published data set.
type benchmark struct {
	read   func(b *reading) error
	splits []string // what the option split may be; the first where it is left out
}

// parts of every benchmark; some have no validation part.
var parts = []string{"train", "val", "test"}

// errNoPart says that a benchmark has no part of a name.
var errNoPart = errors.New("there is no such part")

// reading is a split as it is being read.
type reading struct {
	folder, part  string
	split, videos string // options
	entries       []entry
	once          bool   // a video has one sentence: one that comes again is worth a note
	report        Report // what is wrong so far; the fatal problems keep the split from being read
}

// entry is a sentence about a video, with where it stands.
type entry struct {
	file     string
	line     int
	video    string
	text     string
	duration float64
	origin   string         // id of the longer video that this one was taken from, where ids tell
	cut      sightline.Span // the stretch of origin that is this video; zero where it is not said
}

func (b *reading) path(name string) string { return filepath.Join(b.folder, name) }

// add takes a sentence; text that is not UTF-8 is an error that names its place.
func (b *reading) add(e entry) error {
	if !utf8.ValidString(e.text) || !utf8.ValidString(e.video) {
		return e.fail(errNotUTF8)
	}
	e.text, e.video = strings.Join(strings.Fields(e.text), " "), strings.TrimSpace(e.video)
	if e.video == "" {
		return e.fail(errors.New("there is no video id"))
	}
	b.entries = append(b.entries, e)
	return nil
}

// note takes down a problem and counts it.
func (b *reading) note(count *int, e entry, fatal bool, format string, args ...any) {
	*count++
	b.report.Problems = append(b.report.Problems, Problem{e.file, e.line, fmt.Sprintf(format, args...), fatal})
}

func (e entry) fail(err error) error { return &placeError{e.file, e.line, err} }

// placeError names file and line of what is wrong.
type placeError struct {
	file string
	line int
	err  error
}

func (e *placeError) Error() string {
	return Problem{File: e.file, Line: e.line, What: e.err.Error()}.String()
}
func (e *placeError) Unwrap() error { return e.err }

// IsPublished says whether a name is that of a split of a published benchmark, such as msrvtt:data/msrvtt/test.
func IsPublished(name string) bool {
	scheme, _, ok := strings.Cut(name, ":")
	_, known := published[scheme]
	return ok && known
}

// Published reads a split of a published benchmark: of MSR-VTT, MSVD, LSMDC, DiDeMo, ActivityNet Captions or YouCook2, from
// their official files (docs/formats.md). Videos whose files are missing are in the set too, under the name by which they
// were looked for first. A name that makes no sense is a Usage error; a file that does not, an error with file and line.
func Published(name string) (Set, error) {
	b, err := readPublished(name)
	if err != nil {
		return Set{}, err
	}
	for _, p := range b.report.Problems {
		if p.Fatal {
			return Set{}, unreadablePublished(name, &placeError{p.File, p.Line, errors.New(p.What)})
		}
	}
	for _, e := range b.entries {
		if e.text == "" {
			return Set{}, unreadablePublished(name, e.fail(errEmpty))
		}
	}
	if len(b.entries) == 0 {
		return Set{}, unreadablePublished(name, errors.New("there are no sentences in it"))
	}
	return b.set(name), nil
}

func unreadablePublished(name string, err error) error {
	kind := sightline.Failed
	if errors.Is(err, errNoPart) {
		kind = sightline.Usage
	}
	try := "docs/formats.md says which official files it needs"
	if _, ok := errors.AsType[*placeError](err); ok {
		try = fmt.Sprintf("sightline data check %q lists what is wrong", name)
	}
	return &sightline.Error{Kind: kind, What: "read " + name, Err: err, Try: try}
}

// readPublished reads the entries of a split.
func readPublished(name string) (*reading, error) {
	scheme, rest, _ := strings.Cut(name, ":")
	bench := published[scheme]
	path, query, _ := strings.Cut(rest, "?")
	options, err := url.ParseQuery(query)
	b := &reading{folder: filepath.Dir(path), part: filepath.Base(path), split: options.Get("split"), videos: options.Get("videos")}
	if b.videos == "" {
		b.videos = b.path("videos")
	}
	if b.split == "" && bench.splits != nil {
		b.split = bench.splits[0]
	}
	switch {
	case err != nil:
	case bench.read == nil:
		err = fmt.Errorf("%q is no benchmark", scheme)
	case !slices.Contains(parts, b.part):
		err = fmt.Errorf("%q is no part; there are train, val and test", b.part)
	case b.split != "" && bench.splits == nil:
		err = errors.New("it has one way to be split only")
	case b.split != "" && !slices.Contains(bench.splits, b.split):
		err = fmt.Errorf("split is %q; there are %s", b.split, strings.Join(bench.splits, ", "))
	}
	for key := range options {
		if err == nil && key != "split" && key != "videos" {
			err = fmt.Errorf("unknown option %q", key)
		}
	}
	if err != nil {
		return nil, &sightline.Error{
			Kind: sightline.Usage, What: "read " + name, Err: err,
			Try: fmt.Sprintf("name folder and part, e.g. %s:data/%s/test", scheme, scheme),
		}
	}
	if err := bench.read(b); err != nil {
		return nil, unreadablePublished(name, err)
	}
	return b, nil
}

// set gathers the entries by video, in the order in which videos first appear.
func (b *reading) set(name string) Set {
	set := Set{Name: name, Dir: b.folder}
	places := map[string]int{}
	var cuts []sightline.Span
	cut := false
	for _, e := range b.entries {
		at, ok := places[e.video]
		if !ok {
			at = len(set.Videos)
			places[e.video] = at
			path, stretch, _ := b.locate(e)
			set.Videos = append(set.Videos, sightline.Video{ID: e.video, Path: path, Duration: e.duration})
			cuts, cut = append(cuts, stretch), cut || stretch != sightline.Span{}
		}
		set.Captions = append(set.Captions, Caption{Video: at, Text: e.text})
	}
	if cut {
		set.Cuts = cuts
	}
	return set
}

// locate returns where an entry's video lies, and the stretch of that file that counts, zero where all does: a file of its
// own, or else the video that it is a stretch of. Where there is neither, the path is the one that was tried first.
func (b *reading) locate(e entry) (path string, cut sightline.Span, found bool) {
	path, found = b.file(e.video)
	switch {
	case e.cut == sightline.Span{}:
	case e.origin == e.video:
		cut = e.cut
	case !found:
		if whole, there := b.file(e.origin); there {
			return whole, e.cut, true
		}
	}
	return path, cut, found
}

// containers are the extensions under which people keep videos.
var containers = []string{".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v"}

// file returns where the file of an id lies, and whether it is there: below the folder of videos by its id, with v_ before
// it as ActivityNet has it, or as LSMDC has it in a folder of its film.
func (b *reading) file(id string) (string, bool) {
	stem := id
	if ext := filepath.Ext(id); slices.Contains(containers, ext) {
		stem = strings.TrimSuffix(id, ext)
	}
	places := []string{filepath.Join(b.videos, id), filepath.Join(b.videos, stem), filepath.Join(b.videos, "v_"+id)}
	if i := strings.LastIndexByte(id, '_'); i > 0 {
		places = append(places, filepath.Join(b.videos, id[:i], id))
	}
	for _, base := range places {
		for _, ext := range append([]string{""}, containers...) {
			if info, err := os.Stat(base + ext); err == nil && info.Mode().IsRegular() {
				return base + ext, true
			}
		}
	}
	return filepath.Join(b.videos, stem+".mp4"), false
}
