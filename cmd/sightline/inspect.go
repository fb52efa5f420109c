package main

import (
	"fmt"
	"image/color"

	"github.com/spf13/cobra"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"sightline"
	"sightline/corpus"
	"sightline/internal/plotting"
	"sightline/internal/terminal"
	"sightline/metric"
	"sightline/train"
)

func (a *app) inspectCommand() *cobra.Command {
	var video, text, owners, name, data, encoder, picture string
	cmd := &cobra.Command{
		Use:   "inspect --video V.npy --text T.npy",
		Short: "Measure the geometry of a space of videos and texts",
		Long: `Inspect says how videos and texts lie in their common space: how many directions they use
(effective rank), how far apart the two modalities stand (modality gap), how tight a video and
its sentences hold together and how far classes stand apart, alignment and uniformity.

Vectors are anybody's: two .npy files [N, D] and [A, D], text i about video i unless --owners
names a file with the video of each text, from 0. Or they are those by which a model here
recalls candidates: --model MODEL --data DATA. --plot draws the plane of their two main
directions and the spectrum.`,
		Example: `  sightline inspect --video videos.npy --text texts.npy --plot space.png
  sightline inspect --model untrained --encoder tiny --data world:A/demo/test
  sightline inspect --model runs/first --data pairs.jsonl --json`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var videos, texts sightline.Matrix
			var owner []int
			var err error
			switch {
			case (video == "") != (text == "") || (name == "") != (data == "") || (video == "") == (name == ""):
				return usage("inspect", "sightline inspect --video V.npy --text T.npy, or --model MODEL --data DATA", "give either two files or a model and data")
			case video != "":
				if videos, err = readSims(video, false); err != nil {
					return err
				}
				if texts, err = readSims(text, false); err != nil {
					return err
				}
				if owners != "" {
					if owner, err = readOwners(owners); err != nil {
						return err
					}
				}
			default:
				if videos, texts, owner, err = a.recallVectors(cmd, name, data, encoder); err != nil {
					return err
				}
			}
			geometry, err := metric.Measure(videos, texts, owner)
			if err != nil {
				return err
			}
			if picture != "" {
				if err := drawSpace(picture, videos, texts, owner, geometry); err != nil {
					return err
				}
			}
			return a.print(geometry, func() error { a.printGeometry(geometry, picture); return nil })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&video, "video", "", "video vectors [N, D], .npy")
	flags.StringVar(&text, "text", "", "text vectors [A, D], .npy")
	flags.StringVar(&owners, "owners", "", "file with the number of the video of each text")
	flags.StringVar(&name, "model", "", "model whose vectors to look at")
	flags.StringVar(&data, "data", "", "file of pairs, or a rendered split such as world:A/base/test")
	flags.StringVar(&picture, "plot", "", "draw the space and its spectrum into this .png")
	a.encoderFlag(cmd, &encoder)
	return cmd
}

// recallVectors returns what a model recalls candidates by.
func (a *app) recallVectors(cmd *cobra.Command, name, data, encoder string) (videos, texts sightline.Matrix, owner []int, err error) {
	ctx := cmd.Context()
	s, err := a.settings(encoder, "")
	if err != nil {
		return videos, texts, nil, err
	}
	split, err := corpus.Open(data)
	if err != nil {
		return videos, texts, nil, err
	}
	o, err := s.opener()
	if err != nil {
		return videos, texts, nil, err
	}
	m, err := o.model(name)
	if err != nil {
		return videos, texts, nil, err
	}
	evaluation := evaluation{app: a, opener: o, split: split, frames: m.frames()}
	pairs, err := evaluation.pairsOf(ctx, m)
	if err != nil {
		return videos, texts, nil, err
	}
	kept, sentences, err := train.Encode(ctx, m.align, pairs)
	if err != nil {
		return videos, texts, nil, err
	}
	videos, err = m.align.RecallVectors(ctx, kept)
	return videos, m.align.RecallTexts(sentences), split.Set.Owner(), err
}

