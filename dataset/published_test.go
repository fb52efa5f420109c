package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sightline"
)

// write makes a folder of files.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// official are small files in the layouts of the official ones.
var official = map[string]map[string]string{
	"msrvtt": {
		"MSRVTT_JSFUSION_test.csv": "\xEF\xBB\xBFkey,vid_key,video_id,sentence\nret0,msr9,video9,\"a man, running\"\n",
		"MSRVTT_train.9k.csv":      "video_id\nvideo0\nvideo1\n",
		"MSRVTT_train.7k.csv":      "video_id\nvideo1\n",
		"MSRVTT_data.json": `{"info": {"year": [2016]}, "videos": [{"video_id": "video0", "split": "train"}, {"video_id": "video1", "split": "validate"},
{"video_id": "video9", "split": "test"}], "sentences": [{"caption": "one  ", "video_id": "video0"}, {"caption": "two", "video_id": "video1"},
{"caption": "three", "video_id": "video0"}, {"caption": "nine", "video_id": "video9"}]}`,
	},
	"msvd": {
		"test_list.txt": "abc_1_2\n", "train_list.txt": "def_3_4\r\n",
		"AllVideoDescriptions.txt": "# a comment\n\nabc_1_2 a cat sits\nabc_1_2 the cat\ndef_3_4 a dog\n",
	},
	"lsmdc": {"LSMDC16_challenge_1000_publictect.csv": "1_Film_00.01-00.02\t00.01\t00.02\t00.01\t00.02\tSOMEONE \"smiles.\n"},
	"didemo": {"test_data.json": `[{"video": "v1.mov", "description": "first part"}, {"video": "v2.mov", "description": "other"},
 {"video": "v1.mov", "description": "second part"}]`},
	"activitynet": {"val_1.json": `{"v_b": {"duration": 10.5, "timestamps": [[0, 1]], "sentences": [" One.", "Two. "]}, "v_a": {"duration": 3, "sentences": ["Three."]}}`},
	"youcook2": {"youcookii_annotations_trainval.json": `{"database": {"x": {"subset": "validation", "duration": 30, "annotations":
[{"segment": [1, 4], "sentence": "cut it", "id": 0}, {"segment": [4, 9], "sentence": "cook it", "id": 1}]}, "y": {"subset": "training", "annotations": []}}}`},
}

func TestPublishedReadsTheOfficialFiles(t *testing.T) {
	for name, c := range map[string]struct {
		videos   []string
		captions []string
	}{
		"msrvtt:/test":             {[]string{"video9"}, []string{"a man, running"}},
		"msrvtt:/train":            {[]string{"video0", "video1"}, []string{"one", "two", "three"}},
		"msrvtt:/train?split=7k":   {[]string{"video1"}, []string{"two"}},
		"msrvtt:/val?split=full":   {[]string{"video1"}, []string{"two"}},
		"msrvtt:/train?split=full": {[]string{"video0"}, []string{"one", "three"}},
		"msvd:/test":               {[]string{"abc_1_2"}, []string{"a cat sits", "the cat"}},
		"msvd:/train":              {[]string{"def_3_4"}, []string{"a dog"}},
		"lsmdc:/test":              {[]string{"1_Film_00.01-00.02"}, []string{`SOMEONE "smiles.`}},
		"didemo:/test":             {[]string{"v1.mov", "v2.mov"}, []string{"first part second part", "other"}},
		"activitynet:/test":        {[]string{"b", "a"}, []string{"One. Two.", "Three."}},
		"youcook2:/test":           {[]string{"x_0", "x_1"}, []string{"cut it", "cook it"}},
	} {
		t.Run(name, func(t *testing.T) {
			scheme, rest, _ := strings.Cut(name, ":")
			dir := write(t, official[scheme])
			set, err := Published(scheme + ":" + dir + rest)
			if err != nil {
				t.Fatal(err)
			}
			var videos []string
			for _, v := range set.Videos {
				videos = append(videos, v.ID)
			}
			if strings.Join(videos, "|") != strings.Join(c.videos, "|") || strings.Join(set.Texts(), "|") != strings.Join(c.captions, "|") {
				t.Errorf("videos %q, captions %q; want %q, %q", videos, set.Texts(), c.videos, c.captions)
			}
		})
	}
	for name, want := range map[string]bool{"msrvtt:x/test": true, "pairs.jsonl": false, "world:A/base/test": false, "msrvtt": false} {
		if IsPublished(name) != want {
			t.Errorf("%s: IsPublished is not %v", name, want)
		}
	}
}

