package wordpiece

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxWord is how many characters a word may have and still be cut into pieces, as in BERT.
const maxWord = 100

// word is a word of a text as the vocabulary knows it: in lower case, without accents.
type word struct {
	text string
	at   [][2]int // for each of its characters, which bytes of the original text it comes from
}

// split returns the words of a text by BERT's rules: control characters are dropped, white space parts words, every
// punctuation mark and every Chinese character is a word of its own; the rest is in lower case, with accents taken off. A
// capital sigma at the end of a word becomes σ, where BERT has ς.
func split(text string) []word {
	var words []word
	var b strings.Builder
	var at [][2]int
	flush := func() {
		if len(at) > 0 {
			words = append(words, word{b.String(), at})
		}
		b.Reset()
		at = nil
	}
	for i, r := range text {
		size := len(string(r))
		switch {
		case r == unicode.ReplacementChar, r == 0, isControl(r): // what is not UTF-8 is read as replacement characters
			continue
		case isSpace(r):
			flush()
			continue
		case isChinese(r):
			flush()
			b.WriteRune(r)
			at = append(at, [2]int{i, i + size})
			flush()
			continue
		}
		for _, plain := range norm.NFD.String(strings.ToLower(string(r))) {
			if unicode.Is(unicode.Mn, plain) {
				continue
			}
			alone := isPunctuation(plain)
			if alone {
				flush()
			}
			b.WriteRune(plain)
			at = append(at, [2]int{i, i + size})
			if alone {
				flush()
			}
		}
	}
	flush()
	return words
}

func isSpace(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || unicode.In(r, unicode.Zs, unicode.Zl, unicode.Zp)
}

func isControl(r rune) bool { return unicode.Is(unicode.C, r) && !isSpace(r) }

// isPunctuation counts all ASCII signs that are no letters and no digits, as BERT does, not only what Unicode calls
// punctuation.
func isPunctuation(r rune) bool {
	if r < unicode.MaxASCII {
		return r > ' ' && !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}
	return unicode.IsPunct(r)
}

// isChinese tells whether a character is in one of the blocks of CJK ideographs that BERT parts.
func isChinese(r rune) bool {
	for _, block := range [...][2]rune{
		{0x4E00, 0x9FFF}, {0x3400, 0x4DBF}, {0xF900, 0xFAFF},
		{0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B820, 0x2CEAF}, {0x2F800, 0x2FA1F},
	} {
		if r >= block[0] && r <= block[1] {
			return true
		}
	}
	return false
}
