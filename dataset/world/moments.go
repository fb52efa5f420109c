package world

import (
	"math/rand/v2"
	"slices"
	"strings"

	"sightline"
)

// drawMoments draws a film of three to eight events over ten to sixty seconds. In some films one event happens twice with
// other words spoken, so that only pictures and speech together tell the two apart.
func drawMoments(seed, item uint64, d Domain, rho float64) Film {
	r := source(seed, momentStream, item)
	f := Film{domain: d, seed: seed, item: item}
	n := 3 + r.IntN(6)
	places := [2]Place{Place(r.IntN(Places)), Place(r.IntN(Places))}
	t := seconds(r, 0.5, 2.5)
	for len(f.Events) < n {
		facts := Facts{Place: places[r.IntN(2)], Camera: Camera(r.IntN(Cameras))}
		facts.Objects = drawObjects(r, facts.Place, 1+r.IntN(2), Kinds, Colours)
		if f.shows(facts.Objects) {
			continue
		}
		end := t + seconds(r, 2, 5)
		if end > 60 {
			break
		}
		f.Events = append(f.Events, Event{sightline.Span{Start: t, End: end}, facts})
		t = end + seconds(r, 0.5, 2.5)
	}
	f.Duration = min(max(t, 10), 60)
	twins := [2]int{-1, -1}
	if n = len(f.Events); n >= 4 && r.IntN(2) == 0 {
		pair := r.Perm(n)[:2]
		f.Events[pair[1]].Facts = f.Events[pair[0]].Facts
		twins = [2]int(pair)
	}
	topics := f.speak(seed, func(event int) bool { return slices.Contains(twins[:], event) })
	f.ask(source(seed, captionStream, mix(item)), rho, topics, twins)
	return f
}

// shows reports whether an event shows an object of the kind and colour of one of these.
func (f *Film) shows(objects []Object) bool {
	for _, e := range f.Events {
		for _, o := range e.Facts.Objects {
			if slices.ContainsFunc(objects, func(p Object) bool { return p.Kind == o.Kind && p.Colour == o.Colour }) {
				return true
			}
		}
	}
	return false
}

// topic is what a line speaks of: something that the film does not show.
type topic struct {
	Object
	event int // the event during which it is spoken, -1 between events
}

var speech = []string{
	"my * is lost", "I sold the * yesterday", "have you seen a *?", "we should buy a *", "nobody believes in the *",
	"I dreamt of a *", "she painted a *", "there was a * on the news", "they say a * brings luck", "I would love a *",
}

// speak adds cues: during every event for which must says so and half of the others, and in some of the gaps. Every line
// has a topic of its own, whose kind the film never shows.
func (f *Film) speak(seed uint64, must func(event int) bool) []topic {
	r := source(seed, speechStream, f.item)
	var topics []topic
	say := func(event int, within sightline.Span) {
		for {
			o := Object{Kind: Kind(r.IntN(AllKinds)), Colour: Colour(r.IntN(AllColours))}
			shown := slices.ContainsFunc(f.Events, func(e Event) bool {
				return slices.ContainsFunc(e.Facts.Objects, func(p Object) bool { return p.Kind == o.Kind })
			})
			if shown || slices.ContainsFunc(topics, func(t topic) bool { return t.Kind == o.Kind && t.Colour == o.Colour }) {
				continue
			}
			topics = append(topics, topic{o, event})
			line := speech[r.IntN(len(speech))]
			phrase := f.phrase(r, o)
			if strings.Contains(line, "a *") {
				line = strings.Replace(line, "a *", phrase, 1)
			} else {
				_, noun, _ := strings.Cut(phrase, " ")
				line = strings.Replace(line, "*", noun, 1)
			}
			f.Cues = append(f.Cues, sightline.Cue{Span: within, Text: strings.ToUpper(line[:1]) + line[1:]})
			return
		}
	}
	for i, e := range f.Events {
		if must(i) || r.IntN(2) == 0 {
			length := min(e.Length()-0.25, seconds(r, 1.5, 3))
			start := e.Start + 0.125 + float64(int((e.Length()-length-0.125)*FPS*r.Float64()))/FPS
			say(i, sightline.Span{Start: start, End: start + length})
		}
		end := f.Duration
		if i+1 < len(f.Events) {
			end = f.Events[i+1].Start
		}
		if end-e.End >= 1.5 && r.IntN(3) == 0 {
			say(-1, sightline.Span{Start: e.End + 0.125, End: end - 0.125})
		}
	}
	return topics
}

// phrase words a topic as the domain does.
func (f *Film) phrase(r *rand.Rand, o Object) string {
	return Stated{Kind: int(o.Kind), Colour: int(o.Colour), Size: -1, Motion: -1}.phrase(r, wordings[f.domain])
}

// ask writes the queries: what is seen of every event that is not a twin, what is said in every cue, and both for twins
// and some other events.
func (f *Film) ask(r *rand.Rand, rho float64, topics []topic, twins [2]int) {
	talk := func(o Object) string {
		return []string{"someone talks about ", "someone mentions ", "a voice speaks of "}[r.IntN(3)] + f.phrase(r, o)
	}
	for i := range f.Events {
		isTwin := slices.Contains(twins[:], i)
		if !isTwin {
			f.Queries = append(f.Queries, f.describe(r, i, rho))
		}
		for _, t := range topics {
			if t.event == i && (isTwin || r.IntN(2) == 0) {
				q := f.describe(r, i, rho)
				q.Kind, q.Text = "vt", q.Text+" and "+talk(t.Object)
				f.Queries = append(f.Queries, q)
			}
		}
	}
	for i, t := range topics {
		f.Queries = append(f.Queries, Query{Span: f.Cues[i].Span, Text: talk(t.Object), Kind: "t"})
	}
}

// describe asks for an event by its looks, in words that fit no event of the film that looks different; when a share rho of
// the facts does not do, it states them all.
func (f *Film) describe(r *rand.Rand, event int, rho float64) Query {
	facts := f.Events[event].Facts
	c := choose(r, facts, rho)
	if slices.ContainsFunc(f.Events, func(e Event) bool { return e.Facts.key(true) != facts.key(true) && c.Fits(e.Facts) }) {
		c = choose(r, facts, 1)
	}
	c.write(r, wordings[f.domain])
	return Query{Span: f.Events[event].Span, Text: c.Text, Kind: "v", Visual: &c}
}
