package main

import (
	"slices"

	"sightline"
	"sightline/dataset"
	"sightline/metric/moments"
)

// momentYardstick is a set of rules with the queries they are applied to.
type momentYardstick struct {
	rules string // "tvr", "grounding" or "qvhighlights"
	cuts  moments.Cuts
	gold  dataset.Moments
}

// score scores every task of an answer: its parts, of which the first holds all queries.
func (y momentYardstick) score(answer momentAnswer) ([][]moments.Part, error) {
	var tasks [][]moments.Part
	for _, task := range answer.tasks() {
		scores, err := y.scoreTask(task, answer.lists[task])
		if err != nil {
			return nil, err
		}
		parts := scores.Parts()
		if task == moments.MR {
			// QVHighlights' ranges are no parts of the queries: in each, the other moments of a query are gone.
			parts = parts[:1]
			for _, r := range []moments.Range{moments.Short, moments.Middle, moments.Long} {
				part, err := moments.Windows(y.gold.Queries, answer.lists[task], r)
				if err != nil {
					return nil, err
				}
				if len(part.Queries) > 0 {
					parts = append(parts, moments.Part{By: "length", Name: r.Name, Scores: part})
				}
			}
		}
		tasks = append(tasks, parts)
	}
	if answer.saliency != nil {
		scores, err := moments.Highlight(y.gold.Queries, answer.saliency)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, scores.Parts())
	}
	return tasks, nil
}

func (y momentYardstick) scoreTask(task moments.Task, lists moments.Lists) (moments.Scores, error) {
	switch task {
	case moments.MR:
		return moments.Windows(y.gold.Queries, lists, moments.Full)
	case moments.Grounding:
		return moments.Ground(y.gold.Queries, lists, y.cuts, y.gold.Agree)
	}
	return moments.Retrieval(task, y.gold.Queries, lists, y.cuts)
}

// official returns the numbers under the names that the official script gives them; nil where there is no such script.
func (y momentYardstick) official(tasks [][]moments.Part) (map[string]map[string]any, error) {
	switch y.rules {
	case "tvr":
		var scores []moments.Scores
		for _, parts := range tasks {
			scores = append(scores, parts[0].Scores)
		}
		return moments.TVRMetrics(scores)
	case "qvhighlights":
		windows := map[string]moments.Scores{}
		var highlight *moments.Scores
		for _, parts := range tasks {
			if parts[0].Scores.Task == moments.HL {
				highlight = &parts[0].Scores
				continue
			}
			windows[moments.Full.Name] = parts[0].Scores
			for _, part := range parts[1:] {
				windows[part.Name] = part.Scores
			}
		}
		return moments.QVHighlightsMetrics(windows, highlight)
	}
	return nil, nil
}

// baselines returns for each task what is reached without looking at the query: by chance and, with a file of training
// queries, by their most common positions.
func (y momentYardstick) baselines(tasks [][]moments.Part, prior string, seed uint64) (rows [][]moments.Part, notes []string, err error) {
	var positions moments.Prior
	if prior != "" {
		train, err := dataset.ReadMoments(prior, "", nil)
		if err != nil {
			return nil, nil, err
		}
		if positions, err = moments.NewPrior(train.Queries); err != nil {
			return nil, nil, err
		}
	}
	rows = make([][]moments.Part, len(tasks))
	if slices.ContainsFunc(y.gold.Videos, func(v sightline.Video) bool { return v.Duration <= 0 }) {
		return rows, []string{"no baselines: not all durations are known"}, nil
	}
	for i, parts := range tasks {
		task := parts[0].Scores.Task
		add := func(name string, scores moments.Scores, err error) error {
			rows[i] = append(rows[i], moments.Part{By: "baseline", Name: name, Scores: scores})
			return err
		}
		if task == moments.HL {
			scores, err := moments.Highlight(y.gold.Queries, moments.RandomSaliency(y.gold.Queries, seed))
			if err := add("random ratings", scores, err); err != nil {
				return nil, nil, err
			}
			continue
		}
		name, lists, err := y.random(task, seed)
		if err != nil {
			return nil, nil, err
		}
		scores, err := y.scoreTask(task, lists)
		if err := add(name, scores, err); err != nil {
			return nil, nil, err
		}
		if positions == nil || task == moments.VR || task == moments.VCMR {
			continue
		}
		if lists, err = positions.Spans(y.gold.Queries, y.listed()); err != nil {
			return nil, nil, err
		}
		scores, err = y.scoreTask(task, lists)
		if err := add("position prior", scores, err); err != nil {
			return nil, nil, err
		}
	}
	return rows, nil, nil
}

// listed is how many predictions a baseline makes for a query: as many as can count.
func (y momentYardstick) listed() int { return slices.Max(append([]int{10}, y.cuts.K...)) }

// random answers a task by chance, among the videos of the gold file.
func (y momentYardstick) random(task moments.Task, seed uint64) (name string, lists moments.Lists, err error) {
	name = "random spans"
	switch task {
	case moments.VR:
		name, lists = "random videos", moments.RandomVideos(y.gold.Queries, y.gold.Videos, y.listed(), seed)
	case moments.VCMR:
		lists, err = moments.RandomMoments(y.gold.Queries, y.gold.Videos, y.listed(), seed)
	default:
		lists, err = moments.RandomSpans(y.gold.Queries, y.listed(), seed)
	}
	return name, lists, err
}
