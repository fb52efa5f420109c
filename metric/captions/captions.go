// Package captions measures generated captions against what people wrote: BLEU, METEOR, ROUGE-L and CIDEr as the
// evaluation server of MS COCO computes them.
//
// It stands beside metric at the end of the pipeline. Start at Score, which turns items (a caption and its references each)
// into the four metrics of every item and of all together; Result.Summarize adds bootstrap intervals and Compare tests two
// systems on the same items. PTB and COCO are the tokenizer, Meteor the aligner, by themselves.
//
// It reads no caption files (package dataset does), and it knows no words but what is compiled in: METEOR's synonyms,
// paraphrases and original list of function words are read from the user's files where they are given. A result says
// which tokenizer and which METEOR modules made it, because numbers of different ones do not compare.
package captions

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sightline"
	"sightline/metric"
)

// Item is a generated caption and the sentences that people wrote about the same video.
type Item struct {
	ID         string
	Caption    string   // may be empty, which scores 0 in everything
	References []string // at least one
}

// Tokenizer says how captions become words.
type Tokenizer int

// The tokenizers.
const (
	PennTreebank Tokenizer = iota // COCO: Penn Treebank tokens, lower case, punctuation taken away
	Whitespace                    // the words as they are; what CLIP4Caption's code does, with text that was prepared before
)

var tokenizers = []string{"ptb", "none"}

// String returns the name that ParseTokenizer reads.
func (t Tokenizer) String() string { return tokenizers[t] }

// MarshalText writes the name.
func (t Tokenizer) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// ParseTokenizer reads "ptb" or "none".
func ParseTokenizer(name string) (Tokenizer, error) {
	if i := slices.Index(tokenizers, name); i >= 0 {
		return Tokenizer(i), nil
	}
	return 0, &sightline.Error{
		Kind: sightline.Usage, What: fmt.Sprintf("tokenizer %q", name), Err: errors.New("there is no such tokenizer"), Try: "ptb or none",
	}
}

// Values are the metrics of one caption, or of all. They are fractions; papers print a hundred times as much.
type Values struct {
	BLEU   [4]float64 // BLEU-1 to BLEU-4, in [0, 1]
	METEOR float64    // in [0, 1]
	ROUGEL float64    // in [0, 1]
	CIDEr  float64    // in [0, 10]
}

// Result is how well a system describes a set of items.
type Result struct {
	Tokenizer Tokenizer
	Meteor    string   // METEOR with its modules, such as METEOR-1.5[exact,stem]
	IDs       []string // of the items
	Items     []Values // of each item by itself
	Corpus    Values   // of all: BLEU and METEOR from summed statistics, ROUGE-L and CIDEr as means
	Empty     int      // captions of which the tokenizer leaves no word
	sums      [][]float64
}

// Score measures captions. The captions of all items and the references of all items are each one text for the tokenizer,
// as they are for COCO's. CIDEr weighs words by how many of these items' references have them, so it depends on the set
// and is 0 for a single item. A nil meteor is the zero value.
func Score(items []Item, tokenizer Tokenizer, meteor *Meteor) (Result, error) {
	if len(items) == 0 {
		return Result{}, &sightline.Error{Kind: sightline.Usage, What: "score captions", Err: errors.New("there are none"), Try: "give at least one item"}
	}
	for _, item := range items {
		if len(item.References) == 0 {
			return Result{}, &sightline.Error{
				Kind: sightline.Usage, What: "score captions", Err: fmt.Errorf("item %q has no reference", item.ID), Try: "give every item at least one reference",
			}
		}
	}
	if meteor == nil {
		meteor = &Meteor{}
	}
	texts := tokenized(items, tokenizer)
	rarity := newRarity(texts)
	r := Result{Tokenizer: tokenizer, Meteor: meteor.Name()}
	for i, text := range texts {
		b, m, rouge, cider := bleuCounts(text), meteor.best(text), rougeL(text), rarity.cider(text)
		if len(text.caption.words) == 0 {
			r.Empty++
		}
		r.IDs = append(r.IDs, items[i].ID)
		r.Items = append(r.Items, Values{b.bleu(), m.Score(), rouge, cider})
		r.sums = append(r.sums, slices.Concat(b[:], m[:], []float64{rouge, cider, 1}))
	}
	r.Corpus = ofSums(added(r.sums))
	return r, nil
}

