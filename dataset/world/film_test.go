package world

import (
	"slices"
	"strings"
	"testing"

	"sightline"
)

// TestFilmsKeepTheirPromises checks every film of a small world: times, speech, queries.
func TestFilmsKeepTheirPromises(t *testing.T) {
	for _, d := range []Domain{A, B} {
		c := New(d, Options{Seed: 2, Extent: Extent{Moments: [3]int{60, 10, 20}, Tasks: [3]int{32, 8, 16}}, Rho: 0.75})
		kinds, twins := map[string]int{}, 0
		for split := range c.Moments {
			for _, f := range slices.Concat(c.Moments[split], c.Tasks[split]) {
				if f.Duration < 10 || f.Duration > 60 || float64(f.Length()) != f.Duration*FPS {
					t.Errorf("%s lasts %v s", f.ID, f.Duration)
				}
				if n := len(f.Events); n < 3 || n > 8 {
					t.Errorf("%s has %d events", f.ID, n)
				}
				end := 0.0
				for i, e := range f.Events {
					if e.Start < end || e.Length() < 2 || e.End > f.Duration {
						t.Errorf("%s: event %d is at %v of %v s", f.ID, i, e.Span, f.Duration)
					}
					end = e.End
				}
				end = 0
				for _, cue := range f.Cues {
					if cue.Start < end || cue.End <= cue.Start || cue.End > f.Duration {
						t.Errorf("%s: cue at %v after %v, film of %v s", f.ID, cue.Span, end, f.Duration)
					}
					end = cue.End
					for _, e := range f.Events {
						for _, o := range e.Facts.Objects {
							for _, word := range kindWords[o.Kind] {
								if slices.Contains(strings.FieldsFunc(cue.Text, notLetter), word) {
									t.Errorf("%s says %q and shows a %v", f.ID, cue.Text, o.Kind)
								}
							}
						}
					}
				}
				asked := map[string]sightline.Span{}
				for _, q := range f.Queries {
					kinds[q.Kind]++
					if span, ok := asked[q.Text]; ok && span != q.Span {
						t.Errorf("%s: %q is asked of %v and of %v", f.ID, q.Text, span, q.Span)
					}
					asked[q.Text] = q.Span
					for _, e := range f.Events {
						if q.Kind == "v" && q.Visual.Fits(e.Facts) != (e.Span == q.Span) {
							t.Errorf("%s: %q is meant for %v; of %v it says otherwise", f.ID, q.Text, q.Span, e.Span)
						}
					}
				}
				seen := map[uint64]bool{}
				for _, e := range f.Events {
					if seen[e.Facts.key(true)] && f.Task == "" {
						twins++
					}
					seen[e.Facts.key(true)] = true
				}
				for i, s := range f.Steps {
					if s.Span != f.Events[i].Span || s.Number >= len(f.Script) || i > 0 && s.Number <= f.Steps[i-1].Number {
						t.Errorf("%s: step %d is %+v", f.ID, i, s)
					}
				}
			}
		}
		if kinds["v"] == 0 || kinds["t"] == 0 || kinds["vt"] == 0 || twins == 0 {
			t.Errorf("%v has queries %v and %d films with twins", d, kinds, twins)
		}
		t.Logf("%v: queries %v, %d twins", d, kinds, twins)
	}
}

func notLetter(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' }

// TestTwinsAreToldApartBySpeechAlone: a repeated event must be asked for with its speech, never by its looks.
func TestTwinsAreToldApartBySpeechAlone(t *testing.T) {
	c := New(A, Options{Seed: 3, Extent: Extent{Moments: [3]int{60, 0, 0}}, Rho: 0.55})
	for _, f := range c.Moments[Train] {
		for i, e := range f.Events {
			for j, other := range f.Events {
				if i == j || e.Facts.key(true) != other.Facts.key(true) {
					continue
				}
				both := false
				for _, q := range f.Queries {
					if q.Span == e.Span && q.Kind == "v" {
						t.Errorf("%s: %q fits %v and %v", f.ID, q.Text, e.Span, other.Span)
					}
					both = both || q.Span == e.Span && q.Kind == "vt"
				}
				if !both {
					t.Errorf("%s: the twin at %v is never asked for", f.ID, e.Span)
				}
			}
		}
	}
}

func TestFilmFramesFollowTheEvents(t *testing.T) {
	c := New(B, Options{Seed: 4, Extent: Extent{Moments: [3]int{1, 0, 0}}, Rho: 1})
	f := c.Moments[Train][0]
	n := 0
	for frame := range f.Frames() {
		if frame.Time != float64(n)/FPS || len(frame.RGB) != 3*Side*Side {
			t.Fatalf("frame %d is at %v s with %d bytes", n, frame.Time, len(frame.RGB))
		}
		n++
	}
	if n != f.Length() {
		t.Errorf("%d frames, want %d", n, f.Length())
	}
}

// Sampling draws the same pictures as the whole film has at those times.
func TestFilmSample(t *testing.T) {
	f := New(A, Options{Seed: 2, Extent: Extent{Moments: [3]int{1}}, Rho: 0.75}).Moments[Train][0]
	all := slices.Collect(f.Frames())
	for _, rate := range []float64{1, 2, 3} {
		taken := slices.Collect(f.Sample(rate))
		if want := int(f.Duration*rate + 0.999); len(taken) != want {
			t.Errorf("%v a second: %d frames of %v s, want %d", rate, len(taken), f.Duration, want)
		}
		for _, frame := range taken {
			same := all[int(frame.Time*FPS)]
			if same.Time != frame.Time || !slices.Equal(same.RGB, frame.RGB) {
				t.Errorf("%v a second: the frame at %v s is another", rate, frame.Time)
			}
		}
	}
}

func TestStepSet(t *testing.T) {
	for _, d := range []Domain{A, B} {
		films := New(d, Options{Seed: 3, Extent: Extent{Tasks: [3]int{40, 0, 0}}, Rho: 0.55}).Tasks[Train]
		set := StepSet("tasks", films)
		if len(set.Tasks) != len(TaskNames()) || len(set.Videos) != len(films) {
			t.Fatalf("%d tasks, %d videos of %d films", len(set.Tasks), len(set.Videos), len(films))
		}
		for i, v := range set.Videos {
			task := set.Tasks[v.Task]
			if task.Name != films[i].Task || !slices.Equal(task.Steps, films[i].Script) || v.ID != films[i].ID {
				t.Errorf("%v: film %s of %q has steps %q, its task %q", d, v.ID, films[i].Task, films[i].Script, task.Steps)
			}
			for _, s := range v.Steps {
				if s.Number >= len(task.Steps) || s.End > v.Duration {
					t.Errorf("%v: %s shows %+v", d, v.ID, s)
				}
			}
		}
	}
}
