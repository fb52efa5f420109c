package calm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/dataset/world"
)

// worldLabels are the 157 labels written for the rendered world, in the plainest words: every fact by itself, every colour of
// every kind, and what moves in the four directions.
func worldLabels() []string {
	var labels []string
	for k := range world.Kind(world.Kinds) {
		labels = append(labels, k.String())
	}
	for c := range world.Colour(world.Colours) {
		labels = append(labels, c.String())
	}
	for s := range world.Size(world.SizeCount) {
		labels = append(labels, s.String())
	}
	for m := range world.Motion(world.Motions) {
		labels = append(labels, m.String())
	}
	for p := range world.Place(world.Places) {
		labels = append(labels, p.String())
	}
	for c := range world.Camera(world.Cameras) {
		labels = append(labels, "the camera "+c.String())
	}
	for i := range world.Kinds * world.Colours { // so that any prefix has all kinds and colours about equally often
		kind := world.Kind(i % world.Kinds)
		colour := world.Colour((i + i/(3*world.Colours)) % world.Colours)
		labels = append(labels, fmt.Sprintf("%v %v", colour, kind))
	}
	for _, kind := range []world.Kind{world.Ball, world.Car, world.Boat, world.Rocket, world.Fish} {
		for _, motion := range []world.Motion{world.Left, world.Right, world.Up, world.Down} {
			labels = append(labels, fmt.Sprintf("%v %v", kind, motion))
		}
	}
	return labels
}

// foreignLabels are 157 labels of what no caption of the world's domains states.
func foreignLabels() []string {
	sets := world.Foreign()
	labels := slices.Concat(sets["kind"], sets["colour"], sets["place"])
	kinds, colours := sets["kind"], sets["colour"]
	for i := 0; len(labels) < 157; i++ {
		labels = append(labels, colours[i%len(colours)]+" "+kinds[(i+i/36)%len(kinds)])
	}
	return labels
}

func TestWorldSetsSayWhatTheWorldHas(t *testing.T) {
	for name, want := range map[string][]string{"world": worldLabels(), "foreign": foreignLabels()} {
		got, err := ReadLabels(name)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s has %d labels, want %d; %v", name, len(got), len(want), err)
		}
		if len(want) != 157 {
			t.Errorf("%s has %d labels, not the paper's 157", name, len(want))
		}
	}
}

func TestReadLabels(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"plain":             {"person\nbicycle\n", []string{"person", "bicycle"}},
		"charades":          {"c000 Holding some clothes\r\nc001 Putting clothes somewhere", []string{"Holding some clothes", "Putting clothes somewhere"}},
		"one word together": {"ApplyEyeMakeup\nArchery\nYoYo\n", []string{"Apply Eye Makeup", "Archery", "Yo Yo"}},
		"underscores":       {"playing_guitar\n", []string{"playing guitar"}},
		"empty lines":       {"\n a \n\n\tb\n", []string{"a", "b"}},
		"byte order mark":   {"\ufeffcat\n", []string{"cat"}},
		"names":             {"TV\niPhone\nBMX bike\n", []string{"TV", "iPhone", "BMX bike"}},
	} {
		path := filepath.Join(t.TempDir(), "labels.txt")
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadLabels(path); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestReadLabelsRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"nothing":      {"", "no label"},
		"empty lines":  {" \n\n", "no label"},
		"a repetition": {"cat\ndog\ncat\n", ":3: \"cat\" is on line 1 already"},
		"bytes":        {"cat\n\xff\xfe\n", ":2: "},
		"a long line":  {"cat\n" + strings.Repeat("x", 2000), ":2: "},
		"a number":     {"c000\n", ":1: "},
	} {
		path := filepath.Join(t.TempDir(), "labels.txt")
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := ReadLabels(path)
		var told *sightline.Error
		if !errors.As(err, &told) || told.Try == "" || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "labels.txt") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadLabels("absent"); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("no such file: %v", err)
	}
}

func FuzzParseLabels(f *testing.F) {
	for _, seed := range []string{"cat\ndog\n", "c000 Holding some clothes\n", "ApplyEyeMakeup", "\ufeff\r\n\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		labels, err := parseLabels([]byte(text), "fuzz")
		if err != nil {
			return
		}
		if len(labels) == 0 {
			t.Error("no labels and no error")
		}
		for _, label := range labels {
			if label == "" || label != strings.TrimSpace(label) || strings.ContainsAny(label, "\r\n") {
				t.Errorf("label %q", label)
			}
		}
	})
}

// The published lists that people have are read as they are.
func TestPublishedLists(t *testing.T) {
	const folder = "../../../shared/data/annotations/labels"
	if _, err := os.Stat(folder); err != nil {
		t.Skip("the published lists are not here: ", err)
	}
	for name, want := range map[string]int{
		"charades_157.txt": 157, "coco80.txt": 80, "kinetics_label_map.txt": 400, "kinetics_label_map_600.txt": 600, "mmaction2_ucf101_label_map.txt": 101,
	} {
		got, err := ReadLabels(filepath.Join(folder, name))
		if err != nil || len(got) != want {
			t.Errorf("%s: %d labels, %v", name, len(got), err)
		}
	}
}
