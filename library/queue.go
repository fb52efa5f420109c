package library

import (
	"context"
	"database/sql"
	"errors"
)

// Job is one file that waits to be brought in.
type Job struct {
	ID       int64
	Path     string // absolute
	Size     int64  // bytes
	Attempts int    // how often it was begun, this time included; a killed process counts
	Cause    string // why the attempt before this one failed, when that is known
}

// Backlog is what a queue still has to do.
type Backlog struct {
	Jobs  int
	Bytes int64
}

// Queue keeps jobs until they are done or refused, across the deaths of the processes that work on them. The archive in
// a folder keeps its queue in the catalogue; package queuetest holds the conformance test.
type Queue interface {
	// Put adds jobs by Path and Size. A path that waits already is not added twice; one that was done or refused waits
	// again, as if new.
	Put(ctx context.Context, jobs ...Job) error

	// Claim lends the caller a job that nobody works on, the least tried first, until it is ended by Done, Refuse or
	// Release, or its worker is dead; false means that nothing waits.
	Claim(ctx context.Context) (Job, bool, error)

	// Done ends a job that succeeded.
	Done(ctx context.Context, jobs ...Job) error

	// Refuse ends a job that cannot succeed.
	Refuse(ctx context.Context, job Job, cause string) error

	// Release gives a job back, to be claimed again by anybody.
	Release(ctx context.Context, job Job, cause string) error

	// Forget takes out jobs by their paths, whatever their state.
	Forget(ctx context.Context, paths ...string) error

	// Backlog counts the jobs that wait or are being worked on.
	Backlog(ctx context.Context) (Backlog, error)
}

// jobs is the Queue in the catalogue. One process at a time claims jobs: the one that holds the archive's lock. The lock
// dies with its process, so whoever gets it next knows that the jobs still marked as running are nobody's.
type jobs struct{ db *sql.DB }

// recover puts back the jobs of workers that died. The caller holds the archive's lock.
func (q jobs) recover(ctx context.Context) error {
	_, err := q.db.ExecContext(ctx, "UPDATE jobs SET state = 'queued' WHERE state = 'running'")
	return err
}

func (q jobs) Put(ctx context.Context, list ...Job) error {
	return write(ctx, q.db, func(tx *sql.Tx) error {
		put, err := tx.PrepareContext(ctx, `
			INSERT INTO jobs (path, size, state) VALUES (?, ?, 'queued')
			ON CONFLICT (path) DO UPDATE SET size = excluded.size, state = 'queued', attempts = 0, cause = ''
			WHERE state IN ('done', 'refused')`)
		if err != nil {
			return err
		}
		defer put.Close()
		for _, job := range list {
			if _, err := put.ExecContext(ctx, job.Path, job.Size); err != nil {
				return err
			}
		}
		return nil
	})
}

func (q jobs) Claim(ctx context.Context) (Job, bool, error) {
	var job Job
	err := q.db.QueryRowContext(ctx, `
		UPDATE jobs SET state = 'running', attempts = attempts + 1
		WHERE id = (SELECT id FROM jobs WHERE state = 'queued' ORDER BY attempts, id LIMIT 1)
		RETURNING id, path, size, attempts, cause`).Scan(&job.ID, &job.Path, &job.Size, &job.Attempts, &job.Cause)
	if errors.Is(err, sql.ErrNoRows) {
		return Job{}, false, nil
	}
	return job, err == nil, err
}

func (q jobs) Done(ctx context.Context, list ...Job) error {
	return write(ctx, q.db, func(tx *sql.Tx) error {
		for _, job := range list {
			if err := end(ctx, tx, job, "done", ""); err != nil {
				return err
			}
		}
		return nil
	})
}

func (q jobs) Refuse(ctx context.Context, job Job, cause string) error {
	return end(ctx, q.db, job, "refused", cause)
}

func (q jobs) Release(ctx context.Context, job Job, cause string) error {
	return end(ctx, q.db, job, "queued", cause)
}

// end takes a job out of the hands of its worker, unless it was taken from it already.
func end(ctx context.Context, on querier, job Job, state, cause string) error {
	_, err := on.ExecContext(ctx, "UPDATE jobs SET state = ?, cause = ? WHERE id = ? AND state = 'running'", state, cause, job.ID)
	return err
}

func (q jobs) Forget(ctx context.Context, paths ...string) error {
	return write(ctx, q.db, func(tx *sql.Tx) error {
		for _, path := range paths {
			if _, err := tx.ExecContext(ctx, "DELETE FROM jobs WHERE path = ?", path); err != nil {
				return err
			}
		}
		return nil
	})
}

func (q jobs) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	err := q.db.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(size), 0) FROM jobs WHERE state IN ('queued', 'running')").
		Scan(&b.Jobs, &b.Bytes)
	return b, err
}
