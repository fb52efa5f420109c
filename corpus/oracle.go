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
	var rows []metric.Row
	for _, sight := range []world.Sight{world.FullSight, world.OrderBlind, world.Motionless} {
		ceilings, err := sight.Ceiling(known.rho, known.captions, c.Set.Owner(), known.facts)
		if err != nil {
			return nil, err
		}
		for _, ceiling := range ceilings {
			rows = append(rows, metric.Row{Name: sight.String(), Summary: ceiling})
		}
	}
	return rows, nil
}

// truth is what the renderer knows of a split.
type truth struct {
	rho      float64
	captions []world.Caption
	facts    []world.Facts
}

func (c *Corpus) truth() (truth, bool) {
	if c.clips != nil {
		known := truth{rho: c.options.Rho}
		for _, clip := range c.clips {
			known.facts = append(known.facts, clip.Facts)
			known.captions = append(known.captions, clip.Captions...)
		}
		return known, true
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
			return truth{meta.Rho, captions, drawn.Facts(part)}, same
		}
	}
	return truth{}, false
}
