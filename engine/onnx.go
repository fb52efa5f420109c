//go:build onnx

package engine

import (
	"errors"
	"os"

	"github.com/gomlx/compute"
	onnx "github.com/gomlx/compute-onnx"
)

// onnxLibrary is the variable that names ONNX Runtime's shared library.
const onnxLibrary = "ONNXRUNTIME_SHARED_LIBRARY_PATH"

func init() {
	openers["onnx"] = func() (compute.Backend, error) {
		if os.Getenv(onnxLibrary) == "" { // the backend would download one: nothing is unless a person asks for it
			return nil, errors.New(onnxLibrary + " names no library; `make onnx` brings one and says how to name it")
		}
		return onnx.New("cpu")
	}
}
