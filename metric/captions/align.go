package captions

import (
	"cmp"
	"slices"

	"github.com/kljensen/snowball/english"
)

// beam is how many partial alignments METEOR follows.
const beam = 40

// maxOccurrences bounds how many occurrences of one word in a caption compete for a word of the reference: the nearest. The
// official program has no bound, and needs minutes for a caption of thousands of equal words.
const maxOccurrences = 256

// match pairs words of the reference, width from a place that its list knows, with length words of the caption.
type match struct {
	at, length int // words of the caption
	width      int // words of the reference
	module     Module
}

// Align finds which words of a caption and a reference belong together, and counts. It takes the alignment that METEOR
// 1.5's search finds, which is not always the best: partial alignments are ordered by a weighted count of matches that
// the official program keeps in whole numbers, so that a match by stem, synonym or one paraphrased word adds nothing to
// it and is given up where it begins a chunk.
func (m *Meteor) Align(caption, reference []string) Alignment {
	s := m.newSearch(caption, reference)
	var a Alignment
	a[0], a[1] = float64(len(caption)), float64(len(reference))
	function := func(words []string) []bool {
		is := make([]bool, len(words))
		for i, w := range words {
			is[i] = m.isFunctionWord(w)
		}
		return is
	}
	inCaption, inReference := function(caption), function(reference)
	count := func(is []bool, total int) {
		for _, f := range is {
			if f {
				a[total]++
			}
		}
	}
	count(inCaption, 2)
	count(inReference, 3)

	matched := func(is []bool, from, n, side int, module Module) {
		for _, f := range is[from : from+n] {
			at := 4 + 4*int(module) + side
			if f {
				at += 2
			}
			a[at]++
			a[matchesAt+side]++
		}
	}
	open := -1 // where the caption would go on if the chunk did
	chosen := s.resolve()
	for j := 0; j < len(chosen); {
		c := chosen[j]
		if c.width == 0 {
			open = -1
			j++
			continue
		}
		if c.at != open {
			a[chunksAt]++
		}
		matched(inCaption, c.at, c.length, 0, c.module)
		matched(inReference, j, c.width, 1, c.module)
		open = c.at + c.length
		j += c.width
	}
	return a
}

// search is the search for an alignment: for each word of the reference the matches that begin there.
type search struct {
	caption, reference int // words
	matches            [][]match
	fixed              []match // by word of the reference; those that nothing else competes with
}

func (m *Meteor) newSearch(caption, reference []string) *search {
	s := &search{caption: len(caption), reference: len(reference), matches: make([][]match, len(reference)), fixed: make([]match, len(reference))}
	identical := slices.Equal(caption, reference)
	m.matchWords(s, caption, reference, identical)
	if m.Paraphrases != nil && !identical {
		m.Paraphrases.match(s, caption, reference)
	}
	s.fix()
	return s
}

// matchWords finds matches of single words. Every occurrence of a word has the same ones, so they are found once.
func (m *Meteor) matchWords(s *search, caption, reference []string, exactOnly bool) {
	places := map[string][]int{} // of each word in the caption
	for i, w := range caption {
		places[w] = append(places[w], i)
	}
	active, finders := []Module{Exact}, []func(word string) []int{func(w string) []int { return places[w] }}
	if !m.ExactOnly && !exactOnly {
		active, finders = append(active, Stem), append(finders, stemFinder(caption))
	}
	if m.Synonyms != nil && !exactOnly {
		active, finders = append(active, Synonym), append(finders, m.Synonyms.finder(caption))
	}
	found := map[string][]match{}
	for j, w := range reference {
		list, ok := found[w]
		if !ok {
			for n, module := range active {
				for _, i := range finders[n](w) {
					list = append(list, match{i, 1, 1, module})
				}
			}
			list = slices.Clip(list) // phrases are appended to each word's own
			found[w] = list
		}
		s.matches[j] = nearest(list, j)
	}
}

// nearest returns a word's matches at j, of each module at most as many as are worth looking at.
func nearest(list []match, j int) []match {
	if len(list) <= maxOccurrences {
		return list
	}
	var kept []match
	for len(list) > 0 {
		n := 0
		for n < len(list) && list[n].module == list[0].module {
			n++
		}
		k, _ := slices.BinarySearchFunc(list[:n], j, func(c match, j int) int { return cmp.Compare(c.at, j) })
		first := max(0, min(k-maxOccurrences/2, n-maxOccurrences))
		kept = append(kept, list[first:min(n, first+maxOccurrences)]...)
		list = list[n:]
	}
	return kept
}

// stemFinder returns a function that lists where in a caption the words with the stem of a word stand, the word itself left
// out.
func stemFinder(caption []string) func(word string) []int {
	places := map[string][]int{} // by stem
	known := map[string]string{}
	stem := func(w string) string {
		s, ok := known[w]
		if !ok {
			s = stemOf(w)
			known[w] = s
		}
		return s
	}
	for i, w := range caption {
		places[stem(w)] = append(places[stem(w)], i)
	}
	return func(word string) []int {
		return slices.DeleteFunc(slices.Clone(places[stem(word)]), func(i int) bool { return caption[i] == word })
	}
}

// stemOf returns the stem of a word by Porter2. The stemmer is for words of letters; others are their own stem.
func stemOf(word string) string {
	for _, r := range word {
		if !isLetter(r) && !isApostrophe(r) {
			return word
		}
	}
	return english.Stem(word, true)
}

