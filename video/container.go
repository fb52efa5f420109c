package video

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// layout is what the outermost structure of a file tells without decoding anything.
type layout struct {
	container string // mp4, mov, mkv, webm, avi, gif; "" when it is none of them
	cut       string // how the file is shorter than it declares; "" when it is whole or declares no length
	hint      string // what the file looks like; "" unless container is
}

// readLayout reads the structure of the file at path, whose size is given. ffmpeg stays the judge of what can be
// decoded; this tells the cut files that ffmpeg takes for whole, and names the kind of a file it cannot read.
func readLayout(path string, size int64) (layout, error) {
	f, err := os.Open(path)
	if err != nil {
		return layout{}, err
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return layout{}, err
	}
	head = head[:n]
	switch {
	case isBox(head):
		return boxLayout(f, head, size), nil
	case bytes.HasPrefix(head, []byte{0x1A, 0x45, 0xDF, 0xA3}):
		return matroskaLayout(head, size), nil
	case bytes.HasPrefix(head, []byte("RIFF")) && n >= 12 && string(head[8:12]) == "AVI ":
		return aviLayout(f, size), nil
	case bytes.HasPrefix(head, []byte("GIF8")):
		return gifLayout(f), nil
	}
	return layout{hint: looksLike(head)}, nil
}

// looksLike describes the start of a file that is none of our containers.
func looksLike(head []byte) string {
	text := strings.TrimSpace(strings.TrimPrefix(string(head), "\uFEFF"))
	switch {
	case strings.HasPrefix(text, "#EXTM3U"):
		return "it is a playlist"
	case strings.HasPrefix(text, "ffconcat"):
		return "it is a list of files for ffmpeg"
	case len(bytes.Trim(head, "\x00")) == 0:
		return "it holds zeros"
	case bytes.IndexByte(head, 0) < 0 && utf8.Valid(head[:max(0, len(head)-utf8.UTFMax)]):
		return "it is text"
	}
	return "it begins like nothing known"
}

// isBox reports whether head starts with a box that MP4 and QuickTime files start with.
func isBox(head []byte) bool {
	if len(head) < 8 {
		return false
	}
	switch string(head[4:8]) {
	case "ftyp", "moov", "mdat", "wide", "free", "skip", "pnot", "styp", "uuid":
		return true
	}
	return false
}

// boxLayout walks the outermost boxes of an MP4 or MOV file: each starts with its size, 32 bits big-endian (1: a
// 64-bit size follows the type, 0: up to the end of the file), and its type. ISO/IEC 14496-12, 4.2.
func boxLayout(r io.ReaderAt, head []byte, size int64) layout {
	l := layout{container: "mp4"}
	if len(head) >= 12 && (string(head[4:12]) == "ftypqt  " || string(head[4:8]) != "ftyp") {
		l.container = "mov"
	}
	var b [16]byte
	for at := int64(0); at < size; {
		n, _ := r.ReadAt(b[:], at)
		if n < 8 {
			return l
		}
		length := int64(binary.BigEndian.Uint32(b[:4]))
		if length == 1 && n == 16 {
			length = int64(binary.BigEndian.Uint64(b[8:]))
		}
		if length < 8 || !isType(b[4:8]) {
			return l
		}
		if length > size-at {
			l.cut = fmt.Sprintf("its %q box at byte %d declares %d bytes and %d are there", b[4:8], at, length, size-at)
			return l
		}
		at += length
	}
	return l
}

// isType reports whether b could be the type of a box, so that junk after the last box is not read as one.
func isType(b []byte) bool {
	for _, c := range b {
		if (c < ' ' || c > '~') && c != 0xA9 {
			return false
		}
	}
	return true
}

