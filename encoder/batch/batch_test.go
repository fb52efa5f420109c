package batch

import (
	"context"
	"errors"
	"slices"
	"testing"
)

func TestBatchesAreFewAndFull(t *testing.T) {
	sizes := map[int]bool{}
	for most := 1; most <= 40; most++ {
		for n := 1; n <= 100; n++ {
			count, rows := Size(n, most)
			sizes[rows] = true
			if count < 1 || count > n || rows < count || rows > most || rows-count > rows/3 {
				t.Fatalf("of %d items, at most %d a batch: %d in %d rows", n, most, count, rows)
			}
		}
	}
	if len(sizes) > 10 {
		t.Errorf("batches come in %d sizes", len(sizes))
	}
}

func TestTextsAreReadOnceBesideThoseOfLikeLength(t *testing.T) {
	const longest = 40
	var ids [][]int32
	for i := range 150 {
		ids = append(ids, slices.Repeat([]int32{int32(i + 1)}, 1+i*7%longest))
	}
	seen := map[int]bool{}
	before := 0
	for b := range Texts(ids, longest, -1) {
		if len(b.IDs) != b.Rows*b.Length || len(b.Texts) > b.Rows || b.Length > longest || b.Rows*b.Length > textPositions {
			t.Fatalf("%d ids and %d texts in [%d, %d]", len(b.IDs), len(b.Texts), b.Rows, b.Length)
		}
		if b.Length < before {
			t.Errorf("length %d comes after %d", b.Length, before)
		}
		before = b.Length
		for row := range b.Rows {
			got := b.IDs[row*b.Length : (row+1)*b.Length]
			var want []int32
			if row < len(b.Texts) {
				want = ids[b.Texts[row]]
				seen[b.Texts[row]] = true
			}
			if !slices.Equal(got[:len(want)], want) || slices.ContainsFunc(got[len(want):], func(id int32) bool { return id != -1 }) {
				t.Errorf("row %d is %v, want %v and padding", row, got, want)
			}
		}
	}
	if len(seen) != len(ids) {
		t.Errorf("%d of %d texts were read", len(seen), len(ids))
	}
	for range Texts(nil, longest, 0) {
		t.Error("no texts make a batch")
	}
}

func TestOneBatchAtATime(t *testing.T) {
	turns := NewTurns()
	ctx, stop := context.WithCancel(t.Context())
	failed := errors.New("failed")
	err := turns.Take(ctx, func() error {
		stop()
		if err := turns.Take(ctx, func() error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("a second batch beside the first: %v", err)
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("the batch's error is lost: %v", err)
	}
	if err := turns.Take(t.Context(), func() error { return nil }); err != nil {
		t.Errorf("no turn after the first: %v", err)
	}
}
