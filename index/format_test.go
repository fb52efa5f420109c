package index

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sightline"
)

// FuzzSegment opens changed segments whose checksums are put right again, so that only their meaning can be wrong. What
// opens must be searchable.
func FuzzSegment(f *testing.F) {
	rows, vectors := video("one", 1, 6)
	for _, width := range []int{32, 1} {
		for _, layout := range []Layout{{}, {Precision: Half}, {Precision: Codes, Notes: 2}} {
			var file bytes.Buffer
			m := sightline.Matrix{Rows: len(rows), Cols: width, Data: vectors.Data[:len(rows)*width]}
			if _, err := writeSegment(&file, testSpace, layout, width, each(layout, rows, m)); err != nil {
				f.Fatal(err)
			}
			f.Add(file.Bytes())
		}
	}
	f.Add([]byte(segmentMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		data = slices.Clone(data)
		mend(data)
		s, err := heapSegment(data)
		if err != nil {
			return
		}
		p := newPart(s, []string{"one"})
		for row, vector := range p.rowsLeft {
			_, _ = row, vector
		}
		query := slices.Repeat([]float32{0.5}, s.dim)
		sweep := newSweep([]*part{newPart(s, nil)}, [][]float32{query}, 3, Filter{Kinds: []string{"frame"}})
		sweep.workers = 1 // the same coverage every time
		sweep.run(t.Context())
	})
}

// mend makes the checksums of a segment right, where it has any.
func mend(data []byte) {
	if len(data) < 2*endSize {
		return
	}
	tail := data[len(data)-endSize:]
	h := head{
		dim:       int(binary.LittleEndian.Uint32(data[12:]) % (MaxDim + 1)),
		rows:      int(binary.LittleEndian.Uint64(data[16:]) % maxRows),
		nameBytes: int(binary.LittleEndian.Uint64(data[24:]) % (1 << 30)),
		Layout: Layout{
			Precision: Precision(binary.LittleEndian.Uint32(data[32:]) % 3),
			Notes:     int(binary.LittleEndian.Uint32(data[36:]) % (maxNotes + 1)),
		},
	}
	if start, length, size := h.layout(); size == len(data) {
		for i := range start {
			binary.LittleEndian.PutUint32(tail[4*i:], crc32.Checksum(data[start[i]:][:length[i]], castagnoli))
		}
	}
	sum := crc32.Update(crc32.Checksum(data[:endSize], castagnoli), castagnoli, tail[:endSize-4])
	binary.LittleEndian.PutUint32(tail[endSize-4:], sum)
}

func each(layout Layout, rows []Row, vectors sightline.Matrix) rowSeq {
	return func(yield func(noted, []float32) bool) {
		for i, row := range rows {
			if !yield(noted{Row: row, notes: make([]float32, layout.Notes)}, vectors.Row(i)) {
				return
			}
		}
	}
}

// FuzzManifest reads changed manifests with right checksums; what is read must come back the same, and name no file
// outside the folder.
func FuzzManifest(f *testing.F) {
	m := manifest{Generation: 3, Space: testSpace, Dim: 8, Next: 5, Segments: []entry{
		{File: segmentFile(4), Sum: 77, Rows: 12, Deleted: []string{"a", "ü"}},
	}}
	text, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	_, body, _ := bytes.Cut(text, []byte("\n"))
	f.Add(body)
	f.Add([]byte(`{"segments":[{"file":"../../etc/passwd"}],"dim":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		decodeManifest(body)
		m, err := decodeManifest(fmt.Appendf(nil, "%s 1 %08x\n%s", manifestMagic, crc32.Checksum(body, castagnoli), body))
		if err != nil {
			return
		}
		for _, e := range m.Segments {
			if filepath.Base(e.File) != e.File {
				t.Fatalf("it names %q", e.File)
			}
		}
		text, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeManifest(text)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(m) {
			t.Fatalf("%+v became %+v, %v", m, again, err)
		}
	})
}

// TestVersion1 reads an index that was written when version 1 of the formats was made.
func TestVersion1(t *testing.T) {
	const dir = "testdata/version1"
	if os.Getenv("SIGHTLINE_UPDATE") != "" {
		w := openWriter(t, dir)
		for i, id := range []string{"one", "two", "three", "four"} {
			publish(t, w, id, uint64(i+1), 24>>i)
		}
		must(t, w.Delete(t.Context(), "two"), w.Publish(t.Context()), w.Close(), os.Remove(filepath.Join(dir, lockFile)))
	}
	r := openReader(t, dir)
	must(t, r.Verify(t.Context()))
	wantVideos(t, r, map[string]int{"one": 24, "three": 6, "four": 3})
	rows, vectors := video("three", 3, 6)
	got, err := r.Search(t.Context(), vectors.Row(4), 1, Filter{})
	must(t, err)
	if len(got) != 1 || got[0].Row != rows[4] || got[0].Score != Dot(vectors.Row(4), vectors.Row(4)) {
		t.Errorf("got %+v, want %+v", got, rows[4])
	}
}
