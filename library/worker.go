package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sightline"
	"sightline/feature"
	"sightline/index"
)

// A worker brings jobs in, while this process holds the archive's lock. Each job takes these steps, and each step can be
// done again without harm, so that a job whose worker was killed is simply begun again:
//
//  1. prepare: hash, probe, subtitles                        (nothing is kept)
//  2. decode and encode into a feature file                  (appears whole, under the content's id)
//  3. record the video, its cues and the file                (one transaction)
//  4. replace the video's rows in the index                  (a draft until published)
//  5. publish, for many videos at once                       (one generation)
//  6. mark the videos as indexed, and the jobs as done       (from here on the video is listed)
//
// Goroutines of their own prepare and decode; one encodes and does the rest, so the next files are decoded while this one
// is encoded.
type worker struct {
	archive  *Archive
	queue    Queue
	model    Model
	features sightline.Space
	space    sightline.Space
	store    feature.Store
	writer   *index.Writer
	report   func(Progress)
	inFlight sync.Map // video id → *task whose features are being made

	draft     []drafted // in the index, not published
	published time.Time
	progress  Progress
	summary   *Summary
}

// drafted is a video whose rows wait to be published.
type drafted struct {
	task    *task // its job and file; nil when the video is indexed again from its features
	id      string
	windows int
}

const (
	decoders      = 2 // files that are decoded at once: starting ffmpeg takes longer than decoding a short clip
	publishVideos = 64
	publishEvery  = 20 * time.Second
)

// newWorker opens the index of the model's space. The caller holds the archive's lock, and closes the worker.
func (a *Archive) newWorker(ctx context.Context, m Model, report func(Progress), summary *Summary) (*worker, error) {
	w := &worker{
		archive:  a,
		queue:    a.jobs,
		model:    m,
		features: a.FeatureSpace(m.Encoder),
		space:    a.IndexSpace(m),
		store:    a.Features(),
		report:   report,
		summary:  summary,
	}
	if w.report == nil {
		w.report = func(Progress) {}
	}
	for _, space := range []sightline.Space{w.features, w.space} {
		if err := noteSpace(ctx, a.db, space); err != nil {
			return nil, err
		}
	}
	if err := w.store.Clean(w.features); err != nil {
		return nil, err
	}
	var err error
	w.writer, err = index.OpenWriter(a.indexDir(w.space), w.space)
	w.published = time.Now()
	return w, err
}

func (w *worker) close() error { return w.writer.Close() }

func (w *worker) header(id string) feature.Header {
	return feature.Header{VideoID: id, Stream: feature.Frame, Space: w.features}
}

// drain works until no job waits. When it returns early, with the error of ctx or one that stops all work, what was
// encoded so far is published and the jobs at hand are back in the queue.
func (w *worker) drain(ctx context.Context) error {
	for {
		backlog, err := w.queue.Backlog(ctx)
		if err != nil {
			return err
		}
		if backlog.Jobs == 0 {
			return nil
		}
		w.progress.FilesTotal = w.progress.Files + backlog.Jobs
		w.progress.BytesTotal = w.progress.Bytes + backlog.Bytes
		w.report(w.progress)
		if err := errors.Join(w.round(ctx), w.flush(context.WithoutCancel(ctx))); err != nil {
			return err
		}
	}
}

// round claims jobs until none waits. Those that failed for a reason that may pass wait again after it.
func (w *worker) round(ctx context.Context) error {
	tasks := make(chan *task, 1)
	producing, stop := context.WithCancel(ctx)
	var producers errgroup.Group
	for range decoders {
		producers.Go(func() error { return w.produce(producing, tasks) })
	}
	var claimErr error
	go func() {
		claimErr = producers.Wait()
		close(tasks)
	}()
	var err error
	for t := range tasks {
		if err == nil {
			err = w.finish(ctx, t)
		} else {
			t.quit()
			err = errors.Join(err, w.queue.Release(context.WithoutCancel(ctx), t.job, ""))
		}
		if err != nil {
			stop()
		}
	}
	stop()
	if err == nil {
		err = claimErr
	}
	return err
}

