package engine_test

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"

	"sightline/engine"
	"sightline/engine/enginetest"
)

func TestOpenNamesWhatTheBinaryHolds(t *testing.T) {
	_, err := engine.Open("abacus")
	if err == nil {
		t.Fatal("opened a backend that does not exist")
	}
}

func TestOpenIsSilent(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	_, err = engine.Open("")
	os.Stdout = stdout
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 100)
	if n, _ := r.Read(said); n > 0 {
		t.Errorf("opening the engine wrote %q on standard output", said[:n])
	}
}

// loss = Σ (x·w)² has the gradient 2·xᵀ(x·w).
func TestGradientFollowsUpdates(t *testing.T) {
	weights := engine.NewWeights()
	weights.Set("w", []float32{1, 2}, 2, 1)
	step, err := enginetest.Open(t).Gradient(weights, []string{"w"}, func(vars engine.Vars, in []*graph.Node) []*graph.Node {
		y := graph.MatMul(in[0], vars.Get("w"))
		return []*graph.Node{graph.ReduceAllSum(graph.Mul(y, y))}
	})
	if err != nil {
		t.Fatal(err)
	}
	x := engine.Floats([]float32{3, 4}, 1, 2)
	check := func(loss float32, gradient ...float32) {
		t.Helper()
		out, err := step.Run(x)
		if err != nil {
			t.Fatal(err)
		}
		got := append(engine.Values(out[0]), engine.Values(out[1])...)
		for i, want := range append([]float32{loss}, gradient...) {
			if got[i] != want {
				t.Errorf("loss and gradient are %v, want %v %v", got, loss, gradient)
				return
			}
		}
	}
	check(121, 66, 88)
	weights.Update("w", func(data []float32) { data[0], data[1] = 0, 1 })
	check(16, 24, 32)
}

// TestManyProducts keeps watch over a hang: with the Go backend's default parallelism, a graph with four or more
// independent large products never ends on two cores.
func TestManyProducts(t *testing.T) {
	const products, size = 12, 384
	random := rand.New(rand.NewPCG(1, 2))
	weights := engine.NewWeights()
	names := make([]string, products)
	for i := range names {
		names[i] = string(rune('a' + i))
		weights.Set(names[i], engine.Normal(random, size*size, 0.05), size, size)
	}
	step, err := enginetest.Open(t).Gradient(weights, names, func(vars engine.Vars, in []*graph.Node) []*graph.Node {
		var loss *graph.Node
		for _, name := range names {
			y := graph.MatMul(graph.MatMul(in[0], vars.Get(name)), vars.Get(name))
			term := graph.ReduceAllMean(graph.Mul(y, y))
			if loss == nil {
				loss = term
			} else {
				loss = graph.Add(loss, term)
			}
		}
		return []*graph.Node{loss}
	})
	if err != nil {
		t.Fatal(err)
	}
	x := engine.Floats(engine.Normal(random, size*size, 1), size, size)
	done := make(chan error, 1)
	go func() {
		for range 10 {
			if _, err := step.Run(x); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(90 * time.Second):
		t.Fatal("independent large products hang: see the worker option in Open")
	}
}

func TestRunReturnsGraphErrors(t *testing.T) {
	program, err := enginetest.Open(t).Compile(engine.NewWeights(), func(vars engine.Vars, in []*graph.Node) []*graph.Node {
		return []*graph.Node{vars.Get("absent")}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := program.Run(engine.Floats([]float32{1}, 1)); err == nil {
		t.Error("a program without its parameter ran")
	}
}
