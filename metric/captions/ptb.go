package captions

import (
	"slices"
	"strings"
)

// PTB splits captions as the evaluation server of MS COCO does: the tokens of Stanford's PTBTokenizer with -preserveLines
// -lowerCase (as of 2014-08-26), before punctuation is taken away. It is written from a description of that tokenizer's
// behaviour. The captions are one stream: whether a dot ends a sentence can depend on the first letter of the next caption.
//
// The rule with the longest match wins, what it must see ahead included, and the first of several as long. Characters
// outside Unicode's basic plane, emoji among them, are dropped: the tokenizer of 2014 does not know them. Different from
// it, as far as known: phone numbers with blanks inside are not one token, and rare abbreviations may be missing.
func PTB(captions []string) [][]string {
	var text strings.Builder
	for _, caption := range captions {
		text.WriteString(strings.Map(oneLine, caption))
		text.WriteByte('\n')
	}
	s := scanner{text: []rune(text.String())}
	lines := make([][]string, 0, len(captions))
	for s.at < len(s.text) {
		switch r := s.text[s.at]; {
		case r == '\n':
			lines = append(lines, s.tokens)
			s.tokens = nil
			s.at++
		case isSpace(r):
			s.at++
		default:
			s.next()
		}
	}
	return lines
}

// COCO returns the caption texts that COCO's scorers see: PTB's tokens without punctuation, with one blank between them.
func COCO(captions []string) []string {
	texts := make([]string, len(captions))
	for i, tokens := range PTB(captions) {
		texts[i] = strings.Join(slices.DeleteFunc(tokens, func(t string) bool { return slices.Contains(punctuation, t) }), " ")
	}
	return texts
}

// punctuation is what COCO takes away after lower-casing: -LRB- and its like are on its list in capitals, so -lrb- stays.
var punctuation = []string{"''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";"}

// oneLine makes ends of lines within a caption blanks.
func oneLine(r rune) rune {
	switch r {
	case '\n', '\r', '\v', '\f', '\u0085', '\u2028', '\u2029':
		return ' '
	}
	return r
}

// scanner stands at a character of the stream.
type scanner struct {
	text   []rune
	at     int
	tokens []string
}

// next takes the token, or the tokens, that begin here.
func (s *scanner) next() {
	rest := s.text[s.at:]
	if n := plainWord(rest); n > 0 {
		s.emit(string(rest[:n]))
		s.at += n
		return
	}
	var best found
	longest := 0
	for _, rule := range rules {
		if f := rule(rest); f.length+f.ahead > longest {
			best, longest = f, f.length+f.ahead
		}
	}
	if best.length == 0 {
		best = symbol(rest)
	}
	token := rest[:best.length]
	switch {
	case best.drop:
	case best.as != "":
		s.emit(best.as)
	case best.split > 0:
		s.emit(string(token[:best.split]))
		s.emit(string(token[best.split:]))
	default:
		s.emit(string(token))
	}
	if best.dot {
		s.emit(".")
	}
	s.at += best.length
}

func (s *scanner) emit(token string) {
	token = strings.Map(func(r rune) rune {
		if isApostrophe(r) {
			return '\''
		}
		return r
	}, token)
	s.tokens = append(s.tokens, strings.ToLower(token))
}

// plainWord returns the length of a word of lower-case ASCII letters before a blank that no rule but word's takes: nearly
// every word of a caption.
func plainWord(s []rune) int {
	n := 0
	for n < len(s) && s[n] >= 'a' && s[n] <= 'z' {
		n++
	}
	if n == len(s) || s[n] != ' ' && s[n] != '\n' || joined(s).length == n {
		return 0
	}
	return n
}
