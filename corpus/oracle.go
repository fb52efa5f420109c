package corpus

import (
	"path/filepath"
	"slices"

	"sightline/dataset/world"
	"sightline/metric"
)

// Oracles returns, for both directions, what matchers that know the facts of a rendered split reach on it; nothing for
// other data. A split that lies in a world's folder counts as rendered while it is what was written there.
func (c *Corpus) Oracles() ([]metric.Row, error) {
	known, ok := c.truth()
	if !ok {
		return nil, nil
	}
	var captions []world.Caption
	var facts []world.Facts
	for _, clip := range known.clips {
		captions, facts = append(captions, clip.Captions...), append(facts, clip.Facts)
	}
	var rows []metric.Row
	for _, sight := range []world.Sight{world.FullSight, world.OrderBlind, world.Motionless} {
		ceilings, err := sight.Ceiling(known.rho, captions, c.Set.Owner(), facts)
		if err != nil {
			return nil, err
		}
		for _, ceiling := range ceilings {
			rows = append(rows, metric.Row{Name: sight.String(), Summary: ceiling})
		}
	}
	return rows, nil
}

// Clips returns what the renderer knows of a rendered split of clips, in the order of the set; false for other data. A split
// that lies in a world's folder counts as rendered while it is what was written there.
func (c *Corpus) Clips() ([]world.Clip, bool) {
	known, ok := c.truth()
	return known.clips, ok
}

// truth is what the renderer knows of a split.
type truth struct {
	rho   float64
	clips []world.Clip
}

func (c *Corpus) truth() (truth, bool) {
	if c.clips != nil {
		return truth{c.options.Rho, c.clips}, true
	}
	dir, file := filepath.Split(c.Name)
	dir = filepath.Clean(dir)
	meta, err := world.Open(filepath.Dir(dir))
	if err != nil {
		return truth{}, false
	}
	options, err := meta.Options()
	if err != nil {
		return truth{}, false
	}
	for _, domain := range []world.Domain{world.A, world.B} {
		for _, part := range []world.Split{world.Train, world.Val, world.Test} {
			if filepath.Base(dir) != domain.String() || file != part.String()+".jsonl" {
				continue
			}
			drawn := world.New(domain, options)
			captions, _ := drawn.Captions(part)
			same := slices.EqualFunc(captions, c.Set.Texts(), func(c world.Caption, text string) bool { return c.Text == text })
			return truth{meta.Rho, drawn.Clips[part]}, same
		}
	}
	return truth{}, false
}
