package world

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Stated is one object as a caption speaks of it; -1 marks what it leaves out.
type Stated struct {
	Kind, Colour, Size, Motion int
}

// Caption is a sentence with the facts it states; -1 marks a place or camera it leaves out.
type Caption struct {
	Text          string
	Objects       []Stated
	Place, Camera int
}

// MarshalJSON writes the stated facts as words and leaves the others out.
func (c Caption) MarshalJSON() ([]byte, error) {
	type object struct {
		Kind   *Kind   `json:"kind,omitempty"`
		Colour *Colour `json:"colour,omitempty"`
		Size   *Size   `json:"size,omitempty"`
		Motion *Motion `json:"motion,omitempty"`
	}
	line := struct {
		Text    string   `json:"text"`
		Objects []object `json:"objects"`
		Place   *Place   `json:"place,omitempty"`
		Camera  *Camera  `json:"camera,omitempty"`
	}{c.Text, nil, stated[Place](c.Place), stated[Camera](c.Camera)}
	for _, o := range c.Objects {
		line.Objects = append(line.Objects,
			object{stated[Kind](o.Kind), stated[Colour](o.Colour), stated[Size](o.Size), stated[Motion](o.Motion)})
	}
	return json.Marshal(line)
}

// stated returns the fact with the given number, and nil for -1.
func stated[T ~uint8](number int) *T {
	if number < 0 {
		return nil
	}
	fact := T(number)
	return &fact
}

// wording is which of the three words of a concept may be used, and which openings.
type wording struct {
	first, count int
	openings     []string
}

var (
	wordings = [2]wording{
		{0, 2, []string{"", "", "a video of ", "we see "}},
		{1, 2, []string{"", "", "footage of ", "a clip showing "}},
	}
	everyWording = wording{0, 3, []string{"", "", "", "a video of ", "we see ", "footage of ", "a clip showing ", "a picture of "}}
)

func (w wording) pick(r *rand.Rand) int { return w.first + r.IntN(w.count) }

// choose draws which facts a caption states: a share rho of them on average, one object's kind always among them. The
// draws do not depend on rho, so captions of a larger rho state a superset.
func choose(r *rand.Rand, f Facts, rho float64) Caption {
	n := f.Count()
	order := r.Perm(n)
	named := 4 * r.IntN(len(f.Objects)) // fact 4i is the kind of object i
	at := slices.Index(order, named)
	order[0], order[at] = order[at], order[0]
	k := int(float64(rho*float64(n)) + r.Float64())
	if rho >= 1 {
		k = n
	}
	c := Caption{Place: -1, Camera: -1}
	objects := make([]Stated, len(f.Objects))
	for i := range objects {
		objects[i] = unstated
	}
	for _, fact := range order[:min(max(k, 1), n)] {
		switch o := fact / 4; {
		case fact == n-2:
			c.Place = int(f.Place)
		case fact == n-1:
			c.Camera = int(f.Camera)
		case fact%4 == 0:
			objects[o].Kind = int(f.Objects[o].Kind)
		case fact%4 == 1:
			objects[o].Colour = int(f.Objects[o].Colour)
		case fact%4 == 2:
			objects[o].Size = int(f.Objects[o].Size)
		default:
			objects[o].Motion = int(f.Objects[o].Motion)
		}
	}
	if len(objects) == 2 && r.IntN(2) == 0 {
		objects[0], objects[1] = objects[1], objects[0]
	}
	c.Objects = slices.DeleteFunc(objects, func(s Stated) bool { return s == unstated })
	return c
}

// LeftOut says which facts of its own scene the caption does not state, each in plain words: "the ball is red". A mention that
// fits both objects is taken to mean the first that leaves the other mention its own.
func (c Caption) LeftOut(f Facts) []string {
	said, last := append(slices.Clone(c.Objects), unstated)[:len(f.Objects)], len(f.Objects)-1
	if !FullSight.fits(said[0], f.Objects[0]) || !FullSight.fits(said[last], f.Objects[last]) {
		slices.Reverse(said)
	}
	var left []string
	for i, o := range f.Objects {
		if said[i].Kind < 0 {
			left = append(left, fmt.Sprintf("there is a %v", o.Kind))
		}
		for _, fact := range []struct {
			stated int
			words  fmt.Stringer
		}{{said[i].Colour, o.Colour}, {said[i].Size, o.Size}, {said[i].Motion, o.Motion}} {
			if fact.stated < 0 {
				left = append(left, fmt.Sprintf("the %v is %v", o.Kind, fact.words))
			}
		}
	}
	if c.Place < 0 {
		left = append(left, fmt.Sprintf("it is %v", f.Place))
	}
	if c.Camera < 0 {
		left = append(left, fmt.Sprintf("the camera is %v", f.Camera))
	}
	return left
}

var unstated = Stated{-1, -1, -1, -1}

// write puts what the caption states into words.
func (c *Caption) write(r *rand.Rand, w wording) {
	opening := w.openings[r.IntN(len(w.openings))]
	finite := opening == "" && r.IntN(2) == 0
	var b strings.Builder
	place := ""
	if c.Place >= 0 {
		place = placePhrases[c.Place][w.pick(r)]
	}
	placeFirst := place != "" && opening == "" && r.IntN(4) == 0
	if placeFirst {
		b.WriteString(place + ", ")
	}
	b.WriteString(opening)
	moved := false // whether the sentence has a finite verb yet
	for i, o := range c.Objects {
		if i > 0 {
			b.WriteString([]string{" and ", " and ", " with ", " while "}[pickJoin(r, finite && moved && o.Motion >= 0)])
		}
		phrase := o.phrase(r, w)
		if o.Motion < 0 {
			if finite && (i == 0 || moved) && !strings.HasSuffix(b.String(), " with ") {
				phrase = "there is " + phrase
			}
			b.WriteString(phrase)
			continue
		}
		v := motionVerbs[o.Motion][w.pick(r)]
		form := v.participle
		if finite && (i == 0 || moved) {
			form, moved = v.finite, true
		}
		b.WriteString(phrase + " " + form + v.rest)
	}
	if place != "" && !placeFirst {
		b.WriteString(" " + place)
	}
	if c.Camera >= 0 {
		v := cameraVerbs[c.Camera][w.pick(r)]
		b.WriteString([]string{" while the camera ", " as the camera ", ", the camera "}[r.IntN(3)] + v.finite + v.rest)
	}
	c.Text = b.String()
}

// pickJoin chooses how the second object is joined: "while" needs finite verbs on both sides, "with" needs none.
func pickJoin(r *rand.Rand, bothFinite bool) int {
	n := r.IntN(3)
	if bothFinite {
		return []int{0, 1, 3}[n]
	}
	return n
}

// phrase is the noun phrase of an object: "a tiny red box", or "a red thing" when its kind is left out.
func (s Stated) phrase(r *rand.Rand, w wording) string {
	var words []string
	if s.Size >= 0 {
		words = append(words, sizeWords[s.Size][w.pick(r)])
	}
	if s.Colour >= 0 {
		words = append(words, colourWords[s.Colour][w.pick(r)])
	}
	if s.Kind >= 0 {
		words = append(words, kindWords[s.Kind][w.pick(r)])
	} else {
		words = append(words, []string{"thing", "object"}[r.IntN(2)])
	}
	article := "a "
	if strings.IndexByte("aeiou", words[0][0]) >= 0 {
		article = "an "
	}
	return article + strings.Join(words, " ")
}
