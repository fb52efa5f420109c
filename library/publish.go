package library

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"sightline"
	"sightline/feature"
	"sightline/index"
)

// draftVideo puts the windows of a video into the draft of the index, in place of those it had. t may be nil.
func (w *worker) draftVideo(ctx context.Context, id string, t *task) error {
	f, err := w.store.Read(w.header(id))
	if err != nil {
		return storageError{err}
	}
	windows := f.Windows(w.archive.settings.WindowRows, w.archive.settings.Overlap)
	vectors, err := w.model.Recall(ctx, windows)
	if err != nil {
		return fmt.Errorf("make recall vectors with %s: %w", w.model.Name, err)
	}
	if vectors.Rows != len(windows) {
		return fmt.Errorf("the model %s made %d recall vectors of %d windows", w.model.Name, vectors.Rows, len(windows))
	}
	if err := vectors.Finite(); err != nil {
		return fmt.Errorf("make recall vectors with %s: %w", w.model.Name, err)
	}
	rows := make([]index.Row, len(windows))
	for i, window := range windows {
		rows[i] = index.Row{ID: rowID(id, string(f.Stream), i), VideoID: id, Kind: string(f.Stream), Span: window.Span()}
	}
	if err := w.writer.Delete(ctx, id); err != nil {
		return storageError{err}
	}
	if err := w.writer.Add(ctx, rows, vectors); err != nil {
		return storageError{err}
	}
	w.draft = append(w.draft, drafted{task: t, id: id, windows: len(windows)})
	return nil
}

// inDraft reports whether the video waits to be published.
func (w *worker) inDraft(id string) bool {
	return slices.ContainsFunc(w.draft, func(d drafted) bool { return d.id == id })
}

// rowID names a window the same way every time it is made.
func rowID(videoID, kind string, window int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", videoID, kind, window))
	return binary.LittleEndian.Uint64(sum[:])
}

// publishDue publishes when enough has come together or enough time has passed.
func (w *worker) publishDue(ctx context.Context) error {
	if len(w.draft) < publishVideos && time.Since(w.published) < publishEvery {
		return nil
	}
	return w.flush(ctx)
}

// flush publishes the draft and tells the catalogue and the queue. Dying between any two of its steps leaves jobs that
// will be done again, to the same end.
func (w *worker) flush(ctx context.Context) error {
	w.published = time.Now()
	if len(w.draft) == 0 {
		return nil
	}
	if err := w.writer.Publish(ctx); err != nil {
		return storageError{err}
	}
	var done []Job
	if err := noteIndexed(ctx, w.archive.db, w.space, w.draft); err != nil {
		return storageError{err}
	}
	for _, d := range w.draft {
		if d.task == nil {
			continue
		}
		done = append(done, d.task.job)
		entry := Entry{Path: d.task.job.Path, ID: d.id}
		if d.task.info != nil {
			entry.Duration = d.task.info.Duration
		}
		w.summary.Added = append(w.summary.Added, entry)
	}
	w.draft = w.draft[:0]
	if err := w.queue.Done(ctx, done...); err != nil {
		return storageError{err}
	}
	return nil
}

// noteIndexed records that published generations of a space's index hold videos.
func noteIndexed(ctx context.Context, db *sql.DB, space sightline.Space, videos []drafted) error {
	return write(ctx, db, func(tx *sql.Tx) error {
		for _, d := range videos {
			_, err := tx.ExecContext(ctx, `
				INSERT INTO indexed VALUES (?, ?, ?)
				ON CONFLICT (video_id, space) DO UPDATE SET windows = excluded.windows`, d.id, space.Key(), d.windows)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// sweep takes out the videos that no file holds any more: from every index, then their features, then the catalogue. It
// is done again until it has succeeded, because the catalogue forgets a video last. The caller holds the archive's lock;
// open is an index that is open already, or nil.
func (a *Archive) sweep(ctx context.Context, open *index.Writer) (removed []string, err error) {
	rows, err := a.db.QueryContext(ctx, "SELECT id FROM videos WHERE id NOT IN (SELECT id FROM held)")
	removed, err = collect(rows, err, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) })
	if err != nil || len(removed) == 0 {
		return nil, err
	}
	return removed, a.drop(ctx, removed, open)
}

// sweepFeatures removes feature files that the catalogue does not know: those of a file that was being brought in when
// its process was killed, and changed before the next one came to it. No job may be under way.
func (w *worker) sweepFeatures(ctx context.Context) error {
	rows, err := w.archive.db.QueryContext(ctx, "SELECT video_id, stream FROM streams WHERE space = ?", w.features.Key())
	known, err := collect(rows, err, func(rows *sql.Rows) (feature.Header, error) {
		h := feature.Header{Space: w.features}
		return h, rows.Scan(&h.VideoID, &h.Stream)
	})
	if err != nil {
		return err
	}
	stored, err := w.store.List(w.features)
	if err != nil || len(stored) == len(known) {
		return err
	}
	keep := map[feature.Header]bool{}
	for _, h := range known {
		keep[h] = true
	}
	for _, h := range stored {
		if !keep[h] {
			if err := w.store.Remove(h); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop takes videos out for good: see sweep.
func (a *Archive) drop(ctx context.Context, ids []string, open *index.Writer) error {
	spaces, err := a.spaces(ctx)
	if err != nil {
		return err
	}
	for _, space := range spaces {
		if err := a.dropRows(ctx, space, ids, open); err != nil {
			return err
		}
	}
	store := a.Features()
	for _, space := range spaces {
		for _, id := range ids {
			for _, stream := range []feature.Stream{feature.Frame, feature.Clip, feature.Subtitle} {
				if err := store.Remove(feature.Header{VideoID: id, Stream: stream, Space: space}); err != nil {
					return err
				}
			}
		}
	}
	return write(ctx, a.db, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, "DELETE FROM videos WHERE id = ?", id); err != nil {
				return err
			}
		}
		return nil
	})
}

// dropRows takes the rows of videos out of the index of one space, if there is one.
func (a *Archive) dropRows(ctx context.Context, space sightline.Space, ids []string, writer *index.Writer) error {
	if writer == nil || writer.Space() != space {
		dir := a.indexDir(space)
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		own, err := index.OpenWriter(dir, space)
		if err != nil {
			return err
		}
		defer own.Close()
		writer = own
	}
	if err := writer.Delete(ctx, ids...); err != nil {
		return err
	}
	return writer.Publish(ctx)
}
