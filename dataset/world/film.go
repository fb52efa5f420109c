package world

import (
	"iter"
	"math/rand/v2"

	"sightline"
	"sightline/dataset"
)

// Film is a longer video of several timed events with empty stretches between them, and with people speaking of things
// that it does not show. A film of moments is asked for one event at a time; a film of a task has ordered steps.
type Film struct {
	ID       string          `json:"id"`
	Duration float64         `json:"duration"` // seconds, a whole number of frames
	Events   []Event         `json:"events"`   // in order, not overlapping
	Cues     []sightline.Cue `json:"cues"`     // what is said, in order: the lines of the SRT file
	Queries  []Query         `json:"queries"`
	Task     string          `json:"task,omitempty"`   // name of the task, "" in films of moments
	Script   []string        `json:"script,omitempty"` // every step of the task in order, whether the film shows it or not
	Steps    []dataset.Step  `json:"steps,omitempty"`  // the steps that the film shows, in order

	domain     Domain
	seed, item uint64
}

// Event is a stretch of a film in which something is to be seen.
type Event struct {
	sightline.Span
	Facts Facts `json:"facts"`
}

// Query is a sentence about one stretch of a film, and what it takes to find it: "v" the pictures, "t" the speech, "vt"
// both.
type Query struct {
	sightline.Span
	Text   string   `json:"text"`
	Kind   string   `json:"kind"`
	Visual *Caption `json:"visual,omitempty"` // what the text says of the pictures
}

// Length returns how many frames the film has.
func (f Film) Length() int { return int(f.Duration * FPS) }

// Frames draws the film from its first frame to its last.
func (f Film) Frames() iter.Seq[sightline.Frame] { return f.frames(func(int) bool { return true }) }

// Sample draws rate frames a second, as sampling of the film's file takes them: the first frame of every interval
// [k/rate, (k+1)/rate).
func (f Film) Sample(rate float64) iter.Seq[sightline.Frame] {
	last := -1
	return f.frames(func(i int) bool {
		interval := int(float64(i) / FPS * rate)
		taken := interval > last
		last = interval
		return taken
	})
}

// frames draws the frames that are wanted; it asks for each in turn.
func (f Film) frames(wanted func(i int) bool) iter.Seq[sightline.Frame] {
	return func(yield func(sightline.Frame) bool) {
		look := domainLook(source(f.seed, lookStream, mix(f.item)), f.domain)
		// Scenes in one place share its backdrop; every event has its own arrangement.
		scene := func(number int, facts Facts) *Scene {
			return newScene(f.seed, mix(f.item)+uint64(number), mix(f.item)+uint64(facts.Place), facts, look)
		}
		next := 0
		empty := scene(-1, Facts{Place: f.Events[0].Facts.Place})
		var current *Scene
		for i := range f.Length() {
			t := float64(i) / FPS
			if current != nil && t >= f.Events[next-1].End {
				empty, current = scene(-1, Facts{Place: f.Events[next-1].Facts.Place}), nil
			}
			if next < len(f.Events) && t >= f.Events[next].Start {
				current = scene(next, f.Events[next].Facts)
				next++
			}
			if !wanted(i) {
				continue
			}
			frame := empty
			u := 0.0
			if current != nil {
				e := f.Events[next-1]
				frame, u = current, (t-e.Start)/e.Length()
			}
			if !yield(frame.Draw(u, t)) {
				return
			}
		}
	}
}

// seconds draws a length from low to high in whole frames.
func seconds(r *rand.Rand, low, high float64) float64 {
	return float64(int(low*FPS)+r.IntN(int((high-low)*FPS)+1)) / FPS
}

// FilmSet returns films as a data set, one caption a query; its videos have no files.
func FilmSet(name string, films []Film) dataset.Set {
	set := dataset.Set{Name: name}
	for i, f := range films {
		set.Videos = append(set.Videos, sightline.Video{ID: f.ID, Duration: f.Duration})
		for _, q := range f.Queries {
			set.Captions = append(set.Captions, dataset.Caption{Video: i, Text: q.Text, Span: q.Span, Kind: q.Kind})
		}
	}
	return set
}
