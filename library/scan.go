package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// extensions are what a file found in a folder must end in, whatever its case, to be looked at. A file that is named
// itself is looked at whatever it is called.
var extensions = []string{".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif"}

// candidate is a file that may be a video, as it was when it was found.
type candidate struct {
	path  string // absolute
	size  int64
	mtime int64 // nanoseconds since 1970
}

func candidateOf(path string, info fs.FileInfo) candidate {
	return candidate{path, info.Size(), info.ModTime().UnixNano()}
}

// scan finds the candidates among paths and in the folders among them. Hidden files and folders below the named ones are
// passed over, and so is the folder skip. Links are followed, each folder is entered once. What cannot be read is
// reported to fail, and the scan goes on.
type scan struct {
	skip    string // resolved
	found   func(candidate) error
	fail    func(path string, err error)
	entered map[string]bool // resolved folders
}

func (s *scan) roots(ctx context.Context, paths []string) error {
	s.entered = map[string]bool{}
	for _, path := range paths {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		if err := s.visit(ctx, absolute, true); err != nil {
			return err
		}
	}
	return nil
}

// visit looks at one path; named says that the user typed it.
func (s *scan) visit(ctx context.Context, path string, named bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		if _, dangling := os.Lstat(path); named || dangling != nil {
			s.fail(path, reason(err))
		}
		return nil // else: a link that leads nowhere
	}
	if info.IsDir() {
		return s.folder(ctx, path)
	}
	if !named && !(info.Mode().IsRegular() && slices.Contains(extensions, strings.ToLower(filepath.Ext(path)))) {
		return nil
	}
	if !info.Mode().IsRegular() {
		s.fail(path, fmt.Errorf("it is no regular file (%v)", info.Mode().Type()))
		return nil
	}
	return s.found(candidateOf(path, info))
}

func (s *scan) folder(ctx context.Context, path string) error {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		s.fail(path, reason(err))
		return nil
	}
	if resolved == s.skip || s.entered[resolved] {
		return nil
	}
	s.entered[resolved] = true
	entries, err := os.ReadDir(path)
	if err != nil {
		s.fail(path, reason(err))
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if err := s.visit(ctx, filepath.Join(path, entry.Name()), false); err != nil {
			return err
		}
	}
	return nil
}

// reason strips the operation and the path from an error of package os, where both are told already.
func reason(err error) error {
	var system *fs.PathError
	if errors.As(err, &system) {
		return system.Err
	}
	return err
}

// VideosIn returns the files of a folder that Add would look at, in the order of their names. What cannot be read is an error.
func VideosIn(ctx context.Context, folder string) ([]string, error) {
	var paths []string
	var failed error
	s := scan{
		found: func(c candidate) error { paths = append(paths, c.path); return nil },
		fail:  func(path string, err error) { failed = errors.Join(failed, fmt.Errorf("%s: %w", path, err)) },
	}
	if err := s.roots(ctx, []string{folder}); err != nil {
		return nil, err
	}
	return paths, failed
}
