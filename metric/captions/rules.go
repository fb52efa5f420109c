package captions

import (
	"slices"
	"strings"
	"unicode"
)

// found is what a rule takes.
type found struct {
	length int    // characters of the token; 0 where the rule does not apply
	ahead  int    // characters after it that the rule needs to see
	split  int    // where the token is cut in two; 0 for nowhere
	as     string // what stands for the token; "" for itself
	dot    bool   // a full stop follows that the text does not have: the token's own dot ends the sentence too
	drop   bool   // no token
}

// rules are tried in this order; each sees the text from where a token begins up to its end, which is a '\n'.
var rules = []func(s []rune) found{
	joined, cutWord, word, clitic, apostropheWord, elision,
	url, mail, handle, date, fraction, phone, number, currency,
	acronym, abbreviation, beforeComma, compound, slashed, ampersand,
	ellipsis, dash, quote, bracket, exclamation,
}

func isSpace(r rune) bool      { return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' }
func isApostrophe(r rune) bool { return r == '\'' || r == '\u2019' || r == '\u2018' || r == '\u201b' }
func isDigit(r rune) bool      { return unicode.IsDigit(r) }
func isLetter(r rune) bool     { return r <= 0xFFFF && (unicode.IsLetter(r) || unicode.IsMark(r)) }
func isWord(r rune) bool       { return isLetter(r) || isDigit(r) }
func isCapital(r rune) bool    { return r >= 'A' && r <= 'Z' }
func isASCIILetter(r rune) bool {
	return r >= 'a' && r <= 'z' || isCapital(r)
}

// run returns how many characters from i on are of a kind, at most limit (0 for no limit).
func run(s []rune, i int, kind func(rune) bool, limit int) int {
	n := 0
	for i+n < len(s) && (limit == 0 || n < limit) && kind(s[i+n]) {
		n++
	}
	return n
}

// begins reports whether the text from i on begins with a lower-case prefix, in whatever case.
func begins(s []rune, i int, prefix string) bool {
	for _, p := range prefix {
		if i >= len(s) || unicode.ToLower(s[i]) != p && !(p == '\'' && isApostrophe(s[i])) {
			return false
		}
		i++
	}
	return true
}

// joined takes two words that are written as one: can|not, gon|na, 't|is.
func joined(s []rune) found {
	for _, w := range []string{"cannot", "gonna", "gotta", "lemme", "gimme", "wanna"} {
		if begins(s, 0, w) {
			return found{length: len(w), split: 3}
		}
	}
	for _, w := range []string{"'tis", "'twas"} {
		if begins(s, 0, w) {
			return found{length: len(w), split: 2}
		}
	}
	return found{}
}

// wordLength returns the length of the word that begins at i: letters and digits, with . ! ? between letters.
func wordLength(s []rune, i int) int {
	n := run(s, i, isWord, 0)
	for n > 0 && i+n+1 < len(s) && strings.ContainsRune(".!?", s[i+n]) && isLetter(s[i+n-1]) && isLetter(s[i+n+1]) {
		n += 1 + run(s, i+n+1, isWord, 0)
	}
	return n
}

func word(s []rune) found { return found{length: wordLength(s, 0)} }

// cliticLength returns the length of 's, 'm, 'd, 're, 've or 'll at i.
func cliticLength(s []rune, i int) int {
	for _, c := range []string{"'re", "'ve", "'ll", "'s", "'m", "'d"} {
		if begins(s, i, c) {
			return len(c)
		}
	}
	return 0
}

// cutWord takes a word before its clitic: dog|'s, is|n't.
func cutWord(s []rune) found {
	n := wordLength(s, 0)
	if n >= 2 && begins(s, n-1, "n't") && unicode.ToLower(s[n-2]) != 'n' {
		return found{length: n - 1, ahead: 3}
	}
	if c := cliticLength(s, n); n > 0 && c > 0 {
		return found{length: n, ahead: c}
	}
	return found{}
}

// clitic takes 's, n't and their like by themselves, before anything but a letter.
func clitic(s []rune) found {
	n := cliticLength(s, 0)
	if begins(s, 0, "n't") {
		n = 3
	}
	if n > 0 && n < len(s) && !isASCIILetter(s[n]) {
		return found{length: n, ahead: 1}
	}
	return found{}
}

// apostropheWords are words with an apostrophe at an end or inside.
var apostropheWords = []string{"'n'", "'n", "'em", "ol'", "'till", "'til", "'cause", "cont'd", "c'mon", "li'l", "e'er", "ev'ry", "nat'l", "o'o"}

// apostropheWord takes them, and decades: '90s.
func apostropheWord(s []rune) found {
	longest := 0
	for _, w := range apostropheWords {
		if len(w) > longest && begins(s, 0, w) {
			longest = len(w)
		}
	}
	if longest == 0 && len(s) > 3 && isApostrophe(s[0]) && s[1] >= '2' && s[1] <= '9' && begins(s, 2, "0s") {
		longest = 4
	}
	return found{length: longest}
}

// elision takes d'accord, l'oreal, o'clock, and names such as O'Brien or Ja'afar: letters up to a vowel, an apostrophe, a
// vowel or capital and more letters.
func elision(s []rune) found {
	n := 0
	if len(s) > 2 && strings.ContainsRune("dDlLoO", s[0]) && isApostrophe(s[1]) && isLetter(s[2]) {
		n = 2 + run(s, 2, isWord, 0)
	}
	if k := run(s, 0, isASCIILetter, 0); k > 0 && k+1 < len(s) && isApostrophe(s[k]) && strings.ContainsRune("aeiouyAEIOUY", s[k-1]) &&
		(isCapital(s[k+1]) || strings.ContainsRune("aeiou", s[k+1])) {
		n = max(n, k+1+run(s, k+1, isASCIILetter, 0))
	}
	return found{length: n}
}

func isLinkRune(r rune) bool { return !isSpace(r) && !strings.ContainsRune(`"<>|()`, r) }

// trimEnd shortens a link by what more likely ends the sentence.
func trimEnd(s []rune, n int) int {
	for n > 0 && strings.ContainsRune(".!?,:;'-{}", s[n-1]) {
		n--
	}
	return n
}

// url takes addresses: with a scheme, from www on, or a host in com, net, org or edu.
func url(s []rune) found {
	for _, scheme := range []string{"http://", "https://"} {
		if begins(s, 0, scheme) {
			if n := trimEnd(s, run(s, 0, isLinkRune, 0)); n > len(scheme) {
				return found{length: n}
			}
		}
	}
	host := run(s, 0, func(r rune) bool { return isWord(r) || r == '-' || r == '.' }, 0)
	host = trimEnd(s, host)
	labels := strings.Split(string(s[:host]), ".")
	top := strings.ToLower(labels[len(labels)-1])
	www := len(labels) > 2 && strings.EqualFold(labels[0], "www") && len(top) >= 2 && len(top) <= 4 && !strings.ContainsFunc(top, isDigit)
	if slices.Contains(labels, "") || !www && !(len(labels) > 1 && slices.Contains([]string{"com", "net", "org", "edu"}, top)) {
		return found{}
	}
	if host < len(s) && s[host] == '/' {
		host = max(host, trimEnd(s, host+run(s, host, isLinkRune, 0)))
	}
	return found{length: host}
}

// mail takes e-mail addresses.
func mail(s []rune) found {
	if !isWord(s[0]) {
		return found{}
	}
	name := run(s, 0, func(r rune) bool { return isWord(r) || strings.ContainsRune("._%+-", r) }, 0)
	if name >= len(s) || s[name] != '@' {
		return found{}
	}
	host := trimEnd(s[name+1:], run(s, name+1, func(r rune) bool { return isWord(r) || r == '-' || r == '.' }, 0))
	if host == 0 {
		return found{}
	}
	return found{length: name + 1 + host}
}

// handle takes @name and #letters.
func handle(s []rune) found {
	switch {
	case len(s) < 2:
	case s[0] == '@' && (isASCIILetter(s[1]) || s[1] == '_'):
		return found{length: 1 + run(s, 1, func(r rune) bool { return isASCIILetter(r) || isDigit(r) || r == '_' }, 0)}
	case s[0] == '#' && isLetter(s[1]):
		return found{length: 1 + run(s, 1, isLetter, 0)}
	}
	return found{}
}

// date takes d/d/yyyy and d-d-yyyy.
func date(s []rune) found {
	at := 0
	for _, most := range []int{2, 2} {
		n := run(s, at, isDigit, most)
		if n == 0 || at+n >= len(s) || s[at+n] != '/' && s[at+n] != '-' {
			return found{}
		}
		at += n + 1
	}
	if n := run(s, at, isDigit, 4); n >= 2 {
		return found{length: at + n}
	}
	return found{}
}

// fraction takes 1/2.
func fraction(s []rune) found {
	n := run(s, 0, isDigit, 4)
	if n == 0 || n >= len(s) || s[n] != '/' {
		return found{}
	}
	if m := run(s, n+1, isDigit, 4); m > 0 {
		return found{length: n + 1 + m}
	}
	return found{}
}

// phone takes numbers of groups parted by dots or hyphens, with a + before them: +1-555-123-4567.
func phone(s []rune) found {
	n := run(s, 0, func(r rune) bool { return r == '+' }, 2)
	groups := 0
	for {
		digits := run(s, n, isDigit, 5)
		if digits < 1 {
			return found{}
		}
		n, groups = n+digits, groups+1
		if n+1 >= len(s) || s[n] != '-' && s[n] != '.' || !isDigit(s[n+1]) {
			break
		}
		n++
	}
	if groups < 3 {
		return found{}
	}
	return found{length: n}
}

// number takes digits with , . : inside and a sign before them.
func number(s []rune) found {
	n := 0
	if s[0] == '+' || s[0] == '-' {
		n = 1
	}
	sign := n
	n += run(s, n, isDigit, 0)
	for n+1 < len(s) && (s[n] == '.' || n > sign && (s[n] == ',' || s[n] == ':')) && isDigit(s[n+1]) {
		n += 1 + run(s, n+1, isDigit, 0)
	}
	if n == sign {
		return found{}
	}
	return found{length: n}
}

// currency takes $ and US$.
func currency(s []rune) found {
	if n := run(s, 0, isCapital, 0); n < len(s) && s[n] == '$' {
		return found{length: n + 1}
	}
	return found{}
}

// compound takes words and numbers that hyphens or underscores join: ice-cream, 10-15, a_b.
func compound(s []rune) found {
	if !isWord(s[0]) {
		return found{}
	}
	n := run(s, 0, func(r rune) bool { return isWord(r) || r == '.' || r == ',' }, 0)
	parts := 0
	for n+1 < len(s) && (s[n] == '-' || s[n] == '_') && isWord(s[n+1]) {
		n += 1 + run(s, n+1, isWord, 0)
		parts++
	}
	if parts == 0 {
		return found{}
	}
	return found{length: n}
}

// slashed takes up to three words that slashes join: cat/dog.
func slashed(s []rune) found {
	part := func(at int) int {
		n := run(s, at, isWord, 0)
		for range 2 {
			if n > 0 && at+n+1 < len(s) && s[at+n] == '-' && isLetter(s[at+n+1]) {
				n += 1 + run(s, at+n+1, isLetter, 0)
			}
		}
		return n
	}
	n, parts := part(0), 1
	for n > 0 && parts < 3 && n < len(s) && s[n] == '/' {
		more := part(n + 1)
		if more == 0 {
			break
		}
		n, parts = n+1+more, parts+1
	}
	if n == 0 || parts == 1 {
		return found{}
	}
	return found{length: n}
}

// ampersand takes AT&T.
func ampersand(s []rune) found {
	n := run(s, 0, isCapital, 0)
	whole := 0
	for n > 0 && n+1 < len(s) && (s[n] == '&' || s[n] == '+') && isCapital(s[n+1]) {
		n += 1 + run(s, n+1, isCapital, 0)
		whole = n
	}
	return found{length: whole}
}

// ellipsis takes three to five dots, with blanks between them or not.
func ellipsis(s []rune) found {
	if s[0] == '\u2026' {
		return found{length: 1, as: "..."}
	}
	dots := run(s, 0, func(r rune) bool { return r == '.' }, 5)
	if dots == 1 {
		at := 1
		for dots < 5 && at+1 < len(s) && s[at] == ' ' && s[at+1] == '.' {
			at, dots = at+2, dots+1
		}
		if dots >= 3 {
			return found{length: at, as: "..."}
		}
		return found{}
	}
	if dots >= 3 {
		return found{length: dots, as: "..."}
	}
	return found{}
}

// dash takes runs of hyphens; three and four are a dash, as are the typographic ones.
func dash(s []rune) found {
	switch n := run(s, 0, func(r rune) bool { return r == '-' }, 0); {
	case n == 3 || n == 4:
		return found{length: n, as: "--"}
	case n > 0:
		return found{length: n}
	case s[0] >= '\u2013' && s[0] <= '\u2015':
		return found{length: 1, as: "--"}
	case s[0] >= '\u2010' && s[0] <= '\u2012':
		return found{length: 1, as: "-"}
	}
	return found{}
}

// quote takes quotation marks, and says whether they open or close.
func quote(s []rune) found {
	follows := func(i int, kind func(rune) bool) bool { return i < len(s) && kind(s[i]) }
	switch {
	case s[0] == '"' && follows(1, func(r rune) bool { return isWord(r) || r == '$' }):
		return found{length: 1, ahead: 1, as: "``"}
	case s[0] == '"', s[0] == '\u201d', s[0] == '\u00bb':
		return found{length: 1, as: "''"}
	case s[0] == '\u201c', s[0] == '\u201e', s[0] == '\u00ab':
		return found{length: 1, as: "``"}
	case s[0] == '`' || s[0] == '\'':
		if follows(1, func(r rune) bool { return r == s[0] }) {
			return found{length: 2}
		}
		if s[0] == '\'' && follows(1, isASCIILetter) && follows(2, func(r rune) bool { return !isSpace(r) }) {
			return found{length: 1, ahead: 2, as: "`"}
		}
		return found{length: 1}
	case s[0] == '\u2018':
		return found{length: 1, as: "`"}
	case s[0] == '\u2019', s[0] == '\u201b':
		return found{length: 1, as: "'"}
	}
	return found{}
}

// bracket takes brackets by the names that the treebank gives them.
func bracket(s []rune) found {
	names := map[rune]string{'(': "-lrb-", ')': "-rrb-", '[': "-lsb-", ']': "-rsb-", '{': "-lcb-", '}': "-rcb-"}
	if name, ok := names[s[0]]; ok {
		return found{length: 1, as: name}
	}
	return found{}
}

// exclamation takes runs of ! and ?.
func exclamation(s []rune) found {
	return found{length: run(s, 0, func(r rune) bool { return r == '!' || r == '?' }, 0)}
}

// symbol takes what no rule does, one character by itself; those that the tokenizer does not know are no token.
func symbol(s []rune) found {
	r := s[0]
	return found{length: 1, drop: r > 0xFFFF || !unicode.IsGraphic(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Variation_Selector, r)}
}
