package bpe

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"sightline"
	"sightline/internal/bounded"
)

//go:embed bpe_simple_vocab_16e6.txt.gz
var openAIMerges []byte

// openAISize is the size of CLIP's vocabulary; its file holds more merges than CLIP uses.
const openAISize = 49408

// OpenAI returns the tokenizer of CLIP itself.
var OpenAI = sync.OnceValue(func() *Tokenizer {
	merges, err := readOpenAI(openAIMerges)
	if err != nil {
		panic(fmt.Errorf("embedded vocabulary: %w", err))
	}
	// Ids count up: bytes, bytes that end a word, merges in order, the two special tokens.
	ids := map[string]int32{}
	for _, suffix := range []string{"", endOfWord} {
		for _, b := range alphabetOrder() {
			ids[alphabet[b]+suffix] = int32(len(ids))
		}
	}
	for _, m := range merges {
		ids[m[0]+m[1]] = int32(len(ids))
	}
	ids[startName] = openAISize - 2
	ids[endName] = openAISize - 1
	t, err := build(ids, merges)
	if err != nil {
		panic(fmt.Errorf("embedded vocabulary: %w", err))
	}
	return t
})

func readOpenAI(compressed []byte) ([][2]string, error) {
	unzip, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(unzip)
	if err != nil {
		return nil, err
	}
	_, text, _ = bytes.Cut(text, []byte("\n")) // the first line is the version
	return parseMerges(string(text), openAISize-2*256-2)
}

// alphabet writes each byte as a printable character, the way vocabulary files do: printable Latin-1 characters stand
// for themselves, the other bytes for U+0100 and on.
var alphabet = func() (letters [256]string) {
	next := rune(256)
	for b := range rune(256) {
		if printable(b) {
			letters[b] = string(b)
		} else {
			letters[b] = string(next)
			next++
		}
	}
	return letters
}()

func printable(b rune) bool {
	return b >= '!' && b <= '~' || b >= '¡' && b <= '¬' || b >= '®' && b <= 'ÿ'
}

// alphabetOrder returns the bytes in the order of CLIP's vocabulary: those that stand for themselves come first.
func alphabetOrder() []byte {
	var order []byte
	for _, first := range []bool{true, false} {
		for b := range 256 {
			if printable(rune(b)) == first {
				order = append(order, byte(b))
			}
		}
	}
	return order
}

// maxFile bounds a tokenizer file in bytes.
const maxFile = 64 << 20

// Open reads the tokenizer of a Hugging Face CLIP model from its folder: vocab.json with merges.txt, or tokenizer.json.
func Open(folder string) (*Tokenizer, error) {
	t, err := open(folder)
	if err != nil {
		return nil, &sightline.Error{
			Kind: sightline.Failed,
			What: "read the tokenizer in " + folder,
			Err:  err,
			Try:  "keep vocab.json with merges.txt, or tokenizer.json, of the model beside its weights",
		}
	}
	return t, nil
}

func open(folder string) (*Tokenizer, error) {
	vocabulary, err := bounded.ReadFile(filepath.Join(folder, "vocab.json"), maxFile)
	if errors.Is(err, os.ErrNotExist) {
		text, err := bounded.ReadFile(filepath.Join(folder, "tokenizer.json"), maxFile)
		if err != nil {
			return nil, err
		}
		return parseTokenizerJSON(text)
	}
	if err != nil {
		return nil, err
	}
	merges, err := bounded.ReadFile(filepath.Join(folder, "merges.txt"), maxFile)
	if err != nil {
		return nil, err
	}
	return parseVocabulary(vocabulary, merges)
}

// parseVocabulary builds a tokenizer from vocab.json and merges.txt.
func parseVocabulary(vocabulary, merges []byte) (*Tokenizer, error) {
	var ids map[string]int32
	if err := json.Unmarshal(vocabulary, &ids); err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	text := string(merges)
	if strings.HasPrefix(text, "#version") {
		_, text, _ = strings.Cut(text, "\n")
	}
	pairs, err := parseMerges(text, -1)
	if err != nil {
		return nil, fmt.Errorf("merges.txt: %w", err)
	}
	return build(ids, pairs)
}

