package train

import (
	"path/filepath"
	"testing"

	"sightline"
	"sightline/encoder/tiny"
	"sightline/engine/enginetest"
)

// small is a run on the rendered world that takes seconds: one epoch of few steps.
func small(kind string) Config {
	config := Defaults()
	config.Name, config.Epochs, config.Batch = kind, 1, 30
	config.Data = DataConfig{Train: "world:A/demo/val", Val: "world:B/demo/val", Frames: 2}
	config.Tower.Kind = kind
	return config
}

func runSmall(t *testing.T, config Config, encoders Encoders) Record {
	t.Helper()
	e := enginetest.Open(t)
	dir := filepath.Join(t.TempDir(), "run")
	job, _, data, err := Prepare(t.Context(), config, Setting{Engine: e, Encoders: encoders, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if len(data) != 2 || data[0].Role != "train" || data[0].Hash == data[1].Hash {
		t.Errorf("the data is recorded as %+v", data)
	}
	record, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// Every way to compose a run trains: adapters on the embedded encoder, the embedded encoder end to end, and one from
// scratch, with and without the word loss.
func TestEveryTowerTrains(t *testing.T) {
	e := enginetest.Open(t)
	embedded, err := tiny.Embedded(e)
	if err != nil {
		t.Fatal(err)
	}
	encoders := Encoders{Frames: embedded, Texts: embedded, Tiny: embedded}
	stored := runSmall(t, small("stored"), encoders)
	live := runSmall(t, small("live"), encoders)
	for _, record := range []Record{stored, live} {
		if record.Best.TextToVideo[2] < 50 {
			t.Errorf("%s: R@10 is %.1f among 60 videos after starting from the embedded encoder", record.Config.Name, record.Best.TextToVideo[2])
		}
	}
	scratch := small("live")
	scratch.Encoder, scratch.Tower.Words, scratch.Tower.TrainFrames = "", 3, 1
	runSmall(t, scratch, Encoders{})
	scratch.Data.Train = "world:stills/60?seed=9"
	scratch.Tower.OneObject = 1
	runSmall(t, scratch, Encoders{})
}

func TestStillsNeedALiveTower(t *testing.T) {
	config := small("stored")
	config.Data.Train = "world:stills/60"
	if _, _, _, err := Prepare(t.Context(), config, Setting{Dir: filepath.Join(t.TempDir(), "run")}); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("stills for a stored tower give %v", err)
	}
}
