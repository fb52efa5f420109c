package benchmark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"sightline"
	"sightline/align"
	"sightline/corpus"
	"sightline/encoder/tiny"
	"sightline/internal/atomicfile"
	"sightline/metric"
	"sightline/train"
)

// Files of a plan's folder, and what a benchmark adds to a run's.
const (
	featureDir = "features" // of the plan: what all runs share
	bundleDir  = "model"
	epochsFile = "test-epochs.json" // what the test sets say of every epoch: looked at for one table alone
)

// Candidates is how many videos the first stage hands to the second, where a head has two.
const Candidates = 50

// tested is a trained model with what the test sets say of it.
type tested struct {
	rankings []metric.Ranking // by domain
	first    []metric.Ranking // by the recall vectors alone; nil for heads of one stage, as is the next
	twoStage []metric.Ranking // with only the first stage's candidates re-scored
	cost     Cost
	epochs   []Epoch            // nil where they were not looked at
	watched  map[string]float64 // what the model's parts reported, the mean over the last tenth of the steps
}

// Cost is what a method takes.
type Cost struct {
	Parameters int     `json:"parameters"`
	Seconds    float64 `json:"train_seconds"`
	Query      float64 `json:"ms_a_query"`          // one sentence against all test videos, exactly, the median of several
	Served     float64 `json:"ms_a_served_query"`   // with the first stage's candidates re-scored; 0 for heads of one stage
	Lost       float64 `json:"lost_by_first_stage"` // percent of queries whose best video is not among the candidates
}

// Epoch is what the test sets say of a model after an epoch: text to video and video to text R@1, by domain.
type Epoch struct {
	Epoch  int          `json:"epoch"`
	Recall [][2]float64 `json:"r1"`
}

// measure returns what the test sets say of a method's model of one seed.
func (b *bench) measure(ctx context.Context, method Method, seed uint64) (tested, error) {
	var t tested
	model, encoder, err := b.trained(ctx, method, seed)
	if err != nil {
		return t, err
	}
	if method.Config == nil {
		t.cost.Parameters = model.Weights.Count()
	} else if t.cost, t.epochs, t.watched, err = readRun(b.folder(method, seed)); err != nil {
		return t, err
	}
	for d := range domains {
		b.report(Stage{fmt.Sprintf("Testing %s, seed %d, on %s", method.Name, seed, domains[d].domain), 0, 1, 0})
		pairs := b.test[d]
		if encoder != b.encoder {
			split, err := corpus.Open(b.split(domains[d].domain, b.On, b.Captions))
			if err != nil {
				return t, err
			}
			if pairs, err = b.pairs(ctx, split, encoder); err != nil {
				return t, err
			}
		}
		if err := t.test(ctx, model, pairs, d == 0); err != nil {
			return t, err
		}
	}
	return t, nil
}

// trained returns a method's model of one seed, trained now or read back from its finished run, and the encoder that feeds it.
// A trained model is the bundle as it would serve.
func (b *bench) trained(ctx context.Context, method Method, seed uint64) (*align.Model, *tiny.Encoder, error) {
	encoder := b.encoder
	if method.Config == nil {
		head, err := align.NewHead(train.Defaults().Head)
		if err != nil {
			return nil, nil, err
		}
		plain := align.Stored{VideoDim: encoder.FrameDim(), TextDim: encoder.TextDim()}
		model, err := align.New(b.engine, plain, head, seed)
		return model, encoder, err
	}
	dir := b.folder(method, seed)
	bundle := filepath.Join(dir, bundleDir)
	if _, err := align.ReadBundle(bundle); errors.Is(err, fs.ErrNotExist) {
		if err := b.fit(ctx, b.config(method, seed), dir, bundle); err != nil {
			return nil, nil, err
		}
	}
	model, about, err := align.Open(b.engine, bundle)
	if err != nil {
		return nil, nil, err
	}
	if about.OwnEncoder {
		if encoder, err = tiny.Open(b.engine, align.EncoderDir(bundle)); err != nil {
			return nil, nil, err
		}
	}
	return model, encoder, about.Accepts(encoder.ID(), encoder.ID(), encoder.Preprocess())
}

