package taco_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/taco"
	"sightline/align/taco/tagger"
	"sightline/encoder/wordpiece"
	"sightline/engine/enginetest"
)

// scratch returns a model that reads words of its own.
func scratch(t *testing.T) *taco.Model {
	t.Helper()
	c := small()
	words := taco.Lexicon{Tagger: tagger.List{}, Vocabulary: wordpiece.Learn(captions, 1)}
	c.Pieces, c.Sentence, c.Text = words.Vocabulary.Len(), 0, 0
	var err error
	if words.IDF, err = tagger.Count(tagger.List{}, captions); err != nil {
		t.Fatal(err)
	}
	m, err := taco.New(enginetest.Open(t), c, words, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A model that reads words of its own learns from texts alone, and is the same after a bundle.
func TestScratch(t *testing.T) {
	m := scratch(t)
	var batch align.Batch
	for i, caption := range captions {
		v := corpus(m.Config, rand.New(rand.NewPCG(3, 4))).Videos[i]
		batch.Videos, batch.Texts = append(batch.Videos, v), append(batch.Texts, align.Sentence{Text: caption})
	}
	out, parameters := step(t, m, batch, false, 5)
	if len(out) != 1+len(m.Watched())+len(parameters) || out[0][0] <= 0 {
		t.Errorf("%d outputs, loss %v", len(out), out[0][0])
	}
	dir := filepath.Join(t.TempDir(), "model")
	if _, err := taco.Save(dir, "scratch", m, sightline.Space{}); err != nil {
		t.Fatal(err)
	}
	back, b, err := taco.Open(m.Engine, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Accepts(sightline.ModelID{}, sightline.ModelID{Name: "any", Hash: "1"}, ""); err != nil {
		t.Errorf("the encoder of text matters to a model that has its own: %v", err)
	}
	texts, videos := encode(t, m, batch)
	again, rows := encode(t, back, batch)
	if got, want := score(t, back, again, rows).Sum(), score(t, m, texts, videos).Sum(); !slices.Equal(got.Data, want.Data) {
		t.Error("scores are others after a bundle")
	}
	if words := texts[0].Words; strings.Join(words[1:], " ") != "a man pours milk into the bowl" {
		t.Errorf("%q is read as %q", captions[0], words)
	}
	shallow := m.Config
	shallow.TextLayers = 0
	other := m.Config
	other.Pieces++
	for name, config := range map[string]taco.Config{"no layer": shallow, "another vocabulary": other} {
		if _, err := taco.New(m.Engine, config, m.Lexicon, 1); sightline.KindOf(err) != sightline.Usage {
			t.Errorf("%s gives %v", name, err)
		}
	}
}

// Texts that nobody wrote for a benchmark have finite scores and losses; what has no word of interest has no S2.
func TestOddTexts(t *testing.T) {
	long := strings.Repeat("man and the dog ran over the hill again ", 1112) // ten thousand words
	odd := map[string]bool{                                                  // whether a word tells something
		"": false, "   ": false, "of the in": false, "🎉🎉": false, "?!": false, "一个男人在切洋葱": true, long: true, "a\x00dog": true, "\xff\xfe": false,
	}
	for name, m := range map[string]*taco.Model{"an encoder's words": fresh(t, small()), "its own words": scratch(t)} {
		random := rand.New(rand.NewPCG(3, 4))
		videos := corpus(small(), random).Videos
		var batch align.Batch
		for text := range odd {
			batch.Videos, batch.Texts = append(batch.Videos, videos[len(batch.Texts)%len(videos)]), append(batch.Texts, read(small(), text, random))
		}
		out, _ := step(t, m, batch, true, 5)
		if loss := float64(out[0][0]); math.IsNaN(loss) || math.IsInf(loss, 0) {
			t.Errorf("%s: the loss is %v", name, loss)
		}
		texts, kept := encode(t, m, batch)
		scores := score(t, m, texts, kept)
		for a, text := range texts {
			if len(text.Words) > 1+m.Config.Words || len(text.Words) != len(text.Weights) || text.Rows.Rows != len(text.Words) {
				t.Errorf("%s: %.20q has %d words, %d weights, %d rows", name, text.Text, len(text.Words), len(text.Weights), text.Rows.Rows)
			}
			for n := range kept {
				if s2 := scores.Token.At(a, n); (s2 != 0) != odd[text.Text] {
					t.Errorf("%s: %.20q has S2 %v", name, text.Text, s2)
				}
				if _, err := taco.Explain(text, kept[n]); err != nil {
					t.Errorf("%s: %.20q: %v", name, text.Text, err)
				}
			}
		}
	}
}
