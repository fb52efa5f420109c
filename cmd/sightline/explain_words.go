package main

import (
	"fmt"
	"slices"

	"sightline"
	"sightline/align/taco"
	"sightline/internal/terminal"
)

// alignmentJSON says which word of a query met which row of the window that a hit lies in.
type alignmentJSON struct {
	Words    []string         `json:"words"`    // [n], as they were read
	Weights  []float32        `json:"weights"`  // [n], idf; 0 for words that do not count
	Spans    []sightline.Span `json:"spans"`    // [m] rows of the window
	Products [][]float32      `json:"products"` // [n][m], dot products; the highest of a word that counts is its part of the score
	Best     []int            `json:"best"`     // [n], the row of the highest
}

func newAlignment(a taco.Alignment) *alignmentJSON {
	out := &alignmentJSON{Words: a.Words, Weights: a.Weights, Spans: a.Spans, Best: a.Best}
	for p := range a.Words {
		out.Products = append(out.Products, slices.Clone(a.Products.Row(p)))
	}
	return out
}

// printAlignments draws below the hits, for each word of the query, how well it fits every row of the window, from its lowest
// to its highest, and when it was met best.
func (a *app) printAlignments(hits []hitJSON) {
	table := terminal.Table{Columns: []terminal.Column{
		{Title: "#", Right: true}, {Title: "word", Shorten: true}, {Title: "weight", Right: true}, {Title: "when"}, {Title: "best at"}, {Title: "product", Right: true},
	}}
	for _, hit := range hits {
		words := hit.Alignment
		for p, word := range words.Words {
			weight := "–"
			if words.Weights[p] > 0 {
				weight = fmt.Sprintf("%.1f", words.Weights[p])
			}
			row, best := words.Products[p], words.Best[p]
			at := "–"
			if best < len(words.Spans) {
				at = words.Spans[best].String()
			}
			table.Row(once(fmt.Sprint(hit.Rank), p), word, weight, bars(row), at, fmt.Sprintf("%.1f", row[best]))
		}
	}
	a.out.Printf("\n")
	table.Write(a.out)
}

// bars draws a column for each value, as high as it stands between the lowest and the highest.
func bars(values []float32) string {
	low, high := slices.Min(values), slices.Max(values)
	drawn := make([]rune, len(values))
	for i, v := range values {
		level := 0
		if high > low {
			level = int((v - low) / (high - low) * float32(len(blocks)-1))
		}
		drawn[i] = blocks[level]
	}
	return string(drawn)
}
