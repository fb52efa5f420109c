package train

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"sightline"
	"sightline/align"
	"sightline/engine"
	"sightline/internal/atomicfile"
	"sightline/internal/safetensors"
)

// Files of a run's folder.
const (
	configFile = "config.yaml"
	stateFile  = "state.safetensors" // everything a resumed run needs
	bestFile   = "best.safetensors"  // weights of the best epoch so far
)

// stateKey is where the state's own fields lie in the metadata of its file.
const stateKey = "sightline.train"

// state is where a run stands. It is saved in one file with the weights and the optimiser's moments, so that all three
// always belong together.
type state struct {
	Step        int          `json:"step"` // steps done
	Losses      []float64    `json:"losses"`
	Watched     Watched      `json:"watched,omitempty"`
	Validations []Validation `json:"validations"`
	Seconds     float64      `json:"seconds"` // spent so far

	Warnings []align.Warning `json:"warnings,omitempty"`

	Moves int `json:"moves"` // the optimiser's steps
}

// Watched holds what a model's parts report: by name, a value a step.
type Watched map[string][]float64

// Last returns the mean of each scalar over the last tenth of the steps.
func (w Watched) Last() map[string]float64 {
	last := map[string]float64{}
	for name, values := range w {
		for _, v := range values[len(values)-(len(values)+9)/10:] {
			last[name] += v / float64((len(values)+9)/10)
		}
	}
	return last
}

// watch adds what is reported of a step.
func (s *state) watch(scalars map[string]float64) {
	if s.Watched == nil && len(scalars) > 0 {
		s.Watched = Watched{}
	}
	for name, value := range scalars {
		s.Watched[name] = append(s.Watched[name], value)
	}
}

// warn adds what the model finds wrong for the first time, and tells of it.
func (s *state) warn(job Job) {
	warner, ok := job.Model.(Warner)
	if !ok {
		return
	}
	for _, warning := range warner.Warnings(s.Losses, s.Watched) {
		if slices.ContainsFunc(s.Warnings, func(w align.Warning) bool { return w.Part == warning.Part && w.Kind == warning.Kind }) {
			continue
		}
		s.Warnings = append(s.Warnings, warning)
		if job.Warn != nil {
			job.Warn(warning)
		}
	}
}

// Validation is how good a model is on the validation split, by the measures of its task; those of others are zero.
type Validation struct {
	Step        int     `json:"step"`
	Epoch       int     `json:"epoch"` // from 1
	TextToVideo Recalls `json:"text_to_video,omitzero"`
	VideoToText Recalls `json:"video_to_text,omitzero"`

	Moments  *MomentRecalls `json:"moments,omitempty"` // of runs that learn to find moments
	Captions Written        `json:"captions,omitzero"` // of runs that learn to write
}

// Recalls are R@1, R@5 and R@10 in percent.
type Recalls [3]float64

// Score is what the best checkpoint is chosen by: the sum of all six recalls, "Rsum", which is steadier on a small split
// than R@1 alone; of moments the sum of all four; of captions their CIDEr.
func (v Validation) Score() float64 {
	if v.Captions != (Written{}) {
		return v.Captions.CIDEr
	}
	var sum float64
	if v.Moments != nil {
		for _, recall := range v.Moments {
			sum += recall
		}
	}
	for i := range v.TextToVideo {
		sum += v.TextToVideo[i] + v.VideoToText[i]
	}
	return sum
}

// String says how good in one figure, for a progress note.
func (v Validation) String() string {
	switch {
	case v.Captions != (Written{}):
		return fmt.Sprintf("CIDEr %.1f", v.Captions.CIDEr)
	case v.Moments != nil:
		return fmt.Sprintf("R@1, IoU 0.5: %.1f", v.Moments[0])
	}
	return fmt.Sprintf("R@1 %.1f", v.TextToVideo[0])
}

// best returns the validation with the highest score, of equals that with the lowest loss, of these the earliest; nil when
// there is none.
func (s *state) best() *Validation {
	var best *Validation
	for i := range s.Validations {
		v := &s.Validations[i]
		if best == nil || cmp.Or(cmp.Compare(v.Score(), best.Score()), cmp.Compare(best.Captions.Loss, v.Captions.Loss)) > 0 {
			best = v
		}
	}
	return best
}

