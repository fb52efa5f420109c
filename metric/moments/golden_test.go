package moments

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sightline"
	"sightline/internal/golden"
)

// Layout of the golden files, which is that of TVR.
type (
	tvrQuery struct {
		ID       int             `json:"desc_id"`
		Video    string          `json:"vid_name"`
		Duration float64         `json:"duration"`
		Times    json.RawMessage `json:"ts"`
		Kind     string          `json:"type"`
	}
	tvrList struct {
		ID          int         `json:"desc_id"`
		Predictions [][]float64 `json:"predictions"`
	}
	tvrSubmission struct {
		Videos map[string]int `json:"video2idx"`
		VCMR   []tvrList
		SVMR   []tvrList
		VR     []tvrList
	}
	tvrMetrics map[string]map[string]any
)

func queriesOf(t *testing.T, gold []tvrQuery) []sightline.MomentQuery {
	var queries []sightline.MomentQuery
	for _, g := range gold {
		q := sightline.MomentQuery{ID: strconv.Itoa(g.ID), Video: g.Video, Duration: g.Duration, Kind: g.Kind}
		var one [2]float64
		var many [][2]float64
		if json.Unmarshal(g.Times, &one) == nil {
			many = append(many, one)
		} else if err := json.Unmarshal(g.Times, &many); err != nil {
			t.Fatal(err)
		}
		for _, span := range many {
			q.Gold = append(q.Gold, sightline.Span{Start: span[0], End: span[1]})
		}
		queries = append(queries, q)
	}
	return queries
}

// lists returns the lists of a task by query.
func (s tvrSubmission) lists(of []tvrList) Lists {
	names := map[int]string{}
	for name, i := range s.Videos {
		names[i] = name
	}
	lists := Lists{}
	for _, list := range of {
		id := strconv.Itoa(list.ID)
		lists[id] = []sightline.VideoMoment{}
		for _, p := range list.Predictions {
			lists[id] = append(lists[id], sightline.VideoMoment{
				Video: names[int(p[0])], Moment: sightline.Moment{Span: sightline.Span{Start: p[1], End: p[2]}, Score: p[3]},
			})
		}
	}
	return lists
}

func (s tvrSubmission) tasks() map[Task]Lists {
	return map[Task]Lists{VCMR: s.lists(s.VCMR), SVMR: s.lists(s.SVMR), VR: s.lists(s.VR)}
}

// cutsOf reads the thresholds and cut-offs from the names of the expected numbers, such as 0.5-r10.
func cutsOf(t *testing.T, want tvrMetrics) Cuts {
	var cuts Cuts
	for name := range want["VCMR"] {
		iou, k, ok := strings.Cut(name, "-r")
		threshold, err := strconv.ParseFloat(iou, 64)
		if !ok || err != nil {
			t.Fatalf("%q is no number of VCMR", name)
		}
		n, err := strconv.Atoi(k)
		if err != nil {
			t.Fatal(err)
		}
		cuts.IoU, cuts.K = append(cuts.IoU, threshold), append(cuts.K, n)
	}
	slices.Sort(cuts.IoU)
	slices.Sort(cuts.K)
	cuts.IoU, cuts.K = slices.Compact(cuts.IoU), slices.Compact(cuts.K)
	return cuts
}

// sameMetrics compares all numbers, to the printed digit.
func sameMetrics(t *testing.T, what string, queries []sightline.MomentQuery, lists map[Task]Lists, want tvrMetrics) {
	t.Helper()
	var all []Scores
	for _, task := range []Task{VCMR, SVMR, VR} {
		if len(lists[task]) == 0 {
			continue // this file has no such task
		}
		s, err := Retrieval(task, queries, lists[task], cutsOf(t, want))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	got, err := TVRMetrics(all)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) < 3 {
		t.Fatalf("%s: only %d groups of numbers", what, len(want))
	}
	for group, numbers := range want {
		if !reflect.DeepEqual(got[group], numbers) {
			t.Errorf("%s, %s:\n got %v\nwant %v", what, group, got[group], numbers)
		}
		delete(got, group)
	}
	if len(got) > 0 {
		t.Errorf("%s: numbers that the script does not print: %v", what, got)
	}
}

func TestGoldenTVREval(t *testing.T) {
	var gold []tvrQuery
	var submission tvrSubmission
	var metrics map[string]tvrMetrics
	golden.JSON(t, "moments", "tvr_eval/gt.json", &gold)
	golden.JSON(t, "moments", "tvr_eval/submission.json", &submission)
	golden.JSON(t, "moments", "tvr_eval/metrics.json", &metrics)
	for name, want := range metrics {
		sameMetrics(t, name, queriesOf(t, gold), submission.tasks(), want)
	}
}

