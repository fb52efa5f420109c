package caption

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"sightline"
	"sightline/align"
	"sightline/encoder/transformer"
	"sightline/encoder/wordpiece"
	"sightline/engine"
	"sightline/engine/enginetest"
	"sightline/internal/golden"
)

const dim = 6

var texts = []string{"a red dog runs", "a blue cat sleeps on a mat", "a man", "the dog and the cat eat a fish on a red mat"}

func config() Config {
	return Config{Width: 16, Heads: 2, Hidden: 32, VisualLayers: 1, Layers: 2, Words: 14, Frames: 5}
}

// fresh returns a model whose weights are large enough for its captions to differ.
func fresh(t testing.TB, config Config) *Model {
	t.Helper()
	m, err := New(enginetest.Open(t), config, wordpiece.Learn(texts, 1), align.Stored{VideoDim: dim, TextDim: dim}, 3)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range m.Weights.Names() {
		noise := engine.Normal(random, len(m.Weights.Float32s(name)), 0.3)
		m.Weights.Update(name, func(p []float32) {
			for i := range p {
				p[i] += noise[i]
			}
		})
	}
	return m
}

func films(n int) []align.Video {
	random := rand.New(rand.NewPCG(5, 6))
	var videos []align.Video
	for i := range n {
		rows := 1 + i%7 // up to more than the model looks at
		videos = append(videos, align.Video{ID: string(rune('a' + i)), Features: sightline.Matrix{Rows: rows, Cols: dim, Data: engine.Normal(random, rows*dim, 1)}})
	}
	return videos
}

func generate(t *testing.T, m *Model, videos []align.Video, o Options) [][]Hypothesis {
	t.Helper()
	captions, err := m.Generate(t.Context(), videos, o)
	if err != nil {
		t.Fatal(err)
	}
	return captions
}

// What the search says a caption's log-probability is must be what teacher forcing gives it.
func TestSearchAndTeacherForcingAgree(t *testing.T) {
	m, videos := fresh(t, config()), films(4)
	in, err := m.inputs(videos)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := m.read.Run(in...)
	if err != nil {
		t.Fatal(err)
	}
	beams, err := m.search(t.Context(), seen, in[1], len(videos), nil, Options{Beam: 3, Words: 12})
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range beams {
		for _, h := range b.hypotheses {
			length := len(h.tokens)
			given := append([]int32{m.Vocabulary.Start}, h.tokens[:length-1]...)
			video, err := m.inputs(videos[i : i+1])
			if err != nil {
				t.Fatal(err)
			}
			out, err := m.judge.Run(append(video, engine.Ints(given, 1, length), engine.Ints(h.tokens, 1, length), engine.Floats(engine.Constant(length, 1), 1, length))...)
			if err != nil {
				t.Fatal(err)
			}
			var sum float64
			for _, v := range engine.Values(out[0]) {
				sum -= float64(v)
			}
			golden.Close(t, "score of "+m.Vocabulary.Decode(h.tokens), []float32{float32(h.score)}, []float32{float32(sum)}, golden.ForwardAbs, golden.ForwardRel)
		}
	}
}

// A beam as wide as the tree finds the most likely caption of all; here of captions of two pieces.
func TestBeamFindsTheBest(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	const pieces, end = 6, 1
	first := make([]float32, pieces)
	second := make([][]float32, pieces)
	for i := range second {
		first[i] = -random.Float32()
		for range pieces {
			second[i] = append(second[i], -random.Float32())
		}
	}
	first[end] = -9 // so that nothing is done at once
	b := newBeam(pieces, end, 0)
	if err := b.advance(func(int) []float32 { return first }, nil); err != nil {
		t.Fatal(err)
	}
	after := slices.Clone(b.hypotheses)
	if err := b.advance(func(h int) []float32 { return second[after[h].tokens[0]] }, nil); err != nil {
		t.Fatal(err)
	}
	best := math.Inf(-1)
	for i := range first {
		for _, p := range second[i] {
			best = max(best, float64(first[i]+p))
		}
	}
	if got := b.hypotheses[0].score; math.Abs(got-best) > 1e-6 {
		t.Errorf("the best of all has %v, the beam found %v", best, got)
	}
	if !slices.IsSortedFunc(b.hypotheses, func(a, b hypothesis) int { return int(math.Copysign(1, b.score-a.score)) }) {
		t.Error("hypotheses are not in the order of their scores")
	}
}