// Prefixes of what the state file holds.
const (
	weightPart = "weight/"
	firstPart  = "first/"
	secondPart = "second/"
)

// save writes the state, whole or not at all.
func (s *state) save(dir string, weights *engine.Weights, optimizer Optimizer) error {
	moved := optimizer.state()
	s.Moves = moved.steps
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	var list []safetensors.Tensor
	for _, name := range weights.Names() {
		list = append(list, safetensors.Tensor{Name: weightPart + name, Shape: weights.Shape(name), Data: weights.Float32s(name)})
	}
	for _, name := range moved.names {
		shape := weights.Shape(name)
		list = append(list,
			safetensors.Tensor{Name: firstPart + name, Shape: shape, Data: moved.first[name]},
			safetensors.Tensor{Name: secondPart + name, Shape: shape, Data: moved.second[name]})
	}
	err = safetensors.Write(filepath.Join(dir, stateFile), map[string]string{stateKey: string(text)}, safetensors.F32, list)
	if err != nil {
		return fmt.Errorf("save run: %w", err)
	}
	return nil
}

// resume prepares the run's folder and brings weights and optimiser to where the run was left, or to its start.
func resume(dir string, config Config, weights *engine.Weights, optimizer Optimizer) (*state, error) {
	if err := claim(dir, config); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, stateFile)
	file, err := safetensors.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &state{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("resume run: %w", err)
	}
	defer file.Close()
	var s state
	if err := json.Unmarshal([]byte(file.Metadata()[stateKey]), &s); err != nil {
		return nil, fmt.Errorf("resume run: %s: %w", path, err)
	}
	read := func(part, name string, size int, target func([]float32)) error {
		values, err := file.Float32s(part + name)
		if err == nil && len(values) != size {
			err = fmt.Errorf("%s has %d elements, the model's has %d", name, len(values), size)
		}
		if err != nil {
			return fmt.Errorf("resume run: %s: %w", path, err)
		}
		target(values)
		return nil
	}
	for _, name := range weights.Names() {
		size := len(weights.Float32s(name))
		if err := read(weightPart, name, size, func(v []float32) { weights.Update(name, func(p []float32) { copy(p, v) }) }); err != nil {
			return nil, err
		}
	}
	moved := optimizer.state()
	for part, target := range map[string]map[string][]float32{firstPart: moved.first, secondPart: moved.second} {
		for _, name := range moved.names {
			if err := read(part, name, len(target[name]), func(v []float32) { copy(target[name], v) }); err != nil {
				return nil, err
			}
		}
	}
	moved.steps = s.Moves
	return &s, nil
}

// claim makes the folder the home of this run and removes what a killed process left unfinished in it: a folder of another
// run, or of something else, is left alone.
func claim(dir string, config Config) error {
	if _, err := atomicfile.Clean(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, configFile)
	was, err := os.ReadFile(path)
	switch {
	case err == nil && isRun(was, config):
		return nil
	case err == nil:
		return &sightline.Error{
			Kind: sightline.Usage, What: "train in " + dir,
			Err: errors.New("the folder holds a run with another config"),
			Try: "choose another folder with --out, or remove this one",
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return &sightline.Error{
			Kind: sightline.Usage, What: "train in " + dir,
			Err: errors.New("the folder is not empty and holds no run"),
			Try: "choose another folder with --out",
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return atomicfile.Write(path, config.YAML())
}

// isRun tells whether a folder's config is this run: keys that it was written without have their defaults.
func isRun(text []byte, config Config) bool {
	was, err := ParseConfig(text)
	return err == nil && was.Equal(config)
}

func saveBest(dir string, weights *engine.Weights) error {
	return weights.Save(filepath.Join(dir, bestFile), safetensors.F32)
}

// loadBest puts the best epoch's weights in place of the last's.
func loadBest(dir string, weights *engine.Weights) error {
	best, err := engine.LoadWeights(filepath.Join(dir, bestFile))
	if err != nil {
		return err
	}
	for _, name := range weights.Names() {
		values := best.Float32s(name)
		weights.Update(name, func(p []float32) { copy(p, values) })
	}
	return nil
}
