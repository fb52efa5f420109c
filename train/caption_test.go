package train

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/caption"
	"sightline/dataset"
	"sightline/encoder/tiny"
	"sightline/encoder/wordpiece"
	"sightline/engine"
	"sightline/engine/enginetest"
)

var colours, animals = []string{"red", "blue", "green", "white"}, []string{"dog", "cat", "cow", "hen", "owl"}

// described returns videos whose features say of which colour which animal is, with two captions each.
func described(n int) Pairs {
	random := rand.New(rand.NewPCG(11, 11))
	data := Pairs{Seed: 3, All: true, Set: dataset.Set{Name: "described"}}
	for i := range n {
		colour, animal := i%len(colours), i%len(animals)
		rows := 1 + i%3
		features := sightline.Matrix{Rows: rows, Cols: dim, Data: engine.Normal(random, rows*dim, 0.1)}
		for r := range rows {
			features.Row(r)[colour]++
			features.Row(r)[len(colours)+animal]++
		}
		data.Set.Videos = append(data.Set.Videos, sightline.Video{ID: strconv.Itoa(i)})
		data.Videos = append(data.Videos, align.Video{ID: strconv.Itoa(i), Features: features})
		for _, text := range []string{"a " + colours[colour] + " " + animals[animal], "there is a " + colours[colour] + " " + animals[animal] + " in it"} {
			data.Set.Captions = append(data.Set.Captions, dataset.Caption{Video: i, Text: text})
			data.Texts = append(data.Texts, align.Sentence{Text: text})
		}
	}
	return data
}

func captionJob(t testing.TB, dir string) (Job, *caption.Model) {
	t.Helper()
	config := CaptionDefaults()
	config.Name, config.Seed = "captions", 3
	config.Data.Train, config.Data.Val = "train", "val"
	config.Epochs, config.Batch = 20, 12
	config.Optimizer.Rate = 0.01
	config.Caption.Config = caption.Config{Width: 24, Heads: 2, Hidden: 48, VisualLayers: 1, Layers: 1, Words: 10, Dropout: 0.1}
	config.Caption.Beam = 2
	data := described(60)
	held := described(100)
	val := held
	val.Set.Videos, val.Videos = held.Set.Videos[60:], held.Videos[60:]
	val.Set.Captions, val.Texts = nil, held.Texts[120:]
	for _, c := range held.Set.Captions[120:] {
		c.Video -= 60
		val.Set.Captions = append(val.Set.Captions, c)
	}
	model, err := caption.New(enginetest.Open(t), config.Caption.sizes(3), wordpiece.Learn(data.Set.Texts(), 1),
		align.Stored{VideoDim: dim, TextDim: dim}, config.Seed)
	if err != nil {
		t.Fatal(err)
	}
	return Job{Config: config, Model: model, Weights: model.Weights, Backend: model.Engine.Name(), Data: data, Dir: dir,
		Validate: func(ctx context.Context) (Validation, error) {
			return validateCaptions(ctx, model, val, config.Caption.Beam)
		}}, model
}

// A model learns to say what videos show that it has not seen, and is left as it was in its best epoch.
func TestCaptionsAreLearned(t *testing.T) {
	job, model := captionJob(t, filepath.Join(t.TempDir(), "run"))
	if n := job.Data.Len(); n != 120 {
		t.Errorf("an epoch has %d pairs, there are 120 captions", n)
	}
	before, err := job.Validate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	record, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	best := record.Best.Captions
	if best.CIDEr < 300 || best.BLEU4 < 50 || best.Loss > before.Captions.Loss/2 {
		t.Errorf("captions are at %+v after training, %+v before", best, before.Captions)
	}
	after, err := job.Validate(t.Context())
	if err != nil || after.Captions != best {
		t.Errorf("the model is left at %+v, %v; its best epoch had %+v", after.Captions, err, best)
	}
	written, err := model.Generate(t.Context(), described(7).Videos[6:], caption.Options{})
	if err != nil || !strings.Contains(written[0][0].Text, "green cat") {
		t.Errorf("a green cat is captioned %v, %v", written, err)
	}
	if err := record.Save(job.Dir); err != nil {
		t.Fatal(err)
	}
	if got := record.Best.String(); !strings.HasPrefix(got, "CIDEr ") {
		t.Errorf("the headline is %q", got)
	}
}

func TestCancelledCaptionRunContinuesExactly(t *testing.T) {
	cancelled(t, func(dir string) Job {
		job, _ := captionJob(t, dir)
		job.Config.Epochs = 3
		return job
	})
}

