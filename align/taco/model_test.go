package taco_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/taco"
	"sightline/align/taco/tagger"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/engine/enginetest"
)

// small returns a small config, with features of three different widths.
func small() taco.Config {
	c := taco.Default()
	c.Video, c.Sentence, c.Text = 7, 5, 6
	c.Hidden, c.Heads, c.FeedForward, c.Clips, c.Words, c.Hard = 16, 4, 24, 9, 8, 3
	c.VideoLayers = 1
	return c
}

var captions = []string{
	"a man pours milk into the bowl", "the dog runs", "two women slice onions and stir them in a pan for a while", "of the",
	"", "🎉🎉", "一个男人在切洋葱", "a man's dog isn't barking", "a gymnast performs on the beam",
}

// read returns a caption with vectors of its words, whole ones.
func read(c taco.Config, text string, random *rand.Rand) align.Sentence {
	s := align.Sentence{Text: text, Read: text, Vector: engine.Normal(random, c.Sentence, 1)}
	at := 0
	for _, word := range strings.Fields(text) {
		at += strings.Index(text[at:], word)
		s.Offsets = append(s.Offsets, [2]int{at, at + len(word)})
		at += len(word)
	}
	if s.Offsets == nil {
		s.Offsets = [][2]int{{}}
	}
	s.Tokens = matrix(random, len(s.Offsets), c.Text)
	return s
}

func matrix(random *rand.Rand, rows, cols int) sightline.Matrix {
	return sightline.Matrix{Rows: rows, Cols: cols, Data: engine.Normal(random, rows*cols, 1)}
}

// corpus returns the captions with videos of different lengths, the longest longer than is read.
func corpus(c taco.Config, random *rand.Rand) align.Batch {
	var b align.Batch
	for i, caption := range captions {
		v := align.Video{ID: fmt.Sprint(i), Features: matrix(random, 1+(4*i)%(c.Clips+5), c.Video)}
		for l := range v.Features.Rows {
			v.Spans = append(v.Spans, sightline.Span{Start: float64(l), End: float64(l + 1)})
		}
		b.Videos, b.Texts = append(b.Videos, v), append(b.Texts, read(c, caption, random))
	}
	return b
}

// fresh returns a model whose parameters are away from zeros and ones, which could hide a mistake.
func fresh(t *testing.T, c taco.Config) *taco.Model {
	t.Helper()
	idf, err := tagger.Count(tagger.List{}, captions)
	if err != nil {
		t.Fatal(err)
	}
	m, err := taco.New(enginetest.Open(t), c, taco.Lexicon{Tagger: tagger.List{}, IDF: idf}, 1)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(7, 8))
	for _, name := range m.Weights.Names() {
		noise := engine.Normal(random, len(m.Weights.Float32s(name)), 0.3)
		m.Weights.Update(name, func(p []float32) {
			for i := range p {
				p[i] += noise[i]
			}
		})
	}
	return m
}

func encode(t *testing.T, m *taco.Model, b align.Batch) ([]taco.Text, []taco.Video) {
	t.Helper()
	texts, err := m.EncodeTexts(t.Context(), b.Texts)
	if err != nil {
		t.Fatal(err)
	}
	videos, err := m.EncodeVideos(t.Context(), b.Videos)
	if err != nil {
		t.Fatal(err)
	}
	return texts, videos
}

func score(t *testing.T, m *taco.Model, texts []taco.Text, videos []taco.Video) taco.Scores {
	t.Helper()
	scores, err := m.ScoreBlock(t.Context(), texts, videos)
	if err != nil {
		t.Fatal(err)
	}
	if err := scores.Sum().Finite(); err != nil {
		t.Fatal(err)
	}
	return scores
}

// near tells whether two numbers agree to a tolerance, relative to numbers above 1.
func near(got, want, tolerance float32) bool {
	d := math.Abs(float64(got) - float64(want))
	return d <= float64(tolerance)*max(1, math.Abs(float64(want)))
}

