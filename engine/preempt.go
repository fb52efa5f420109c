//go:build goexperiment.simd && amd64 && unix

package engine

import (
	"os/signal"
	"syscall"
)

// The runtime interrupts loops with SIGURG, and in a program built with GOEXPERIMENT=simd the interrupted code goes on
// with AVX-512 registers that count as in use. From there until something clears them, every switch between the old and
// the new instruction encodings costs hundreds of cycles, and math.Exp makes several: 500 times slower measured on
// Sapphire Rapids with Go 1.26.8, minutes instead of a second for one batch of frames on a busy machine. Ignored, the
// signal interrupts nothing; goroutines still yield at function calls, as they did before Go 1.14.
func init() { signal.Ignore(syscall.SIGURG) }
