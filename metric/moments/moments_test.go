package moments

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/metric"
)

// at is a prediction in a video.
func at(video string, start, end, score float64) sightline.VideoMoment {
	return sightline.VideoMoment{Video: video, Moment: sightline.Moment{Span: sightline.Span{Start: start, End: end}, Score: score}}
}

func ask(id, video string, gold ...sightline.Span) sightline.MomentQuery {
	return sightline.MomentQuery{ID: id, Video: video, Duration: 100, Gold: gold}
}

// want compares what the queries score with what was worked out by hand.
func want(t *testing.T, s Scores, err error, numbers map[string][]float64) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range numbers {
		m := slices.Index(s.Names, name)
		if m < 0 {
			t.Errorf("no number is called %q: %v", name, s.Names)
			continue
		}
		var got []float64
		for _, row := range s.Rows {
			got = append(got, row[m])
		}
		if len(got) != len(values) {
			t.Errorf("%s: %v, want %v", name, got, values)
			continue
		}
		for i := range values {
			if math.Abs(got[i]-values[i]) > 1e-12 {
				t.Errorf("%s of query %d is %v, want %v", name, i, got[i], values[i])
			}
		}
	}
}

func TestRetrievalByHand(t *testing.T) {
	gold := sightline.Span{Start: 10, End: 20}
	queries := []sightline.MomentQuery{ask("first", "a", gold), ask("second", "a", gold), ask("late", "b", gold), ask("none", "b", gold)}
	lists := Lists{
		"first":  {at("a", 10, 15, 9), at("b", 10, 20, 8)},                                                    // overlap 0.5, reached
		"second": {at("b", 10, 20, 9), at("a", 10, 14.9, 8), at("a", 9, 21, 7)},                               // another video, 0.49, 10/12
		"late":   append(slices.Repeat([]sightline.VideoMoment{at("a", 10, 20, 1)}, 100), at("b", 10, 20, 0)), // the 101st counts nowhere
		"none":   {},
	}
	s, err := Retrieval(VCMR, queries, lists, TVRCuts)
	want(t, s, err, map[string][]float64{
		"R@1 IoU=0.5": {1, 0, 0, 0}, "R@5 IoU=0.5": {1, 1, 0, 0}, "R@1 IoU=0.7": {0, 0, 0, 0}, "R@5 IoU=0.7": {0, 1, 0, 0}, "R@100 IoU=0.5": {1, 1, 0, 0},
	})
	s, err = Retrieval(SVMR, queries, lists, Cuts{IoU: []float64{0.5}, K: []int{1, 2}})
	want(t, s, err, map[string][]float64{"R@1 IoU=0.5": {1, 0, 0, 0}, "R@2 IoU=0.5": {1, 1, 0, 0}})
	s, err = Retrieval(VR, queries, lists, TVRCuts)
	want(t, s, err, map[string][]float64{"R@1": {1, 0, 0, 0}, "R@5": {1, 1, 0, 0}, "R@100": {1, 1, 0, 0}})
}

// The script compares in float32, which decides overlaps that are a threshold in decimal: 17.1/34.2 and 6.6/13.2.
func TestRetrievalComparesInFloat32(t *testing.T) {
	queries := []sightline.MomentQuery{
		ask("under", "a", sightline.Span{Start: 15.5, End: 43.9}), ask("over", "a", sightline.Span{Start: 11.4, End: 18}),
	}
	lists := Lists{"under": {at("a", 9.7, 32.6, 1)}, "over": {at("a", 4.9, 18.1, 1)}}
	s, err := Retrieval(VCMR, queries, lists, TVRCuts)
	want(t, s, err, map[string][]float64{"R@1 IoU=0.5": {0, 1}})
	s, err = Ground(queries, lists, GroundingCuts, 1)
	want(t, s, err, map[string][]float64{"R@1 IoU=0.5": {1, 0}})
}

func TestRetrievalWantsTwoOfFourSpans(t *testing.T) {
	a, b := sightline.Span{Start: 0, End: 10}, sightline.Span{Start: 50, End: 60}
	queries := []sightline.MomentQuery{ask("2", "v", a, b, a, b), ask("1", "v", a, b, b, b, b)}
	lists := Lists{"1": {at("v", 0, 10, 1)}, "2": {at("v", 0, 10, 1)}}
	s, err := Retrieval(SVMR, queries, lists, TVRCuts)
	want(t, s, err, map[string][]float64{"R@1 IoU=0.7": {1, 0}})
	queries[0].Gold = queries[0].Gold[:3]
	if _, err := Retrieval(SVMR, queries, lists, TVRCuts); err == nil {
		t.Error("three gold spans were scored")
	}
}

