// Package atomicfile writes files that are either wholly there or not there at all, whatever happens to the process or
// the machine meanwhile: the bytes go to a temporary name in the same folder, are synced, and take their real name in
// one step, after which the folder is synced too. Start at Write, or at Create for a file that grows.
//
// A killed process leaves its temporary file behind. Clean removes such leftovers and spares the files that a living
// process is still writing: a writer holds a lock on its temporary file, and the lock ends with the process.
package atomicfile

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const tempPrefix, tempSuffix = ".sightline-", ".tmp"

// File is a file that is being written under a temporary name.
type File struct {
	*os.File
	path string // the name it will take
	done bool
}

// Create starts a file that will appear as path on Commit. The folder of path must exist.
func Create(path string) (*File, error) {
	for {
		temp := filepath.Join(filepath.Dir(path), tempPrefix+rand.Text()+tempSuffix)
		file, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if hold(file) && stillNamed(file, temp) {
			return &File{File: file, path: path}, nil
		}
		// Clean came between the creation and the lock, took the file for a leftover and removed it.
		file.Close()
		os.Remove(temp)
	}
}

// Commit syncs the file, gives it its real name, replacing what had it, and syncs the folder. After an error nothing has
// the new content and the temporary file is gone, unless only the sync of the folder failed.
func (f *File) Commit() error {
	if f.done {
		return fmt.Errorf("commit %s: %w", f.path, os.ErrClosed)
	}
	if err := f.Sync(); err != nil {
		f.Discard()
		return err
	}
	if err := os.Rename(f.Name(), f.path); err != nil {
		f.Discard()
		return err
	}
	f.done = true
	if err := f.Close(); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(f.path))
}

// Discard drops a file that was not committed; after Commit it does nothing, so it can be deferred.
func (f *File) Discard() {
	if f.done {
		return
	}
	f.done = true
	os.Remove(f.Name())
	f.Close()
}

// Write writes data as the file at path.
func Write(path string, data []byte) error {
	return WriteFunc(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteFunc writes what write produces, buffered, as the file at path; when write fails, path stays as it was.
func WriteFunc(path string, write func(io.Writer) error) error {
	file, err := Create(path)
	if err != nil {
		return err
	}
	defer file.Discard()
	buffered := bufio.NewWriterSize(file, 1<<16)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return file.Commit()
}

// SyncDir makes the names in a folder durable: what was created, renamed or removed there survives a power cut.
func SyncDir(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// IsTemporary reports whether a file name is one that Create gives to unfinished files.
func IsTemporary(name string) bool {
	return strings.HasPrefix(name, tempPrefix) && strings.HasSuffix(name, tempSuffix)
}

// Clean removes the unfinished files that dead processes left in dir and returns how many there were. It does not
// descend, and a folder that does not exist has none.
func Clean(dir string) (removed int, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		if !IsTemporary(entry.Name()) || !entry.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue // just renamed, or not ours to remove
		}
		if abandoned(file) && os.Remove(path) == nil {
			removed++
		}
		file.Close()
	}
	return removed, nil
}

// stillNamed reports whether name refers to the open file.
func stillNamed(file *os.File, name string) bool {
	here, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(name)
	return err == nil && os.SameFile(here, there)
}
