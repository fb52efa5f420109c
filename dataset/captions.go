package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"sightline"
)

// Described is a video with the caption that a system wrote and the sentences that people did.
type Described struct {
	ID         string
	Caption    string   // may be empty
	References []string // at least one, none of them empty
}

// Descriptions are a system's captions beside their references.
type Descriptions struct {
	Items    []Described // in the order of the references
	Repeated int         // references that their video has twice
}

// written is a sentence in a file of captions, with where it stands.
type written struct {
	id, text string
	place    placeError
}

func (w written) fail(format string, args ...any) error {
	return &placeError{w.place.file, w.place.line, fmt.Errorf(format, args...)}
}

// Describe joins a file of references with a file of generated captions. References are COCO's annotations (an object with a
// list under annotations, or sentences as MSR-VTT has it, of image_id or video_id and caption) or pairs as Read takes
// them; captions are COCO's results (a list of image_id and caption) or pairs. Every video of one file must be in the other,
// with one caption exactly. A caption may be empty, a reference may not.
func Describe(references, captions string) (Descriptions, error) {
	var d Descriptions
	places := map[string]int{}
	gold, err := readWritten(references)
	if err != nil {
		return d, unreadableCaptions(references, err)
	}
	said := map[[2]string]bool{}
	for _, w := range gold {
		if w.text == "" {
			return d, unreadableCaptions(references, w.fail("the reference of %q is empty", w.id))
		}
		at, ok := places[w.id]
		if !ok {
			at = len(d.Items)
			places[w.id] = at
			d.Items = append(d.Items, Described{ID: w.id})
		}
		if said[[2]string{w.id, w.text}] {
			d.Repeated++
		}
		said[[2]string{w.id, w.text}] = true
		d.Items[at].References = append(d.Items[at].References, w.text)
	}
	predicted, err := readWritten(captions)
	if err != nil {
		return d, unreadableCaptions(captions, err)
	}
	found := map[string]written{}
	for _, w := range predicted {
		if before, twice := found[w.id]; twice {
			return d, unreadableCaptions(captions, w.fail("a second caption for %q; the first is on line %d", w.id, before.place.line))
		}
		at, known := places[w.id]
		if !known {
			return d, unreadableCaptions(captions, w.fail("%q is not in %s", w.id, references))
		}
		found[w.id] = w
		d.Items[at].Caption = w.text
	}
	var missing []string
	for _, item := range d.Items {
		if _, ok := found[item.ID]; !ok {
			missing = append(missing, fmt.Sprintf("%q", item.ID))
		}
	}
	if len(missing) > 0 {
		return d, unreadableCaptions(captions, fmt.Errorf("%d of %d videos of %s have no caption: %s", len(missing), len(d.Items), references,
			strings.Join(missing[:min(3, len(missing))], ", ")))
	}
	return d, nil
}

func unreadableCaptions(path string, err error) error {
	return &sightline.Error{
		Kind: sightline.Failed, What: "read captions from " + path, Err: err,
		Try: "give COCO's files or JSONL with id and caption, the same ids in both; docs/formats.md has the layouts",
	}
}

// readWritten reads a file of captions: .json as COCO's unless it begins like JSONL, else pairs.
func readWritten(path string) ([]written, error) {
	var all []written
	add := func(line int, id, text string) error {
		w := written{strings.TrimSpace(id), strings.TrimSpace(text), placeError{path, line, nil}}
		switch {
		case w.id == "":
			return w.fail("there is no id")
		case strings.ContainsRune(text, '\uFFFD'):
			return w.fail("%w", errNotUTF8)
		}
		all = append(all, w)
		return nil
	}
	list, key, err := cocoLayout(path)
	switch {
	case err != nil:
		return nil, err
	case list:
		err = eachElement(path, key, func(line int, s struct {
			ID      looseID `json:"id"` // of the annotation, where there is another
			Image   looseID `json:"image_id"`
			Video   looseID `json:"video_id"`
			Caption *string `json:"caption"`
		}) error {
			id := s.Image
			if id == "" {
				id = s.Video
			}
			if id == "" && key == "" {
				id = s.ID
			}
			if s.Caption == nil {
				return &placeError{path, line, errors.New("there is no caption")}
			}
			return add(line, string(id), *s.Caption)
		})
	default:
		err = readRows(path, func(r row, problem *rowError) error {
			if problem != nil && !errors.Is(problem, errEmpty) {
				return &placeError{path, problem.line, problem.err}
			}
			for _, caption := range r.captions {
				if err := add(r.line, r.id, caption); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err == nil && len(all) == 0 {
		err = errors.New("there are no captions in it")
	}
	return all, err
}

// cocoLayout reports whether a file is one JSON document with a list of captions, and under which key; "" is the document
// itself.
func cocoLayout(path string) (list bool, key string, err error) {
	if !strings.EqualFold(filepath.Ext(path), ".json") {
		return false, "", nil
	}
	file, in, err := openText(path)
	if err != nil {
		return false, "", err
	}
	defer file.Close()
	start, err := in.Peek(64 << 10)
	if err != nil && err != io.EOF {
		return false, "", err
	}
	if start = bytes.TrimLeft(start, " \t\r\n"); bytes.HasPrefix(start, []byte("[")) {
		return true, "", nil
	}
	first, _, _ := bytes.Cut(start, []byte("\n"))
	if first = bytes.TrimSpace(first); len(first) > 0 {
		if r, err := parseJSON(first); (err == nil || errors.Is(err, errEmpty)) && len(r.captions) > 0 {
			return false, "", nil // JSONL by another name
		}
	}
	for _, key := range []string{"annotations", "sentences"} {
		err = readDocument(path, func(d *document) error { return d.descend(key) })
		if _, missing := errors.AsType[missingKey](err); !missing {
			return err == nil, key, err
		}
	}
	return false, "", errors.New(`it holds neither a list nor one under "annotations" or "sentences"`)
}
