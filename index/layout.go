package index

import (
	"fmt"

	"sightline"
	"sightline/internal/half"
)

// Precision says in what form an index keeps its rows for their true scores, beside the codes that it scans.
type Precision int

// The precisions. They cost 5, 3 and 1 bytes a dimension, codes included.
const (
	Single Precision = iota // float32: rows are what was added
	Half                    // float16: rows are what was added, rounded; elements beyond ±65504 are refused
	Codes                   // nothing: a row is what its codes stand for, which differs from what was added by about 0.75 % of its length
)

// String names the precision.
func (p Precision) String() string {
	if p < Single || p > Codes {
		return fmt.Sprintf("Precision(%d)", int(p))
	}
	return [...]string{"float32", "float16", "int8"}[p]
}

// maxNotes keeps the size of a segment inside an int.
const maxNotes = 64

// Layout says what an index keeps of a row. An index has one layout for good; the zero Layout is that of OpenWriter and
// NewMemory.
type Layout struct {
	Precision Precision `json:"precision"`
	Notes     int       `json:"notes"` // numbers that come with each row and mean nothing to the index, see AddNoted
}

func (l Layout) check() error {
	if l.Precision < Single || l.Precision > Codes || l.Notes < 0 || l.Notes > maxNotes {
		return fmt.Errorf("there is no layout of precision %d with %d notes a row", l.Precision, l.Notes)
	}
	return nil
}

// elementBytes is how many bytes an element of a vector takes beside its code.
func (l Layout) elementBytes() int { return [...]int{4, 2, 0}[l.Precision] }

// Keep returns a vector whose products with other kept vectors are those of this one as the layout keeps it: the vector
// itself, its elements rounded, or what its codes stand for, rotated as they are.
func (l Layout) Keep(vector []float32) []float32 {
	switch l.Precision {
	case Half:
		kept := make([]float32, len(vector))
		for j, v := range vector {
			h, _ := half.Narrow(v)
			kept[j] = half.Widen(h)
		}
		return kept
	case Codes:
		c := newCoder(l, make([]float32, len(vector))).code(vector)
		kept := unpack(make([]float32, len(c.values)), c.values)
		for j := range kept {
			kept[j] *= c.scale
		}
		return kept
	}
	return vector
}

// same returns an error unless an index of layout m can be opened as one of layout l.
func (l Layout) same(m Layout) error {
	if l == m {
		return nil
	}
	return &sightline.Error{
		Kind: sightline.Failed,
		What: "open an index of another layout",
		Err: fmt.Errorf("it keeps rows in %v with %d notes, asked for are %v and %d",
			m.Precision, m.Notes, l.Precision, l.Notes),
		Try: "remove the index folder and build it again, or open it as it was made",
	}
}
