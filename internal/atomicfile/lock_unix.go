//go:build unix

package atomicfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// hold marks a file as being written by this process until it is closed; false means that Clean has its hand on it.
// Where the file system knows no locks the file stays unmarked.
func hold(file *os.File) bool {
	return !errors.Is(flock(file), unix.EWOULDBLOCK)
}

// abandoned reports whether no living process holds the file.
func abandoned(file *os.File) bool { return flock(file) == nil }

func flock(file *os.File) error {
	return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}
