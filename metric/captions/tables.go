package captions

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Synonyms says which sets of synonyms a word is in, as METEOR takes them from WordNet.
type Synonyms struct {
	sets  map[string][]int
	bases map[string][]string // of irregular forms
}

// ReadSynonyms reads english.synsets (a word on one line, the numbers of its sets on the next) and, from the same folder,
// english.exceptions (a base form on one line, its irregular forms on the next).
func ReadSynonyms(path string) (*Synonyms, error) {
	s := &Synonyms{map[string][]int{}, map[string][]string{}}
	err := eachGroup(path, 2, func(_ int, lines []string) error {
		for number := range strings.FieldsSeq(lines[1]) {
			set, err := strconv.Atoi(number)
			if err != nil {
				return fmt.Errorf("the sets of %q: %q is no number", lines[0], number)
			}
			s.sets[lines[0]] = append(s.sets[lines[0]], set)
		}
		return nil
	})
	if err == nil && len(s.sets) == 0 {
		err = unreadable(path, errors.New("the file is empty"))
	}
	if err != nil {
		return nil, err
	}
	exceptions := strings.TrimSuffix(path, filepath.Ext(path)) + ".exceptions"
	err = eachGroup(exceptions, 2, func(_ int, lines []string) error {
		for form := range strings.FieldsSeq(lines[1]) {
			s.bases[form] = append(s.bases[form], lines[0])
		}
		return nil
	})
	return s, err
}

// of returns the numbers of a word's sets: its own and those of its base forms.
func (s *Synonyms) of(word string) []int {
	sets := slices.Clone(s.sets[word])
	bases, irregular := s.bases[word]
	if !irregular {
		bases = []string{s.base(word)}
	}
	for _, base := range bases {
		sets = append(sets, s.sets[base]...)
	}
	slices.Sort(sets)
	return slices.Compact(sets)
}

// endings are WordNet's rules of detachment for nouns, verbs and adjectives.
var endings = [][2]string{
	{"s", ""}, {"ses", "s"}, {"xes", "x"}, {"zes", "z"}, {"ches", "ch"}, {"shes", "sh"}, {"men", "man"}, {"ies", "y"},
	{"s", ""}, {"ies", "y"}, {"es", "e"}, {"es", ""}, {"ed", "e"}, {"ed", ""}, {"ing", "e"}, {"ing", ""},
	{"er", ""}, {"est", ""}, {"er", "e"}, {"est", "e"},
}

// base returns the first form a rule gives that has a set, or "".
func (s *Synonyms) base(word string) string {
	if len(word) <= 2 || strings.HasSuffix(word, "ss") {
		return ""
	}
	for _, ending := range endings {
		if stem, ok := strings.CutSuffix(word, ending[0]); ok {
			if form := stem + ending[1]; s.sets[form] != nil {
				return form
			}
		}
	}
	return ""
}

// finder returns a function that lists where in a caption the synonyms of a word stand, the word itself left out.
func (s *Synonyms) finder(caption []string) func(word string) []int {
	places := map[int][]int{} // by number of set
	known := map[string][]int{}
	for i, w := range caption {
		sets, ok := known[w]
		if !ok {
			sets = s.of(w)
			known[w] = sets
		}
		for _, set := range sets {
			places[set] = append(places[set], i)
		}
	}
	return func(word string) []int {
		var at []int
		for _, set := range s.of(word) {
			for _, i := range places[set] {
				if caption[i] != word {
					at = append(at, i)
				}
			}
		}
		slices.Sort(at)
		return slices.Compact(at)
	}
}

// Paraphrases are pairs of phrases that stand for each other.
type Paraphrases struct {
	of      map[string][][]string // phrase, words parted by one blank
	longest int                   // words
}

// ReadParaphrases reads METEOR's table, gzip or plain: a probability, which is not used, and two phrases, a line each.
func ReadParaphrases(path string) (*Paraphrases, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			return nil, unreadable(path, err)
		}
	}
	p := &Paraphrases{of: map[string][][]string{}}
	err = groups(in, 3, func(_ int, lines []string) error {
		phrase, other := strings.Fields(lines[1]), strings.Fields(lines[2])
		if len(phrase) == 0 || len(other) == 0 {
			return errors.New("a phrase is empty")
		}
		key := strings.Join(phrase, " ")
		p.of[key] = append(p.of[key], other)
		p.longest = max(p.longest, len(phrase))
		return nil
	})
	if err == nil && len(p.of) == 0 {
		err = errors.New("the file is empty")
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	return p, nil
}

// match adds the matches of phrases: those of the reference whose paraphrase the caption has, then the other way round.
func (p *Paraphrases) match(s *search, caption, reference []string) {
	p.each(reference, caption, func(j, width, i, length int) {
		s.matches[j] = append(s.matches[j], match{i, length, width, Paraphrase})
	})
	p.each(caption, reference, func(i, length, j, width int) {
		s.matches[j] = append(s.matches[j], match{i, length, width, Paraphrase})
	})
}

// each calls found for every phrase of a text at which a paraphrase in the other text is found, with place and length of
// both.
func (p *Paraphrases) each(text, other []string, found func(at, n, there, m int)) {
	places := map[string][]int{}
	for i, w := range other {
		places[w] = append(places[w], i)
	}
	for at := range text {
		for n := 1; n <= p.longest && at+n <= len(text); n++ {
			for _, phrase := range p.of[strings.Join(text[at:at+n], " ")] {
				for _, there := range places[phrase[0]] {
					if there+len(phrase) <= len(other) && slices.Equal(other[there:there+len(phrase)], phrase) {
						found(at, n, there, len(phrase))
					}
				}
			}
		}
	}
}
