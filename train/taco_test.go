package train

import (
	"path/filepath"
	"strings"
	"testing"

	"sightline"
	"sightline/align/taco"
	"sightline/align/taco/tagger"
	"sightline/encoder/tiny"
	"sightline/engine/enginetest"
	"sightline/feature"
)

func tacoConfig(t *testing.T, more string) Config {
	t.Helper()
	config, err := ParseConfig([]byte(`
name: taco
seed: 1
data: {train: "world:A/demo/val", val: "world:B/demo/val?captions=1", frames: 2}
taco: {hidden: 16, heads: 2, feed_forward: 32, video_layers: 1, fusion_layers: 1, clips: 4, words: 16, hard: 2, tagger: list, candidates: 5}
epochs: 1
batch: 20
` + more))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// A section says which task it is of, and what it leaves out is as published.
func TestTacoConfig(t *testing.T) {
	config := tacoConfig(t, "")
	if config.Task != Taco || config.Taco.Hidden != 16 || config.Taco.L2 != 0.5 || config.Taco.Negatives != taco.Cascade {
		t.Errorf("task %q, taco %+v", config.Task, config.Taco)
	}
	again, err := ParseConfig(config.YAML())
	if err != nil || !again.Equal(config) {
		t.Errorf("read again: %v, %v", again, err)
	}
	const head = "name: n\ndata: {train: a, val: b}\n"
	for text, want := range map[string]string{
		head + "task: moments\ntaco: {hidden: 16}":  "go with task: taco",
		head + "taco: {hidden: 10, heads: 4}":       "must divide",
		head + "taco: {tokens: adjectives}":         "adjectives",
		head + "taco: {candidates: 0}":              "taco.candidates is 0",
		head + "taco: {colour: blue}":               "colour",
		head + "init: elsewhere":                    "init is for the task taco",
		head + "taco: {}\nparts: [{kind: calm}]":    "no parts go with task: taco",
		head + "taco: {l1: 0, l2: 0}":               "neither l1 nor l2",
		head + "task: taco\ntower: {kind: live}":    "stored features",
		head + "task: taco\ntaco: {tokens: [noun]}": "cannot unmarshal",
	} {
		if _, err := ParseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, not %q", text, err, want)
		}
	}
	if empty, err := ParseConfig([]byte(head + "taco:")); err != nil || empty.Taco == nil || empty.Taco.Hidden != taco.Default().Hidden {
		t.Errorf("an empty section gives %v", err)
	}
}

// A run leaves a bundle; another run starts from it, with idf of its own captions, and refuses one of other sizes.
func TestTacoRuns(t *testing.T) {
	e := enginetest.Open(t)
	encoder, err := tiny.Embedded(e)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	setting := func(name string) Setting {
		return Setting{Engine: e, Encoders: Encoders{Frames: encoder, Texts: encoder}, Store: feature.Store{Dir: filepath.Join(dir, "features")}, Dir: filepath.Join(dir, name)}
	}
	job, model, records, err := PrepareTaco(t.Context(), tacoConfig(t, ""), setting("pre"))
	if err != nil {
		t.Fatal(err)
	}
	if job.Data.Len() != 60 || len(records) != 2 || model.Tagger.ID() != (tagger.List{}).ID() || model.IDF.Captions != 300 {
		t.Errorf("%d pairs, %d records, tagger %s, %d captions", job.Data.Len(), len(records), model.Tagger.ID(), model.IDF.Captions)
	}
	record, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if record.Steps != 3 || record.Best.TextToVideo[2] == 0 || record.Best.VideoToText[2] == 0 || len(record.Watched) != 3 {
		t.Errorf("record %+v", record)
	}
	space := sightline.Space{Video: encoder.ID(), Text: encoder.ID(), Preprocess: encoder.Preprocess(), Sampling: "uniform-2"}
	bundle := filepath.Join(dir, "pre", "model")
	if _, err := taco.Save(bundle, "pre", model, space); err != nil {
		t.Fatal(err)
	}
	tuned := tacoConfig(t, "init: "+bundle)
	tuned.Data.Train, tuned.Data.Val = tuned.Data.Val, tuned.Data.Train
	_, start, _, err := PrepareTaco(t.Context(), tuned, setting("tuned"))
	if err != nil {
		t.Fatal(err)
	}
	if start.Weights.Hash() != model.Weights.Hash() || start.IDF.Captions != 60 {
		t.Errorf("it starts from %s, not %s, with idf of %d captions", start.Weights.Hash(), model.Weights.Hash(), start.IDF.Captions)
	}
	for name, change := range map[string]func(*Config){
		"feed_forward is 32 against 64": func(c *Config) { c.Taco.FeedForward = 64 },
		"only one has a fusion":         func(c *Config) { c.Taco.L3 = 0 },
		"absent":                        func(c *Config) { c.Init = filepath.Join(dir, "absent") },
	} {
		other := tuned
		sizes := *tuned.Taco
		other.Taco = &sizes
		change(&other)
		_, _, _, err := PrepareTaco(t.Context(), other, setting(name))
		if sightline.KindOf(err) != sightline.Usage || !strings.Contains(err.Error(), name) || sightline.TryOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenTaggerRefuses(t *testing.T) {
	if _, err := OpenTagger(filepath.Join(t.TempDir(), "absent.jsonl")); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("no tagger gives %v", err)
	}
}
