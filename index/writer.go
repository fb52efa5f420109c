package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"sightline"
)

const (
	lockFile   = "lock"
	unfinished = ".tmp" // ending of files that are being written
)

// Writer is the Index in a folder. There is one at a time, over all processes; readers are not disturbed. A process that
// dies leaves the last published generation intact, and files without meaning, which the next OpenWriter removes.
type Writer struct {
	reader *Reader
	lock   *os.File

	mu     sync.Mutex // one change at a time
	draft  draft
	number uint64 // of the last published generation
	next   uint64 // of the next segment file
	closed bool
}

var _ Index = (*Writer)(nil)

// OpenWriter opens the index in a folder for changes, and makes it when there is none. It fails when another process
// has it open, when it holds vectors of another space, and when a file is damaged.
func OpenWriter(dir string, space sightline.Space) (*Writer, error) {
	return Layout{}.OpenWriter(dir, space)
}

// OpenWriter is the function OpenWriter for an index of this layout.
func (l Layout) OpenWriter(dir string, space sightline.Space) (*Writer, error) {
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("open the index %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the index folder: %w", err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	w := &Writer{reader: &Reader{dir: dir, space: space}, lock: lock}
	w.draft = draft{layout: l, fullBytes: segmentBytes, store: w.store}
	if err := w.load(); err != nil {
		w.Close()
		return nil, fmt.Errorf("open the index %s: %w", dir, err)
	}
	return w, nil
}

// lockFolder takes the folder's lock. It goes with the open file, so a process that dies gives it back.
func lockFolder(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the index: %w", err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, &sightline.Error{
			Kind: sightline.Failed,
			What: "lock the index " + dir,
			Err:  fmt.Errorf("another writer has it open: %w", err),
			Try:  "wait until the other sightline is done",
		}
	}
	return file, nil
}

// load takes over the published generation and removes what a dead process left.
func (w *Writer) load() error {
	g, err := w.reader.acquire()
	if err != nil {
		return err
	}
	defer g.release()
	if g.origin != nil {
		if err := w.draft.layout.same(g.layout); err != nil {
			return err
		}
	}
	w.number, w.next, w.draft.dim = g.number, g.next, g.dim
	for _, p := range g.parts {
		p.hold()
		w.draft.parts = append(w.draft.parts, p.clone())
	}
	return w.clean()
}

func (w *Writer) path(name string) string { return filepath.Join(w.reader.dir, name) }

// clean removes the segments that the draft does not use, and what was never finished. Readers that have a segment
// mapped keep it.
func (w *Writer) clean() error {
	used := map[string]bool{}
	for _, p := range w.draft.parts {
		used[p.name] = true
	}
	files, err := os.ReadDir(w.reader.dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		name := file.Name()
		if segmentName.MatchString(name) && !used[name] || filepath.Ext(name) == unfinished {
			if err := os.Remove(w.path(name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// store writes a segment file; it is part of nothing until a manifest names it.
func (w *Writer) store(dim int, rows rowSeq) (*segment, error) {
	name := segmentFile(w.next)
	err := writeFile(w.path(name), func(out io.Writer) error {
		_, err := writeSegment(out, w.reader.space, w.draft.layout, dim, rows)
		return err
	})
	if err != nil {
		return nil, err
	}
	w.next++
	return openSegment(w.path(name))
}

// writeFile writes a file under a temporary name, brings it to the disk and renames it.
func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path + unfinished)
	if err != nil {
		return err
	}
	err = errors.Join(write(file), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(path+unfinished, path)
	}
	if err != nil {
		os.Remove(path + unfinished)
	}
	return err
}

// syncFolder brings the names in a folder to the disk.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Space says what the vectors mean.
func (w *Writer) Space() sightline.Space { return w.reader.space }

// Add implements Index. Rows wait in memory, and beyond 128 MB of vectors in files that no generation names yet.
func (w *Writer) Add(ctx context.Context, rows []Row, vectors sightline.Matrix) error {
	return w.AddNoted(ctx, rows, vectors, sightline.Matrix{})
}

// AddNoted is Add for rows of which the layout keeps notes [len(rows), Notes].
func (w *Writer) AddNoted(_ context.Context, rows []Row, vectors, notes sightline.Matrix) error {
	return w.alter("add to", func() error { return w.draft.add(rows, vectors, notes) })
}

// Delete implements Index.
func (w *Writer) Delete(_ context.Context, videoIDs ...string) error {
	return w.alter("delete from", func() error {
		w.draft.delete(videoIDs)
		return nil
	})
}

// Publish implements Index. It is on the disk when Publish returns.
func (w *Writer) Publish(ctx context.Context) error {
	return w.alter("publish", func() error {
		if !w.draft.changed {
			return nil
		}
		if err := w.draft.settle(ctx); err != nil {
			return err
		}
		m := manifest{Generation: w.number + 1, Space: w.reader.space, Layout: w.draft.layout, Dim: w.draft.dim, Next: w.next}
		for _, p := range w.draft.parts {
			m.Segments = append(m.Segments, entry{File: p.name, Sum: p.sum, Rows: p.rows, Deleted: p.deleted})
		}
		text, err := m.encode()
		if err != nil {
			return err
		}
		if err := syncFolder(w.reader.dir); err != nil { // the segments' names before the manifest's
			return err
		}
		err = writeFile(w.path(manifestFile), func(out io.Writer) error {
			_, err := out.Write(text)
			return err
		})
		if err != nil {
			return err
		}
		if err := syncFolder(w.reader.dir); err != nil {
			return err
		}
		w.number, w.draft.changed = m.Generation, false
		return w.clean()
	})
}

// alter runs one change.
func (w *Writer) alter(what string, change func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := ErrClosed
	if !w.closed {
		err = change()
	}
	if err != nil {
		return fmt.Errorf("%s the index %s: %w", what, w.reader.dir, err)
	}
	return nil
}

// Search implements Index.
func (w *Writer) Search(ctx context.Context, query []float32, k int, filter Filter) ([]Scored, error) {
	return w.reader.Search(ctx, query, k, filter)
}

// Snapshot implements Index.
func (w *Writer) Snapshot() (Snapshot, error) { return w.reader.Snapshot() }

// Close implements Index.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	w.draft.close()
	return errors.Join(w.reader.Close(), w.lock.Close())
}
