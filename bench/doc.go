// Package bench measures encoders and training beside PyTorch, on the same work with random weights, so that nothing has
// to be downloaded. Run compare.sh: it runs torch_speed.py (where python3 has torch) and the benchmarks of this package
// in turn, and prints the ratios. A workload is a function of one name on both sides; to add one, write both. Those that are
// compared with each other alone, as a head with and without a part, stand on this side only.
package bench
