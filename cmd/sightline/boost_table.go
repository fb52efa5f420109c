package main

import (
	"fmt"
	"slices"

	"sightline"
	"sightline/internal/terminal"
	"sightline/metric"
)

// boostTable collects rows, each with its ranks in the directions that it has.
type boostTable struct {
	owner   []int
	options metric.Options
	post    posting
	rows    []boostRow
}

type boostRow struct {
	name, kind string
	ranks      []metric.Ranks
}

// add ranks features, and what post-processing makes of their similarities. The bank's texts are the queries of QB-Norm; rows that
// are transductive already are not processed further.
func (t *boostTable) add(name, kind string, f features, bank sightline.Matrix) error {
	sims := products(f.texts, f.videos)
	ranking, err := metric.Rank(sims, t.owner)
	if err != nil {
		return err
	}
	t.rows = append(t.rows, boostRow{name, kind, ranking.All()})
	if kind == "transductive" {
		return nil
	}
	var queries sightline.Matrix
	if bank.Rows > 0 {
		queries = products(bank, f.videos)
	}
	done, err := t.post.apply(sims, queries, t.owner)
	if err != nil {
		return err
	}
	for _, p := range done {
		t.rows = append(t.rows, boostRow{p.process.Title(name), "transductive", p.rankings})
	}
	return nil
}

// results returns the table of every direction, and every row tested against the first.
func (t *boostTable) results() ([]evalResult, []comparison, error) {
	var results []evalResult
	comparisons := []comparison{}
	for _, base := range t.rows[0].ranks {
		result := evalResult{Protocol: base.Protocol}
		for i, row := range t.rows {
			at := slices.IndexFunc(row.ranks, func(r metric.Ranks) bool { return r.Protocol == base.Protocol })
			if at < 0 {
				continue
			}
			summary, err := row.ranks[at].Summarize(t.options)
			if err != nil {
				return nil, nil, err
			}
			result.Rows = append(result.Rows, evalRow{Name: row.name, Kind: row.kind, Summary: summary})
			if i == 0 || t.options.Resamples < 0 {
				continue
			}
			differences, err := metric.Compare(base, row.ranks[at], t.options)
			if err != nil {
				return nil, nil, err
			}
			comparisons = append(comparisons, comparison{Protocol: base.Protocol, A: t.rows[0].name, B: row.name, Differences: differences})
		}
		chance, err := base.Chance(t.options.K)
		if err != nil {
			return nil, nil, err
		}
		result.Rows = append(result.Rows, evalRow{Name: "chance", Kind: "chance", Summary: chance})
		results = append(results, result)
	}
	return results, comparisons, nil
}

func (a *app) printBoost(result boostJSON) error {
	a.out.Printf("%s, %s, %d wide\n", terminal.Count(result.Texts, "text", "texts"), terminal.Count(result.Videos, "video", "videos"), result.Dim)
	for _, direction := range result.Results {
		if err := a.printDirection(direction); err != nil {
			return err
		}
		a.printPairedTests(result.Comparisons, direction.Protocol)
	}
	if result.Confidence > 0 {
		a.out.Printf("\n± is half the %g %% interval over queries (bootstrap)\n", 100*result.Confidence)
	}
	e := result.EMCL
	different := 0
	for _, v := range e.Singular {
		if v > 1e-4*e.Singular[0] {
			different++
		}
	}
	a.out.Printf("\nEMCL: %s fitted on %s of the %s, %d of them different; it moves a unit vector by %.3f\n\n", terminal.Count(e.Bases, "base", "bases"),
		terminal.Count(e.Rows, "row", "rows"), e.Reference, different, e.Share)
	a.printGeometries(&result.Geometry.Before, result.Geometry.After)
	if result.Out != "" {
		a.out.Printf("\nthe features with frozen EMCL are in %s\n", terminal.Clean(result.Out))
	}
	return nil
}

// printPairedTests prints how each row differs from the first in its first number.
func (a *app) printPairedTests(all []comparison, protocol metric.Protocol) {
	var table terminal.Table
	for _, c := range all {
		if c.Protocol != protocol {
			continue
		}
		d := c.Differences[0]
		if table.Columns == nil {
			table.Columns = []terminal.Column{{Title: "paired test against " + c.A}, {Title: d.Metric, Right: true}, {Title: "interval", Right: true}, {Title: "p", Right: true}}
			a.out.Printf("\n")
		}
		table.Row(c.B, fmt.Sprintf("%+.1f", d.Difference), fmt.Sprintf("%+.1f to %+.1f", d.Interval.Low, d.Interval.High), fmt.Sprintf("%.3f", d.P))
	}
	if table.Columns != nil {
		table.Write(a.out)
	}
}
