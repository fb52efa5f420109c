package moment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"sightline"
	"sightline/align/locate"
	"sightline/index"
)

// The rows of a corpus are those of an index: of each video its clips' visual rows, in order, then those of its subtitles
// where it has any. The notes of a row are its squared length and, of a visual row with subtitles, its dot product with
// the subtitles' row.
const (
	visualKind, subtitleKind = "visual", "subtitle"
	squareNote, crossNote    = 0, 1
	noteCount                = 2
)

// Corpus searches stored clips. It answers from the newest published generation and is safe for concurrent use.
type Corpus struct {
	source source

	mu    sync.Mutex
	table *table // of the generation searched last
}

// source is what an index gives to readers.
type source interface {
	Snapshot() (index.Snapshot, error)
	Close() error
}

// Open opens the corpus in a folder for reading. Errors are those of index.Open.
func Open(dir string, space sightline.Space) (*Corpus, error) {
	reader, err := index.Open(dir, space)
	if err != nil {
		return nil, err
	}
	return &Corpus{source: reader}, nil
}

// Close gives up the corpus. Searches under way end well.
func (c *Corpus) Close() error { return c.source.Close() }

// Size returns the numbers of videos and of clips.
func (c *Corpus) Size() (videos, clips int, err error) {
	s, err := c.open()
	if err != nil {
		return 0, 0, err
	}
	defer s.close()
	for _, v := range s.videos {
		clips += v.clips
	}
	return len(s.videos), clips, nil
}

// shelf is one generation in use.
type shelf struct {
	*table
	snapshot index.Snapshot
	segments []index.Segment
}

func (s *shelf) close() { s.snapshot.Close() }

// open returns the newest generation, to be closed after use.
func (c *Corpus) open() (*shelf, error) {
	snapshot, err := c.source.Snapshot()
	if err != nil {
		return nil, err
	}
	segments, _ := index.Segments(snapshot)
	c.mu.Lock()
	defer c.mu.Unlock()
	if name := nameOf(snapshot, segments); c.table == nil || !slices.Equal(c.table.name, name) {
		fresh, err := tabulate(segments)
		if err != nil {
			snapshot.Close()
			return nil, err
		}
		fresh.name, c.table = name, fresh
	}
	return &shelf{table: c.table, snapshot: snapshot, segments: segments}, nil
}

// Writer is a corpus that can be changed. Changes show when they are published, all at once. One goroutine at a time may
// change it, one process at a time may have it open; readers are not disturbed.
type Writer struct {
	Corpus
	layout index.Layout
	index  indexWriter

	mu    sync.Mutex // one change at a time
	known map[string]bool
	next  uint64 // ID of the next row
}

// indexWriter is what a corpus needs of an index.
type indexWriter interface {
	index.Index
	AddNoted(ctx context.Context, rows []index.Row, vectors, notes sightline.Matrix) error
}

// OpenWriter opens the corpus in a folder for changes, and makes it when there is none. The precision is that of the first
// time; a query's similarity with a clip is that with the clip as it is kept. Errors are those of index.OpenWriter.
func OpenWriter(dir string, space sightline.Space, precision index.Precision) (*Writer, error) {
	layout := index.Layout{Precision: precision, Notes: noteCount}
	x, err := layout.OpenWriter(dir, space)
	if err != nil {
		return nil, err
	}
	w := newWriter(x, layout)
	if err := w.load(); err != nil {
		x.Close()
		return nil, fmt.Errorf("open the corpus %s: %w", dir, err)
	}
	return w, nil
}

// NewMemory returns an empty corpus without a folder, gone with the process.
func NewMemory(space sightline.Space, precision index.Precision) *Writer {
	layout := index.Layout{Precision: precision, Notes: noteCount}
	return newWriter(layout.NewMemory(space), layout)
}

func newWriter(x indexWriter, layout index.Layout) *Writer {
	return &Writer{Corpus: Corpus{source: x}, layout: layout, index: x, known: map[string]bool{}}
}

// load takes note of what is published.
func (w *Writer) load() error {
	s, err := w.open()
	if err != nil {
		return err
	}
	defer s.close()
	for _, v := range s.videos {
		w.known[v.id] = true
	}
	for _, segment := range s.segments {
		for i := range segment.Len() {
			w.next = max(w.next, segment.Row(i).ID+1)
		}
	}
	return nil
}

// Space says what the clips mean.
func (w *Writer) Space() sightline.Space { return w.index.Space() }

