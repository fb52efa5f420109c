package index

import (
	"context"
	"fmt"
	"slices"

	"sightline"
)

// segmentBytes is how many bytes of vectors make a full segment: added rows are moved from memory to a segment when they
// reach it, and segments are merged up to it.
const segmentBytes = 128 << 20

// draft is the next generation in the making, for the folder and for memory alike.
type draft struct {
	layout    Layout
	dim       int // 0 until there is a row
	fullBytes int // segmentBytes, or less in tests
	store     func(dim int, rows rowSeq) (*segment, error)

	parts   []*part // oldest first; segments are held
	rows    []Row   // added, not in a segment yet
	vectors []float32
	notes   []float32
	ids     map[uint64]bool // of all rows; made by the first Add
	changed bool            // since the last publish
}

func (d *draft) full() int { return max(1, d.fullBytes/(4*d.dim)) }

func (d *draft) add(rows []Row, vectors, notes sightline.Matrix) error {
	if err := checkRows(rows, vectors, d.dim); err != nil {
		return err
	}
	if err := checkLayout(d.layout, rows, vectors, notes); err != nil {
		return err
	}
	if len(rows) == 0 {
		return nil
	}
	if d.dim > 0 {
		if err := d.flush(d.full()); err != nil {
			return err
		}
	}
	if d.ids == nil {
		d.ids = map[uint64]bool{}
		for _, p := range d.parts {
			for row := range p.rowsLeft {
				d.ids[row.ID] = true
			}
		}
	}
	for i, row := range rows {
		if d.ids[row.ID] {
			for _, taken := range rows[:i] {
				delete(d.ids, taken.ID)
			}
			return &sightline.Error{
				Kind: sightline.Failed,
				What: fmt.Sprintf("row %d of video %q", i, row.VideoID),
				Err:  fmt.Errorf("ID %d is taken", row.ID),
				Try:  "delete the video from the index before adding it again",
			}
		}
		d.ids[row.ID] = true
	}
	d.dim = vectors.Cols
	d.rows = append(d.rows, rows...)
	d.vectors = append(d.vectors, vectors.Data...)
	d.notes = append(d.notes, notes.Data...)
	d.changed = true
	return nil
}

func (d *draft) delete(videoIDs []string) {
	gone := set(videoIDs)
	for _, p := range d.parts {
		for _, id := range p.delete(gone) {
			delete(d.ids, id)
			d.changed = true
		}
	}
	kept := 0
	for i, row := range d.rows {
		if gone[row.VideoID] {
			delete(d.ids, row.ID)
			continue
		}
		d.rows[kept] = row
		copy(d.vectors[kept*d.dim:], d.vectors[i*d.dim:(i+1)*d.dim])
		copy(d.notes[kept*d.layout.Notes:], d.notes[i*d.layout.Notes:(i+1)*d.layout.Notes])
		kept++
	}
	d.rows, d.vectors, d.notes = d.rows[:kept], d.vectors[:kept*d.dim], d.notes[:kept*d.layout.Notes]
}

// flush moves rows from memory to segments, as long as there are at least so many. Rows of a video that were added
// together stay together.
func (d *draft) flush(least int) error {
	if len(d.rows) < least {
		return nil
	}
	for len(d.rows) >= least {
		n, c := d.cut(), d.layout.Notes
		s, err := d.store(d.dim, func(yield func(noted, []float32) bool) {
			for i, row := range d.rows[:n] {
				if !yield(noted{Row: row, notes: d.notes[i*c : (i+1)*c]}, d.vectors[i*d.dim:(i+1)*d.dim]) {
					return
				}
			}
		})
		if err != nil {
			return err
		}
		d.parts = append(d.parts, newPart(s, nil))
		d.rows, d.vectors, d.notes = d.rows[n:], d.vectors[n*d.dim:], d.notes[n*c:]
	}
	d.rows, d.vectors, d.notes = slices.Clone(d.rows), slices.Clone(d.vectors), slices.Clone(d.notes) // lets the rest be freed
	return nil
}

// cut returns how many of the rows in memory make the next segment: a full one, less the video that does not fit whole,
// or that video alone.
func (d *draft) cut() int {
	n := d.full()
	if n >= len(d.rows) {
		return len(d.rows)
	}
	from, to := n, n
	for from > 0 && d.rows[from-1].VideoID == d.rows[n].VideoID {
		from--
	}
	if from > 0 {
		return from
	}
	for to < len(d.rows) && d.rows[to].VideoID == d.rows[0].VideoID {
		to++
	}
	return to
}

// settle brings all rows into segments that are few, and mostly alive: neighbours are merged while the newer has more
// than half the rows of the older and both fit into a full segment, so their number grows with the logarithm of the rows
// and each row is rewritten as often; a segment is rewritten alone when more than a quarter of it is dead.
func (d *draft) settle(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.flush(1); err != nil {
		return err
	}
	d.parts = slices.DeleteFunc(d.parts, func(p *part) bool {
		if p.live == 0 {
			p.release()
		}
		return p.live == 0
	})
	for at, n := range d.plan() {
		if n == 1 && d.parts[at].rows-d.parts[at].live <= d.parts[at].rows/4 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.merge(at, n); err != nil {
			return err
		}
	}
	return nil
}

// plan yields for each group of neighbours that belong together its position once the groups before it are merged into
// one each, and its size.
func (d *draft) plan() func(yield func(at, n int) bool) {
	type group struct{ n, live int }
	var groups []group
	for _, p := range d.parts {
		groups = append(groups, group{1, p.live})
		for len(groups) > 1 {
			older, newer := groups[len(groups)-2], groups[len(groups)-1]
			if 2*newer.live <= older.live || older.live+newer.live > d.full() {
				break
			}
			groups = append(groups[:len(groups)-2], group{older.n + newer.n, older.live + newer.live})
		}
	}
	return func(yield func(at, n int) bool) {
		for at, g := range groups {
			if !yield(at, g.n) {
				return
			}
		}
	}
}

// merge replaces n parts by one with the rows left in them.
func (d *draft) merge(at, n int) error {
	old := d.parts[at : at+n]
	for _, p := range old {
		if err := p.verify(); err != nil { // damage must not get a fresh checksum
			return fmt.Errorf("segment %s: %w", p.name, err)
		}
	}
	s, err := d.store(d.dim, func(yield func(noted, []float32) bool) {
		for _, p := range old {
			for row, vector := range p.rowsLeft {
				if !yield(row, vector) {
					return
				}
			}
		}
	})
	if err != nil {
		return err
	}
	for _, p := range old {
		p.release()
	}
	d.parts = slices.Replace(d.parts, at, at+n, newPart(s, nil))
	return nil
}

// close gives up the segments.
func (d *draft) close() {
	for _, p := range d.parts {
		p.release()
	}
	d.parts = nil
}
