package dataset

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sightline"
)

// predicted are small submissions in both layouts.
var predicted = map[string]string{
	"tvr": `{"VCMR": [{"desc_id": 3, "desc": "x", "predictions": [[8, 1.5, 4.5, 0.9], [7, 0, 3, 0.5]]}],
"video2idx": {"a": 7, "b": 8}, "VR": [{"desc_id": 3, "predictions": [[7, 0, 0]]}]}`,
	"windows": `{"query": "x", "qid": 3, "vid": "a", "pred_relevant_windows": [[1.5, 4.5, 0.9], [0, 3, 0.5]], "pred_saliency_scores": [0.5, -1]}
{"qid": "s_1", "vid": "b", "pred_relevant_windows": [], "pred_saliency_scores": [1]}
`,
}

func readText(t testing.TB, text string) (Submission, error) {
	return ReadSubmission(filepath.Join(write(t, map[string]string{"p.json": text}), "p.json"))
}

func moment(video string, start, end, score float64) sightline.VideoMoment {
	return sightline.VideoMoment{Video: video, Moment: sightline.Moment{Span: sightline.Span{Start: start, End: end}, Score: score}}
}

func TestReadSubmission(t *testing.T) {
	tvr, err := readText(t, predicted["tvr"])
	if want := (Submission{
		Tasks: map[string]map[string][]sightline.VideoMoment{
			"VCMR": {"3": {moment("b", 1.5, 4.5, 0.9), moment("a", 0, 3, 0.5)}}, "VR": {"3": {moment("a", 0, 0, 0)}},
		},
		Videos: map[string]int{"a": 7, "b": 8},
	}); err != nil || !reflect.DeepEqual(tvr, want) {
		t.Errorf("got %+v, %v, want %+v", tvr, err, want)
	}
	windows, err := readText(t, predicted["windows"])
	if want := (Submission{
		Tasks: map[string]map[string][]sightline.VideoMoment{
			WindowTask: {"3": {moment("a", 1.5, 4.5, 0.9), moment("a", 0, 3, 0.5)}, "s_1": {}},
		},
		Saliency: map[string][]float64{"3": {0.5, -1}, "s_1": {1}},
	}); err != nil || !reflect.DeepEqual(windows, want) {
		t.Errorf("got %+v, %v, want %+v", windows, err, want)
	}
}

// Whatever is wrong is told with file, line and place.
func TestReadSubmissionNamesThePlace(t *testing.T) {
	tvr := func(list string) string { return "{\"video2idx\": {\"a\": 7},\n\"SVMR\": [" + list + "]}" }
	windows := func(line string) string { return predicted["windows"] + line }
	for name, c := range map[string]struct{ text, want string }{
		"backwards":        {tvr(`{"desc_id": 1, "predictions": [[7, 1, 2, 1], [7, 5, 4, 1]]}`), "p.json:2: SVMR[0].predictions[1] ends at 4 s, before its start at 5 s"},
		"unknown video":    {tvr(`{"desc_id": 1, "predictions": [[8, 1, 2, 1]]}`), "p.json:2: SVMR[0].predictions[0]: video 8 is not in video2idx"},
		"half a video":     {tvr(`{"desc_id": 1, "predictions": [[7.5, 1, 2, 1]]}`), "SVMR[0].predictions[0]: 7.5 is no number of a video"},
		"two numbers":      {tvr(`{"desc_id": 1, "predictions": [[7, 1]]}`), "SVMR[0].predictions[0] has 2 numbers, not [video, start, end, score]"},
		"twice":            {tvr(`{"desc_id": 1, "predictions": []},` + "\n" + `{"desc_id": 1, "predictions": []}`), "p.json:3: SVMR[1].desc_id: query 1 stands there twice"},
		"no id":            {tvr(`{"predictions": []}`), "SVMR[0]: there is no desc_id"},
		"no predictions":   {tvr(`{"desc_id": 1}`), "SVMR[0] has no predictions"},
		"NaN":              {tvr(`{"desc_id": 1, "predictions": [[7, NaN, 2, 1]]}`), "p.json:2: SVMR[0]: invalid character 'N'"},
		"a name":           {tvr(`{"desc_id": 1, "predictions": [["a", 1, 2, 1]]}`), "p.json:2: SVMR[0]: "},
		"same number":      {`{"video2idx": {"a": 7, "b": 7}, "VR": []}`, "p.json:1: video2idx: a and b have one number, 7"},
		"same video":       {`{"video2idx": {"a": 7, "a": 8}, "VR": []}`, "video2idx.a stands there twice"},
		"no number":        {`{"video2idx": {"a": "7"}, "VR": []}`, "video2idx.a: "},
		"no video2idx":     {`{"VR": []}`, "there is no video2idx"},
		"no task":          {`{"video2idx": {}}`, "there is none of VCMR, SVMR, VR"},
		"task twice":       {`{"video2idx": {}, "VR": [], "VR": []}`, "VR stands there twice"},
		"another task":     {`{"video2idx": {}, "VQA": []}`, `"VQA" is neither video2idx nor`},
		"more text":        {`{"video2idx": {}, "VR": []} {}`, "behind the end of the document"},
		"truncated":        {`{"video2idx": {"a": 7}, "VR": [`, "unexpected EOF"},
		"another object":   {`{"a": 1}`, "neither a submission with video2idx nor lines with qid"},
		"a list":           {`[]`, "found [ where { should be"},
		"empty":            {``, "unexpected EOF"},
		"line backwards":   {windows(`{"qid": 9, "vid": "a", "pred_relevant_windows": [[5, 4, 1]], "pred_saliency_scores": [1]}`), "p.json:3: query 9: pred_relevant_windows[0] ends at 4 s"},
		"line twice":       {windows(`{"qid": 3, "vid": "a", "pred_relevant_windows": [], "pred_saliency_scores": [1]}`), "p.json:3: query 3 stands there twice"},
		"line with two":    {windows(`{"qid": 9, "vid": "a", "pred_relevant_windows": [[4, 5]], "pred_saliency_scores": [1]}`), "pred_relevant_windows[0] has 2 numbers"},
		"line without qid": {windows(`{"vid": "a", "pred_relevant_windows": []}`), "p.json:3: there is no qid"},
		"line without vid": {windows(`{"qid": 9, "pred_relevant_windows": []}`), "p.json:3: query 9 has no vid"},
		"line without any": {windows(`{"qid": 9, "vid": "a"}`), "p.json:3: query 9 has no pred_relevant_windows"},
		"some saliency":    {windows(`{"qid": 9, "vid": "a", "pred_relevant_windows": []}`), "p.json:3: query 9: some lines have pred_saliency_scores"},
		"empty saliency":   {windows(`{"qid": 9, "vid": "a", "pred_relevant_windows": [], "pred_saliency_scores": []}`), "p.json:3: query 9: pred_saliency_scores is empty"},
		"NaN in a line":    {windows(`{"qid": 9, "vid": "a", "pred_relevant_windows": [[NaN, 1, 1]]}`), "p.json:3: not a JSON object"},
		"half an id":       {windows(`{"qid": 9.5, "vid": "a", "pred_relevant_windows": []}`), "p.json:3: the id 9.5"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := readText(t, c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it; read %+v", err, c.want, s)
			}
		})
	}
	if _, err := ReadSubmission(filepath.Join(t.TempDir(), "absent")); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("an absent file: %v", err)
	}
}