// fix takes the matches that are the only ones on all of their words.
func (s *search) fix() {
	onCaption, onReference := make([]int, s.caption), make([]int, s.reference)
	for j, list := range s.matches {
		for _, c := range list {
			for k := range c.length {
				onCaption[c.at+k]++
			}
			for k := range c.width {
				onReference[j+k]++
			}
		}
	}
	alone := func(counts []int) bool { return !slices.ContainsFunc(counts, func(n int) bool { return n != 1 }) }
	for j, list := range s.matches {
		if len(list) == 1 && alone(onCaption[list[0].at:list[0].at+list[0].length]) && alone(onReference[j:j+list[0].width]) {
			s.fixed[j] = list[0]
		}
	}
}

// path is a partial alignment of the reference's words up to where the search stands.
type path struct {
	inCaption, inReference int // weighted matches, cut to whole numbers at every step
	chunks, distance       int
	next                   int // first word of the reference that no match covers yet
	open                   int // where the caption goes on if the chunk does; -1 without one
	used, covered          bits
	took                   match // at the last word, not yet in chosen; a width of 0 is none
	chosen                 *choice
}

// choice is a match that a path took.
type choice struct {
	match
	from   int // word of the reference
	before *choice
}

// order is how METEOR orders partial alignments: most matches, fewest chunks, least distance.
func order(a, b *path) int {
	return cmp.Or(cmp.Compare(b.inCaption+b.inReference, a.inCaption+a.inReference), cmp.Compare(a.chunks, b.chunks), cmp.Compare(a.distance, b.distance))
}

// best are the first paths in order, of equal ones those that came first; no more than the beam holds.
type best []path

func (b *best) add(p path) {
	at := len(*b)
	for at > 0 && order(&p, &(*b)[at-1]) < 0 {
		at--
	}
	if at == beam {
		return
	}
	if len(*b) == beam {
		*b = (*b)[:beam-1]
	}
	*b = slices.Insert(*b, at, p)
}

// take adds a match at word j. The weighted counts are Java's: an int that grows by a fraction is cut at once.
func (p path) take(c match, j int) path {
	p.inCaption = int(float64(p.inCaption) + float64(c.length)*moduleWeight[c.module])
	p.inReference = int(float64(p.inReference) + float64(c.width)*moduleWeight[c.module])
	if p.open != -1 && c.at != p.open {
		p.chunks++
	}
	p.next, p.open, p.took = j+c.width, c.at+c.length, c
	return p
}

// resolve returns the match chosen at each word of the reference; a width of 0 is none.
func (s *search) resolve() []match {
	start := path{open: -1, used: newBits(s.caption), covered: newBits(s.reference)}
	for j, c := range s.fixed {
		if c.width > 0 {
			start.used.set(c.at, c.length)
			start.covered.set(j, c.width)
		}
	}
	paths := best{start}
	for j := range s.reference {
		paths = s.advance(paths, j)
	}
	var last best
	for _, p := range paths {
		if p.open != -1 {
			p.chunks++
		}
		last.add(p)
	}
	chosen := make([]match, s.reference)
	for c := last[0].chosen; c != nil; c = c.before {
		chosen[c.from] = c.match
	}
	return chosen
}

// advance returns the paths over one more word of the reference. The distance of a match counts against the path that does
// not take it, and against its later siblings, as in the official program; a fixed match's counts against itself.
func (s *search) advance(paths best, j int) best {
	longer := make(best, 0, beam)
	for _, p := range paths {
		switch {
		case p.covered.get(j) && j < p.next:
			longer.add(p)
		case p.covered.get(j):
			c := s.fixed[j]
			p = p.take(c, j)
			p.distance += abs(j - c.at)
			longer.add(p)
		default:
			s.branch(&longer, p, j)
		}
	}
	// Siblings share their bits until here: only those that remain are worth a copy.
	for i := range longer {
		p := &longer[i]
		if p.took.width == 0 {
			continue
		}
		p.chosen = &choice{p.took, j, p.chosen}
		if s.fixed[j].width == 0 {
			p.used, p.covered = p.used.clone(), p.covered.clone()
			p.used.set(p.took.at, p.took.length)
			p.covered.set(j, p.took.width)
		}
		p.took = match{}
	}
	return longer
}

// branch adds the paths that take a match at word j, and the one that takes none.
func (s *search) branch(longer *best, p path, j int) {
	for _, c := range s.matches[j] {
		if p.used.any(c.at, c.length) || p.covered.any(j, c.width) {
			continue
		}
		longer.add(p.take(c, j))
		p.distance += abs(j - c.at)
	}
	if p.open != -1 {
		p.chunks++
		p.open = -1
	}
	p.next++
	longer.add(p)
}

// bits is a set of words.
type bits []uint64

func newBits(n int) bits      { return make(bits, (n+63)/64) }
func (b bits) clone() bits    { return slices.Clone(b) }
func (b bits) get(i int) bool { return b[i/64]>>(i%64)&1 == 1 }
func (b bits) set(i, n int) {
	for ; n > 0; i, n = i+1, n-1 {
		b[i/64] |= 1 << (i % 64)
	}
}
func (b bits) any(i, n int) bool {
	for ; n > 0; i, n = i+1, n-1 {
		if b.get(i) {
			return true
		}
	}
	return false
}