// folder returns where the run of a method and a seed lies.
func (b *bench) folder(method Method, seed uint64) string {
	return filepath.Join(b.Dir, fmt.Sprintf("%s-%s-seed%d", b.Size, folderName(method.Name), seed))
}

// folderName makes a folder's name of a method's.
func folderName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '+' || r == '-' || r == '.' || r >= '0' && r <= '9' || unicode.IsLetter(r) {
			return r
		}
		return '-'
	}, name)
}

// watched tells whether every epoch of a run is tested on its way: where testing costs little.
func watched(config train.Config) bool {
	return config.Tower.Kind == "stored" && config.Head.Kind != "tighttransf"
}

// config returns the run of a method and a seed.
func (b *bench) config(method Method, seed uint64) train.Config {
	config := train.Defaults()
	config.Name, config.Seed = fmt.Sprintf("%s, seed %d", method.Name, seed), seed
	config.Data = train.DataConfig{Train: b.split("A", "train", 0), Val: b.split("A", "val", b.Captions), Frames: frames}
	return method.Config(config)
}

// fit trains a run and leaves its bundle. Where it is watched, one table can show how much choosing the best epoch on the
// test set would flatter; nothing is chosen by it.
func (b *bench) fit(ctx context.Context, config train.Config, dir, bundle string) error {
	setting := b.setting(b.encoder, "Training "+config.Name)
	setting.Dir = dir
	job, model, records, err := train.Prepare(ctx, config, setting)
	if err != nil {
		return err
	}
	if b.Watch && watched(config) {
		job.Judged = func(ctx context.Context, v train.Validation) error { return b.look(ctx, model, dir, v.Epoch) }
	}
	if err := finish(ctx, job, records); err != nil {
		return err
	}
	space := sightline.Space{Video: b.encoder.ID(), Text: b.encoder.ID(), Preprocess: b.encoder.Preprocess(), Sampling: corpus.Uniform(frames).String()}
	_, err = align.Save(bundle, config.Name, config.Head, config.Parts, model, space)
	return err
}

// finish trains a run to its end and leaves its record.
func finish(ctx context.Context, job train.Job, records []train.DataRecord) error {
	record, err := train.Run(ctx, job)
	if err != nil {
		return err
	}
	record.Data = records
	return record.Save(job.Dir)
}

// look tests a model as it stands after an epoch and keeps the result in the run's folder.
func (b *bench) look(ctx context.Context, model *align.Model, dir string, epoch int) error {
	_, epochs, _, err := readRun(dir)
	if err != nil {
		return err
	}
	now := Epoch{Epoch: epoch}
	for _, pairs := range b.test {
		scores, err := train.Score(ctx, model, pairs)
		if err != nil {
			return err
		}
		report, err := metric.Judge(scores, pairs.Set.Owner(), metric.Options{Resamples: -1})
		if err != nil {
			return err
		}
		var recall [2]float64
		for i, protocol := range protocols {
			result, _ := report.Result(protocol)
			recall[i] = result.Recall[0].Value
		}
		now.Recall = append(now.Recall, recall)
	}
	epochs = append(slices.DeleteFunc(epochs, func(e Epoch) bool { return e.Epoch >= epoch }), now)
	text, err := json.Marshal(epochs)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, epochsFile), append(text, '\n'))
}

// readRun returns what a finished run took, what was seen of its epochs, and what its parts reported in the end, as far as
// there is any of it.
func readRun(dir string) (cost Cost, epochs []Epoch, watched map[string]float64, err error) {
	var record struct {
		Parameters int           `json:"parameters"` // those that were trained, the encoder's among them
		Seconds    float64       `json:"seconds"`
		Watched    train.Watched `json:"watched"`
	}
	for name, target := range map[string]any{"record.json": &record, epochsFile: &epochs} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return cost, nil, nil, err
		}
		if err := json.Unmarshal(text, target); err != nil {
			return cost, nil, nil, fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
	}
	return Cost{Parameters: record.Parameters, Seconds: record.Seconds}, epochs, record.Watched.Last(), nil
}

