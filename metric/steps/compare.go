package steps

import (
	"fmt"
	"slices"

	"sightline"
	"sightline/metric"
)

// Compare tests whether b finds another share of the steps than a does, in the same videos in one order: each of them holds
// the videos of one training, or of several. What several trainings find in a video is averaged, and videos are drawn and
// exchanged whole. The number is the mean over tasks, as in Judge.
func Compare(a, b [][]Video, options metric.Options) (metric.Difference, error) {
	differences, err := compare(a, b, options, func(videos []Video) (metric.Totals, error) {
		tasks, place, err := tasksOf(videos)
		if err != nil {
			return metric.Totals{}, err
		}
		run := recalls(tasks)
		for _, v := range videos {
			run.Items = append(run.Items, v.sums(len(tasks), place[v.Task], v.hits()))
		}
		return run, nil
	})
	if err != nil {
		return metric.Difference{}, err
	}
	return differences[len(differences)-1], nil
}

// CompareLabels tests as Compare does whether b labels frames more rightly than a: over all frames, and over those with a step.
func CompareLabels(a, b [][]Labelled, options metric.Options) ([]metric.Difference, error) {
	return compare(a, b, options, accuracies)
}

func compare[V any](a, b [][]V, options metric.Options, totals func([]V) (metric.Totals, error)) ([]metric.Difference, error) {
	var means [2]metric.Totals
	for i, runs := range [][][]V{a, b} {
		if len(runs) == 0 {
			return nil, unlike("there is no training to compare")
		}
		for n, run := range runs {
			one, err := totals(run)
			if err != nil {
				return nil, err
			}
			if n == 0 {
				means[i] = one
				means[i].Items = make([][]float64, len(one.Items))
				for v, sums := range one.Items {
					means[i].Items[v] = make([]float64, len(sums))
				}
			}
			if len(one.Items) != len(means[i].Items) || !slices.Equal(one.Names, means[i].Names) {
				return nil, unlike("trainings were judged on other videos")
			}
			for v, sums := range one.Items {
				for k, sum := range sums {
					means[i].Items[v][k] += sum / float64(len(runs))
				}
			}
		}
	}
	return metric.CompareTotals(means[0], means[1], options)
}

func unlike(why string) error {
	return &sightline.Error{Kind: sightline.Usage, What: "compare two runs", Err: fmt.Errorf("%s", why), Try: "judge both on the same videos in one order"}
}
