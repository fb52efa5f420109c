package dataset

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sightline"
)

const (
	cocoReferences = `{"info": {"year": 2014}, "images": [{"id": 7}, {"id": 9}], "annotations": [
 {"image_id": 7, "id": 1, "caption": "a cat sits "}, {"image_id": 9, "id": 2, "caption": "a dog"}, {"image_id": 7, "id": 3, "caption": "a cat sits"}]}`
	cocoResults = `[{"image_id": 9, "caption": "the dog"}, {"image_id": "7", "caption": ""}]`
)

func describe(t *testing.T, goldName, gold, predName, pred string) (Descriptions, error) {
	t.Helper()
	dir := write(t, map[string]string{"gold-" + goldName: gold, "pred-" + predName: pred})
	return Describe(filepath.Join(dir, "gold-"+goldName), filepath.Join(dir, "pred-"+predName))
}

func TestDescribe(t *testing.T) {
	want := Descriptions{
		Items:    []Described{{"7", "", []string{"a cat sits", "a cat sits"}}, {"9", "the dog", []string{"a dog"}}},
		Repeated: 1,
	}
	pairs := "{\"id\": 7, \"captions\": [\"a cat sits\", \"a cat sits\"]}\n\n{\"id\": \"9\", \"caption\": \"a dog\"}\n"
	written := "{\"id\": 9, \"caption\": \"the dog\"}\n{\"id\": 7, \"caption\": \"\"}\n"
	for name, files := range map[string][4]string{
		"COCO":            {"a.json", cocoReferences, "b.json", cocoResults},
		"JSONL":           {"a.jsonl", pairs, "b.jsonl", written},
		"JSONL as .json":  {"a.json", pairs, "b.json", written},
		"CSV of captions": {"a.json", cocoReferences, "b.csv", "id,caption\n9,the dog\n7,\n"},
		"MSR-VTT":         {"a.json", strings.NewReplacer("annotations", "sentences", "image_id", "video_id").Replace(cocoReferences), "b.jsonl", written},
	} {
		got, err := describe(t, files[0], files[1], files[2], files[3])
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v\nwant %+v", name, got, err, want)
		}
	}
}

func TestDescribeSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ gold, pred, want string }{
		{cocoReferences, `[{"image_id": 9, "caption": "x"}]`, `1 of 2 videos of`},
		{cocoReferences, `[{"image_id": 9, "caption": "x"}]`, `"7"`},
		{cocoReferences, "[{\"image_id\": 9, \"caption\": \"x\"},\n{\"image_id\": 8, \"caption\": \"x\"}]", `pred-b.json:2: "8" is not in`},
		{cocoReferences, "[{\"image_id\": 9, \"caption\": \"x\"},\n{\"image_id\": 9, \"caption\": \"y\"}]", `b.json:2: a second caption for "9"; the first is on line 1`},
		{cocoReferences, `[{"image_id": 9}]`, "there is no caption"},
		{cocoReferences, `[{"caption": "x"}]`, "there is no id"},
		{cocoReferences, `[{"image_id": [9], "caption": "x"}]`, "neither a string nor a number"},
		{cocoReferences, `[{"image_id": 9, "caption": "x"`, "b.json:1: unexpected EOF"},
		{cocoReferences, `[]`, "there are no captions in it"},
		{cocoReferences, `{"results": []}`, "neither a list nor one under"},
		{cocoReferences, "", "EOF"},
		{strings.Replace(cocoReferences, "a dog", " ", 1), cocoResults, `a.json:2: the reference of "9" is empty`},
		{strings.Replace(cocoReferences, "a dog", "a \xff dog", 1), cocoResults, "UTF-8"},
	} {
		_, err := describe(t, "a.json", c.gold, "b.json", c.pred)
		if err == nil || !strings.Contains(err.Error(), c.want) || sightline.TryOf(err) == "" {
			t.Errorf("%s: %v, want %q", c.pred, err, c.want)
		}
	}
	if _, err := describe(t, "a.jsonl", `{"id": 1, "caption": ""}`, "b.json", cocoResults); err == nil || !strings.Contains(err.Error(), "a.jsonl:1") {
		t.Errorf("an empty reference: %v", err)
	}
	if _, err := describe(t, "a.jsonl", "{\"id\": 1, \"caption\": \"x\"}\n{", "b.json", cocoResults); err == nil || !strings.Contains(err.Error(), "a.jsonl:2") {
		t.Errorf("a broken line: %v", err)
	}
}

func FuzzDescribe(f *testing.F) {
	f.Add(cocoReferences, cocoResults, ".json")
	f.Add(`{"id": 1, "caption": "x"}`, `{"id": 1, "caption": ""}`, ".jsonl")
	f.Add("id,caption\n1,x\n", "id,caption\n1,x\n", ".csv")
	f.Fuzz(func(t *testing.T, gold, pred, ext string) {
		if ext != ".json" && ext != ".jsonl" && ext != ".csv" {
			return
		}
		d, err := describe(t, "a"+ext, gold, "b"+ext, pred)
		if err != nil {
			return
		}
		for _, item := range d.Items {
			if item.ID == "" || len(item.References) == 0 {
				t.Fatalf("%+v", item)
			}
		}
	})
}
