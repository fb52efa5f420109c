package tagger

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"sightline"
)

// File has tags that another program made, of known texts.
type File struct {
	// Else tags texts that the file lacks, such as queries that nobody knew beforehand; nil to take them for errors.
	Else Tagger

	name, hash string
	content    []byte
	tagged     map[string]line // by what key makes of the text
}

// line is a line of a file of tags:
//
//	{"text": "a man's dog barks", "words": ["a", "man", "'s", "dog", "barks"], "tags": ["DT", "NN", "POS", "NN", "VBZ"]}
type line struct {
	Text  string   `json:"text"`
	Words []string `json:"words"`
	Tags  []string `json:"tags"` // of the Penn Treebank or universal
}

// longestLine bounds a line of a file of tags, in bytes.
const longestLine = 1 << 20

// ReadFile reads a file of tags, JSON line by line. Words must stand in their text in this order, with white space alone
// between them; what differs in case is the same. A text that occurs twice must have the same tags.
func ReadFile(name string, r io.Reader) (*File, error) {
	f := &File{name: name, tagged: map[string]line{}}
	var content bytes.Buffer
	scanner := bufio.NewScanner(io.TeeReader(r, &content))
	scanner.Buffer(nil, longestLine)
	for at := 1; scanner.Scan(); at++ {
		fail := func(format string, args ...any) (*File, error) {
			return nil, &sightline.Error{
				Kind: sightline.Failed, What: fmt.Sprintf("read tags %s:%d", name, at), Err: fmt.Errorf(format, args...),
				Try: `write one line a text: {"text": "a dog barks", "words": ["a", "dog", "barks"], "tags": ["DT", "NN", "VBZ"]}`,
			}
		}
		if len(bytes.TrimSpace(scanner.Bytes())) == 0 {
			continue
		}
		var l line
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			return fail("%w", err)
		}
		if len(l.Words) != len(l.Tags) {
			return fail("%d words have %d tags", len(l.Words), len(l.Tags))
		}
		if n := len(place(l.Text, l.Words, l.Tags)); n != len(l.Words) {
			return fail("not all of the %d words stand in %q in this order", len(l.Words), l.Text)
		}
		if before, ok := f.tagged[key(l.Text)]; ok && strings.Join(before.Tags, " ") != strings.Join(l.Tags, " ") {
			return fail("%q was tagged before, and otherwise", l.Text)
		}
		f.tagged[key(l.Text)] = l
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read tags %s: %w", name, err)
	}
	hash := sha256.Sum256(content.Bytes())
	f.hash, f.content = hex.EncodeToString(hash[:8]), content.Bytes()
	return f, nil
}

// key brings texts that differ in case and white space together: an encoder may have cleaned a text before it is tagged.
func key(text string) string { return strings.Join(strings.Fields(strings.ToLower(text)), " ") }

// Content returns the file as it was read.
func (f *File) Content() []byte { return f.content }

// ID names the file by its content, and what stands in for it.
func (f *File) ID() string {
	id := "file/" + f.hash
	if f.Else != nil {
		id += "+" + f.Else.ID()
	}
	return id
}

// Separates says what Else does, and yes without it.
func (f *File) Separates() bool { return f.Else == nil || f.Else.Separates() }

// Tag returns the tags that the file has of a text.
func (f *File) Tag(text string, end int) ([]Word, error) {
	l, ok := f.tagged[key(text)]
	if !ok && strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if !ok && f.Else != nil {
		return f.Else.Tag(text, end)
	}
	if !ok {
		return nil, &sightline.Error{
			Kind: sightline.Failed, What: fmt.Sprintf("tag %q", text), Err: fmt.Errorf("%s has no line for it", f.name),
			Try: "add its tags to the file, or name a second tagger for texts that the file lacks",
		}
	}
	words := place(text, l.Words, l.Tags)
	return slices.DeleteFunc(words, func(w Word) bool { return w.Start >= end }), nil
}

// place finds given words in a text, in order, and gives them their tags. Between two words there may be white space alone;
// a word that does not stand there is left out.
func place(text string, words, tags []string) []Word {
	var found []Word
	at := 0
	for i, word := range words {
		rest := text[at:]
		start := at + len(rest) - len(strings.TrimLeftFunc(rest, unicode.IsSpace))
		if word != "" && len(text)-start >= len(word) && strings.EqualFold(text[start:start+len(word)], word) {
			at = start + len(word)
			found = append(found, Word{start, at, tags[i]})
		}
	}
	return found
}
