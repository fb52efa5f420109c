package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"sightline"
	"sightline/feature"
)

// MomentModel is what turns stored rows and subtitle lines into the clips that a search for moments looks at. Library knows
// no more of a moment model than this.
type MomentModel struct {
	Name  string          // as a person calls it
	Space sightline.Space // of the clips: its encoder, preprocessing and sampling must be those of the archive's features

	// Held returns the ids of the videos that the corpus in a folder holds; none where there is no corpus yet.
	Held func(dir string) ([]string, error)
	// Open opens the corpus in a folder for changes, and makes it when there is none.
	Open func(dir string) (ClipWriter, error)
}

// ClipWriter is a corpus of clips that can be changed. Changes show when they are published, all at once.
type ClipWriter interface {
	// Add encodes videos from their stored rows and subtitle lines, for the next Publish, and returns how many clips it made of
	// each. No video moves what is made of another.
	Add(ctx context.Context, videos []feature.Features, cues [][]sightline.Cue) (clips []int, err error)
	// Delete takes out videos, for the next Publish. Ids that are not there are ignored.
	Delete(ctx context.Context, ids ...string) error
	Publish(ctx context.Context) error
	Close() error
}

// momentSetting names the setting that holds the name of the archive's moment model.
const momentSetting = "moment_model"

// MomentModel returns the name of the model that finds this archive's moments, or "" when there is none.
func (a *Archive) MomentModel(ctx context.Context) (string, error) {
	var name string
	err := a.db.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?", momentSetting).Scan(&name)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("find the moment model: %w", err)
	}
	return name, nil
}