func (a *app) printGeometry(g metric.Geometry, picture string) {
	a.out.Printf("%s, %s, %d wide\n\n", terminal.Count(g.Videos, "video", "videos"), terminal.Count(g.Texts, "text", "texts"), g.Dim)
	ranks := terminal.Table{Columns: []terminal.Column{
		{Title: "effective rank"}, {Title: "videos", Right: true}, {Title: "texts", Right: true}, {Title: "together", Right: true},
	}}
	row := func(what string, of func(metric.Spread) float64) {
		ranks.Row(what, fmt.Sprintf("%.1f", of(g.VideoSpread)), fmt.Sprintf("%.1f", of(g.TextSpread)), fmt.Sprintf("%.1f", of(g.Spread)))
	}
	row("as they are", func(s metric.Spread) float64 { return s.EffectiveRank })
	row("centred", func(s metric.Spread) float64 { return s.Centred })
	ranks.Write(a.out)
	a.out.Printf("\n")
	table := terminal.Table{Columns: []terminal.Column{{Title: "measure"}, {Title: "value", Right: true}, {Title: "what it is", Shorten: true}}}
	for _, line := range []struct {
		what  string
		value float64
		note  string
	}{
		{"modality gap", g.Gap, "distance of the mean video and the mean text"},
		{"cosine, own", g.Own, "mean of a text with its own video"},
		{"cosine, other", g.Other, "mean of a text with all other videos"},
		{"intra-class variance", g.Intra, "a video and its texts around their mean"},
		{"inter-class variance", g.Inter, "the means around theirs"},
		{"alignment", g.Alignment, "mean squared distance of a text to its video; lower is better"},
		{"uniformity", g.Uniformity, "how evenly all vectors spread; lower is better"},
	} {
		table.Row(line.what, fmt.Sprintf("%.3f", line.value), line.note)
	}
	table.Write(a.out)
	if picture != "" {
		a.out.Printf("\nthe picture is in %s\n", terminal.Clean(picture))
	}
}

// drawSpace draws the plane of the two main directions, a few texts joined to their videos, beside the spectrum.
func drawSpace(path string, videos, texts sightline.Matrix, owner []int, g metric.Geometry) error {
	v, s, err := metric.Project(videos, texts)
	if err != nil {
		return err
	}
	plane := plot.New()
	plane.Title.Text = "main directions, lines join texts with their videos"
	plane.X.Label.Text, plane.Y.Label.Text = "first", "second"
	const joined = 60
	for i := 0; i < len(s); i += max(1, len(s)/joined) {
		to := i
		if owner != nil {
			to = owner[i]
		}
		line, err := plotter.NewLine(plotter.XYs{{X: s[i][0], Y: s[i][1]}, {X: v[to][0], Y: v[to][1]}})
		if err != nil {
			return err
		}
		line.Color, line.Width = color.Gray{190}, vg.Points(0.5)
		plane.Add(line)
	}
	for k, side := range []struct {
		name   string
		points [][2]float64
	}{{"videos", v}, {"texts", s}} {
		points := make(plotter.XYs, len(side.points))
		for i, p := range side.points {
			points[i] = plotter.XY{X: p[0], Y: p[1]}
		}
		dots, err := plotter.NewScatter(points)
		if err != nil {
			return err
		}
		dots.Color, dots.Shape, dots.Radius = plotting.Colors[k], plotting.Dot, vg.Points(1.5)
		plane.Add(dots)
		plane.Legend.Add(side.name, dots)
	}
	spectrum := plot.New()
	spectrum.Title.Text = "singular values, centred"
	spectrum.X.Label.Text, spectrum.Y.Label.Text = "rank", "share of their sum"
	spectrum.Legend.Top = true
	for k, side := range []struct {
		name   string
		spread metric.Spread
	}{{"videos", g.VideoSpread}, {"texts", g.TextSpread}} {
		points := make(plotter.XYs, len(side.spread.Singular))
		for i, share := range side.spread.Singular {
			points[i] = plotter.XY{X: float64(i + 1), Y: share}
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = plotting.Colors[k], vg.Points(1.5)
		spectrum.Add(line)
		spectrum.Legend.Add(fmt.Sprintf("%s, effective rank %.1f", side.name, side.spread.Centred), line)
	}
	return plotting.Save(path, 11*vg.Inch, 4.5*vg.Inch, plane, spectrum)
}
