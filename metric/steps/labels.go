package steps

import (
	"fmt"

	"sightline"
	"sightline/metric"
)

// Background is the label of frames that show no step.
const Background = 0

// Labelled is a video whose frames carry one label each: Background, or the number of a step among all of the data set, from
// 1.
type Labelled struct {
	ID               string
	Truth, Predicted []int
}

// Labels returns the label of each of a video's frames, one a second: of the step that covers its middle, of several the one
// given last, and Background where there is none.
func Labels(frames int, spans []sightline.Span, labels []int) []int {
	result := make([]int, frames)
	for i, span := range spans {
		for frame := range result {
			if middle := float64(frame) + 0.5; middle >= span.Start && middle < span.End {
				result[frame] = labels[i]
			}
		}
	}
	return result
}

// LabelReport is COIN's accuracy over frames. Every number is in percent.
type LabelReport struct {
	Videos int `json:"videos"`
	Frames int `json:"frames"` // background included
	// Accuracy is over all frames, background counted as a class like the others.
	Accuracy metric.Estimate `json:"accuracy_with_background"`
	// Steps is over the frames that people gave a step.
	Steps metric.Estimate `json:"accuracy_on_steps"`
	// Background is the share of frames that people gave no step.
	Background float64 `json:"background_share"`
	// Majority is what one label for every frame reaches at best, and Label is that label.
	Majority metric.Estimate `json:"majority"`
	Label    int             `json:"majority_label"`
}

// JudgeLabels computes the accuracy over the frames of all videos, with intervals from drawing videos.
func JudgeLabels(videos []Labelled, options metric.Options) (LabelReport, error) {
	totals, err := accuracies(videos)
	if err != nil {
		return LabelReport{}, err
	}
	report := LabelReport{Videos: len(videos)}
	counts := map[int]int{}
	for _, v := range videos {
		for _, label := range v.Truth {
			counts[label]++
		}
		report.Frames += len(v.Truth)
	}
	estimates, err := totals.Summarize(options)
	if err != nil {
		return LabelReport{}, err
	}
	report.Accuracy, report.Steps = estimates[0], estimates[1]
	report.Background = 100 * float64(counts[Background]) / float64(report.Frames)
	most := 0
	for label, n := range counts {
		if n > most || n == most && label < report.Label {
			most, report.Label = n, label
		}
	}
	report.Majority.Value = 100 * float64(most) / float64(report.Frames)
	return report, nil
}

// accuracies are the totals whose numbers are the accuracy over all frames and over those with a step. It refuses videos that
// cannot be judged.
func accuracies(videos []Labelled) (metric.Totals, error) {
	const what = "judge labelled frames"
	totals := metric.Totals{
		Names: []string{"accuracy with background", "accuracy on steps"},
		Numbers: func(sums []float64) []float64 {
			return []float64{percent(sums[0], sums[1]), percent(sums[2], sums[3])}
		},
	}
	frames := 0
	for _, v := range videos {
		if len(v.Truth) != len(v.Predicted) {
			return metric.Totals{}, &sightline.Error{
				Kind: sightline.Usage, What: what, Err: fmt.Errorf("video %q has %d frames and %d predictions", v.ID, len(v.Truth), len(v.Predicted)),
				Try: "predict one label for every frame",
			}
		}
		sums := make([]float64, 4) // right, frames, and both of frames with a step
		for i, label := range v.Truth {
			right := 0.0
			if label == v.Predicted[i] {
				right = 1
			}
			sums[0] += right
			sums[1]++
			if label != Background {
				sums[2] += right
				sums[3]++
			}
		}
		frames += len(v.Truth)
		totals.Items = append(totals.Items, sums)
	}
	if frames == 0 {
		return metric.Totals{}, &sightline.Error{Kind: sightline.Usage, What: what, Err: fmt.Errorf("there are no frames"), Try: "give at least one video"}
	}
	return totals, nil
}

// percent returns what share part is of whole, 0 of nothing.
func percent(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * part / whole
}
