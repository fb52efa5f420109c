// Package tagger says which words of a sentence tell something about a video, and how much: parts of speech from one of
// several taggers, and the inverse document frequency of words in training captions. TACo (package taco, above it) gives its
// tokens these weights. Start at Tagger and Weights. It parses no sentences, and knows English only: of another language
// Prose and List take most words for content.
package tagger

import (
	"fmt"
	"sort"
	"strings"
	"unicode"
)

// Word is a tagged stretch of a text.
type Word struct {
	Start, End int    // bytes of the text
	Tag        string // of the Penn Treebank, or universal (see ClassOf)
}

// Tagger finds the words of a text and their parts of speech. It is safe for concurrent use.
type Tagger interface {
	// ID names the tagger and what it knows. A model keeps it, and works with no other.
	ID() string
	// Separates tells whether nouns and verbs are told apart.
	Separates() bool
	// Tag returns the words that start in the first end bytes of a text, in order, none of which overlap. A text without any
	// gives none. Encoders cut long texts off, and what they did not read need not be tagged.
	Tag(text string, end int) ([]Word, error)
}

// Class is what a word may be, a set of bits.
type Class uint8

// The classes of Table 4.
const (
	Noun Class = 1 << iota
	Verb
	Determiner
	Adposition
)

// Content is the tag of words of which is known only that they are no function words.
const Content = "CONTENT"

// ClassOf returns the class of a tag of the Penn Treebank, mapped as in Petrov, Das and McDonald (A Universal Part-of-Speech
// Tagset, 2012), of a universal tag, or of Content; 0 for all others.
func ClassOf(tag string) Class {
	switch tag {
	case "NN", "NNS", "NNP", "NNPS", "NOUN", "PROPN":
		return Noun
	case "VB", "VBD", "VBG", "VBN", "VBP", "VBZ", "VERB", "AUX":
		return Verb
	case "DT", "PDT", "WDT", "EX", "DET":
		return Determiner
	case "IN", "ADP":
		return Adposition
	case Content:
		return Noun | Verb
	}
	return 0
}

// Set is a choice of tokens of interest.
type Set string

// The sets of Table 4; NounsVerbs is the paper's.
const (
	NoTokens   Set = "none"
	Function   Set = "det+adp"
	Nouns      Set = "noun"
	Verbs      Set = "verb"
	NounsVerbs Set = "noun+verb"
)

var sets = map[Set]Class{NoTokens: 0, Function: Determiner | Adposition, Nouns: Noun, Verbs: Verb, NounsVerbs: Noun | Verb}

// Check returns an error where there is no such set.
func (s Set) Check() error {
	if _, ok := sets[s]; !ok {
		return fmt.Errorf("%q is none of %s, %s, %s, %s and %s", s, NoTokens, Function, Nouns, Verbs, NounsVerbs)
	}
	return nil
}

// Has tells whether words of a tag are in the set.
func (s Set) Has(tag string) bool { return sets[s]&ClassOf(tag) != 0 }

// Suits returns an error where a tagger cannot tell the words of the set from others.
func (s Set) Suits(t Tagger) error {
	if (s == Nouns || s == Verbs) && !t.Separates() {
		return fmt.Errorf("the tagger %s does not tell nouns from verbs, which tokens: %s needs", t.ID(), s)
	}
	return nil
}

// Weights returns how much each token of a text tells, given the tokens' byte ranges: the idf of the word that it is a piece
// of, where that is in the set and has a letter or a digit, else 0. A token that reaches over several words is a piece of the
// one it shares most bytes with, of equals the first; a token with an empty range, of none.
func Weights(t Tagger, set Set, idf IDF, text string, tokens [][2]int) ([]float32, error) {
	weights := make([]float32, len(tokens))
	if set == NoTokens {
		return weights, nil
	}
	end := 0
	for _, token := range tokens {
		end = max(end, token[1])
	}
	if space := strings.IndexFunc(text[end:], unicode.IsSpace); space >= 0 {
		end += space // the last word counts whole, even if not all of its pieces were read
	} else {
		end = len(text)
	}
	words, err := t.Tag(text, end)
	if err != nil {
		return nil, err
	}
	for i, token := range tokens {
		best, shared := -1, 0
		at := sort.Search(len(words), func(j int) bool { return words[j].End > token[0] })
		for ; at < len(words) && words[at].Start < token[1]; at++ {
			if n := min(words[at].End, token[1]) - max(words[at].Start, token[0]); n > shared {
				best, shared = at, n
			}
		}
		if best < 0 {
			continue
		}
		if word := text[words[best].Start:words[best].End]; set.Has(words[best].Tag) && spelt(word) {
			weights[i] = float32(idf.Of(word))
		}
	}
	return weights, nil
}

// spelt tells whether a word has a letter or a digit: punctuation and emoji tell nothing, whatever a tagger takes them for.
func spelt(word string) bool {
	return strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// Known returns the tagger of an ID that needs nothing but this program, or nil.
func Known(id string) Tagger {
	for _, t := range []Tagger{Prose{}, List{}} {
		if t.ID() == id {
			return t
		}
	}
	return nil
}