// UseMoments makes a model the one that finds this archive's moments, beside the one that serves search. CatchUp may be called
// before or after it.
func (a *Archive) UseMoments(ctx context.Context, m MomentModel) error {
	if err := a.AcceptMoments(ctx, m); err != nil {
		return err
	}
	_, err := a.db.ExecContext(ctx, `
		INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, momentSetting, m.Name)
	if err != nil {
		return fmt.Errorf("use the moment model %s: %w", m.Name, err)
	}
	return nil
}

// AcceptMoments returns nil when the model takes the features that this archive is searched with, and else an error that
// names both sides.
func (a *Archive) AcceptMoments(ctx context.Context, m MomentModel) error {
	serving, err := a.Serving(ctx)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("find moments with the model %s", m.Name)
	if rate := a.settings.sampling(); m.Space.Sampling != rate {
		return &sightline.Error{
			Kind: sightline.Usage, What: what,
			Err: fmt.Errorf("it was trained on frames at %s, the archive has frames at %s", m.Space.Sampling, rate),
			Try: fmt.Sprintf("train a model with data.rate: %g, or make another archive with the model's rate: sightline add --archive FOLDER --rate RATE", a.settings.Rate),
		}
	}
	has, takes := serving.Space, m.Space
	has.Text, has.Head, takes.Text, takes.Head = sightline.ModelID{}, sightline.ModelID{}, sightline.ModelID{}, sightline.ModelID{}
	if err := has.Check(takes); err != nil {
		return &sightline.Error{
			Kind: sightline.Usage, What: what,
			Err: fmt.Errorf("the archive's features are of %v (%s), the model takes those of %v (%s)", has.Video, has.Preprocess, takes.Video, takes.Preprocess),
			Try: "name a moment model that was trained on the archive's encoder, or make the archive's search use the model's: sightline model use ENCODER",
		}
	}
	return nil
}

// MomentsDir returns the folder of the corpus of a model's clips; it may not be there yet.
func (a *Archive) MomentsDir(m MomentModel) string {
	return filepath.Join(a.dir, "moments", m.Space.Key())
}

// CatchUp brings the corpus of a moment model up to date: clips of videos that can be searched and are not in it, or were
// imported anew, are encoded, and those of videos that left the archive are taken out. It reads stored rows and the
// catalogue's cues, never a video. Interrupted or killed, it goes on where it stopped when it is called again; what was
// published stays.
//
// It changes the archive, so it waits while another process does; but where the corpus holds videos and nothing has to leave
// it, it does not wait, and returns how many videos are not in the corpus yet.
func (a *Archive) CatchUp(ctx context.Context, m MomentModel, report func(Progress)) (behind int, err error) {
	if err := a.AcceptMoments(ctx, m); err != nil {
		return 0, err
	}
	if report == nil {
		report = func(Progress) {}
	}
	behind, err = a.catchUp(ctx, m, report)
	if err == nil {
		return behind, nil
	}
	e := &sightline.Error{Kind: sightline.KindOf(err), What: "prepare the archive for " + m.Name, Err: err, Try: sightline.TryOf(err)}
	if e.Try == "" {
		e.Try = "run it again to go on; what is done stays done"
	}
	return 0, e
}

func (a *Archive) catchUp(ctx context.Context, m MomentModel, report func(Progress)) (behind int, err error) {
	due, gone, held, err := a.clipsBehind(ctx, m)
	if err != nil || len(due)+len(gone) == 0 {
		return 0, err
	}
	unlock, mine, err := a.lockNow()
	if err == nil && !mine {
		if held > 0 && len(gone) == 0 {
			return len(due), nil
		}
		unlock, err = a.lock(ctx, func(pid string) { report(Progress{Waiting: pid}) })
	}
	if err != nil {
		return 0, err
	}
	defer unlock()
	if due, gone, _, err = a.clipsBehind(ctx, m); err != nil { // another process may have been here
		return 0, err
	}
	if err := noteSpace(ctx, a.db, m.Space); err != nil {
		return 0, err
	}
	writer, err := m.Open(a.MomentsDir(m))
	if err != nil {
		return 0, err
	}
	c := clipper{archive: a, model: m, writer: writer, report: report, published: time.Now()}
	return 0, errors.Join(c.run(ctx, due, gone), writer.Close())
}

// clipsBehind returns the ids of the videos that are not in the corpus and should be, of those that are and should not, and how
// many videos the corpus holds. A video is in the corpus when both the corpus and the catalogue say so.
func (a *Archive) clipsBehind(ctx context.Context, m MomentModel) (due, gone []string, held int, err error) {
	in, err := m.Held(a.MomentsDir(m))
	if err != nil {
		return nil, nil, 0, err
	}
	rows, err := a.db.QueryContext(ctx, `
		SELECT v.id, EXISTS (SELECT 1 FROM indexed WHERE video_id = v.id AND space = ?1)
		FROM held v JOIN indexed i ON `+inServingIndex+` ORDER BY v.id`, m.Space.Key())
	type state struct {
		id    string
		clips bool
	}
	states, err := collect(rows, err, func(rows *sql.Rows) (s state, err error) { return s, rows.Scan(&s.id, &s.clips) })
	if err != nil {
		return nil, nil, 0, err
	}
	leaving := map[string]bool{}
	for _, id := range in {
		leaving[id] = true
	}
	for _, s := range states {
		if !s.clips || !leaving[s.id] {
			due = append(due, s.id)
		}
		delete(leaving, s.id)
	}
	for _, id := range in {
		if leaving[id] {
			gone = append(gone, id)
		}
	}
	return due, gone, len(in), nil
}

// clipper brings videos into a corpus, while this process holds the archive's lock. Dying between publishing and telling the
// catalogue leaves videos that are encoded again, to the same end.
type clipper struct {
	archive   *Archive
	model     MomentModel
	writer    ClipWriter
	report    func(Progress)
	published time.Time
	draft     []drafted
}

// clipRows is how many rows, of several videos, are encoded together.
const clipRows = 4096

func (c *clipper) run(ctx context.Context, due, gone []string) error {
	if err := c.writer.Delete(ctx, slices.Concat(gone, due)...); err != nil {
		return err
	}
	progress := Progress{FilesTotal: len(due)}
	c.report(progress)
	space := c.archive.featuresOf(c.model.Space)
	var batch []feature.Features
	var rows int
	for i, id := range due {
		f, err := c.archive.Features().Read(feature.Header{VideoID: id, Stream: feature.Frame, Space: space})
		if err != nil {
			return errors.Join(err, c.flush(context.WithoutCancel(ctx)))
		}
		batch, rows = append(batch, f), rows+f.Rows.Rows
		if rows < clipRows && i+1 < len(due) {
			continue
		}
		err = c.add(ctx, batch)
		if err == nil && (len(c.draft) >= publishVideos || time.Since(c.published) >= publishEvery) {
			err = c.flush(ctx)
		}
		if err != nil {
			return errors.Join(err, c.flush(context.WithoutCancel(ctx)))
		}
		progress.Files += len(batch)
		c.report(progress)
		batch, rows = batch[:0], 0
	}
	return c.flush(ctx)
}

// featuresOf returns the space of the rows that clips of a space are made of.
func (a *Archive) featuresOf(clips sightline.Space) sightline.Space {
	return sightline.Space{Video: clips.Video, Preprocess: clips.Preprocess, Sampling: a.settings.sampling()}
}

// add puts videos into the draft.
func (c *clipper) add(ctx context.Context, videos []feature.Features) error {
	cues := make([][]sightline.Cue, len(videos))
	for i, v := range videos {
		var err error
		if cues[i], err = c.archive.Cues(ctx, v.VideoID); err != nil {
			return err
		}
	}
	counts, err := c.writer.Add(ctx, videos, cues)
	if err != nil {
		return err
	}
	for i, v := range videos {
		c.draft = append(c.draft, drafted{id: v.VideoID, windows: counts[i]})
	}
	return nil
}

// flush publishes the draft and tells the catalogue.
func (c *clipper) flush(ctx context.Context) error {
	c.published = time.Now()
	if err := c.writer.Publish(ctx); err != nil {
		return err
	}
	err := noteIndexed(ctx, c.archive.db, c.model.Space, c.draft)
	c.draft = c.draft[:0]
	return err
}
