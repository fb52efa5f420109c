package tagger

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// List takes for content whatever is not on a list of English function words. It needs no model and is the same everywhere;
// adjectives and adverbs count as content too.
type List struct{}

// ID names the list.
func (List) ID() string { return "list/1" }

// Separates says no.
func (List) Separates() bool { return false }

// Tag finds runs of letters, digits and marks, with apostrophes and hyphens inside.
func (List) Tag(text string, end int) ([]Word, error) {
	var words []Word
	start, last, joined := -1, 0, false // of the word at hand, where it ends, and whether a joint follows
	close := func() {
		if start >= 0 {
			words = append(words, Word{start, last, listed(text[start:last])})
		}
		start, joined = -1, false
	}
	for i, r := range text[:end] {
		switch letter := unicode.IsLetter(r) || unicode.IsDigit(r); {
		case letter && start < 0:
			start, last = i, i+utf8.RuneLen(r)
		case letter, start >= 0 && !joined && unicode.IsMark(r):
			last, joined = i+utf8.RuneLen(r), false
		case start >= 0 && !joined && (r == '\'' || r == '’' || r == '-'):
			joined = true
		default:
			close()
		}
	}
	close()
	return words, nil
}

// listed returns the tag of a word.
func listed(word string) string {
	if tag, ok := closed[strings.ReplaceAll(strings.ToLower(word), "’", "'")]; ok {
		return tag
	}
	return Content
}

// closed are the closed classes of English, with tags of the Penn Treebank; a word of several has its most frequent one.
var closed = func() map[string]string {
	tags := map[string]string{}
	for tag, words := range map[string]string{
		"DT": "a an the this that these those some any no every each another either neither all both half such",
		"IN": "about above across after against along alongside amid among around as at atop because before behind below beneath " +
			"beside besides between beyond by down during except for from if in inside into like near of off on onto opposite out outside " +
			"over past per since than through throughout till toward towards under underneath until up upon via while whilst with within without although though unless whether",
		"TO":   "to",
		"CC":   "and or but nor yet so plus",
		"PRP":  "i you he she it we they me him her us them myself yourself himself herself itself ourselves yourselves themselves one someone somebody something anyone anybody anything everyone everybody everything nobody nothing",
		"PRP$": "my your his its our their mine yours hers ours theirs",
		"WP":   "who whom whose what which",
		"WRB":  "when where why how",
		"EX":   "there",
		"MD":   "can could may might must shall should will would cannot can't couldn't won't wouldn't shouldn't",
		"VB":   "is are was were be been being am has have had having do does did doing isn't aren't wasn't weren't hasn't haven't hadn't don't doesn't didn't",
		"RB":   "not very too also then just only again once here now",
	} {
		for word := range strings.FieldsSeq(words) {
			tags[word] = tag
		}
	}
	return tags
}()
