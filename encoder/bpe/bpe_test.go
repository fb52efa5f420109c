package bpe

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sightline/internal/golden"
)

type testCase struct {
	Text    string  `json:"text"`
	Cleaned string  `json:"cleaned"`
	IDs     []int32 `json:"ids"`
}

func TestGoldenTokenizer(t *testing.T) {
	var file struct {
		Cases    []testCase `json:"cases"`
		LongText string     `json:"long_text"`
		Long32   []int32    `json:"long_32"`
	}
	golden.JSON(t, "retrieval", "tokenizer.json", &file)
	if len(file.Cases) == 0 || len(file.Long32) == 0 {
		t.Fatal("the golden file holds no cases")
	}
	for _, c := range file.Cases {
		if got := OpenAI().Encode(c.Text, 0); !slices.Equal(got, c.IDs) {
			t.Errorf("%q: ids %v, want %v", c.Text, got, c.IDs)
		}
	}
	if got := OpenAI().Encode(file.LongText, len(file.Long32)); !slices.Equal(got, file.Long32) {
		t.Errorf("%q cut to %d: ids %v, want %v", file.LongText, len(file.Long32), got, file.Long32)
	}
}

// The cases come from an implementation of its own, testdata/make_cases.py.
func TestUnicode(t *testing.T) {
	text, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []testCase `json:"cases"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		if got := Clean(c.Text); got != c.Cleaned {
			t.Errorf("%q is cleaned to %q, want %q", c.Text, got, c.Cleaned)
		}
		if got := OpenAI().Encode(c.Text, 0); !slices.Equal(got, c.IDs) {
			t.Errorf("%q: ids %v, want %v", c.Text, got, c.IDs)
		}
	}
}

// Examples from the documentation of ftfy.
func TestCleanRepairsMisreadText(t *testing.T) {
	for text, want := range map[string]string{
		"âœ” No problems": "✔ no problems",
		"The Mona Lisa doesnÃƒÂ¢Ã¢â€šÂ¬Ã¢â€žÂ¢t have eyebrows.": "the mona lisa doesn't have eyebrows.",
		"l’humanitÃ©":                            "l'humanité",
		"uÌˆnicode":                              "ünicode",
		"This text is sad .â\u0081”.":            "this text is sad .⁔.",
		"This text was never UTF-8 at all\u0085": "this text was never utf-8 at all…",
		"&macr;\\_(ã\u0083\u0084)_/&macr;":       "¯\\_(ツ)_/¯",
		"P&EACUTE;REZ":                           "pérez",
		"\ufeffParty like\nit&rsquo;s 1999!":     "party like it's 1999!",
		"This â€” should be an em dash":          "this — should be an em dash",
		"not such a fan of Charlotte Brontë…”":   `not such a fan of charlotte brontë…"`,
		"\xff\xfe broken bytes":                  "\uFFFD broken bytes",
		strings.Repeat("é", 50_000) + " a":       strings.Repeat("é", 50_000) + " a",
	} {
		if got := Clean(text); got != want {
			t.Errorf("%.60q is cleaned to %.60q, want %.60q", text, got, want)
		}
	}
}

func TestEncodeCutsButCloses(t *testing.T) {
	tokenizer := OpenAI()
	long := strings.Repeat("a dog ", 100)
	all := tokenizer.Encode(long, 0)
	if len(all) != 202 {
		t.Fatalf("%d ids, want 202", len(all))
	}
	for _, limit := range []int{2, 3, 32, 77, 201, 202, 500} {
		got := tokenizer.Encode(long, limit)
		want := min(limit, 202)
		if len(got) != want || got[len(got)-1] != tokenizer.End() || !slices.Equal(got[:want-1], all[:want-1]) {
			t.Errorf("limit %d: %d ids that end in %d, want %d that end in %d", limit, len(got), got[len(got)-1], want, tokenizer.End())
		}
	}
}

func TestTokensCoverTheText(t *testing.T) {
	cleaned, tokens := OpenAI().Tokens("The  antidisestablishmentarianism of naïve 😀s isn't <|endoftext|> 42!")
	var covered strings.Builder
	at := 0
	for _, token := range tokens {
		if token.Start < at || token.End <= token.Start || strings.Trim(cleaned[at:token.Start], " ") != "" {
			t.Fatalf("token %+v after byte %d of %q", token, at, cleaned)
		}
		covered.WriteString(cleaned[token.Start:token.End])
		at = token.End
	}
	if want := strings.ReplaceAll(cleaned, " ", ""); covered.String() != want {
		t.Errorf("tokens cover %q, want %q", covered.String(), want)
	}
	if cleaned[tokens[0].Start:tokens[0].End] != "the" {
		t.Errorf("first token covers %q", cleaned[tokens[0].Start:tokens[0].End])
	}
}

