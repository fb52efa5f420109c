package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"sightline"
	"sightline/feature"
)

// Video is a video of the archive. Path is one of Paths, "" for features made elsewhere.
type Video struct {
	sightline.Video
	Paths     []string `json:"paths"` // files with this content, sorted
	Size      int64    `json:"size"`  // bytes
	FPS       string   `json:"fps"`   // mean pictures a second as a fraction, 30000/1001; 0/1 when unknown
	Width     int      `json:"width"` // pixels, as shown
	Height    int      `json:"height"`
	Container string   `json:"container"`
	Added     string   `json:"added"`   // time of day, RFC 3339
	Windows   int      `json:"windows"` // in the index that serves
}

// ErrNoVideo is met when an archive has no video of that id.
var ErrNoVideo = errors.New("no such video in the archive")

// inServingIndex is true of the rows i of indexed that are of video v in the index that serves.
const inServingIndex = `i.video_id = v.id AND i.space =
	(SELECT models.space FROM settings JOIN models ON models.name = settings.value WHERE settings.name = 'model')`

const videoColumns = `
	SELECT v.id, v.duration, v.size, v.fps, v.width, v.height, v.container, v.added, coalesce(i.windows, 0)
	FROM held v LEFT JOIN indexed i ON ` + inServingIndex

func scanVideo(rows *sql.Rows) (v Video, err error) {
	return v, rows.Scan(&v.ID, &v.Duration, &v.Size, &v.FPS, &v.Width, &v.Height, &v.Container, &v.Added, &v.Windows)
}

// Videos returns the videos that can be found, in order of their paths.
func (a *Archive) Videos(ctx context.Context) ([]Video, error) {
	rows, err := a.db.QueryContext(ctx, videoColumns+` WHERE i.windows IS NOT NULL
		ORDER BY (SELECT min(path) FROM files WHERE video_id = v.id), v.id`)
	videos, err := collect(rows, err, scanVideo)
	if err != nil {
		return nil, fmt.Errorf("list videos: %w", err)
	}
	return videos, a.addPaths(ctx, videos)
}

// Video returns the video of the given id; the error is ErrNoVideo when there is none. A hit of an index opened before a
// Remove may name a video that is gone.
func (a *Archive) Video(ctx context.Context, id string) (Video, error) {
	rows, err := a.db.QueryContext(ctx, videoColumns+" WHERE v.id = ?", id)
	videos, err := collect(rows, err, scanVideo)
	if err != nil {
		return Video{}, fmt.Errorf("look up video %s: %w", id, err)
	}
	if len(videos) == 0 {
		return Video{}, fmt.Errorf("%w: %s", ErrNoVideo, id)
	}
	err = a.addPaths(ctx, videos)
	return videos[0], err
}

// Find returns the video that a person calls name: its id, the path of a file, or the name of a file where one video alone has
// it. The error is of kind Usage when there is none or several.
func (a *Archive) Find(ctx context.Context, name string) (Video, error) {
	videos, err := a.Videos(ctx)
	if err != nil {
		return Video{}, err
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return Video{}, err
	}
	var called []Video
	for _, v := range videos {
		if v.ID == name || slices.Contains(v.Paths, path) {
			return v, nil
		}
		if slices.ContainsFunc(v.Paths, func(p string) bool { return filepath.Base(p) == name }) {
			called = append(called, v)
		}
	}
	fail := &sightline.Error{Kind: sightline.Usage, What: fmt.Sprintf("find video %q", name), Err: ErrNoVideo,
		Try: "see what there is: sightline list; a file that is not in yet comes in by sightline add"}
	switch len(called) {
	case 1:
		return called[0], nil
	case 0:
		return Video{}, fail
	}
	fail.Err = fmt.Errorf("%d videos have a file of this name, %s and %s among them", len(called), called[0].Path, called[1].Path)
	fail.Try = "name it by its path or its id"
	return Video{}, fail
}

// addPaths completes videos with the files they lie in.
func (a *Archive) addPaths(ctx context.Context, videos []Video) error {
	if len(videos) == 0 {
		return nil
	}
	query, args := "SELECT video_id, path FROM files WHERE video_id IS NOT NULL ORDER BY path", []any(nil)
	if len(videos) == 1 {
		query, args = "SELECT video_id, path FROM files WHERE video_id = ? ORDER BY path", []any{videos[0].ID}
	}
	rows, err := a.db.QueryContext(ctx, query, args...)
	type file struct{ id, path string }
	files, err := collect(rows, err, func(rows *sql.Rows) (f file, err error) { return f, rows.Scan(&f.id, &f.path) })
	if err != nil {
		return fmt.Errorf("look up the files of videos: %w", err)
	}
	paths := map[string][]string{}
	for _, f := range files {
		paths[f.id] = append(paths[f.id], f.path)
	}
	for i := range videos {
		if videos[i].Paths = paths[videos[i].ID]; len(videos[i].Paths) > 0 {
			videos[i].Path = existing(videos[i].Paths)
		}
	}
	return nil
}