func TestGoldenTVREvalDiDeMo(t *testing.T) {
	var file struct {
		Gold       []tvrQuery    `json:"gt"`
		Submission tvrSubmission `json:"submission"`
		Metrics    tvrMetrics    `json:"metrics"`
	}
	golden.JSON(t, "moments", "tvr_eval/didemo_multi_gt.json", &file)
	queries := queriesOf(t, file.Gold)
	for i := range queries {
		queries[i].Kind = "" // the numbers were made without types
	}
	sameMetrics(t, "DiDeMo", queries, file.Submission.tasks(), file.Metrics)
}

func TestGoldenTVREvalAfterNMS(t *testing.T) {
	var gold []tvrQuery
	var submission tvrSubmission
	type counts struct{ VCMR, SVMR int }
	var files map[string]struct {
		Before     counts        `json:"max_before_nms"`
		After      counts        `json:"max_after_nms"`
		Submission tvrSubmission `json:"submission"`
		Metrics    tvrMetrics    `json:"metrics"`
	}
	golden.JSON(t, "moments", "tvr_eval/gt.json", &gold)
	golden.JSON(t, "moments", "tvr_eval/submission.json", &submission)
	golden.JSON(t, "moments", "tvr_eval/after_nms.json", &files)
	queries := queriesOf(t, gold)
	before := submission.tasks()
	for threshold, file := range files {
		iou, err := strconv.ParseFloat(threshold, 64)
		if err != nil {
			t.Fatal(err)
		}
		want := file.Submission.tasks()
		sameMetrics(t, "after NMS "+threshold, queries, want, file.Metrics)
		compared := 0
		for _, q := range queries {
			vcmr := Suppression{IoU: iou, Before: file.Before.VCMR, After: file.After.VCMR}.Corpus(before[VCMR][q.ID])
			if !slices.Equal(vcmr, want[VCMR][q.ID]) {
				t.Errorf("VCMR, NMS %s, query %s:\n got %v\nwant %v", threshold, q.ID, vcmr, want[VCMR][q.ID])
			}
			list := before[SVMR][q.ID]
			nms := Suppression{IoU: iou, Before: file.Before.SVMR, After: file.After.SVMR}
			if list[0].Video != q.Video {
				// The reference relabelled these lists with the gold video; ours refuses them.
				if _, err := nms.Video(list); err == nil {
					t.Errorf("SVMR, query %s: a list of several videos was taken for one", q.ID)
				}
				continue
			}
			compared++
			svmr, err := nms.Video(list)
			if err != nil {
				t.Error(err)
			}
			if !slices.Equal(svmr, want[SVMR][q.ID]) {
				t.Errorf("SVMR, NMS %s, query %s:\n got %v\nwant %v", threshold, q.ID, svmr, want[SVMR][q.ID])
			}
		}
		if compared == 0 {
			t.Error("no SVMR list was compared")
		}
	}
}

func TestGoldenNMSCases(t *testing.T) {
	var cases []struct {
		Predictions [][3]float64 `json:"predictions"`
		IoU         float64      `json:"nms_threshold"`
		After       int          `json:"max_after_nms"`
		Out         [][3]float64 `json:"out"`
	}
	golden.JSON(t, "moments", "tvr_eval/nms_cases.json", &cases)
	for i, c := range cases {
		var list []sightline.VideoMoment
		for _, p := range c.Predictions {
			list = append(list, sightline.VideoMoment{Video: "v", Moment: sightline.Moment{Span: sightline.Span{Start: p[0], End: p[1]}, Score: p[2]}})
		}
		kept, err := Suppression{IoU: c.IoU, After: c.After}.Video(list)
		if err != nil {
			t.Fatal(err)
		}
		var got [][3]float64
		for _, p := range kept {
			got = append(got, [3]float64{p.Start, p.End, p.Score})
		}
		if !slices.Equal(got, c.Out) {
			t.Errorf("case %d:\n got %v\nwant %v", i, got, c.Out)
		}
	}
}

func TestGoldenIoU(t *testing.T) {
	v := golden.Open(t, "moments", "tvr_eval/iou.npz")
	gold := v.Array("gt").Float32s()
	var got []float32
	for p := range slices.Chunk(v.Array("preds").Float32s(), 2) {
		got = append(got, hullIoU(p[0], p[1], gold[0], gold[1]))
	}
	golden.Close(t, "IoU", got, v.Array("iou").Float32s(), 0, 0)
	for _, want := range v.Array("zero_union").Float32s() {
		if got := hullIoU[float32](3, 3, 3, 3); got != want {
			t.Errorf("IoU of nothing with nothing is %v, want %v", got, want)
		}
	}
}