// Neither order nor company moves what is made of a video or a text, nor the score of a pair.
func TestCompanyMovesNothing(t *testing.T) {
	const tolerance = 4e-6 // batches of other sizes round otherwise
	c := small()
	m := fresh(t, c)
	all := corpus(c, rand.New(rand.NewPCG(3, 4)))
	texts, videos := encode(t, m, all)
	scores := score(t, m, texts, videos)
	for i := range all.Videos {
		alone, one := encode(t, m, align.Batch{Videos: all.Videos[i : i+1], Texts: all.Texts[i : i+1]})
		for what, pair := range map[string][2]sightline.Matrix{"text": {alone[0].Rows, texts[i].Rows}, "video": {one[0].Rows, videos[i].Rows}} {
			if pair[0].Rows != pair[1].Rows {
				t.Fatalf("%s %d has %d rows alone, %d in company", what, i, pair[0].Rows, pair[1].Rows)
			}
			for k, v := range pair[0].Data {
				if !near(v, pair[1].Data[k], tolerance) {
					t.Fatalf("%s %d alone: number %d is %v, in company %v", what, i, k, v, pair[1].Data[k])
				}
			}
		}
		own := score(t, m, alone, one)
		for part, pair := range map[string][2]sightline.Matrix{
			"S1": {own.Sentence, scores.Sentence}, "S2": {own.Token, scores.Token}, "S3": {own.Fusion, scores.Fusion},
		} {
			if !near(pair[0].At(0, 0), pair[1].At(i, i), tolerance) {
				t.Errorf("%s of pair %d is %v alone and %v in company", part, i, pair[0].At(0, 0), pair[1].At(i, i))
			}
		}
	}
	slices.Reverse(texts)
	slices.Reverse(videos)
	n, turned, sum := len(texts), score(t, m, texts, videos).Sum(), scores.Sum()
	for a := range n {
		for i := range n {
			if !near(turned.At(n-1-a, n-1-i), sum.At(a, i), tolerance) {
				t.Errorf("score of text %d and video %d is %v, in another order %v", a, i, sum.At(a, i), turned.At(n-1-a, n-1-i))
			}
		}
	}
}

// S1 and S2 are what their equations say of the stored rows, and Explain shows what S2 is made of.
func TestScoresAreThoseOfTheRows(t *testing.T) {
	for _, weighted := range []bool{false, true} {
		for _, average := range []bool{false, true} {
			c := small()
			c.Weighted, c.Average = weighted, average
			m := fresh(t, c)
			texts, videos := encode(t, m, corpus(c, rand.New(rand.NewPCG(3, 4))))
			scores := score(t, m, texts, videos)
			for a, text := range texts {
				for n, video := range videos {
					e, err := taco.Explain(text, video)
					if err != nil {
						t.Fatal(err)
					}
					var s1, s2, counted float64
					for q := range video.Rows.Rows {
						for d, y := range text.Rows.Row(0) {
							s1 += float64(y) * float64(video.Rows.Row(q)[d]) / float64(video.Rows.Rows)
						}
					}
					for p, w := range e.Weights {
						if !weighted && w > 0 {
							w = 1
						}
						s2, counted = s2+float64(w)*float64(slices.Max(e.Products.Row(p))), counted+float64(w)
						if e.Products.At(p, e.Best[p]) != slices.Max(e.Products.Row(p)) {
							t.Errorf("the best frame of word %q is not the best", e.Words[p])
						}
					}
					if average && counted > 0 {
						s2 /= counted
					}
					if !near(scores.Sentence.At(a, n), float32(s1), 1e-4) || !near(scores.Token.At(a, n), float32(s2), 1e-4) {
						t.Errorf("S1, S2 of %q and video %d are %v, %v, by their equations %v, %v", text.Text, n, scores.Sentence.At(a, n), scores.Token.At(a, n), s1, s2)
					}
				}
			}
		}
	}
}

