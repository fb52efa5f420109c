package dataset

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sightline"
)

// youcook are two videos of YouCook2, one of two segments and one of one.
const youcook = `{"database": {"x": {"subset": "validation", "annotations": [
{"segment": [1, 4], "sentence": "cut it"}, {"segment": [4, 9.5], "sentence": "cook it"}]},
"y": {"subset": "validation", "annotations": [{"segment": [2, 3], "sentence": "eat it"}]}}}`

// A segment is cut from the whole video, unless it has a file of its own.
func TestPublishedCutsSegments(t *testing.T) {
	dir := write(t, map[string]string{
		"youcookii_annotations_trainval.json": youcook, "videos/x.mp4": "whole", "videos/x_1.webm": "a segment",
	})
	set, err := Published("youcook2:" + dir + "/test")
	if err != nil {
		t.Fatal(err)
	}
	want := []sightline.Video{
		{ID: "x_0", Path: filepath.Join(dir, "videos", "x.mp4"), Duration: 3},
		{ID: "x_1", Path: filepath.Join(dir, "videos", "x_1.webm"), Duration: 5.5},
		{ID: "y_0", Path: filepath.Join(dir, "videos", "y_0.mp4"), Duration: 1}, // missing
	}
	if !reflect.DeepEqual(set.Videos, want) {
		t.Errorf("videos are %+v, want %+v", set.Videos, want)
	}
	for i, cut := range []sightline.Span{{Start: 1, End: 4}, {}, {}} {
		if set.Cut(i) != cut {
			t.Errorf("%s is cut to %v, want %v", set.Videos[i].ID, set.Cut(i), cut)
		}
	}
}

// DiDeMo's videos are their first thirty seconds; those of other benchmarks are whole.
func TestPublishedCutsDiDeMo(t *testing.T) {
	for name, cut := range map[string]sightline.Span{"didemo": {End: 30}, "activitynet": {}, "lsmdc": {}} {
		set, err := Published(name + ":" + write(t, official[name]) + "/test")
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range set.Videos {
			if set.Cut(i) != cut {
				t.Errorf("%s: %s is cut to %v, want %v", name, v.ID, set.Cut(i), cut)
			}
		}
	}
}

// findings is what a check of a split should count, with words of the problems that it should list, all of them.
type findings struct {
	name  string // scheme:/part
	files map[string]string
	dead  string // ids, parted by spaces
	want  Report // counts
	list  []string
	fatal int
}

