// Package enginetest opens the engine that tests run on. It is used by tests alone.
package enginetest

import (
	"os"
	"testing"

	"sightline/engine"
)

// Open returns the engine of the backend named by SIGHTLINE_BACKEND, or of the default one.
func Open(t testing.TB) *engine.Engine {
	t.Helper()
	e, err := engine.Open(os.Getenv("SIGHTLINE_BACKEND"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}
