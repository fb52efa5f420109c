package dataset

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sightline"
)

// asked are small files in the layouts of the official ones, by format.
var asked = map[string]string{
	"tvr": `{"vid_name": "show_1", "duration": 61.46, "ts": [16.48, 33.87], "desc": "She  laughs.", "type": "v", "desc_id": 90200}
{"vid_name": "show_2", "duration": 30, "ts": [0, 2.29], "desc": "He tells her.", "type": "vt", "desc_id": 94603}
`,
	"qvhighlights": `{"qid": 2579, "query": "A girl cooks.", "duration": 150, "vid": "x_0_150", "relevant_clip_ids": [41, 42], "saliency_scores": [[1, 1, 2], [4, 1, 3]], "relevant_windows": [[82, 86], [100, 150]]}
`,
	"windows": `{"qid": "s30-d52_0", "query": "She took out kiwi", "duration": 249.86, "vid": "s30-d52", "relevant_windows": [[4.79, 12.04]]}
`,
	"charades": "AO8RW 0.0 6.9##a person is putting a book on a shelf.\nAO8RW 8.0 9.0##they sit.\n",
	"activitynet": `{"v_b": {"duration": 82.73, "timestamps": [[0.83, 19.86], [17, 90], [5, 5]], "sentences": ["One.", " Two.", "Three."]},
"v_a": {"duration": 3, "timestamps": [[0, 3]], "sentences": ["Four."]}}`,
	"tacos":  `{"s27-d50.avi": {"timestamps": [[178, 317]], "sentences": ["Cuts."], "fps": 29.4, "num_frames": 4900}}`,
	"didemo": `[{"annotation_id": 7, "video": "v.mov", "description": "a dog", "times": [[0, 0], [0, 1], [0, 0], [5, 5]], "num_segments": 6}]`,
	"world":  `{"video":"videos/f1.mp4","id":"f1","caption":"a red disc","start":1,"end":4,"duration":20,"kind":"v"}` + "\n" + `{"id":"f1","caption":"someone mentions a cup","start":2,"end":3,"duration":20,"kind":"t"}` + "\n",
}

func TestReadMomentsFindsOutTheFormat(t *testing.T) {
	for format, text := range asked {
		path := filepath.Join(write(t, map[string]string{"gold.jsonl": text}), "gold.jsonl")
		m, err := ReadMoments(path, "", nil)
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		if m.Format != format {
			t.Errorf("%s was taken for %s", format, m.Format)
		}
		named, err := ReadMoments(path, format, nil)
		if err != nil || !reflect.DeepEqual(named, m) {
			t.Errorf("%s by name: %+v, %v", format, named, err)
		}
	}
	if len(MomentFormats()) != len(asked) || len(momentFormats) != len(asked) {
		t.Error("a format is without a test")
	}
}

