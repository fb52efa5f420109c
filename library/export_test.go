package library

import (
	"context"
	"testing"
)

// NewQueue returns the queue of a new archive, and what its next worker does when this one has died.
func NewQueue(t *testing.T) (Queue, func()) {
	a := newArchive(t)
	return a.jobs, func() {
		if err := a.jobs.recover(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}
