package index

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"sightline"
)

// generation is one published state. It is immutable but for the count of those who use it.
type generation struct {
	number uint64
	layout Layout
	dim    int    // 0 when the index never had a row
	next   uint64 // number of the next segment file
	parts  []*part
	rows   int
	origin *os.File // the manifest it was read from, kept open so that its identity is not reused; nil in memory
	holds  atomic.Int32
}

// newGeneration makes the generation that a manifest describes from its parts. It holds their segments, takes over the
// origin, and is held once itself.
func newGeneration(m manifest, parts []*part, origin *os.File) *generation {
	g := &generation{number: m.Generation, layout: m.Layout, dim: m.Dim, next: m.Next, parts: parts, origin: origin}
	g.holds.Store(1)
	for _, p := range parts {
		p.hold()
		g.rows += p.live
	}
	return g
}

// hold keeps the generation usable until the matching release; it reports false when it was given up already.
func (g *generation) hold() bool {
	for n := g.holds.Load(); n > 0; n = g.holds.Load() {
		if g.holds.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

func (g *generation) release() error {
	if g.holds.Add(-1) > 0 {
		return nil
	}
	var failed []error
	for _, p := range g.parts {
		failed = append(failed, p.release())
	}
	if g.origin != nil {
		failed = append(failed, g.origin.Close())
	}
	return errors.Join(failed...)
}

// isFrom reports whether g was read from this very manifest. A nil g was read from none.
func (g *generation) isFrom(manifest os.FileInfo) bool {
	if g == nil || g.origin == nil {
		return false
	}
	own, err := g.origin.Stat()
	return err == nil && os.SameFile(own, manifest)
}

func (g *generation) search(ctx context.Context, queries sightline.Matrix, k int, filter Filter) ([][]Scored, error) {
	if k < 1 {
		return nil, searchError(fmt.Errorf("%d rows are asked for", k))
	}
	vectors := make([][]float32, queries.Rows)
	for i := range vectors {
		vectors[i] = queries.Row(i)
		if err := checkVector(vectors[i]); err != nil {
			return nil, searchError(fmt.Errorf("the query: %w", err))
		}
	}
	if g.rows == 0 {
		return make([][]Scored, queries.Rows), nil
	}
	if queries.Cols != g.dim {
		return nil, searchError(fmt.Errorf("the query has %d dimensions, the index has %d", queries.Cols, g.dim))
	}
	results, err := search(ctx, g.parts, vectors, k, filter)
	if err != nil {
		return nil, searchError(err)
	}
	return results, nil
}

func searchError(err error) error { return fmt.Errorf("search the index: %w", err) }

// snapshot hands a generation to a caller.
type snapshot struct {
	*generation
	closed atomic.Bool
}

func (s *snapshot) Generation() uint64 { return s.number }
func (s *snapshot) Len() int           { return s.rows }

func (s *snapshot) Search(ctx context.Context, query []float32, k int, filter Filter) ([]Scored, error) {
	return first(s.SearchAll(ctx, oneQuery(query), k, filter))
}

func (s *snapshot) SearchAll(ctx context.Context, queries sightline.Matrix, k int, filter Filter) ([][]Scored, error) {
	if s.closed.Load() || !s.hold() {
		return nil, searchError(ErrClosed)
	}
	defer s.release()
	return s.search(ctx, queries, k, filter)
}

// Close gives the generation up once searches under way are done.
func (s *snapshot) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.release()
}

func oneQuery(query []float32) sightline.Matrix {
	return sightline.Matrix{Rows: 1, Cols: len(query), Data: query}
}

func first(results [][]Scored, err error) ([]Scored, error) {
	if err != nil {
		return nil, err
	}
	return results[0], nil
}
