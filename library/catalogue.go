package library

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite", SQLite in pure Go

	"sightline"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations returns the steps that build the catalogue, in order. A catalogue's PRAGMA user_version is the number of
// steps it has taken; a step that was released never changes.
func migrations() ([]string, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var steps []string
	for _, name := range names {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		steps = append(steps, string(text))
	}
	return steps, nil
}

// openCatalogue opens the SQLite file at path, making it if it is not there, and brings it up to date.
func openCatalogue(ctx context.Context, path string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	options := url.Values{
		"_pragma": {
			"busy_timeout(20000)",
			"foreign_keys(1)",
			"journal_mode(WAL)",
			"synchronous(FULL)", // a power cut must not take back what index and features have followed
		},
		"_txlock": {"immediate"}, // transactions here write, and must not start on what another has since changed
	}
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: options.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, db); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// migrate takes the steps the catalogue has not taken, each in a transaction.
func migrate(ctx context.Context, db *sql.DB) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	for {
		done, err := userVersion(ctx, db)
		switch {
		case err != nil && strings.Contains(err.Error(), "not a database"):
			return fmt.Errorf("the file is not a catalogue: %w", err)
		case err != nil:
			return err
		case done > len(steps):
			return &sightline.Error{
				Kind: sightline.NotReady,
				What: "read the catalogue",
				Err:  fmt.Errorf("it has version %d, this program knows up to %d: a newer sightline has written it", done, len(steps)),
				Try:  "update sightline",
			}
		case done == len(steps):
			return nil
		}
		err = write(ctx, db, func(tx *sql.Tx) error {
			if again, err := userVersion(ctx, tx); err != nil || again != done {
				return err // another process has taken the step
			}
			if _, err := tx.ExecContext(ctx, steps[done]); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", done+1))
			return err
		})
		if err != nil {
			return fmt.Errorf("bring the catalogue to version %d: %w", done+1, err)
		}
	}
}

// querier is what database handles and transactions have in common.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func userVersion(ctx context.Context, from querier) (version int, err error) {
	err = from.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// write runs do in a transaction that is committed when do returns nil.
func write(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// collect reads all rows of a query; scan reads one.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, rows.Err()
}

func now() string { return time.Now().UTC().Format(time.RFC3339) }
