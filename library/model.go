package library

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"sightline"
	"sightline/encoder"
	"sightline/feature"
)

// Model is what turns videos into the rows of an index: an encoder of frames and, on top of it, a model with a text side.
// Library knows no more of a model than this.
type Model struct {
	Name    string               // as a person calls it, e.g. the name of its bundle
	Encoder encoder.FrameEncoder // makes the features
	Text    sightline.ModelID    // the text encoder that queries come from
	Head    sightline.ModelID    // the trained head; zero when the encoder is used as it is

	// Recall returns the recall vector of each window, [len(windows), D]. A window holds up to Settings.WindowRows
	// consecutive rows of one video. D is the same for all windows and the vectors are as search compares them, by dot
	// product. A window's vector depends on no other window.
	Recall func(ctx context.Context, windows []feature.Features) (sightline.Matrix, error)
}

// FeatureSpace returns the space of the features that an encoder makes in this archive.
func (a *Archive) FeatureSpace(e encoder.FrameEncoder) sightline.Space {
	return sightline.Space{Video: e.ID(), Preprocess: e.Preprocess(), Sampling: a.settings.sampling()}
}

// IndexSpace returns the space of the vectors that a model puts into this archive's index.
func (a *Archive) IndexSpace(m Model) sightline.Space {
	space := a.FeatureSpace(m.Encoder)
	space.Text, space.Head = m.Text, m.Head
	return space
}

// Serving says which model an archive is searched with.
type Serving struct {
	Model string          `json:"model"`
	Space sightline.Space `json:"space"`
}

// Serving returns the model that serves. The error is of kind NotReady before the first Add.
func (a *Archive) Serving(ctx context.Context) (Serving, error) {
	return serving(ctx, a, a.db)
}

func serving(ctx context.Context, a *Archive, from querier) (Serving, error) {
	var s Serving
	var text string
	err := from.QueryRowContext(ctx, `
		SELECT models.name, spaces.space
		FROM settings JOIN models ON models.name = settings.value JOIN spaces ON spaces.key = models.space
		WHERE settings.name = 'model'`).Scan(&s.Model, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return s, a.nothingYet("find the model", errors.New("nothing was added yet"))
	}
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(text), &s.Space)
}

// Models returns the models this archive has been searched with, the one that served last first.
func (a *Archive) Models(ctx context.Context) ([]Serving, error) {
	rows, err := a.db.QueryContext(ctx, `
		SELECT models.name, spaces.space
		FROM models JOIN spaces ON spaces.key = models.space
		LEFT JOIN settings ON settings.name = 'model' AND settings.value = models.name
		ORDER BY settings.value IS NULL, models.used DESC, models.name`)
	return collect(rows, err, func(rows *sql.Rows) (Serving, error) {
		var s Serving
		var text string
		if err := rows.Scan(&s.Model, &text); err != nil {
			return s, err
		}
		return s, json.Unmarshal([]byte(text), &s.Space)
	})
}

// serve makes a model the one that serves; its index must be complete.
func serve(ctx context.Context, tx *sql.Tx, name string, space sightline.Space) error {
	if err := noteSpace(ctx, tx, space); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO models VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET space = excluded.space, used = excluded.used`, name, space.Key(), now())
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO settings VALUES ('model', ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name)
	return err
}

// noteSpace records what a space's key means.
func noteSpace(ctx context.Context, on querier, space sightline.Space) error {
	text, err := json.Marshal(space)
	if err != nil {
		return err
	}
	_, err = on.ExecContext(ctx, "INSERT OR IGNORE INTO spaces VALUES (?, ?)", space.Key(), string(text))
	return err
}

// spaces returns every space the archive has known.
func (a *Archive) spaces(ctx context.Context) ([]sightline.Space, error) {
	rows, err := a.db.QueryContext(ctx, "SELECT space FROM spaces ORDER BY key")
	return collect(rows, err, func(rows *sql.Rows) (space sightline.Space, err error) {
		var text string
		if err := rows.Scan(&text); err != nil {
			return space, err
		}
		return space, json.Unmarshal([]byte(text), &space)
	})
}
