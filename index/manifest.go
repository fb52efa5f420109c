package index

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"regexp"

	"sightline"
)

// The manifest names the segments of the newest generation; renaming a new one over it is what publishes. It is text:
// one line "sightline-index 1 <CRC-32C of the rest, 8 hex digits>", then JSON. A reader ignores fields it does not know.
const manifestMagic = "sightline-index"

type manifest struct {
	Generation uint64          `json:"generation"`
	Space      sightline.Space `json:"space"`
	Dim        int             `json:"dim"` // 0 while the index never had a row
	Layout     Layout          `json:"layout,omitzero"`
	Next       uint64          `json:"next"` // number of the next segment file; published numbers are never used again
	Segments   []entry         `json:"segments"`
}

// entry is one segment of a generation.
type entry struct {
	File    string   `json:"file"`
	Sum     uint32   `json:"sum"` // the segment's checksum of head and tail
	Rows    int      `json:"rows"`
	Deleted []string `json:"deleted,omitempty"` // videos whose rows are no longer part of it
}

var segmentName = regexp.MustCompile(`^[0-9]{12}\.segment$`)

func segmentFile(number uint64) string { return fmt.Sprintf("%012d.segment", number) }

func (m manifest) encode() ([]byte, error) {
	body, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s 1 %08x\n%s\n", manifestMagic, crc32.Checksum(append(body, '\n'), castagnoli), body), nil
}

func decodeManifest(data []byte) (manifest, error) {
	var m manifest
	line, body, ok := bytes.Cut(data, []byte("\n"))
	var version int
	var want uint32
	if n, _ := fmt.Sscanf(string(line), manifestMagic+" %d %x", &version, &want); !ok || n != 2 {
		return m, fmt.Errorf("it does not start with %q: it is no index manifest", manifestMagic)
	}
	if version != 1 {
		return m, fmt.Errorf("it has format version %d, this program reads version 1", version)
	}
	if sum := crc32.Checksum(body, castagnoli); sum != want {
		return m, fmt.Errorf("its checksum is %08x, it says %08x: it is damaged", sum, want)
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, err
	}
	if err := m.Layout.check(); err != nil {
		return m, err
	}
	if m.Dim < 0 || m.Dim > MaxDim || m.Dim == 0 && len(m.Segments) > 0 {
		return m, fmt.Errorf("it declares dimension %d", m.Dim)
	}
	seen := map[string]bool{}
	for _, e := range m.Segments {
		if !segmentName.MatchString(e.File) || seen[e.File] {
			return m, fmt.Errorf("it names a segment %q", e.File)
		}
		seen[e.File] = true
	}
	return m, nil
}
