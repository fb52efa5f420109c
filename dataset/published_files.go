package dataset

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"sightline"
)

// list reads the ids that a part consists of, each with the entry that says where it stands.
func (b *reading) list(path string, each func(do func(line int, id string) error) error) (map[string]entry, error) {
	wanted := map[string]entry{}
	err := each(func(line int, id string) error {
		e := entry{file: path, line: line, video: strings.TrimSpace(id)}
		if first, twice := wanted[e.video]; twice {
			b.note(&b.report.Duplicates, e, false, "video %s is on line %d too", e.video, first.line)
			return nil
		}
		wanted[e.video] = e
		return nil
	})
	return wanted, err
}

// described notes the listed videos that have no sentence in the file that should have them.
func (b *reading) described(wanted map[string]entry, path string) {
	for _, e := range b.entries {
		delete(wanted, e.video)
	}
	left := slices.SortedFunc(maps.Values(wanted), func(x, y entry) int {
		return cmp.Or(cmp.Compare(x.line, y.line), cmp.Compare(x.video, y.video))
	})
	for _, e := range left {
		b.note(&b.report.Empty, e, true, "video %s has no caption in %s", e.video, path)
	}
}

// msrvtt reads MSR-VTT (Xu et al., 2016): MSRVTT_data.json with the lists MSRVTT_train.9k.csv or MSRVTT_train.7k.csv for
// training, and MSRVTT_JSFUSION_test.csv, the 1k-A test of 1,000 pairs. With split=full the json's own split is taken: 6,513,
// 497 and 2,990 videos of 20 sentences. The 9k and 7k lists hold the videos of its validation part too.
func msrvtt(b *reading) error {
	path := b.path("MSRVTT_data.json")
	var wanted map[string]entry
	var err error
	switch {
	case b.split == "full":
		part := map[string]string{"train": "train", "val": "validate", "test": "test"}[b.part]
		wanted, err = b.list(path, func(do func(int, string) error) error {
			return eachElement(path, "videos", func(line int, v struct {
				ID    string `json:"video_id"`
				Split string `json:"split"`
			}) error {
				if v.Split != part {
					return nil
				}
				return do(line, v.ID)
			})
		})
	case b.part == "test":
		path := b.path("MSRVTT_JSFUSION_test.csv")
		b.once = true
		return eachRecord(path, []string{"video_id", "sentence"}, func(line int, field map[string]string) error {
			return b.add(entry{file: path, line: line, video: field["video_id"], text: field["sentence"]})
		})
	case b.part == "val":
		return fmt.Errorf("%w: the %s list holds the videos of the official validation part; use split=full for both, or a file of pairs of your own", errNoPart, b.split)
	default:
		list := b.path("MSRVTT_train." + b.split + ".csv")
		wanted, err = b.list(list, func(do func(int, string) error) error {
			return eachRecord(list, []string{"video_id"}, func(line int, field map[string]string) error {
				return do(line, field["video_id"])
			})
		})
	}
	if err != nil {
		return err
	}
	err = eachElement(path, "sentences", func(line int, s struct {
		ID      string `json:"video_id"`
		Caption string `json:"caption"`
	}) error {
		if _, ok := wanted[s.ID]; !ok {
			return nil
		}
		return b.add(entry{file: path, line: line, video: s.ID, text: s.Caption})
	})
	b.described(wanted, path)
	return err
}

// msvd reads MSVD (Chen and Dolan, 2011): train_list.txt, val_list.txt, test_list.txt and the captions, all of a video's
// some forty, in AllVideoDescriptions.txt or raw-captions.json.
func msvd(b *reading) error {
	list := b.path(b.part + "_list.txt")
	wanted, err := b.list(list, func(do func(int, string) error) error { return eachLine(list, do) })
	if err != nil {
		return err
	}
	path := b.path("AllVideoDescriptions.txt")
	add := func(line int, id, text string) error {
		return b.add(entry{file: path, line: line, video: id, text: text, origin: msvdOrigin(id)})
	}
	if _, err := os.Stat(path); err == nil {
		err = eachLine(path, func(line int, text string) error {
			id, caption, _ := strings.Cut(strings.TrimSpace(text), " ")
			if _, ok := wanted[id]; !ok {
				return nil
			}
			return add(line, id, caption)
		})
		b.described(wanted, path)
		return err
	}
	path = b.path("raw-captions.json")
	if _, err := os.Stat(path); err != nil {
		if _, err := os.Stat(b.path("raw-captions.pkl")); err == nil {
			return errors.New(`raw-captions.pkl is a pickle, which can run code and is not read; once: python3 -c "import json,pickle; json.dump(pickle.load(open('raw-captions.pkl','rb')), open('raw-captions.json','w'))"`)
		}
	}
	err = eachMember(path, nil, func(line int, id string, captions []wordsOrText) error {
		if _, ok := wanted[id]; !ok {
			return nil
		}
		for _, text := range captions {
			if err := add(line, id, string(text)); err != nil {
				return err
			}
		}
		return nil
	})
	b.described(wanted, path)
	return err
}