func TestGroundByHand(t *testing.T) {
	queries := []sightline.MomentQuery{
		ask("one", "v", sightline.Span{Start: 0, End: 10}),
		ask("two", "v", sightline.Span{Start: 0, End: 10}, sightline.Span{Start: 20, End: 30}),
		ask("none", "v", sightline.Span{Start: 0, End: 10}),
	}
	lists := Lists{"one": {at("v", 0, 4, 1), at("v", 0, 8, 0.5)}, "two": {at("v", 20, 25, 1)}, "none": {}}
	s, err := Ground(queries, lists, GroundingCuts, 1)
	want(t, s, err, map[string][]float64{
		"R@1 IoU=0.3": {1, 1, 0}, "R@1 IoU=0.5": {0, 1, 0}, "R@5 IoU=0.5": {1, 1, 0}, "R@5 IoU=0.7": {1, 0, 0}, "mIoU": {0.4, 0.5, 0},
	})
	two := queries[1:2]
	s, err = Ground(two, Lists{"two": {at("v", 0, 30, 1)}}, GroundingCuts, 2)
	want(t, s, err, map[string][]float64{"mIoU": {1.0 / 3}, "R@1 IoU=0.3": {1}})
	if _, err := Ground(queries, lists, GroundingCuts, 2); err == nil {
		t.Error("one gold span, of which two must be reached")
	}
	if _, err := Ground(two, Lists{"two": {at("w", 0, 30, 1)}}, GroundingCuts, 1); err == nil {
		t.Error("a prediction about another video was scored")
	}
}

func TestWindowsByHand(t *testing.T) {
	queries := []sightline.MomentQuery{
		ask("two", "v", sightline.Span{Start: 0, End: 10}, sightline.Span{Start: 20, End: 40}),
		ask("off", "v", sightline.Span{Start: 10, End: 20}),
		ask("none", "v", sightline.Span{Start: 10, End: 50}),
		ask("eleventh", "v", sightline.Span{Start: 10, End: 50}),
	}
	lists := Lists{
		// By score: [20,40], [0,9], [0,10]. Up to 0.9 the second takes the gold [0,10], and the third finds it gone; at 0.95 the
		// second misses and the third hits, with precision 2/3: AP = 1/2·1 + 1/2·2/3.
		"two":      {at("v", 0, 10, 0.5), at("v", 20, 40, 0.9), at("v", 0, 9, 0.8)},
		"off":      {at("v", 10, 14, 0.2), at("v", 10, 16, 0.9)}, // the first overlaps by 0.4, the one of high score by 0.6
		"none":     {},
		"eleventh": append(slices.Repeat([]sightline.VideoMoment{at("v", 90, 99, 1)}, 10), at("v", 10, 50, 2)),
	}
	s, err := Windows(queries, lists, Full)
	want(t, s, err, map[string][]float64{
		"R1@0.5": {1, 0, 0, 0}, "R1@0.95": {1, 0, 0, 0},
		"mAP@0.5": {1, 1, 0, 0}, "mAP@0.65": {1, 0, 0, 0}, "mAP@0.9": {1, 0, 0, 0}, "mAP@0.95": {0.5 + 1.0/3, 0, 0, 0},
		"mAP": {(9 + 0.5 + 1.0/3) / 10, 0.3, 0, 0},
	})
	// In a range the other gold windows are gone and the predictions are not: [20,40] is then a false alarm before [0,9].
	s, err = Windows(queries, lists, Short)
	want(t, s, err, map[string][]float64{"mAP@0.5": {0.5, 1}, "R1@0.5": {1, 0}})
	s, err = Windows(queries, lists, Long)
	want(t, s, err, map[string][]float64{"mAP@0.5": {0, 0}})
	if s, err := Windows(queries[2:], Lists{"none": {}, "eleventh": {}}, Short); err != nil || len(s.Rows) != 0 {
		t.Errorf("a range without moments: %v, %v", s.Rows, err)
	}
}

