//go:build !unix

package atomicfile

import (
	"os"
	"time"
)

// hold does nothing where locks that end with their process are not to be had.
func hold(*os.File) bool { return true }

// abandoned reports whether the file has not been written for a day.
func abandoned(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && time.Since(info.ModTime()) > 24*time.Hour
}
