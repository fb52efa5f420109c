package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sightline"
	"sightline/align"
	"sightline/align/locate"
	"sightline/corpus"
	"sightline/dataset/world"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/internal/subtitle"
	"sightline/library"
	"sightline/moment"
	"sightline/search"
	"sightline/train"
)

// writeFilms renders the first test films of domain A into a folder, as sightline world does, and returns them.
func writeFilms(dir string, count int) ([]world.Film, error) {
	drawn := world.New(world.A, world.Options{Seed: corpus.DefaultSeed, Rho: world.DefaultRho, Extent: world.Extent{Moments: [3]int{0, 0, count}}})
	all := drawn.Moments[world.Test]
	for _, film := range all {
		var pixels bytes.Buffer
		for frame := range film.Frames() {
			pixels.Write(frame.RGB)
		}
		path := filepath.Join(dir, film.ID)
		cmd := exec.Command("ffmpeg", "-v", "error", "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", fmt.Sprintf("%dx%d", world.Side, world.Side),
			"-framerate", strconv.Itoa(world.FPS), "-i", "pipe:0", "-pix_fmt", "yuv420p", "-c:v", "mpeg4", "-q:v", "2", path+".mp4")
		cmd.Stdin = &pixels
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		if len(film.Cues) > 0 {
			if err := os.WriteFile(path+".srt", []byte(subtitle.SubRip(film.Cues)), 0o666); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func films(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: films FOLDER N")
	}
	count, err := strconv.Atoi(args[1])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	_, err = writeFilms(dir, count)
	ts.Check(err)
}

// freshMoments returns a moment model of the built-in encoder with fresh weights, and the bundle that it would be.
func freshMoments(e *engine.Engine, longest, rate float64) (*locate.Model, locate.Bundle, error) {
	tiny, err := tiny.Embedded(e)
	if err != nil {
		return nil, locate.Bundle{}, err
	}
	config, err := locate.Default("qacln")
	if err != nil {
		return nil, locate.Bundle{}, err
	}
	config.Video, config.Subtitle, config.Text = tiny.FrameDim(), tiny.WordDim(), tiny.WordDim()
	config.Hidden, config.Heads, config.Longest = 32, 4, longest
	model, err := locate.New(e, config, 1)
	return model, locate.Bundle{
		Name: "fresh", Config: config, Subtitle: tiny.ID(),
		Space: sightline.Space{Video: tiny.ID(), Text: tiny.ID(), Preprocess: tiny.Preprocess(), Sampling: corpus.Rate(rate).String()},
	}, err
}

func writeMomentModel(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 && len(args) != 3 {
		ts.Fatalf("usage: momentmodel FOLDER RATE [ENCODER]")
	}
	rate, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	e, err := engine.Open(engine.Default)
	ts.Check(err)
	model, bundle, err := freshMoments(e, 6, rate)
	ts.Check(err)
	if len(args) == 3 {
		bundle.Space.Video = sightline.ModelID{Name: args[2], Hash: "0123456789abcdef"}
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(dir), 0o777))
	_, err = locate.Save(dir, bundle.Name, model, bundle.Space, bundle.Subtitle)
	ts.Check(err)
}

// What the archive's corpus answers is what the model itself says of the same videos (train.Timed.Locate, locate.Model.Compare):
// the same spans in the same order, in all videos and in one.
func TestMomentsAgreeWithTheModel(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	const places = 10
	ctx, videos := t.Context(), t.TempDir()
	drawn, err := writeFilms(videos, 6)
	if err != nil {
		t.Fatal(err)
	}
	o := opener{engine: enginetest.Open(t), open: map[string]train.Encoders{}}
	o.Archive.Value = filepath.Join(t.TempDir(), "archive")
	serving, err := o.untrained(tiny.Name)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := library.Create(o.Archive.Value, library.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if _, err := archive.Add(ctx, serving.library(), library.AddOptions{}, videos); err != nil {
		t.Fatal(err)
	}
	window := moment.Window{Min: 1, Max: 7}
	located, bundle, err := freshMoments(o.engine, float64(window.Max-1), 1)
	if err != nil {
		t.Fatal(err)
	}
	m := momentModel{name: "fresh", locate: located, bundle: bundle, words: serving.encoders.Tiny}
	if behind, err := archive.CatchUp(ctx, m.library(), nil); err != nil || behind != 0 {
		t.Fatal(behind, err)
	}
	clips, err := moment.Open(archive.MomentsDir(m.library()), bundle.Space)
	if err != nil {
		t.Fatal(err)
	}
	defer clips.Close()
	rows := shelf{archive, serving}
	locator := search.Locator{Model: located, Words: m.words, Corpus: clips, Video: rows.Video}

	data := train.Timed{Set: world.FilmSet("films", drawn)}
	for _, film := range drawn {
		v, err := archive.Find(ctx, film.ID+".mp4")
		if err != nil {
			t.Fatal(err)
		}
		stored, err := rows.Rows(ctx, v.ID)
		if err != nil {
			t.Fatal(err)
		}
		cues, err := archive.Cues(ctx, v.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(cues) != len(film.Cues) {
			t.Errorf("%s: %d cues, the film has %d", film.ID, len(cues), len(film.Cues))
		}
		seen := search.Window(stored)
		if seen.Subtitle, err = align.Speech(ctx, m.words, stored.Spans, cues); err != nil {
			t.Fatal(err)
		}
		data.Videos = append(data.Videos, seen)
	}
	for _, caption := range data.Set.Captions {
		data.Texts = append(data.Texts, align.Sentence{Text: caption.Text})
	}
	if err := align.ReadWords(ctx, m.words, data.Texts); err != nil {
		t.Fatal(err)
	}
	want, err := data.Locate(ctx, located, places)
	if err != nil {
		t.Fatal(err)
	}
	for a, caption := range data.Set.Captions {
		own := data.Videos[caption.Video].ID
		weight := math.Exp(located.Config.Alpha * float64(want.Similarities.At(a, caption.Video)))
		for _, scope := range []struct {
			video  string
			want   []moment.Candidate
			weight float64 // of the scores of want
		}{{"", want.Corpus[a], 1}, {own, want.Own[a], weight}} {
			got, err := locator.Moments(ctx, search.MomentQuery{Query: sightline.Query{Text: caption.Text, Limit: places}, Video: scope.video})
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(scope.want) {
				t.Fatalf("%q in %q: %d moments, want %d", caption.Text, scope.video, len(got), len(scope.want))
			}
			for i, w := range scope.want {
				score, g := float64(w.Score)*scope.weight, got[i]
				if math.Abs(g.Score-score) > 1e-3*score {
					t.Errorf("%q in %q, place %d: score %v, want %v", caption.Text, scope.video, i+1, g.Score, score)
				}
				if g.Video.ID == data.Videos[w.Video].ID && g.Span == data.Span(w) {
					continue
				}
				tied := func(j int) bool {
					return j >= 0 && j < len(scope.want) && math.Abs(float64(scope.want[j].Score-w.Score)) < 1e-3*float64(w.Score)
				}
				if !tied(i-1) && !tied(i+1) && i+1 < places {
					t.Errorf("%q in %q, place %d: %v of %s, want %v of %s", caption.Text, scope.video, i+1, g.Span, g.Video.ID, data.Span(w), data.Videos[w.Video].ID)
				}
			}
		}
	}
}

// A strip is as high as the best row of each stretch of time, and its mark stands below the span.
func TestStrip(t *testing.T) {
	var curve []sightline.Moment
	for i, score := range []float64{-1, 0, 6, 6, 0, -1, -1, -1} {
		curve = append(curve, sightline.Moment{Span: sightline.Span{Start: float64(i), End: float64(i + 1)}, Score: score})
	}
	span := sightline.Span{Start: 2, End: 4}
	for width, want := range map[int][2]string{
		9: {"▁▂██▂▁▁▁", "  ▔▔"},
		5: {"▂█▂▁", " ▔"},
		2: {"█", "▔"},
	} {
		if drawn, mark := strip(curve, span, width); drawn != want[0] || mark != want[1] {
			t.Errorf("%d columns show %q and %q, want %q", width, drawn, mark, want)
		}
	}
	for i := range curve {
		curve[i].Score = 0.3
	}
	if drawn, _ := strip(curve, span, 9); drawn != "▁▁▁▁▁▁▁▁" {
		t.Errorf("a curve that is flat shows as %q", drawn)
	}
}
