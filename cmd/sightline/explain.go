package main

import (
	"context"
	"fmt"
	"strings"

	"sightline"
	"sightline/align"
	"sightline/align/calm"
	"sightline/internal/terminal"
	"sightline/search"
)

// explanationJSON says why a hit was found, by the class anchors of the model; what the model has no VAE for is missing.
type explanationJSON struct {
	calm.Explanation
	Margin   *float64       `json:"margin,omitempty"` // score minus that of the next hit; missing for the last
	Timeline []calm.Stretch `json:"timeline"`         // what is seen in the moment and around it
}

// What an explanation shows.
const (
	shownConcepts = 5
	aroundMoment  = 6 // seconds before and after a moment whose frames the timeline has
)

// explain adds to every hit why it was found.
func explain(ctx context.Context, m model, archive shelf, query string, hits []hitJSON) error {
	explainer, err := calm.NewExplainer(m.align)
	if err != nil {
		return err
	}
	vectors, err := m.encoders.Texts.EncodeTexts(ctx, []string{query})
	if err != nil {
		return err
	}
	sentence := align.Sentence{Text: query, Vector: vectors.Row(0)}
	for i := range hits {
		hit := &hits[i]
		rows, err := archive.Rows(ctx, hit.Video.ID)
		if err != nil {
			return fmt.Errorf("explain: video %s: %w", hit.Video.ID, err)
		}
		moment, err := explainer.Video(ctx, search.Window(rows.Within(hit.Span)))
		if err != nil {
			return err
		}
		explanation, err := explainer.Explain(ctx, sentence, moment, shownConcepts)
		if err != nil {
			return err
		}
		wide := sightline.Span{Start: hit.Span.Start - aroundMoment, End: hit.Span.End + aroundMoment}
		around, err := explainer.Video(ctx, search.Window(rows.Within(wide)))
		if err != nil {
			return err
		}
		hit.Explanation = &explanationJSON{Explanation: explanation, Timeline: explainer.Timeline(around)}
		if i+1 < len(hits) {
			margin := hit.Score - hits[i+1].Score
			hit.Explanation.Margin = &margin
		}
	}
	return nil
}

// printExplanations prints three tables below the hits: the concepts they match through, how sure that is, and what is seen
// when.
func (a *app) printExplanations(hits []hitJSON) {
	right := func(titles ...string) terminal.Table {
		var table terminal.Table
		for _, title := range titles {
			table.Columns = append(table.Columns, terminal.Column{Title: title, Right: true})
		}
		return table
	}
	number := func(format string, value *float64) string {
		if value == nil {
			return "–"
		}
		return fmt.Sprintf(format, *value)
	}
	concepts := terminal.Table{Columns: []terminal.Column{
		{Title: "#", Right: true}, {Title: "matches through", Shorten: true}, {Title: "sentence", Right: true}, {Title: "video", Right: true},
	}}
	sure := right("#", "overlap", "likelihood", "margin", "latent variance", "active units")
	seen := terminal.Table{Columns: []terminal.Column{
		{Title: "#", Right: true}, {Title: "time"}, {Title: "seen", Shorten: true}, {Title: "probability", Right: true},
	}}
	for _, hit := range hits {
		e, rank := hit.Explanation, fmt.Sprint(hit.Rank)
		for i, c := range e.Concepts {
			concepts.Row(once(rank, i), c.Label, fmt.Sprintf("%.2f", c.Text), fmt.Sprintf("%.2f", c.Video))
		}
		variance, active := "–", "–"
		if m := e.Ambiguity; m != nil {
			variance, active = fmt.Sprintf("%.2f", m.Variance), fmt.Sprintf("%d of %d", m.Active, m.Units)
		}
		sure.Row(rank, fmt.Sprintf("%.2f", e.Overlap), number("%.3f", e.Likelihood), number("%.3f", e.Margin), variance, active)
		for i, s := range e.Timeline {
			seen.Row(once(rank, i), s.Span.String(), s.Label, fmt.Sprintf("%.2f", s.Probability))
		}
	}
	for _, table := range []*terminal.Table{&concepts, &sure, &seen} {
		a.out.Printf("\n")
		table.Write(a.out)
	}
}

// once returns a rank in the first of its rows, and blanks in the others.
func once(rank string, row int) string {
	if row > 0 {
		return strings.Repeat(" ", len(rank))
	}
	return rank
}
