package align

import "fmt"

// Warning is what a part finds wrong with its own training.
type Warning struct {
	Part string `json:"part"`
	Kind string `json:"kind"` // told once a run
	Text string `json:"text"` // what was seen, and what to try
	Step int    `json:"step"` // after which it was seen
}

func (w Warning) String() string { return fmt.Sprintf("%s: %s", w.Part, w.Text) }

// Warner is a Regularizer that judges its training by what it watches.
type Warner interface {
	Regularizer
	// Warn is given the values of every step so far, the losses and what Watched names, and returns what is wrong now.
	Warn(losses []float64, watched map[string][]float64) []Warning
}

// Warnings returns what the parts find wrong, given what happened in every step so far.
func (m *Model) Warnings(losses []float64, watched map[string][]float64) []Warning {
	return m.Parts.Warnings(losses, watched)
}
