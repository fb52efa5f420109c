// Package index finds the rows of an archive that are most similar to a query: the stage between encoded videos and
// package search. A row is one window of one video (its recall vector, and where the window lies); the similarity is
// the dot product, so a caller who wants cosines adds rows, and asks with queries, of length one.
//
// Search is exact. It scans int8 codes, one scale a row, with a proven bound on what the codes leave out, and computes
// the true score of every row that the bound cannot rule out; the answer is bit for bit that of a loop over all the
// float32 rows (see Dot and quantise.go). The price is one pass over the codes a query: memory speed, linear in the
// number of rows.
//
// A Layout keeps rows in float16, or as codes alone, and gives them notes; Segments shows the rows where they lie, to
// searches whose unit is more than a row (package moment).
//
// Start at Index, the interface; OpenWriter is its implementation in a folder, Open reads such a folder from any number
// of processes, and NewMemory keeps everything in memory. Changes show when they are published, all at once; a reader
// keeps the generation it took. Package indextest holds the conformance test of the interface.
//
// It does not group the rows of a video (package search does), makes no vectors, and never compares two spaces. A folder
// must lie on a local disk: it relies on atomic renames, flock, and on mapped files outliving their removal.
package index

import (
	"context"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"sightline"
	"sightline/index/scan"
)

// Row names one indexed vector.
type Row struct {
	ID      uint64         // unique in the index; the caller's choice
	VideoID string         // the video the window belongs to; never empty
	Kind    string         // what the vector was made from, e.g. "frame" or "subtitle"; may be empty
	Span    sightline.Span // the stretch of the video that the window covers, in seconds
}

// Scored is a row with its similarity to a query: the dot product of the two vectors.
type Scored struct {
	Row
	Score float64
}

// Filter says which rows a search may return. Its parts must all agree; the zero Filter admits every row.
type Filter struct {
	Videos []string       // rows of these videos; nil admits all videos, an empty list none
	Kinds  []string       // rows of these kinds; nil admits all kinds, an empty list none
	Keep   func(Row) bool // rows for which it holds; nil admits all; called from several goroutines at once
}

// Searcher answers queries.
type Searcher interface {
	// Search returns the k rows admitted by the filter with the highest scores, best first, fewer when the filter admits
	// fewer. Rows of equal score come in the order of their IDs. k must be positive, and the query finite and of the
	// index's dimension; an index without rows answers every query with nothing.
	Search(ctx context.Context, query []float32, k int, filter Filter) ([]Scored, error)
}

// Snapshot is one published generation, unaffected by later changes.
type Snapshot interface {
	Searcher

	// SearchAll answers the rows of queries like Search, all in one pass over the index.
	SearchAll(ctx context.Context, queries sightline.Matrix, k int, filter Filter) ([][]Scored, error)

	// Generation is 0 before anything was published and rises with every Publish that changes something.
	Generation() uint64

	// Len is the number of rows.
	Len() int

	// Close gives the generation up; it lets removed rows be freed.
	Close() error
}

// Index is a set of rows that changes by whole generations. Any number of goroutines may search; one at a time may
// change it.
type Index interface {
	Searcher // answers from the newest published generation

	// Space says what the vectors mean.
	Space() sightline.Space

	// Add adds row i with vector vectors.Row(i), for the next Publish. It adds all or none. Vectors must be finite, of
	// the same dimension as every other, and shorter than MaxNorm; IDs must be new.
	Add(ctx context.Context, rows []Row, vectors sightline.Matrix) error

	// Delete takes out all rows of the named videos that were added before, for the next Publish. Names that have no
	// rows are ignored. The rows' IDs may be used again.
	Delete(ctx context.Context, videoIDs ...string) error

	// Publish makes the changes since the last Publish visible, all at once. Where it fails before that, they are still
	// there to be published; they are lost when the index is closed without it.
	Publish(ctx context.Context) error

	// Snapshot returns the newest published generation.
	Snapshot() (Snapshot, error)

	// Close gives up the index and its changes since the last Publish. Snapshots stay usable.
	Close() error
}

// Limits of a vector.
const (
	MaxDim  = 1 << 16
	MaxNorm = 1e15 // far beyond any encoder; keeps every product inside float32
)

// ErrClosed is returned by every call on a closed index, reader or snapshot.
var ErrClosed = errors.New("the index is closed")

// Dot returns the score of a row: the dot product of two vectors of one length, as exact products summed in float64. The
// result has the same bits on every machine.
func Dot(x, y []float32) float64 { return scan.Best().Score(x, y) }

// norm returns the Euclidean length of x.
func norm(x []float32) float64 { return math.Sqrt(Dot(x, x)) }

// checkVector returns an error that says why x cannot be a row or a query.
func checkVector(x []float32) error {
	n := norm(x)
	if n < MaxNorm {
		return nil
	}
	for j, v := range x {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("element %d is %v", j, v)
		}
	}
	return fmt.Errorf("its length is %.3g, the limit is %.0e", n, MaxNorm)
}

// checkRows returns an error that names the first row that cannot be added. dim is the index's dimension, 0 while it is
// open.
func checkRows(rows []Row, vectors sightline.Matrix, dim int) error {
	if len(rows) != vectors.Rows {
		return fmt.Errorf("%d rows came with %d vectors", len(rows), vectors.Rows)
	}
	if len(rows) == 0 {
		return nil
	}
	if vectors.Cols < 1 || vectors.Cols > MaxDim {
		return fmt.Errorf("vectors have %d dimensions, allowed are 1 to %d", vectors.Cols, MaxDim)
	}
	if dim != 0 && vectors.Cols != dim {
		return fmt.Errorf("vectors have %d dimensions, the index has %d", vectors.Cols, dim)
	}
	if len(vectors.Data) != vectors.Rows*vectors.Cols {
		return fmt.Errorf("the matrix says %d×%d and holds %d numbers", vectors.Rows, vectors.Cols, len(vectors.Data))
	}
	for i, row := range rows {
		if err := checkVector(vectors.Row(i)); err != nil {
			return fmt.Errorf("the vector of row %d (video %q, %v): %w", i, row.VideoID, row.Span, err)
		}
		switch {
		case row.VideoID == "":
			return fmt.Errorf("row %d has no video id", i)
		case !utf8.ValidString(row.VideoID) || !utf8.ValidString(row.Kind):
			return fmt.Errorf("row %d: video id %q and kind %q must be UTF-8", i, row.VideoID, row.Kind)
		case !(row.Span.Start <= row.Span.End) || math.IsInf(row.Span.Start, 0) || math.IsInf(row.Span.End, 0):
			return fmt.Errorf("row %d of video %q has the span [%v, %v)", i, row.VideoID, row.Span.Start, row.Span.End)
		}
	}
	return nil
}
