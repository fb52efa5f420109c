package tagger

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"sightline"
)

// said returns the tagged words of a text as word/tag.
func said(t *testing.T, tagger Tagger, text string) []string {
	t.Helper()
	words, err := tagger.Tag(text, len(text))
	if err != nil {
		t.Fatal(err)
	}
	checkWords(t, text, words)
	var all []string
	for _, w := range words {
		all = append(all, text[w.Start:w.End]+"/"+w.Tag)
	}
	return all
}

// checkWords fails unless words lie in the text, in order, and do not overlap.
func checkWords(t *testing.T, text string, words []Word) {
	t.Helper()
	at := 0
	for _, w := range words {
		if w.Start < at || w.End <= w.Start || w.End > len(text) {
			t.Fatalf("words of %q: %v", text, words)
		}
		at = w.End
	}
}

func TestTaggers(t *testing.T) {
	for _, c := range []struct {
		tagger Tagger
		text   string
		want   string
	}{
		{Prose{}, "a man is slicing onions", "a/DT man/NN is/VBZ slicing/VBG onions/NNS"},
		{Prose{}, "the dog doesn’t bark", "the/DT dog/NN does/VBZ n’t/RB bark/VB"},
		{List{}, "A man's dog, well-fed, isn't in the pan", "A/DT man's/CONTENT dog/CONTENT well-fed/CONTENT isn't/VB in/IN the/DT pan/CONTENT"},
		{List{}, "--a' 'b-- ❤️c\xff\xffd", "a/DT b/CONTENT c/CONTENT d/CONTENT"},
		{List{}, "一个男人在切洋葱", "一个男人在切洋葱/CONTENT"},
		{List{}, " 🎉 ", ""},
	} {
		if got := strings.Join(said(t, c.tagger, c.text), " "); got != c.want {
			t.Errorf("%s takes %q for %s, want %s", c.tagger.ID(), c.text, got, c.want)
		}
	}
}

// Whatever a text is, its words lie in it and its weights are numbers.
func TestOddTexts(t *testing.T) {
	for _, text := range []string{
		"", " ", "\t\n", "of the", "🎉🎉", "👩‍👩‍👧 runs", "一个男人在切洋葱", "don&rsquo;t stop", "’s", "'s", "can’t", "\xff\xfe", "a\xffb",
		"(((((", "-", "$5 http://a.b a@b.c @x", strings.Repeat("the dog runs ", 3334), strings.Repeat("x", 5000),
	} {
		for _, tagger := range []Tagger{Prose{}, List{}} {
			words, err := tagger.Tag(text, len(text))
			if err != nil {
				t.Fatal(err)
			}
			checkWords(t, text, words)
			idf, err := Count(tagger, []string{text, "a dog"})
			if err != nil {
				t.Fatal(err)
			}
			weights, err := Weights(tagger, NounsVerbs, idf, text, [][2]int{{0, len(text)}, {}, {len(text) / 2, len(text)}})
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range weights {
				if math.IsNaN(float64(w)) || math.IsInf(float64(w), 0) || w < 0 {
					t.Errorf("%s gives %.40q the weight %v", tagger.ID(), text, w)
				}
			}
		}
	}
}

// Pieces share their word's weight, however the encoder cuts words.
func TestPiecesShareTheirWordsWeight(t *testing.T) {
	text := "a man's dogs don't bark!"
	idf := IDF{Captions: 10, Counts: map[string]int{"man": 5, "dogs": 2, "bark": 1}}
	tokens := [][2]int{{0, 1}, {2, 5}, {5, 7}, {8, 10}, {10, 12}, {13, 15}, {15, 18}, {19, 21}, {21, 23}, {23, 24}, {0, 0}}
	got, err := Weights(Prose{}, Nouns, idf, text, tokens)
	if err != nil {
		t.Fatal(err)
	}
	man, dogs := float32(math.Log(2)), float32(math.Log(5))
	if got[1] != man || got[3] != dogs || got[4] != dogs || got[0] != 0 || got[9] != 0 || got[10] != 0 {
		t.Errorf("weights of %q are %v", text, got)
	}
	cut, err := Weights(List{}, NounsVerbs, idf, "dogs bark", [][2]int{{0, 4}, {5, 7}})
	if err != nil {
		t.Fatal(err)
	}
	if cut[1] != float32(idf.Of("bark")) {
		t.Errorf("a word of which one piece was read weighs %v, want %v", cut[1], idf.Of("bark"))
	}
}

func TestSets(t *testing.T) {
	for set, want := range map[Set]string{NoTokens: "", Function: "DT IN", Nouns: "NN", Verbs: "VBZ", NounsVerbs: "NN VBZ"} {
		var got []string
		for _, tag := range []string{"DT", "IN", "JJ", "NN", "VBZ", "."} {
			if set.Has(tag) {
				got = append(got, tag)
			}
		}
		if strings.Join(got, " ") != want || set.Check() != nil {
			t.Errorf("%s has %v", set, got)
		}
	}
	if Set("adverb").Check() == nil {
		t.Error("there is a set of adverbs")
	}
	if Nouns.Suits(List{}) == nil || NounsVerbs.Suits(List{}) != nil || Nouns.Suits(Prose{}) != nil {
		t.Error("a list tells nouns from verbs, or prose does not")
	}
	for _, tagger := range []Tagger{Prose{}, List{}} {
		if Known(tagger.ID()) != tagger {
			t.Errorf("%s is not known", tagger.ID())
		}
	}
	if Known("file/0") != nil {
		t.Error("a file is known")
	}
}