func TestHighlightByHand(t *testing.T) {
	rated := func(id string) sightline.MomentQuery {
		q := ask(id, "v", sightline.Span{Start: 2, End: 6})
		q.Duration = 8.9 // four whole clips
		q.Saliency = []sightline.Rating{{Clip: 1, Scores: []int{2, 3, 4}}, {Clip: 2, Scores: []int{4, 1, 2}}}
		return q
	}
	queries := []sightline.MomentQuery{rated("short"), rated("tied"), rated("long"), rated("negative")}
	s, err := Highlight(queries, map[string][]float64{
		"short":    {0.1, 0.9, 0.5},              // the fourth clip counts as 0
		"tied":     {0.5, 0.5, 0.5, 0.5},         // one group, whatever the order; the best is clip 0
		"long":     {0.1, 0.9, 0.5, 0, 0.8, 1.5}, // the best lies beyond the video
		"negative": {-3, -1, -2},                 // the padding stands first: clips 3, 1, 2, 0
	})
	want(t, s, err, map[string][]float64{
		// Annotators find clips {1,2}, {1}, {1,2} fair; {2}, {1}, {1} good; {2}, {}, {1} very good.
		"mAP Fair":      {1, (0.5 + 0.25 + 0.5) / 3, 1, (2.0/3 + 0.5 + 2.0/3) / 3},
		"mAP Good":      {(0.5 + 1 + 1) / 3, 0.25, (0.5 + 1 + 1) / 3, (1.0/3 + 0.5 + 0.5) / 3},
		"mAP VeryGood":  {(0.5 + 0 + 1) / 3, (0.25 + 0 + 0.25) / 3, (0.5 + 0 + 1) / 3, (1.0/3 + 0 + 0.5) / 3},
		"Hit1 Fair":     {1, 0, 0, 1},
		"Hit1 VeryGood": {1, 0, 0, 1},
	})
	for name, q := range map[string]sightline.MomentQuery{"no ratings": ask("q", "v", sightline.Span{End: 2}), "clip beyond": func() sightline.MomentQuery {
		q := rated("q")
		q.Duration = 4
		return q
	}()} {
		if _, err := Highlight([]sightline.MomentQuery{q}, map[string][]float64{"q": {1}}); err == nil {
			t.Errorf("%s: scored", name)
		}
	}
	if _, err := Highlight(queries[:1], map[string][]float64{"short": {}}); err == nil {
		t.Error("no saliency scores were scored")
	}
}

func TestScoringRefuses(t *testing.T) {
	gold := sightline.Span{Start: 1, End: 2}
	one := []sightline.MomentQuery{ask("1", "v", gold)}
	for message, c := range map[string]struct {
		queries []sightline.MomentQuery
		lists   Lists
	}{
		"1 of 1 queries have no prediction: 1": {one, Lists{}},
		"not asked: 2":                         {one, Lists{"1": {}, "2": {}}},
		"stands there twice":                   {append(one, one...), Lists{"1": {}}},
		"no answer":                            {[]sightline.MomentQuery{ask("1", "")}, Lists{"1": {}}},
		"there are no queries":                 {nil, Lists{}},
	} {
		for name, score := range map[string]func() (Scores, error){
			"VCMR":      func() (Scores, error) { return Retrieval(VCMR, c.queries, c.lists, TVRCuts) },
			"grounding": func() (Scores, error) { return Ground(c.queries, c.lists, GroundingCuts, 1) },
			"windows":   func() (Scores, error) { return Windows(c.queries, c.lists, Full) },
		} {
			if _, err := score(); err == nil || !strings.Contains(err.Error(), message) {
				t.Errorf("%s, %s: %v", name, message, err)
			}
		}
	}
	if _, err := Retrieval(HL, one, Lists{"1": {}}, TVRCuts); err == nil {
		t.Error("HL was scored by TVR's rules")
	}
}

func TestSuppression(t *testing.T) {
	list := []sightline.VideoMoment{at("a", 0, 10, 0.5), at("b", 0, 10, 0.9), at("a", 1, 10, 0.5), at("a", 30, 40, 0.7), at("b", 5, 10, 0.4)}
	// Of equal scores the earlier stays; an overlap of exactly the threshold stays too; videos do not touch one another.
	got := Suppression{IoU: 0.5}.Corpus(list)
	if want := []sightline.VideoMoment{list[1], list[3], list[0], list[4]}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := (Suppression{IoU: 0.5, Before: 3, After: 1}).Corpus(list); !slices.Equal(got, list[1:2]) {
		t.Errorf("got %v, want the best of three", got)
	}
	if _, err := (Suppression{IoU: 0.5}).Video(list); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("a list of two videos: %v", err)
	}
	if got, err := (Suppression{IoU: 0.5}).Video(nil); err != nil || len(got) != 0 {
		t.Errorf("an empty list: %v, %v", got, err)
	}
	if list[0].Score != 0.5 || list[1].Score != 0.9 {
		t.Error("the list itself was reordered")
	}
}

