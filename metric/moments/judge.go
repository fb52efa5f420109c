package moments

import (
	"fmt"
	"maps"
	"slices"

	"sightline"
	"sightline/metric"
)

// Judgement is the table of one task: all queries, those of each kind and length of moment, and what one reaches without
// looking at the query. Its JSON is the contract of `sightline judge moments --json`.
type Judgement struct {
	Task        Task                `json:"task"`
	Videos      int                 `json:"videos"` // that are asked about
	Rows        []Row               `json:"rows"`
	Differences []metric.Difference `json:"differences,omitempty"` // to another run, over all queries
	brief       []string
}

// Row is what a part of the queries scores.
type Row struct {
	By      string   `json:"by"`   // "all", "kind", "length" or "baseline"
	Name    string   `json:"name"` // "all", "vt", "short", "random spans", …
	Queries int      `json:"queries"`
	Numbers []Number `json:"numbers"`
}

// Number is a mean over queries in percent.
type Number struct {
	Metric string `json:"metric"`
	metric.Estimate
}

// Part is some of the queries of a task, or all, or a baseline on all of them.
type Part struct {
	By, Name string
	Scores   Scores
}

// Parts divides scores into rows: all queries, each kind, and each range of lengths, as long as there is more than one. A
// query with several gold spans counts by the middle one of their lengths.
func (s Scores) Parts() []Part { return append(s.kinds(), s.lengths()...) }

func (s Scores) kinds() []Part {
	parts := []Part{{"all", "all", s}}
	present := map[string]bool{}
	for _, q := range s.Queries {
		present[q.Kind] = true
	}
	names := slices.Clone(kinds)
	for _, name := range slices.Sorted(maps.Keys(present)) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(present) < 2 {
		return parts
	}
	for _, name := range names {
		if present[name] {
			shown := name
			if shown == "" {
				shown = "none"
			}
			parts = append(parts, Part{"kind", shown, s.Where(func(q sightline.MomentQuery) bool { return q.Kind == name })})
		}
	}
	return parts
}

func (s Scores) lengths() []Part {
	beyond := Long
	beyond.UpTo = 1e300 // other data sets have longer moments
	var parts []Part
	for _, r := range []Range{Short, Middle, beyond} {
		part := s.Where(func(q sightline.MomentQuery) bool { return r.holds(middle(q.Gold)) })
		if len(part.Queries) > 0 {
			parts = append(parts, Part{"length", r.Name, part})
		}
	}
	if len(parts) < 2 {
		return nil
	}
	return parts
}

// middle returns the span of middle length, the shorter of two.
func middle(spans []sightline.Span) sightline.Span {
	sorted := slices.Clone(spans)
	slices.SortFunc(sorted, func(a, b sightline.Span) int { return compareDown(b.Length(), a.Length()) })
	return sorted[(len(sorted)-1)/2]
}

// Judge summarises the parts of one task, the first of which holds all queries. Baselines get no intervals.
func Judge(parts []Part, options metric.Options) (Judgement, error) {
	all := parts[0].Scores
	j := Judgement{Task: all.Task, brief: all.brief}
	videos := map[string]bool{}
	for _, q := range all.Queries {
		videos[q.Video] = true
	}
	j.Videos = len(videos)
	for _, part := range parts {
		o := options
		if part.By == "baseline" {
			o.Resamples = -1
		}
		estimates, err := part.Scores.Summarize(o)
		if err != nil {
			return Judgement{}, fmt.Errorf("%s, %s: %w", all.Task, part.Name, err)
		}
		row := Row{By: part.By, Name: part.Name, Queries: len(part.Scores.Queries)}
		for m, estimate := range estimates {
			row.Numbers = append(row.Numbers, Number{part.Scores.Names[m], estimate})
		}
		j.Rows = append(j.Rows, row)
	}
	return j, nil
}

// Grid lays the judgement out for people. Of many numbers it holds the usual ones.
func (j Judgement) Grid() metric.Grid {
	grid := metric.Grid{Title: j.Task.Title(), Decimals: 2}
	shown := func(n Number) bool { return j.brief == nil || slices.Contains(j.brief, n.Metric) }
	for _, n := range j.Rows[0].Numbers {
		if shown(n) {
			grid.Head = append(grid.Head, n.Metric)
		}
	}
	for _, row := range j.Rows {
		line := metric.Line{Name: row.Name, Cells: make([]*metric.Estimate, len(grid.Head))}
		switch row.By {
		case "all":
			line.Name = fmt.Sprintf("all %d queries", row.Queries)
		case "kind", "length":
			line.Name = fmt.Sprintf("  %s %s (%d)", row.By, row.Name, row.Queries)
		}
		for _, n := range row.Numbers {
			if at := slices.Index(grid.Head, n.Metric); at >= 0 {
				line.Cells[at] = &n.Estimate
			}
		}
		grid.Lines = append(grid.Lines, line)
	}
	return grid
}