// msvdOrigin returns the YouTube id of a clip VIDEO_START_END, or "".
func msvdOrigin(id string) string {
	for range 2 {
		i := strings.LastIndexByte(id, '_')
		if i < 0 {
			return ""
		}
		id = id[:i]
	}
	return id
}

// wordsOrText is a caption as raw-captions has it: a list of words, or a text.
type wordsOrText string

// UnmarshalJSON takes either.
func (w *wordsOrText) UnmarshalJSON(text []byte) error {
	var words []string
	if json.Unmarshal(text, &words) == nil {
		*w = wordsOrText(strings.Join(words, " "))
		return nil
	}
	if json.Unmarshal(text, (*string)(w)) != nil {
		return errors.New("a caption is neither a text nor a list of words")
	}
	return nil
}

// lsmdc reads LSMDC (Rohrbach et al., 2017): tab separated files without a header whose first column is the clip and whose
// last is the sentence. A clip may stand there more than once.
func lsmdc(b *reading) error {
	path := b.path(map[string]string{
		"train": "LSMDC16_annos_training.csv", "val": "LSMDC16_annos_val.csv", "test": "LSMDC16_challenge_1000_publictect.csv",
	}[b.part])
	b.once = true
	return eachLine(path, func(line int, text string) error {
		columns := strings.Split(text, "\t")
		if len(columns) != 6 {
			return entry{file: path, line: line}.fail(fmt.Errorf("%d columns parted by tabs, want 6", len(columns)))
		}
		return b.add(entry{file: path, line: line, video: columns[0], text: columns[5]})
	})
}

// didemo reads DiDeMo (Hendricks et al., 2017) for paragraph retrieval: all descriptions of a video joined, over its first
// 30 seconds; the moments are not used.
func didemo(b *reading) error {
	path := b.path(b.part + "_data.json")
	places := map[string]int{}
	return eachElement(path, "", func(line int, d struct {
		Video       string `json:"video"`
		Description string `json:"description"`
	}) error {
		e := entry{
			file: path, line: line, video: d.Video, text: d.Description, origin: d.Video, cut: sightline.Span{End: 30},
		}
		at, known := places[d.Video]
		if !known {
			places[d.Video] = len(b.entries)
			return b.add(e)
		}
		text := strings.Join(strings.Fields(d.Description), " ")
		if text == "" {
			b.note(&b.report.Empty, e, false, "a description of %s is empty", d.Video)
			return nil
		}
		first := &b.entries[at]
		if first.text == "" {
			b.note(&b.report.Empty, *first, false, "a description of %s is empty", d.Video)
		}
		first.text = strings.TrimSpace(first.text + " " + text)
		return nil
	})
}

// activitynet reads ActivityNet Captions (Krishna et al., 2017) for paragraph retrieval: all sentences of a video joined. Test
// is val_1.json, as everywhere. val_2.json describes the same videos once more, so there is no validation part: to choose
// by it would be to choose on the test videos.
func activitynet(b *reading) error {
	name := map[string]string{"train": "train.json", "test": "val_1.json"}[b.part]
	if name == "" {
		return fmt.Errorf("%w: val_2.json describes the videos of val_1.json, the test, once more; keep some videos of train apart in a file of pairs", errNoPart)
	}
	path := b.path(name)
	b.once = true
	return eachMember(path, nil, func(line int, id string, v struct {
		Duration  float64  `json:"duration"`
		Sentences []string `json:"sentences"`
	}) error {
		e := entry{file: path, line: line, video: strings.TrimPrefix(id, "v_"), duration: v.Duration, text: strings.Join(v.Sentences, " ")}
		for _, s := range v.Sentences {
			if strings.TrimSpace(s) == "" && strings.TrimSpace(e.text) != "" {
				b.note(&b.report.Empty, e, false, "a sentence about %s is empty", e.video)
			}
		}
		return b.add(e)
	})
}

