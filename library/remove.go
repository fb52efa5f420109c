package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"sightline"
)

// Remove takes videos out of the archive: each name is the id of a video, the path of a file, or a folder, which means
// all files in it. A video goes (from the index, its features, the catalogue) when no file of it is left; refused and
// waiting files are forgotten. The files themselves are not touched, so an Add of their folder brings them in again. It
// returns the ids of the videos that went. A name that nothing goes by is an error, and nothing is removed then.
func (a *Archive) Remove(ctx context.Context, names ...string) ([]string, error) {
	unlock, err := a.lock(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("remove videos: %w", err)
	}
	defer unlock()
	if err := a.jobs.recover(ctx); err != nil {
		return nil, fmt.Errorf("remove videos: %w", err)
	}
	var forgotten []string
	err = write(ctx, a.db, func(tx *sql.Tx) error {
		for _, name := range names {
			paths, imported, err := named(ctx, tx, name)
			if err != nil {
				return err
			}
			if len(paths) == 0 && !imported {
				return &sightline.Error{
					Kind: sightline.Usage,
					What: fmt.Sprintf("remove %s", name),
					Err:  ErrNoVideo,
					Try:  "see what there is: sightline list",
				}
			}
			if imported {
				if _, err := tx.ExecContext(ctx, "UPDATE videos SET sha256 = '-' WHERE id = ?", name); err != nil {
					return err
				}
			}
			for _, path := range paths {
				if _, err := tx.ExecContext(ctx, "DELETE FROM files WHERE path = ?", path); err != nil {
					return err
				}
			}
			forgotten = append(forgotten, paths...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := a.jobs.Forget(ctx, forgotten...); err != nil {
		return nil, fmt.Errorf("remove videos: %w", err)
	}
	removed, err := a.sweep(ctx, nil)
	if err != nil {
		return removed, &sightline.Error{Kind: sightline.Failed, What: "remove videos", Err: err,
			Try: "run it again, or sightline add: either finishes what was begun"}
	}
	return removed, nil
}

// named returns the paths that a name stands for, and whether it is the id of features made elsewhere.
func named(ctx context.Context, tx *sql.Tx, name string) (paths []string, imported bool, err error) {
	err = tx.QueryRowContext(ctx, "SELECT sha256 = '' FROM videos WHERE id = ?", name).Scan(&imported)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, false, err
	}
	absolute, err := filepath.Abs(name)
	if err != nil {
		return nil, false, err
	}
	inside := strings.TrimSuffix(absolute, string(filepath.Separator)) + string(filepath.Separator)
	rows, err := tx.QueryContext(ctx, `
		SELECT path FROM files WHERE video_id = ?1 OR path = ?2 OR substr(path, 1, length(?3)) = ?3
		UNION SELECT path FROM jobs WHERE state != 'done' AND (path = ?2 OR substr(path, 1, length(?3)) = ?3)`,
		name, absolute, inside)
	paths, err = collect(rows, err, func(rows *sql.Rows) (path string, err error) { return path, rows.Scan(&path) })
	return paths, imported, err
}
