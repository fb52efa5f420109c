package checkpoint_test

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/checkpoint"
	_ "sightline/align/heads"
	"sightline/encoder/clip"
	"sightline/engine"
	"sightline/engine/enginetest"
)

// small is a CLIP model that is trained in no time.
func small() (clip.Config, *engine.Weights) {
	config := clip.ViTB32()
	config.Dim = 64
	config.Vision.Tower = clip.Tower{Width: 64, Layers: 1, Heads: 1, Hidden: 256, Activation: "quick_gelu", Epsilon: 1e-5}
	config.Vision.Size = 64
	config.Text.Tower = config.Vision.Tower
	config.Text.Tower.Layers = 2
	weights := config.Init(rand.New(rand.NewPCG(1, 2)))
	weights.Set(align.LogitScale, []float32{4.5})
	return config, weights
}

// A checkpoint made of a CLIP model and a head, under the names of the official code, comes apart into both, unchanged.
func TestSplitTakesPublishedNames(t *testing.T) {
	e := enginetest.Open(t)
	_, encoder := small()
	for kind, prefix := range map[string]string{"meanpool": "", "seqlstm": "", "seqtransf": "", "tighttransf": "", "xpool": "pool_frames."} {
		t.Run(kind, func(t *testing.T) {
			head, err := align.NewHead(align.Choice{Kind: kind})
			if err != nil {
				t.Fatal(err)
			}
			own := engine.NewWeights()
			head.Init(own, 64, rand.New(rand.NewPCG(3, 4)))
			all := engine.NewWeights()
			all.Merge("module.clip.", encoder)
			all.Merge("module."+prefix, own)
			all.Set("module.epoch", []float32{4})
			parts, err := checkpoint.Split(all)
			if err != nil {
				t.Fatal(err)
			}
			if parts.Head.Kind != kind || parts.LogitScale != 4.5 || len(parts.Ignored) != 1 || parts.Ignored[0] != "epoch" {
				t.Errorf("found %v with scale %v, ignoring %v", parts.Head, parts.LogitScale, parts.Ignored)
			}
			if parts.Weights.Hash() != own.Hash() || parts.Encoder.Hash() != encoder.Hash() {
				t.Error("the weights have changed")
			}
			model, err := parts.Model(e, 64)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := model.EncodeVideos(t.Context(), []align.Video{{Features: sightline.Matrix{Rows: 3, Cols: 64, Data: engine.Constant(3*64, 0.1)}}}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSplitRefusesOtherFiles(t *testing.T) {
	weights := engine.NewWeights()
	weights.Set("layer.weight", []float32{1, 2}, 2)
	if _, err := checkpoint.Split(weights); err == nil || !strings.Contains(err.Error(), "clip.logit_scale") {
		t.Errorf("got %v", err)
	}
	_, encoder := small()
	weights.Merge("clip.", encoder)
	weights.Set("lstm_visual.weight_ih_l0", make([]float32, 4), 2, 2)
	parts, err := checkpoint.Split(weights)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parts.Model(enginetest.Open(t), 64); err == nil || !strings.Contains(err.Error(), "lstm_visual") {
		t.Errorf("a head with missing tensors gives %v", err)
	}
}

// What clip.Save writes, clip.Open reads: sizes are read off the tensors.
func TestSavedEncoderOpens(t *testing.T) {
	e := enginetest.Open(t)
	config, weights := small()
	dir := filepath.Join(t.TempDir(), "encoder")
	if err := clip.Save(dir, weights); err != nil {
		t.Fatal(err)
	}
	model, err := clip.Open(e, dir)
	if err != nil {
		t.Fatal(err)
	}
	config.Text.End = model.Config.Text.End
	if model.Config != config {
		t.Errorf("the configuration is %+v, was %+v", model.Config, config)
	}
	got, err := model.EncodeTexts(t.Context(), []string{"a dog"})
	if err != nil {
		t.Fatal(err)
	}
	want, err := clip.New(e, config, weights).EncodeTexts(t.Context(), []string{"a dog"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Data {
		if d := got.Data[i] - want.Data[i]; d > 1e-6 || d < -1e-6 {
			t.Fatalf("element %d is %v, want %v", i, got.Data[i], want.Data[i])
		}
	}
}
