package dataset

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"sightline"
)

// msrvtt reads MSR-VTT (Xu et al., 2016): MSRVTT_data.json with the lists MSRVTT_train.9k.csv or MSRVTT_train.7k.csv for
// training, and MSRVTT_JSFUSION_test.csv, the 1k-A test of 1,000 pairs. With split=full the json's own split is taken: 6,513,
// 497 and 2,990 videos of 20 sentences. The 9k and 7k lists hold the videos of its validation part too.
func msrvtt(b *reading) error {
	split := b.options.Get("split")
	if split == "" {
		split = "9k"
	}
	part := map[string]string{"train": "train", "val": "validate", "test": "test"}[b.part]
	wanted := map[string]bool{}
	switch {
	case split != "9k" && split != "7k" && split != "full":
		return fmt.Errorf("split is %q; there are 9k, 7k and full", split)
	case split == "full":
	case b.part == "test":
		path := b.path("MSRVTT_JSFUSION_test.csv")
		return eachRecord(path, ',', []string{"video_id", "sentence"}, func(line int, field map[string]string) error {
			return b.add(entry{file: path, line: line, video: field["video_id"], text: field["sentence"]})
		})
	case b.part == "val":
		return fmt.Errorf("the %s list has no validation part, and holds the videos of the official one; use split=full for both, or a file of pairs of your own", split)
	default:
		path := b.path("MSRVTT_train." + split + ".csv")
		if err := eachRecord(path, ',', []string{"video_id"}, func(_ int, field map[string]string) error {
			wanted[field["video_id"]] = true
			return nil
		}); err != nil {
			return err
		}
	}
	path := b.path("MSRVTT_data.json")
	if split == "full" {
		err := eachElement(path, "videos", func(line int, v struct {
			ID    string `json:"video_id"`
			Split string `json:"split"`
		}) error {
			if v.Split == part {
				wanted[v.ID] = true
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return eachElement(path, "sentences", func(line int, s struct {
		ID      string `json:"video_id"`
		Caption string `json:"caption"`
	}) error {
		if !wanted[s.ID] {
			return nil
		}
		return b.add(entry{file: path, line: line, video: s.ID, text: s.Caption})
	})
}

// msvd reads MSVD (Chen and Dolan, 2011): train_list.txt, val_list.txt, test_list.txt and the captions, all of a video's
// some forty, in AllVideoDescriptions.txt or raw-captions.json.
func msvd(b *reading) error {
	wanted := map[string]bool{}
	if err := eachLine(b.path(b.part+"_list.txt"), func(_ int, text string) error {
		wanted[strings.TrimSpace(text)] = true
		return nil
	}); err != nil {
		return err
	}
	path := b.path("AllVideoDescriptions.txt")
	if _, err := os.Stat(path); err == nil {
		return eachLine(path, func(line int, text string) error {
			id, caption, _ := strings.Cut(strings.TrimSpace(text), " ")
			if id == "" || strings.HasPrefix(id, "#") || !wanted[id] {
				return nil
			}
			return b.add(entry{file: path, line: line, video: id, text: caption})
		})
	}
	path = b.path("raw-captions.json")
	if _, err := os.Stat(path); err != nil {
		if _, err := os.Stat(b.path("raw-captions.pkl")); err == nil {
			return errors.New(`raw-captions.pkl is a pickle, which can run code and is not read; once: python3 -c "import json,pickle; json.dump(pickle.load(open('raw-captions.pkl','rb')), open('raw-captions.json','w'))"`)
		}
	}
	return eachMember(path, nil, func(line int, id string, captions []json.RawMessage) error {
		if !wanted[id] {
			return nil
		}
		for _, raw := range captions {
			var text string
			var words []string
			if json.Unmarshal(raw, &text) != nil {
				if err := json.Unmarshal(raw, &words); err != nil {
					return entry{file: path, line: line}.fail(errors.New("a caption is neither a text nor a list of words"))
				}
				text = strings.Join(words, " ")
			}
			if err := b.add(entry{file: path, line: line, video: id, text: text}); err != nil {
				return err
			}
		}
		return nil
	})
}

// lsmdc reads LSMDC (Rohrbach et al., 2017): tab separated files without a header whose first column is the clip and whose
// last is the sentence. A clip may stand there more than once.
func lsmdc(b *reading) error {
	path := b.path(map[string]string{
		"train": "LSMDC16_annos_training.csv", "val": "LSMDC16_annos_val.csv", "test": "LSMDC16_challenge_1000_publictect.csv",
	}[b.part])
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
	err := eachElement(path, "", func(line int, d struct {
		Video       string `json:"video"`
		Description string `json:"description"`
	}) error {
		return b.add(entry{file: path, line: line, video: d.Video, text: d.Description, span: sightline.Span{End: 30}})
	})
	b.entries = paragraphs(b.entries)
	return err
}

// activitynet reads ActivityNet Captions (Krishna et al., 2017) for paragraph retrieval: all sentences of a video joined. Test
// is val_1.json, as everywhere; val is val_2.json.
func activitynet(b *reading) error {
	path := b.path(map[string]string{"train": "train.json", "val": "val_2.json", "test": "val_1.json"}[b.part])
	err := eachMember(path, nil, func(line int, id string, v struct {
		Duration  float64  `json:"duration"`
		Sentences []string `json:"sentences"`
	}) error {
		return b.add(entry{
			file: path, line: line, video: strings.TrimPrefix(id, "v_"), duration: v.Duration, text: strings.Join(v.Sentences, " "),
		})
	})
	b.entries = paragraphs(b.entries)
	return err
}

// youcook2 reads YouCook2 (Zhou et al., 2018): each annotated segment is a clip of its own, VIDEO_N, expected to be cut out
// into a file of that name. Test is the validation part, the only one with public sentences.
func youcook2(b *reading) error {
	path := b.path("youcookii_annotations_trainval.json")
	subset := map[string]string{"train": "training", "test": "validation"}[b.part]
	if subset == "" {
		return errors.New("YouCook2 has no third part with public sentences: train and test (its validation) are there")
	}
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
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// open opens a text file behind its byte order mark; UTF-16 is an error.
func openText(path string) (*os.File, *bufio.Reader, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	in := bufio.NewReaderSize(file, 64<<10)
	start, err := in.Peek(3)
	switch {
	case err != nil && err != io.EOF:
	case bytes.HasPrefix(start, []byte{0xEF, 0xBB, 0xBF}):
		_, err = in.Discard(3)
	case bytes.HasPrefix(start, []byte{0xFF, 0xFE}), bytes.HasPrefix(start, []byte{0xFE, 0xFF}):
		err = &placeError{path, 1, errors.New("the file is encoded in UTF-16, not UTF-8")}
	default:
		err = nil
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
func eachRecord(path string, comma rune, needed []string, do func(line int, field map[string]string) error) error {
	file, in, err := openText(path)
	if err != nil {
		return err
	}
	defer file.Close()
	bounded := &boundedReader{in: in}
	c := csv.NewReader(bounded)
	c.Comma, c.FieldsPerRecord = comma, -1
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
