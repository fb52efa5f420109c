//go:build onnx

package engine

import (
	"github.com/gomlx/compute"
	onnx "github.com/gomlx/compute-onnx"
)

func init() {
	openers["onnx"] = func() (compute.Backend, error) { return onnx.New("cpu") }
}
