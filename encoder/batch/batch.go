// Package batch says what an encoder computes together: items in numbers that come again, since each number is a program of
// its own to compile, texts beside texts of like length, and one batch at a time, since each holds memory.
//
// It stands below encoder/clip and encoder/bert, between what was asked for and their graphs. Start at Texts. It knows no
// model and computes nothing.
package batch

import (
	"context"
	"iter"
	"slices"
)

// Turns lets one batch at a time hold memory. It is safe for concurrent use.
type Turns chan struct{}

// NewTurns returns the turns of one model.
func NewTurns() Turns { return make(Turns, 1) }

// Take runs a batch when no other runs. It returns ctx's error where ctx is done first.
func (t Turns) Take(ctx context.Context, run func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case t <- struct{}{}:
		defer func() { <-t }()
		return run()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Size returns how many of n items go into the next batch of at most most, and how many rows it has. Rows come in few
// numbers (1, 2, 3, 4, 6, 8, 12, …); at most a third of them stays empty.
func Size(n, most int) (count, rows int) {
	rows = 1
	for size := 1; size <= most; size *= 2 {
		for _, step := range []int{size, size + size/2} {
			if step > most || rows >= n {
				break
			}
			rows = step
		}
	}
	return min(n, rows), rows
}

// Bounds on one batch of texts: positions over all its rows, and rows.
const (
	textPositions = 2560
	mostTexts     = 32
)

// Batch is some of the texts that go through a model together.
type Batch struct {
	Texts  []int   // which of the texts, a row each; rows beyond them are all padding
	IDs    []int32 // [Rows, Length]
	Rows   int
	Length int // 8, 16, 32, … or the model's context
}

// Texts returns texts, as ids of their tokens, in batches: those of like length together, the shortest first. No text may
// be longer than the context.
func Texts(ids [][]int32, context int, padding int32) iter.Seq[Batch] {
	return func(yield func(Batch) bool) {
		order := make([]int, len(ids))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return len(ids[a]) - len(ids[b]) })
		for len(order) > 0 {
			b := Batch{Length: bucket(len(ids[order[0]]), context)}
			alike := 0
			for alike < len(order) && len(ids[order[alike]]) <= b.Length {
				alike++
			}
			var count int
			count, b.Rows = Size(alike, min(mostTexts, max(1, textPositions/b.Length)))
			b.Texts, b.IDs = order[:count], slices.Repeat([]int32{padding}, b.Rows*b.Length)
			for i, text := range b.Texts {
				copy(b.IDs[i*b.Length:], ids[text])
			}
			if !yield(b) {
				return
			}
			order = order[count:]
		}
	}
}

// bucket returns the length to which a text of n tokens is padded.
func bucket(n, context int) int {
	length := 8
	for length < n {
		length *= 2
	}
	return min(length, context)
}
