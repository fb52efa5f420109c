package library

import (
	"context"
	"database/sql"
	"fmt"
	"os"

	"sightline"
)

// Adopt makes a model the one that serves. The index of its space is built beside the one that serves until then, from
// the stored features where the encoder is the same, else from the files; searches go on in the old index, and the swap
// is one step, taken only when every video is in the new one. Interrupted, it goes on where it stopped when it is
// called again. The old index stays, so going back is quick. Adopting the model that serves brings its index up to date.
func (a *Archive) Adopt(ctx context.Context, model Model, report func(Progress)) error {
	err := a.adopt(ctx, model, report)
	if err == nil {
		return nil
	}
	e := &sightline.Error{Kind: sightline.KindOf(err), What: fmt.Sprintf("adopt the model %s", model.Name), Err: err, Try: sightline.TryOf(err)}
	if e.Try == "" {
		e.Try = "run it again to go on; until it is complete the archive is searched as before"
	}
	return e
}

func (a *Archive) adopt(ctx context.Context, model Model, report func(Progress)) error {
	unlock, err := a.lock(ctx, func(pid string) {
		if report != nil {
			report(Progress{Waiting: pid})
		}
	})
	if err != nil {
		return err
	}
	defer unlock()
	var summary Summary
	return a.work(ctx, model, report, &summary, func(w *worker) error {
		left, err := a.unindexed(ctx, w.space)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return a.incomplete(ctx, left, summary)
		}
		return a.makeServe(ctx, model)
	})
}

// makeServe points the archive to a model.
func (a *Archive) makeServe(ctx context.Context, model Model) error {
	return write(ctx, a.db, func(tx *sql.Tx) error { return serve(ctx, tx, model.Name, a.IndexSpace(model)) })
}

// unindexed returns the ids of the videos that are not in the index of a space but in some other, or made elsewhere. Videos
// that are in none are on their way in, and have a job.
func (a *Archive) unindexed(ctx context.Context, space sightline.Space) ([]string, error) {
	rows, err := a.db.QueryContext(ctx, `
		SELECT id FROM held WHERE (sha256 = '' OR id IN (SELECT video_id FROM indexed))
			AND id NOT IN (SELECT video_id FROM indexed WHERE space = ?) ORDER BY id`, space.Key())
	return collect(rows, err, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) })
}

// reindex puts the videos that are in other indexes only into this one, and those without features into the queue.
func (w *worker) reindex(ctx context.Context) error {
	ids, err := w.archive.unindexed(ctx, w.space)
	if err != nil {
		return err
	}
	w.progress.FilesTotal = len(ids)
	var bare []Job
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !w.encoded(ctx, id) {
			v, err := w.archive.Video(ctx, id)
			if err != nil {
				return err
			}
			if _, err := os.Stat(v.Path); err == nil {
				bare = append(bare, Job{Path: v.Path, Size: v.Size})
			}
			continue
		}
		if err := w.draftVideo(ctx, id, nil); err != nil {
			return err
		}
		if err := w.publishDue(ctx); err != nil {
			return err
		}
		w.progress.Files++
		w.report(w.progress)
	}
	if err := w.queue.Put(ctx, bare...); err != nil {
		return err
	}
	return w.flush(ctx)
}

// incomplete says which videos keep a model from being adopted.
func (a *Archive) incomplete(ctx context.Context, ids []string, summary Summary) error {
	v, err := a.Video(ctx, ids[0])
	if err != nil {
		return err
	}
	cause := "its file is not there"
	for _, refusal := range summary.Refused {
		if refusal.Path == v.Path {
			cause = refusal.Cause
		}
	}
	return &sightline.Error{
		Kind: sightline.Failed,
		What: "encode every video again",
		Err:  fmt.Errorf("%d could not be, the first is %s (%s): %s", len(ids), v.ID, v.Path, cause),
		Try:  "bring the files back, or remove those videos, then try again",
	}
}