// youcook2 reads YouCook2 (Zhou et al., 2018): each annotated segment is a video of its own, VIDEO_N, counted from 0, that
// lies in a file of that name or else is cut from that of VIDEO. Test is the validation part, as test has no public sentences.
func youcook2(b *reading) error {
	path := b.path("youcookii_annotations_trainval.json")
	subset := map[string]string{"train": "training", "test": "validation"}[b.part]
	if subset == "" {
		return fmt.Errorf("%w: of YouCook2's parts two have public sentences, train and test (its validation)", errNoPart)
	}
	b.once = true
	return eachMember(path, []string{"database"}, func(line int, id string, v struct {
		Subset      string `json:"subset"`
		Annotations []struct {
			Segment  [2]float64 `json:"segment"`
			Sentence string     `json:"sentence"`
		} `json:"annotations"`
	}) error {
		if v.Subset != subset {
			return nil
		}
		for n, a := range v.Annotations {
			if !(a.Segment[0] >= 0 && a.Segment[1] > a.Segment[0]) {
				return entry{file: path, line: line}.fail(fmt.Errorf("segment %d of %s runs from %v to %v", n, id, a.Segment[0], a.Segment[1]))
			}
			if err := b.add(entry{
				file: path, line: line, video: fmt.Sprintf("%s_%d", id, n), text: a.Sentence, duration: a.Segment[1] - a.Segment[0],
				origin: id, cut: sightline.Span{Start: a.Segment[0], End: a.Segment[1]},
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// openText opens a text file behind its byte order mark; UTF-16 is an error.
func openText(path string) (*os.File, *bufio.Reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	in := bufio.NewReaderSize(file, 64<<10)
	start, err := in.Peek(4)
	if err == io.EOF {
		err = nil
	}
	if err == nil {
		if wrong := skipMark(in, start); wrong != nil {
			err = &placeError{path, 1, wrong}
		}
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, in, nil
}

// eachLine calls do for every line that is not blank.
func eachLine(path string, do func(line int, text string) error) error {
	file, in, err := openText(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for line := 1; ; line++ {
		text, err := readLine(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &placeError{path, line, err}
		}
		if s := strings.TrimRight(string(text), "\r"); strings.TrimSpace(s) != "" {
			if err := do(line, s); err != nil {
				return err
			}
		}
	}
}

// eachRecord calls do for every record of a CSV file with a header that has the needed columns.
func eachRecord(path string, needed []string, do func(line int, field map[string]string) error) error {
	file, in, err := openText(path)
	if err != nil {
		return err
	}
	defer file.Close()
	bounded := &boundedReader{in: in}
	c := csv.NewReader(bounded)
	c.FieldsPerRecord = -1
	var header []string
	for line := 1; ; {
		bounded.since = 0
		record, err := c.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			problem := csvError(err, line)
			return &placeError{path, problem.line, problem.err}
		}
		line, _ = c.FieldPos(0)
		if header == nil {
			header = record
			for _, name := range needed {
				if !contains(header, name) {
					return &placeError{path, line, fmt.Errorf("there is no column %s; the columns are %s", name, strings.Join(header, ", "))}
				}
			}
			continue
		}
		if len(record) != len(header) {
			return &placeError{path, line, fmt.Errorf("%d fields, the header has %d", len(record), len(header))}
		}
		field := map[string]string{}
		for i, name := range header {
			if !utf8.ValidString(record[i]) {
				return &placeError{path, line, errNotUTF8}
			}
			field[strings.TrimSpace(name)] = record[i]
		}
		if err := do(line, field); err != nil {
			return err
		}
	}
	if header == nil {
		return &placeError{path, 1, errors.New("the file is empty")}
	}
	return nil
}

func contains(names []string, wanted string) bool {
	for _, name := range names {
		if strings.TrimSpace(name) == wanted {
			return true
		}
	}
	return false
}
