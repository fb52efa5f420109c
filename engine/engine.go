// Package engine runs tensor programs. It is the only place that opens a GoMLX backend, and it keeps model code free of
// everything but mathematics: a model is a function from named weights and inputs to outputs, written with GoMLX graph
// nodes; Weights holds its parameters on the host; a Program is that function compiled for a backend and ready to run.
//
// It sits below encoder, align and train. Start at Open and Engine.Compile. It knows no model and no file layout beyond
// safetensors.
package engine

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"sightline"
)

// Default is the backend used when none is named: pure Go, present in every binary.
const Default = "go"

// openers holds how each backend built into this binary is opened. Build tags add "onnx" and "xla".
var openers = map[string]func() (compute.Backend, error){
	// Unlimited workers: with the default, operations hold worker slots while they wait for slots, and graphs with
	// several large products hang on machines with few cores (TestManyProducts keeps watch).
	"go": func() (compute.Backend, error) { return quietly(gobackend.New, "parallelism=-1") },
}

// Engine is an open backend. It is safe for concurrent use and lives as long as the process.
type Engine struct {
	name    string
	backend compute.Backend
}

var (
	mu   sync.Mutex
	open = map[string]*Engine{}
)

// Backends returns the names of the backends built into this binary.
func Backends() []string {
	names := make([]string, 0, len(openers))
	for name := range openers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Open returns the engine of the named backend ("" means Default). Every call with one name returns the same Engine.
func Open(name string) (*Engine, error) {
	if name == "" {
		name = Default
	}
	mu.Lock()
	defer mu.Unlock()
	if e, ok := open[name]; ok {
		return e, nil
	}
	opener, ok := openers[name]
	if !ok {
		return nil, &sightline.Error{
			Kind: sightline.Usage,
			What: fmt.Sprintf("open backend %q", name),
			Err:  fmt.Errorf("this binary holds: %s", strings.Join(Backends(), ", ")),
			Try:  "build with -tags onnx or -tags xla, see docs/operations.md",
		}
	}
	backend, err := opener()
	if err != nil {
		return nil, &sightline.Error{Kind: sightline.NotReady, What: fmt.Sprintf("open backend %q", name), Err: err, Try: "sightline doctor"}
	}
	e := &Engine{name: name, backend: backend}
	open[name] = e
	return e, nil
}

// Name returns the backend's name as given to Open.
func (e *Engine) Name() string { return e.name }

// quietly opens a backend while standard output is silent: the Go backend prints its options there, and standard output
// belongs to results.
func quietly(open func(string) (compute.Backend, error), config string) (compute.Backend, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return open(config)
	}
	defer null.Close()
	stdout := os.Stdout
	os.Stdout = null
	defer func() { os.Stdout = stdout }()
	return open(config)
}
