// Package library keeps a person's archive: which videos are in it, what was encoded of them, and the index that search
// looks in. It drives the pipeline from files to searchable rows (package video decodes, an encoder makes features,
// package feature keeps them, a model's recall vectors go to package index) so that it can be killed at any moment:
// nothing is lost, nothing is in twice, nothing half-done shows, and the next Add goes on where the last one stopped.
//
// Start at Create and Open, then Archive.Add; Archive.CatchUp prepares a search for moments. An archive is a folder:
//
//	catalogue.db              videos, files, cues, jobs (SQLite; see migrations/)
//	features/<space key>/     feature files of one encoder (package feature)
//	index/<space key>/        the windows of one model (package index)
//	moments/<space key>/      the clips of one moment model (kept by what MomentModel brings)
//	models/                   bundles; library only names the folder
//	lock                      held by the process that changes the archive
//
// A video is its content: two files with the same bytes are one video with two paths, and a renamed file is not encoded
// again. Files that cannot be read as videos are refused with the cause and left alone until they change.
//
// Library never changes, moves or copies a person's files, ranks nothing, and knows no model: Model hands it an encoder
// and the function that gives recall vectors. Search lives in package search, which asks an archive for its index, its
// features and its videos. An archive must lie on a local disk.
package library

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"sightline"
	"sightline/feature"
	"sightline/index"
)

// Settings are chosen when an archive is made and stay: the rows of all its videos must mean the same.
type Settings struct {
	Rate       float64 `json:"rate"`        // frames a second that are encoded
	WindowRows int     `json:"window_rows"` // rows in a window, the unit of retrieval
	Overlap    int     `json:"overlap"`     // rows that a window shares with the one before it
}

// DefaultSettings are one frame a second, in windows of twelve that overlap by half.
func DefaultSettings() Settings { return Settings{Rate: 1, WindowRows: 12, Overlap: 6} }

func (s Settings) check() error {
	if !(s.Rate > 0) || s.Rate > 1000 {
		return fmt.Errorf("%v frames a second are not plausible", s.Rate)
	}
	if s.WindowRows < 1 || s.Overlap < 0 || s.Overlap >= s.WindowRows {
		return fmt.Errorf("windows of %d rows cannot overlap by %d", s.WindowRows, s.Overlap)
	}
	return nil
}

// sampling names the rate for Space.Sampling.
func (s Settings) sampling() string { return strconv.FormatFloat(s.Rate, 'g', -1, 64) + "fps" }

// Archive is an open archive. It is safe for concurrent use, by several processes too: any number may read, and those
// that change it take turns.
type Archive struct {
	dir      string
	db       *sql.DB
	jobs     jobs
	media    media
	settings Settings
}

// Create opens the archive in dir and makes it first if there is none. Zero settings mean those it has, or the default
// for a new one; settings that differ from those it was made with are an error.
func Create(dir string, settings Settings) (*Archive, error) {
	want := settings
	if want == (Settings{}) {
		want = DefaultSettings()
	}
	if err := want.check(); err != nil {
		return nil, openError(dir, &sightline.Error{Kind: sightline.Usage, What: "settings", Err: err})
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, openError(dir, err)
	}
	a, err := open(dir, want)
	if err != nil {
		return nil, openError(dir, err)
	}
	if settings != (Settings{}) && settings != a.settings {
		a.Close()
		return nil, &sightline.Error{
			Kind: sightline.Usage,
			What: fmt.Sprintf("open archive %s", dir),
			Err: fmt.Errorf("it was made with %g frames a second in windows of %d overlapping by %d, which cannot change",
				a.settings.Rate, a.settings.WindowRows, a.settings.Overlap),
			Try: "leave the settings out, or make another archive",
		}
	}
	return a, nil
}

