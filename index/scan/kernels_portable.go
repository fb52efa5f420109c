//go:build !amd64 || !goexperiment.simd

package scan

func kernels() []Kernel { return []Kernel{portable} }