func TestCheckPublished(t *testing.T) {
	for title, c := range map[string]findings{
		"duplicates, missing, dead, empty": {
			name: "msrvtt:/test",
			files: map[string]string{
				"videos/video1.mp4": "x", "videos/video5.mp4": "",
				"MSRVTT_JSFUSION_test.csv": "video_id,sentence\nvideo1,a\nvideo1,a\nvideo1,c\nvideo2,b\nvideo3,\nvideo4,A\nvideo5,e\n",
			},
			dead: "video3",
			want: Report{Videos: 5, Captions: 7, Shared: 1, Missing: 3, Dead: 1, Duplicates: 2, Empty: 1},
			list: []string{
				"test.csv:3: the same video and caption as on line 2", "test.csv:4: video video1 is on line 2 too",
				"test.csv:5: video video2 is missing", "test.csv:6: the caption of video3 is empty", "test.csv:7: video video4 is missing",
				"test.csv:8: video file is empty: ",
			},
			fatal: 1,
		},
		"a video in two parts": {
			name: "msrvtt:/train",
			files: map[string]string{
				"videos/video2.mp4": "x", "MSRVTT_JSFUSION_test.csv": "video_id,sentence\nvideo2,b\nvideo2,c\n",
				"MSRVTT_train.9k.csv": "video_id\nvideo2\n", "MSRVTT_data.json": `{"sentences": [{"caption": "one", "video_id": "video2"}]}`,
			},
			want:  Report{Videos: 1, Captions: 1, InTwo: 1},
			list:  []string{"test.csv:2: video video2 is in train and in test"},
			fatal: 1,
		},
		"another part that cannot be read": {
			name:  "lsmdc:/test",
			files: map[string]string{"LSMDC16_challenge_1000_publictect.csv": "a\t\t\t\t\tb\n", "LSMDC16_annos_val.csv": "a\n", "videos/a.avi": "x"},
			want:  Report{Videos: 1, Captions: 1},
			list:  []string{"/val: it was not compared with this part: "},
		},
		"listed twice, listed without a caption": {
			name: "msvd:/test",
			files: map[string]string{
				"videos/a_1_2.avi": "x", "test_list.txt": "a_1_2\n\nb_1_2\na_1_2\n", "AllVideoDescriptions.txt": "a_1_2 a cat\na_1_2 a cat\n",
			},
			want:  Report{Videos: 1, Captions: 2, Duplicates: 2, Empty: 1},
			list:  []string{"list.txt:4: video a_1_2 is on line 1 too", "list.txt:3: video b_1_2 has no caption", "Descriptions.txt:2: the same video and caption"},
			fatal: 1,
		},
		"empty parts of paragraphs": {
			name: "didemo:/test",
			files: map[string]string{"videos/v.mov": "x", "videos/w.mov": "x", "test_data.json": `[{"video": "v.mov", "description": ""},
{"video": "v.mov", "description": " "}, {"video": "v.mov", "description": "a dog"},
{"video": "w.mov"}]`},
			want: Report{Videos: 2, Captions: 2, Empty: 3},
			list: []string{
				"data.json:2: a description of v.mov is empty", "data.json:1: a description of v.mov is empty",
				"data.json:3: the caption of w.mov is empty",
			},
			fatal: 1,
		},
		"an empty sentence": {
			name:  "activitynet:/test",
			files: map[string]string{"videos/v_a.mkv": "x", "val_1.json": `{"v_a": {"duration": 3, "sentences": ["One.", " "]}}`},
			want:  Report{Videos: 1, Captions: 1, Empty: 1},
			list:  []string{"val_1.json:1: a sentence about a is empty"},
		},
		"dead by the id of the whole video": {
			name:  "youcook2:/test",
			files: map[string]string{"youcookii_annotations_trainval.json": youcook},
			dead:  "x",
			want:  Report{Videos: 3, Captions: 3, Missing: 3, Dead: 2},
			list:  []string{"trainval.json:3: video y_0 is missing"},
		},
		"dead by YouTube's id": {
			name:  "msvd:/test",
			files: map[string]string{"test_list.txt": "a_b_1_2\n", "AllVideoDescriptions.txt": "a_b_1_2 a cat\n"},
			dead:  "a_b",
			want:  Report{Videos: 1, Captions: 1, Missing: 1, Dead: 1},
		},
		"dead by the name of ActivityNet's file": {
			name:  "activitynet:/test",
			files: map[string]string{"val_1.json": `{"v_a": {"duration": 3, "sentences": ["One."]}}`},
			dead:  "v_a",
			want:  Report{Videos: 1, Captions: 1, Missing: 1, Dead: 1},
		},
		"a file that cannot be parsed": {
			name:  "msrvtt:/test",
			files: map[string]string{"MSRVTT_JSFUSION_test.csv": "a\nb\n"},
			list:  []string{"test.csv:1: there is no column video_id"},
			fatal: 1,
		},
		"a file with nothing in it": {
			name:  "didemo:/val",
			files: map[string]string{"val_data.json": "[]"},
			list:  []string{"there are no sentences in it"},
			fatal: 1,
		},
	} {
		t.Run(title, func(t *testing.T) { c.check(t) })
	}
}

func (c findings) check(t *testing.T) {
	dead, err := ReadIDs(filepath.Join(write(t, map[string]string{"dead.txt": strings.ReplaceAll(c.dead, " ", "\r\n")}), "dead.txt"))
	if err != nil {
		t.Fatal(err)
	}
	scheme, part, _ := strings.Cut(c.name, ":")
	name := scheme + ":" + write(t, c.files) + part
	report, err := Check(name, dead)
	if err != nil {
		t.Fatal(err)
	}
	if report.Fatal() != c.fatal || len(report.Problems) != len(c.list) {
		t.Errorf("%d problems, %d of them fatal, want %d and %d", len(report.Problems), report.Fatal(), len(c.list), c.fatal)
	}
	var all strings.Builder
	for _, p := range report.Problems {
		all.WriteString(p.String() + "\n")
	}
	for _, want := range c.list {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no word of %q in:\n%s", want, &all)
		}
	}
	counts := report
	counts.Files, counts.Problems = nil, nil
	if !reflect.DeepEqual(counts, c.want) {
		t.Errorf("counts are %+v, want %+v", counts, c.want)
	}
	if _, err := Published(name); (err == nil) != (report.Fatal() == 0 || report.InTwo > 0) {
		t.Errorf("the check finds %d fatal problems, Published says %v", report.Fatal(), err)
	}
}

// What is not there at all is an error, not a report.
func TestCheckPublishedNeedsItsFiles(t *testing.T) {
	if _, err := Check("msrvtt:"+t.TempDir()+"/test", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder without the official files: %v", err)
	}
	files := maps.Clone(official["msrvtt"])
	delete(files, "MSRVTT_data.json")
	if _, err := Check("msrvtt:"+write(t, files)+"/train", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a list without the captions: %v", err)
	}
	if _, err := Check("msrvtt:x/tset", nil); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("no such part: %v", err)
	}
	if _, err := ReadIDs(filepath.Join(t.TempDir(), "none.txt")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no list of ids: %v", err)
	}
}