// A sentence without a token of interest has S2 = 0, and every word of a sentence is named.
func TestSentencesWithoutTokensOfInterest(t *testing.T) {
	c := small()
	m := fresh(t, c)
	texts, videos := encode(t, m, corpus(c, rand.New(rand.NewPCG(3, 4))))
	scores := score(t, m, texts, videos)
	for a, text := range texts {
		none := slices.Max(text.Weights) == 0
		if want := slices.Contains([]string{"of the", "", "🎉🎉"}, text.Text); none != want {
			t.Errorf("%q has no token of interest: %v", text.Text, none)
		}
		if none && (slices.Max(scores.Token.Row(a)) != 0 || slices.Min(scores.Token.Row(a)) != 0) {
			t.Errorf("S2 of %q is %v", text.Text, scores.Token.Row(a))
		}
	}
	if got := texts[1].Words; !slices.Equal(got, []string{"", "the", "dog", "runs"}) {
		t.Errorf("the words read are %q", got)
	}
	long := read(c, strings.Repeat("the dog runs ", 3334), rand.New(rand.NewPCG(1, 1)))
	kept, err := m.EncodeTexts(t.Context(), []align.Sentence{long})
	if err != nil {
		t.Fatal(err)
	}
	if kept[0].Rows.Rows != 1+c.Words || kept[0].Rows.Finite() != nil || kept[0].Weights[2] == 0 {
		t.Errorf("of 10,002 words %d rows are kept (%v)", kept[0].Rows.Rows, kept[0].Rows.Finite())
	}
	if len(videos[2].Spans) != videos[2].Rows.Rows || videos[3].Rows.Rows != c.Clips || videos[3].Spans[c.Clips-1].Start != 12 {
		t.Errorf("of a video of 13 rows %d are kept, the last from %v", videos[3].Rows.Rows, videos[3].Spans)
	}
}

// Through a real encoder: odd sentences are compared like others, and pieces keep their places.
func TestThroughAnEncoder(t *testing.T) {
	e := enginetest.Open(t)
	encoder, err := tiny.Embedded(e)
	if err != nil {
		t.Fatal(err)
	}
	all := append([]string{strings.Repeat("the dog runs ", 3334)}, captions...)
	vectors, err := encoder.EncodeTexts(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	sentences := make([]align.Sentence, len(all))
	for i, text := range all {
		sentences[i] = align.Sentence{Text: text, Vector: vectors.Row(i)}
	}
	if err := align.ReadWords(t.Context(), encoder, sentences); err != nil {
		t.Fatal(err)
	}
	idf, err := tagger.Count(tagger.Prose{}, all)
	if err != nil {
		t.Fatal(err)
	}
	c := small()
	c.Sentence, c.Text = encoder.TextDim(), encoder.WordDim()
	m, err := taco.New(e, c, taco.Lexicon{Tagger: tagger.Prose{}, IDF: idf}, 1)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 1))
	batch := align.Batch{Texts: sentences}
	for i := range sentences {
		batch.Videos = append(batch.Videos, align.Video{ID: fmt.Sprint(i), Features: matrix(random, 4, c.Video)})
	}
	texts, videos := encode(t, m, batch)
	score(t, m, texts, videos)
	step(t, m, batch, false, 1)
	if got := texts[2]; got.Text != "the dog runs" || got.Weights[2] == 0 || got.Weights[1] != 0 || got.Words[2] != "dog" {
		t.Errorf("the words of %q are %q and weigh %v", got.Text, got.Words, got.Weights)
	}
}

