package index

import "slices"

// part is a segment as one generation sees it: without the rows deleted from it.
type part struct {
	*segment
	deleted []string // videos whose rows are gone, sorted
	dead    []uint64 // bit i is set when row i is gone; nil when none is
	live    int      // rows left
}

func newPart(s *segment, deleted []string) *part {
	p := &part{segment: s, live: s.rows}
	p.delete(set(deleted))
	return p
}

// set returns the names as a set, and nil for nil.
func set(names []string) map[string]bool {
	if names == nil {
		return nil
	}
	s := make(map[string]bool, len(names))
	for _, name := range names {
		s[name] = true
	}
	return s
}

// clone returns a copy that later deletions do not touch.
func (p *part) clone() *part {
	q := *p
	q.deleted, q.dead = slices.Clone(p.deleted), slices.Clone(p.dead)
	return &q
}

// delete takes the rows of the videos out and returns their IDs. Names of other videos are ignored.
func (p *part) delete(videos map[string]bool) []uint64 {
	gone := make([]bool, len(p.Videos))
	fresh := 0
	for i, v := range p.Videos {
		if videos[v] && !slices.Contains(p.deleted, v) {
			gone[i] = true
			fresh++
		}
	}
	if fresh == 0 {
		return nil
	}
	for i, v := range p.Videos {
		if gone[i] {
			p.deleted = append(p.deleted, v)
		}
	}
	slices.Sort(p.deleted)
	if p.dead == nil {
		p.dead = make([]uint64, (p.rows+63)/64)
	}
	var ids []uint64
	for i, v := range p.videoOf {
		if gone[v] {
			p.dead[i/64] |= 1 << (i % 64)
			p.live--
			ids = append(ids, p.ids[i])
		}
	}
	return ids
}

func (p *part) isDead(i int) bool { return p.dead != nil && p.dead[i/64]>>(i%64)&1 != 0 }

// rowsLeft yields the rows that are not deleted.
func (p *part) rowsLeft(yield func(noted, []float32) bool) {
	scratch := make([]float32, p.dim)
	for i := range p.rows {
		if !p.isDead(i) && !yield(p.entry(i, scratch)) {
			return
		}
	}
}
