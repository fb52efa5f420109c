package dataset

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"sightline"
)

// crossTask are small files in CrossTask's layout.
var crossTask = map[string]string{
	"tasks_primary.txt": "23521\nMake Jello Shots\nhttps://www.wikihow.com/Make-Jello-Shots\n3\npour water,pour jello powder, stir mixture\n\n" +
		"7\nBoil\nhttps://x\n1\nboil\n",
	"tasks_related.txt":            "9\nFry\nhttps://y\n2\nheat,fry\n\n",
	"videos_val.csv":               "23521,a_b-C,https://y\n",
	"annotations/23521_a_b-C.csv":  "1,3.5,7\r\n3,20.25,21\r\n",
	"annotations/7_x.csv":          "",
	"annotations/notes/inside.txt": "not an annotation",
}

const coin = `{"database": {"v1": {"recipe_type": 3, "class": "BoilNoodles", "subset": "training", "duration": 60.5, "annotation":
 [{"id": "12", "segment": [10.0, 20.0], "label": "boil"}, {"id": "4", "segment": [1, 9.5], "label": "pour"}]},
 "v2": {"class": "BoilNoodles", "subset": "testing", "duration": 10, "annotation": [{"id": 12, "segment": [0, 3], "label": "boil"}]}}}`

func with(files map[string]string, name, text string) map[string]string {
	changed := maps.Clone(files)
	changed[name] = text
	return changed
}

func TestCrossTask(t *testing.T) {
	set, err := CrossTask(write(t, crossTask))
	if err != nil {
		t.Fatal(err)
	}
	want := StepSet{
		Name: "CrossTask",
		Tasks: []Task{
			{ID: "23521", Name: "Make Jello Shots", Steps: []string{"pour water", "pour jello powder", "stir mixture"}},
			{ID: "7", Name: "Boil", Steps: []string{"boil"}}, {ID: "9", Name: "Fry", Steps: []string{"heat", "fry"}},
		},
		Videos: []TaskVideo{
			{Video: sightline.Video{ID: "a_b-C"}, Part: "val", Steps: []Step{{sightline.Span{Start: 3.5, End: 7}, 0}, {sightline.Span{Start: 20.25, End: 21}, 2}}},
			{Video: sightline.Video{ID: "x"}, Task: 1, Part: "train", Steps: []Step{}},
		},
	}
	if !reflect.DeepEqual(set, want) {
		t.Errorf("read %+v\nwant %+v", set, want)
	}
}

func TestCrossTaskSaysWhatIsWrong(t *testing.T) {
	annotation := "annotations/23521_a_b-C.csv"
	for _, c := range []struct {
		file, text, want string
	}{
		{annotation, "1,0,2\n4,3,5\n", "a_b-C.csv:2: step 4 of a task of 3 steps"},
		{annotation, "1,5,2\n", "a_b-C.csv:1: the step runs from 5 s to 2 s"},
		{annotation, "1,NaN,2\n", "a_b-C.csv:1: the step runs"},
		{annotation, "1,2\n", "a_b-C.csv:1"},
		{annotation, "one,2,3\n", "no number of a step"},
		{annotation, "1,2,x\n", "no number of seconds"},
		{"annotations/5_x.csv", "", "5_x.csv"},
		{"tasks_primary.txt", "7\nBoil\nhttps://x\n2\nboil\n", "tasks_primary.txt:5: task 7 has 1 steps, the line above says 2"},
		{"tasks_primary.txt", "7\nBoil\nhttps://x\nmany\nboil\n", "tasks_primary.txt:4"},
		{"tasks_primary.txt", "7\nBoil\nhttps://x\n", "the task has 3 lines, not 5"},
		{"tasks_related.txt", "7\nBoil\nhttps://x\n1\nboil\n", "task 7 is there twice"},
		{"videos_val.csv", "oops\n", "videos_val.csv:1"},
	} {
		_, err := CrossTask(write(t, with(crossTask, c.file, c.text)))
		if err == nil || !strings.Contains(err.Error(), c.want) || sightline.TryOf(err) == "" {
			t.Errorf("%s = %q: %v, want %q", c.file, c.text, err, c.want)
		}
	}
	if _, err := CrossTask(t.TempDir()); err == nil {
		t.Error("read an empty folder")
	}
}

