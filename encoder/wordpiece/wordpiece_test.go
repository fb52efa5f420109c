package wordpiece

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sightline"
)

// small is a vocabulary as BERT's, with the pieces that the tests need.
func small(t testing.TB) *Vocabulary {
	t.Helper()
	v, err := Parse("[PAD]\n[unused0]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nman\nun\n##aff\n##able\n##a\nis\nrun\r\n##ning\n,\n!\ncafe\n中\n文\nwant\n##ed\n'\ns\nxa\n")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func pieces(v *Vocabulary, ids []int32) string {
	var list []string
	for _, id := range ids {
		list = append(list, v.Piece(id))
	}
	return strings.Join(list, " ")
}

// The cases are those of BERT's own tests and of its rules.
func TestEncode(t *testing.T) {
	v := small(t)
	for _, c := range []struct{ text, want string }{
		{"UNwant\u00E9d,running", "[UNK] , run ##ning"}, // un, and no ##want to follow it
		{"", ""},
		{" \t\n ", ""},
		{"unaffable", "un ##aff ##able"},
		{"unaffable!", "un ##aff ##able !"},
		{"A man is RUNNING", "a man is run ##ning"},
		{"wanted", "want ##ed"},
		{"café", "cafe"},
		{"cafe\u0301", "cafe"},
		{"a man's", "a man ' s"},
		{"中文 a", "中 文 a"},
		{"a中文a", "a 中 文 a"},
		{"ru\u200Bn", "run"}, // a control character inside a word
		{"a\x00man", "[UNK]"},
		{"[SEP] a [PAD]", "[UNK] [UNK] [UNK] a [UNK] [UNK] [UNK]"},
		{"a\u00A0man\u2028is", "a man is"},
		{"a \xff man", "a man"},
		{strings.Repeat("a", maxWord), "a" + strings.Repeat(" ##a", maxWord-1)},
		{strings.Repeat("a", maxWord+1), "[UNK]"},
		{"\u0301", ""}, // an accent on nothing
	} {
		ids, offsets := v.Encode(c.text)
		if got := pieces(v, ids); got != c.want {
			t.Errorf("%q gives %q, want %q", c.text, got, c.want)
		}
		if len(ids) != len(offsets) {
			t.Errorf("%q gives %d ids and %d offsets", c.text, len(ids), len(offsets))
		}
	}
}

func TestOffsetsAreOfTheOriginalText(t *testing.T) {
	v, text := small(t), "A  Cafe\u0301, unAFFable İs"
	_, offsets := v.Encode(text)
	var got []string
	for _, o := range offsets {
		got = append(got, text[o[0]:o[1]])
	}
	if want := []string{"A", "Cafe", ",", "un", "AFF", "able", "İs"}; !slices.Equal(got, want) {
		t.Errorf("offsets cut out %q, want %q", got, want)
	}
}

func TestDecode(t *testing.T) {
	v := small(t)
	for text, want := range map[string]string{
		"A man is running!": "a man is running !",
		"unaffable":         "unaffable",
		"":                  "",
		"qqq":               "[UNK]",
	} {
		ids, _ := v.Encode(text)
		if got := v.Decode(ids); got != want {
			t.Errorf("%q comes back as %q, want %q", text, got, want)
		}
	}
	continues, _ := v.Encode("unaffable")
	if got := v.Decode(continues[1:]); got != "affable" {
		t.Errorf("pieces without the head of their word read %q", got)
	}
}

func TestLearn(t *testing.T) {
	v := Learn([]string{"A dog runs.", "a dog sleeps", "a cat sleeps, a dog"}, 2)
	if got, want := v.String(), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\ndog\nsleeps\n"; got != want {
		t.Errorf("learned %q, want %q", got, want)
	}
	again, err := Parse(v.String())
	if err != nil || again.String() != v.String() || again.Unknown != 1 || again.End != 3 {
		t.Errorf("it reads back as %v, %v", again, err)
	}
	ids, _ := v.Encode("A dog barks")
	if got := v.Decode(ids); got != "a dog [UNK]" {
		t.Errorf("%q", got)
	}
	if !v.Special(v.Unknown) || v.Special(5) {
		t.Error("what is special was mistaken")
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"cased": "[PAD]\n[UNK]\n[CLS]\n[SEP]\nThe\n", "twice": "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\na\n", "without [SEP]": "[PAD]\n[UNK]\n[CLS]\na\n",
		"with an empty line": "[PAD]\n\n[UNK]\n[CLS]\n[SEP]\n", "empty": "", "not UTF-8": "[PAD]\n[UNK]\n[CLS]\n[SEP]\n\xff\n",
	} {
		path := filepath.Join(t.TempDir(), "vocab.txt")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || sightline.TryOf(err) == "" || !strings.Contains(err.Error(), path) {
			t.Errorf("a vocabulary that is %s gives %v", name, err)
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("A man's café, 中文 unaffable [SEP] ##a")
	f.Add("\xff\u0301İΣ\u200b")
	v := small(f)
	f.Fuzz(func(t *testing.T, text string) {
		ids, offsets := v.Encode(text)
		if len(ids) != len(offsets) {
			t.Fatalf("%d ids, %d offsets", len(ids), len(offsets))
		}
		last := 0
		for i, o := range offsets {
			if o[0] < 0 || o[1] > len(text) || o[0] >= o[1] || o[0] < last && o != offsets[i-1] {
				t.Fatalf("piece %d stands for %v of %d bytes, the one before ended at %d", i, o, len(text), last)
			}
			last = o[1]
			if v.Special(ids[i]) && ids[i] != v.Unknown {
				t.Fatalf("a text gave %s", v.Piece(ids[i]))
			}
		}
		back := v.Decode(ids)
		if !utf8.ValidString(back) {
			t.Fatalf("%q decodes to bytes that are not UTF-8", text)
		}
		if again, _ := v.Encode(back); !slices.Contains(ids, v.Unknown) && !slices.Equal(again, ids) {
			t.Fatalf("%q gives %q, which gives other pieces", text, back)
		}
		learned := Learn([]string{text}, 1)
		if own, _ := learned.Encode(text); slices.ContainsFunc(own, func(id int32) bool { return id == learned.Unknown && learned.Len() > 5 }) && !long(text) {
			t.Fatalf("a vocabulary does not know the words of %q that it was learned from", text)
		}
	})
}

// long tells whether a text has a word that is too long for any vocabulary.
func long(text string) bool {
	return slices.ContainsFunc(split(text), func(w word) bool { return len(w.at) > maxWord })
}

func FuzzParse(f *testing.F) {
	f.Add("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\n", "ab")
	f.Add("[SEP]\r\n[PAD]\n[UNK]\n[CLS]\n##\n", "##")
	f.Fuzz(func(t *testing.T, vocabulary, text string) {
		v, err := Parse(vocabulary)
		if err != nil {
			return
		}
		if again, err := Parse(v.String()); err != nil || again.String() != v.String() {
			t.Fatalf("%q is written as %q, which reads %v", vocabulary, v.String(), err)
		}
		ids, _ := v.Encode(text)
		v.Decode(ids)
		v.Decode([]int32{v.Padding, v.End, int32(v.Len() - 1)})
	})
}
