//go:build goexperiment.simd && amd64 && unix

package engine_test

import (
	"os/signal"
	"syscall"
	"testing"
)

func TestLoopsAreNotInterrupted(t *testing.T) {
	if !signal.Ignored(syscall.SIGURG) {
		t.Error("the runtime's preemption signal is not ignored: math.Exp becomes hundreds of times slower, see preempt.go")
	}
}