func TestPublishedFindsVideos(t *testing.T) {
	files := map[string]string{"videos/video9.avi": "x", "elsewhere/video9.webm": "x"}
	for name, text := range official["msrvtt"] {
		files[name] = text
	}
	dir := write(t, files)
	for options, want := range map[string]string{"": "videos/video9.avi", "?videos=" + dir + "/elsewhere": "elsewhere/video9.webm"} {
		set, err := Published("msrvtt:" + dir + "/test" + options)
		if err != nil || set.Videos[0].Path != filepath.Join(dir, want) {
			t.Errorf("video is at %v, want %s (%v)", set.Videos, want, err)
		}
	}
}

// Whatever is wrong with a file is told with file and line, in bounded memory.
func TestPublishedNamesFileAndLine(t *testing.T) {
	for name, c := range map[string]struct {
		data, file, text, want string
	}{
		"missing column":      {"msrvtt:/test", "MSRVTT_JSFUSION_test.csv", "key,video\nret0,video0\n", "test.csv:1: there is no column video_id"},
		"too few fields":      {"msrvtt:/test", "MSRVTT_JSFUSION_test.csv", "video_id,sentence\nvideo0,a\nvideo1\n", "test.csv:3: 1 fields"},
		"Latin-1":             {"msrvtt:/test", "MSRVTT_JSFUSION_test.csv", "video_id,sentence\nvideo0,caf\xe9\n", "test.csv:2: the text is not UTF-8"},
		"UTF-16":              {"msrvtt:/test", "MSRVTT_JSFUSION_test.csv", "\xff\xfev\x00i\x00", "test.csv:1: the file is encoded in UTF-16"},
		"empty caption":       {"msrvtt:/test", "MSRVTT_JSFUSION_test.csv", "video_id,sentence\nvideo0,a\nvideo1, \n", "test.csv:3: the caption is empty"},
		"empty file":          {"msrvtt:/test", "MSRVTT_JSFUSION_test.csv", "", "test.csv:1: the file is empty"},
		"open quote":          {"msrvtt:/test", "MSRVTT_JSFUSION_test.csv", "video_id,sentence\nvideo0,\"" + strings.Repeat("a\n", 1<<20), "test.csv:2: "},
		"broken JSON":         {"didemo:/test", "test_data.json", "[{\"video\": \"a\", \"description\": \"b\"},\n\n{\"video\": }]", "test_data.json:3: "},
		"truncated JSON":      {"didemo:/test", "test_data.json", "[{\"video\": \"a\", \"description\": \"b\"},\n", "test_data.json:2: unexpected EOF"},
		"another JSON":        {"didemo:/test", "test_data.json", "{}", "test_data.json:1: found {"},
		"wrong type":          {"didemo:/test", "test_data.json", "[\n{\"video\": 5}]", "test_data.json:2: "},
		"Latin-1 in JSON":     {"didemo:/test", "test_data.json", "[\n{\"video\": \"a\", \"description\": \"caf\xe9\"}]", "test_data.json:2: the text is not UTF-8"},
		"no such key":         {"youcook2:/test", "youcookii_annotations_trainval.json", "{\"a\": [1,\n{\"b\": 2}]}", "trainval.json:2: there is no \"database\""},
		"segment backwards":   {"youcook2:/test", "youcookii_annotations_trainval.json", "{\"database\": {\"x\": {\"subset\": \"validation\", \"annotations\": [{\"segment\": [4, 1]}]}}}", "trainval.json:1: segment 0 of x"},
		"five columns":        {"lsmdc:/test", "LSMDC16_challenge_1000_publictect.csv", "a\tb\tc\td\te\n", "publictect.csv:1: 5 columns"},
		"100 MB line":         {"lsmdc:/test", "LSMDC16_challenge_1000_publictect.csv", "a\tb\tc\td\te\tf\n" + strings.Repeat("a", 100<<20), "publictect.csv:2: longer than"},
		"100 MB JSON element": {"didemo:/test", "test_data.json", "[\n{\"video\": \"" + strings.Repeat("a", 100<<20), "test_data.json:2: an element longer than"},
		"Latin-1 id":          {"lsmdc:/test", "LSMDC16_challenge_1000_publictect.csv", "caf\xe9\tb\tc\td\te\tf\n", "publictect.csv:1: the text is not UTF-8"},
		"no id":               {"didemo:/test", "test_data.json", "[{\"video\": \"a\", \"description\": \"b\"},\n{\"description\": \"c\"}]", "test_data.json:2: there is no video id"},
		"two documents":       {"didemo:/test", "test_data.json", "[]\n[]", "test_data.json:2: found [ behind the end"},
		"deep nesting":        {"youcook2:/test", "youcookii_annotations_trainval.json", "{\"a\":\n" + strings.Repeat("[", 2000), "trainval.json:2: nested more than 1000 deep"},
		"caption of a number": {"msvd:/test", "raw-captions.json", "{\n\"a\": [5]}", "raw-captions.json:2: a caption is neither"},
		"nothing in it":       {"didemo:/test", "test_data.json", "[]", "there are no sentences in it"},
		"no caption":          {"msvd:/test", "AllVideoDescriptions.txt", "b a cat\n", "test_list.txt:1: video a has no caption in "},
		"a pickle":            {"msvd:/test", "raw-captions.pkl", "\x80\x03", "is a pickle"},
	} {
		t.Run(name, func(t *testing.T) {
			scheme, rest, _ := strings.Cut(c.data, ":")
			files := map[string]string{c.file: c.text}
			if scheme == "msvd" {
				files["test_list.txt"] = "a\n"
			}
			_, err := Published(scheme + ":" + write(t, files) + rest)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestPublishedRefusesNames(t *testing.T) {
	for _, name := range []string{
		"msrvtt:x/tset", "msrvtt:x/test?spilt=9k", "msrvtt:", "msrvtt:x/train?%zz", "msvd:x/test?split=9k", "youtube:x/test",
		"msrvtt:x/val", "activitynet:x/val", "youcook2:x/val", // parts that there are not
	} {
		if _, err := Published(name); sightline.KindOf(err) != sightline.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Published("msrvtt:x/train?split=8k"); err == nil || !strings.Contains(err.Error(), "9k, 7k, full") {
		t.Errorf("an unknown split: %v", err)
	}
}

// The real lists of MSR-VTT, where they are at hand.
func TestPublishedReadsTheRealFiles(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "data", "annotations", "msrvtt")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the real annotations are not here: " + dir)
	}
	set, err := Published("msrvtt:" + dir + "/test")
	if err != nil || len(set.Videos) != 1000 || len(set.Captions) != 1000 {
		t.Errorf("%d videos, %d captions, %v; 1k-A has 1,000 pairs", len(set.Videos), len(set.Captions), err)
	}
}

// No bytes whatever make a reader panic or loop.
func FuzzPublished(f *testing.F) {
	for _, files := range official {
		for _, text := range files {
			f.Add([]byte(text))
		}
	}
	names := map[string][]string{}
	for scheme, files := range official {
		for file := range files {
			names[scheme] = append(names[scheme], file)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for scheme, files := range names {
			all := map[string]string{}
			for _, file := range files {
				all[file] = string(text)
			}
			dir := write(t, all)
			for _, part := range []string{"/train", "/test", "/val?split=full"} {
				_, _ = Published(scheme + ":" + dir + part)
				_, _ = Check(scheme+":"+dir+part, nil)
			}
		}
	})
}
