// Package wordpiece turns sentences into the pieces of words that BERT reads and writes, and pieces back into sentences. A
// vocabulary is BERT's vocab.txt (uncased), or is learned from training captions as whole words.
//
// It sits beside encoder/bpe, below everything that reads BERT's tokens: package caption writes them, and a text tower with
// BERT's weights reads them. Start at Open or Learn, then Vocabulary.Encode and Decode. It has no model, adds no [CLS] or
// [SEP] by itself, and does not read cased vocabularies.
//
// Source: Devlin et al., BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding, 2019, and the
// published tokenizer's rules.
package wordpiece

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"sightline"
	"sightline/internal/bounded"
)

// The pieces with a meaning of their own. A text never yields them, even where it spells them out.
const (
	padding = "[PAD]"
	unknown = "[UNK]"
	start   = "[CLS]"
	end     = "[SEP]"
	hidden  = "[MASK]"
)

// within marks a piece that continues a word.
const within = "##"

// Limits on a vocabulary, far beyond those of any that is published.
const (
	maxFile   = 64 << 20 // bytes
	maxPieces = 1 << 20
)

// Vocabulary numbers pieces of words. It is safe for concurrent use.
type Vocabulary struct {
	pieces  []string
	ids     map[string]int32
	longest int // bytes in a piece

	Padding, Unknown, Start, End int32 // ids of [PAD], [UNK], [CLS] and [SEP]
}

// Open reads a vocab.txt.
func Open(path string) (*Vocabulary, error) {
	text, err := bounded.ReadFile(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("open vocabulary: %w", err)
	}
	v, err := Parse(string(text))
	if err != nil {
		return nil, &sightline.Error{
			Kind: sightline.Usage, What: "open vocabulary " + path, Err: err, Try: "name BERT's vocab.txt of an uncased model: a piece of a word a line",
		}
	}
	return v, nil
}

// Parse reads a vocabulary: a piece a line, numbered from 0. The four special pieces must be there, no piece twice, and
// none with a capital letter but in brackets.
func Parse(text string) (*Vocabulary, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("it is not UTF-8")
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\r")
	}
	return number(lines)
}

func number(pieces []string) (*Vocabulary, error) {
	if len(pieces) > maxPieces {
		return nil, fmt.Errorf("it has %d pieces, the limit is %d", len(pieces), maxPieces)
	}
	v := &Vocabulary{pieces: pieces, ids: make(map[string]int32, len(pieces))}
	for i, piece := range pieces {
		switch at, twice := v.ids[piece]; {
		case piece == "":
			return nil, fmt.Errorf("line %d is empty", i+1)
		case twice:
			return nil, fmt.Errorf("line %d: %q stands in line %d already", i+1, piece, at+1)
		case !special(piece) && strings.ContainsFunc(piece, func(r rune) bool { return r >= 'A' && r <= 'Z' }):
			return nil, fmt.Errorf("line %d: %q has a capital letter, and only uncased vocabularies are read", i+1, piece)
		}
		v.ids[piece] = int32(i)
		v.longest = max(v.longest, len(piece))
	}
	for _, needed := range []struct {
		name string
		id   *int32
	}{{padding, &v.Padding}, {unknown, &v.Unknown}, {start, &v.Start}, {end, &v.End}} {
		id, ok := v.ids[needed.name]
		if !ok {
			return nil, fmt.Errorf("it has no %s", needed.name)
		}
		*needed.id = id
	}
	return v, nil
}

// Learn returns a vocabulary of the whole words that occur at least atLeast times in the texts, the most frequent first,
// ties in alphabetical order. Every other word is [UNK] to it.
func Learn(texts []string, atLeast int) *Vocabulary {
	counts := map[string]int{}
	for _, text := range texts {
		for _, word := range split(text) {
			counts[word.text]++
		}
	}
	maps.DeleteFunc(counts, func(word string, n int) bool { return n < atLeast || utf8.RuneCountInString(word) > maxWord })
	words := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	v, err := number(append([]string{padding, unknown, start, end, hidden}, words...))
	if err != nil {
		panic(err) // split gives words that are different, not empty and without capitals
	}
	return v
}

// Len returns the number of pieces.
func (v *Vocabulary) Len() int { return len(v.pieces) }

// Piece returns the piece of an id; it panics where there is none.
func (v *Vocabulary) Piece(id int32) string { return v.pieces[id] }

// Special tells whether an id stands for nothing that a sentence can hold.
func (v *Vocabulary) Special(id int32) bool { return special(v.pieces[id]) }

func special(piece string) bool {
	return len(piece) > 2 && piece[0] == '[' && piece[len(piece)-1] == ']'
}

// String returns the vocabulary as Parse reads it.
func (v *Vocabulary) String() string { return strings.Join(v.pieces, "\n") + "\n" }

// Encode returns the ids of a text's pieces, without [CLS] and [SEP], and for each the bytes of the text [from, to) that it
// stands for. A word that cannot be put together from pieces is one [UNK].
func (v *Vocabulary) Encode(text string) (ids []int32, offsets [][2]int) {
	for _, word := range split(text) {
		pieces, ok := v.cut(word)
		if !ok {
			pieces = []cut{{v.Unknown, 0, len(word.at)}}
		}
		for _, piece := range pieces {
			ids = append(ids, piece.id)
			offsets = append(offsets, [2]int{word.at[piece.from][0], word.at[piece.to-1][1]})
		}
	}
	return ids, offsets
}

// cut is a piece of a word, of its characters from up to but not including to.
type cut struct {
	id       int32
	from, to int
}

// cut takes the longest piece of a word there is, then the longest of what is left. It is false where there is none.
func (v *Vocabulary) cut(w word) (pieces []cut, ok bool) {
	if len(w.at) > maxWord {
		return nil, false
	}
	var starts []int // of the word's characters, in bytes
	for i := range w.text {
		starts = append(starts, i)
	}
	starts = append(starts, len(w.text))
	for from := 0; from < len(w.at); {
		prefix := ""
		if from > 0 {
			prefix = within
		}
		to := len(w.at)
		for ; to > from; to-- {
			if starts[to]-starts[from] > v.longest {
				continue
			}
			if id, known := v.ids[prefix+w.text[starts[from]:starts[to]]]; known {
				pieces = append(pieces, cut{id, from, to})
				break
			}
		}
		if to == from {
			return nil, false
		}
		from = to
	}
	return pieces, true
}

// Decode returns the sentence that ids stand for: pieces joined by blanks, those that continue a word to the one before.
func (v *Vocabulary) Decode(ids []int32) string {
	var b strings.Builder
	for i, id := range ids {
		piece, continues := strings.CutPrefix(v.pieces[id], within)
		if i > 0 && (!continues || piece == "") {
			b.WriteByte(' ')
		}
		if piece == "" {
			piece = v.pieces[id]
		}
		b.WriteString(piece)
	}
	return b.String()
}