// added returns the sums of all items together.
func added(all [][]float64) []float64 {
	total := make([]float64, len(all[0]))
	for _, sums := range all {
		for k, v := range sums {
			total[k] += v
		}
	}
	return total
}

// ofSums returns the metrics of items from their summed statistics.
func ofSums(sums []float64) Values {
	b, m := ngrams(sums), Alignment(sums[len(ngrams{}):])
	rest := sums[len(ngrams{})+len(Alignment{}):]
	n := max(rest[2], 1)
	return Values{b.bleu(), m.Score(), rest[0] / n, rest[1] / n}
}

// text is a tokenized item.
type text struct {
	caption    sentence
	references []sentence
}

// sentence is tokenized text in the two forms that the official scorers cut it into: at any white space, and (ROUGE-L) at
// each single blank, so that an empty text is one empty word.
type sentence struct {
	words  []string
	blanks []string
}

func newSentence(s string) sentence { return sentence{strings.Fields(s), strings.Split(s, " ")} }

func tokenized(items []Item, tokenizer Tokenizer) []text {
	var captions, references []string
	for _, item := range items {
		captions, references = append(captions, item.Caption), append(references, item.References...)
	}
	if tokenizer == PennTreebank {
		captions, references = COCO(captions), COCO(references)
	}
	texts := make([]text, len(items))
	for i, item := range items {
		texts[i].caption = newSentence(captions[i])
		for _, reference := range references[:len(item.References)] {
			texts[i].references = append(texts[i].references, newSentence(reference))
		}
		references = references[len(item.References):]
	}
	return texts
}

// Names are the metrics in the order in which Summarize and Compare give them.
func (r Result) Names() []string {
	return []string{"BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", r.Meteor, "ROUGE-L", "CIDEr"}
}

// totals are the items for resampling, with numbers as papers print them: a hundred times the fractions. The rarity of
// CIDEr's words stays that of all items.
func (r Result) totals() metric.Totals {
	return metric.Totals{Names: r.Names(), Items: r.sums, Numbers: func(sums []float64) []float64 {
		v := ofSums(sums)
		numbers := append(v.BLEU[:], v.METEOR, v.ROUGEL, v.CIDEr)
		for i := range numbers {
			numbers[i] *= 100
		}
		return numbers
	}}
}

// Summarize returns the metrics of all items in the order of Names, times a hundred as papers print them, with bootstrap
// intervals over the items.
func (r Result) Summarize(options metric.Options) ([]metric.Estimate, error) {
	return r.totals().Summarize(options)
}

// Pool returns several runs of one system on the same items as one, for Compare: what an item adds in all runs is drawn and
// exchanged together.
func Pool(runs ...Result) (Result, error) {
	if len(runs) == 0 {
		return Result{}, &sightline.Error{Kind: sightline.Usage, What: "pool runs", Err: errors.New("there are none"), Try: "give at least one run"}
	}
	pool := runs[0]
	pool.Items, pool.Empty, pool.sums = nil, 0, nil
	for _, run := range runs {
		if err := alike(pool, run); err != nil {
			return Result{}, err
		}
		pool.Empty += run.Empty
	}
	for i := range pool.IDs {
		var own [][]float64
		for _, run := range runs {
			own = append(own, run.sums[i])
		}
		pool.sums = append(pool.sums, added(own))
		pool.Items = append(pool.Items, ofSums(pool.sums[i]))
	}
	pool.Corpus = ofSums(added(pool.sums))
	return pool, nil
}

// alike returns an error where two results are not of the same items, in the same order, scored in the same way.
func alike(a, b Result) error {
	if a.Tokenizer != b.Tokenizer || !slices.Equal(a.IDs, b.IDs) {
		return &sightline.Error{
			Kind: sightline.Usage, What: "compare two systems", Err: errors.New("they were not scored on the same items with the same tokenizer"),
			Try: "score both with the same references and options",
		}
	}
	return nil
}

// Compare tests whether system b differs from system a on the same items, in the same order, scored in the same way.
func Compare(a, b Result, options metric.Options) ([]metric.Difference, error) {
	if err := alike(a, b); err != nil {
		return nil, err
	}
	return metric.CompareTotals(a.totals(), b.totals(), options)
}
