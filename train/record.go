package train

import (
	"encoding/json"
	"path/filepath"
	"runtime"

	"sightline/align"
	"sightline/internal/atomicfile"
)

// recordFile is the run record's name in the run's folder.
const recordFile = "record.json"

// Record tells everything about a finished run: what was asked, on what data, what happened, what came out.
type Record struct {
	Config      Config       `json:"config"`
	Backend     string       `json:"backend"`
	Go          string       `json:"go"`
	Platform    string       `json:"platform"`
	Data        []DataRecord `json:"data"`
	Optimizer   string       `json:"optimizer"`
	Parameters  int          `json:"parameters"`
	Weights     string       `json:"weights"` // hash of the best epoch's weights
	Seconds     float64      `json:"seconds"`
	Steps       int          `json:"steps"`
	Best        Validation   `json:"best"` // chosen on the validation split
	Validations []Validation `json:"validations"`
	Losses      []float64    `json:"losses"`            // one a step
	Watched     Watched      `json:"watched,omitempty"` // what the model's parts reported, one a step

	Warnings []align.Warning `json:"warnings,omitempty"` // what they found wrong
}

// DataRecord identifies a split: its name, the hash over captions and frames' origin, and how frames were read.
type DataRecord struct {
	Role     string `json:"role"` // "train" or "val"
	Name     string `json:"name"`
	Hash     string `json:"hash"`
	Videos   int    `json:"videos"`
	Captions int    `json:"captions"`
	Sampling string `json:"sampling"`
	Decoder  string `json:"decoder"` // e.g. "ffmpeg 5.1.8", or "rendered"
}

func newRecord(job Job, s *state) Record {
	return Record{
		Config: job.Config, Backend: job.Backend,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Optimizer: job.Config.Optimizer.describe(), Parameters: job.Weights.Count(),
		Weights: job.Weights.Hash(), Seconds: s.Seconds, Steps: s.Step,
		Best: *s.best(), Validations: s.Validations, Losses: s.Losses, Watched: s.Watched, Warnings: s.Warnings,
	}
}

// Save writes the curves and then the record into the run's folder: where the record is, everything is.
func (r Record) Save(dir string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := r.draw(filepath.Join(dir, "curves.png")); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, recordFile), append(text, '\n'))
}
