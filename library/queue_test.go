package library_test

import (
	"testing"

	"sightline/library"
	"sightline/library/queuetest"
)

func TestQueue(t *testing.T) {
	queuetest.Run(t, func(t *testing.T) (library.Queue, func()) {
		return library.NewQueue(t)
	})
}
