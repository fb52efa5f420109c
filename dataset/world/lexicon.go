package world

import (
	"slices"
	"strings"
)

// Every concept has three wordings: domain A uses the first two, domain B the last two, stills all three.

var kindWords = [AllKinds][3]string{
	Ball:     {"ball", "sphere", "orb"},
	Box:      {"box", "crate", "cube"},
	Flower:   {"flower", "blossom", "bloom"},
	Ring:     {"ring", "hoop", "band"},
	Moon:     {"moon", "crescent", "sickle"},
	Car:      {"car", "automobile", "sedan"},
	Boat:     {"boat", "sailboat", "yacht"},
	Rocket:   {"rocket", "spaceship", "missile"},
	Fish:     {"fish", "trout", "salmon"},
	Mushroom: {"mushroom", "toadstool", "fungus"},
	House:    {"house", "cottage", "cabin"},
	Key:      {"key", "latchkey", "passkey"},
	Star:     {"star", "starburst", "pentagram"},
	Heart:    {"heart", "valentine", "sweetheart"},
	Tree:     {"tree", "pine", "fir"},
	Cup:      {"cup", "mug", "beaker"},
	Arrow:    {"arrow", "pointer", "dart"},
	Umbrella: {"umbrella", "parasol", "brolly"},
}

var colourWords = [AllColours][3]string{
	Red:    {"red", "scarlet", "crimson"},
	Orange: {"orange", "tangerine", "amber"},
	Yellow: {"yellow", "golden", "lemon"},
	Green:  {"green", "emerald", "jade"},
	Blue:   {"blue", "azure", "sapphire"},
	Purple: {"purple", "violet", "lilac"},
	White:  {"white", "ivory", "chalky"},
	Black:  {"black", "ebony", "inky"},
	Pink:   {"pink", "rosy", "magenta"},
	Brown:  {"brown", "chestnut", "tan"},
	Cyan:   {"cyan", "turquoise", "teal"},
	Grey:   {"grey", "silver", "ashen"},
}

var sizeWords = [SizeCount][3]string{
	Small: {"small", "little", "tiny"},
	Large: {"large", "big", "huge"},
}

// verb is a motion as a finite verb and as a participle; rest follows both.
type verb struct{ finite, participle, rest string }

var motionVerbs = [Motions][3]verb{
	Left:   {{"moves", "moving", " left"}, {"slides", "sliding", " leftward"}, {"heads", "heading", " west"}},
	Right:  {{"moves", "moving", " right"}, {"slides", "sliding", " rightward"}, {"heads", "heading", " east"}},
	Up:     {{"rises", "rising", ""}, {"climbs", "climbing", ""}, {"ascends", "ascending", ""}},
	Down:   {{"falls", "falling", ""}, {"sinks", "sinking", ""}, {"descends", "descending", ""}},
	Circle: {{"circles", "circling", ""}, {"loops", "looping", ""}, {"orbits", "orbiting", ""}},
	Bounce: {{"bounces", "bouncing", ""}, {"hops", "hopping", ""}, {"jumps", "jumping", ""}},
	Rest:   {{"rests", "resting", ""}, {"stays", "staying", " still"}, {"lingers", "lingering", ""}},
}

// A place's content word is the last of its phrase.
var placePhrases = [AllPlaces][3]string{
	Meadow:   {"in the meadow", "in a field", "on the grassland"},
	Desert:   {"in the desert", "among the dunes", "on the sands"},
	Sea:      {"at sea", "on the ocean", "on the water"},
	Snow:     {"in the snow", "on the ice", "in the frost"},
	Night:    {"at night", "at midnight", "under starlight"},
	City:     {"in the city", "in a town", "in the streets"},
	Forest:   {"in the forest", "in the woods", "in a woodland"},
	Room:     {"in a room", "in a lounge", "in a parlour"},
	Mountain: {"in the mountains", "among the peaks", "in the highlands"},
	Stage:    {"on stage", "at the theatre", "before a curtain"},
	Cave:     {"in a cave", "in a cavern", "in a grotto"},
}