func TestCOIN(t *testing.T) {
	set, err := COIN(filepath.Join(write(t, map[string]string{"COIN.json": coin}), "COIN.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := StepSet{
		Name:  "COIN",
		Tasks: []Task{{ID: "BoilNoodles", Name: "BoilNoodles", Steps: []string{"pour", "boil"}, Labels: []int{4, 12}}},
		Videos: []TaskVideo{
			{Video: sightline.Video{ID: "v1", Duration: 60.5}, Part: "train", Steps: []Step{{sightline.Span{Start: 10, End: 20}, 1}, {sightline.Span{Start: 1, End: 9.5}, 0}}},
			{Video: sightline.Video{ID: "v2", Duration: 10}, Part: "test", Steps: []Step{{sightline.Span{Start: 0, End: 3}, 1}}},
		},
	}
	if !reflect.DeepEqual(set, want) {
		t.Errorf("read %+v\nwant %+v", set, want)
	}
	for _, c := range [][3]string{
		{`"class": "BoilNoodles", "subset": "training"`, `"class": "", "subset": "training"`, "COIN.json:1: video v1: it has no class"},
		{`"testing"`, `"elsewhere"`, `subset is "elsewhere"`},
		{`[10.0, 20.0]`, `[20.0, 10.0]`, "runs from 20 s to 10 s"},
		{`"12"`, `"twelve"`, "no number of a step"},
		{`"12"`, `[12]`, "neither a string nor a number"},
		{`[0, 3], "label": "boil"`, `[0, 3], "label": "cook"`, `step 12 is "cook", and "boil" before`},
		{`{"database"`, `{"videos"`, `there is no "database"`},
		{`}}}`, `}`, "unexpected EOF"},
	} {
		changed := strings.Replace(coin, c[0], c[1], 1)
		_, err := COIN(filepath.Join(write(t, map[string]string{"COIN.json": changed}), "COIN.json"))
		if changed == coin || err == nil || !strings.Contains(err.Error(), c[2]) || sightline.TryOf(err) == "" {
			t.Errorf("%s: %v, want %q", c[1], err, c[2])
		}
	}
}

// No bytes whatever make a reader panic, or hand out a step that its task does not have.
func FuzzSteps(f *testing.F) {
	f.Add(coin, "7\nBoil\nhttps://x\n1\nboil\n", "1,0,2\n")
	f.Add("{}", crossTask["tasks_primary.txt"], "3,1e9,1e300\n")
	f.Fuzz(func(t *testing.T, coin, tasks, annotation string) {
		dir := write(t, map[string]string{"COIN.json": coin, "tasks_primary.txt": tasks, "annotations/7_x.csv": annotation})
		for _, read := range []func() (StepSet, error){
			func() (StepSet, error) { return COIN(filepath.Join(dir, "COIN.json")) }, func() (StepSet, error) { return CrossTask(dir) },
		} {
			set, err := read()
			if err != nil {
				continue
			}
			for _, v := range set.Videos {
				for _, s := range v.Steps {
					if s.Number < 0 || s.Number >= len(set.Tasks[v.Task].Steps) || !(s.Length() > 0) {
						t.Fatalf("video %q has %+v", v.ID, s)
					}
				}
			}
		}
	})
}

func TestReadSteps(t *testing.T) {
	dir := write(t, crossTask)
	if err := os.MkdirAll(filepath.Join(dir, "videos"), 0o777); err != nil {
		t.Fatal(err)
	}
	all, err := ReadSteps("crosstask:" + dir + "/all")
	if err != nil {
		t.Fatal(err)
	}
	first := all.Videos[0].ID
	if err := os.WriteFile(filepath.Join(dir, "videos", first+".webm"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	val, err := ReadSteps("crosstask:" + dir + "/val")
	if err != nil {
		t.Fatal(err)
	}
	if len(val.Videos) == 0 || len(val.Videos) >= len(all.Videos) {
		t.Errorf("val has %d of %d videos", len(val.Videos), len(all.Videos))
	}
	found := 0
	for _, v := range append(val.Videos, all.Videos...) {
		if v.Path != "" {
			found++
		}
	}
	if found > 1 {
		t.Errorf("%d videos were found", found)
	}
	next := 1
	for task := range all.Tasks {
		for _, label := range all.Labels(task) {
			if label != next {
				t.Fatalf("labels of task %d are %v", task, all.Labels(task))
			}
			next++
		}
	}
	for _, name := range []string{"crosstask:" + dir + "/nowhere", "crosstask:" + dir + "/test", "tvr:" + dir + "/val"} {
		if _, err := ReadSteps(name); err == nil {
			t.Errorf("read %s", name)
		}
	}
}

func TestReadScript(t *testing.T) {
	dir := write(t, map[string]string{
		"good.txt": "\ufeffcrack  two eggs \r\n\n搅拌\n🔥 fry\n", "empty.txt": "\n \n", "long.txt": "a\n" + strings.Repeat("word ", 10_000),
		"binary.txt": "a\nb\xff\n", "many.txt": strings.Repeat("step\n", mostSteps+1),
	})
	script, err := ReadScript(filepath.Join(dir, "good.txt"))
	if err != nil || !slices.Equal(script, []string{"crack two eggs", "搅拌", "🔥 fry"}) {
		t.Errorf("%q, %v", script, err)
	}
	for name, want := range map[string]string{
		"empty.txt": "has no step", "long.txt": "long.txt:2: a step of", "binary.txt": "binary.txt:2", "many.txt": "many.txt:1001", "absent.txt": "absent.txt",
	} {
		if _, err := ReadScript(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzScript(f *testing.F) {
	f.Add("crack two eggs\n\nfry\n")
	f.Fuzz(func(t *testing.T, text string) {
		script, err := ReadScript(filepath.Join(write(t, map[string]string{"s.txt": text}), "s.txt"))
		for _, step := range script {
			if err != nil || strings.TrimSpace(step) == "" || len(step) > longestStep || !utf8.ValidString(step) {
				t.Fatalf("%q, %v", step, err)
			}
		}
	})
}
