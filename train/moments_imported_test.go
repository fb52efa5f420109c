package train

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sightline/align/locate"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/feature/npy"
)

// tvr writes a small data set in TVR's layout with features made elsewhere: 6 videos of 9 clips, of which half have
// subtitles, 2 queries each.
func tvr(t *testing.T) DataConfig {
	t.Helper()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	array := func(rows, cols int, parts ...string) {
		path := filepath.Join(append([]string{dir}, parts...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := npy.Write(file, []int{rows, cols}, engine.Normal(random, rows*cols, 1)); err != nil {
			t.Fatal(err)
		}
	}
	var lines strings.Builder
	for v := range 6 {
		video := fmt.Sprintf("show_%d", v)
		array(9, 7, "video", video+".npy")
		if v%2 == 0 {
			array(9, 5, "subtitle", video+".npy")
		}
		for q := range 2 {
			id := 10*v + q
			array(4+q, 5, "query", fmt.Sprintf("%d.npy", id))
			fmt.Fprintf(&lines, `{"desc_id": %d, "desc": "someone does thing %d", "vid_name": %q, "duration": 13.5, "ts": [%v, %v], "type": "v"}`+"\n", id, id, video, 1.5*float64(q), 1.5*float64(q)+3)
		}
	}
	queries := filepath.Join(dir, "tvr.jsonl")
	if err := os.WriteFile(queries, []byte(lines.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return DataConfig{Train: queries, Val: queries + "?", Frames: 1, Rate: 1, Features: dir, Clip: 1.5}
}

// A moment model trains on features made elsewhere, of any width, and what is wrong with them is said.
func TestImportedMoments(t *testing.T) {
	data := tvr(t)
	config := Defaults()
	config.Name, config.Task, config.Data = "imported", Moments, data
	config.Data.Val = filepath.Join(data.Features, "val.jsonl")
	text, err := os.ReadFile(data.Train)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config.Data.Val, text, 0o666); err != nil {
		t.Fatal(err)
	}
	sizes, err := locate.Default("qacln")
	if err != nil {
		t.Fatal(err)
	}
	sizes.Hidden, sizes.Heads, sizes.Clips = 8, 2, 16
	config.Moments, config.Epochs, config.Batch, config.Optimizer.Rate = &sizes, 2, 4, 1e-3
	job, model, records, err := PrepareMoments(t.Context(), config, Setting{Engine: enginetest.Open(t), Dir: filepath.Join(t.TempDir(), "run")})
	if err != nil {
		t.Fatal(err)
	}
	if c := model.Config; c.Video != 7 || c.Subtitle != 5 || c.Text != 5 || c.Longest != 3 {
		t.Errorf("the model is built for widths %d, %d, %d and moments of %v s", c.Video, c.Subtitle, c.Text, c.Longest)
	}
	record, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if record.Best.Moments == nil || len(records) != 2 || records[0].Captions != 12 {
		t.Errorf("best %+v, data %+v", record.Best, records)
	}

	for _, c := range []struct{ file, want string }{
		{"query/11.npy", "query/11.npy"}, {"video/show_2.npy", "video/show_2.npy"},
	} {
		broken := tvr(t)
		if err := os.Remove(filepath.Join(broken.Features, filepath.FromSlash(c.file))); err != nil {
			t.Fatal(err)
		}
		if _, _, err := importedMoments(broken.Train, broken); err == nil || !strings.Contains(err.Error(), filepath.FromSlash(c.want)) {
			t.Errorf("without %s: %v", c.file, err)
		}
	}
}
