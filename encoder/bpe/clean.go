package bpe

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// Clean returns text as OpenAI's tokenizer sees it: ftfy.fix_text, HTML entities decoded twice as Python's html.unescape
// does, every run of white space one space, none at the ends, lower case (full Unicode mapping, final sigma included).
//
// Of ftfy 6 it does, line by line and until nothing changes: HTML entities (on lines before the first "<"), terminal
// escapes, UTF-8 read as Latin-1 or Windows-1252, C1 controls meant as Windows-1252, Latin ligatures, half- and
// full-width forms, curly quotes, line breaks, control characters, NFC. It differs from ftfy in these: text misread in
// other code pages (Windows-1250 and -1251, ISO 8859-2, Mac Roman, CP 437) is left alone; so is misread text that lost
// bytes (a no-break space become a space, a character become U+FFFD); and the decision whether a sequence is misread
// rests on the rules of unmisread, which are simpler than ftfy's table. Bytes that are not UTF-8 become U+FFFD.
func Clean(text string) string {
	if plainASCII(text) {
		return strings.ToLower(collapse(text))
	}
	text = fixText(strings.ToValidUTF8(text, "\uFFFD"))
	text = unescapeHTML(unescapeHTML(text))
	return cases.Lower(language.Und).String(collapse(text))
}

// plainASCII tells whether text is printable ASCII or white space without a trace of an entity: nothing to repair.
func plainASCII(text string) bool {
	for i := range len(text) {
		if b := text[i]; b == '&' || b > '~' || b < ' ' && b != '\t' && b != '\n' {
			return false
		}
	}
	return true
}

// collapse makes every run of white space one space and drops those at the ends.
func collapse(text string) string { return strings.Join(strings.Fields(text), " ") }

// fixText repairs text line by line.
func fixText(text string) string {
	var fixed strings.Builder
	entities := true
	for line := range strings.Lines(text) {
		entities = entities && !strings.Contains(line, "<") // this is HTML: its entities are meant
		fixed.WriteString(fixLine(line, entities))
	}
	return fixed.String()
}

// maxRounds bounds the rounds of fixLine; each one undoes a layer of damage.
const maxRounds = 32

var escapeRE = regexp.MustCompile("\x1b\\[[0-9;]*[a-zA-Z]")

func fixLine(line string, entities bool) string {
	for range maxRounds {
		before := line
		if entities {
			line = fixEntities(line)
		}
		line = escapeRE.ReplaceAllString(line, "")
		line = unmisread(line)
		line = fixCharacters(line)
		line = norm.NFC.String(line)
		if line == before {
			break
		}
	}
	return line
}

// fixCharacters replaces and removes single characters.
func fixCharacters(text string) string {
	var fixed strings.Builder
	for _, r := range text {
		switch {
		case r >= 0x80 && r < 0xA0:
			fixed.WriteRune(windows1252(byte(r)))
		case ligatures[r] != "":
			fixed.WriteString(ligatures[r])
		case r == 0x3000:
			fixed.WriteByte(' ')
		case r > 0xFF00 && r < 0xFFF0:
			fixed.WriteString(norm.NFKC.String(string(r)))
		case r == 0x02BC || r >= 0x2018 && r <= 0x201B:
			fixed.WriteByte('\'')
		case r >= 0x201C && r <= 0x201F:
			fixed.WriteByte('"')
		case r == '\r' || r == 0x2028 || r == 0x2029:
			fixed.WriteByte('\n')
		case isUnwanted(r):
		default:
			fixed.WriteRune(r)
		}
	}
	return fixed.String()
}

// ligatures holds the Latin letters that are really two or three.
var ligatures = map[rune]string{
	'Ĳ': "IJ", 'ĳ': "ij", 'ŉ': "ʼn", 'Ǳ': "DZ", 'ǲ': "Dz", 'ǳ': "dz", 'Ǆ': "DŽ", 'ǅ': "Dž", 'ǆ': "dž",
	'Ǉ': "LJ", 'ǈ': "Lj", 'ǉ': "lj", 'Ǌ': "NJ", 'ǋ': "Nj", 'ǌ': "nj",
	'ﬀ': "ff", 'ﬁ': "fi", 'ﬂ': "fl", 'ﬃ': "ffi", 'ﬄ': "ffl", 'ﬅ': "ſt", 'ﬆ': "st",
}

// isUnwanted tells whether r is a control character without a use in text.
func isUnwanted(r rune) bool {
	return r < 0x09 || r == 0x0B || r >= 0x0E && r < 0x20 || r == 0x7F ||
		r >= 0x206A && r <= 0x206F || r == 0xFEFF || r >= 0xFFF9 && r <= 0xFFFC ||
		r >= 0x1D173 && r <= 0x1D17A || r >= 0xE0000 && r <= 0xE007F
}

var (
	entityRE = regexp.MustCompile(`&#?[0-9A-Za-z]{1,24};`)
	// charrefRE is what Python's html.unescape looks at.
	charrefRE = regexp.MustCompile(`&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)`)
)

// fixEntities decodes complete entities, and those of lower-case name that are written in capitals: &EACUTE; is É.
func fixEntities(text string) string {
	return entityRE.ReplaceAllStringFunc(text, func(entity string) string {
		decoded := unescapeHTML(entity)
		if decoded != entity && !strings.HasSuffix(decoded, ";") {
			return decoded
		}
		if lower := strings.ToLower(entity); decoded == entity && strings.ToUpper(entity) == entity {
			if decoded = html.UnescapeString(lower); !strings.HasSuffix(decoded, ";") {
				return strings.ToUpper(decoded)
			}
		}
		return entity
	})
}

