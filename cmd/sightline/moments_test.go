package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	all := drawFilms(world.Extent{Moments: [3]int{0, 0, count}}).Moments[world.Test]
	return all, renderFilms(dir, all)
}

// drawFilms draws domain A in a size.
func drawFilms(extent world.Extent) world.Corpus {
	return world.New(world.A, world.Options{Seed: corpus.DefaultSeed, Rho: world.DefaultRho, Extent: extent})
}

// renderFilms writes films and their subtitles into a folder.
func renderFilms(dir string, all []world.Film) error {
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
			return fmt.Errorf("%w: %s", err, out)
		}
		if len(film.Cues) > 0 {
			if err := os.WriteFile(path+".srt", []byte(subtitle.SubRip(film.Cues)), 0o666); err != nil {
				return err
			}
		}
	}
	return nil
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

// filmArchive is an archive of a few films of the rendered world.
type filmArchive struct {
	*library.Archive
	opener  opener
	serving model
	films   []world.Film
	ids     []string // of the films
}

func newFilmArchive(t *testing.T) filmArchive {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	a, videos := filmArchive{opener: opener{engine: enginetest.Open(t), open: map[string]train.Encoders{}}}, t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	a.films, err = writeFilms(videos, 6)
	must(err)
	a.serving, err = a.opener.untrained(tiny.Name)
	must(err)
	a.Archive, err = library.Create(filepath.Join(t.TempDir(), "archive"), library.Settings{})
	must(err)
	t.Cleanup(func() { a.Close() })
	_, err = a.Add(t.Context(), a.serving.library(), library.AddOptions{}, videos)
	must(err)
	for _, film := range a.films {
		v, err := a.Find(t.Context(), film.ID+".mp4")
		must(err)
		a.ids = append(a.ids, v.ID)
	}
	return a
}

func TestMomentsOfFilms(t *testing.T) {
	a := newFilmArchive(t)
	t.Run("untrained", a.findEvents)
	t.Run("trained", a.agree)
}

// findEvents asks for every event that a film shows, without a moment model. How often the first answer is the event, half
// overlapped at least, changes with the encoder, the proposals and the ranking; it shall not change unseen.
func (a filmArchive) findEvents(t *testing.T) {
	ctx := t.Context()
	reader, _, err := a.OpenIndex(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	searcher := search.Searcher{Model: a.serving.align, Texts: a.serving.encoders.Texts, Index: reader, Archive: shelf{a.Archive, a.serving}}
	asked, first, ten := 0, 0, 0
	for i, film := range a.films {
		for _, q := range film.Queries {
			if q.Kind != "v" {
				continue
			}
			found, err := searcher.Moments(ctx, search.MomentQuery{Query: sightline.Query{Text: q.Text, Limit: 10}})
			if err != nil {
				t.Fatal(err)
			}
			asked++
			at := slices.IndexFunc(found, func(m search.Moment) bool { return m.Video.ID == a.ids[i] && m.Span.IoU(q.Span) >= 0.5 })
			if at == 0 {
				first++
			}
			if at >= 0 {
				ten++
			}
		}
	}
	t.Logf("of %d events %d come first, %d among ten", asked, first, ten)
	if first < 11 || ten < 12 { // 12 and 13, and one for another ffmpeg or backend
		t.Errorf("of %d events %d come first and %d among ten; 12 and 13 did", asked, first, ten)
	}
}

// agree compares what the archive's corpus answers with what the model itself says of the same videos (train.Timed.Locate,
// locate.Model.Compare): the same spans in the same order, in all videos and in one.
func (a filmArchive) agree(t *testing.T) {
	const places = 10
	ctx, archive, serving := t.Context(), a.Archive, a.serving
	window := moment.Window{Min: 1, Max: 7}
	located, bundle, err := freshMoments(a.opener.engine, float64(window.Max-1), 1)
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

	data := train.Timed{Set: world.FilmSet("films", a.films)}
	for i, film := range a.films {
		stored, err := rows.Rows(ctx, a.ids[i])
		if err != nil {
			t.Fatal(err)
		}
		cues, err := archive.Cues(ctx, a.ids[i])
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
	for n, caption := range data.Set.Captions {
		own := data.Videos[caption.Video].ID
		weight := math.Exp(located.Config.Alpha * float64(want.Similarities.At(n, caption.Video)))
		for _, scope := range []struct {
			video  string
			want   []moment.Candidate
			weight float64 // of the scores of want
		}{{"", want.Corpus[n], 1}, {own, want.Own[n], weight}} {
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
