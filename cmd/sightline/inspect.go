package main

import (
	"fmt"
	"image/color"
	"path/filepath"

	"github.com/spf13/cobra"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"sightline"
	"sightline/align"
	"sightline/corpus"
	"sightline/internal/atomicfile"
	"sightline/internal/plotting"
	"sightline/internal/terminal"
	"sightline/metric"
	"sightline/train"
)

func (a *app) inspectCommand() *cobra.Command {
	var video, text, owners, name, data, encoder, picture, export string
	cmd := &cobra.Command{
		Use:   "inspect --video V.npy --text T.npy",
		Short: "Measure the geometry of a space of videos and texts",
		Long: `Inspect says how videos and texts lie in their common space: how many directions they use
(effective rank), how far apart the two modalities stand (modality gap), how tight a video and
its sentences hold together and how far classes stand apart, alignment and uniformity.

Vectors are anybody's: two .npy files [N, D] and [A, D], text i about video i unless --owners
names a file with the video of each text, from 0. Or they are those by which a model here
recalls candidates: --model MODEL --data DATA. Where that model has a layer such as EMCL's, the
same is told of the vectors before the layer. --plot draws the plane of their two main directions
and the spectrum. --export writes the vectors as text.npy and video.npy and the video of each text as
owners.txt, for sightline boost or anybody else.`,
		Example: `  sightline inspect --video videos.npy --text texts.npy --plot space.png
  sightline inspect --model untrained --encoder tiny --data world:A/demo/test
  sightline inspect --model runs/first --data pairs.jsonl --json`,
		Args: operands(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var videos, texts sightline.Matrix
			var before *metric.Geometry
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
				if videos, texts, owner, before, err = a.recallVectors(cmd, name, data, encoder); err != nil {
					return err
				}
			}
			geometry, err := metric.Measure(videos, texts, owner)
			if err != nil {
				return err
			}
			result := inspectJSON{geometry, before}
			if export != "" {
				if err := exportSpace(export, videos, texts, owner); err != nil {
					return err
				}
			}
			if picture != "" {
				if err := drawSpace(picture, videos, texts, owner, geometry); err != nil {
					return err
				}
			}
			return a.print(result, func() error { a.printGeometry(result, picture); return nil })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&video, "video", "", "video vectors [N, D], .npy")
	flags.StringVar(&text, "text", "", "text vectors [A, D], .npy")
	flags.StringVar(&owners, "owners", "", "file with the number of the video of each text")
	flags.StringVar(&name, "model", "", "model whose vectors to look at")
	flags.StringVar(&data, "data", "", "file of pairs, or a rendered split such as world:A/base/test")
	flags.StringVar(&picture, "plot", "", "draw the space and its spectrum into this .png")
	flags.StringVar(&export, "export", "", "write the vectors into this folder")
	a.encoderFlag(cmd, &encoder)
	a.textEncoderFlag(cmd)
	return cmd
}

// exportSpace writes vectors, and who belongs to whom where that is not told by their order.
func exportSpace(dir string, videos, texts sightline.Matrix, owner []int) error {
	if err := writeFeatures(dir, features{texts: texts, videos: videos}); err != nil || owner == nil {
		return err
	}
	var lines []byte
	for _, video := range owner {
		lines = fmt.Appendln(lines, video)
	}
	return atomicfile.Write(filepath.Join(dir, "owners.txt"), lines)
}

// inspectJSON is the contract of inspect --json.
type inspectJSON struct {
	metric.Geometry
	Before *metric.Geometry `json:"before_layer,omitempty"` // of the model without its layer
}

