package captions

import (
	"math"
	"strings"
)

// maxOrder is the length of the longest n-grams of BLEU and CIDEr.
const maxOrder = 4

// counts are the n-grams of one length in a sentence: how often each occurs, in the order of first appearance, so that sums
// over them are the same at every run.
type counts struct {
	of    map[string]float64
	order []string
}

// countNgrams counts the n-grams of length n.
func countNgrams(words []string, n int) counts {
	c := counts{of: map[string]float64{}}
	for i := 0; i+n <= len(words); i++ {
		gram := strings.Join(words[i:i+n], " ")
		if c.of[gram] == 0 {
			c.order = append(c.order, gram)
		}
		c.of[gram]++
	}
	return c
}

// ngrams are BLEU's statistics of captions: for n = 1 to 4 the n-grams that match and those there are, then the words of the
// captions and of the references that are closest to them in length.
type ngrams [2*maxOrder + 2]float64

// bleuCounts counts an item's n-grams. An n-gram matches as often as the reference has it that has it most (Papineni et
// al., 2002, section 2.1.1); of two references equally close in length the shorter counts.
func bleuCounts(t text) (b ngrams) {
	for n := 1; n <= maxOrder; n++ {
		most := map[string]float64{}
		for _, reference := range t.references {
			for gram, count := range countNgrams(reference.words, n).of {
				most[gram] = max(most[gram], count)
			}
		}
		for gram, count := range countNgrams(t.caption.words, n).of {
			b[n-1] += min(count, most[gram])
		}
		b[maxOrder+n-1] = max(0, float64(len(t.caption.words)-n+1))
	}
	length := len(t.caption.words)
	closest := len(t.references[0].words)
	for _, reference := range t.references {
		this := len(reference.words)
		if d, best := abs(this-length), abs(closest-length); d < best || d == best && this < closest {
			closest = this
		}
	}
	b[2*maxOrder], b[2*maxOrder+1] = float64(length), float64(closest)
	return b
}

func abs(n int) int { return max(n, -n) }

// bleu returns BLEU-1 to BLEU-4 with the smoothing of COCO's code.
func (b ngrams) bleu() (bleu [maxOrder]float64) {
	const tiny, small = 1e-15, 1e-9
	brevity := 1.0
	if ratio := (b[2*maxOrder] + tiny) / (b[2*maxOrder+1] + small); ratio < 1 {
		brevity = math.Exp(1 - 1/ratio)
	}
	product := 1.0
	for n := range maxOrder {
		product *= (b[n] + tiny) / (b[maxOrder+n] + small)
		bleu[n] = math.Pow(product, 1/float64(n+1)) * brevity
	}
	return bleu
}

// rougeL returns ROUGE-L of a caption (Lin, 2004, section 3.1) with β = 1.2, and as in COCO's code the best precision and
// the best recall over the references, be they of two of them.
func rougeL(t text) float64 {
	const beta2 = 1.2 * 1.2
	var p, r float64
	for _, reference := range t.references {
		common := float64(longestCommon(t.caption.blanks, reference.blanks))
		p = max(p, common/float64(len(t.caption.blanks)))
		r = max(r, common/float64(len(reference.blanks)))
	}
	if p == 0 || r == 0 || len(t.caption.words) == 0 {
		return 0
	}
	return (1 + beta2) * p * r / (r + beta2*p)
}

// longestCommon returns the length of the longest common subsequence.
func longestCommon(a, b []string) int {
	number := map[string]int32{}
	numbers := func(words []string) []int32 {
		list := make([]int32, len(words))
		for i, w := range words {
			n, ok := number[w]
			if !ok {
				n = int32(len(number))
				number[w] = n
			}
			list[i] = n
		}
		return list
	}
	x, y := numbers(a), numbers(b)
	lengths := make([]int, len(y)+1) // of x up to here and y up to each word
	for _, v := range x {
		before := 0 // of x before this word and y before w
		for j, w := range y {
			above := lengths[j+1]
			if v == w {
				lengths[j+1] = before + 1
			} else {
				lengths[j+1] = max(above, lengths[j])
			}
			before = above
		}
	}
	return lengths[len(y)]
}

// rarity says in how many items' references an n-gram occurs.
type rarity struct {
	items    map[string]float64
	logItems float64 // natural logarithm of the number of items
}

func newRarity(texts []text) rarity {
	r := rarity{map[string]float64{}, math.Log(float64(len(texts)))}
	for _, t := range texts {
		seen := map[string]bool{}
		for _, reference := range t.references {
			for n := 1; n <= maxOrder; n++ {
				for gram := range countNgrams(reference.words, n).of {
					seen[gram] = true
				}
			}
		}
		for gram := range seen {
			r.items[gram]++
		}
	}
	return r
}

// weighted are a sentence's n-grams of one length, each count times its inverse document frequency.
type weighted struct {
	counts
	norm float64
}

// weigh returns a sentence's vectors for n = 1 to 4 and the number of its bigrams, which is what COCO's code takes for its
// length.
func (r rarity) weigh(words []string) (vectors [maxOrder]weighted, length float64) {
	for n := range vectors {
		c := countNgrams(words, n+1)
		squares := 0.0
		for _, gram := range c.order {
			if n == 1 {
				length += c.of[gram]
			}
			c.of[gram] *= r.logItems - math.Log(max(1, r.items[gram]))
			squares += c.of[gram] * c.of[gram]
		}
		vectors[n] = weighted{c, math.Sqrt(squares)}
	}
	return vectors, length
}

// cider returns CIDEr-D of a caption (Vedantam et al., 2015, with the clipping and the penalty of length, σ = 6, that COCO's
// code applies under the name of CIDEr).
func (r rarity) cider(t text) float64 {
	const sigma = 6
	caption, length := r.weigh(t.caption.words)
	total := 0.0
	for _, reference := range t.references {
		vectors, other := r.weigh(reference.words)
		penalty := math.Exp(-(length - other) * (length - other) / (2 * sigma * sigma))
		for n := range vectors {
			product := 0.0
			for _, gram := range caption[n].order {
				product += min(caption[n].of[gram], vectors[n].of[gram]) * vectors[n].of[gram]
			}
			if norms := caption[n].norm * vectors[n].norm; norms != 0 {
				product /= norms
			}
			total += product * penalty / maxOrder
		}
	}
	return 10 * total / float64(len(t.references))
}
