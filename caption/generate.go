package caption

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sightline"
	"sightline/align"
	"sightline/engine"
)

// Options say how captions are searched for. The zero Options are a beam of five and its best caption.
type Options struct {
	Beam          int     // beginnings followed at a time; 1 is greedy; 0 means DefaultBeam
	Best          int     // captions of a video at most, the best first; 0 means 1
	Words         int     // pieces of a caption at most; 0 means as many as the model can write
	LengthPenalty float64 // rank by log-probability / length^this; 0 for none, as published
	Progress      func(done int)
}

// DefaultBeam is the field's.
const DefaultBeam = 5

// Hypothesis is a caption that a model gives a video.
type Hypothesis struct {
	Text  string  `json:"text"`  // "" where the model ends at once
	Score float64 `json:"score"` // what it was ranked by: the search's log-probability, or that by length with a penalty
}

// check fills in what is left open.
func (m *Model) check(o Options) (Options, error) {
	if o.Beam == 0 {
		o.Beam = DefaultBeam
	}
	if o.Best == 0 {
		o.Best = 1
	}
	if o.Words == 0 {
		o.Words = m.Config.Words
	}
	var err error
	switch {
	case o.Beam < 1 || o.Beam > maxBeam:
		err = fmt.Errorf("a beam of %d is none of 1 to %d", o.Beam, maxBeam)
	case o.Best < 1 || o.Best > o.Beam:
		err = fmt.Errorf("a beam of %d has no %d captions", o.Beam, o.Best)
	case o.Words < 1 || o.Words > m.Config.Words:
		err = fmt.Errorf("%d pieces a caption are none of 1 to %d, the most that the model can write", o.Words, m.Config.Words)
	case !(o.LengthPenalty >= 0) || o.LengthPenalty > 10:
		err = fmt.Errorf("a length penalty of %v is not in [0, 10]", o.LengthPenalty)
	}
	if err != nil {
		return o, &sightline.Error{Kind: sightline.Usage, What: "write captions", Err: err}
	}
	return o, nil
}

// Bounds of what is held at a time, whatever is asked for.
const (
	maxBeam   = 64
	blockRows = 128 // hypotheses written at a time
)

// Generate returns captions of each video, the best first; captions that read the same are given once, so there may be
// fewer than asked for. A video's captions depend on no other video. Frames are read once a video. The model never writes
// [UNK] or another piece that stands for nothing.
func (m *Model) Generate(ctx context.Context, videos []align.Video, options Options) ([][]Hypothesis, error) {
	o, err := m.check(options)
	if err != nil {
		return nil, err
	}
	barred := make([]bool, m.Vocabulary.Len())
	for id := range barred {
		barred[id] = int32(id) != m.Vocabulary.End && m.Vocabulary.Special(int32(id))
	}
	all := make([][]Hypothesis, 0, len(videos))
	block := max(1, blockRows/o.Beam)
	for from := 0; from < len(videos); from += block {
		part := videos[from:min(from+block, len(videos))]
		in, err := m.inputs(align.Fill(part, block))
		if err != nil {
			return nil, fmt.Errorf("write captions: %w", err)
		}
		seen, err := m.read.Run(in...)
		if err != nil {
			return nil, fmt.Errorf("write captions: %w", err)
		}
		beams, err := m.search(ctx, seen, in[1], len(part), barred, o)
		if err != nil {
			return nil, fmt.Errorf("write captions: %w", err)
		}
		for _, b := range beams {
			all = append(all, m.captions(b, o))
		}
		if o.Progress != nil {
			o.Progress(len(all))
		}
	}
	return all, nil
}

// captions returns what a finished beam says.
func (m *Model) captions(b *beam, o Options) []Hypothesis {
	var list []Hypothesis
	for _, h := range b.hypotheses {
		text := m.Vocabulary.Decode(h.tokens[:m.ends(h.tokens)])
		if slices.ContainsFunc(list, func(other Hypothesis) bool { return other.Text == text }) {
			continue
		}
		if list = append(list, Hypothesis{text, h.value}); len(list) == o.Best {
			break
		}
	}
	return list
}

// ends returns the place of the first end, or how many tokens there are.
func (m *Model) ends(tokens []int32) int {
	if at := slices.Index(tokens, m.Vocabulary.End); at >= 0 {
		return at
	}
	return len(tokens)
}

