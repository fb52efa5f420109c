//go:build unix

package main

import "golang.org/x/sys/unix"

// freeBytes returns how many bytes an ordinary user may still write to the disk that a folder is on.
func freeBytes(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return int64(uint64(stat.Bavail) * uint64(stat.Bsize)), nil
}
