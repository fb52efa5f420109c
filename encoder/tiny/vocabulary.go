package tiny

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Word ids below FirstWord have a meaning of their own: nothing, and a word that is not known.
const (
	padding   = 0
	unknown   = 1
	FirstWord = 2 // id of the first word of a vocabulary
)

// Vocabulary numbers the words an encoder knows. Words are lower-case runs of letters and digits.
type Vocabulary struct {
	words []string
	ids   map[string]int32
}

// NewVocabulary numbers the given words in their order.
func NewVocabulary(words []string) Vocabulary {
	v := Vocabulary{words: words, ids: make(map[string]int32, len(words))}
	for i, word := range words {
		v.ids[word] = int32(FirstWord + i)
	}
	return v
}

// LearnVocabulary numbers the words that occur at least atLeast times in the texts, the most frequent first, ties in
// alphabetical order.
func LearnVocabulary(texts []string, atLeast int) Vocabulary {
	counts := map[string]int{}
	for _, text := range texts {
		for _, word := range Words(text) {
			counts[word]++
		}
	}
	maps.DeleteFunc(counts, func(_ string, n int) bool { return n < atLeast })
	words := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	return NewVocabulary(words)
}

// Words splits a text into the words a Vocabulary numbers.
func Words(text string) []string {
	ranges := wordRanges(text)
	words := make([]string, len(ranges))
	for i, r := range ranges {
		words[i] = strings.ToLower(text[r[0]:r[1]])
	}
	return words
}

// wordRanges returns where in a text its words are, in bytes.
func wordRanges(text string) [][2]int {
	var ranges [][2]int
	start := -1
	for i, r := range text {
		inside := unicode.IsLetter(r) || unicode.IsDigit(r)
		if inside && start < 0 {
			start = i
		}
		if !inside && start >= 0 {
			ranges, start = append(ranges, [2]int{start, i}), -1
		}
	}
	if start >= 0 {
		ranges = append(ranges, [2]int{start, len(text)})
	}
	return ranges
}

// Len returns the number of ids, those of padding and unknown words included.
func (v Vocabulary) Len() int { return FirstWord + len(v.words) }

// List returns the words in the order of their ids.
func (v Vocabulary) List() []string { return slices.Clone(v.words) }

// Knows tells whether the word has an id of its own.
func (v Vocabulary) Knows(word string) bool { return v.ids[word] != 0 }

// IDs returns the text's word ids [length], cut off or padded at the end. A text without a word is one unknown word.
func (v Vocabulary) IDs(text string, length int) []int32 {
	ids := make([]int32, length)
	words := Words(text)
	if len(words) == 0 {
		ids[0] = unknown
	}
	for i, word := range words[:min(len(words), length)] {
		if ids[i] = v.ids[word]; ids[i] == 0 {
			ids[i] = unknown
		}
	}
	return ids
}

// parseVocabulary reads one word a line.
func parseVocabulary(text string) (Vocabulary, error) {
	words := strings.Fields(text)
	v := NewVocabulary(words)
	if len(v.ids) != len(words) {
		return Vocabulary{}, fmt.Errorf("vocabulary: %d words, %d of them different", len(words), len(v.ids))
	}
	return v, nil
}
