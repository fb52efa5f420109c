//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/feature"
	"sightline/internal/atomicfile"
	"sightline/internal/safetensors"
	"sightline/library"
	"sightline/train"
)

// TestKillAdd kills add. After every kill the archive opens, its index is sound, what it lists is what is found, each video
// once, and neither a video nor a file of features is gone that was there before. In the end everything is as in an archive
// where nobody killed.
func TestKillAdd(t *testing.T) {
	clips := clips(t)
	victim{
		args: func(dir string) []string {
			return []string{"add", clips, "--encoder", "tiny", "--archive", filepath.Join(dir, "archive"), "--json"}
		},
		finished: func(t *testing.T, dir, undisturbed string) []string {
			videos := maps.Keys(archived(t, filepath.Join(dir, "archive")))
			features := wholeFiles(t, filepath.Join(dir, "archive", "features"), filepath.Join(undisturbed, "archive", "features"))
			return slices.AppendSeq(features, videos)
		},
		whole: func(t *testing.T, dir, undisturbed string) {
			archive, other := filepath.Join(dir, "archive"), filepath.Join(undisturbed, "archive")
			if got, want := archived(t, archive), archived(t, other); len(want) != clipCount || !reflect.DeepEqual(got, want) {
				t.Errorf("the archive has\n%v\nundisturbed\n%v", got, want)
			}
			sameFiles(t, filepath.Join(archive, "features"), filepath.Join(other, "features"))
			for name := range contents(t, archive) {
				if atomicfile.IsTemporary(filepath.Base(name)) {
					t.Errorf("%s is unfinished", name)
				}
			}
			var again addJSON
			parse(t, run(t, "add", clips, "--encoder", "tiny", "--archive", archive, "--json"), &again)
			if again.Unchanged != clipCount || len(again.Added)+len(again.Known)+len(again.Refused)+len(again.Removed) > 0 {
				t.Errorf("another add of the same files tells of %+v", again.Summary)
			}
		},
	}.kill(t)
}

// TestKillEncode kills encode. After every kill the features that are there are whole and right; in the end there are all
// of them, and nothing else.
func TestKillEncode(t *testing.T) {
	list := filepath.Join(clips(t), "pairs.jsonl")
	victim{
		args: func(dir string) []string {
			return []string{"encode", list, "--encoder", "tiny", "--features", filepath.Join(dir, "features")}
		},
		finished: wholeFiles,
		whole: func(t *testing.T, dir, undisturbed string) {
			sameFiles(t, dir, undisturbed)
			stored, err := filepath.Glob(filepath.Join(dir, "features", "*", "*.feat"))
			if err != nil || len(stored) != clipCount {
				t.Errorf("%d files of features, %v; want %d", len(stored), err, clipCount)
			}
			for _, path := range stored {
				if f, err := feature.Read(path); err != nil || f.Rows.Rows != usualFrames {
					t.Errorf("%s: %d rows, %v", path, f.Rows.Rows, err)
				}
			}
		},
	}.kill(t)
}

// TestKillTrain kills train. After every kill the losses that are kept are the first of an undisturbed run's, and none is
// forgotten; in the end losses, validations and weights are all the same.
func TestKillTrain(t *testing.T) {
	const epochs, batch = 100, 4
	pairs := rendered(t)
	config := filepath.Join(t.TempDir(), "run.yaml")
	write(t, config, fmt.Sprintf("name: killed\nencoder: tiny\ndata: {train: %q, val: %q}\ntower: {hidden: 64}\nepochs: %d\nbatch: %d\n",
		filepath.Join(pairs, "train.jsonl"), filepath.Join(pairs, "val.jsonl"), epochs, batch))
	victim{
		args: func(dir string) []string {
			return []string{"train", config, "--out", filepath.Join(dir, "run"), "--features", filepath.Join(dir, "features")}
		},
		finished: func(t *testing.T, dir, undisturbed string) (done []string) {
			want := recordOf(t, undisturbed).Losses
			losses := lossesSoFar(t, dir)
			if len(losses) > len(want) || !slices.Equal(losses, want[:len(losses)]) {
				t.Errorf("the losses are %v, undisturbed %v", losses, want)
			}
			for i := range losses {
				done = append(done, fmt.Sprint("step ", i))
			}
			return done
		},
		whole: func(t *testing.T, dir, undisturbed string) {
			got, want := recordOf(t, dir), recordOf(t, undisturbed)
			if len(want.Losses) != epochs*(trainClips/batch) || !slices.Equal(got.Losses, want.Losses) {
				t.Errorf("the losses are %v, undisturbed %v", got.Losses, want.Losses)
			}
			if len(want.Validations) != epochs || !slices.Equal(got.Validations, want.Validations) {
				t.Errorf("the validations are %v, undisturbed %v", got.Validations, want.Validations)
			}
			if got.Weights != want.Weights || got.Best != want.Best || !reflect.DeepEqual(got.Data, want.Data) {
				t.Errorf("of %v came the weights %s with %v, undisturbed %s with %v of %v", got.Data, got.Weights, got.Best, want.Weights, want.Best, want.Data)
			}
			sameTensors(t, filepath.Join(dir, runState), filepath.Join(undisturbed, runState))
			sameFiles(t, dir, undisturbed, "run/record.json", runState) // these tell how long it took
		},
	}.kill(t)
}

