package dataset

import (
	"iter"
	"math/rand/v2"
)

// Pair is one training example: indices into Set.Videos and Set.Captions.
type Pair struct {
	Video, Caption int
}

// Draw says which pairs an epoch consists of.
type Draw int

// The draws.
const (
	// EachCaption deals every caption once. The captions of one video lie as far apart as they can, so that a batch does
	// not hold a video against itself except where one round of videos meets the next.
	EachCaption Draw = iota
	// EachVideo deals every video once, with one of its captions drawn at random.
	EachVideo
)

// Epoch returns the pairs of one epoch in training order. The order is a function of the set, the seed and the epoch's
// number alone: a run that continues at batch b of epoch e sees what the uninterrupted run would have seen. Videos without
// captions do not appear.
func (s Set) Epoch(draw Draw, seed uint64, epoch int) []Pair {
	r := rand.New(rand.NewPCG(seed, uint64(epoch)))
	captions := make([][]int, len(s.Videos))
	rounds := 0
	for i, c := range s.Captions {
		captions[c.Video] = append(captions[c.Video], i)
		rounds = max(rounds, len(captions[c.Video]))
	}
	for _, own := range captions {
		r.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
	}
	if draw == EachVideo {
		rounds = min(rounds, 1)
	}
	pairs := make([]Pair, 0, len(s.Captions))
	for round := range rounds {
		for _, v := range r.Perm(len(s.Videos)) {
			if round < len(captions[v]) {
				pairs = append(pairs, Pair{v, captions[v][round]})
			}
		}
	}
	return pairs
}

// Batches cuts pairs into batches of the given size and yields them with their numbers, from the given number on. The last
// batch may be smaller.
func Batches(pairs []Pair, size, from int) iter.Seq2[int, []Pair] {
	return func(yield func(int, []Pair) bool) {
		for b := from; b*size < len(pairs); b++ {
			if !yield(b, pairs[b*size:min((b+1)*size, len(pairs))]) {
				return
			}
		}
	}
}
