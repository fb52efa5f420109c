package engine

import (
	"fmt"
	"runtime"
	"slices"
	"weak"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Vars gives graph code its parameters by name.
type Vars struct {
	prefix string
	nodes  map[string]*graph.Node
}

// Get returns the node of the named parameter and panics, as graph code does, when there is none.
func (v Vars) Get(name string) *graph.Node {
	node := v.nodes[v.prefix+name]
	if node == nil {
		panic(fmt.Errorf("model has no parameter %q", v.prefix+name))
	}
	return node
}

// Has tells whether there is a parameter of that name.
func (v Vars) Has(name string) bool { return v.nodes[v.prefix+name] != nil }

// Under returns the parameters whose names start with prefix, to be asked for by the rest of their names.
func (v Vars) Under(prefix string) Vars { return Vars{prefix: v.prefix + prefix, nodes: v.nodes} }

// Func is a model: it builds the outputs from parameters and inputs. It may panic with an error, as GoMLX graph code
// does; Run returns the panic as an error.
type Func func(vars Vars, inputs []*graph.Node) []*graph.Node

// Program is a Func bound to weights and a backend. It compiles once for every combination of input shapes, so callers
// keep these few (buckets). It is safe for concurrent use. Once nothing refers to it, the backend's memory is given back.
type Program struct {
	weights *Weights
	names   []string
	source  *source
	exec    *graph.Exec
}

// source is what a program was made of. Only the program holds it: a model's function mostly refers to the model and so to its
// programs, and if the backend's side did too, none of them would ever be given up.
type source struct{ fn Func }

// Compile prepares fn to run on the weights. Later updates of the weights are seen by later runs.
func (e *Engine) Compile(weights *Weights, fn Func) (*Program, error) {
	names, made := weights.Names(), &source{fn}
	held := weak.Make(made)
	build := func(nodes []*graph.Node) []*graph.Node {
		parameters := make(map[string]*graph.Node, len(names))
		for i, name := range names {
			parameters[name] = nodes[i]
		}
		outputs := held.Value().fn(Vars{nodes: parameters}, nodes[len(names):])
		for i, output := range outputs {
			if slices.Contains(nodes, output) { // ONNX Runtime's backend mixes up outputs that are inputs
				outputs[i] = graph.AddScalar(output, 0)
			}
		}
		return outputs
	}
	exec, err := graph.NewExec(e.backend, build)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	exec.SetMaxCache(-1)
	p := &Program{weights: weights, names: names, source: made, exec: exec}
	runtime.AddCleanup(p, (*graph.Exec).Finalize, exec)
	return p, nil
}

// Gradient prepares a training step: running it returns the scalar loss that fn yields first, then fn's other outputs,
// then the gradient of the loss with respect to each named parameter in turn.
func (e *Engine) Gradient(weights *Weights, parameters []string, fn Func) (*Program, error) {
	return e.Compile(weights, func(vars Vars, inputs []*graph.Node) []*graph.Node {
		outputs := fn(vars, inputs)
		with := make([]*graph.Node, len(parameters))
		for i, name := range parameters {
			with[i] = vars.Get(name)
		}
		return append(outputs, graph.Gradient(outputs[0], with...)...)
	})
}

// Array is an input or output of a program: row-major elements with their dimensions, on the host.
type Array struct {
	Shape []int
	data  any // []float32 or []int32
}

// Floats returns a float32 array. The data is read when a program runs, and not copied before.
func Floats(data []float32, shape ...int) Array { return Array{shape, data} }

// Ints returns an int32 array. The data is read when a program runs, and not copied before.
func Ints(data []int32, shape ...int) Array { return Array{shape, data} }

// Values returns the elements of a float32 array without copying.
func Values(a Array) []float32 { return a.data.([]float32) }

// Tensor returns a copy of the array for graph constants.
func (a Array) Tensor() *tensors.Tensor {
	switch data := a.data.(type) {
	case []float32:
		return tensors.FromFlatDataAndDimensions(data, a.Shape...)
	case []int32:
		return tensors.FromFlatDataAndDimensions(data, a.Shape...)
	}
	panic(fmt.Errorf("engine: array of %T", a.data))
}

// Run executes the program. What the backend held of inputs and outputs is given back at once: left to the garbage
// collector, which sees only small handles, a training run would fill the memory.
func (p *Program) Run(inputs ...Array) ([]Array, error) {
	defer runtime.KeepAlive(p)
	args := make([]any, 0, len(p.names)+len(inputs))
	for _, name := range p.names {
		args = append(args, p.weights.tensors[name])
	}
	for _, input := range inputs {
		t := input.Tensor()
		defer t.FinalizeAll()
		args = append(args, t)
	}
	results, err := p.exec.Call(args...)
	if err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	outputs := make([]Array, len(results))
	for i, result := range results {
		data, err := tensors.CopyFlatData[float32](result)
		if err != nil {
			return nil, fmt.Errorf("run: output %d: %w", i, err)
		}
		outputs[i] = Array{result.Shape().Dimensions, data}
		if err := result.FinalizeAll(); err != nil {
			return nil, fmt.Errorf("run: output %d: %w", i, err)
		}
	}
	return outputs, nil
}
