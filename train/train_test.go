package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/align/emcl"
	"sightline/align/emclnet"
	_ "sightline/align/heads"
	"sightline/align/meanpool"
	"sightline/align/seqtransf"
	"sightline/dataset"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/internal/atomicfile"
)

// The tests' run: 40 videos of random features, each with two noisy sentences, in 8 epochs of 5 steps.
const (
	videos = 40
	dim    = 12
)

func trial() Config {
	config := Defaults()
	config.Name, config.Seed = "trial", 3
	config.Data.Train, config.Data.Val = "train", "val" // not opened: the tests bring their own pairs
	config.Epochs, config.Batch = 8, 8
	config.Optimizer.Rate = 0.01
	return config
}

func trialPairs() Pairs {
	random := rand.New(rand.NewPCG(7, 7))
	data := Pairs{Seed: 3, Set: dataset.Set{Name: "trial"}}
	for i := range videos {
		rows := 1 + i%3
		data.Set.Videos = append(data.Set.Videos, sightline.Video{ID: strconv.Itoa(i)})
		features := sightline.Matrix{Rows: rows, Cols: dim, Data: engine.Normal(random, rows*dim, 1)}
		data.Videos = append(data.Videos, align.Video{ID: strconv.Itoa(i), Features: features})
		for range 2 {
			vector := engine.Normal(random, dim, 1)
			for j := range vector {
				vector[j] += features.Row(0)[(j+1)%dim] // a rotation that an adapter can learn
			}
			text := fmt.Sprintf("sentence %d", len(data.Texts))
			data.Set.Captions = append(data.Set.Captions, dataset.Caption{Video: i, Text: text})
			data.Texts = append(data.Texts, align.Sentence{Text: text, Vector: vector})
		}
	}
	return data
}

func trialJob(t testing.TB, dir string) Job { return trialOf(t, dir, meanpool.Head{}) }

func trialOf(t testing.TB, dir string, head align.Head, parts ...align.NamedPart) Job {
	t.Helper()
	config, data := trial(), trialPairs()
	model, err := align.New(enginetest.Open(t), align.Stored{VideoDim: dim, TextDim: dim, Hidden: 16}, head, config.Seed, parts...)
	if err != nil {
		t.Fatal(err)
	}
	return Job{Config: config, Model: model, Weights: model.Weights, Backend: model.Engine.Name(), Data: data, Dir: dir,
		Validate: func(ctx context.Context) (Validation, error) {
			if err := fit(ctx, model, data); err != nil {
				return Validation{}, err
			}
			return validate(ctx, model, data)
		}}
}

func same(t *testing.T, got, want Record) {
	t.Helper()
	if got.Weights != want.Weights {
		t.Errorf("weights are %s, want %s", got.Weights, want.Weights)
	}
	if !slices.Equal(got.Losses, want.Losses) {
		t.Errorf("losses differ:\n%v\n%v", got.Losses, want.Losses)
	}
	if !slices.Equal(got.Validations, want.Validations) {
		t.Errorf("validations differ:\n%v\n%v", got.Validations, want.Validations)
	}
}

func uninterrupted(t *testing.T) Record {
	t.Helper()
	record, err := Run(t.Context(), trialJob(t, filepath.Join(t.TempDir(), "run")))
	if err != nil {
		t.Fatal(err)
	}
	return record
}

func TestRunLearns(t *testing.T) {
	job := trialJob(t, filepath.Join(t.TempDir(), "run"))
	before, err := job.Validate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	record, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	if record.Best.Score() < before.Score()+50 {
		t.Errorf("Rsum is %.1f after training and %.1f before", record.Best.Score(), before.Score())
	}
	after, err := job.Validate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after.Score() != record.Best.Score() {
		t.Errorf("the model is left with Rsum %.1f, the best epoch had %.1f", after.Score(), record.Best.Score())
	}
	if err := record.Save(job.Dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(job.Dir, recordFile))
	if err != nil {
		t.Fatal(err)
	}
	var back Record
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	same(t, back, record)
	if info, err := os.Stat(filepath.Join(job.Dir, "curves.png")); err != nil || info.Size() < 1000 {
		t.Errorf("curves: %v, %v", info, err)
	}
}

