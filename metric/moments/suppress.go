package moments

import (
	"cmp"
	"fmt"
	"slices"

	"sightline"
)

// Suppression drops predictions that overlap with a better one (temporal non-maximum suppression).
type Suppression struct {
	IoU    float64 // a prediction goes when it overlaps with a better one by more than this
	Before int     // how many predictions of the list are looked at; 0 means all
	After  int     // how many are kept at most; 0 means 100
}

// Video suppresses in the list of one video. Predictions come back by score, the earlier first of equals.
//
// A list that speaks of more than one video is an error. The script of TVR (and those of XML and ReLoCLNet, which import it)
// passes rows [video, start, end, score] of SVMR to a function that expects [start, end, score], so that the video's number
// becomes the start; HERO takes the column off first, and so is it done here.
func (s Suppression) Video(list []sightline.VideoMoment) ([]sightline.VideoMoment, error) {
	for _, p := range list {
		if p.Video != list[0].Video {
			return nil, &sightline.Error{
				Kind: sightline.Usage, What: "suppress near-duplicates in one video", Err: fmt.Errorf("the list speaks of %q and of %q", list[0].Video, p.Video),
				Try: "drop the rows of other videos first, or suppress in each video of the corpus",
			}
		}
	}
	return s.Corpus(list), nil
}

// Corpus suppresses in each video of a list by itself, and lists what is left by score, the earlier first of equals.
func (s Suppression) Corpus(list []sightline.VideoMoment) []sightline.VideoMoment {
	if s.Before > 0 {
		list = list[:min(len(list), s.Before)]
	}
	after := s.After
	if after == 0 {
		after = listed
	}
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b sightline.VideoMoment) int { return compareDown(a.Score, b.Score) })
	kept := map[string][]sightline.Span{}
	var result []sightline.VideoMoment
	for _, p := range sorted {
		if len(result) == after {
			break
		}
		if !slices.ContainsFunc(kept[p.Video], func(k sightline.Span) bool { return hullIoU(k.Start, k.End, p.Start, p.End) > s.IoU }) {
			kept[p.Video] = append(kept[p.Video], p.Span)
			result = append(result, p)
		}
	}
	return result
}

// compareDown orders scores from high to low.
func compareDown(a, b float64) int { return cmp.Compare(b, a) }
