package feature

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sightline"
	"sightline/internal/atomicfile"
)

// Store is a folder of feature files: <Dir>/<space key>/<video id>.<stream>.feat, with a space.json in each space's
// folder that tells the space in readable form. Characters of a video id that a file name cannot have everywhere are
// written as %XX. The zero Store is not usable; the folder is created by the first write.
//
// Files are immutable and appear whole, so a Store is safe for concurrent use, by several processes too.
type Store struct {
	Dir string
}

const (
	extension = ".feat"
	spaceFile = "space.json"
	maxName   = 255 // bytes in a file name
)

// Path returns where the features named by h lie, whether they are there or not.
func (s Store) Path(h Header) (string, error) {
	if err := h.check(); err != nil {
		return "", err
	}
	name := escape(h.VideoID) + "." + string(h.Stream) + extension
	if len(name) > maxName {
		return "", fmt.Errorf("video id %q is too long for a file name", h.VideoID)
	}
	return filepath.Join(s.SpaceDir(h.Space), name), nil
}

// SpaceDir returns the folder of one space.
func (s Store) SpaceDir(space sightline.Space) string { return filepath.Join(s.Dir, space.Key()) }

// Has reports whether there is a file for h. It does not look inside.
func (s Store) Has(h Header) bool {
	path, err := s.Path(h)
	if err != nil {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Open opens the features named by h; the error when there are none satisfies errors.Is(err, fs.ErrNotExist). A file
// that holds something else than its name says is an error.
func (s Store) Open(h Header) (*File, error) {
	path, err := s.Path(h)
	if err != nil {
		return nil, err
	}
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	if file.Header != h {
		file.Close()
		return nil, openError(path, fmt.Errorf("it holds the %s features of video %q in space %s, not the %s features of %q in %s",
			file.Stream, file.VideoID, file.Space.Key(), h.Stream, h.VideoID, h.Space.Key()))
	}
	return file, nil
}

// Read reads the features named by h into memory.
func (s Store) Read(h Header) (Features, error) {
	file, err := s.Open(h)
	if err != nil {
		return Features{}, err
	}
	defer file.Close()
	return file.Features(0, file.Len()), nil
}

// Write stores f, replacing what was stored for its video, stream and space.
func (s Store) Write(f Features) error {
	path, err := s.prepare(f.Header)
	if err != nil {
		return err
	}
	return Write(path, f)
}

// Create starts the file for h, to be written row by row.
func (s Store) Create(h Header) (*Writer, error) {
	path, err := s.prepare(h)
	if err != nil {
		return nil, err
	}
	return Create(path, h)
}

// prepare makes the folder of a space with its space.json and returns the path for h.
func (s Store) prepare(h Header) (string, error) {
	path, err := s.Path(h)
	if err != nil {
		return "", writeError(s.Dir, err)
	}
	if other, err := Open(path); err == nil {
		defer other.Close()
		if other.VideoID != h.VideoID {
			return "", writeError(path, fmt.Errorf("this file system takes the ids %q and %q for one name", other.VideoID, h.VideoID))
		}
	}
	note := filepath.Join(filepath.Dir(path), spaceFile)
	if _, err := os.Stat(note); err == nil {
		return path, nil
	}
	text, err := json.MarshalIndent(h.Space, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return "", writeError(path, err)
	}
	if err := atomicfile.Write(note, append(text, '\n')); err != nil {
		return "", writeError(path, err)
	}
	return path, atomicfile.SyncDir(s.Dir)
}

// Remove removes the features named by h; when there are none it does nothing.
func (s Store) Remove(h Header) error {
	path, err := s.Path(h)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// List names the features stored in one space, in order of video id, then stream. Only names are read: that a file is
// listed does not say that it opens.
func (s Store) List(space sightline.Space) ([]Header, error) {
	entries, err := os.ReadDir(s.SpaceDir(space))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list features: %w", err)
	}
	var list []Header
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), extension)
		dot := strings.LastIndexByte(name, '.')
		if !ok || dot < 0 {
			continue
		}
		h := Header{VideoID: unescape(name[:dot]), Stream: Stream(name[dot+1:]), Space: space}
		if h.check() == nil {
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(a, b Header) int {
		return 2*strings.Compare(a.VideoID, b.VideoID) + strings.Compare(string(a.Stream), string(b.Stream))
	})
	return list, nil
}

// Spaces returns the spaces that have a folder, in order of their keys. A space.json that cannot be read, or is that of
// another space, is an error: the features beside it must not be taken for anything else.
func (s Store) Spaces() ([]sightline.Space, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list spaces: %w", err)
	}
	var spaces []sightline.Space
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		note := filepath.Join(s.Dir, entry.Name(), spaceFile)
		text, err := os.ReadFile(note)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list spaces: %w", err)
		}
		var space sightline.Space
		if err := json.Unmarshal(text, &space); err != nil {
			return nil, fmt.Errorf("list spaces: %s: %w", note, err)
		}
		if space.Key() != entry.Name() {
			return nil, fmt.Errorf("list spaces: %s describes space %s, not that of its folder", note, space.Key())
		}
		spaces = append(spaces, space)
	}
	return spaces, nil
}

// Clean removes the unfinished files that killed processes left in the folder of a space.
func (s Store) Clean(space sightline.Space) error {
	_, err := atomicfile.Clean(s.SpaceDir(space))
	return err
}

// escape turns a video id into a file name that works everywhere and tells the id.
func escape(id string) string {
	var b strings.Builder
	for i, r := range id {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(id[i:])
		}
		plain := unicode.In(r, unicode.Letter, unicode.Number, unicode.Mark) || strings.ContainsRune("-_", r) ||
			i > 0 && strings.ContainsRune(". ", r)
		if plain {
			b.WriteRune(r)
			continue
		}
		for _, c := range []byte(id[i : i+size]) {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// unescape inverts escape; a name that escape does not give is returned as it is.
func unescape(name string) string {
	id, err := url.PathUnescape(name)
	if err != nil || escape(id) != name {
		return name
	}
	return id
}
