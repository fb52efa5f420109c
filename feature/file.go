package feature

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"sightline"
	"sightline/internal/half"
)

// File is an open feature file. It reads its rows from a memory map, so an open file costs little; it is safe for
// concurrent use until Close.
type File struct {
	Header
	path    string
	spans   []sightline.Span
	dim     int
	rows    []byte // float16, [T, D], in the map
	release func() error
}

// Open opens the feature file at path and verifies its checksum. The error of a file that is not there satisfies
// errors.Is(err, fs.ErrNotExist).
func Open(path string) (*File, error) {
	data, release, err := mapFile(path)
	if err != nil {
		return nil, openError(path, err)
	}
	c, err := parse(data)
	if err != nil {
		release()
		return nil, openError(path, err)
	}
	return &File{Header: c.header, path: path, spans: c.spans, dim: c.dim, rows: c.rows, release: release}, nil
}

func openError(path string, err error) error {
	e := &sightline.Error{
		Kind: sightline.Failed,
		What: fmt.Sprintf("open features %s", path),
		Err:  err,
		Try:  "remove the file and encode the video again",
	}
	var newer newerError
	switch {
	case errors.As(err, &newer):
		e.Try = "update sightline, or encode the video again into another folder"
	case errors.Is(err, os.ErrNotExist):
		e.Try = "encode the video first"
	case errors.Is(err, os.ErrPermission):
		e.Try = "make the file readable"
	}
	return e
}

// Path returns the name the file was opened by.
func (f *File) Path() string { return f.path }

// Len returns T, the number of rows.
func (f *File) Len() int { return len(f.spans) }

// Dim returns D, the width of a row.
func (f *File) Dim() int { return f.dim }

// Spans returns the time of every row; it is not a copy.
func (f *File) Spans() []sightline.Span { return f.spans }

// Row writes row i into dst, which must hold Dim values, and returns dst.
func (f *File) Row(i int, dst []float32) []float32 {
	row := f.rows[2*f.dim*i : 2*f.dim*(i+1)]
	dst = dst[:f.dim]
	for j := range dst {
		dst[j] = half.Widen(binary.LittleEndian.Uint16(row[2*j:]))
	}
	return dst
}

// Features returns rows i up to but not including j, copied out of the file.
func (f *File) Features(i, j int) Features {
	rows := sightline.NewMatrix(j-i, f.dim)
	for k := i; k < j; k++ {
		f.Row(k, rows.Row(k-i))
	}
	return Features{Header: f.Header, Spans: append([]sightline.Span(nil), f.spans[i:j]...), Rows: rows}
}

// Close gives the memory map back; the rows cannot be read afterwards.
func (f *File) Close() error {
	if f.release == nil {
		return nil
	}
	release := f.release
	f.release, f.rows = nil, nil
	return release()
}

// Read reads a whole feature file into memory.
func Read(path string) (Features, error) {
	file, err := Open(path)
	if err != nil {
		return Features{}, err
	}
	defer file.Close()
	return file.Features(0, file.Len()), nil
}