// With all candidates a search is exact; with fewer it finds the best of these, and Lost counts the rest.
func TestSearchInTwoStages(t *testing.T) {
	c := small()
	m := fresh(t, c)
	texts, videos := encode(t, m, corpus(c, rand.New(rand.NewPCG(3, 4))))
	exact, first := score(t, m, texts, videos).Sum(), sightline.Matrix{}
	if parts, err := m.FirstScores(t.Context(), texts, videos); err != nil || parts.Fusion.Rows != 0 {
		t.Fatalf("the first stage fused (%v)", err)
	} else {
		first = parts.Sum()
	}
	for _, count := range []int{1, 3, len(videos), 100} {
		found, err := m.Search(t.Context(), texts, videos, count)
		if err != nil {
			t.Fatal(err)
		}
		lost := 0
		for a, list := range found {
			if len(list) != min(count, len(videos)) {
				t.Fatalf("%d videos found of %d asked for", len(list), count)
			}
			chosen := map[int]bool{}
			for i, f := range list {
				chosen[f.Video] = true
				if !near(f.Score, exact.At(a, f.Video), 1e-5) || i > 0 && f.Score > list[i-1].Score {
					t.Errorf("video %d at place %d has %v, exactly %v", f.Video, i, f.Score, exact.At(a, f.Video))
				}
			}
			for n := range videos {
				if !chosen[n] && first.At(a, n) > first.At(a, list[0].Video) && first.At(a, n) > first.At(a, list[len(list)-1].Video) {
					worse := slices.ContainsFunc(list, func(f taco.Found) bool { return first.At(a, f.Video) < first.At(a, n) })
					if worse {
						t.Errorf("video %d was passed over for text %d", n, a)
					}
				}
			}
			if best := slices.Max(exact.Row(a)); !chosen[slices.Index(exact.Row(a), best)] {
				lost++
			}
		}
		if got := taco.Lost(exact, found); got != float64(lost)/float64(len(texts)) || count >= len(videos) && got != 0 {
			t.Errorf("with %d candidates %v is lost, counted %d of %d", count, got, lost, len(texts))
		}
	}
	if _, err := m.Search(t.Context(), texts, videos, 0); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("a search for nothing gives %v", err)
	}
	alone := small()
	alone.L1, alone.L2, alone.Negatives = 0, 0, taco.Random
	blind := fresh(t, alone)
	if _, err := blind.Search(t.Context(), texts, videos, 2); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("a search in two stages without a first gives %v", err)
	}
	if _, err := blind.Search(t.Context(), texts, videos, len(videos)); err != nil {
		t.Error(err)
	}
}