// existing returns the first path that is there, and the first of all when none is.
func existing(paths []string) string {
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return paths[0]
}

// Cues returns the subtitle lines of a video in order of time.
func (a *Archive) Cues(ctx context.Context, id string) ([]sightline.Cue, error) {
	rows, err := a.db.QueryContext(ctx, "SELECT start, end, text FROM cues WHERE video_id = ? ORDER BY number", id)
	return collect(rows, err, func(rows *sql.Rows) (cue sightline.Cue, err error) {
		return cue, rows.Scan(&cue.Start, &cue.End, &cue.Text)
	})
}

// Refused returns the files in quarantine, in order of their paths.
func (a *Archive) Refused(ctx context.Context) ([]Refusal, error) {
	rows, err := a.db.QueryContext(ctx, "SELECT path, cause, coalesce(try, '') FROM files WHERE cause IS NOT NULL ORDER BY path")
	return collect(rows, err, func(rows *sql.Rows) (Refusal, error) {
		r := Refusal{Again: true}
		return r, rows.Scan(&r.Path, &r.Cause, &r.Try)
	})
}

// fileState is what the catalogue knows of a path.
type fileState struct {
	videoID string
	same    bool     // its size and time are those of the candidate
	indexed bool     // its video is in the index of the space asked about
	refusal *Refusal // nil when it was not refused
}

func (a *Archive) fileState(ctx context.Context, c candidate, space sightline.Space) (fileState, error) {
	var state fileState
	var size, mtime int64
	var video, cause, try sql.NullString
	err := a.db.QueryRowContext(ctx, `
		SELECT video_id, size, mtime, cause, try,
			EXISTS (SELECT 1 FROM indexed WHERE indexed.video_id = files.video_id AND indexed.space = ?)
		FROM files WHERE path = ?`, space.Key(), c.path).Scan(&video, &size, &mtime, &cause, &try, &state.indexed)
	if errors.Is(err, sql.ErrNoRows) {
		return state, nil
	}
	if err != nil {
		return state, fmt.Errorf("look up %s: %w", c.path, err)
	}
	state.videoID = video.String
	state.same = size == c.size && mtime == c.mtime
	if cause.Valid {
		state.refusal = &Refusal{Path: c.path, Cause: cause.String, Try: try.String}
	}
	return state, nil
}

// noCollision returns an error when the id already belongs to another content.
func (a *Archive) noCollision(ctx context.Context, id, sum string) error {
	var known string
	err := a.db.QueryRowContext(ctx, "SELECT sha256 FROM videos WHERE id = ?", id).Scan(&known)
	if errors.Is(err, sql.ErrNoRows) || err == nil && known == sum {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("its id %s belongs to another video", id)
}

// noteFile says that a file holds a video.
func noteFile(ctx context.Context, tx *sql.Tx, c candidate, id string) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO files (path, video_id, size, mtime) VALUES (?, ?, ?, ?)
		ON CONFLICT (path) DO UPDATE SET video_id = excluded.video_id, size = excluded.size, mtime = excluded.mtime,
			cause = NULL, try = NULL`, c.path, id, c.size, c.mtime)
	return err
}

// noteRefusal puts a file in quarantine. The video that it held before, if any, stays: a damaged file is no reason to
// forget what was seen in it.
func (a *Archive) noteRefusal(ctx context.Context, c candidate, r Refusal) error {
	_, err := a.db.ExecContext(ctx, `
		INSERT INTO files (path, size, mtime, cause, try) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime = excluded.mtime, cause = excluded.cause, try = excluded.try`,
		c.path, c.size, c.mtime, r.Cause, r.Try)
	return err
}

// dropMissing forgets the paths of a video, other than keep, at which there is no file any more.
func dropMissing(ctx context.Context, tx *sql.Tx, id, keep string) error {
	rows, err := tx.QueryContext(ctx, "SELECT path FROM files WHERE video_id = ? AND path != ?", id, keep)
	paths, err := collect(rows, err, func(rows *sql.Rows) (path string, err error) { return path, rows.Scan(&path) })
	if err != nil {
		return err
	}
	for _, path := range paths {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM files WHERE path = ?", path); err != nil {
			return err
		}
	}
	return nil
}

// noteCues replaces the subtitle lines of a video.
func noteCues(ctx context.Context, tx *sql.Tx, id string, cues []sightline.Cue) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM cues WHERE video_id = ?", id); err != nil {
		return err
	}
	for i, cue := range cues {
		if _, err := tx.ExecContext(ctx, "INSERT INTO cues VALUES (?, ?, ?, ?, ?)", id, i, cue.Start, cue.End, cue.Text); err != nil {
			return err
		}
	}
	return nil
}

// noteStream records a complete feature file.
func noteStream(ctx context.Context, tx *sql.Tx, file *feature.File) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?, ?)",
		file.VideoID, string(file.Stream), file.Space.Key(), file.Len(), file.Dim())
	return err
}
