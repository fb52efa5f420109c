package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"sightline"
)

const manifestFile = "manifest"

// Reader answers from the newest generation published in a folder, by whichever process. Every Search looks whether there
// is a newer one (one stat). A generation it holds stays usable while a writer removes its files: they are mapped into
// memory, and the file system keeps them until the last process lets go.
type Reader struct {
	dir   string
	space sightline.Space

	mu     sync.Mutex
	now    *generation
	closed bool
}

var _ Searcher = (*Reader)(nil)

// Open opens the index in a folder for reading. It fails when nothing was published there (errors.Is fs.ErrNotExist),
// when it holds vectors of another space, and when a file is damaged.
func Open(dir string, space sightline.Space) (*Reader, error) {
	if _, err := os.Stat(filepath.Join(dir, manifestFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, &sightline.Error{
			Kind: sightline.NotReady,
			What: "open the index " + dir,
			Err:  fmt.Errorf("nothing was published there: %w", err),
			Try:  "add videos first: sightline add FOLDER",
		}
	}
	r := &Reader{dir: dir, space: space}
	g, err := r.acquire()
	if err != nil {
		return nil, fmt.Errorf("open the index %s: %w", dir, err)
	}
	return r, g.release()
}

// Space says what the vectors mean.
func (r *Reader) Space() sightline.Space { return r.space }

// Search implements Searcher on the newest published generation.
func (r *Reader) Search(ctx context.Context, query []float32, k int, filter Filter) ([]Scored, error) {
	g, err := r.acquire()
	if err != nil {
		return nil, searchError(err)
	}
	defer g.release()
	return first(g.search(ctx, oneQuery(query), k, filter))
}

// Snapshot returns the newest published generation.
func (r *Reader) Snapshot() (Snapshot, error) {
	g, err := r.acquire()
	if err != nil {
		return nil, fmt.Errorf("open the index %s: %w", r.dir, err)
	}
	return &snapshot{generation: g}, nil
}

// Verify reads the newest generation completely and returns an error that names the first damaged segment.
func (r *Reader) Verify(ctx context.Context) error {
	g, err := r.acquire()
	if err != nil {
		return fmt.Errorf("verify the index %s: %w", r.dir, err)
	}
	defer g.release()
	for _, p := range g.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.verify(); err != nil {
			return fmt.Errorf("verify the index %s: %w", r.dir, damaged(p.name, err))
		}
	}
	return nil
}

// Close gives up the reader. Snapshots stay usable.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	if r.now == nil {
		return nil
	}
	return r.now.release()
}

// acquire returns the newest generation, held for the caller.
func (r *Reader) acquire() (*generation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if err := r.refresh(); err != nil {
		return nil, err
	}
	r.now.hold()
	return r.now, nil
}

// refresh makes r.now the newest published generation.
func (r *Reader) refresh() error {
	path := filepath.Join(r.dir, manifestFile)
	for {
		newest, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) && (r.now == nil || r.now.origin == nil) {
			if r.now == nil { // a writer that has published nothing yet
				r.now = newGeneration(manifest{Next: 1}, nil, nil)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if r.now.isFrom(newest) {
			return nil
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		g, err := r.load(file)
		if err != nil {
			opened, openedErr := file.Stat()
			file.Close()
			newest, newestErr := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) && openedErr == nil && newestErr == nil && !os.SameFile(opened, newest) {
				continue // published over, and its segments removed, before we opened them
			}
			return err
		}
		old := r.now
		r.now = g
		if old != nil {
			return old.release()
		}
		return nil
	}
}

// load opens the generation that a manifest describes. Segments of r.now that it shares are taken over.
func (r *Reader) load(file *os.File) (*generation, error) {
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(data)
	if err != nil {
		return nil, damaged(manifestFile, err)
	}
	if err := r.space.Check(m.Space); err != nil {
		return nil, err
	}
	var parts []*part
	defer func() { // the generation holds them by then
		for _, p := range parts {
			p.release()
		}
	}()
	for _, e := range m.Segments {
		s, err := r.segment(m, e)
		if err != nil {
			return nil, err
		}
		parts = append(parts, newPart(s, e.Deleted))
	}
	return newGeneration(m, parts, file), nil
}

// segment returns the segment of an entry, held for the caller.
func (r *Reader) segment(m manifest, e entry) (*segment, error) {
	if r.now != nil {
		for _, p := range r.now.parts {
			if p.name == e.File && p.sum == e.Sum {
				p.hold()
				return p.segment, nil
			}
		}
	}
	s, err := openSegment(filepath.Join(r.dir, e.File))
	if err != nil {
		return nil, damaged(e.File, err)
	}
	if err := s.belongs(m, e); err != nil {
		s.release()
		return nil, damaged(e.File, err)
	}
	return s, nil
}

// belongs returns an error unless the segment is what the manifest's entry describes.
func (s *segment) belongs(m manifest, e entry) error {
	if err := m.Space.Check(s.Space); err != nil {
		return err
	}
	if s.sum != e.Sum || s.rows != e.Rows || s.dim != m.Dim || s.Layout != m.Layout {
		return fmt.Errorf("it holds %d rows of dimension %d with checksum %08x, the manifest says %d of %d with %08x",
			s.rows, s.dim, s.sum, e.Rows, m.Dim, e.Sum)
	}
	return nil
}

func damaged(name string, err error) error {
	return &sightline.Error{
		Kind: sightline.Failed,
		What: "index file " + name,
		Err:  err,
		Try:  "remove the index folder and build it again from the stored features",
	}
}

// openSegment maps a segment file into memory and holds it once.
func openSegment(path string) (*segment, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < 2*endSize {
		return nil, fmt.Errorf("the file has %d bytes and is cut short", info.Size())
	}
	data, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes into memory: %w", info.Size(), err)
	}
	s, err := parseSegment(data)
	if err != nil {
		unix.Munmap(data)
		return nil, err
	}
	s.name = filepath.Base(path)
	s.unmap = func() error { return unix.Munmap(data) }
	s.hold()
	return s, nil
}
