package engine_test

import (
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/gomlx/gomlx/core/graph"

	"sightline/engine"
	"sightline/engine/enginetest"
)

// model is one whose function refers to the model, and so to the program made of it.
type model struct {
	factor  float64
	program *engine.Program
}

func newModel(t *testing.T, e *engine.Engine) *model {
	m := &model{factor: 3}
	weights := engine.NewWeights()
	weights.Set("w", []float32{2}, 1)
	var err error
	m.program, err = e.Compile(weights, func(vars engine.Vars, in []*graph.Node) []*graph.Node {
		return []*graph.Node{graph.MulScalar(graph.Mul(vars.Get("w"), in[0]), m.factor)}
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestForgottenProgramsAreReleased fails where a program keeps itself alive, and what the backend holds for it.
func TestForgottenProgramsAreReleased(t *testing.T) {
	e := enginetest.Open(t)
	m := newModel(t, e)
	runtime.GC() // between compiling and running, nothing of it may be lost
	out, err := m.program.Run(engine.Floats([]float32{7}, 1))
	if err != nil || engine.Values(out[0])[0] != 42 {
		t.Fatalf("%v, %v, want 42", out, err)
	}
	held := weak.Make(m)
	m = nil
	for end := time.Now().Add(10 * time.Second); held.Value() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the model is still there: its program holds on to it")
		}
		runtime.GC()
	}
}
