//go:build !linux

package ffmpeg

// limitMemory does nothing where one process cannot limit another; -max_alloc and -max_pixels remain.
func limitMemory(int, int64) {}