// Every run file of the repository is read, and names a head that exists with options that it takes.
func TestConfigsAreRuns(t *testing.T) {
	count := 0
	err := filepath.WalkDir("../configs", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		count++
		config, err := ReadConfig(path)
		if err != nil {
			return err
		}
		if _, err = align.NewHead(config.Head); err != nil {
			return err
		}
		parts, err := align.NewParts(config.Parts)
		for _, p := range parts {
			if prompted, ok := p.Part.(align.Prompted); ok {
				if _, wrong := prompted.Prompts(); !errors.Is(wrong, fs.ErrNotExist) { // a file that the user brings
					err = errors.Join(err, wrong)
				}
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	if err != nil || count < 8 {
		t.Errorf("%d run files, %v", count, err)
	}
}

func TestCancelledRunContinuesExactly(t *testing.T) {
	for _, kind := range []string{adamW, bertAdam} {
		t.Run(kind, func(t *testing.T) {
			cancelled(t, func(dir string) Job {
				job := trialJob(t, dir)
				job.Config.Optimizer.Kind = kind
				return job
			})
		})
	}
}

// What EM maintains from step to step, and its frozen bases, are part of what a run goes on from.
func TestCancelledRunWithEMCLContinuesExactly(t *testing.T) {
	em := emcl.EM{Bases: 4, Iterations: 3, Lambda: 0.5, Beta: 1, Momentum: 0.9, Init: emcl.Random}
	for name, job := range map[string]func(dir string) Job{
		"layer": func(dir string) Job {
			return trialOf(t, dir, meanpool.Head{}, align.NamedPart{Name: emcl.Name, Part: &emcl.Layer{EM: em, Train: true}})
		},
		"head": func(dir string) Job {
			return trialOf(t, dir, &emclnet.Head{Head: seqtransf.Head{Layers: 1, Heads: 2, Positions: 4}, EM: em, Temperature: 3})
		},
	} {
		t.Run(name, func(t *testing.T) { cancelled(t, job) })
	}
}

// cancelled stops a run every few steps until it is done, and compares it with one that was never stopped.
func cancelled(t *testing.T, job func(dir string) Job) {
	t.Helper()
	want, err := Run(t.Context(), job(filepath.Join(t.TempDir(), "run")))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	var record Record
	for stops := 0; ; stops++ {
		ctx, cancel := context.WithCancel(t.Context())
		job := job(dir)
		done := 0
		job.Progress = func(Progress) {
			if done++; done == 7 {
				cancel()
			}
		}
		var err error
		record, err = Run(ctx, job)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, ErrInterrupted) {
			t.Fatal(err)
		}
		if stops > 20 {
			t.Fatal("the run does not get on")
		}
	}
	same(t, record, want)
}

func TestFinishedRunIsReadBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	first, err := Run(t.Context(), trialJob(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Run(t.Context(), trialJob(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	same(t, again, first)
}

func TestRunLeavesOtherFoldersAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), []byte("years of work"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), trialJob(t, dir)); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("a folder that is no run gives %v", err)
	}
	run := filepath.Join(t.TempDir(), "run")
	if _, err := Run(t.Context(), trialJob(t, run)); err != nil {
		t.Fatal(err)
	}
	other := trialJob(t, run)
	other.Config.Seed++
	if _, err := Run(t.Context(), other); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("a run with another config gives %v", err)
	}
}

// A process killed in its first moment leaves a folder with an unfinished file in it, one killed in its last a record
// without curves, if the record is written first.
func TestRunTakesTheFolderOfAKilledOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	left, err := atomicfile.Create(filepath.Join(dir, configFile))
	if err != nil {
		t.Fatal(err)
	}
	left.File.Close()
	record, err := Run(t.Context(), trialJob(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left.Name()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the unfinished file stayed: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "curves.png"), 0o777); err != nil { // so that they cannot be written
		t.Fatal(err)
	}
	if err := record.Save(dir); err == nil {
		t.Error("a record without curves was saved")
	}
	if _, err := os.Stat(filepath.Join(dir, recordFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the record is there before its curves: %v", err)
	}
}

// killed names the folder in which a child process of TestKilledRunContinuesExactly trains.
const killed = "SIGHTLINE_TRAIN_CHILD"

