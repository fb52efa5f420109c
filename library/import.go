package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"sightline"
	"sightline/feature"
)

// Import brings features made elsewhere into the archive, so that videos can be searched whose files are not at hand. The
// caller says by passing the model that its encoder made them, at this archive's rate; features of another stream than
// frame or another width are refused, as is an id that belongs to a video of the archive. Importing an id again
// replaces its features. Imported videos have no path; Remove takes them out by id.
func (a *Archive) Import(ctx context.Context, model Model, features ...feature.Features) (Summary, error) {
	var summary Summary
	if err := a.mayServe(ctx, model); err != nil {
		return summary, err
	}
	unlock, err := a.lock(ctx, nil)
	if err != nil {
		return summary, importError(err)
	}
	defer unlock()
	if err := a.startServing(ctx, model); err != nil {
		return summary, importError(err)
	}
	if err := noteSpace(ctx, a.db, a.FeatureSpace(model.Encoder)); err != nil {
		return summary, importError(err)
	}
	for _, f := range features {
		if err := ctx.Err(); err != nil {
			return summary, importError(err)
		}
		if err := a.importOne(ctx, model, f); err != nil {
			summary.Refused = append(summary.Refused, newRefusal(f.VideoID, err))
			continue
		}
		summary.Added = append(summary.Added, Entry{ID: f.VideoID, Duration: f.Span().End})
	}
	if err := a.work(ctx, model, nil, &summary, func(*worker) error { return nil }); err != nil {
		return summary, importError(err)
	}
	return summary, nil
}

func importError(err error) error {
	return &sightline.Error{Kind: sightline.KindOf(err), What: "import features into the archive", Err: err, Try: sightline.TryOf(err)}
}

// importOne stores the features of one video and enters it into the catalogue; work will index it.
func (a *Archive) importOne(ctx context.Context, model Model, f feature.Features) error {
	if f.Stream != feature.Frame {
		return fmt.Errorf("features are of the stream %s; an archive holds rows of single frames", f.Stream)
	}
	if want := model.Encoder.FrameDim(); f.Rows.Cols != want {
		return fmt.Errorf("rows have width %d, those of the encoder %v have %d", f.Rows.Cols, model.Encoder.ID(), want)
	}
	var sum string
	err := a.db.QueryRowContext(ctx, "SELECT sha256 FROM videos WHERE id = ?", f.VideoID).Scan(&sum)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if sum != "" {
		return fmt.Errorf("the id %q belongs to a video of the archive", f.VideoID)
	}
	f.Space = a.FeatureSpace(model.Encoder)
	if err := a.Features().Write(f); err != nil {
		return err
	}
	file, err := a.Features().Open(f.Header)
	if err != nil {
		return err
	}
	defer file.Close()
	return write(ctx, a.db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO videos (id, sha256, size, duration, fps, width, height, container, added) VALUES (?, '', 0, ?, '0/1', 0, 0, '', ?)
			ON CONFLICT (id) DO UPDATE SET duration = excluded.duration`, f.VideoID, f.Span().End, now())
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM indexed WHERE video_id = ?", f.VideoID); err != nil {
			return err
		}
		return noteStream(ctx, tx, file)
	})
}
