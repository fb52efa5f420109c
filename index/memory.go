package index

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"sightline"
)

// Memory is an Index without a folder: the same segments and the same search, gone with the process.
type Memory struct {
	space sightline.Space

	change sync.Mutex // one change at a time
	draft  draft

	mu  sync.Mutex
	now *generation // nil when closed
}

var _ Index = (*Memory)(nil)

// NewMemory returns an empty index in memory.
func NewMemory(space sightline.Space) *Memory { return Layout{}.NewMemory(space) }

// NewMemory returns an empty index of this layout in memory. It panics where there is no such layout.
func (l Layout) NewMemory(space sightline.Space) *Memory {
	if err := l.check(); err != nil {
		panic(err)
	}
	m := &Memory{space: space, now: newGeneration(manifest{Layout: l}, nil, nil)}
	m.draft = draft{layout: l, fullBytes: segmentBytes, store: func(dim int, rows rowSeq) (*segment, error) {
		var out bytes.Buffer
		if _, err := writeSegment(&out, space, l, dim, rows); err != nil {
			return nil, err
		}
		return heapSegment(out.Bytes())
	}}
	return m
}

// heapSegment opens a copy of data that is aligned as parseSegment wants it.
func heapSegment(data []byte) (*segment, error) {
	aligned := bytesOf(make([]uint64, (len(data)+7)/8))[:len(data)]
	copy(aligned, data)
	s, err := parseSegment(aligned)
	if err == nil {
		s.hold()
	}
	return s, err
}

// Space says what the vectors mean.
func (m *Memory) Space() sightline.Space { return m.space }

// Add implements Index.
func (m *Memory) Add(ctx context.Context, rows []Row, vectors sightline.Matrix) error {
	return m.AddNoted(ctx, rows, vectors, sightline.Matrix{})
}

// AddNoted is Add for rows of which the layout keeps notes [len(rows), Notes].
func (m *Memory) AddNoted(_ context.Context, rows []Row, vectors, notes sightline.Matrix) error {
	return m.alter("add to the index", func() error { return m.draft.add(rows, vectors, notes) })
}

// Delete implements Index.
func (m *Memory) Delete(_ context.Context, videoIDs ...string) error {
	return m.alter("delete from the index", func() error {
		m.draft.delete(videoIDs)
		return nil
	})
}

// Publish implements Index.
func (m *Memory) Publish(ctx context.Context) error {
	return m.alter("publish the index", func() error {
		if !m.draft.changed {
			return nil
		}
		if err := m.draft.settle(ctx); err != nil {
			return err
		}
		parts := make([]*part, len(m.draft.parts))
		for i, p := range m.draft.parts {
			parts[i] = p.clone()
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		old := m.now
		m.now = newGeneration(manifest{Generation: old.number + 1, Layout: old.layout, Dim: m.draft.dim}, parts, nil)
		m.draft.changed = false
		return old.release()
	})
}

// alter runs one change.
func (m *Memory) alter(what string, change func() error) error {
	m.change.Lock()
	defer m.change.Unlock()
	g, err := m.acquire()
	if err == nil {
		defer g.release()
		err = change()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (m *Memory) acquire() (*generation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now == nil {
		return nil, ErrClosed
	}
	m.now.hold()
	return m.now, nil
}

// Snapshot implements Index.
func (m *Memory) Snapshot() (Snapshot, error) {
	g, err := m.acquire()
	if err != nil {
		return nil, fmt.Errorf("open the index: %w", err)
	}
	return &snapshot{generation: g}, nil
}

// Search implements Index.
func (m *Memory) Search(ctx context.Context, query []float32, k int, filter Filter) ([]Scored, error) {
	g, err := m.acquire()
	if err != nil {
		return nil, searchError(err)
	}
	defer g.release()
	return first(g.search(ctx, oneQuery(query), k, filter))
}

// Close implements Index.
func (m *Memory) Close() error {
	m.change.Lock()
	defer m.change.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now == nil {
		return nil
	}
	m.draft.close()
	g := m.now
	m.now = nil
	return g.release()
}
