package tagger

import (
	"fmt"
	"strings"
	"sync"

	"github.com/jdkato/prose/v2"
)

// Prose is the averaged perceptron of github.com/jdkato/prose, whose model comes with the program. On captions it takes
// verbs for nouns and nouns for verbs ("pour milk", "people dance"), and rarely either for something else.
type Prose struct{}

// ID names library and model.
func (Prose) ID() string { return "prose/v2.0.0" }

// Separates says yes, though on captions not reliably.
func (Prose) Separates() bool { return true }

// proseModel is loaded once, which takes some tenths of a second, and shared.
var proseModel = sync.OnceValues(func() (*prose.Model, error) {
	doc, err := prose.NewDocument("", prose.WithSegmentation(false), prose.WithExtraction(false))
	if err != nil {
		return nil, err
	}
	return doc.Model, nil
})

// straight replaces the quotes that the library changes as it reads.
var straight = strings.NewReplacer("\u201c", `"`, "\u201d", `"`, "\u2018", "'", "\u2019", "'", apostrophe, "'")

const apostrophe = "&rsquo;"

// Tag tags the start of a text. A word that the library drops, as it does some endings, gets no tag.
func (Prose) Tag(text string, end int) ([]Word, error) {
	text = text[:end]
	model, err := proseModel()
	if err != nil {
		return nil, fmt.Errorf("load the tagger: %w", err)
	}
	doc, err := prose.NewDocument(text, prose.UsingModel(model), prose.WithSegmentation(false), prose.WithExtraction(false))
	if err != nil {
		return nil, fmt.Errorf("tag %q: %w", text, err)
	}
	read, from := straightened(text)
	var found []Word
	at := 0
	for _, token := range doc.Tokens() {
		if skip := strings.Index(read[at:], token.Text); skip >= 0 && token.Text != "" {
			start := at + skip
			at = start + len(token.Text)
			found = append(found, Word{from[start], from[at], token.Tag})
		}
	}
	return found, nil
}

// straightened returns the text with straight quotes, and for each of its bytes and its end the byte of the text it comes
// from.
func straightened(text string) (string, []int) {
	var read strings.Builder
	from := make([]int, 0, len(text)+1)
	for i := 0; i < len(text); {
		size := 1
		for i+size < len(text) && text[i+size]&0xC0 == 0x80 { // to the end of the character
			size++
		}
		if strings.HasPrefix(text[i:], apostrophe) {
			size = len(apostrophe)
		}
		part := straight.Replace(text[i : i+size])
		read.WriteString(part)
		for b := range len(part) {
			from = append(from, i+b)
		}
		i += size
	}
	return read.String(), append(from, len(text))
}