// produce claims, prepares and decodes jobs, and sends each before its frames.
func (w *worker) produce(ctx context.Context, tasks chan<- *task) error {
	for {
		job, ok, err := w.queue.Claim(ctx)
		if err != nil || !ok {
			return err
		}
		t := w.prepare(ctx, job)
		decoding, quit := context.WithCancel(ctx)
		t.quit = quit
		tasks <- t // round receives until the channel is closed
		if t.frames != nil {
			w.decode(decoding, t)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// finish does with a task what comes after preparing and decoding. It returns an error only when work must stop; the job
// is in the queue again then.
func (w *worker) finish(ctx context.Context, t *task) error {
	defer t.quit()
	defer w.inFlight.CompareAndDelete(t.id, t)
	w.progress.Path = t.job.Path
	w.progress.At, w.progress.Duration = 0, 0
	if t.info != nil {
		w.progress.Duration = t.info.Duration
	}
	err := t.err
	if err == nil {
		err = w.bringIn(ctx, t)
	}
	if err == nil {
		err = w.publishDue(ctx)
	}
	if err != nil {
		if err = w.fail(ctx, t, err); err != nil {
			return err
		}
	}
	w.progress.Files++
	w.progress.Bytes += t.job.Size
	w.report(w.progress)
	return nil
}

// within returns the progress in the middle of a file, whose bytes count by the share of its duration.
func (w *worker) within(t *task) Progress {
	p := w.progress
	if t.info.Duration > 0 {
		p.Bytes += int64(float64(t.job.Size) * min(1, p.At/t.info.Duration))
	}
	return p
}

// storageError marks an error of the archive's own files, which no other video would escape.
type storageError struct{ error }

func (e storageError) Unwrap() error { return e.error }

// fail deals with a task that came to nothing.
func (w *worker) fail(ctx context.Context, t *task, err error) error {
	var storage storageError
	verdict := judge(ctx, t.job, err)
	if errors.As(err, &storage) {
		verdict = stopAll
	}
	quietly := context.WithoutCancel(ctx)
	switch {
	case verdict == stopAll:
		return errors.Join(err, w.queue.Release(quietly, t.job, ""))
	case t.gone:
		return w.forgetGone(ctx, t)
	case verdict == tryAgain:
		w.progress.FilesTotal++ // it comes again
		w.progress.BytesTotal += t.job.Size
		return w.queue.Release(quietly, t.job, err.Error())
	}
	refusal := newRefusal(t.job.Path, err)
	if err := w.archive.noteRefusal(ctx, t.file, refusal); err != nil {
		return errors.Join(err, w.queue.Release(quietly, t.job, ""))
	}
	w.summary.Refused = append(w.summary.Refused, refusal)
	return w.queue.Refuse(ctx, t.job, refusal.Cause)
}

// forgetGone ends the job of a file that was removed while it waited. A video that is in stays.
func (w *worker) forgetGone(ctx context.Context, t *task) error {
	_, err := w.archive.db.ExecContext(ctx, `
		DELETE FROM files WHERE path = ? AND (video_id IS NULL OR video_id NOT IN (SELECT video_id FROM indexed))`, t.job.Path)
	if err != nil {
		return err
	}
	return w.queue.Forget(ctx, t.job.Path)
}

// bringIn takes a task from its frames to the draft of the index.
func (w *worker) bringIn(ctx context.Context, t *task) error {
	if t.frames == nil {
		if !w.encoded(ctx, t.id) {
			return errors.New("another file with the same content could not be brought in")
		}
		return w.link(ctx, t)
	}
	if err := w.encode(ctx, t); err != nil {
		return err
	}
	if err := w.record(ctx, t); err != nil {
		return storageError{err}
	}
	if t.note != nil {
		w.summary.Warnings = append(w.summary.Warnings, newRefusal(t.job.Path, t.note))
	}
	return w.draftVideo(ctx, t.id, t)
}

// encode turns the task's frames into a feature file.
func (w *worker) encode(ctx context.Context, t *task) error {
	file, err := w.store.Create(w.header(t.id))
	if err != nil {
		return storageError{err}
	}
	defer file.Discard()
	var last *sightline.Frame // its row waits for the time of the next frame
	var lastRow []float32
	put := func(end float64) error {
		row := sightline.Matrix{Rows: 1, Cols: len(lastRow), Data: lastRow}
		err := file.Append([]sightline.Span{{Start: last.Time, End: end}}, row)
		var system *os.PathError
		if errors.As(err, &system) {
			return storageError{err}
		}
		return err
	}
	for frames := range t.frames {
		rows, err := w.model.Encoder.EncodeFrames(ctx, frames)
		if err != nil {
			return fmt.Errorf("encode the frames from %s on: %w", sightline.Clock(frames[0].Time), err)
		}
		if rows.Rows != len(frames) {
			return fmt.Errorf("the encoder made %d rows of %d frames", rows.Rows, len(frames))
		}
		for i := range frames {
			if last != nil {
				if err := put(frames[i].Time); err != nil {
					return err
				}
			}
			last, lastRow = &sightline.Frame{Time: frames[i].Time}, rows.Row(i)
		}
		w.progress.Seconds += last.Time - w.progress.At
		w.progress.At = last.Time
		w.report(w.within(t))
	}
	if t.decodeErr != nil {
		return t.decodeErr
	}
	if last == nil {
		return errors.New("it has no picture")
	}
	end := t.info.Duration
	if end <= last.Time {
		end = last.Time + 1/w.archive.settings.Rate
	}
	if err := put(end); err != nil {
		return err
	}
	if err := unchanged(t.file); err != nil {
		return err
	}
	if err := file.Finish(); err != nil {
		return storageError{err}
	}
	return nil
}

// record enters the video, its cues and its feature file into the catalogue, and says that the file holds it.
func (w *worker) record(ctx context.Context, t *task) error {
	file, err := w.store.Open(w.header(t.id))
	if err != nil {
		return err
	}
	defer file.Close()
	return write(ctx, w.archive.db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO videos (id, sha256, size, duration, fps, width, height, container, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO NOTHING`,
			t.id, t.sum, t.file.size, t.info.Duration, t.info.FPS.String(), t.info.Width, t.info.Height, t.info.Container, now())
		if err != nil {
			return err
		}
		if err := noteCues(ctx, tx, t.id, t.cues); err != nil {
			return err
		}
		if err := noteStream(ctx, tx, file); err != nil {
			return err
		}
		return noteFile(ctx, tx, t.file, t.id)
	})
}

// link says that a file holds a video that is known, and takes out paths of it that are no more.
func (w *worker) link(ctx context.Context, t *task) error {
	var indexed bool
	err := w.archive.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM indexed WHERE video_id = ? AND space = ?)",
		t.id, w.space.Key()).Scan(&indexed)
	if err == nil {
		err = write(ctx, w.archive.db, func(tx *sql.Tx) error {
			if err := dropMissing(ctx, tx, t.id, t.file.path); err != nil {
				return err
			}
			return noteFile(ctx, tx, t.file, t.id)
		})
	}
	if err != nil {
		return storageError{err}
	}
	if !indexed && !w.inDraft(t.id) {
		return w.draftVideo(ctx, t.id, t)
	}
	if err := w.queue.Done(ctx, t.job); err != nil {
		return storageError{err}
	}
	w.summary.Known = append(w.summary.Known, Entry{Path: t.job.Path, ID: t.id})
	return nil
}