// TestKilledRunContinuesExactly kills a training process at random times, SIGHTLINE_KILLS of them (3 by default), and
// then lets it end: losses, validations and weights must be those of a run that was never interrupted.
func TestKilledRunContinuesExactly(t *testing.T) {
	if dir := os.Getenv(killed); dir != "" {
		child(t, dir)
		return
	}
	kills := 3
	if n, err := strconv.Atoi(os.Getenv("SIGHTLINE_KILLS")); err == nil {
		kills = n
	}
	want := uninterrupted(t)
	dir := filepath.Join(t.TempDir(), "run")
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	start := func() *exec.Cmd {
		process := exec.Command(os.Args[0], "-test.run=^TestKilledRunContinuesExactly$")
		process.Env = append(os.Environ(), killed+"="+dir)
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		return process
	}
	for range kills {
		process := start()
		time.Sleep(time.Duration(50+random.IntN(400)) * time.Millisecond)
		if err := process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		_ = process.Wait() // killed, or already done
	}
	if err := start().Wait(); err != nil {
		t.Fatalf("the last process, which nobody killed: %v", err)
	}
	record, err := Run(t.Context(), trialJob(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	same(t, record, want)
}

// child trains slowly and saves after every step, so that kills hit every part of it.
func child(t *testing.T, dir string) {
	saveEvery = 0
	job := trialJob(t, dir)
	job.Progress = func(Progress) { time.Sleep(5 * time.Millisecond) }
	if _, err := Run(t.Context(), job); err != nil {
		t.Fatal(err)
	}
}

func TestConfigRefusesWhatMakesNoSense(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key":     "name: a\nlerning_rate: 1\n",
		"no validation":   "name: a\ndata: {train: x}\n",
		"batch of one":    "name: a\ndata: {train: x, val: y}\nbatch: 1\n",
		"val is train":    "name: a\ndata: {train: x, val: x}\n",
		"unknown tower":   "name: a\ndata: {train: x, val: y}\ntower: {kind: ivory}\n",
		"negative rate":   "name: a\ndata: {train: x, val: y}\noptimizer: {rate: -1}\n",
		"not YAML at all": "\t{",
	} {
		if _, err := ParseConfig([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	good, err := ParseConfig([]byte("name: a\ndata: {train: x, val: y}\n"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseConfig(good.YAML())
	if err != nil || !again.Equal(good) {
		t.Errorf("written and read back: %+v, %v", again, err)
	}
}

// alarm is a part that finds two things wrong in every epoch.
type alarm struct{}

func (alarm) Init(*engine.Weights, int, *rand.Rand) {}
func (alarm) Fixed() []string                       { return nil }
func (alarm) Noise(_, _, _ int) [][]int             { return nil }
func (alarm) Watched() []string                     { return []string{"alarm.heat"} }
func (alarm) Loss(_ engine.Vars, seen align.Seen, _ []*graph.Node) (*graph.Node, []*graph.Node) {
	zero := graph.ScalarZero(seen.Sentence.Graph(), seen.Sentence.DType())
	return zero, []*graph.Node{graph.AddScalar(zero, 451)}
}
func (alarm) Warn(losses []float64, watched map[string][]float64) []align.Warning {
	return []align.Warning{{Kind: "fire", Text: fmt.Sprint(watched["alarm.heat"][0])}, {Kind: "smoke"}}
}

// Each kind of warning is told once, whatever interrupts the run, and stands in its record.
func TestWarningsAreToldOnce(t *testing.T) {
	var told []align.Warning
	var record Record
	dir := filepath.Join(t.TempDir(), "run")
	for run := 0; ; run++ {
		data := trialPairs()
		model, err := align.New(enginetest.Open(t), align.Stored{VideoDim: dim, TextDim: dim, Hidden: 16}, meanpool.Head{}, 3, align.NamedPart{Name: "alarm", Part: alarm{}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		job := Job{Config: trial(), Model: model, Weights: model.Weights, Data: data, Dir: dir,
			Validate: func(ctx context.Context) (Validation, error) { return validate(ctx, model, data) },
			Warn:     func(w align.Warning) { told = append(told, w) },
			Progress: func(p Progress) {
				if run == 0 && p.Step == 12 {
					cancel()
				}
			}}
		record, err = Run(ctx, job)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, ErrInterrupted) || run > 0 {
			t.Fatal(err)
		}
	}
	want := []align.Warning{{Part: "alarm", Kind: "fire", Text: "451", Step: 5}, {Part: "alarm", Kind: "smoke", Step: 5}}
	if !slices.Equal(told, want) || !slices.Equal(record.Warnings, want) {
		t.Errorf("told %v, recorded %v, want %v", told, record.Warnings, want)
	}
}
