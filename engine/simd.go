//go:build goexperiment.simd

package engine

// SIMD tells whether this binary was built with GOEXPERIMENT=simd, without which the Go backend is thirteen times slower.
const SIMD = true