// matroskaLayout reads the EBML header, whose DocType tells WebM from Matroska, and the size of the segment behind
// it. RFC 8794 and RFC 9559.
func matroskaLayout(head []byte, size int64) layout {
	l := layout{container: "mkv"}
	header, n, ok := ebmlSize(head[4:])
	if !ok || header > int64(len(head)) {
		return l
	}
	at := 4 + n
	end := min(at+int(header), len(head))
	if bytes.Contains(head[at:end], []byte("\x42\x82\x84webm")) {
		l.container = "webm"
	}
	if !bytes.HasPrefix(head[end:], []byte{0x18, 0x53, 0x80, 0x67}) {
		return l
	}
	segment, n, ok := ebmlSize(head[end+4:])
	start := int64(end + 4 + n)
	if ok && segment > size-start {
		l.cut = fmt.Sprintf("it declares %d bytes and has %d", uint64(start)+uint64(segment), size)
	}
	return l
}

// ebmlSize reads the variable-length size at the start of b and how many bytes it takes; ok is false when the size is
// unknown, as in a live recording, or malformed.
func ebmlSize(b []byte) (size int64, n int, ok bool) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0, false
	}
	n = 1
	for mask := byte(0x80); b[0]&mask == 0; mask >>= 1 {
		n++
	}
	if len(b) < n {
		return 0, 0, false
	}
	size = int64(b[0]) & (0xFF >> n)
	for _, c := range b[1:n] {
		size = size<<8 | int64(c)
	}
	return size, n, size != 1<<(7*n)-1
}

// aviLayout walks the outermost RIFF chunks of an AVI file; OpenDML files have several.
func aviLayout(r io.ReaderAt, size int64) layout {
	l := layout{container: "avi"}
	var b [8]byte
	for at := int64(0); at+8 <= size; {
		if _, err := r.ReadAt(b[:], at); err != nil || string(b[:4]) != "RIFF" {
			return l
		}
		length := int64(binary.LittleEndian.Uint32(b[4:]))
		if length == 0 { // never finished: the player goes by the chunks inside
			return l
		}
		if length > size-at-8 {
			l.cut = fmt.Sprintf("it declares %d bytes and has %d", at+8+length, size)
			return l
		}
		at += 8 + length + length&1
	}
	return l
}

// gifLayout walks the blocks of a GIF up to the trailer, because the decoder takes a GIF that ends within a picture
// for a whole one. A file that ends between two blocks passes: some writers leave the trailer out.
func gifLayout(r io.ReadSeeker) layout {
	l := layout{container: "gif"}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return l
	}
	in := bufio.NewReaderSize(r, 1<<16)
	if complete, err := gifBlocks(in); err != nil && !complete {
		l.cut = "it ends within a picture"
	}
	return l
}

// gifBlocks reads a GIF block by block. It returns an error when the input ends first, and whether it ended where a
// block had been completed. A block of unknown kind ends the walk: the decoder will complain of it.
func gifBlocks(in *bufio.Reader) (complete bool, err error) {
	skip := func(n int) error { _, err := in.Discard(n); return err }
	table := func(flags byte) int { // bytes of the colour table that flags announce
		if flags&0x80 == 0 {
			return 0
		}
		return 3 << (1 + flags&7)
	}
	subBlocks := func() error {
		for {
			n, err := in.ReadByte()
			if err != nil || n == 0 {
				return err
			}
			if err := skip(int(n)); err != nil {
				return err
			}
		}
	}
	screen := make([]byte, 13)
	if _, err := io.ReadFull(in, screen); err != nil {
		return false, err
	}
	if err := skip(table(screen[10])); err != nil {
		return false, err
	}
	for {
		kind, err := in.ReadByte()
		if err != nil {
			return true, err
		}
		switch kind {
		case 0x21: // extension: a label, then data
			if err := skip(1); err != nil {
				return false, err
			}
		case 0x2C: // picture: place and size, colours, code size, then data
			place := make([]byte, 9)
			if _, err := io.ReadFull(in, place); err != nil {
				return false, err
			}
			if err := skip(table(place[8]) + 1); err != nil {
				return false, err
			}
		default: // 0x3B is the trailer
			return true, nil
		}
		if err := subBlocks(); err != nil {
			return false, err
		}
	}
}
