// Package golden finds the golden vectors that a test must reproduce: in the folder named by SIGHTLINE_GOLDEN when it is
// set (layout: retrieval/, moments/), else in the testdata folder of the package under test or of the folder above it. A file that should be there
// and is not fails the test; golden tests never skip. Every shape and hyperparameter comes from the files.
package golden

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"sightline/feature/npy"
)

// Tolerances of the project: forward passes and gradients in float32.
const (
	ForwardAbs, ForwardRel   = 1e-5, 1e-4
	GradientAbs, GradientRel = 1e-4, 1e-3
)

// Path returns where the golden file of the given area ("retrieval", "moments") lies, and fails the test if it does not.
func Path(t testing.TB, area, name string) string {
	t.Helper()
	path := filepath.Join("testdata", name)
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join("..", path)
	}
	if root := os.Getenv("SIGHTLINE_GOLDEN"); root != "" {
		path = filepath.Join(root, area, name)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("golden file is missing: %v", err)
	}
	return path
}

// Vectors is an open .npz file of golden vectors whose accessors fail the test when an array is absent.
type Vectors struct {
	t       testing.TB
	path    string
	Archive npy.Archive
}

// Open reads a golden .npz file.
func Open(t testing.TB, area, name string) Vectors {
	t.Helper()
	path := Path(t, area, name)
	archive, err := npy.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return Vectors{t, path, archive}
}

// Array returns the named array.
func (v Vectors) Array(name string) npy.Array {
	v.t.Helper()
	array, ok := v.Archive[name]
	if !ok {
		v.t.Fatalf("%s: array %q is missing", v.path, name)
	}
	return array
}

// Scalar returns the first element of the named array.
func (v Vectors) Scalar(name string) float64 {
	v.t.Helper()
	return v.Array(name).Float64s()[0]
}

// JSON decodes a golden .json file into target.
func JSON(t testing.TB, area, name string, target any) {
	t.Helper()
	path := Path(t, area, name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, target); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// Close fails the test unless got equals want element by element within abs + rel·|want|; NaN never does.
func Close(t testing.TB, what string, got, want []float32, abs, rel float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d elements, want %d", what, len(got), len(want))
		return
	}
	worst, at := -1.0, 0
	for i := range want {
		excess := math.Abs(float64(got[i])-float64(want[i])) - abs - rel*math.Abs(float64(want[i]))
		if math.IsNaN(excess) || excess > 0 && excess > worst {
			worst, at = excess, i
			if math.IsNaN(excess) {
				break
			}
		}
	}
	if worst > 0 || math.IsNaN(worst) {
		t.Errorf("%s: element %d is %v, want %v (abs %g, rel %g)", what, at, got[at], want[at], abs, rel)
	}
}