// unescapeHTML is Python's html.unescape.
func unescapeHTML(text string) string {
	return charrefRE.ReplaceAllStringFunc(text, func(reference string) string {
		if reference[1] != '#' {
			return html.UnescapeString(reference) // one reference: the rules for names are the same
		}
		digits, base := strings.TrimSuffix(reference[2:], ";"), 10
		if digits[0] == 'x' || digits[0] == 'X' {
			digits, base = digits[1:], 16
		}
		code, err := strconv.ParseUint(digits, base, 31)
		switch r := rune(code); {
		case err != nil || r == 0 || r > unicode.MaxRune || r >= 0xD800 && r < 0xE000:
			return "\uFFFD"
		case r >= 0x80 && r < 0xA0:
			return string(windows1252(byte(r)))
		case r < 0x09 || r == 0x0B || r >= 0x0E && r < 0x20 || r == 0x7F || r >= 0xFDD0 && r < 0xFDF0 || r&0xFFFE == 0xFFFE:
			return ""
		default:
			return string(r)
		}
	})
}

// windowsC1 holds what Windows-1252 means by the bytes 0x80 to 0x9F; 0 where it means nothing.
var windowsC1 = [32]rune{
	'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
}

var windowsByte = func() map[rune]byte {
	m := map[rune]byte{}
	for i, r := range windowsC1 {
		if r != 0 {
			m[r] = byte(0x80 + i)
		}
	}
	return m
}()

// windows1252 returns the character of a byte; the five bytes that have none stand for themselves.
func windows1252(b byte) rune {
	if b >= 0x80 && b < 0xA0 && windowsC1[b-0x80] != 0 {
		return windowsC1[b-0x80]
	}
	return rune(b)
}

// byteOf returns the byte that was misread as r in Latin-1 or Windows-1252, and whether there is one beyond ASCII.
func byteOf(r rune) (byte, bool) {
	if r >= 0x80 && r <= 0xFF {
		return byte(r), true
	}
	b, ok := windowsByte[r]
	return b, ok
}

// unmisread decodes the stretches of text that are UTF-8 misread as Latin-1 or Windows-1252, as "Ã©" for "é", until
// there are none.
func unmisread(text string) string {
	for range maxRounds {
		fixed := unmisreadOnce([]rune(text))
		if fixed == text {
			break
		}
		text = fixed
	}
	return text
}

func unmisreadOnce(text []rune) string {
	var fixed strings.Builder
	for i := 0; i < len(text); {
		stretch := misread(text[i:])
		if len(stretch) > 0 && isMisread(text, i, stretch) {
			fixed.Write(stretch)
			i += len(stretch)
			continue
		}
		for range max(1, len(stretch)) {
			fixed.WriteRune(text[i])
			i++
		}
	}
	return fixed.String()
}

// misread returns the longest start of text that encodes to complete UTF-8 sequences beyond ASCII; a byte is a rune.
func misread(text []rune) []byte {
	var whole []byte
	for {
		var sequence []byte
		for _, r := range text[len(whole):min(len(whole)+utf8.UTFMax, len(text))] {
			b, ok := byteOf(r)
			if !ok {
				break
			}
			sequence = append(sequence, b)
		}
		r, size := utf8.DecodeRune(sequence)
		if r == utf8.RuneError && size <= 1 {
			return whole
		}
		whole = append(whole, sequence[:size]...)
	}
}

// isMisread judges whether the stretch of text at i, which happens to be valid UTF-8 when encoded, was UTF-8. Any of
// these tells: a C1 control; two sequences or more side by side; a sequence of four (ðŸ˜€); one that begins like
// misread punctuation and symbols (â€", Â©), an accented letter (Ã©), a byte order mark or full-width form (ï»¿); a
// capital right behind a lower-case letter, or with a symbol between it and one (Å¾lu). Brontë…”, AHÅ™, MARÇÃ» stay.
func isMisread(text []rune, i int, stretch []byte) bool {
	var before, after rune
	if i > 0 {
		before = text[i-1]
	}
	if i+len(stretch) < len(text) {
		after = text[i+len(stretch)]
	}
	if b, ok := byteOf(before); ok && b >= 0xC2 && b <= 0xF4 {
		return false
	}
	for _, r := range text[i : i+len(stretch)] {
		if r >= 0x80 && r < 0xA0 {
			return true
		}
	}
	_, first := utf8.DecodeRune(stretch)
	if len(stretch) > first || first == 4 {
		return true
	}
	switch lead, second := stretch[0], stretch[1]; {
	case unicode.IsUpper(text[i]) && (unicode.IsLower(before) || unicode.IsLower(after) && !unicode.IsPunct(text[i+1])):
		return true
	case lead == 0xC2:
		return true
	case lead == 0xC3: // a word in capitals may end in Ã before a closing quote
		closing := strings.ContainsRune("”’…»", text[i+1])
		return !(closing && unicode.IsUpper(before) && !unicode.IsLetter(after))
	case lead == 0xE2: // â before an ellipsis or a quote may be meant
		return second < 0xA0 && second != 0x85 && (second < 0x91 || second > 0x95)
	case lead == 0xEF:
		return second >= 0xBB && second <= 0xBD
	}
	return false
}