// Open opens the archive in dir. The error is of kind NotReady when there is none.
func Open(dir string) (*Archive, error) {
	if _, err := os.Stat(filepath.Join(dir, "catalogue.db")); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &sightline.Error{
				Kind: sightline.NotReady,
				What: fmt.Sprintf("open archive %s", dir),
				Err:  fmt.Errorf("there is no catalogue in it: %w", err),
				Try:  "add videos first: sightline add FOLDER",
			}
		}
		return nil, openError(dir, err)
	}
	a, err := open(dir, DefaultSettings())
	if err != nil {
		return nil, openError(dir, err)
	}
	return a, nil
}

func openError(dir string, err error) error {
	e := &sightline.Error{Kind: sightline.KindOf(err), What: fmt.Sprintf("open archive %s", dir), Err: err}
	if sightline.TryOf(err) == "" {
		e.Try = "check that the folder is a sightline archive and may be written"
	}
	return e
}

// open opens the catalogue in dir and gives a new one its settings.
func open(dir string, fresh Settings) (*Archive, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	db, err := openCatalogue(ctx, filepath.Join(dir, "catalogue.db"))
	if err != nil {
		return nil, err
	}
	a := &Archive{dir: dir, db: db, jobs: jobs{db}, media: files{}}
	if a.settings, err = loadSettings(ctx, db, fresh); err != nil {
		db.Close()
		return nil, err
	}
	return a, nil
}

// loadSettings reads the settings of the catalogue, which are fresh when it had none.
func loadSettings(ctx context.Context, db *sql.DB, fresh Settings) (Settings, error) {
	var s Settings
	parts := []struct {
		name  string
		value string
		into  any
	}{
		{"rate", strconv.FormatFloat(fresh.Rate, 'g', -1, 64), &s.Rate},
		{"window_rows", strconv.Itoa(fresh.WindowRows), &s.WindowRows},
		{"overlap", strconv.Itoa(fresh.Overlap), &s.Overlap},
	}
	var stored int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM settings WHERE name = 'rate'").Scan(&stored); err != nil {
		return s, err
	}
	if stored == 0 {
		err := write(ctx, db, func(tx *sql.Tx) error {
			for _, part := range parts {
				if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO settings VALUES (?, ?)", part.name, part.value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return s, err
		}
	}
	for _, part := range parts {
		if err := db.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?", part.name).Scan(part.into); err != nil {
			return s, fmt.Errorf("setting %s: %w", part.name, err)
		}
	}
	return s, s.check()
}

// Close closes the archive.
func (a *Archive) Close() error { return a.db.Close() }

// Dir returns the archive's folder.
func (a *Archive) Dir() string { return a.dir }

// ModelsDir returns the folder that model bundles of this archive lie in; it may not be there yet.
func (a *Archive) ModelsDir() string { return filepath.Join(a.dir, "models") }

// Settings returns what the archive was made with.
func (a *Archive) Settings() Settings { return a.settings }

// Features returns the store of the archive's feature files.
func (a *Archive) Features() feature.Store {
	return feature.Store{Dir: filepath.Join(a.dir, "features")}
}

func (a *Archive) indexDir(space sightline.Space) string {
	return filepath.Join(a.dir, "index", space.Key())
}

// OpenIndex opens the index that serves, and returns the space of its vectors: a query must be of that space. The error
// is of kind NotReady when nothing was added yet. The reader follows later generations; after the archive has adopted
// another model, OpenIndex opens another folder.
func (a *Archive) OpenIndex(ctx context.Context) (*index.Reader, sightline.Space, error) {
	serving, err := a.Serving(ctx)
	if err != nil {
		return nil, sightline.Space{}, err
	}
	reader, err := index.Open(a.indexDir(serving.Space), serving.Space)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, sightline.Space{}, a.nothingYet("open the index", err)
	}
	return reader, serving.Space, err
}

func (a *Archive) nothingYet(what string, err error) error {
	return &sightline.Error{
		Kind: sightline.NotReady,
		What: fmt.Sprintf("%s of archive %s", what, a.dir),
		Err:  err,
		Try:  "add videos first: sightline add FOLDER",
	}
}
