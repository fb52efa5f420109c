package sightline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// ModelID names a set of weights: a readable name and the start of the SHA-256 of the weights themselves, so that two
// trainings of one architecture never pass for each other. The zero ModelID means "no such part".
type ModelID struct {
	Name string `json:"name"`
	Hash string `json:"hash"` // hex, 16 digits
}

// String formats the id as name@hash, or "none".
func (m ModelID) String() string {
	if m == (ModelID{}) {
		return "none"
	}
	return m.Name + "@" + m.Hash
}

// Space says what a vector means: which encoder made it from which pixels, which text encoder it may be compared with,
// and which trained head moved it. Vectors of two spaces have no similarity; Check turns the attempt into an error.
type Space struct {
	Video      ModelID `json:"video"`
	Text       ModelID `json:"text"`
	Head       ModelID `json:"head"`
	Preprocess string  `json:"preprocess"` // how pixels became the encoder's input, e.g. "clip-bicubic-224"
	Sampling   string  `json:"sampling"`   // which frames were taken, e.g. "1fps" or "uniform-8"
}

// Key returns 16 hex digits that name the space in file and folder names.
func (s Space) Key() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a struct of strings always marshals
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// String formats the space for people.
func (s Space) String() string {
	return fmt.Sprintf("video %v, text %v, head %v, preprocess %s, sampling %s",
		s.Video, s.Text, s.Head, s.Preprocess, s.Sampling)
}

// Check returns nil when vectors of both spaces may be compared, and else an error that names both and what differs.
func (s Space) Check(other Space) error {
	if s == other {
		return nil
	}
	var differs []string
	for _, part := range []struct {
		name string
		same bool
	}{
		{"video encoder", s.Video == other.Video},
		{"text encoder", s.Text == other.Text},
		{"head", s.Head == other.Head},
		{"preprocessing", s.Preprocess == other.Preprocess},
		{"sampling", s.Sampling == other.Sampling},
	} {
		if !part.same {
			differs = append(differs, part.name)
		}
	}
	return &Error{
		Kind: Failed,
		What: "compare vectors of two spaces",
		Err: fmt.Errorf("different %s: [%v] against [%v]",
			strings.Join(differs, ", "), s, other),
		Try: "encode both sides with the same encoder and model",
	}
}
