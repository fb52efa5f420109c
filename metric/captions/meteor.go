package captions

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"unicode/utf8"

	"sightline"
)

// Module is a way in which METEOR finds words that match.
type Module int

// The modules, in the order in which they are asked.
const (
	Exact      Module = iota // the same word
	Stem                     // words with the same Porter2 stem
	Synonym                  // words that share a set of synonyms
	Paraphrase               // phrases that stand for each other
	modules
)

var moduleNames = [modules]string{"exact", "stem", "synonym", "paraphrase"}

// Parameters of METEOR 1.5 for English, tuned to human rankings (Denkowski and Lavie, 2014, table 2).
const (
	alpha = 0.85 // weight of recall in the harmonic mean
	beta  = 0.20 // exponent of the penalty for fragmentation
	gamma = 0.60 // weight of that penalty
	delta = 0.75 // weight of content words against function words
)

// moduleWeight is what a match of each module counts.
var moduleWeight = [modules]float64{1, 0.6, 0.8, 0.6}

// Meteor aligns captions with references. The zero value has the modules exact and stem and the built-in function words.
type Meteor struct {
	ExactOnly     bool            // no stems
	FunctionWords map[string]bool // lower case; nil means those built in
	Synonyms      *Synonyms       // nil for none
	Paraphrases   *Paraphrases    // nil for none
}

// Name returns METEOR-1.5 with the modules that are active: METEOR-1.5[exact,stem].
func (m *Meteor) Name() string {
	names := []string{moduleNames[Exact]}
	if !m.ExactOnly {
		names = append(names, moduleNames[Stem])
	}
	if m.Synonyms != nil {
		names = append(names, moduleNames[Synonym])
	}
	if m.Paraphrases != nil {
		names = append(names, moduleNames[Paraphrase])
	}
	return "METEOR-1.5[" + strings.Join(names, ",") + "]"
}

// Alignment holds METEOR's 23 statistics of a caption and a reference, or their sums over items: words of the caption and of
// the reference; function words of each; for each module content words matched in the caption and in the reference, and
// function words matched in each; chunks; words matched in the caption and in the reference.
type Alignment [4 + 4*int(modules) + 3]float64

const (
	chunksAt  = 4 + 4*int(modules)
	matchesAt = chunksAt + 1
)

// Score returns METEOR (Denkowski and Lavie, 2014, section 2.2) from the statistics of one item, or from their sums; 0 where
// nothing matches.
func (a Alignment) Score() float64 {
	weightedShare := func(side int) float64 { // of the words of one side, those that match
		matched := 0.0
		for m := range int(modules) {
			matched += moduleWeight[m] * (delta*a[4+4*m+side] + (1-delta)*a[4+4*m+2+side])
		}
		words := delta*(a[side]-a[2+side]) + (1-delta)*a[2+side]
		if words <= 0 {
			return 0
		}
		return matched / words
	}
	p, r := weightedShare(0), weightedShare(1)
	if p == 0 || r == 0 {
		return 0
	}
	fmean := 1 / ((1-alpha)/p + alpha/r)
	chunks, inCaption, inReference := a[chunksAt], a[matchesAt], a[matchesAt+1]
	fragmentation := 2 * chunks / (inCaption + inReference)
	if inCaption == a[0] && inReference == a[1] && chunks == 1 {
		fragmentation = 0
	}
	return fmean * (1 - gamma*math.Pow(fragmentation, beta))
}

// best returns the statistics for the reference with the best score, the first of several.
func (m *Meteor) best(t text) Alignment {
	best, score := Alignment{}, -1.0
	for _, reference := range t.references {
		a := m.Align(t.caption.words, reference.words)
		if s := a.Score(); s > score {
			best, score = a, s
		}
	}
	return best
}

// builtinFunctionWords are common words that say how a sentence hangs together rather than what it is about, and a few
// nouns as frequent as they: words that make up about one in a thousand of written English or more, which is METEOR's own
// criterion. The list was written for this package. METEOR's own, 93 words, comes with METEOR under the LGPL and is read
// with ReadFunctionWords; scores with the two lists differ.
var builtinFunctionWords = words(`a about after all also an and any are as at be because been before being but by can could did do does
	for from had has have he her him his how i if in into is it its just like may me more most my no not now of on one only
	or other our out over people said she so some such than that the their them then there these they this those to two
	under up us was we were what when where which while who will with would year you your 's n't -lrb- -rrb-`)

func (m *Meteor) isFunctionWord(word string) bool {
	if m.FunctionWords != nil {
		return m.FunctionWords[strings.ToLower(word)]
	}
	return builtinFunctionWords[strings.ToLower(word)]
}

// ReadFunctionWords reads a list of function words, one a line.
func ReadFunctionWords(path string) (map[string]bool, error) {
	set := map[string]bool{}
	err := eachGroup(path, 1, func(_ int, lines []string) error {
		if len(strings.Fields(lines[0])) > 1 {
			return fmt.Errorf("%q is more than one word", lines[0])
		}
		set[strings.ToLower(strings.TrimSpace(lines[0]))] = true
		return nil
	})
	if err == nil && len(set) == 0 {
		err = unreadable(path, errors.New("the file is empty"))
	}
	return set, err
}

func unreadable(path string, err error) error {
	return &sightline.Error{
		Kind: sightline.Failed, What: "read METEOR's data from " + path, Err: err,
		Try: "give the file of a METEOR 1.5 release: function/english.words, synonyms/english.synsets, data/paraphrase-en.gz",
	}
}

// eachGroup calls do for every group of n lines of a file, with the number of the first.
func eachGroup(path string, n int, do func(line int, lines []string) error) error {
	file, err := os.Open(path)
	if err != nil {
		return unreadable(path, err)
	}
	defer file.Close()
	if err := groups(file, n, do); err != nil {
		return unreadable(path, err)
	}
	return nil
}

func groups(in io.Reader, n int, do func(line int, lines []string) error) error {
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, 1<<20)
	var group []string
	line := 0
	for scanner.Scan() {
		line++
		if !utf8.ValidString(scanner.Text()) {
			return fmt.Errorf("line %d: the text is not UTF-8", line)
		}
		if group = append(group, scanner.Text()); len(group) < n {
			continue
		}
		if err := do(line-n+1, group); err != nil {
			return fmt.Errorf("line %d: %w", line-n+1, err)
		}
		group = group[:0]
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("line %d: %w", line+1, err)
	}
	if len(group) > 0 {
		return fmt.Errorf("line %d: the file ends within an entry of %d lines", line, n)
	}
	return nil
}