// test scores a test set, exactly and, for heads of two stages, as served; timed tells to measure single queries too.
func (t *tested) test(ctx context.Context, model *align.Model, pairs train.Pairs, timed bool) error {
	videos, texts, err := train.Encode(ctx, model, pairs)
	if err != nil {
		return err
	}
	scores, err := model.ScoreBlock(ctx, texts, videos)
	if err != nil {
		return err
	}
	ranking, err := metric.Rank(scores, pairs.Set.Owner())
	if err != nil {
		return err
	}
	t.rankings = append(t.rankings, ranking)
	if timed {
		if t.cost.Query, err = median(texts.N, func(a int) error {
			_, err := model.ScoreBlock(ctx, texts.Rows(a, a+1), videos)
			return err
		}); err != nil {
			return err
		}
	}
	if !model.TwoStage() {
		return nil
	}
	recall, err := model.RecallVectors(ctx, videos)
	if err != nil {
		return err
	}
	left := model.RecallTexts(texts)
	first := sightline.NewMatrix(texts.N, videos.N)
	for a := range texts.N {
		copy(first.Row(a), similarities(left.Row(a), recall))
	}
	served, lost := rescored(scores, first, Candidates)
	for _, stage := range []struct {
		scores sightline.Matrix
		into   *[]metric.Ranking
	}{{first, &t.first}, {served, &t.twoStage}} {
		ranking, err := metric.Rank(stage.scores, pairs.Set.Owner())
		if err != nil {
			return err
		}
		*stage.into = append(*stage.into, ranking)
	}
	if !timed {
		return nil
	}
	t.cost.Lost = lost
	t.cost.Served, err = median(texts.N, func(a int) error {
		row := model.RecallTexts(texts.Rows(a, a+1))
		best := top(similarities(row.Row(0), recall), Candidates)
		var few align.Encoded
		for _, n := range best {
			few.Append(videos.Rows(n, n+1))
		}
		_, err := model.ScoreBlock(ctx, texts.Rows(a, a+1), few)
		return err
	})
	return err
}

// median returns the median milliseconds of up to eleven calls, after one that warms up.
func median(n int, work func(i int) error) (float64, error) {
	var times []float64
	for i := range min(n, 12) {
		start := time.Now()
		if err := work(i); err != nil {
			return 0, err
		}
		if i > 0 {
			times = append(times, since(start)*1000)
		}
	}
	if times == nil {
		return 0, nil
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// rescored returns scores as a search in two stages has them: those of each text's best candidates, and below them all the
// rest in the order of the first stage's scores. It returns too the percentage of texts whose best video is no candidate.
func rescored(scores, firsts sightline.Matrix, candidates int) (served sightline.Matrix, lost float64) {
	served = sightline.NewMatrix(scores.Rows, scores.Cols)
	for a := range scores.Rows {
		own, out := scores.Row(a), served.Row(a)
		first := firsts.Row(a)
		chosen := make([]bool, scores.Cols)
		low, high := float32(0), slices.Max(first)
		for _, n := range top(first, candidates) {
			chosen[n] = true
			low = min(low, own[n])
		}
		best := 0
		for n := range own {
			if own[n] > own[best] {
				best = n
			}
			if out[n] = own[n]; !chosen[n] {
				out[n] = low - 1 - (high - first[n])
			}
		}
		if !chosen[best] {
			lost += 100 / float64(scores.Rows)
		}
	}
	return served, lost
}

// similarities returns the dot products of a text with all videos.
func similarities(text []float32, videos sightline.Matrix) []float32 {
	dots := make([]float32, videos.Rows)
	for n := range dots {
		for d, v := range videos.Row(n) {
			dots[n] += text[d] * v
		}
	}
	return dots
}

// top returns the indices of the n highest values, the earlier of equals first.
func top(values []float32, n int) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case values[a] > values[b]:
			return -1
		case values[a] < values[b]:
			return 1
		}
		return 0
	})
	return order[:min(n, len(order))]
}
