package dataset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sightline"
)

// Problem is one thing that is wrong, or looks wrong, with a file of pairs.
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // from 1; 0 when the whole file is meant
	What string `json:"what"`
	// Fatal problems make Read fail, or put one video into two splits; the others are worth a look.
	Fatal bool `json:"fatal"`
}

// String formats the problem as file:line: what.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.What
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.What)
}

// Report is everything Check found.
type Report struct {
	Files      []string  `json:"files"`
	Videos     int       `json:"videos"`
	Captions   int       `json:"captions"`
	Shared     int       `json:"shared"`        // captions that an earlier one of another video repeats, whatever the case
	Missing    int       `json:"missing"`       // videos whose file is not there
	Dead       int       `json:"dead"`          // of these, known to be gone from where they came from; they are not listed
	Duplicates int       `json:"duplicates"`    // pairs, listed ids and files that come again
	Empty      int       `json:"empty"`         // captions without a text, and listed videos without a caption
	InTwo      int       `json:"in_two_splits"` // videos that are in another split too
	Problems   []Problem `json:"problems"`      // in the order of the files
}

// Fatal returns how many problems keep the data from being used.
func (r Report) Fatal() int {
	n := 0
	for _, p := range r.Problems {
		if p.Fatal {
			n++
		}
	}
	return n
}

// Check reads a file of pairs, or a folder with train, val and test files, or a split of a published benchmark, and reports
// every problem: lines that Read refuses, and video files that are missing or empty, the same pair twice, one video file
// under two ids, spans beyond the stated duration, and videos that stand in two splits. Dead, which may be nil, are ids known
// to be gone from where they came from. Of a published benchmark's file only the first thing that Published refuses to
// parse is told. Check fails only when what is named cannot be opened.
func Check(path string, dead map[string]bool) (Report, error) {
	if IsPublished(path) {
		return checkPublished(path, dead)
	}
	info, err := os.Stat(path)
	if err != nil {
		return Report{}, unreadable(path, err)
	}
	files := []string{path}
	if info.IsDir() {
		files = nil
		for _, name := range []string{"train.jsonl", "train.csv", "val.jsonl", "val.csv", "test.jsonl", "test.csv"} {
			if _, err := os.Stat(filepath.Join(path, name)); err == nil {
				files = append(files, filepath.Join(path, name))
			}
		}
		if len(files) == 0 {
			return Report{}, unreadable(path, errors.New("the folder has none of train, val and test as .jsonl or .csv"))
		}
	}
	c := checker{
		videos: map[string]placed{}, paths: map[string]string{}, texts: map[string]string{},
		pairs: map[pairKey]int{}, inTwo: map[string]bool{}, report: Report{Files: files}, dead: dead,
	}
	for _, file := range files {
		c.file(file)
	}
	c.report.Videos, c.report.InTwo = len(c.videos), len(c.inTwo)
	return c.report, nil
}

type pairKey struct {
	file, id, text string
	span           sightline.Span
}

// placed is where a video was first seen.
type placed struct {
	file, split string
	line        int
}

type checker struct {
	report Report
	videos map[string]placed
	paths  map[string]string // id by path
	texts  map[string]string // id by caption
	pairs  map[pairKey]int   // line
	dead   map[string]bool   // ids
	inTwo  map[string]bool   // ids
}

func (c *checker) note(file string, line int, fatal bool, format string, args ...any) {
	c.report.Problems = append(c.report.Problems, Problem{file, line, fmt.Sprintf(format, args...), fatal})
}

func (c *checker) file(path string) {
	b := newBuilder(path)
	err := readRows(path, func(r row, problem *rowError) error {
		if problem != nil {
			if errors.Is(problem, errEmpty) {
				c.report.Empty++
			}
			c.note(path, problem.line, true, "%v", problem.err)
			return nil
		}
		if err := b.add(r); err != nil {
			var e *rowError
			errors.As(err, &e)
			c.note(path, e.line, true, "%v", e.err)
			return nil
		}
		c.row(path, r, b.set.Videos[b.seen[r.id]])
		return nil
	})
	if err != nil {
		c.note(path, 0, true, "%v", errors.Unwrap(unreadable(path, err)))
	} else if len(b.set.Captions) == 0 {
		c.note(path, 0, true, "there are no pairs in it")
	}
}

func (c *checker) row(file string, r row, v sightline.Video) {
	if first, ok := c.videos[r.id]; !ok {
		c.videos[r.id] = placed{file, r.split, r.line}
		c.video(file, r.line, v)
	} else if first.file != file || first.split != r.split {
		c.inTwo[r.id] = true
		c.note(file, r.line, true, "video %q is in another split too: %s:%d", r.id, first.file, first.line)
	}
	if r.split != "" && r.split != "train" && r.split != "val" && r.split != "test" {
		c.note(file, r.line, true, "split is %q, not train, val or test", r.split)
	}
	if v.Duration > 0 && r.span.End > v.Duration+0.05 {
		c.note(file, r.line, false, "the span ends at %v s, the video at %v s", r.span.End, v.Duration)
	}
	for _, text := range r.captions {
		c.report.Captions++
		key := pairKey{file, r.id, text, r.span}
		if line, ok := c.pairs[key]; ok {
			c.report.Duplicates++
			c.note(file, r.line, false, "the same pair stands on line %d", line)
		} else {
			c.pairs[key] = r.line
		}
		folded := strings.ToLower(text)
		if other, ok := c.texts[folded]; !ok {
			c.texts[folded] = r.id
		} else if other != r.id {
			c.report.Shared++
		}
	}
}

// video looks at the file of a video that is seen for the first time.
func (c *checker) video(file string, line int, v sightline.Video) {
	if v.Path == "" {
		return // features made elsewhere
	}
	if other, ok := c.paths[v.Path]; ok {
		c.report.Duplicates++
		c.note(file, line, false, "%s is video %q too", v.Path, other)
	}
	c.paths[v.Path] = v.ID
	switch info, err := os.Stat(v.Path); {
	case err != nil && c.dead[v.ID]:
		c.report.Missing, c.report.Dead = c.report.Missing+1, c.report.Dead+1
	case err != nil:
		c.report.Missing++
		c.note(file, line, false, "video file is missing: %s", v.Path)
	case info.IsDir():
		c.note(file, line, false, "video file is a folder: %s", v.Path)
	case info.Size() == 0:
		c.note(file, line, false, "video file is empty: %s", v.Path)
	}
}
