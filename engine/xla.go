//go:build xla

package engine

import (
	"github.com/gomlx/compute"
	xla "github.com/gomlx/go-xla/compute/xla"
)

func init() {
	openers["xla"] = func() (compute.Backend, error) {
		xla.EnableAutoInstall(false) // nothing is downloaded unless a person asks for it
		return xla.New("cuda")
	}
}