func TestWriteSubmission(t *testing.T) {
	queries := []sightline.MomentQuery{{ID: "s_1", Text: "y", Video: "b"}, {ID: "3", Text: "x", Video: "a"}}
	for layout, text := range predicted {
		s, err := readText(t, text)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if layout == "tvr" {
			err = s.WriteTVR(&out, queries[1:])
		} else {
			err = s.WriteWindows(&out, queries)
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := readText(t, out.String())
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%s: wrote %s, read %+v, %v", layout, out.String(), again, err)
		}
	}
}

func TestWriteSubmissionRefuses(t *testing.T) {
	query := []sightline.MomentQuery{{ID: "1", Video: "a"}}
	with := func(task string, rows ...sightline.VideoMoment) Submission {
		return Submission{Tasks: map[string]map[string][]sightline.VideoMoment{task: {"1": rows}}, Videos: map[string]int{"a": 1, "c": 2}}
	}
	for want, s := range map[string]Submission{
		"runs from NaN to 1":         with("VR", moment("a", math.NaN(), 1, 0)),
		"scores +Inf":                with("VR", moment("a", 0, 1, math.Inf(1))),
		"ends at 1 s, before":        with("VR", moment("a", 2, 1, 0)),
		`video "b" has no number`:    with("VR", moment("b", 0, 1, 0)),
		"VQA is no task":             with("VQA"),
		"query 1 has no predictions": {Tasks: map[string]map[string][]sightline.VideoMoment{"VR": {}}},
	} {
		if err := s.WriteTVR(&strings.Builder{}, query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	silent := with(WindowTask, moment("a", 0, 1, 0))
	silent.Saliency = map[string][]float64{"2": {1}}
	for want, s := range map[string]Submission{
		`is about video "a", its prediction about "c"`: with(WindowTask, moment("c", 0, 1, 0)),
		"query 1 has no saliency scores":               silent,
		"query 1 has no predictions":                   with("VR"),
	} {
		if err := s.WriteWindows(&strings.Builder{}, query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

// The real prediction file of QVHighlights, where it is at hand, comes back as it was.
func TestSubmissionsOfTheRealFiles(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "data", "annotations", "qvhighlights")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the real annotations are not here: " + dir)
	}
	gold, err := ReadMoments(filepath.Join(dir, "highlight_val_release.jsonl"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ReadSubmission(filepath.Join(dir, "eval_golden", "sample_val_preds.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := s.WriteWindows(&out, gold.Queries); err != nil {
		t.Fatal(err)
	}
	if again, err := readText(t, out.String()); err != nil || !reflect.DeepEqual(again, s) {
		t.Errorf("it comes back as another: %v", err)
	}
}

// No bytes whatever make the reader panic or loop, and what it takes is sound.
func FuzzReadSubmission(f *testing.F) {
	for _, text := range predicted {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := readText(t, string(text))
		if err != nil {
			return
		}
		for _, lists := range s.Tasks {
			for id, rows := range lists {
				for _, p := range rows {
					if p.Video == "" && s.Videos == nil || !(p.End >= p.Start) {
						t.Fatalf("query %s: %+v", id, p)
					}
				}
			}
		}
	})
}