func TestReadMoments(t *testing.T) {
	read := func(format string) Moments {
		t.Helper()
		m, err := ReadMoments(filepath.Join(write(t, map[string]string{"g.jsonl": asked[format]}), "g.jsonl"), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	frames, fps := 4900.0, 29.4
	span := func(start, end float64) []sightline.Span { return []sightline.Span{{Start: start, End: end}} }
	for format, want := range map[string]sightline.MomentQuery{
		"tvr": {ID: "90200", Text: "She laughs.", Video: "show_1", Duration: 61.46, Gold: span(16.48, 33.87), Kind: "v"},
		"qvhighlights": {ID: "2579", Text: "A girl cooks.", Video: "x_0_150", Duration: 150, Gold: append(span(82, 86), span(100, 150)...),
			Saliency: []sightline.Rating{{Clip: 41, Scores: []int{1, 1, 2}}, {Clip: 42, Scores: []int{4, 1, 3}}}},
		"windows":     {ID: "s30-d52_0", Text: "She took out kiwi", Video: "s30-d52", Duration: 249.86, Gold: span(4.79, 12.04)},
		"charades":    {ID: "AO8RW_0", Text: "a person is putting a book on a shelf.", Video: "AO8RW", Gold: span(0, 6.9)},
		"activitynet": {ID: "b_0", Text: "One.", Video: "b", Duration: 82.73, Gold: span(0.83, 19.86)},
		"tacos":       {ID: "s27-d50_0", Text: "Cuts.", Video: "s27-d50", Duration: frames / fps, Gold: span(178*(1/fps), 317*(1/fps))},
		"didemo":      {ID: "7", Text: "a dog", Video: "v.mov", Duration: 30, Gold: append(append(append(span(0, 5), span(0, 10)...), span(0, 5)...), span(25, 30)...)},
		"world":       {ID: "f1_0", Text: "a red disc", Video: "f1", Duration: 20, Gold: span(1, 4), Kind: "v"},
	} {
		if got := read(format).Queries[0]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", format, got, want)
		}
	}
	// ActivityNet's spans beyond the video are cut and those without length left out, and both are told.
	anet := read("activitynet")
	if len(anet.Queries) != 3 || anet.Queries[1].Gold[0].End != 82.73 || anet.Queries[2].ID != "a_0" {
		t.Errorf("got %+v", anet.Queries)
	}
	if r := anet.Repairs; len(r) != 2 || r[0].What != cutSpans || r[1].What != leftOut || r[0].Count != 1 || !strings.HasSuffix(r[0].First, "g.jsonl:1") {
		t.Errorf("repairs: %v", r)
	}
	if m := read("didemo"); m.Agree != 2 {
		t.Errorf("DiDeMo: agree %d", m.Agree)
	}
	if m := read("charades"); len(m.Repairs) != 1 || m.Repairs[0].What != noDurations {
		t.Errorf("Charades-STA without durations: %v", m.Repairs)
	}
}

func TestReadMomentsTakesCharadesDurations(t *testing.T) {
	dir := write(t, map[string]string{"charades_sta_test.txt": asked["charades"], "Charades_v1_test.csv": "id,subject,length\nAO8RW,X,8.5\n"})
	m, err := ReadMoments(filepath.Join(dir, "charades_sta_test.txt"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if q := m.Queries[1]; q.Duration != 8.5 || q.Gold[0].End != 8.5 || len(m.Repairs) != 1 || m.Repairs[0].What != cutSpans {
		t.Errorf("got %+v, repairs %v", q, m.Repairs)
	}
}

func TestReadMomentsUnlabelled(t *testing.T) {
	for text, want := range map[string]int{
		`{"desc": "Monica hands over a bag.", "desc_id": 107711}`: 0,
		`{"qid": 1, "query": "a", "duration": 150, "vid": "x"}`:   0,
		asked["tvr"]: 2,
	} {
		m, err := ReadMoments(filepath.Join(write(t, map[string]string{"g.jsonl": text}), "g.jsonl"), "", nil)
		if err != nil || m.Labelled() != want {
			t.Errorf("%s: %d labelled, %v", text, m.Labelled(), err)
		}
	}
}

// Whatever is wrong with a file is told with file and line.
func TestReadMomentsNamesFileAndLine(t *testing.T) {
	good := asked["tvr"]
	for name, c := range map[string]struct{ format, text, want string }{
		"backwards":            {"", good + `{"vid_name": "a", "duration": 9, "ts": [5, 4], "desc": "x", "type": "v", "desc_id": 1}`, "g.jsonl:3: query 1: the span ends at 4 s, not after its start at 5 s"},
		"beyond the end":       {"", good + `{"vid_name": "a", "duration": 9, "ts": [5, 14], "desc": "x", "type": "v", "desc_id": 1}`, "g.jsonl:3: query 1: the span ends at 14 s, the video at 9 s"},
		"after the end":        {"", good + `{"vid_name": "a", "duration": 9, "ts": [9, 9.5], "desc": "x", "type": "v", "desc_id": 1}`, "g.jsonl:3: query 1: the span starts at 9 s"},
		"negative":             {"", good + `{"vid_name": "a", "duration": 9, "ts": [-1, 4], "desc": "x", "type": "v", "desc_id": 1}`, "g.jsonl:3: query 1: the span runs from -1 to 4 s"},
		"NaN":                  {"", good + `{"vid_name": "a", "duration": 9, "ts": [NaN, 4], "desc": "x", "type": "v", "desc_id": 1}`, "g.jsonl:3: not a JSON object of this format: invalid character 'N'"},
		"overflow":             {"", good + `{"vid_name": "a", "duration": 1e999, "ts": [1, 4], "desc": "x", "type": "v", "desc_id": 1}`, "g.jsonl:3: "},
		"twice":                {"", good + strings.Split(good, "\n")[0], "g.jsonl:3: query 90200 stands on line 1 too"},
		"two durations":        {"", good + `{"vid_name": "show_1", "duration": 9, "ts": [1, 4], "desc": "x", "type": "v", "desc_id": 1}`, `g.jsonl:3: video "show_1" lasts 9 s here, and 61.46 s before`},
		"no id":                {"", good + `{"vid_name": "a", "duration": 9, "ts": [1, 4], "desc": "x"}`, "g.jsonl:3: there is no desc_id"},
		"id of another kind":   {"", good + `{"vid_name": "a", "duration": 9, "ts": [1, 4], "desc": "x", "desc_id": 1.5}`, "g.jsonl:3: the id 1.5"},
		"no text":              {"", good + `{"vid_name": "a", "duration": 9, "ts": [1, 4], "desc": " ", "desc_id": 1}`, "g.jsonl:3: query 1 has no text"},
		"Latin-1":              {"", good + "{\"vid_name\": \"a\", \"duration\": 9, \"ts\": [1, 4], \"desc\": \"caf\xe9\", \"desc_id\": 1}", "g.jsonl:3: query 1: the text is not UTF-8"},
		"one of two":           {"", good + `{"vid_name": "a", "duration": 9, "desc": "x", "desc_id": 1}`, "g.jsonl:3: query 1 has only one of vid_name and ts"},
		"three spans":          {"", good + `{"vid_name": "a", "duration": 9, "ts": [[1, 2], [1, 2], [1, 2]], "desc": "x", "desc_id": 1}`, "g.jsonl:3: query 1: ts: 3 spans"},
		"three numbers":        {"", good + `{"vid_name": "a", "duration": 9, "ts": [1, 2, 3], "desc": "x", "desc_id": 1}`, "g.jsonl:3: query 1: ts: [1 2 3] is no pair"},
		"words":                {"", good + `{"vid_name": "a", "duration": 9, "ts": "soon", "desc": "x", "desc_id": 1}`, "g.jsonl:3: query 1: ts: these are no pairs"},
		"empty":                {"", "", "g.jsonl:1: the file is empty"},
		"blank":                {"tvr", "\n\n", "there are no queries in it"},
		"another object":       {"", `{"a": 1}`, "g.jsonl:1: an object of none of the known formats"},
		"prose":                {"", "once upon a time", "g.jsonl:1: this is neither JSON nor"},
		"UTF-16":               {"", "\xff\xfe{\x00", "g.jsonl:1: the file is encoded in UTF-16"},
		"clip twice":           {"", strings.Replace(asked["qvhighlights"], "[41, 42]", "[41, 41]", 1), "g.jsonl:1: query 2579: clip 41 is rated twice"},
		"clip beyond":          {"", strings.Replace(asked["qvhighlights"], "[41, 42]", "[41, 75]", 1), "g.jsonl:1: query 2579: clip 75 is rated, the video has 75"},
		"rated five":           {"", strings.Replace(asked["qvhighlights"], "[4, 1, 3]", "[5, 1, 3]", 1), "clip 42 is rated 5"},
		"two annotators":       {"", strings.Replace(asked["qvhighlights"], "[4, 1, 3]", "[4, 1]", 1), "clip 42 has 2 ratings"},
		"ratings missing":      {"", strings.Replace(asked["qvhighlights"], "[41, 42]", "[41]", 1), "1 relevant_clip_ids and 2 saliency_scores"},
		"no windows":           {"", strings.Replace(asked["windows"], "[[4.79, 12.04]]", "[]", 1), "relevant_windows is empty"},
		"no sentence":          {"", asked["charades"] + "AO8RW 1 2\n", "g.jsonl:3: not VIDEO START END##sentence"},
		"no number":            {"", asked["charades"] + "AO8RW 1 x##y\n", `g.jsonl:3: "x" is no number`},
		"infinite":             {"", asked["charades"] + "AO8RW 1 Inf##y\n", "g.jsonl:3: query AO8RW_2: the span runs from 1 to +Inf s"},
		"sentences missing":    {"", strings.Replace(asked["activitynet"], `"Four."`, "", 1), "g.jsonl:2: a: 1 timestamps for 0 sentences"},
		"no duration":          {"", strings.Replace(asked["activitynet"], `"duration": 3, `, "", 1), "g.jsonl:2: v_a: the duration is 0 s"},
		"no frame rate":        {"tacos", asked["activitynet"], "g.jsonl:1: v_b: 0 frames at 0 a second"},
		"segment beyond":       {"", strings.Replace(asked["didemo"], "[5, 5]", "[5, 6]", 1), "g.jsonl:1: query 7: [5 6] are no segments of a video of 6"},
		"the whole video":      {"", asked["world"] + `{"id":"f1","caption":"a red disc","duration":20}`, "g.jsonl:3: the sentence has no start and end"},
		"backwards in a world": {"", asked["world"] + `{"id":"f1","caption":"a red disc","start":4,"end":2}`, "g.jsonl:3: the span ends at 2 s"},
		"no format":            {"imdb", good, `"imdb" is no format`},
		"a long line":          {"tvr", strings.Repeat("a", 2<<20), "g.jsonl:1: longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := ReadMoments(filepath.Join(write(t, map[string]string{"g.jsonl": c.text}), "g.jsonl"), c.format, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it; read %+v", err, c.want, m)
			}
		})
	}
	if _, err := ReadMoments(filepath.Join(t.TempDir(), "absent.jsonl"), "", nil); err == nil || !strings.Contains(err.Error(), "absent.jsonl") {
		t.Errorf("an absent file: %v", err)
	}
}

