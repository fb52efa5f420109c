package dataset

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// ReadIDs reads a list of ids, one a line, as people keep of videos that are gone from where a benchmark took them from.
func ReadIDs(path string) (map[string]bool, error) {
	ids := map[string]bool{}
	err := eachLine(path, func(_ int, text string) error {
		ids[strings.TrimSpace(text)] = true
		return nil
	})
	return ids, err
}

// listed says whether an entry's video is in a list of ids: itself, with the v_ of ActivityNet's files, or the video that it
// was cut from, as YouTube and lists of its videos know it.
func (e entry) listed(ids map[string]bool) bool {
	return ids[e.video] || ids["v_"+e.video] || e.origin != "" && ids[e.origin]
}

// checkPublished reports on a split of a published benchmark what Check reports on a file of pairs.
func checkPublished(name string, dead map[string]bool) (Report, error) {
	b, err := readPublished(name)
	if place, ok := errors.AsType[*placeError](err); ok {
		return Report{Files: []string{name}, Problems: []Problem{{place.file, place.line, place.err.Error(), true}}}, nil
	}
	if err != nil {
		return Report{}, err
	}
	r := &b.report
	r.Files, r.Captions = []string{name}, len(b.entries)
	videos, pairs, texts := map[string]entry{}, map[[2]string]int{}, map[string]string{}
	for _, e := range b.entries {
		if e.text == "" {
			b.note(&r.Empty, e, true, "the caption of %s is empty", e.video)
		}
		first, again := videos[e.video]
		key, folded := [2]string{e.video, e.text}, strings.ToLower(e.text)
		if line, ok := pairs[key]; ok && e.text != "" {
			b.note(&r.Duplicates, e, false, "the same video and caption as on line %d", line)
		} else if again && b.once {
			b.note(&r.Duplicates, e, false, "video %s is on line %d too", e.video, first.line)
		}
		pairs[key] = e.line
		if other, ok := texts[folded]; !ok {
			texts[folded] = e.video
		} else if other != e.video {
			r.Shared++
		}
		if again {
			continue
		}
		videos[e.video] = e
		path, _, there := b.locate(e)
		switch {
		case there:
			if info, err := os.Stat(path); err == nil && info.Size() == 0 {
				b.note(new(int), e, false, "video file is empty: %s", path)
			}
		case e.listed(dead):
			r.Missing, r.Dead = r.Missing+1, r.Dead+1
		default:
			b.note(&r.Missing, e, false, "video %s is missing", e.video)
		}
	}
	if r.Videos = len(videos); r.Videos == 0 && r.Fatal() == 0 {
		r.Problems = append(r.Problems, Problem{File: name, What: "there are no sentences in it", Fatal: true})
	}
	inTwo := map[string]bool{}
	for _, part := range parts {
		if part != b.part {
			b.compare(name, part, videos, inTwo)
		}
	}
	r.InTwo = len(inTwo)
	return *r, nil
}

// compare notes the videos that stand in another part too, and adds their ids to inTwo. A part that is not here is passed
// over.
func (b *reading) compare(name, part string, videos map[string]entry, inTwo map[string]bool) {
	path, query, _ := strings.Cut(name, "?")
	path = strings.TrimSuffix(strings.TrimRight(path, "/"), b.part) + part
	if query != "" {
		path += "?" + query
	}
	other, err := readPublished(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNoPart):
		return
	case err != nil:
		b.note(new(int), entry{file: path}, false, "it was not compared with this part: %v", errors.Unwrap(err))
		return
	}
	seen := map[string]bool{}
	for _, e := range other.entries {
		if _, both := videos[e.video]; both && !seen[e.video] {
			seen[e.video], inTwo[e.video] = true, true
			b.note(new(int), e, true, "video %s is in %s and in %s", e.video, b.part, part)
		}
	}
}
