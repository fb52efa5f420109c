package world

import (
	"sightline"
	"sightline/dataset"
)

// task is a script: steps that follow each other in this order. A film of it chooses colours, sizes and a place, keeps
// them from step to step, and may leave steps out.
type task struct {
	name  string
	steps []act
}

type act struct {
	kind   Kind
	motion Motion
}

var tasks = []task{
	{"launch a rocket", []act{{Car, Right}, {Rocket, Rest}, {Box, Up}, {Rocket, Up}, {Moon, Circle}}},
	{"go fishing", []act{{Boat, Left}, {Fish, Circle}, {Ring, Down}, {Fish, Up}, {Boat, Right}}},
	{"move house", []act{{Box, Bounce}, {Box, Up}, {Car, Left}, {House, Rest}, {Key, Down}}},
	{"tend a garden", []act{{Mushroom, Up}, {Flower, Up}, {Ball, Bounce}, {Flower, Circle}, {Moon, Up}, {Flower, Rest}}},
	{"find the treasure", []act{{Boat, Right}, {Key, Bounce}, {Box, Rest}, {Key, Left}, {Ring, Up}}},
	{"play a match", []act{{Ball, Rest}, {Ball, Bounce}, {Ball, Left}, {Ball, Right}, {Ring, Circle}}},
	{"deliver a parcel", []act{{House, Rest}, {Box, Down}, {Car, Right}, {Box, Left}, {Key, Circle}, {Car, Left}}},
	{"cross the night", []act{{Moon, Up}, {Rocket, Right}, {Moon, Circle}, {House, Bounce}, {Moon, Down}}},
}

// TaskNames returns the names of all scripted tasks.
func TaskNames() []string {
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = t.name
	}
	return names
}

// drawTask draws a film of a task. One step in six is left out, but never so many that fewer than three remain. The first
// wording of the domain names the steps; the queries are the steps that are shown, each described so that it fits no other.
func drawTask(seed, item uint64, d Domain, rho float64) Film {
	r := source(seed, taskStream, item)
	words := source(seed, captionStream, mix(item))
	f := Film{domain: d, seed: seed, item: item}
	task := tasks[item%uint64(len(tasks))]
	f.Task = task.name
	place := Place(r.IntN(Places))
	cast := map[Kind]Object{}
	t := seconds(r, 0.5, 3)
	for i, act := range task.steps {
		first := wordings[d].first
		v := motionVerbs[act.motion][first]
		step := Stated{Kind: int(act.kind), Colour: -1, Size: -1, Motion: -1}.phrase(words, wording{first: first, count: 1}) +
			" " + v.participle + v.rest
		f.Script = append(f.Script, step)
		if r.IntN(6) == 0 && len(f.Steps)+len(task.steps)-i > 3 {
			continue
		}
		o, known := cast[act.kind]
		for !known {
			o = drawObjects(r, place, 1, Kinds, Colours)[0]
			o.Kind, known = act.kind, true
		}
		o.Motion = act.motion
		cast[act.kind] = o
		span := sightline.Span{Start: t, End: t + seconds(r, 2, 5)}
		f.Events = append(f.Events, Event{span, Facts{Objects: []Object{o}, Place: place}})
		f.Steps = append(f.Steps, dataset.Step{Span: span, Number: i})
		t = span.End + seconds(r, 0.5, 3)
	}
	for i := range f.Events {
		f.Queries = append(f.Queries, f.describe(words, i, rho))
	}
	f.Duration = max(t, 10)
	f.speak(seed, func(int) bool { return false })
	return f
}

// StepSet returns films of tasks as a data set of steps. A task's steps are worded as in its first film; the wordings of
// one domain are the same in all.
func StepSet(name string, films []Film) dataset.StepSet {
	set := dataset.StepSet{Name: name}
	places := map[string]int{}
	for _, f := range films {
		place, ok := places[f.Task]
		if !ok {
			place = len(set.Tasks)
			places[f.Task] = place
			set.Tasks = append(set.Tasks, dataset.Task{ID: f.Task, Name: f.Task, Steps: f.Script})
		}
		set.Videos = append(set.Videos, dataset.TaskVideo{Video: sightline.Video{ID: f.ID, Duration: f.Duration}, Task: place, Steps: f.Steps})
	}
	return set
}
