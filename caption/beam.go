package caption

import (
	"fmt"
	"math"
	"slices"
)

// hypothesis is the beginning of a caption.
type hypothesis struct {
	tokens []int32
	score  float64 // log-probability of the tokens
	value  float64 // what hypotheses are ranked by
	length int     // tokens up to the first end, that included; all while there is none
	ended  bool
	parent int // its place in the beam one token before
}

// beam follows the size most likely beginnings of one caption.
//
// Without a length penalty it is CLIP4Caption's search to the last detail: the first step goes on from one hypothesis only;
// one that has ended is followed like any other, and what comes after its end counts in its score; the search is done when
// the best has just ended. With a penalty, hypotheses rank by score / length^penalty, and one that has ended stays as it is
// until a better one turns up or it is the best itself.
type beam struct {
	size       int
	end        int32
	penalty    float64
	hypotheses []hypothesis // the most likely first; those of equal value in the order of beam and piece
	done       bool
}

func newBeam(size int, end int32, penalty float64) *beam {
	return &beam{size: size, end: end, penalty: penalty, hypotheses: []hypothesis{{}}}
}

// advance takes the log-probabilities [V] of what follows each hypothesis and goes one token on. Pieces for which barred
// holds are not written.
func (b *beam) advance(next func(hypothesis int) []float32, barred []bool) error {
	best := make([]hypothesis, 0, b.size+1)
	tokens := make([]int32, 0, b.size+1)
	offer := func(h hypothesis, token int32) {
		at := len(best)
		for at > 0 && h.value > best[at-1].value {
			at--
		}
		best, tokens = slices.Insert(best, at, h), slices.Insert(tokens, at, token)
		if len(best) > b.size {
			best, tokens = best[:b.size], tokens[:b.size]
		}
	}
	for i, h := range b.hypotheses {
		if h.ended && b.penalty != 0 {
			h.parent = i
			offer(h, b.end)
			continue
		}
		longer := hypothesis{parent: i, length: h.length, ended: h.ended}
		if !h.ended {
			longer.length++
		}
		share := math.Pow(float64(longer.length), -b.penalty) // 1 without a penalty
		for token, p := range next(i) {
			if barred != nil && barred[token] {
				continue
			}
			longer.score = h.score + float64(p)
			longer.value = longer.score * share
			if len(best) < b.size && !math.IsNaN(longer.value) || len(best) == b.size && longer.value > best[b.size-1].value {
				longer.ended = h.ended || int32(token) == b.end
				offer(longer, int32(token))
			}
		}
	}
	if len(best) < b.size {
		return fmt.Errorf("a beam of %d found %d ways to go on: the vocabulary is smaller, or the model's scores are no numbers", b.size, len(best))
	}
	for i, token := range tokens {
		best[i].tokens = append(slices.Clone(b.hypotheses[best[i].parent].tokens), token)
	}
	b.hypotheses, b.done = best, tokens[0] == b.end
	return nil
}