const tags = `{"text": "A man's dog barks", "words": ["a", "man", "'s", "dog", "barks"], "tags": ["DT", "NN", "POS", "NN", "VBZ"]}

{"text": "run", "words": ["run"], "tags": ["VERB"]}
`

func TestFile(t *testing.T) {
	f, err := ReadFile("tags.jsonl", strings.NewReader(tags))
	if err != nil {
		t.Fatal(err)
	}
	if got := said(t, f, " a  man's dog barks"); !slices.Equal(got, []string{"a/DT", "man/NN", "'s/POS", "dog/NN", "barks/VBZ"}) {
		t.Errorf("words are %v", got)
	}
	if words, err := f.Tag("a man's dog barks", 4); err != nil || len(words) != 2 {
		t.Errorf("the words of four bytes are %v (%v)", words, err)
	}
	if _, err := f.Tag("a cat", 5); sightline.TryOf(err) == "" {
		t.Errorf("a text that the file lacks gives %v", err)
	}
	id := f.ID()
	f.Else = List{}
	if got := said(t, f, "a cat"); !slices.Equal(got, []string{"a/DT", "cat/CONTENT"}) || f.ID() == id || f.Separates() {
		t.Errorf("words are %v", got)
	}
	for name, text := range map[string]string{
		"no JSON":         "a dog/NN",
		"too few tags":    `{"text": "a dog", "words": ["a", "dog"], "tags": ["DT"]}`,
		"other words":     `{"text": "a dog", "words": ["a", "cat"], "tags": ["DT", "NN"]}`,
		"words left out":  `{"text": "a big dog", "words": ["a", "dog"], "tags": ["DT", "NN"]}`,
		"an empty word":   `{"text": "dog", "words": ["", "dog"], "tags": ["DT", "NN"]}`,
		"a contradiction": `{"text": "Run", "words": ["Run"], "tags": ["NN"]}`,
	} {
		_, err := ReadFile("tags.jsonl", strings.NewReader(tags+text))
		if err == nil || !strings.Contains(err.Error(), "tags.jsonl:4") {
			t.Errorf("%s gives %v", name, err)
		}
	}
}

func TestIDFRoundTrip(t *testing.T) {
	f, err := Count(List{}, []string{"the dog, the dog", "a dog runs", "Runs"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ReadIDF(text)
	if err != nil {
		t.Fatal(err)
	}
	for word, count := range map[string]int{"dog": 2, "DOG": 2, "runs": 2, "the": 1, "unheard": 1} {
		if got, want := back.Of(word), math.Log(3/float64(count)); got != want {
			t.Errorf("idf of %s is %v, want %v", word, got, want)
		}
	}
	for _, bad := range []string{`{}`, `{"captions": 2, "counts": {"a": 3}}`, `{"captions": 2, "counts": {"a": 0}}`, `[]`} {
		if _, err := ReadIDF([]byte(bad)); err == nil {
			t.Errorf("%s passed", bad)
		}
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add(tags)
	f.Add(`{"text": "ſ K", "words": ["s", "k"], "tags": ["NN", "NN"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		file, err := ReadFile("tags.jsonl", strings.NewReader(text))
		if err != nil {
			return
		}
		for _, l := range file.tagged {
			words, err := file.Tag(l.Text, len(l.Text))
			if err != nil || len(words) != len(l.Words) {
				t.Fatalf("%d of %d words of %q (%v)", len(words), len(l.Words), l.Text, err)
			}
			checkWords(t, l.Text, words)
		}
	})
}

func FuzzReadIDF(f *testing.F) {
	f.Add([]byte(`{"captions": 2, "counts": {"a": 1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		idf, err := ReadIDF(text)
		if err != nil {
			return
		}
		for word := range idf.Counts {
			if v := idf.Of(word); math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
				t.Fatal(fmt.Sprint(word, v))
			}
		}
	})
}

// Any text, cut anywhere, is tagged within its bounds by every tagger.
func FuzzTag(f *testing.F) {
	for _, text := range []string{"a man's dog doesn’t bark!", "&rsquo;s", "\xe2\x80", "(-8 ¯\\(ツ)/¯"} {
		f.Add(text, len(text))
	}
	f.Fuzz(func(t *testing.T, text string, end int) {
		end = max(0, min(end, len(text)))
		for _, tagger := range []Tagger{Prose{}, List{}} {
			words, err := tagger.Tag(text, end)
			if err != nil {
				t.Fatal(err)
			}
			checkWords(t, text[:end], words)
		}
	})
}