// recallVectors returns what a model recalls candidates by and, where it has a layer, the geometry without that.
func (a *app) recallVectors(cmd *cobra.Command, name, data, encoder string) (videos, texts sightline.Matrix, owner []int, before *metric.Geometry, err error) {
	fail := func(err error) (sightline.Matrix, sightline.Matrix, []int, *metric.Geometry, error) {
		return sightline.Matrix{}, sightline.Matrix{}, nil, nil, err
	}
	ctx := cmd.Context()
	s, err := a.settings(encoder, "")
	if err != nil {
		return fail(err)
	}
	split, err := corpus.Open(data)
	if err != nil {
		return fail(err)
	}
	o, err := s.opener()
	if err != nil {
		return fail(err)
	}
	m, err := o.headed(name)
	if err != nil {
		return fail(err)
	}
	evaluation := evaluation{app: a, opener: o, split: split, frames: m.frames()}
	pairs, err := evaluation.pairsOf(ctx, m)
	if err != nil {
		return fail(err)
	}
	vectors := func(of *align.Model) (videos, texts sightline.Matrix, err error) {
		kept, sentences, err := train.Encode(ctx, of, pairs)
		if err != nil {
			return videos, texts, err
		}
		videos, err = of.RecallVectors(ctx, kept)
		return videos, of.RecallTexts(sentences), err
	}
	owner = split.Set.Owner()
	if bare := m.align.Bare(); len(bare.Parts) < len(m.align.Parts) {
		if videos, texts, err = vectors(bare); err != nil {
			return fail(err)
		}
		geometry, err := metric.Measure(videos, texts, owner)
		if err != nil {
			return fail(err)
		}
		before = &geometry
	}
	if videos, texts, err = vectors(m.align); err != nil {
		return fail(err)
	}
	return videos, texts, owner, before, nil
}

func (a *app) printGeometry(g inspectJSON, picture string) {
	a.out.Printf("%s, %s, %d wide\n\n", terminal.Count(g.Videos, "video", "videos"), terminal.Count(g.Texts, "text", "texts"), g.Dim)
	a.printGeometries(g.Before, g.Geometry)
	if picture != "" {
		a.out.Printf("\nthe picture is in %s\n", terminal.Clean(picture))
	}
}

// printGeometries prints the measures of a space, beside those of the space before a layer where there are such.
func (a *app) printGeometries(before *metric.Geometry, g metric.Geometry) {
	ranks := terminal.Table{Columns: []terminal.Column{
		{Title: "effective rank"}, {Title: "videos", Right: true}, {Title: "texts", Right: true}, {Title: "together", Right: true},
	}}
	row := func(what string, g metric.Geometry, of func(metric.Spread) float64) {
		ranks.Row(what, fmt.Sprintf("%.1f", of(g.VideoSpread)), fmt.Sprintf("%.1f", of(g.TextSpread)), fmt.Sprintf("%.1f", of(g.Spread)))
	}
	for _, kind := range []struct {
		name string
		of   func(metric.Spread) float64
	}{
		{"as they are", func(s metric.Spread) float64 { return s.EffectiveRank }},
		{"centred", func(s metric.Spread) float64 { return s.Centred }},
	} {
		if before != nil {
			row(kind.name+", before", *before, kind.of)
		}
		row(kind.name, g, kind.of)
	}
	ranks.Write(a.out)
	a.out.Printf("\n")
	table := terminal.Table{Columns: []terminal.Column{{Title: "measure"}}}
	if before != nil {
		table.Columns = append(table.Columns, terminal.Column{Title: "before", Right: true})
	}
	table.Columns = append(table.Columns, terminal.Column{Title: "value", Right: true}, terminal.Column{Title: "what it is", Shorten: true})
	for _, line := range []struct {
		what string
		of   func(metric.Geometry) float64
		note string
	}{
		{"modality gap", func(g metric.Geometry) float64 { return g.Gap }, "distance of the mean video and the mean text"},
		{"cosine, own", func(g metric.Geometry) float64 { return g.Own }, "mean of a text with its own video"},
		{"cosine, other", func(g metric.Geometry) float64 { return g.Other }, "mean of a text with all other videos"},
		{"intra-class variance", func(g metric.Geometry) float64 { return g.Intra }, "a video and its texts around their mean"},
		{"inter-class variance", func(g metric.Geometry) float64 { return g.Inter }, "the means around theirs"},
		{"alignment", func(g metric.Geometry) float64 { return g.Alignment }, "mean squared distance of a text to its video; lower is better"},
		{"uniformity", func(g metric.Geometry) float64 { return g.Uniformity }, "how evenly all vectors spread; lower is better"},
	} {
		cells := []string{line.what}
		if before != nil {
			cells = append(cells, fmt.Sprintf("%.3f", line.of(*before)))
		}
		table.Row(append(cells, fmt.Sprintf("%.3f", line.of(g)), line.note)...)
	}
	table.Write(a.out)
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
