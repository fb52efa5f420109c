package align

import (
	"context"
	"fmt"
	"slices"

	"sightline"
	"sightline/engine"
)

// Encoded is what a model keeps of N videos or A texts: up to R rows of width Dim each.
type Encoded struct {
	N, R, Dim int
	Data      []float32 // [N, R, Dim]
	Mask      []float32 // [N, R], 1 where there is a row and 0 where there is padding
}

// Rows returns rows [from, to) without copying.
func (e Encoded) Rows(from, to int) Encoded {
	size := e.R * e.Dim
	return Encoded{N: to - from, R: e.R, Dim: e.Dim, Data: e.Data[from*size : to*size], Mask: e.Mask[from*e.R : to*e.R]}
}

// Append adds what more holds, which must be of the same width. Whichever has fewer rows an item is padded.
func (e *Encoded) Append(more Encoded) {
	if e.N == 0 {
		*e = more
		return
	}
	rows := max(e.R, more.R)
	wide := e.padded(rows)
	more = more.padded(rows)
	*e = Encoded{e.N + more.N, rows, e.Dim, append(wide.Data, more.Data...), append(wide.Mask, more.Mask...)}
}

// valid returns the rows that are no padding [rows, Dim].
func (e Encoded) valid() sightline.Matrix {
	rows := sightline.Matrix{Cols: e.Dim}
	for i, there := range e.Mask {
		if there != 0 {
			rows.Data = append(rows.Data, e.Data[i*e.Dim:(i+1)*e.Dim]...)
			rows.Rows++
		}
	}
	return rows
}

// padded returns e with rows for each item.
func (e Encoded) padded(rows int) Encoded {
	if rows == e.R {
		return e
	}
	wide := Encoded{N: e.N, R: rows, Dim: e.Dim, Data: make([]float32, e.N*rows*e.Dim), Mask: make([]float32, e.N*rows)}
	for i := range e.N {
		copy(wide.Data[i*rows*e.Dim:], e.Data[i*e.R*e.Dim:(i+1)*e.R*e.Dim])
		copy(wide.Mask[i*rows:], e.Mask[i*e.R:(i+1)*e.R])
	}
	return wide
}

// arrays returns vectors and mask as a program takes them.
func (e Encoded) arrays() []engine.Array {
	return []engine.Array{engine.Floats(e.Data, e.N, e.R, e.Dim), engine.Floats(e.Mask, e.N, e.R)}
}

// Fill repeats the last of some items until there are as many as Bucket says, or block, so that few shapes are compiled.
func Fill[T any](items []T, block int) []T {
	return slices.Concat(items, slices.Repeat(items[len(items)-1:], min(Bucket(len(items)), block)-len(items)))
}

// encode runs a program over items in blocks and joins what comes out along the first axis.
func encode[T any](ctx context.Context, items []T, block int, inputs func([]T) ([]engine.Array, error), program *engine.Program) (Encoded, error) {
	var all Encoded
	for from := 0; from < len(items); from += block {
		if err := ctx.Err(); err != nil {
			return Encoded{}, err
		}
		part := items[from:min(from+block, len(items))]
		in, err := inputs(Fill(part, block))
		if err != nil {
			return Encoded{}, fmt.Errorf("encode: %w", err)
		}
		out, err := program.Run(in...)
		if err != nil {
			return Encoded{}, fmt.Errorf("encode: %w", err)
		}
		all.Append(taken(out, len(part)))
	}
	return all, nil
}

// taken returns the first n items of a program's output: vectors [B, R, D] with their mask [B, R], or vectors [B, D].
func taken(out []engine.Array, n int) Encoded {
	dims := out[0].Shape
	kept := Encoded{N: n, R: 1, Dim: dims[len(dims)-1]}
	if len(dims) == 3 {
		kept.R = dims[1]
	}
	kept.Data = engine.Values(out[0])[:n*kept.R*kept.Dim]
	if len(out) > 1 {
		kept.Mask = engine.Values(out[1])[:n*kept.R]
	} else {
		kept.Mask = engine.Constant(n, 1)
	}
	return kept
}
