package main

import (
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sightline/corpus"
	"sightline/dataset/world"
	"sightline/metric"
)

// oracles returns, for both directions, what matchers that know a rendered split's facts reach on it; nothing for other
// data.
func oracles(split *corpus.Corpus) ([]metric.Row, error) {
	known, ok := truthOf(split)
	if !ok {
		return nil, nil
	}
	var rows []metric.Row
	for _, sight := range []world.Sight{world.FullSight, world.OrderBlind, world.Motionless} {
		ceilings, err := sight.Ceiling(known.rho, known.captions, split.Set.Owner(), known.facts)
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

// truthOf finds the truth about a split that is rendered as it is read, or about one that lies in a world's folder and
// is still what was written there.
func truthOf(split *corpus.Corpus) (truth, bool) {
	if facts, captions, ok := split.Facts(); ok {
		return truth{rhoOf(split.Name), captions, facts}, true
	}
	dir, file := filepath.Split(split.Name)
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
			same := slices.EqualFunc(captions, split.Set.Texts(), func(c world.Caption, text string) bool { return c.Text == text })
			return truth{meta.Rho, captions, drawn.Facts(part)}, same
		}
	}
	return truth{}, false
}

// rhoOf returns the share of facts that captions of a named split state.
func rhoOf(name string) float64 {
	_, query, _ := strings.Cut(name, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return world.DefaultRho
	}
	if rho, err := strconv.ParseFloat(values.Get("rho"), 64); err == nil {
		return rho
	}
	return world.DefaultRho
}
