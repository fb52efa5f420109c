package index_test

import (
	"testing"

	"sightline"
	"sightline/index"
	"sightline/index/indextest"
)

func TestMemory(t *testing.T) {
	indextest.Run(t, func(t *testing.T, space sightline.Space) index.Index { return index.NewMemory(space) })
}

func TestWriter(t *testing.T) {
	indextest.Run(t, func(t *testing.T, space sightline.Space) index.Index {
		w, err := index.OpenWriter(t.TempDir(), space)
		if err != nil {
			t.Fatal(err)
		}
		return w
	})
}