func TestReadMomentsKnowsTheVideos(t *testing.T) {
	path := filepath.Join(write(t, map[string]string{"g.jsonl": asked["tvr"]}), "g.jsonl")
	if _, err := ReadMoments(path, "", []sightline.Video{{ID: "show_1", Duration: 61.46}, {ID: "show_2", Duration: 30}}); err != nil {
		t.Error(err)
	}
	for want, videos := range map[string][]sightline.Video{
		`g.jsonl:2: query 94603 is about video "show_2", which is not among the 1 videos`: {{ID: "show_1", Duration: 61.46}},
		`g.jsonl:1: video "show_1" lasts 61.46 s here, and 60 s elsewhere`:                {{ID: "show_1", Duration: 60}},
	} {
		if _, err := ReadMoments(path, "", videos); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestReadTVRVideos(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"good":        {`{"train": {"b": [4, 1]}, "val": {"b": [12.5, 7], "a": [3, 2]}}`, ""},
		"no split":    {`{"train": {"b": [4, 1]}}`, `there is no "val"`},
		"no pair":     {"{\"val\": {\n\"b\": [12.5]}}", "i.json:2: b: [12.5] is no pair"},
		"no duration": {`{"val": {"b": [0, 1]}}`, "i.json:1: b: [0 1] is no pair"},
		"one number":  {`{"val": {"b": [4, 1], "a": [5, 1]}}`, "i.json:1: videos b and a have one number, 1"},
		"fraction":    {`{"val": {"b": [4, 1.5]}}`, "is no pair"},
		"empty":       {`{"val": {}}`, "there are no videos"},
	} {
		videos, err := ReadTVRVideos(filepath.Join(write(t, map[string]string{"i.json": c.text}), "i.json"), "val")
		if c.want == "" {
			if err != nil || len(videos) != 2 || videos[0] != (TVRVideo{sightline.Video{ID: "a", Duration: 3}, 2}) || videos[1].Index != 7 {
				t.Errorf("%s: %v, %v", name, videos, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

func TestReadTVRSubtitles(t *testing.T) {
	text := `{"vid_name": "a", "sub": [{"text": "one", "start": -0.5, "end": 2}, {"text": "two", "start": 1.5, "end": 3}, {"text": " ", "start": 4, "end": 5}, {"text": "x", "start": 4, "end": 4}, {"text": "three", "start": 0.5, "end": 6}]}
{"vid_name": "b", "sub": []}
`
	path := filepath.Join(write(t, map[string]string{"s.jsonl": text}), "s.jsonl")
	subtitles, repairs, err := ReadTVRSubtitles(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []sightline.Cue{
		{Span: sightline.Span{Start: 0, End: 2}, Text: "one"}, {Span: sightline.Span{Start: 0.5, End: 6}, Text: "three"}, {Span: sightline.Span{Start: 1.5, End: 3}, Text: "two"},
	}
	if !reflect.DeepEqual(subtitles["a"], want) || len(subtitles) != 2 || len(subtitles["b"]) != 0 {
		t.Errorf("got %v", subtitles)
	}
	counts := map[string]int{}
	for _, r := range repairs {
		counts[r.What] = r.Count
	}
	if len(counts) != 4 || counts["cues start before the one above them ends, and were kept"] != 2 {
		t.Errorf("repairs: %v", repairs)
	}
	for line, want := range map[string]string{
		`{"vid_name": "c", "sub": [{"text": "x", "start": 4, "end": 3}]}`:   "s.jsonl:3: cue 0 of c ends at 3 s, before its start at 4 s",
		`{"vid_name": "c", "sub": [{"text": "x", "start": -4, "end": -3}]}`: "s.jsonl:3: cue 0 of c ends at -3 s, before the video starts",
		`{"vid_name": "c", "sub": [{"text": "x", "end": 3}]}`:               "s.jsonl:3: cue 0 of c lacks its start or end",
		`{"vid_name": "a", "sub": []}`:                                      `s.jsonl:3: video "a" is without a name or stands there twice`,
		`{"vid_name": "c", "sub": [{"text": "x", "start": NaN, "end": 3}]}`: "s.jsonl:3: not a JSON object",
	} {
		path := filepath.Join(write(t, map[string]string{"s.jsonl": text + line}), "s.jsonl")
		if _, _, err := ReadTVRSubtitles(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

// The real annotations of four data sets, where they are at hand.
func TestReadMomentsReadsTheRealFiles(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "data", "annotations")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the real annotations are not here: " + dir)
	}
	val, err := ReadTVRVideos(filepath.Join(dir, "tvr", "tvr_video2dur_idx.json"), "val")
	if err != nil || len(val) != 2179 {
		t.Fatalf("TVR val: %d videos, %v; there are 2,179", len(val), err)
	}
	var videos []sightline.Video
	for _, v := range val {
		videos = append(videos, v.Video)
	}
	for name, c := range map[string]struct {
		format                    string
		known                     []sightline.Video
		videos, queries, labelled int
	}{
		"tvr/tvr_val_release.jsonl":                {"tvr", videos, 2179, 10895, 10895},
		"tvr/tvr_test_public_release.jsonl":        {"tvr", nil, 0, 5445, 0},
		"qvhighlights/highlight_val_release.jsonl": {"qvhighlights", nil, 1519, 1550, 1550},
		"charades/charades_test_release.jsonl":     {"windows", nil, 1334, 3720, 3720},
		"charades/charades_train_release.jsonl":    {"windows", nil, 5336, 12404, 12404},
		"tacos/tacos_val_release.jsonl":            {"windows", nil, 27, 4436, 4436},
		"tacos/tacos_test_release.jsonl":           {"windows", nil, 25, 4001, 4001},
	} {
		m, err := ReadMoments(filepath.Join(dir, filepath.FromSlash(name)), "", c.known)
		if err != nil {
			t.Error(err)
			continue
		}
		if m.Format != c.format || len(m.Videos) != c.videos || len(m.Queries) != c.queries || m.Labelled() != c.labelled || len(m.Repairs) > 0 {
			t.Errorf("%s: %s, %d videos, %d queries, %d labelled, repairs %v; want %+v", name, m.Format, len(m.Videos), len(m.Queries), m.Labelled(), m.Repairs, c)
		}
	}
	if _, err := ReadMoments(filepath.Join(dir, "charades", "charades_test_release.jsonl"), "charades", nil); err != nil {
		t.Errorf("Charades-STA by name, in Lighthouse's layout: %v", err)
	}
}

// No bytes whatever make a reader panic or loop, and what it takes is sound.
func FuzzReadMoments(f *testing.F) {
	for _, text := range asked {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"vid_name": "a", "sub": [{"text": "one", "start": -0.5, "end": 2}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(write(t, map[string]string{"g.jsonl": string(text)}), "g.jsonl")
		for _, format := range append(MomentFormats(), "") {
			m, err := ReadMoments(path, format, nil)
			if err != nil {
				continue
			}
			for _, q := range m.Queries {
				for _, g := range q.Gold {
					if !(g.Start >= 0 && g.End > g.Start && (q.Duration == 0 || g.End <= q.Duration)) {
						t.Fatalf("%s: query %+v", format, q)
					}
				}
			}
		}
		_, _, _ = ReadTVRSubtitles(path)
		_, _ = ReadTVRVideos(path, "val")
	})
}