// Pieces of equal probability come in their order, and barred ones not at all.
func TestBeamTiesAndBars(t *testing.T) {
	b := newBeam(3, 0, 0)
	if err := b.advance(func(int) []float32 { return []float32{-5, -1, -1, -1, -1} }, []bool{false, false, true, false, false}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int32{1, 3, 4} {
		if got := b.hypotheses[i].tokens[0]; got != want {
			t.Errorf("hypothesis %d is %d, want %d", i, got, want)
		}
	}
	nan := float32(math.NaN())
	if err := b.advance(func(int) []float32 { return []float32{nan, nan, nan, nan, nan} }, nil); err == nil {
		t.Error("scores that are no numbers were searched")
	}
	if err := newBeam(9, 0, 0).advance(func(int) []float32 { return make([]float32, 5) }, nil); err == nil {
		t.Error("a beam wider than the vocabulary was filled")
	}
}

// Piece 0 ends a caption, 1 goes on. Without a penalty the short caption wins by its fewer factors; with one, a longer caption
// with surer pieces does, and the short one stands still meanwhile.
func TestLengthPenalty(t *testing.T) {
	search := func(penalty float64) hypothesis {
		b := newBeam(2, 0, penalty)
		for step := 0; step < 6 && !b.done; step++ {
			p := []float32{-1.0, -0.5, -9}
			if step == 3 {
				p = []float32{-0.1, -3, -9}
			}
			if err := b.advance(func(int) []float32 { return p }, nil); err != nil {
				t.Fatal(err)
			}
		}
		return b.hypotheses[0]
	}
	if h := search(0); h.length != 4 || math.Abs(h.score+1.6) > 1e-6 {
		t.Errorf("without a penalty: %v", h)
	}
	if h := search(1); h.length != 4 || math.Abs(h.value+0.4) > 1e-6 || h.tokens[3] != 0 {
		t.Errorf("with a penalty: %v", h)
	}
	// An ended caption keeps its score while another is still written.
	b := newBeam(2, 0, 1)
	for _, p := range [][]float32{{-1, -0.9}, {-0.5, -0.05}, {-3, -0.01}} {
		if err := b.advance(func(int) []float32 { return p }, nil); err != nil {
			t.Fatal(err)
		}
	}
	if h := b.hypotheses[1]; !h.ended || h.length != 2 || math.Abs(h.score+1.4) > 1e-6 {
		t.Errorf("the ended caption became %+v", h)
	}
}

func TestCaptionsDependOnNoOtherVideo(t *testing.T) {
	m, videos := fresh(t, config()), films(9)
	o := Options{Beam: 4, Best: 3}
	together := generate(t, m, videos, o)
	for i := range videos {
		alone := generate(t, m, videos[i:i+1], o)[0]
		if len(alone) != len(together[i]) {
			t.Fatalf("video %d has %d captions alone and %d in company", i, len(alone), len(together[i]))
		}
		for k, h := range alone {
			if h.Text != together[i][k].Text || math.Abs(h.Score-together[i][k].Score) > 1e-4 {
				t.Errorf("video %d, caption %d: %v alone, %v in company", i, k, h, together[i][k])
			}
			if strings.Contains(h.Text, "[") {
				t.Errorf("video %d has a caption %q", i, h.Text)
			}
		}
		if k := slices.IndexFunc(alone[1:], func(h Hypothesis) bool { return h.Text == alone[0].Text }); k >= 0 {
			t.Errorf("video %d has a caption twice", i)
		}
	}
	if slices.EqualFunc(together[:8], together[1:], func(a, b []Hypothesis) bool { return a[0] == b[0] }) {
		t.Error("all videos have one caption: the test sees nothing")
	}
}

func TestGenerateRefuses(t *testing.T) {
	m, videos := fresh(t, config()), films(2)
	for _, o := range []Options{{Beam: -1}, {Beam: 1000}, {Beam: 2, Best: 3}, {Words: 99}, {LengthPenalty: -1}, {LengthPenalty: math.NaN()}} {
		if _, err := m.Generate(t.Context(), videos, o); sightline.KindOf(err) != sightline.Usage {
			t.Errorf("%+v gives %v", o, err)
		}
	}
	videos[1].Features = sightline.Matrix{}
	if _, err := m.Generate(t.Context(), videos, Options{}); err == nil || !strings.Contains(err.Error(), "video b has no rows") {
		t.Errorf("a video without rows gives %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := m.Generate(stopped, films(1), Options{}); err == nil {
		t.Error("it went on after its context had ended")
	}
}

// Layout of teacher forcing: what is given is one step behind what is wanted, long captions are cut, padding is hidden.
func TestStepLaysOut(t *testing.T) {
	c := config()
	c.Words, c.Dropout = 7, 0.2
	m := fresh(t, c)
	var batch align.Batch
	for i, text := range texts {
		batch.Texts = append(batch.Texts, align.Sentence{Text: text})
		batch.Videos = append(batch.Videos, films(7)[i+3])
	}
	s, err := m.Step(batch, false, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Videos[0].Shape; !slices.Equal(got, []int{4, 6, dim}) { // five of seven frames, rounded up
		t.Errorf("videos are %v", got)
	}
	if got := s.Targets[0].Shape; !slices.Equal(got, []int{4, 7}) {
		t.Fatalf("captions are %v", got)
	}
	mask := engine.Values(s.Targets[2])
	for i, want := range []float32{5, 7, 3, 7} {
		var n float32
		for _, v := range mask[i*7:][:7] {
			n += v
		}
		if n != want {
			t.Errorf("caption %d has %v positions, want %v", i, n, want)
		}
	}
	if len(s.Noise) != 3+7 {
		t.Errorf("dropout draws %d arrays", len(s.Noise))
	}
	program, err := m.Gradient(s, m.Parameters())
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(s.Arrays()...)
	if err != nil {
		t.Fatal(err)
	}
	var own sightline.Matrix
	for i, array := range out {
		own = sightline.Matrix{Rows: 1, Cols: len(engine.Values(array)), Data: engine.Values(array)}
		if err := own.Finite(); err != nil {
			t.Fatalf("output %d: %v", i, err)
		}
	}
}

// The mean of Loss over captions of many lengths is that of one training step without dropout, and with padding counted the
// step's is another.
func TestLossIsThatOfTraining(t *testing.T) {
	m := fresh(t, config())
	batch := align.Batch{Videos: films(4)}
	for _, text := range texts {
		batch.Texts = append(batch.Texts, align.Sentence{Text: text})
	}
	step := func(m *Model) float64 {
		s, err := m.Step(batch, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		program, err := m.Gradient(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		out, err := program.Run(s.Arrays()...)
		if err != nil {
			t.Fatal(err)
		}
		return float64(engine.Values(out[0])[0])
	}
	got, err := m.Loss(t.Context(), batch.Videos, batch.Texts)
	if err != nil {
		t.Fatal(err)
	}
	if want := step(m); math.Abs(got-want) > 1e-5*want {
		t.Errorf("loss %v, a step has %v", got, want)
	}
	counting := *m
	counting.Config.CountPadding = true
	if other := step(&counting); math.Abs(other-got) < 1e-3 {
		t.Errorf("counting padding does not change the loss of %v", other)
	}
}

// Frames that are padding are not seen.
func TestPaddingIsHidden(t *testing.T) {
	m := fresh(t, config())
	read, err := m.Engine.Compile(m.Weights, func(vars engine.Vars, in []*Node) []*Node {
		return []*Node{m.Config.read(vars, align.Frames{Vectors: in[0], Mask: in[1]}, transformer.NoDropout)}
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := engine.Normal(rand.New(rand.NewPCG(4, 4)), 4*dim, 1)
	states := func(rows []float32) []float32 {
		out, err := read.Run(engine.Floats(rows, 1, 4, dim), engine.Floats([]float32{1, 1, 0, 0}, 1, 4))
		if err != nil {
			t.Fatal(err)
		}
		return engine.Values(out[0])[:2*m.Config.Width]
	}
	want := states(rows)
	for i := 2 * dim; i < len(rows); i++ {
		rows[i] = 7
	}
	golden.Close(t, "states", states(rows), want, 0, 0)
}

func TestBundleKeepsTheModel(t *testing.T) {
	m, videos := fresh(t, config()), films(3)
	dir := filepath.Join(t.TempDir(), "model")
	space := sightline.Space{Video: sightline.ModelID{Name: "v", Hash: "1"}, Preprocess: "p", Sampling: "uniform-5"}
	saved, err := Save(dir, "trial", m, space)
	if err != nil {
		t.Fatal(err)
	}
	back, b, err := Open(m.Engine, dir)
	if err != nil {
		t.Fatal(err)
	}
	if b != saved {
		t.Errorf("bundle %+v, want %+v", b, saved)
	}
	if kind, err := align.KindOf(dir); kind != Kind || err != nil {
		t.Errorf("kind %q, %v", kind, err)
	}
	want := generate(t, m, videos, Options{})
	for i, got := range generate(t, back, videos, Options{}) {
		if got[0] != want[i][0] {
			t.Errorf("video %d: %v, was %v", i, got[0], want[i][0])
		}
	}
	if err := b.Accepts(space.Video, "p"); err != nil {
		t.Error(err)
	}
	if err := b.Accepts(sightline.ModelID{Name: "w"}, "p"); err == nil || !strings.Contains(err.Error(), "video encoder") {
		t.Errorf("another encoder gives %v", err)
	}
	if _, err := Save(dir, "trial", m, space); err == nil {
		t.Error("a second model overwrote the first")
	}
	path := filepath.Join(dir, vocabularyFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "dog", "god", 1)), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(m.Engine, dir); err == nil || sightline.TryOf(err) == "" {
		t.Errorf("another vocabulary gives %v", err)
	}
}

func TestConfigCheck(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Error(err)
	}
	for _, spoil := range []func(*Config){
		func(c *Config) { c.Heads = 3 }, func(c *Config) { c.Heads = 0 }, func(c *Config) { c.Hidden = 0 }, func(c *Config) { c.Layers = 0 },
		func(c *Config) { c.Words = 1 }, func(c *Config) { c.Frames = 0 }, func(c *Config) { c.Dropout = 1 },
	} {
		c := Default()
		if spoil(&c); c.Check() == nil {
			t.Errorf("%+v passes", c)
		}
	}
}

func TestBaselines(t *testing.T) {
	training := []align.Video{
		{ID: "x", Features: sightline.Matrix{Rows: 2, Cols: 2, Data: []float32{1, 0, 9, 0}}},
		{ID: "y", Features: sightline.Matrix{Rows: 1, Cols: 2, Data: []float32{0, 1}}},
		{ID: "z", Features: sightline.Matrix{Rows: 1, Cols: 2, Data: []float32{1, 1}}},
	}
	captions := [][]string{{"right", "also right"}, {"up"}, nil}
	videos := []align.Video{
		{ID: "a", Features: sightline.Matrix{Rows: 1, Cols: 2, Data: []float32{0.2, 5}}},
		{ID: "b", Features: sightline.Matrix{Rows: 2, Cols: 2, Data: []float32{3, 1, 2, 1}}},
	}
	got, err := Nearest(training, captions, videos)
	if err != nil || !slices.Equal(got, []string{"up", "right"}) {
		t.Errorf("nearest captions are %q, %v", got, err)
	}
	if _, err := Nearest(training, [][]string{nil, nil, nil}, videos); err == nil {
		t.Error("there is no caption, and still one was given")
	}
	if _, err := Nearest(training, captions, []align.Video{{ID: "c", Features: sightline.NewMatrix(1, 3)}}); err == nil {
		t.Error("features of another width were compared")
	}
	draw := Random([]string{"a", "b", "c"}, 50, rand.New(rand.NewPCG(1, 1)))
	for _, text := range []string{"a", "b", "c"} {
		if !slices.Contains(draw, text) {
			t.Errorf("%q is never drawn", text)
		}
	}
}