var cameraVerbs = [Cameras][3]verb{
	Fixed:    {{"stays", "staying", " fixed"}, {"remains", "remaining", " static"}, {"holds", "holding", " steady"}},
	PanLeft:  {{"pans", "panning", " left"}, {"sweeps", "sweeping", " leftward"}, {"swings", "swinging", " west"}},
	PanRight: {{"pans", "panning", " right"}, {"sweeps", "sweeping", " rightward"}, {"swings", "swinging", " east"}},
	Zoom:     {{"zooms", "zooming", " in"}, {"pushes", "pushing", " in"}, {"closes", "closing", " in"}},
}

// String returns the plainest word for the kind.
func (k Kind) String() string { return kindWords[k][0] }

// String returns the plainest word for the colour.
func (c Colour) String() string { return colourWords[c][0] }

// String returns the plainest word for the size.
func (s Size) String() string { return sizeWords[s][0] }

// String returns the plainest words for the motion.
func (m Motion) String() string { return motionVerbs[m][0].participle + motionVerbs[m][0].rest }

// String returns the plainest phrase for the place.
func (p Place) String() string { return placePhrases[p][0] }

// String returns the plainest words for the camera move.
func (c Camera) String() string { return cameraVerbs[c][0].participle + cameraVerbs[c][0].rest }

// contentWords lists every word that states a fact, sorted.
var contentWords = func() []string {
	var words []string
	add := func(text string) { words = append(words, strings.Fields(text)...) }
	for _, w := range kindWords {
		words = append(words, w[:]...)
	}
	for _, w := range colourWords {
		words = append(words, w[:]...)
	}
	for _, w := range sizeWords {
		words = append(words, w[:]...)
	}
	for _, verbs := range motionVerbs {
		for _, v := range verbs {
			add(v.finite + " " + v.participle + v.rest)
		}
	}
	for _, verbs := range cameraVerbs {
		for _, v := range verbs {
			add(v.finite + v.rest)
		}
	}
	for _, phrases := range placePhrases {
		for _, p := range phrases {
			words = append(words, p[strings.LastIndexByte(p, ' ')+1:])
		}
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "in" })
	slices.Sort(words)
	return slices.Compact(words)
}()

// ContentWords returns, sorted, every word that states a fact in some caption, foreign ones included. The position of a
// word is its number in Still.Words.
func ContentWords() []string { return slices.Clone(contentWords) }

// ContentOf returns the numbers of the content words of a caption, ascending, each once.
func ContentOf(caption string) []int {
	var found []int
	for _, word := range strings.FieldsFunc(caption, func(r rune) bool { return r == ' ' || r == ',' || r == '.' }) {
		if i, ok := slices.BinarySearch(contentWords, word); ok {
			found = append(found, i)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// Foreign returns label sets that the encoder knows from stills and that no caption of A or B states: the source of
// anchors that cannot leak the test's answers. The keys are "kind", "colour" and "place".
func Foreign() map[string][]string {
	labels := map[string][]string{}
	for k := Kinds; k < AllKinds; k++ {
		labels["kind"] = append(labels["kind"], kindWords[k][:]...)
	}
	for c := Colours; c < AllColours; c++ {
		labels["colour"] = append(labels["colour"], colourWords[c][:]...)
	}
	for p := Places; p < AllPlaces; p++ {
		for _, phrase := range placePhrases[p] {
			labels["place"] = append(labels["place"], phrase[strings.LastIndexByte(phrase, ' ')+1:])
		}
	}
	return labels
}

// MarshalText writes the kind's plainest word.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// MarshalText writes the colour's plainest word.
func (c Colour) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalText writes the size's plainest word.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalText writes the motion as String does.
func (m Motion) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// MarshalText writes the place as String does.
func (p Place) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// MarshalText writes the camera move as String does.
func (c Camera) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
