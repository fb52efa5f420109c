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

	View []float32 // [N, E], what a part that has a say in scores makes of each; nil where none has
	E    int
}

// Rows returns rows [from, to) without copying.
func (e Encoded) Rows(from, to int) Encoded {
	size := e.R * e.Dim
	return Encoded{N: to - from, R: e.R, Dim: e.Dim, Data: e.Data[from*size : to*size], Mask: e.Mask[from*e.R : to*e.R], View: e.View[from*e.E : to*e.E], E: e.E}
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
	*e = Encoded{e.N + more.N, rows, e.Dim, append(wide.Data, more.Data...), append(wide.Mask, more.Mask...), append(e.View, more.View...), e.E}
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
	wide := Encoded{N: e.N, R: rows, Dim: e.Dim, Data: make([]float32, e.N*rows*e.Dim), Mask: make([]float32, e.N*rows), View: e.View, E: e.E}
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

// taken returns the first n items of a program's output: vectors [B, R, D] with their mask [B, R], or vectors [B, D]; then, where
// there are any, views [B, E].
func taken(out []engine.Array, n int) Encoded {
	dims := out[0].Shape
	kept := Encoded{N: n, R: 1, Dim: dims[len(dims)-1], Mask: engine.Constant(n, 1)}
	more := out[1:]
	if len(dims) == 3 {
		kept.R, kept.Mask, more = dims[1], engine.Values(out[1])[:n*dims[1]], out[2:]
	}
	kept.Data = engine.Values(out[0])[:n*kept.R*kept.Dim]
	if len(more) > 0 {
		kept.E = more[0].Shape[1]
		kept.View = engine.Values(more[0])[:n*kept.E]
	}
	return kept
}
