package search_test

import (
	"fmt"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/meanpool"
	"sightline/align/xpool"
	"sightline/search"
)

// Without any training, the first of all moments is the planted one, with the curve that it stands out of.
func TestMomentsFindsThePlanted(t *testing.T) {
	for name, head := range map[string]align.Head{"one stage": meanpool.Head{}, "two stages": xpool.Default()} {
		t.Run(name, func(t *testing.T) {
			s := archive(t, head)
			for i := range dim {
				id, want := fmt.Sprintf("v%02d", i), sightline.Span{Start: float64(10 + i), End: float64(14 + i)}
				for _, within := range []string{"", id} {
					query := search.MomentQuery{Query: sightline.Query{Text: fmt.Sprintf("axis %d", i), Limit: 3}, Video: within}
					found, err := s.Moments(t.Context(), query)
					if err != nil {
						t.Fatal(err)
					}
					if len(found) == 0 || len(found) > 3 || found[0].Video.ID != id || found[0].Span.IoU(want) < 0.7 {
						t.Fatalf("axis %d in %q lies at %v of %s, found %+v", i, within, want, id, found)
					}
					first := found[0]
					if first.Contrast <= 0.5 || first.Gates != nil || len(first.Curve) != 40 || first.Curve[12+i].Score <= first.Curve[5].Score {
						t.Errorf("axis %d: contrast %v, gates %v, a curve of %d rows", i, first.Contrast, first.Gates, len(first.Curve))
					}
					for j, m := range found {
						if within != "" && m.Video.ID != within || j > 0 && m.Score > found[j-1].Score {
							t.Errorf("axis %d in %q: place %d is %v of %s, score %v", i, within, j+1, m.Span, m.Video.ID, m.Score)
						}
					}
				}
			}
		})
	}
}

func TestMomentsOfNothing(t *testing.T) {
	s := archive(t, meanpool.Head{})
	locator := search.Locator{}
	for name, moments := range map[string]func() ([]search.Moment, error){
		"searcher": func() ([]search.Moment, error) { return s.Moments(t.Context(), search.MomentQuery{}) },
		"locator": func() ([]search.Moment, error) {
			return locator.Moments(t.Context(), search.MomentQuery{Query: sightline.Query{Text: " "}})
		},
	} {
		if _, err := moments(); sightline.KindOf(err) != sightline.Usage || sightline.TryOf(err) == "" {
			t.Errorf("%s: an empty query gives %v", name, err)
		}
	}
}