func TestBundle(t *testing.T) {
	c := small()
	m := fresh(t, c)
	dir := filepath.Join(t.TempDir(), "model")
	video, text := sightline.ModelID{Name: "v", Hash: "1"}, sightline.ModelID{Name: "t", Hash: "2"}
	saved, err := taco.Save(dir, "trial", m, sightline.Space{Video: video, Text: text, Preprocess: "p", Sampling: "1fps"})
	if err != nil {
		t.Fatal(err)
	}
	if saved.Tagger != "list/1" {
		t.Errorf("the tagger is recorded as %q", saved.Tagger)
	}
	back, b, err := taco.Open(m.Engine, dir)
	if err != nil {
		t.Fatal(err)
	}
	batch := corpus(c, rand.New(rand.NewPCG(3, 4)))
	texts, videos := encode(t, m, batch)
	again, rows := encode(t, back, batch)
	if got, want := score(t, back, again, rows).Sum(), score(t, m, texts, videos).Sum(); !slices.Equal(got.Data, want.Data) {
		t.Error("scores are others after a bundle")
	}
	if err := b.Accepts(video, text, "p"); err != nil {
		t.Errorf("the model refuses its own encoders: %v", err)
	}
	if b.Accepts(text, text, "p") == nil || b.Accepts(video, video, "p") == nil {
		t.Error("the model takes the features of another encoder")
	}
	if _, err := taco.Save(dir, "trial", m, b.Space); err == nil {
		t.Error("a second model overwrote the first")
	}
	if kind, err := align.KindOf(dir); err != nil || kind != taco.Kind {
		t.Errorf("the folder holds a model of kind %q (%v)", kind, err)
	}
	if _, _, err := align.Open(m.Engine, dir); err == nil {
		t.Error("a TACo model opened as one of another kind")
	}
	words, err := os.ReadFile(filepath.Join(dir, "words.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "words.json"), append(words, ' '), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, err := taco.Open(m.Engine, dir); err == nil || !strings.Contains(err.Error(), "words.json has hash") {
		t.Errorf("changed word frequencies give %v", err)
	}
}

// A bundle keeps the tags that another program made, and what stands in for them.
func TestBundleKeepsTags(t *testing.T) {
	tags, err := tagger.ReadFile("tags.jsonl", strings.NewReader(`{"text": "the dog runs", "words": ["the", "dog", "runs"], "tags": ["DT", "NN", "VBZ"]}`))
	if err != nil {
		t.Fatal(err)
	}
	tags.Else = tagger.List{}
	idf, err := tagger.Count(tags, captions)
	if err != nil {
		t.Fatal(err)
	}
	m, err := taco.New(enginetest.Open(t), small(), taco.Lexicon{Tagger: tags, IDF: idf}, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "model")
	if _, err := taco.Save(dir, "tagged", m, sightline.Space{}); err != nil {
		t.Fatal(err)
	}
	back, _, err := taco.Open(m.Engine, dir)
	if err != nil || back.Tagger.ID() != tags.ID() {
		t.Fatalf("opened again: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tags.jsonl"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, err := taco.Open(m.Engine, dir); err == nil || !strings.Contains(err.Error(), tags.ID()) {
		t.Errorf("other tags give %v", err)
	}
}

func TestRefuses(t *testing.T) {
	idf, err := tagger.Count(tagger.List{}, captions)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*taco.Config){
		"heads that do not divide":   func(c *taco.Config) { c.Heads = 5 },
		"no width":                   func(c *taco.Config) { c.Sentence = 0 },
		"a temperature of zero":      func(c *taco.Config) { c.Tau2 = 0 },
		"no loss":                    func(c *taco.Config) { c.L1, c.L2, c.L3 = 0, 0, 0 },
		"a cascade of nothing":       func(c *taco.Config) { c.L1, c.L2 = 0, 0 },
		"no such negatives":          func(c *taco.Config) { c.Negatives = "soft" },
		"no such tokens":             func(c *taco.Config) { c.Tokens = "adverb" },
		"tokens L2 cannot have":      func(c *taco.Config) { c.L1, c.L3, c.Tokens = 0, 0, tagger.NoTokens },
		"nouns of a list":            func(c *taco.Config) { c.Tokens = tagger.Nouns },
		"a weight that is no number": func(c *taco.Config) { c.L3 = math.NaN() },
	} {
		c := small()
		change(&c)
		if _, err := taco.New(enginetest.Open(t), c, taco.Lexicon{Tagger: tagger.List{}, IDF: idf}, 1); sightline.KindOf(err) != sightline.Usage {
			t.Errorf("%s gives %v", name, err)
		}
	}
	c := small()
	if _, err := taco.New(enginetest.Open(t), c, taco.Lexicon{Tagger: nil, IDF: idf}, 1); sightline.TryOf(err) == "" {
		t.Errorf("no tagger gives %v", err)
	}
	if _, err := taco.New(enginetest.Open(t), c, taco.Lexicon{Tagger: tagger.List{}, IDF: tagger.IDF{}}, 1); sightline.TryOf(err) == "" {
		t.Errorf("no word frequencies give %v", err)
	}
	m := fresh(t, c)
	wider := c
	wider.Words++
	if _, err := taco.With(m.Engine, wider, m.Lexicon, m.Weights); err == nil {
		t.Error("weights of another width passed")
	}
	random := rand.New(rand.NewPCG(1, 1))
	for name, change := range map[string]func(*align.Sentence, *align.Video){
		"words of another width":    func(s *align.Sentence, _ *align.Video) { s.Tokens = matrix(random, s.Tokens.Rows, c.Text+1) },
		"a vector of another width": func(s *align.Sentence, _ *align.Video) { s.Vector = nil },
		"no words":                  func(s *align.Sentence, _ *align.Video) { s.Tokens = sightline.Matrix{} },
		"a word outside the text":   func(s *align.Sentence, _ *align.Video) { s.Offsets[0][1] = 1000 },
		"words without a place":     func(s *align.Sentence, _ *align.Video) { s.Offsets = nil },
		"words that are no number":  func(s *align.Sentence, _ *align.Video) { s.Tokens.Data[0] = float32(math.NaN()) },
		"no frames":                 func(_ *align.Sentence, v *align.Video) { v.Features = sightline.Matrix{} },
		"frames of another width":   func(_ *align.Sentence, v *align.Video) { v.Features = matrix(random, 3, c.Video+1) },
		"times of other frames":     func(_ *align.Sentence, v *align.Video) { v.Spans = v.Spans[:1] },
	} {
		text, video := read(c, captions[0], random), align.Video{ID: "v", Features: matrix(random, 3, c.Video), Spans: make([]sightline.Span, 3)}
		change(&text, &video)
		if _, err := m.Step(align.Batch{Videos: []align.Video{video}, Texts: []align.Sentence{text}}, false, random); err == nil {
			t.Errorf("%s passed", name)
		}
	}
	if _, err := m.Step(align.Batch{}, false, random); err == nil {
		t.Error("an empty batch was laid out")
	}
}