// search runs a beam for each of the first n videos, given what each layer remembers of them, [N, T, W] each, and the mask
// [N, T] of their frames.
func (m *Model) search(ctx context.Context, seen []engine.Array, mask engine.Array, n int, barred []bool, o Options) ([]*beam, error) {
	all := make([]*beam, n)
	for i := range all {
		all[i] = newBeam(o.Beam, m.Vocabulary.End, o.LengthPenalty)
	}
	s := m.start(seen, mask, o)
	open := all // what the first slots hold, as far as it is not done
	slot := make([]int, n)
	for i := range slot {
		slot[i] = i
	}
	for t := 0; t < o.Words && len(open) > 0; t++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		probabilities, err := s.run(t)
		if err != nil {
			return nil, err
		}
		vocabulary := m.Vocabulary.Len()
		for i, b := range open {
			row := slot[i] * o.Beam
			next := func(h int) []float32 { return probabilities[(row+h)*vocabulary:][:vocabulary] }
			if err := b.advance(next, barred); err != nil {
				return nil, err
			}
			for h, kept := range b.hypotheses {
				s.parents[row+h], s.ids[row+h] = int32(row+kept.parent), kept.tokens[t]
			}
		}
		s.remember(t)
		open, slot = stillOpen(open, slot)
		if len(open) > 0 && align.Bucket(len(open)) <= s.slots/2 {
			s.keep(align.Fill(slot, s.slots))
			for i := range slot {
				slot[i] = i
			}
		}
	}
	return all, nil
}

// stillOpen returns the beams that are not done, with their slots.
func stillOpen(open []*beam, slot []int) ([]*beam, []int) {
	var beams []*beam
	var slots []int
	for i, b := range open {
		if !b.done {
			beams, slots = append(beams, b), append(slots, slot[i])
		}
	}
	return beams, slots
}

// state is what the decoder needs from one token to the next. Its slots hold a video each, of which some may be done, and
// beam rows a slot.
type state struct {
	program            *engine.Program
	slots, beam, width int
	mask               engine.Array
	seen               []engine.Array // [slots, T, W], two a layer: keys and values of the frames
	room               int            // tokens that own has room for
	own                [][]float32    // [slots·beam, room, W], two a layer: keys and values of the tokens before
	made               []engine.Array // [slots·beam, 1, W], two a layer, of the token that was read last
	ids, parents       []int32        // [slots·beam]: what is read next, and the row that it goes on from
}

// firstRoom is how many tokens there is room for at first; it doubles when it is full.
const firstRoom = 8

func (m *Model) start(seen []engine.Array, mask engine.Array, o Options) *state {
	s := &state{program: m.next, slots: mask.Shape[0], beam: o.Beam, width: m.Config.Width, mask: mask, seen: seen, room: firstRoom}
	s.ids, s.parents = make([]int32, s.slots*s.beam), make([]int32, s.slots*s.beam)
	for i := range s.ids {
		s.ids[i], s.parents[i] = m.Vocabulary.Start, int32(i)
	}
	for range seen {
		s.own = append(s.own, make([]float32, s.slots*s.beam*s.room*s.width))
	}
	return s
}

// run reads token t of every row and returns the log-probabilities [slots·beam, V] of what comes next.
func (s *state) run(t int) ([]float32, error) {
	past := make([]float32, s.room)
	for i := range t {
		past[i] = 1
	}
	rows := s.slots * s.beam
	in := []engine.Array{engine.Ints(s.ids, rows, 1), engine.Ints([]int32{int32(t)}, 1), engine.Floats(past, 1, s.room), s.mask}
	for i := 0; i < len(s.seen); i += 2 {
		in = append(in, s.seen[i], s.seen[i+1],
			engine.Floats(s.own[i], rows, s.room, s.width), engine.Floats(s.own[i+1], rows, s.room, s.width))
	}
	out, err := s.program.Run(in...)
	if err != nil {
		return nil, err
	}
	if len(out) != 1+len(s.seen) {
		return nil, errors.New("the decoder's layers are not those of what was read")
	}
	s.made = out[1:]
	return engine.Values(out[0]), nil
}

// remember puts token t beside those before it, each row's after those of its parent.
func (s *state) remember(t int) {
	room := s.room
	if t+1 == room {
		room *= 2
	}
	for i, before := range s.own {
		made, after := engine.Values(s.made[i]), make([]float32, s.slots*s.beam*room*s.width)
		for row, parent := range s.parents {
			p := int(parent)
			copy(after[row*room*s.width:], before[p*s.room*s.width:][:t*s.width])
			copy(after[(row*room+t)*s.width:], made[p*s.width:][:s.width])
		}
		s.own[i] = after
	}
	s.room = room
	for row := range s.parents {
		s.parents[row] = int32(row)
	}
}

// keep leaves the given slots, in their order.
func (s *state) keep(slots []int) {
	s.mask = picked(s.mask, slots)
	for i := range s.seen {
		s.seen[i] = picked(s.seen[i], slots)
		s.own[i] = engine.Values(picked(engine.Floats(s.own[i], s.slots, s.beam*s.room*s.width), slots))
	}
	ids := make([]int32, 0, len(slots)*s.beam)
	for _, slot := range slots {
		ids = append(ids, s.ids[slot*s.beam:][:s.beam]...)
	}
	s.slots, s.ids, s.parents = len(slots), ids, s.parents[:len(ids)]
}

// picked returns the rows of an array that are named, in their order.
func picked(a engine.Array, rows []int) engine.Array {
	values, size := engine.Values(a), len(engine.Values(a))/a.Shape[0]
	some := make([]float32, 0, len(rows)*size)
	for _, row := range rows {
		some = append(some, values[row*size:][:size]...)
	}
	return engine.Floats(some, append([]int{len(rows)}, a.Shape[1:]...)...)
}