// Add adds videos, all or none, for the next Publish. Their rows must be finite and of the same dimension as all others,
// their ids new, and those of one call take as much memory again while they are added.
func (w *Writer) Add(ctx context.Context, videos ...locate.Clips) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	fresh := map[string]bool{}
	var batch batch
	for i, v := range videos {
		err := batch.add(v, w.layout, w.next)
		if err == nil && (w.known[v.VideoID] || fresh[v.VideoID]) {
			err = errors.New("the corpus holds a video of this id")
		}
		if err != nil {
			return &sightline.Error{
				Kind: sightline.Failed, What: fmt.Sprintf("add video %q, number %d of %d, to the corpus", v.VideoID, i, len(videos)),
				Err: err, Try: "delete the video before adding it again, and encode it with the model that encoded the others",
			}
		}
		fresh[v.VideoID] = true
	}
	if err := w.index.AddNoted(ctx, batch.rows, batch.vectors, batch.notes); err != nil {
		return err
	}
	w.next += uint64(len(batch.rows))
	for id := range fresh {
		w.known[id] = true
	}
	return nil
}

// Delete takes out videos, for the next Publish. Ids that are not there are ignored.
func (w *Writer) Delete(ctx context.Context, videoIDs ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.index.Delete(ctx, videoIDs...); err != nil {
		return err
	}
	for _, id := range videoIDs {
		delete(w.known, id)
	}
	return nil
}

// Publish makes the changes since the last Publish visible, all at once.
func (w *Writer) Publish(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.index.Publish(ctx)
}

// batch is videos as rows of an index.
type batch struct {
	rows           []index.Row
	vectors, notes sightline.Matrix
}

func (b *batch) add(v locate.Clips, layout index.Layout, next uint64) error {
	visual, subtitle := v.Rows[locate.Visual], v.Rows[locate.Subtitle]
	if err := checkClips(v); err != nil {
		return err
	}
	if b.vectors.Cols == 0 {
		b.vectors.Cols, b.notes.Cols = visual.Cols, noteCount
	}
	if visual.Cols != b.vectors.Cols {
		return fmt.Errorf("its clips have %d dimensions, those of the first video %d", visual.Cols, b.vectors.Cols)
	}
	mates := make([][]float32, visual.Rows) // of the visual rows, as they are kept
	side := func(kind string, m sightline.Matrix) {
		for l := range m.Rows {
			kept := layout.Keep(m.Row(l))
			square, cross := index.Dot(kept, kept), 0.0
			switch {
			case kind == subtitleKind:
				cross = index.Dot(kept, mates[l])
				first := b.notes.Row(b.notes.Rows - visual.Rows) // the visual row of this clip
				first[crossNote] = float32(cross)
			case subtitle.Rows > 0:
				mates[l] = append(mates[l], kept...)
			}
			b.rows = append(b.rows, index.Row{
				ID: next + uint64(len(b.rows)), VideoID: v.VideoID, Kind: kind, Span: v.Spans[l],
			})
			b.notes.Data = append(b.notes.Data, float32(square), 0)
			b.notes.Rows++
		}
		b.vectors.Data = append(b.vectors.Data, m.Data...)
		b.vectors.Rows += m.Rows
	}
	side(visualKind, visual)
	side(subtitleKind, subtitle)
	return nil
}

// checkClips returns an error that says why clips cannot be searched.
func checkClips(v locate.Clips) error {
	visual, subtitle := v.Rows[locate.Visual], v.Rows[locate.Subtitle]
	switch {
	case visual.Rows == 0 || visual.Cols == 0:
		return errors.New("it has no clips")
	case len(v.Spans) != visual.Rows:
		return fmt.Errorf("it has %d clips and %d spans", visual.Rows, len(v.Spans))
	case subtitle.Rows != 0 && (subtitle.Rows != visual.Rows || subtitle.Cols != visual.Cols):
		return fmt.Errorf("its visual rows are %d×%d, those of its subtitles %d×%d", visual.Rows, visual.Cols, subtitle.Rows, subtitle.Cols)
	case len(visual.Data) != visual.Rows*visual.Cols || len(subtitle.Data) != subtitle.Rows*subtitle.Cols:
		return fmt.Errorf("its matrices hold %d and %d numbers", len(visual.Data), len(subtitle.Data))
	}
	for l, span := range v.Spans {
		if l > 0 && span.Start <= v.Spans[l-1].Start || span.End <= span.Start {
			return fmt.Errorf("clip %d covers %v: clips are stretches of time in order", l, span)
		}
	}
	return nil
}