// vocabularyFiles returns CLIP's vocabulary in the three layouts of Hugging Face.
func vocabularyFiles(t *testing.T) (vocabulary, merges, tokenizer, tokenizerPairs []byte) {
	t.Helper()
	pairs, err := readOpenAI(openAIMerges)
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]string, len(pairs))
	for i, p := range pairs {
		lines[i] = p[0] + " " + p[1]
	}
	ids := OpenAI().ids
	encode := func(v any) []byte {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	model := map[string]any{"type": "BPE", "vocab": ids, "merges": lines}
	added := []map[string]any{{"id": 49406, "content": startName}, {"id": 49407, "content": endName}}
	tokenizer = encode(map[string]any{"added_tokens": added, "model": model})
	model["merges"] = pairs
	tokenizerPairs = encode(map[string]any{"added_tokens": added, "model": model})
	return encode(ids), []byte("#version: 0.2\n" + strings.Join(lines, "\n") + "\n"), tokenizer, tokenizerPairs
}

func TestOpenReadsEveryLayout(t *testing.T) {
	vocabulary, merges, tokenizer, tokenizerPairs := vocabularyFiles(t)
	const text = "A woman's bicycle: naïve & supercalifragilistic 2021!"
	want := OpenAI().Encode(text, 77)
	for name, files := range map[string]map[string][]byte{
		"vocab and merges": {"vocab.json": vocabulary, "merges.txt": merges},
		"tokenizer.json":   {"tokenizer.json": tokenizer},
		"pairs":            {"tokenizer.json": tokenizerPairs},
	} {
		folder := t.TempDir()
		for file, content := range files {
			if err := os.WriteFile(filepath.Join(folder, file), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		read, err := Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		if got := read.Encode(text, 77); !slices.Equal(got, want) || read.Size() != openAISize {
			t.Errorf("%s: ids %v of %d, want %v of %d", name, got, read.Size(), want, openAISize)
		}
	}
}

func TestOpenExplainsWhatIsWrong(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"tokenizer.json":    {},
		"merges.txt":        {"vocab.json": "{}"},
		"not a CLIP":        {"tokenizer.json": `{"model":{"vocab":{"a":1}}}`},
		"WordPiece":         {"tokenizer.json": `{"model":{"type":"WordPiece","vocab":{"a":1}}}`},
		"no vocabulary":     {"tokenizer.json": `{}`},
		"want two symbols":  {"vocab.json": "{}", "merges.txt": "#version\nabc\n"},
		"vocab.json: inval": {"vocab.json": "<html>", "merges.txt": ""},
	} {
		folder := t.TempDir()
		for file, content := range files {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Open(folder)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), folder) {
			t.Errorf("error %v, want one that names the folder and says %q", err, name)
		}
	}
}

func FuzzEncode(f *testing.F) {
	for _, seed := range []string{"a dog", "&amp;lt;3 Ã©", "â€™ ðŸ˜€ ＡＢ", "\x1b[0m\xff<|endoftext|>", "&#x110000;&NOTIT;", "ÌˆÌˆ"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cleaned, tokens := OpenAI().Tokens(text)
		if !utf8.ValidString(cleaned) {
			t.Errorf("%q is cleaned to %q, which is not UTF-8", text, cleaned)
		}
		at := 0
		for _, token := range tokens {
			if token.ID < 0 || token.ID >= openAISize || token.Start < at || token.End <= token.Start || token.End > len(cleaned) {
				t.Fatalf("%q: token %+v after byte %d of %d", text, token, at, len(cleaned))
			}
			at = token.End
		}
		if got := OpenAI().Encode(text, 77); len(got) > 77 || got[len(got)-1] != OpenAI().End() {
			t.Errorf("%q: %d ids that end in %d", text, len(got), got[len(got)-1])
		}
	})
}

func FuzzParseVocabulary(f *testing.F) {
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"a":1},"merges":["a b",["a","b"]]},"added_tokens":[{"id":1,"content":"x"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if read, err := parseTokenizerJSON(text); err == nil {
			read.Encode("a dog", 77)
		}
		if read, err := parseVocabulary(text, text); err == nil {
			read.Encode("a dog", 77)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	tokenizer := OpenAI()
	for b.Loop() {
		tokenizer.Encode("a woman in a red jacket is riding a bicycle down a snowy street while talking on the phone", 77)
	}
}
