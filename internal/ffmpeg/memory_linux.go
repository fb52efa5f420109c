package ffmpeg

import "golang.org/x/sys/unix"

// limitMemory bounds the private memory of a running process and keeps it from leaving a core file. A process that
// has already ended, or a system that forbids it, leaves the bound to -max_alloc and -max_pixels.
func limitMemory(pid int, bytes int64) {
	unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: uint64(bytes), Max: uint64(bytes)}, nil)
	unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
}
