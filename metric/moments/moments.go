// Package moments says how good a model is at finding the stretch of video that a sentence asks for.
//
// It stands beside metric at the end of the pipeline: lists of predicted stretches go in, recall at overlaps and average
// precisions come out, each with what every query scored, so that metric's intervals and paired tests apply. There are
// three sets of rules: Retrieval (TVR: VCMR, SVMR, VR) and Windows with Highlight (QVHighlights) are those of the official
// scripts, to the rounding, and Ground is R@n, IoU=m and mIoU as usual for Charades-STA, ActivityNet Captions and TACoS. Start
// at Retrieval; Judge turns scores into rows by kind of query and length of moment; Suppression drops near-duplicates;
// RandomSpans and Prior are what one reaches without looking at the query.
//
// It reads no files (dataset does) and never reorders or mends a list: what a model ranked first is what counts.
package moments

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sightline"
	"sightline/metric"
)

// Lists holds for each query, by its id, a model's predictions, best first.
type Lists = map[string][]sightline.VideoMoment

// Task is what is asked of a model.
type Task string

// The tasks.
const (
	VCMR      Task = "VCMR"      // the moment among all videos
	SVMR      Task = "SVMR"      // the moment in its video, by TVR's rules
	VR        Task = "VR"        // the video alone
	Grounding Task = "grounding" // the moment in its video, by the rules of Charades-STA
	MR        Task = "MR"        // all moments in a video, by the rules of QVHighlights
	HL        Task = "HL"        // how well each clip of a video fits, by the rules of QVHighlights
)

var titles = map[Task]string{
	VCMR: "the moment among all videos", SVMR: "the moment in its video", VR: "the video alone",
	Grounding: "the moment in its video", MR: "all moments in a video", HL: "the clips that fit best",
}

// Title names the task for people.
func (t Task) Title() string { return fmt.Sprintf("%s: %s", string(t), titles[t]) }

// Scores is what every query of a task scores in every number.
type Scores struct {
	Task    Task
	Queries []sightline.MomentQuery
	metric.Values
	keys  []string // how the official script names each number; empty without such a script
	brief []string // names of the numbers that tables show; nil means all
}

func newScores(task Task, queries []sightline.MomentQuery) Scores {
	s := Scores{Task: task, Queries: queries}
	for _, q := range queries {
		s.Group = append(s.Group, q.Video)
	}
	return s
}

// name adds a number, by its name and the one the official script gives it.
func (s *Scores) name(key, format string, args ...any) {
	s.keys, s.Names = append(s.keys, key), append(s.Names, fmt.Sprintf(format, args...))
}

// Where returns the scores of some of the queries.
func (s Scores) Where(keep func(sightline.MomentQuery) bool) Scores {
	part := s
	part.Queries, part.Rows, part.Group = nil, nil, nil
	for i, q := range s.Queries {
		if keep(q) {
			part.Queries, part.Rows, part.Group = append(part.Queries, q), append(part.Rows, s.Rows[i]), append(part.Group, s.Group[i])
		}
	}
	return part
}

// hullIoU is the overlap of two spans as every evaluator of the field computes it: the shared time over the time from the
// first start to the last end. That is the intersection over union wherever the two touch, and 0 elsewhere.
func hullIoU[F float32 | float64](start, end, goldStart, goldEnd F) F {
	hull := max(end, goldEnd) - min(start, goldStart)
	if hull == 0 {
		return 0
	}
	return max(0, min(end, goldEnd)-max(start, goldStart)) / hull
}

// match refuses queries without an answer, and lists that are not of exactly these queries.
func match[L any](queries []sightline.MomentQuery, lists map[string]L) error {
	known := map[string]bool{}
	var missing, unknown []string
	for _, q := range queries {
		if len(q.Gold) == 0 {
			return invalid("query %s has no answer to compare with: nothing can be scored on it", q.ID)
		}
		if known[q.ID] {
			return invalid("query %s stands there twice", q.ID)
		}
		known[q.ID] = true
		if _, ok := lists[q.ID]; !ok {
			missing = append(missing, q.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(lists)) {
		if !known[id] {
			unknown = append(unknown, id)
		}
	}
	switch {
	case len(queries) == 0:
		return invalid("there are no queries")
	case len(missing) > 0:
		return invalid("%d of %d queries have no prediction: %s", len(missing), len(queries), few(missing))
	case len(unknown) > 0:
		return invalid("predictions for %d queries that are not asked: %s", len(unknown), few(unknown))
	}
	return nil
}

// inVideo refuses predictions for a query about another video than its own.
func inVideo(q sightline.MomentQuery, list []sightline.VideoMoment) error {
	for _, p := range list {
		if p.Video != q.Video {
			return invalid("query %s is about video %q, its prediction about %q", q.ID, q.Video, p.Video)
		}
	}
	return nil
}

func few(ids []string) string {
	if len(ids) > 3 {
		return strings.Join(ids[:3], ", ") + ", …"
	}
	return strings.Join(ids, ", ")
}

func invalid(format string, args ...any) error {
	return &sightline.Error{
		Kind: sightline.Failed, What: "score moments", Err: fmt.Errorf(format, args...),
		Try: "score predictions against the file of queries that they were made for",
	}
}
