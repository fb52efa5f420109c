package dataset

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sightline"
)

func writeFile(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadBothFormatsAlike(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"plain.jsonl": `{"video":"clips/a.mp4","id":"a","caption":"a red \"big\" ball, bouncing","start":0,"end":3.2,"kind":"v","other":[1]}` + "\n\n" +
			`{"video":"clips/b.mp4","id":"b","captions":["two","drei Äpfel"],"duration":4}`,
		"plain.csv": "video,id,caption,start,end,kind,duration\n" +
			"clips/a.mp4,a,\"a red \"\"big\"\" ball, bouncing\",0,3.2,v,\nclips/b.mp4,b,two,,,,4\nclips/b.mp4,b,drei Äpfel,,,,4\n",
		"bom.csv": "\ufeffVideo;ID;Caption;Start;End;Kind;Duration\r\n" +
			"clips/a.mp4;a;\"a red \"\"big\"\" ball, bouncing\";0;3.2;v;\r\nclips/b.mp4;b;two;;;;4\r\nclips/b.mp4;b;drei Äpfel;;;;4",
		"tab.tsv": "caption\tvideo\tid\tstart\tend\tkind\tduration\n" +
			"\"a red \"\"big\"\" ball, bouncing\"\tclips/a.mp4\ta\t0\t3.2\tv\t\ntwo\tclips/b.mp4\tb\t\t\t\t4\ndrei Äpfel\tclips/b.mp4\tb\t\t\t\t\n",
		"crlf.jsonl": "\ufeff" + `{"video":"clips/a.mp4","id":"a","caption":" a red \"big\" ball, bouncing ","start":0,"end":3.2,"kind":"v"}` + "\r\n" +
			`{"video":"clips/b.mp4","id":"b","captions":["two","drei Äpfel"],"duration":4}` + "\r\n",
	}
	want := Set{
		Dir: dir,
		Videos: []sightline.Video{
			{ID: "a", Path: filepath.Join(dir, "clips", "a.mp4")},
			{ID: "b", Path: filepath.Join(dir, "clips", "b.mp4"), Duration: 4},
		},
		Captions: []Caption{
			{Video: 0, Text: `a red "big" ball, bouncing`, Span: sightline.Span{Start: 0, End: 3.2}, Kind: "v"},
			{Video: 1, Text: "two"}, {Video: 1, Text: "drei Äpfel"},
		},
	}
	for name, text := range files {
		got, err := Read(writeFile(t, dir, name, text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want.Name = strings.TrimSuffix(name, filepath.Ext(name))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
}

func TestIDsDefaultToPathsAndMayBeNumbers(t *testing.T) {
	dir := t.TempDir()
	set, err := Read(writeFile(t, dir, "p.jsonl", `{"video":"x.mp4","caption":"one"}`+"\n"+`{"id":7,"caption":"two"}`+"\n"+`{"video":"x.mp4","caption":"three"}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Videos) != 2 || set.Videos[0].ID != "x.mp4" || set.Videos[1].ID != "7" || set.Videos[1].Path != "" {
		t.Errorf("videos are %+v", set.Videos)
	}
	if got := set.Owner(); !reflect.DeepEqual(got, []int{0, 1, 0}) {
		t.Errorf("owners are %v", got)
	}
}

func TestReadSaysWhatIsWrongAndWhere(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	cases := []struct{ name, text, want string }{
		{"a.jsonl", `{"video":"a","caption":"x"}` + "\n{", "line 2: not a JSON object"},
		{"a.jsonl", `[{"video":"a","caption":"x"}]`, "line 1: a JSON array; every line must be one object"},
		{"a.jsonl", `{"video":"a"}`, "line 1: no caption"},
		{"a.jsonl", `{"video":"a","captions":[]}`, "line 1: no caption"},
		{"a.jsonl", `{"video":"a","captions":["x"," "]}`, "line 1: the caption is empty"},
		{"a.jsonl", `{"video":"a","caption":"x","captions":["x"]}`, "line 1: both caption and captions"},
		{"a.jsonl", `{"caption":"x"}`, "line 1: neither video nor id"},
		{"a.jsonl", `{"id":{},"caption":"x"}`, "line 1: id is neither"},
		{"a.jsonl", `{"video":"a","caption":"x","start":1}`, "line 1: start and end must be given together"},
		{"a.jsonl", `{"video":"a","caption":"x","start":3,"end":2}`, "line 1: the span ends at 2 s"},
		{"a.jsonl", `{"video":"a","caption":"x","start":-1,"end":2}`, "line 1: start, end and duration must be 0 or more"},
		{"a.jsonl", `{"video":"a","id":"1","caption":"x"}` + "\n" + `{"video":"b","id":"1","caption":"x"}`, `line 2: id "1" stands for`},
		{"a.jsonl", `{"video":"a","caption":"x"} {}`, "line 1: more text after"},
		{"a.jsonl", "{\"video\":\"a\",\"caption\":\"\xe4pfel\"}", "line 1: the text is not UTF-8"},
		{"a.jsonl", "\n" + long, "line 2: longer than 1048576 bytes"},
		{"a.jsonl", "\xff\xfe{\x00", "UTF-16, not UTF-8"},
		{"a.jsonl", "{\x00\"\x00", "NUL bytes"},
		{"a.csv", "video,text\na,x\n", "line 1: the first line must name the columns"},
		{"a.csv", "video,caption,caption\na,x,y\n", `line 1: column "caption" appears twice`},
		{"a.csv", "video,caption\na,x\nb\n", "line 3: 1 fields, the header has 2"},
		{"a.csv", "video,caption\na,x\nb,\n", "line 3: the caption is empty"},
		{"a.csv", "video,caption\na,x\nb,\xe4\n", "line 3: the text is not UTF-8"},
		{"a.csv", "video,caption,start,end\na,x,one,2\n", `line 2: start is "one", not a number`},
		{"a.csv", "video,caption,start,end\na,x,NaN,2\n", "line 2: start, end and duration must be"},
		{"a.csv", "video,caption\na,\"x\nb,y\n", "line 2: extraneous or missing"},
		{"a.csv", "video,caption\na,x\nb,\"" + long + "\n", "line 3: a record longer than"},
		{"a.txt", "hello", `the name ends in ".txt"`},
	}
	for _, c := range cases {
		path := writeFile(t, t.TempDir(), c.name, c.text)
		_, err := Read(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s %.60q: error %v, want one with %q", c.name, c.text, err, c.want)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none.csv")); err == nil || !strings.Contains(err.Error(), "none.csv: no such file") {
		t.Errorf("missing file: %v", err)
	}
}

func TestReadSplits(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "f/train.jsonl", `{"video":"a","caption":"x"}`)
	writeFile(t, dir, "f/test.csv", "video,caption\nb,y\n")
	folder, err := ReadSplits(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	one := writeFile(t, dir, "one.csv", "video,caption,split\na,x,train\nb,y,test\n")
	file, err := ReadSplits(one)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Splits{folder, file} {
		if len(s.Train.Videos) != 1 || s.Train.Videos[0].ID != "a" || len(s.Val.Videos) != 0 || len(s.Test.Videos) != 1 {
			t.Errorf("splits are %+v", s)
		}
	}
	if _, err := folder.ByName("dev"); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("split dev: %v", err)
	}
	for text, want := range map[string]string{
		"video,caption,split\na,x,train\na,y,test\n": `video "a" is in train and in test`,
		"video,caption,split\na,x,dev\n":             `line 2: split is "dev"`,
		"video,caption,split\n":                      "there are no pairs",
	} {
		if _, err := ReadSplits(writeFile(t, dir, "bad.csv", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestCheckListsEverything(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "a.mp4", "data")
	writeFile(t, dir, "empty.mp4", "")
	writeFile(t, dir, "train.csv", strings.Join([]string{
		"id,video,caption,start,end,duration",
		"a,a.mp4,one,,,5",
		"a,a.mp4,one,,,",      // 3: twice
		"b,missing.mp4,two,,", // 4: too few fields
		"b,missing.mp4,two,,,",
		"c,empty.mp4,TWO,,,", // 6: empty file, the caption of b
		"d,a.mp4,three,,,",   // 7: second id of a.mp4
		"a,a.mp4,four,2,9,",  // 8: beyond the end
		"e,a.mp4,,,,",        // 9: no caption
		`e,a.mp4,fi"ve,,,`,   // 10: stray quote
		"",
	}, "\n"))
	writeFile(t, dir, "val.jsonl", `{"id":"a","video":"a.mp4","caption":"six"}`)
	report, err := Check(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, p := range report.Problems {
		fmt.Fprintln(&got, filepath.Base(p.File), p.Line, p.Fatal, strings.ReplaceAll(p.What, dir+string(filepath.Separator), ""))
	}
	want := `train.csv 3 false the same pair stands on line 2
train.csv 4 true 5 fields, the header has 6
train.csv 5 false video file is missing: missing.mp4
train.csv 6 false video file is empty: empty.mp4
train.csv 7 false a.mp4 is video "a" too
train.csv 8 false the span ends at 9 s, the video at 5 s
train.csv 9 true the caption is empty
train.csv 10 true bare " in non-quoted-field
val.jsonl 1 true video "a" is in another split too: train.csv:2
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
	if report.Videos != 4 || report.Captions != 7 || report.Fatal() != 4 || report.Shared != 1 {
		t.Errorf("%d videos, %d captions, %d fatal", report.Videos, report.Captions, report.Fatal())
	}
	if report.Missing != 1 || report.Duplicates != 2 || report.Empty != 1 || report.InTwo != 1 {
		t.Errorf("%d missing, %d duplicates, %d empty, %d in two splits", report.Missing, report.Duplicates, report.Empty, report.InTwo)
	}
	report, err = Check(dir, map[string]bool{"b": true})
	if err != nil {
		t.Fatal(err)
	}
	if report.Missing != 1 || report.Dead != 1 || slices.ContainsFunc(report.Problems, func(p Problem) bool { return strings.Contains(p.What, "missing") }) {
		t.Errorf("a video known to be gone is listed: %+v", report)
	}
}

func TestEpochIsFixedBySeedAndNumber(t *testing.T) {
	var set Set
	for v := range 20 {
		set.Videos = append(set.Videos, sightline.Video{ID: fmt.Sprint(v)})
		for range v % 4 {
			set.Captions = append(set.Captions, Caption{Video: v, Text: "x"})
		}
	}
	a, b := set.Epoch(EachCaption, 1, 3), set.Epoch(EachCaption, 1, 3)
	if !reflect.DeepEqual(a, b) {
		t.Error("an epoch differs from itself")
	}
	if reflect.DeepEqual(a, set.Epoch(EachCaption, 1, 4)) || reflect.DeepEqual(a, set.Epoch(EachCaption, 2, 3)) {
		t.Error("epochs or seeds do not change the order")
	}
	seen := map[int]bool{}
	for _, p := range a {
		if set.Captions[p.Caption].Video != p.Video || seen[p.Caption] {
			t.Errorf("pair %v is wrong or repeated", p)
		}
		seen[p.Caption] = true
	}
	if len(a) != len(set.Captions) {
		t.Errorf("%d pairs of %d captions", len(a), len(set.Captions))
	}
	videos := map[int]bool{}
	for _, p := range set.Epoch(EachVideo, 1, 0) {
		if videos[p.Video] {
			t.Errorf("video %d comes twice", p.Video)
		}
		videos[p.Video] = true
	}
	if len(videos) != 15 {
		t.Errorf("%d videos of the 15 that have captions", len(videos))
	}
	var all, rest []Pair
	for _, batch := range Batches(a, 7, 0) {
		all = append(all, batch...)
	}
	for b, batch := range Batches(a, 7, 2) {
		if b < 2 {
			t.Errorf("batch %d comes after starting from 2", b)
		}
		rest = append(rest, batch...)
	}
	if !reflect.DeepEqual(all, a) || !reflect.DeepEqual(rest, a[14:]) {
		t.Error("batches do not cut the epoch")
	}
}

// FuzzRead reads arbitrary bytes as both formats: whatever comes out must keep the promises of Set.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"video":"a.mp4","id":1,"captions":["x","y"],"start":0,"end":1}`), true)
	f.Add([]byte("video,caption,start,end\na,\"x\",0,1\n"), false)
	f.Add([]byte("\ufeffid;caption;split\r\n1;\"a\nb\";train\r\n"), false)
	f.Fuzz(func(t *testing.T, data []byte, asJSON bool) {
		name := "f.csv"
		if asJSON {
			name = "f.jsonl"
		}
		rows, err := rowsOf(name, bytes.NewReader(data))
		if err != nil {
			return
		}
		b := newBuilder(name)
		line := 0
		for r, problem := range rows {
			if problem != nil {
				if problem.line < 1 {
					t.Fatalf("line %d: %v", problem.line, problem.err)
				}
				continue
			}
			if r.line <= line {
				t.Fatalf("line %d comes after line %d", r.line, line)
			}
			line = r.line
			b.add(r)
		}
		for _, c := range b.set.Captions {
			if c.Text == "" || c.Video < 0 || c.Video >= len(b.set.Videos) || c.Span.Length() < 0 || b.set.Videos[c.Video].ID == "" {
				t.Fatalf("caption %+v", c)
			}
		}
	})
}