// Of validations of one CIDEr, the one of the lowest loss is the best.
func TestBestCaptions(t *testing.T) {
	s := state{Validations: []Validation{
		{Step: 1, Captions: Written{Loss: 3}}, {Step: 2, Captions: Written{Loss: 1}}, {Step: 3, Captions: Written{Loss: 2}},
	}}
	if best := s.best(); best.Step != 2 {
		t.Errorf("step %d is the best", best.Step)
	}
	s.Validations = append(s.Validations, Validation{Step: 4, Captions: Written{Loss: 9, CIDEr: 1}})
	if best := s.best(); best.Step != 4 {
		t.Errorf("step %d is the best", best.Step)
	}
}

func TestPrepareCaptions(t *testing.T) {
	e := enginetest.Open(t)
	embedded, err := tiny.Embedded(e)
	if err != nil {
		t.Fatal(err)
	}
	config := CaptionDefaults()
	config.Name, config.Epochs, config.Batch = "small", 1, 60
	config.Data = DataConfig{Train: "world:A/demo/val?captions=2", Val: "world:B/demo/val?captions=2", Frames: 2}
	config.Caption.Config = caption.Config{Width: 16, Heads: 2, Hidden: 16, VisualLayers: 1, Layers: 1, Words: 12}
	config.Caption.Beam = 1
	setting := Setting{Engine: e, Encoders: Encoders{Frames: embedded, Texts: embedded, Tiny: embedded}, Dir: filepath.Join(t.TempDir(), "run")}
	job, model, records, err := PrepareCaptions(t.Context(), config, setting)
	if err != nil {
		t.Fatal(err)
	}
	if model.Config.Frames != 2 || len(records) != 2 || records[0].Captions != 120 || records[1].Role != "val" {
		t.Errorf("%+v, %+v", model.Config, records)
	}
	record, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if record.Best.Captions.Loss <= 0 || record.Steps != 2 {
		t.Errorf("%+v", record.Best)
	}
	config.Parts = []align.Choice{{Kind: "calm", Options: map[string]any{"hidden": []int{8}, "latent": 4}}}
	setting.Dir = filepath.Join(t.TempDir(), "run")
	job, taught, _, err := PrepareCaptions(t.Context(), config, setting)
	if err != nil {
		t.Fatal(err)
	}
	if record, err = Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if len(record.Watched["calm.kl"]) != 2 || record.Parameters <= model.Weights.Count() || !slices.Contains(taught.Weights.Names(), "calm.anchors") {
		t.Errorf("with CALM %v was watched of %d parameters", record.Watched, record.Parameters)
	}
	config.Parts = []align.Choice{{Kind: "storm"}}
	if _, _, _, err := PrepareCaptions(t.Context(), config, setting); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("a part that nobody knows gives %v", err)
	}
	config.Parts = nil
	if _, _, _, err := Prepare(t.Context(), config, setting); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("a caption run prepared for retrieval gives %v", err)
	}
	if _, _, _, err := PrepareCaptions(t.Context(), small("stored"), setting); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("a retrieval run prepared for captions gives %v", err)
	}
	setting.Encoders = Encoders{}
	if _, _, _, err := PrepareCaptions(t.Context(), config, setting); sightline.TryOf(err) == "" {
		t.Errorf("without an encoder it gives %v", err)
	}
}

func TestCaptionConfig(t *testing.T) {
	const head = "name: a\ndata: {train: x, val: y}\n"
	config, err := ParseConfig([]byte(head + "task: caption\nbatch: 1\ncaption: {width: 64, heads: 2, beam: 3}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := CaptionDefaults()
	want.Name, want.Data.Train, want.Data.Val, want.Batch = "a", "x", "y", 1
	want.Caption.Width, want.Caption.Heads, want.Caption.Beam = 64, 2, 3
	if !config.Equal(want) {
		t.Errorf("it reads as\n%s", config.YAML())
	}
	again, err := ParseConfig(config.YAML())
	if err != nil || !again.Equal(config) {
		t.Errorf("written and read back: %s, %v", again.YAML(), err)
	}
	plain, err := ParseConfig([]byte(head))
	if err != nil {
		t.Fatal(err)
	}
	named, err := ParseConfig([]byte(head + "task: retrieval\n"))
	if err != nil || !named.Equal(plain) || strings.Contains(string(plain.YAML()), "task") {
		t.Errorf("task: retrieval is another run than none: %v\n%s", err, plain.YAML())
	}
	for name, text := range map[string]string{
		"unknown task":     "task: poetry\n",
		"caption alone":    "caption: {width: 64}\n",
		"unknown key":      "task: caption\ncaption: {depth: 3}\n",
		"heads do not fit": "task: caption\ncaption: {width: 64, heads: 3}\n",
		"no beam":          "task: caption\ncaption: {beam: 0}\n",
		"live tower":       "task: caption\ntower: {kind: live}\n",
	} {
		if _, err := ParseConfig([]byte(head + text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