// archived returns what an archive holds: for every video by its path, what is kept of it, and what a search finds of it.
func archived(t *testing.T, dir string) map[string]string {
	t.Helper()
	held := map[string]string{}
	listing := start(t, patience, "list", "--archive", dir, "--json")
	if listing.code == int(sightline.NotReady) {
		return held
	}
	listing.mustSucceed(t)
	var listed listJSON
	parse(t, listing, &listed)

	archive, err := library.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	for _, v := range listed.Videos {
		if held[v.Path] != "" {
			t.Errorf("%s is listed twice", v.Path)
		}
		cues, err := archive.Cues(t.Context(), v.ID)
		if err != nil {
			t.Error(err)
		}
		held[v.Path] = fmt.Sprintf("%s, %v, %v", v.ID, v.Duration, cues)
	}
	if len(listed.Videos) == 0 {
		return held
	}

	index, _, err := archive.OpenIndex(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	if err := index.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	var found searchJSON
	parse(t, run(t, "search", "a red ball", "--encoder", "tiny", "--limit", "100", "--archive", dir, "--json"), &found)
	if len(found.Hits) != len(listed.Videos) {
		t.Errorf("%d videos are found, %d listed", len(found.Hits), len(listed.Videos))
	}
	for _, hit := range found.Hits {
		if held[hit.Video.Path] == "" {
			t.Errorf("%s is found and not listed", hit.Video.Path)
		}
		held[hit.Video.Path] += fmt.Sprintf(", %v at %v", hit.Score, hit.Span)
	}
	return held
}

// recordOf returns the record of the run in dir.
func recordOf(t *testing.T, dir string) (record train.Record) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "run", runRecord))
	if err == nil {
		err = json.Unmarshal(text, &record)
	}
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// runState is where the run of a victim keeps all that it needs to go on.
const runState = "run/state.safetensors"

// lossesSoFar returns the losses of the steps that the run in dir will not do again.
func lossesSoFar(t *testing.T, dir string) []float64 {
	t.Helper()
	path := filepath.Join(dir, runState)
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return nil
	}
	file, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var state struct{ Losses []float64 }
	if err := json.Unmarshal([]byte(file.Metadata()["sightline.train"]), &state); err != nil {
		t.Fatal(err)
	}
	return state.Losses
}

// sameTensors checks that two files hold the same tensors.
func sameTensors(t *testing.T, path, undisturbed string) {
	t.Helper()
	got, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	want, err := safetensors.Open(undisturbed)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	if len(want.Names()) == 0 || !slices.Equal(got.Names(), want.Names()) {
		t.Fatalf("%s holds %q, undisturbed %q", path, got.Names(), want.Names())
	}
	for _, name := range want.Names() {
		values, err := got.Float32s(name)
		if err != nil {
			t.Fatal(err)
		}
		expected, err := want.Float32s(name)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(values, expected) {
			t.Errorf("%s of %s is not what it is undisturbed", name, path)
		}
	}
}

// parse reads the one JSON value that a process printed.
func parse(t *testing.T, p *process, into any) {
	t.Helper()
	if err := json.Unmarshal(p.out.Bytes(), into); err != nil {
		t.Fatalf("sightline %s printed %q: %v", strings.Join(p.args, " "), p.out.String(), err)
	}
}
