package library

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"sightline"
	"sightline/feature"
	"sightline/video"
)

const (
	idDigits   = 16 // of the content's hash, in a video's id
	batchSize  = 16 // frames that go to the encoder at once
	batchAhead = 2  // batches that are decoded ahead of the encoder
)

// task is a job on its way through the pipeline. prepare fills the upper half; frames and decodeErr come from decode.
type task struct {
	job  Job
	file candidate
	sum  string // SHA-256 of the content, hex
	id   string
	info *video.Info
	cues []sightline.Cue
	note error // what is wrong with the video's subtitles
	err  error // why the file cannot be brought in
	gone bool  // the file is no longer there

	frames    chan []sightline.Frame // nil when there is nothing to decode
	decodeErr error                  // may be read when frames is closed
	quit      context.CancelFunc     // stops decode
}

// errChanged is met when a file is written to while it is being read.
var errChanged = &sightline.Error{
	Kind: sightline.Failed,
	What: "read the file",
	Err:  errors.New("it changed while it was being read"),
	Try:  "add it again when it is complete",
}

// prepare does what comes before decoding: hash, probe, subtitles. Errors stay in the task.
func (w *worker) prepare(ctx context.Context, job Job) *task {
	t := &task{job: job, file: candidate{path: job.Path}}
	t.err = w.examine(ctx, t)
	if errors.Is(t.err, fs.ErrNotExist) {
		if _, err := os.Stat(job.Path); errors.Is(err, fs.ErrNotExist) {
			t.gone = true
		}
	}
	if t.err == nil && t.info != nil {
		t.frames = make(chan []sightline.Frame, batchAhead)
	}
	return t
}

func (w *worker) examine(ctx context.Context, t *task) error {
	info, err := os.Stat(t.job.Path)
	if err != nil {
		return err
	}
	t.file = candidateOf(t.job.Path, info)
	if !info.Mode().IsRegular() {
		return fmt.Errorf("it is no regular file (%v)", info.Mode().Type())
	}
	if t.sum, err = hashFile(ctx, t.job.Path); err != nil {
		return err
	}
	t.id = t.sum[:idDigits]
	if err := unchanged(t.file); err != nil {
		return err
	}
	if err := w.archive.noCollision(ctx, t.id, t.sum); err != nil {
		return err
	}
	if w.encoded(ctx, t.id) {
		return nil
	}
	if _, taken := w.inFlight.LoadOrStore(t.id, t); taken {
		return nil // its twin comes first, and leaves the features
	}
	if t.info, err = w.archive.media.probe(ctx, t.job.Path); err != nil {
		t.info = nil
		return err
	}
	t.cues, t.note = w.archive.media.subtitles(ctx, t.job.Path)
	return nil
}

// encoded reports whether the catalogue knows the video and its features open.
func (w *worker) encoded(ctx context.Context, id string) bool {
	var known bool
	err := w.archive.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM streams WHERE video_id = ? AND stream = ? AND space = ?)",
		id, feature.Frame, w.features.Key()).Scan(&known)
	if err != nil || !known {
		return false
	}
	file, err := w.store.Open(w.header(id))
	if err != nil {
		return false
	}
	file.Close()
	return true
}

// decode sends the task's frames, in batches, and closes the channel at the end.
func (w *worker) decode(ctx context.Context, t *task) {
	defer close(t.frames)
	batch := make([]sightline.Frame, 0, batchSize)
	send := func() error {
		select {
		case t.frames <- batch:
			batch = make([]sightline.Frame, 0, batchSize)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for frame, err := range w.archive.media.frames(ctx, t.info, w.archive.settings.Rate, w.model.Encoder.FrameSize()) {
		if err == nil {
			if batch = append(batch, frame); len(batch) < batchSize {
				continue
			}
			err = send()
		}
		if err != nil {
			t.decodeErr = err
			return
		}
	}
	if len(batch) > 0 {
		t.decodeErr = send()
	}
}

// hashFile returns the SHA-256 of a file's content.
func hashFile(ctx context.Context, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	buffer := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := file.Read(buffer)
		hash.Write(buffer[:n])
		if err == io.EOF {
			return hex.EncodeToString(hash.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// unchanged returns errChanged when the file is not as it was when c was made.
func unchanged(c candidate) error {
	info, err := os.Stat(c.path)
	if err != nil {
		return err
	}
	if candidateOf(c.path, info) != c {
		return errChanged
	}
	return nil
}

// verdict is what to do about a job that failed.
type verdict int

const (
	refuseIt verdict = iota // the file is at fault
	tryAgain                // it may go better next time
	stopAll                 // no other file would fare better
)

// maxAttempts is how often a job is begun that fails for a reason that may pass.
const maxAttempts = 3

func judge(ctx context.Context, job Job, err error) verdict {
	var refusal *video.Refusal
	var system *fs.PathError
	switch {
	case ctx.Err() != nil:
		return stopAll
	case errors.As(err, &refusal), errors.As(err, &system):
		return refuseIt
	case sightline.KindOf(err) == sightline.NotReady, errors.Is(err, sql.ErrConnDone):
		return stopAll
	case job.Attempts < maxAttempts:
		return tryAgain
	}
	return refuseIt
}
