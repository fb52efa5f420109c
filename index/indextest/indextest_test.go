package indextest

import (
	"cmp"
	"slices"
	"testing"

	"sightline/index"
)

// TestCompare makes sure that the comparison Run rests on can fail.
func TestCompare(t *testing.T) {
	var all []entry
	for i, x := range []float32{0.1, 0.9, 0.5, 0.5, -0.3} {
		all = append(all, entry{Row: index.Row{ID: uint64(i), VideoID: "v"}, vector: []float32{x, 0}})
	}
	query := []float32{1, 0}
	right := func() []index.Scored {
		var best []index.Scored
		for _, e := range all {
			best = append(best, index.Scored{Row: e.Row, Score: float64(e.vector[0])})
		}
		slices.SortStableFunc(best, func(a, b index.Scored) int { return cmp.Compare(b.Score, a.Score) })
		return best[:4]
	}
	if err := compare(right(), all, query, 4); err != nil {
		t.Errorf("the right answer: %v", err)
	}
	for name, spoil := range map[string]func(got []index.Scored) []index.Scored{
		"too few":  func(got []index.Scored) []index.Scored { return got[:3] },
		"too many": func(got []index.Scored) []index.Scored { return append(got, got[0]) },
		"wrong row": func(got []index.Scored) []index.Scored {
			got[3] = index.Scored{Row: all[4].Row, Score: -0.3}
			return got
		},
		"twice":       func(got []index.Scored) []index.Scored { got[2] = got[1]; return got },
		"wrong order": func(got []index.Scored) []index.Scored { got[0], got[1] = got[1], got[0]; return got },
		"tied order":  func(got []index.Scored) []index.Scored { got[1], got[2] = got[2], got[1]; return got },
		"wrong score": func(got []index.Scored) []index.Scored { got[0].Score += 1e-3; return got },
		"wrong facts": func(got []index.Scored) []index.Scored { got[0].Kind = "other"; return got },
		"unknown row": func(got []index.Scored) []index.Scored { got[0].ID = 77; return got },
	} {
		if compare(spoil(right()), all, query, 4) == nil {
			t.Errorf("%s: passed", name)
		}
	}
}
