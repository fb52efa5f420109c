package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/internal/terminal"
	"sightline/library"
	"sightline/search"
)

// foundMomentsJSON is the contract of moments --json.
type foundMomentsJSON struct {
	Query   string            `json:"query"`
	Model   string            `json:"model"`
	Trained bool              `json:"trained"` // a moment model answered; else the model that serves search
	Space   sightline.Space   `json:"space"`   // of what the sentence was compared with
	Missing int               `json:"missing"` // videos that the moment model has not encoded yet, while another process changes the archive
	Hits    []foundMomentJSON `json:"hits"`
	Seconds float64           `json:"seconds"` // the search alone, without opening models and catching up
}

// foundMomentJSON is one answer, best first.
type foundMomentJSON struct {
	Rank int `json:"rank"` // from 1
	search.Moment
	Link string `json:"link"` // file URL that ends in #t=start,end; "" for a video without a file
}

// distinct is the IoU with a better moment beyond which a moment is the same one to a person.
const distinct = 0.5

func (a *app) momentsCommand() *cobra.Command {
	var query search.MomentQuery
	var encoder, name string
	var failEmpty, draw bool
	cmd := &cobra.Command{
		Use:   "moments SENTENCE",
		Short: "Find every stretch of video that a sentence describes",
		Long: `Moments looks inside the best videos for the stretches that a sentence describes and prints them
all in one ranking, several of a video where several fit. Search prints one a video.

It needs no training: the model that serves search says how well each stored frame fits, and what
stands out of that curve is a moment. A model that was trained with task: moments knows where
moments start and end, and listens to subtitles too. --model names one, sightline model use RUN makes
it the archive's own, and --model search goes without. The first use encodes its clips from the stored
frames, later ones what has changed; the table then says whether picture or subtitles decided.

Scores rank, and compare within one model only. Without training something always stands out, in
the best video there is: read a curve (--curve) before you believe its moment.`,
		Example: `  sightline moments "a dog catches a frisbee"
  sightline moments "somebody opens a laptop" --video lecture.mp4 --curve
  sightline moments "a red car at night" --limit 3 --json | jq -r '.hits[].link'
  sightline moments "they talk about rent" --model runs/moments
  sightline model use runs/moments && sightline moments "they talk about rent"`,
		Args: operands(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if query.Limit < 1 {
				return usage("--limit", "--limit 10", "%d moments are none", query.Limit)
			}
			if query.Text = strings.Join(args, " "); strings.TrimSpace(query.Text) == "" {
				return usage("moments", `sightline moments "a dog catches a frisbee"`, "the query is empty")
			}
			s, err := a.settings(encoder, "")
			if err != nil {
				return err
			}
			o, err := s.opener()
			if err != nil {
				return err
			}
			archive, err := library.Open(s.Archive.Value)
			if err != nil {
				return err
			}
			defer archive.Close()
			if query.Video != "" {
				video, err := archive.Find(ctx, query.Video)
				if err != nil {
					return err
				}
				query.Video = video.ID
			}
			finder, err := a.finder(ctx, archive, o, name)
			if err != nil {
				return err
			}
			defer finder.close()
			result := finder.result
			started := time.Now()
			moments, err := finder.find(ctx, query)
			if err != nil {
				return err
			}
			result.Query, result.Seconds = query.Text, time.Since(started).Seconds()
			for i, m := range moments {
				result.Hits = append(result.Hits, foundMomentJSON{Rank: i + 1, Moment: m, Link: link(m.Hit)})
			}
			if err := a.print(result, func() error { return a.printFoundMoments(result, draw) }); err != nil {
				return err
			}
			if len(moments) == 0 && failEmpty {
				return &sightline.Error{Kind: sightline.Empty, What: fmt.Sprintf("moments %q", query.Text), Err: errors.New("nothing found")}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	a.encoderFlag(cmd, &encoder)
	a.textEncoderFlag(cmd)
	flags.StringVar(&name, "model", "", "moment model: a run's folder, a bundle, one of the archive's; search for the model that serves search")
	flags.StringVar(&query.Video, "video", "", "look into this video alone: an id, a path, or the name of a file")
	flags.IntVarP(&query.Limit, "limit", "n", search.DefaultLimit, "moments to print at most")
	flags.BoolVar(&draw, "curve", false, "draw below each moment how well its video fits from start to end")
	flags.BoolVar(&failEmpty, "fail-empty", false, "exit with 4 when nothing is found")
	return cmd
}

// finder finds moments in an archive.
type finder struct {
	find   func(context.Context, search.MomentQuery) ([]search.Moment, error)
	close  func() error
	result foundMomentsJSON // what is said of the model, with no hits yet
}

// ofSearch is what --model calls the model that serves search.
const ofSearch = "search"

// finder opens the moment model called name, or the archive's own where name is "", or the model that serves search where
// there is none.
func (a *app) finder(ctx context.Context, archive *library.Archive, o *opener, name string) (finder, error) {
	serving, err := servingModel(ctx, archive, o)
	if err != nil {
		return finder{}, err
	}
	if name == "" {
		if name, err = archive.MomentModel(ctx); err != nil {
			return finder{}, err
		}
	}
	if name != "" && name != ofSearch {
		return a.trainedFinder(ctx, archive, o, serving, name)
	}
	if serving.taco != nil {
		return finder{}, usage("find moments with the model "+serving.name, "train a model with task: moments and name it: --model runs/moments; sightline search finds one moment a video",
			"TACo compares whole windows and finds no moments by itself")
	}
	reader, space, err := archive.OpenIndex(ctx)
	if err != nil {
		return finder{}, err
	}
	searcher := search.Searcher{Model: serving.align, Texts: serving.encoders.Texts, Index: reader, Archive: shelf{archive, serving}}
	return finder{searcher.Moments, reader.Close, foundMomentsJSON{Model: serving.name, Space: space, Hits: []foundMomentJSON{}}}, nil
}

// printFoundMoments prints the table of a search for moments, links as printHits does, and curves where they are wanted.
func (a *app) printFoundMoments(result foundMomentsJSON, draw bool) error {
	if result.Missing > 0 {
		a.say("%s not looked into yet: another sightline is changing the archive", terminal.Count(result.Missing, "video is", "videos are"))
	}
	if len(result.Hits) == 0 {
		a.say("nothing found")
		return nil
	}
	columns := []terminal.Column{{Title: "#", Right: true}, {Title: "score", Right: true}, {Title: "time"}, {Title: "video", Shorten: true}}
	if result.Trained {
		columns = append(columns, terminal.Column{Title: "decided by"})
	}
	if !a.out.Live {
		columns = append(columns, terminal.Column{Title: "link"})
	}
	table, format := terminal.Table{Columns: columns}, "%.3f"
	if result.Trained {
		format = "%.3g" // products of probabilities and of a power of e
	}
	for _, hit := range result.Hits {
		cells := []string{fmt.Sprint(hit.Rank), fmt.Sprintf(format, hit.Score), hit.Span.String(), title(hit.Video)}
		if hit.Gates != nil {
			cells = append(cells, decided(*hit.Gates))
		}
		if !a.out.Live {
			cells = append(cells, hit.Link)
		}
		table.Row(cells...)
		if a.out.Live && hit.Link != "" {
			table.Note(hit.Link)
		}
		if draw {
			strip, mark := strip(hit.Curve, hit.Span, a.out.Width())
			table.Note(strip)
			table.Note(mark)
		}
	}
	table.Write(a.out)
	return nil
}

// decided says which modality weighed how much.
func decided(g search.Gates) string {
	if g.Subtitles == 0 {
		return "picture"
	}
	return fmt.Sprintf("picture %.0f%%, subtitles %.0f%%", 100*g.Picture, 100*g.Subtitles)
}
