// Package best keeps the k greatest of the items it is offered, as searches do that meet far more than they return.
// Start at New.
package best

import "slices"

// Best keeps the k greatest items in a heap with the least of them at its root.
type Best[T any] struct {
	k       int
	compare func(a, b T) int
	items   []T
}

// New returns a Best without items. k must be positive.
func New[T any](k int, compare func(a, b T) int) *Best[T] { return &Best[T]{k: k, compare: compare} }

// Full reports whether there are k items.
func (b *Best[T]) Full() bool { return len(b.items) == b.k }

// Worst returns the least item; there must be one.
func (b *Best[T]) Worst() T { return b.items[0] }

// Items returns the items in no order; they are not a copy.
func (b *Best[T]) Items() []T { return b.items }

// Reset forgets all items.
func (b *Best[T]) Reset() { b.items = b.items[:0] }

// Offer takes x if it is among the k greatest so far, and reports whether it did.
func (b *Best[T]) Offer(x T) bool {
	if !b.Full() {
		b.items = append(b.items, x)
		for i := len(b.items) - 1; i > 0; {
			parent := (i - 1) / 2
			if b.compare(b.items[parent], b.items[i]) <= 0 {
				break
			}
			b.items[parent], b.items[i] = b.items[i], b.items[parent]
			i = parent
		}
		return true
	}
	if b.compare(x, b.items[0]) <= 0 {
		return false
	}
	b.items[0] = x
	for i := 0; ; {
		least := 2*i + 1
		if least >= len(b.items) {
			return true
		}
		if right := least + 1; right < len(b.items) && b.compare(b.items[right], b.items[least]) < 0 {
			least = right
		}
		if b.compare(b.items[i], b.items[least]) <= 0 {
			return true
		}
		b.items[i], b.items[least] = b.items[least], b.items[i]
		i = least
	}
}

// Sorted returns the items, greatest first. Nothing may be offered afterwards.
func (b *Best[T]) Sorted() []T {
	slices.SortFunc(b.items, func(x, y T) int { return b.compare(y, x) })
	return b.items
}
