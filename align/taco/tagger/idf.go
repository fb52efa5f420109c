package tagger

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
)

// IDF counts in how many of the training captions each word occurs.
type IDF struct {
	Captions int            `json:"captions"`
	Counts   map[string]int `json:"counts"` // by the word in lower case
}

// Count counts the words of captions, all of them, as a tagger finds them.
func Count(t Tagger, captions []string) (IDF, error) {
	idf := IDF{Captions: len(captions), Counts: map[string]int{}}
	for i, caption := range captions {
		words, err := t.Tag(caption, len(caption))
		if err != nil {
			return IDF{}, fmt.Errorf("count the words of caption %d: %w", i+1, err)
		}
		seen := map[string]bool{}
		for _, word := range words {
			if w := strings.ToLower(caption[word.Start:word.End]); spelt(w) && !seen[w] {
				seen[w] = true
				idf.Counts[w]++
			}
		}
	}
	return idf, nil
}

// Of returns ln(captions / captions with the word). A word of no caption counts like one of a single caption.
func (f IDF) Of(word string) float64 {
	return math.Log(float64(max(1, f.Captions)) / float64(max(1, f.Counts[strings.ToLower(word)])))
}

// Check returns an error where the counts contradict each other or count nothing.
func (f IDF) Check() error {
	if f.Captions < 1 {
		return errors.New("the frequencies of words are those of no caption")
	}
	for word, count := range f.Counts {
		if count < 1 || count > f.Captions {
			return fmt.Errorf("%q is said to occur in %d of %d captions", word, count, f.Captions)
		}
	}
	return nil
}

// ReadIDF reads what Marshal wrote and checks it.
func ReadIDF(text []byte) (IDF, error) {
	var f IDF
	if err := json.Unmarshal(text, &f); err != nil {
		return IDF{}, err
	}
	return f, f.Check()
}

// Marshal returns the counts as JSON, words in order.
func (f IDF) Marshal() ([]byte, error) { return json.MarshalIndent(f, "", " ") }