// parseMerges reads lines of two symbols, the first limit of them or all when limit is negative.
func parseMerges(text string, limit int) ([][2]string, error) {
	var merges [][2]string
	for line := range strings.Lines(text) {
		if len(merges) == limit {
			break
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		first, second, ok := strings.Cut(line, " ")
		if !ok {
			return nil, fmt.Errorf("merge %d is %q, want two symbols", len(merges)+1, line)
		}
		merges = append(merges, [2]string{first, second})
	}
	return merges, nil
}

// parseTokenizerJSON builds a tokenizer from the file of the Hugging Face tokenizers library.
func parseTokenizerJSON(text []byte) (*Tokenizer, error) {
	var file struct {
		AddedTokens []struct {
			ID      int32  `json:"id"`
			Content string `json:"content"`
		} `json:"added_tokens"`
		Model struct {
			Type   string            `json:"type"`
			Vocab  map[string]int32  `json:"vocab"`
			Merges []json.RawMessage `json:"merges"`
		} `json:"model"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	if file.Model.Type != "" && file.Model.Type != "BPE" {
		return nil, fmt.Errorf("tokenizer.json: the model is %s, CLIP's is BPE", file.Model.Type)
	}
	ids := file.Model.Vocab
	if ids == nil {
		return nil, errors.New("tokenizer.json: no vocabulary")
	}
	for _, token := range file.AddedTokens {
		ids[token.Content] = token.ID
	}
	merges := make([][2]string, len(file.Model.Merges))
	for i, raw := range file.Model.Merges { // "a b", or ["a", "b"] since version 0.20
		var line string
		if err := json.Unmarshal(raw, &merges[i]); err == nil {
			continue
		}
		if err := json.Unmarshal(raw, &line); err != nil {
			return nil, fmt.Errorf("tokenizer.json: merge %d: %w", i+1, err)
		}
		pair, err := parseMerges(line, -1)
		if err != nil || len(pair) != 1 {
			return nil, fmt.Errorf("tokenizer.json: merge %d is %q, want two symbols", i+1, line)
		}
		merges[i] = pair[0]
	}
	return build(ids, merges)
}

// build makes a tokenizer of a vocabulary and the merges in the order of their rank.
func build(ids map[string]int32, merges [][2]string) (*Tokenizer, error) {
	t := &Tokenizer{ids: ids, merges: make(map[[2]int32]merge, len(merges)), cache: map[string][]symbol{}}
	for _, name := range []string{startName, endName} {
		if _, ok := ids[name]; !ok {
			return nil, fmt.Errorf("no token %s: this is not a CLIP tokenizer", name)
		}
	}
	for name, id := range ids {
		if id < 0 {
			return nil, fmt.Errorf("token %q has the id %d", name, id)
		}
		t.size = max(t.size, int(id)+1)
	}
	for b, letter := range alphabet {
		for end, name := range []string{letter, letter + endOfWord} {
			id, ok := ids[name]
			if !ok {
				return nil, fmt.Errorf("no token %q for byte %d: this is not a CLIP tokenizer", name, b)
			}
			t.bytes[b][end] = id
		}
	}
	for rank, m := range merges {
		first, ok1 := ids[m[0]]
		second, ok2 := ids[m[1]]
		merged, ok3 := ids[m[0]+m[1]]
		if !ok1 || !ok2 || !ok3 {
			return nil, fmt.Errorf("merge %d joins %q and %q, which the vocabulary does not hold", rank+1, m[0], m[1])
		}
		pair := [2]int32{first, second}
		if _, ok := t.merges[pair]; !ok {
			t.merges[pair] = merge{rank, merged}
		}
	}
	return t, nil
}
