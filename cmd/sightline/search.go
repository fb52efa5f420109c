package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/feature"
	"sightline/index"
	"sightline/internal/terminal"
	"sightline/library"
	"sightline/search"
)

// searchJSON is the contract of search --json.
type searchJSON struct {
	Query   string          `json:"query"`
	Model   string          `json:"model"`
	Space   sightline.Space `json:"space"`
	Hits    []hitJSON       `json:"hits"`
	Seconds float64         `json:"seconds"` // the search alone, without opening the model
}

// hitJSON is one answer, best first.
type hitJSON struct {
	Rank int `json:"rank"` // from 1
	sightline.Hit
	Link        string           `json:"link"`                  // file URL that ends in #t=start,end; "" for a video without a file
	Explanation *explanationJSON `json:"explanation,omitempty"` // with --explain, of a model with class anchors
	Alignment   *alignmentJSON   `json:"alignment,omitempty"`   // with --explain, of TACo
}

func (a *app) searchCommand() *cobra.Command {
	var encoder string
	var limit int
	var failEmpty, why bool
	cmd := &cobra.Command{
		Use:   "search SENTENCE",
		Short: "Find the moments that a sentence describes",
		Long: `Search encodes the sentence with the archive's model and prints the best moment of each of the
best videos, the best first. Scores are similarities: they rank, and compare within one model only.

--explain says why. A model that was trained with class anchors (kind: calm among the parts of its run
file) prints the concepts that sentence and moment share, how likely the one is to follow from the
other, and what is seen when; one that was trained with task: taco draws for each word when it was met.`,
		Example: `  sightline search "a dog catches a frisbee"
  sightline search a dog catches a frisbee --limit 3
  sightline search "red car at night" --json | jq -r '.hits[0].link'
  sightline search "somebody opens a laptop" --explain
  sightline search "a goal" --fail-empty || echo nothing`,
		Args: operands(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if limit < 1 {
				return usage("--limit", "--limit 10", "%d hits are none", limit)
			}
			s, err := a.settings(encoder, "")
			if err != nil {
				return err
			}
			o, err := s.opener()
			if err != nil {
				return err
			}
			if err := ready(ctx, o); err != nil {
				return err
			}
			archive, err := library.Open(s.Archive.Value)
			if err != nil {
				return err
			}
			defer archive.Close()
			m, err := servingModel(ctx, archive, o)
			if err != nil {
				return err
			}
			reader, space, err := archive.OpenIndex(ctx)
			if err != nil {
				return err
			}
			defer reader.Close()
			rows := shelf{archive, m}
			started := time.Now()
			query := sightline.Query{Text: strings.Join(args, " "), Limit: limit}
			hits, err := m.search(ctx, reader, rows, query, why)
			if err != nil {
				return err
			}
			result := searchJSON{Query: query.Text, Model: m.name, Space: space, Hits: hits, Seconds: time.Since(started).Seconds()}
			if why && m.taco == nil {
				if err := explain(ctx, m, rows, query.Text, result.Hits); err != nil {
					return err
				}
			}
			if err := a.print(result, func() error { return a.printHits(result) }); err != nil {
				return err
			}
			if len(hits) == 0 && failEmpty {
				return &sightline.Error{Kind: sightline.Empty, What: fmt.Sprintf("search %q", query.Text), Err: errors.New("nothing found")}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	a.encoderFlag(cmd, &encoder)
	a.textEncoderFlag(cmd)
	flags.IntVarP(&limit, "limit", "n", search.DefaultLimit, "videos to print at most")
	flags.BoolVar(&why, "explain", false, "say why, by the model's class anchors or word by word")
	flags.BoolVar(&failEmpty, "fail-empty", false, "exit with 4 when nothing is found")
	return cmd
}

// search answers a query with the model over an archive and its index. TACo says why at once, as a by-product.
func (m model) search(ctx context.Context, windows index.Searcher, rows shelf, query sightline.Query, why bool) ([]hitJSON, error) {
	hits := []hitJSON{}
	add := func(hit sightline.Hit, alignment *alignmentJSON) {
		hits = append(hits, hitJSON{Rank: len(hits) + 1, Hit: hit, Link: link(hit), Alignment: alignment})
	}
	if m.taco == nil {
		searcher := search.Searcher{Model: m.align, Texts: m.encoders.Texts, Index: windows, Archive: rows}
		found, err := searcher.Search(ctx, query)
		for _, hit := range found {
			add(hit, nil)
		}
		return hits, err
	}
	words, err := m.encoders.Words()
	if err != nil {
		return nil, err
	}
	searcher := search.TokenSearcher{Model: m.taco, Texts: m.encoders.Texts, Words: words, Index: windows, Archive: rows}
	found, err := searcher.Search(ctx, query)
	for _, hit := range found {
		var alignment *alignmentJSON
		if why {
			alignment = newAlignment(hit.Alignment)
		}
		add(hit.Hit, alignment)
	}
	return hits, err
}

// shelf is an archive as search wants to see it: with the features of one model's encoder.
type shelf struct {
	archive *library.Archive
	model   model
}

// Video returns what is known of a video.
func (s shelf) Video(ctx context.Context, id string) (sightline.Video, error) {
	v, err := s.archive.Video(ctx, id)
	return v.Video, err
}

// Rows returns the stored features of a video.
func (s shelf) Rows(_ context.Context, id string) (feature.Features, error) {
	return s.archive.Features().Read(feature.Header{
		VideoID: id, Stream: feature.Frame, Space: s.archive.FeatureSpace(s.model.encoders.Frames),
	})
}

// link returns a URL that opens the file at the moment, to the millisecond; "" for a video without a file.
func link(hit sightline.Hit) string {
	if hit.Video.Path == "" {
		return ""
	}
	moment := sightline.Span{Start: math.Round(hit.Span.Start*1000) / 1000, End: math.Round(hit.Span.End*1000) / 1000}
	path := hit.Video.Path
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String() + moment.Fragment()
}

// printHits prints the table of a search. On a terminal a link stands below its hit, where it can be clicked however
// narrow the window is; elsewhere it is the last column.
func (a *app) printHits(result searchJSON) error {
	if len(result.Hits) == 0 {
		a.say("nothing found")
		return nil
	}
	table := terminal.Table{Columns: []terminal.Column{
		{Title: "#", Right: true}, {Title: "score", Right: true}, {Title: "time"}, {Title: "video", Shorten: true},
	}}
	if !a.out.Live {
		table.Columns = append(table.Columns, terminal.Column{Title: "link"})
	}
	for _, hit := range result.Hits {
		cells := []string{fmt.Sprint(hit.Rank), fmt.Sprintf("%.3f", hit.Score), hit.Span.String(), title(hit.Video)}
		if !a.out.Live {
			table.Row(append(cells, hit.Link)...)
			continue
		}
		table.Row(cells...)
		if hit.Link != "" {
			table.Note(hit.Link)
		}
	}
	table.Write(a.out)
	switch first := result.Hits[0]; {
	case first.Explanation != nil:
		a.printExplanations(result.Hits)
	case first.Alignment != nil:
		a.printAlignments(result.Hits)
	}
	return nil
}

// title returns what a video is called in a table.
func title(v sightline.Video) string {
	if v.Path == "" {
		return v.ID
	}
	return filepath.Base(v.Path)
}