func TestBaselines(t *testing.T) {
	var queries []sightline.MomentQuery
	videos := []sightline.Video{{ID: "a", Duration: 10}, {ID: "b", Duration: 40}}
	for i := range 400 {
		v := videos[i%2]
		queries = append(queries, sightline.MomentQuery{ID: fmt.Sprint(i), Video: v.ID, Duration: v.Duration, Gold: []sightline.Span{{Start: v.Duration / 4, End: v.Duration / 2}}})
	}
	random, err := RandomSpans(queries, 3, 7)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := RandomSpans(queries, 3, 7)
	if !reflect.DeepEqual(random, again) {
		t.Error("one seed, two answers")
	}
	everywhere, err := RandomMoments(queries, videos, 3, 7)
	if err != nil {
		t.Fatal(err)
	}
	for _, lists := range []Lists{random, everywhere} {
		for _, list := range lists {
			for _, p := range list {
				if p.Start < 0 || p.End < p.Start || p.End > map[string]float64{"a": 10, "b": 40}[p.Video] {
					t.Fatalf("%v lies outside of its video", p)
				}
			}
		}
	}
	s, err := Retrieval(VR, queries, RandomVideos(queries, videos, 5, 7), Cuts{K: []int{1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	means, err := s.Summarize(metric.Options{Resamples: -1})
	if err != nil || math.Abs(means[0].Value-50) > 10 || means[1].Value != 100 {
		t.Errorf("a random order of two videos: %v, %v", means, err)
	}
	// A prior of a training set whose moments all lie in the second quarter hits every one of them.
	prior, err := NewPrior(append([]sightline.MomentQuery{ask("x", "v", sightline.Span{Start: 90, End: 99})}, queries...))
	if err != nil {
		t.Fatal(err)
	}
	lists, err := prior.Spans(queries, 1)
	if err != nil {
		t.Fatal(err)
	}
	s, err = Ground(queries, lists, GroundingCuts, 1)
	want(t, s, err, map[string][]float64{"mIoU": slices.Repeat([]float64{1}, len(queries))})
	unknown := []sightline.MomentQuery{{ID: "q", Video: "v", Gold: []sightline.Span{{Start: 1, End: 2}}}}
	if _, err := RandomSpans(unknown, 1, 0); err == nil {
		t.Error("spans were drawn in a video of unknown duration")
	}
	if _, err := NewPrior(unknown); err == nil {
		t.Error("positions were counted in a video of unknown duration")
	}
	if _, err := NewPrior(nil); err == nil {
		t.Error("there is a prior of nothing")
	}
}

func TestJudge(t *testing.T) {
	queries := []sightline.MomentQuery{
		ask("1", "a", sightline.Span{Start: 0, End: 5}), ask("2", "a", sightline.Span{Start: 0, End: 20}), ask("3", "b", sightline.Span{Start: 0, End: 200}),
	}
	for i, kind := range []string{"vt", "v", "v"} {
		queries[i].Kind = kind
	}
	s, err := Ground(queries, Lists{"1": {at("a", 0, 5, 1)}, "2": {at("a", 0, 5, 1)}, "3": {at("b", 0, 200, 1)}}, GroundingCuts, 1)
	if err != nil {
		t.Fatal(err)
	}
	parts := append(s.Parts(), Part{"baseline", "itself", s})
	judgement, err := Judge(parts, metric.Options{Resamples: 100})
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, row := range judgement.Rows {
		last := row.Numbers[len(row.Numbers)-1]
		rows = append(rows, fmt.Sprintf("%s %s %d %.2f %v", row.By, row.Name, row.Queries, last.Value, last.Interval != nil))
	}
	wanted := []string{
		"all all 3 75.00 true", "kind v 2 62.50 true", "kind vt 1 100.00 true",
		"length short 1 100.00 true", "length middle 1 25.00 true", "length long 1 100.00 true", "baseline itself 3 75.00 false",
	}
	if !slices.Equal(rows, wanted) || judgement.Videos != 2 {
		t.Errorf("got %q of %d videos, want %q", rows, judgement.Videos, wanted)
	}
	var text strings.Builder
	if err := judgement.Grid().Write(&text, 0); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(text.String(), "\n"); len(lines) != 10 || !strings.HasPrefix(lines[2], "all 3 queries") || !strings.HasPrefix(lines[3], "  kind v (2)") {
		t.Errorf("the table is\n%s", text.String())
	}
}
