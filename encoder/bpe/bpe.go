// Package bpe turns sentences into the tokens that CLIP reads: the byte-pair encoding of OpenAI's SimpleTokenizer, id for
// id. It stands in front of every text encoder that follows CLIP.
//
// Start at OpenAI, which holds the vocabulary of CLIP itself (bpe_simple_vocab_16e6.txt.gz, MIT licence, see
// LICENSE.openai-clip), or at Open, which reads the tokenizer files of a Hugging Face model; then Encode gives ids and
// Tokens says in addition which bytes of the cleaned text each one covers. Clean documents how text is repaired first
// and where that differs from ftfy, which OpenAI's tokenizer calls.
//
// It does not train vocabularies and knows no other family of tokenizers.
package bpe

import (
	"regexp"
	"strings"
	"sync"
)

// The names of the tokens that open and close a text.
const (
	startName = "<|startoftext|>"
	endName   = "<|endoftext|>"
)

// endOfWord marks the last symbol of a word in the vocabulary.
const endOfWord = "</w>"

// wordRE cuts cleaned text into words: OpenAI's pattern, where the only white space left is the space.
var wordRE = regexp.MustCompile(`(?i)<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^ \p{L}\p{N}]+`)

// Token is one symbol of a text.
type Token struct {
	ID         int32
	Start, End int // bytes [Start, End) of the cleaned text; a symbol may end within a character
}

// symbol is a token of a word while the word's start is not known.
type symbol struct {
	id    int32
	bytes int // of the text it covers
}

// merge is what becomes of two neighbouring symbols.
type merge struct {
	rank int // lower merges first
	id   int32
}

// Tokenizer is a vocabulary with its merges. It is safe for concurrent use.
type Tokenizer struct {
	ids    map[string]int32
	size   int
	merges map[[2]int32]merge
	bytes  [256][2]int32 // the symbols of a byte: within a word, and at its end

	mu    sync.Mutex
	cache map[string][]symbol
}

// cacheSize bounds the words whose symbols are remembered.
const cacheSize = 1 << 16

// Start returns the id of the token that opens a text.
func (t *Tokenizer) Start() int32 { return t.ids[startName] }

// End returns the id of the token that closes a text.
func (t *Tokenizer) End() int32 { return t.ids[endName] }

// Size returns the number of ids: every id is below it.
func (t *Tokenizer) Size() int { return t.size }

// Encode returns the ids of a text, opened by Start, closed by End and cut to at most limit ids in between and in all:
// the rule of OpenAI's tokenize with truncation, and of CLIP4Clip's max_words. A limit below 2 means no limit.
func (t *Tokenizer) Encode(text string, limit int) []int32 {
	ids := []int32{t.Start()}
	_, tokens := t.tokens(text, limit-2)
	for _, token := range tokens {
		ids = append(ids, token.ID)
	}
	return append(ids, t.End())
}

// Tokens returns the cleaned text and its symbols, without the tokens that open and close it.
func (t *Tokenizer) Tokens(text string) (cleaned string, tokens []Token) { return t.tokens(text, -1) }

// tokens returns at most limit tokens; a negative limit means all.
func (t *Tokenizer) tokens(text string, limit int) (string, []Token) {
	cleaned := Clean(text)
	var tokens []Token
	for at := 0; at < len(cleaned) && (limit < 0 || len(tokens) < limit); {
		word := wordRE.FindStringIndex(cleaned[at:])
		if word == nil {
			break
		}
		start, end := at+word[0], at+word[1]
		for _, s := range t.symbols(cleaned[start:end]) {
			tokens = append(tokens, Token{s.id, start, start + s.bytes})
			start += s.bytes
		}
		at = end
	}
	if limit >= 0 && len(tokens) > limit {
		tokens = tokens[:limit]
	}
	return cleaned, tokens
}

// symbols returns the symbols of a word, from the cache where it can.
func (t *Tokenizer) symbols(word string) []symbol {
	t.mu.Lock()
	symbols, ok := t.cache[word]
	t.mu.Unlock()
	if ok {
		return symbols
	}
	symbols = t.split(word)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.cache) >= cacheSize {
		clear(t.cache)
	}
	t.cache[strings.Clone(word)] = symbols
	return symbols
}

// split encodes one word: it starts from single bytes and applies, while there is one, the merge of lowest rank to all
// places where it fits, from the left.
func (t *Tokenizer) split(word string) []symbol {
	if word == startName || word == endName {
		return []symbol{{t.ids[word], len(word)}}
	}
	symbols := make([]symbol, len(word))
	for i := range len(word) {
		symbols[i] = symbol{t.bytes[word[i]][0], 1}
	}
	symbols[len(word)-1].id = t.bytes[word[len(word)-1]][1]
	for {
		var pair [2]int32
		best := merge{rank: len(t.merges)}
		for i := range len(symbols) - 1 {
			candidate := [2]int32{symbols[i].id, symbols[i+1].id}
			if m, ok := t.merges[candidate]; ok && m.rank < best.rank {
				pair, best = candidate, m
			}
		}
		if best.rank == len(t.merges) {
			return symbols
		}
		kept := 0
		for i := 0; i < len(symbols); i++ {
			s := symbols[i]
			if i+1 < len(symbols) && s.id == pair[0] && symbols[i+1].id == pair[1] {
				s = symbol{best.id, s.bytes + symbols[i+1].bytes}
				i++
			}
			symbols[kept] = s
			kept++
		}
		symbols = symbols[:kept]
	}
}
