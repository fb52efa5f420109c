package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sightline"
)

// Read reads a file of pairs. JSONL has one object a line,
//
//	{"video": "clips/a.mp4", "id": "a", "caption": "…", "start": 0, "end": 3.2, "kind": "v"}
//
// with "captions", a list, in place of "caption" where a video has several; CSV has the same names as its header
// (without captions), parted by commas, semicolons or tabs. Needed are caption and one of video and id. Video paths are
// relative to the file's folder; id defaults to the path; lines with one id speak of one video. The text is UTF-8. The
// first line that makes no sense is an error that names file and line; Check lists them all.
func Read(path string) (Set, error) {
	builder := newBuilder(path)
	err := readRows(path, func(r row, problem *rowError) error {
		if problem != nil {
			return problem
		}
		return builder.add(r)
	})
	if err != nil {
		return Set{}, unreadable(path, err)
	}
	return builder.set, nil
}

// ReadSplits reads a data set in parts. A folder holds the files train, val and test, each .jsonl or .csv; a file holds
// all parts, told apart by the column or field split. Missing parts are empty; a video in two parts is an error.
func ReadSplits(path string) (Splits, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Splits{}, unreadable(path, err)
	}
	var splits Splits
	if info.IsDir() {
		splits, err = splitsOfFolder(path)
	} else {
		splits, err = splitsOfFile(path)
	}
	if err != nil {
		return Splits{}, err
	}
	if len(splits.Train.Videos)+len(splits.Val.Videos)+len(splits.Test.Videos) == 0 {
		return Splits{}, unreadable(path, errors.New("there are no pairs in it"))
	}
	in := map[string]string{}
	for _, part := range splits.named() {
		for _, v := range part.set.Videos {
			if other, ok := in[v.ID]; ok {
				return Splits{}, unreadable(path, fmt.Errorf("video %q is in %s and in %s", v.ID, other, part.name))
			}
			in[v.ID] = part.name
		}
	}
	return splits, nil
}

type namedSet struct {
	name string
	set  *Set
}

func (s *Splits) named() []namedSet {
	return []namedSet{{"train", &s.Train}, {"val", &s.Val}, {"test", &s.Test}}
}

func splitsOfFolder(dir string) (Splits, error) {
	var splits Splits
	found := false
	for _, part := range splits.named() {
		for _, ext := range []string{".jsonl", ".csv"} {
			path := filepath.Join(dir, part.name+ext)
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if len(part.set.Videos) > 0 {
				return splits, unreadable(dir, fmt.Errorf("there are both %s.jsonl and %s.csv", part.name, part.name))
			}
			set, err := Read(path)
			if err != nil {
				return splits, err
			}
			*part.set, found = set, true
		}
	}
	if !found {
		return splits, unreadable(dir, errors.New("the folder has none of train, val and test as .jsonl or .csv"))
	}
	return splits, nil
}

func splitsOfFile(path string) (Splits, error) {
	builders := map[string]*builder{}
	for _, name := range []string{"train", "val", "test"} {
		builders[name] = newBuilder(path)
		builders[name].set.Name += " " + name
	}
	err := readRows(path, func(r row, problem *rowError) error {
		if problem != nil {
			return problem
		}
		b, ok := builders[r.split]
		if !ok {
			return &rowError{line: r.line, err: fmt.Errorf("split is %q, not train, val or test", r.split)}
		}
		return b.add(r)
	})
	if err != nil {
		return Splits{}, unreadable(path, err)
	}
	return Splits{builders["train"].set, builders["val"].set, builders["test"].set}, nil
}

// readRows calls each for every row or problem of the file until it returns an error.
func readRows(path string, each func(row, *rowError) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	rows, err := rowsOf(path, file)
	if err != nil {
		return err
	}
	for r, problem := range rows {
		if err := each(r, problem); err != nil {
			return err
		}
	}
	return nil
}

func unreadable(path string, err error) error {
	e := &sightline.Error{Kind: sightline.Failed, What: "read pairs from " + path, Err: err}
	var line *rowError
	if errors.As(err, &line) {
		e.Try = fmt.Sprintf("sightline data check %q lists every line that has a problem", path)
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		e.Err = pathErr.Err
	}
	return e
}

// builder gathers rows into a Set.
type builder struct {
	set  Set
	seen map[string]int // index of a video by its ID
}

func newBuilder(path string) *builder {
	dir, file := filepath.Split(path)
	name := strings.TrimSuffix(file, filepath.Ext(file))
	return &builder{Set{Name: name, Dir: filepath.Clean(dir)}, map[string]int{}}
}

// add appends a row's captions, and its video unless a row before had it.
func (b *builder) add(r row) error {
	path := ""
	if r.video != "" {
		path = filepath.FromSlash(r.video)
		if !filepath.IsAbs(path) {
			path = filepath.Join(b.set.Dir, path)
		}
	}
	index, ok := b.seen[r.id]
	if !ok {
		index = len(b.set.Videos)
		b.seen[r.id] = index
		b.set.Videos = append(b.set.Videos, sightline.Video{ID: r.id})
	}
	video := &b.set.Videos[index]
	if video.Path != "" && path != "" && path != video.Path {
		return &rowError{line: r.line, err: fmt.Errorf("id %q stands for %s, and for %s before", r.id, path, video.Path)}
	}
	if path != "" {
		video.Path = path
	}
	if r.duration > 0 {
		if video.Duration > 0 && video.Duration != r.duration {
			return &rowError{line: r.line, err: fmt.Errorf("video %q lasts %v s, and %v s before", r.id, r.duration, video.Duration)}
		}
		video.Duration = r.duration
	}
	for _, text := range r.captions {
		b.set.Captions = append(b.set.Captions, Caption{Video: index, Text: text, Span: r.span, Kind: r.kind})
	}
	return nil
}
