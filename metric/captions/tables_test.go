package captions

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sightline"
)

// synsets are a few words in the layout of METEOR's english.synsets and english.exceptions.
const (
	synsets    = "person\n1\nsomeone\n1 7\nplane\n2\nairplane\n2\nopen\n5\nbig\n3\nlarge\n3\npresent\n4\ngift\n4\nsing\n6\n"
	exceptions = "sing\nsang sung\n"
)

func synonyms(t *testing.T) *Synonyms {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"english.synsets": synsets, "english.exceptions": exceptions} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	s, err := ReadSynonyms(filepath.Join(dir, "english.synsets"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The official program's statistics for these sentences, with its own tables; the words above are those that matter. In the
// second pair the stem match of opened and opening is lost, because their synonym match makes it one of two.
func TestSynonymsAlignAsTheOfficialProgram(t *testing.T) {
	m := &Meteor{Synonyms: synonyms(t)}
	if m.Name() != "METEOR-1.5[exact,stem,synonym]" {
		t.Errorf("METEOR is called %s", m.Name())
	}
	for _, c := range []struct {
		caption, reference string
		want               Alignment
	}{
		{"a person is folding a piece of paper to make a paper plane", "someone is making a paper airplane by folding a piece of paper",
			Alignment{13, 12, 6, 5, 4, 4, 4, 4, 1, 1, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 3, 11, 11}},
		{"a child opened her big present happily", "the child is opening a large gift",
			Alignment{7, 7, 2, 3, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 3, 4, 4}},
	} {
		if got := m.Align(strings.Fields(c.caption), strings.Fields(c.reference)); got != c.want {
			t.Errorf("%q and %q:\n     %v\nwant %v", c.caption, c.reference, got, c.want)
		}
	}
	if at := m.Synonyms.finder([]string{"she", "singing", "sings"})("sang"); len(at) != 2 {
		t.Errorf("sang finds %v of singing, sings", at)
	}
}

func TestParaphrasesMatchPhrases(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paraphrase-en.gz")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	packed := gzip.NewWriter(file)
	if _, err := packed.Write([]byte("0.5\nin front of\nbefore\n0.1\npassed away\ndied\n")); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := ReadParaphrases(path)
	if err != nil {
		t.Fatal(err)
	}
	m := &Meteor{Paraphrases: p, FunctionWords: map[string]bool{}}
	for _, c := range [][2]string{{"he died before me", "he passed away in front of me"}, {"he passed away in front of me", "he died before me"}} {
		a := m.Align(strings.Fields(c[0]), strings.Fields(c[1]))
		if a[matchesAt] != a[0] || a[matchesAt+1] != a[1] || a[chunksAt] != 1 {
			t.Errorf("%q is %v, want every word matched in one chunk", c, a)
		}
	}
}

func TestTablesRefuse(t *testing.T) {
	for name, read := range map[string]func(path string) error{
		"function words": func(path string) error { _, err := ReadFunctionWords(path); return err },
		"synonyms":       func(path string) error { _, err := ReadSynonyms(path); return err },
		"paraphrases":    func(path string) error { _, err := ReadParaphrases(path); return err },
	} {
		for _, text := range []string{"", "a b c\n", "a\nb\n", "word\n1 x\n", "\xff\n\xff\n\xff\n"} {
			if name == "function words" && text == "a\nb\n" {
				continue
			}
			err := read(writeFile(t, "table.synsets", text))
			if err == nil || sightline.TryOf(err) == "" {
				t.Errorf("%s from %q: %v", name, text, err)
			}
		}
		if err := read("absent"); err == nil {
			t.Errorf("%s were read from nothing", name)
		}
	}
	if err := func() error { _, err := ReadParaphrases(writeFile(t, "a.gz", "plain")); return err }(); err == nil {
		t.Error("plain text was unpacked")
	}
	words, err := ReadFunctionWords(writeFile(t, "english.words", "the\nOf\n"))
	if err != nil || !words["of"] || len(words) != 2 {
		t.Errorf("%v, %v", words, err)
	}
}

func FuzzScore(f *testing.F) {
	for _, seed := range []string{"A man's dog isn't here.", "'''' n't 'tis", "😀 一个 U.S. The", "a-b_c/d&e @x #y http://z", "\xff\x00’"} {
		f.Add(seed, "the U.S. man's running dogs", "a dog runs")
	}
	f.Fuzz(func(t *testing.T, caption, first, second string) {
		lines := PTB([]string{caption, first, second})
		if len(lines) != 3 {
			t.Fatalf("three captions became %d", len(lines))
		}
		for _, tokens := range lines {
			for _, token := range tokens {
				if token == "" || strings.ContainsAny(token, " \t\n") {
					t.Fatalf("%q has the token %q", caption, token)
				}
			}
		}
		if len(caption)+len(first)+len(second) > 5000 {
			return
		}
		for _, tokenizer := range []Tokenizer{PennTreebank, Whitespace} {
			score(t, []Item{{"a", caption, []string{first, second}}, {"b", second, []string{caption}}}, tokenizer)
		}
	})
}

func FuzzTables(f *testing.F) {
	f.Add("word\n1 2\n", "running")
	f.Add("0.1\nin front of\nbefore\n", "before")
	f.Fuzz(func(t *testing.T, table, word string) {
		path := writeFile(t, "english.synsets", table)
		if err := os.WriteFile(strings.TrimSuffix(path, "synsets")+"exceptions", []byte(table), 0o666); err != nil {
			t.Fatal(err)
		}
		m := Meteor{}
		m.Synonyms, _ = ReadSynonyms(path)
		m.Paraphrases, _ = ReadParaphrases(path)
		m.FunctionWords, _ = ReadFunctionWords(path)
		if s := m.Align(strings.Fields(word+" "+table), strings.Fields(table+" "+word)).Score(); !(s >= 0 && s <= 1+1e-9) {
			t.Errorf("METEOR is %v", s)
		}
	})
}
