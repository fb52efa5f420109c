// Package locatetest checks what every method of finding moments must keep: the conformance test of locate.Method. It is used
// by tests alone.
package locatetest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"sightline"
	"sightline/align"
	"sightline/align/locate"
	"sightline/engine"
	"sightline/engine/enginetest"
)

// Tiny returns a small config of a method, with picture, subtitle and word features of three different widths.
func Tiny(t testing.TB, method align.Choice) locate.Config {
	t.Helper()
	c, err := locate.Default(method.Kind)
	if err != nil {
		t.Fatal(err)
	}
	c.Method = method
	c.Video, c.Subtitle, c.Text = 7, 5, 6
	c.Hidden, c.Heads, c.Clips, c.Words = 16, 4, 16, 8
	return c
}

// Corpus draws count videos of different lengths with clips of different lengths; every third has no subtitles, and none has
// where the config takes none. Each comes with a text and with where it happens.
func Corpus(c locate.Config, count int, random *rand.Rand) align.Batch {
	var b align.Batch
	for i := range count {
		rows, clip := 3+(5*i)%(c.Clips-2), 0.5+0.25*float64(i)
		v := align.Video{ID: fmt.Sprint(i), Features: matrix(random, rows, c.Video)}
		for l := range rows {
			v.Spans = append(v.Spans, sightline.Span{Start: clip * float64(l), End: clip * float64(l+1)})
		}
		if i%3 != 0 && c.Subtitle > 0 {
			v.Subtitle = matrix(random, rows, c.Subtitle)
		}
		start := random.IntN(rows)
		b.Videos = append(b.Videos, v)
		b.Texts = append(b.Texts, align.Sentence{Text: fmt.Sprint(i), Tokens: matrix(random, 1+i%(c.Words+2), c.Text)})
		b.Spans = append(b.Spans, sightline.Span{Start: v.Spans[start].Start, End: v.Spans[min(rows-1, start+2)].End})
	}
	return b
}

func matrix(random *rand.Rand, rows, cols int) sightline.Matrix {
	return sightline.Matrix{Rows: rows, Cols: cols, Data: engine.Normal(random, rows*cols, 1)}
}

// Method checks a method: neither padding nor the company of videos and texts moves what is made of them by more than 1e-6;
// what an index computes from Clips, Query and Boundary is what the model's own graph computes; training steps have finite
// losses and gradients, with subtitles for some, for all and for none; and a bundle gives the same model back.
func Method(t *testing.T, method align.Choice) {
	e := enginetest.Open(t)
	c := Tiny(t, method)
	random := rand.New(rand.NewPCG(3, 4))
	model, err := locate.New(e, c, 1)
	if err != nil {
		t.Fatal(err)
	}
	shake(model.Weights, random)
	corpus := Corpus(c, 7, random)
	company(t, model, corpus)
	formulas(t, model, corpus)
	long(t, model, random)
	training(t, model, corpus)
	bundle(t, model, corpus)

	mute := c
	mute.Subtitle = 0
	pictures, err := locate.New(e, mute, 1)
	if err != nil {
		t.Fatal(err)
	}
	shake(pictures.Weights, random)
	silent := Corpus(mute, 5, random)
	company(t, pictures, silent)
	formulas(t, pictures, silent)
	finite(t, pictures, silent, false)
}

// shake moves parameters away from zeros and ones, which could hide a mistake.
func shake(weights *engine.Weights, random *rand.Rand) {
	for _, name := range weights.Names() {
		noise := engine.Normal(random, len(weights.Float32s(name)), 0.3)
		weights.Update(name, func(p []float32) {
			for i := range p {
				p[i] += noise[i]
			}
		})
	}
}

func encode(t *testing.T, model *locate.Model, b align.Batch) ([]locate.Clips, []locate.Query) {
	t.Helper()
	videos, err := model.EncodeVideos(t.Context(), b.Videos)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := model.EncodeTexts(t.Context(), b.Texts)
	if err != nil {
		t.Fatal(err)
	}
	return videos, texts
}

func compare(t *testing.T, model *locate.Model, b align.Batch) locate.Compared {
	t.Helper()
	compared, err := model.Compare(t.Context(), b.Texts, b.Videos)
	if err != nil {
		t.Fatal(err)
	}
	return compared
}

// near fails unless the numbers agree to a tolerance, relative to numbers above 1.
func near(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d numbers, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= tolerance*max(1, math.Abs(float64(want[i])))) {
			t.Errorf("%s: number %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}

// company takes each video and text by itself, and all of them in another order.
func company(t *testing.T, model *locate.Model, all align.Batch) {
	t.Helper()
	const tolerance = 1e-6
	videos, texts := encode(t, model, all)
	compared := compare(t, model, all)
	n := len(all.Videos)
	for i := range n {
		alone := align.Batch{Videos: all.Videos[i : i+1], Texts: all.Texts[i : i+1]}
		v, q := encode(t, model, alone)
		for m := range locate.Modalities {
			near(t, fmt.Sprintf("rows of video %d alone", i), v[0].Rows[m].Data, videos[i].Rows[m].Data, tolerance)
			near(t, fmt.Sprintf("text %d alone", i), q[0].Retrieve[m], texts[i].Retrieve[m], tolerance)
			near(t, fmt.Sprintf("text %d alone", i), q[0].Locate[m], texts[i].Locate[m], tolerance)
		}
		near(t, "gates", q[0].Gate[:], texts[i].Gate[:], tolerance)
		own := compare(t, model, alone)
		near(t, "similarity alone", own.Similarities.Data, []float32{compared.Similarities.At(i, i)}, tolerance)
		near(t, "start alone", own.Start[0].Data, compared.Start[i].Row(i), 10*tolerance) // sums over the whole width, not normalised
		near(t, "end alone", own.End[0].Data, compared.End[i].Row(i), 10*tolerance)
	}
	var turned align.Batch
	for i := range n {
		turned.Videos, turned.Texts = append(turned.Videos, all.Videos[n-1-i]), append(turned.Texts, all.Texts[n-1-i])
	}
	other := compare(t, model, turned)
	for a := range n {
		for i := range n {
			near(t, "similarity in another order", []float32{other.Similarities.At(n-1-a, n-1-i)}, []float32{compared.Similarities.At(a, i)}, tolerance)
		}
	}
}

// formulas computes as an index does.
func formulas(t *testing.T, model *locate.Model, all align.Batch) {
	t.Helper()
	videos, texts := encode(t, model, all)
	compared, filters := compare(t, model, all), model.Boundary()
	for n, video := range videos {
		if video.VideoID != all.Videos[n].ID || len(video.Spans) != video.Rows[locate.Visual].Rows {
			t.Fatalf("video %s: %d rows for %d stretches of time", video.VideoID, video.Rows[locate.Visual].Rows, len(video.Spans))
		}
		if spoken := all.Videos[n].Subtitle.Rows > 0; spoken != (video.Rows[locate.Subtitle].Rows > 0) {
			t.Errorf("video %d has subtitles: %v, and rows of them: %v", n, spoken, !spoken)
		}
		for a, text := range texts {
			if sum := text.Gate[0] + text.Gate[1]; math.Abs(float64(sum)-1) > 1e-5 || min(text.Gate[0], text.Gate[1]) < 0 {
				t.Errorf("gates of text %d are %v", a, text.Gate)
			}
			similarity, curve := pair(text, video)
			near(t, fmt.Sprintf("similarity of text %d and video %d", a, n), []float32{similarity}, []float32{compared.Similarities.At(a, n)}, 1e-5)
			near(t, fmt.Sprintf("start, text %d and video %d", a, n), convolve(curve, filters.Start), compared.Start[n].Row(a), 1e-4)
			near(t, fmt.Sprintf("end, text %d and video %d", a, n), convolve(curve, filters.End), compared.End[n].Row(a), 1e-4)
		}
	}
}

// pair returns φ and the curve of a query and a video as Query defines them.
func pair(q locate.Query, v locate.Clips) (float32, []float32) {
	gate := q.Gate
	if v.Rows[locate.Subtitle].Rows == 0 {
		gate = [locate.Modalities]float32{1, 0}
	}
	dot := func(a, b []float32) (sum float64) {
		for i := range a {
			sum += float64(a[i]) * float64(b[i])
		}
		return sum
	}
	cosine := func(a, b []float32) float64 { return dot(a, b) / math.Sqrt(dot(a, a)*dot(b, b)) }
	clips := v.Rows[locate.Visual].Rows
	curve := make([]float32, clips)
	best := [locate.Modalities + 1]float64{math.Inf(-1), math.Inf(-1), math.Inf(-1)} // by modality, and fused
	for l := range clips {
		fused := make([]float32, v.Rows[locate.Visual].Cols)
		for m, rows := range v.Rows {
			if rows.Rows == 0 {
				best[m] = 0
				continue
			}
			curve[l] += gate[m] * float32(dot(rows.Row(l), q.Locate[m]))
			best[m] = max(best[m], cosine(rows.Row(l), q.Retrieve[m]))
			for d, x := range rows.Row(l) {
				fused[d] += gate[m] * x
			}
		}
		best[locate.Modalities] = max(best[locate.Modalities], cosine(fused, q.Retrieve[locate.Visual]))
	}
	if q.Fused {
		return float32(best[locate.Modalities]), curve
	}
	return gate[0]*float32(best[0]) + gate[1]*float32(best[1]), curve
}

func convolve(curve, filter []float32) []float32 {
	out := make([]float32, len(curve))
	for l := range out {
		for k, w := range filter {
			if i := l + k - len(filter)/2; i >= 0 && i < len(curve) {
				out[l] += w * curve[i]
			}
		}
	}
	return out
}

// long takes a video of more clips than the model looks at.
func long(t *testing.T, model *locate.Model, random *rand.Rand) {
	t.Helper()
	c := model.Config
	clips := 3*c.Clips + 1
	video := align.Video{ID: "long", Features: matrix(random, clips, c.Video), Subtitle: matrix(random, clips, c.Subtitle)}
	for l := range clips {
		video.Spans = append(video.Spans, sightline.Span{Start: float64(l), End: float64(l + 1)})
	}
	kept, err := model.EncodeVideos(t.Context(), []align.Video{video})
	if err != nil {
		t.Fatal(err)
	}
	for m, rows := range kept[0].Rows {
		if rows.Rows != clips || rows.Finite() != nil {
			t.Errorf("modality %d of a video of %d clips has %d rows (%v)", m, clips, rows.Rows, rows.Finite())
		}
		for l := range rows.Rows {
			if rows.Row(l)[0] == 0 && rows.Row(l)[1] == 0 {
				t.Errorf("row %d of a video of %d clips is empty", l, clips)
			}
		}
	}
	text := align.Sentence{Tokens: matrix(random, 3, c.Text)}
	if _, err := model.Compare(t.Context(), []align.Sentence{text}, []align.Video{video}); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("comparing a video that is too long gives %v", err)
	}
	batch := align.Batch{Videos: []align.Video{video, video}, Texts: []align.Sentence{text, text}, Spans: []sightline.Span{{Start: 1, End: 4}, {Start: 40, End: 45}}}
	finite(t, model, batch, false)

	pooling := c
	pooling.Pool = true
	pooled, err := locate.With(model.Engine, pooling, model.Weights)
	if err != nil {
		t.Fatal(err)
	}
	if kept, err = pooled.EncodeVideos(t.Context(), []align.Video{video}); err != nil {
		t.Fatal(err)
	}
	if got := kept[0]; len(got.Spans) != c.Clips || got.Rows[locate.Visual].Rows != c.Clips || got.Spans[0].Start != 0 {
		t.Errorf("pooled, the video has %d rows and spans %v", got.Rows[locate.Visual].Rows, got.Spans)
	}
	parity := c
	parity.Parity = true
	padded, err := locate.With(model.Engine, parity, model.Weights)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := padded.EncodeVideos(t.Context(), []align.Video{video}); sightline.KindOf(err) != sightline.Usage {
		t.Errorf("encoding for an index in parity mode gives %v", err)
	}
}

// finite takes a training step and returns its loss and gradients by name.
func finite(t *testing.T, model *locate.Model, batch align.Batch, masked bool) (float32, map[string][]float32) {
	t.Helper()
	step, err := model.Step(batch, masked, rand.New(rand.NewPCG(5, 6)))
	if err != nil {
		t.Fatal(err)
	}
	names := model.Parameters()
	program, err := model.Gradient(step, names)
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.Run(step.Arrays()...)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range out {
		for _, v := range engine.Values(part) {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("output %d of a training step (0 the loss, its parts, then gradients) has %v", i, v)
			}
		}
	}
	gradients := map[string][]float32{}
	for i, name := range names {
		gradients[name] = engine.Values(out[1+len(model.Watched())+i])
	}
	return engine.Values(out[0])[0], gradients
}

// training takes steps with subtitles for some, for all and for none.
func training(t *testing.T, model *locate.Model, batch align.Batch) {
	t.Helper()
	plain, gradients := finite(t, model, batch, false)
	for name, gradient := range gradients {
		if zero(gradient) && !strings.HasSuffix(name, ".key.bias") { // a shift of all keys moves no softmax
			t.Errorf("%s has no gradient", name)
		}
	}
	if same, _ := finite(t, model, batch, true); same != plain {
		t.Errorf("the loss is %v, and %v with duplicates masked where there are none", plain, same)
	}
	twice := batch
	twice.Videos = append([]align.Video{}, batch.Videos...)
	twice.Videos[1], twice.Spans = twice.Videos[0], append([]sightline.Span{}, batch.Spans...)
	twice.Spans[1] = twice.Spans[0]
	finite(t, model, twice, true)
	finite(t, model, align.Batch{Videos: twice.Videos[:2], Texts: batch.Texts[:2], Spans: twice.Spans[:2]}, true) // no negative at all

	mute := batch
	mute.Videos = append([]align.Video{}, batch.Videos...)
	for i := range mute.Videos {
		mute.Videos[i].Subtitle = sightline.Matrix{}
	}
	_, gradients = finite(t, model, mute, false)
	for name, gradient := range gradients {
		if strings.HasPrefix(name, "sub_") && !zero(gradient) {
			t.Errorf("%s has a gradient where no video has subtitles", name)
		}
	}
	if _, err := model.Step(align.Batch{Videos: batch.Videos, Texts: batch.Texts}, false, rand.New(rand.NewPCG(1, 1))); err == nil {
		t.Error("a batch without moments was laid out")
	}
	wide := batch
	wide.Texts = append([]align.Sentence{}, batch.Texts...)
	wide.Texts[0].Tokens = sightline.NewMatrix(2, model.Config.Text+1)
	var said *sightline.Error
	if _, err := model.Step(wide, false, rand.New(rand.NewPCG(1, 1))); !errors.As(err, &said) || said.Try == "" {
		t.Errorf("word features of another width give %v", err)
	}
}

func zero(values []float32) bool {
	for _, v := range values {
		if v != 0 {
			return false
		}
	}
	return true
}

// bundle writes the model and reads it back.
func bundle(t *testing.T, model *locate.Model, batch align.Batch) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	video, text := sightline.ModelID{Name: "v", Hash: "1"}, sightline.ModelID{Name: "t", Hash: "2"}
	saved, err := locate.Save(dir, "trial", model, sightline.Space{Video: video, Text: text, Preprocess: "p", Sampling: "1.5s"}, text)
	if err != nil {
		t.Fatal(err)
	}
	back, b, err := locate.Open(model.Engine, dir)
	if err != nil {
		t.Fatal(err)
	}
	if b.Space != saved.Space || back.Weights.Hash() != model.Weights.Hash() {
		t.Errorf("read back %+v, saved %+v", b, saved)
	}
	if got, want := compare(t, back, batch), compare(t, model, batch); got.Similarities.At(1, 2) != want.Similarities.At(1, 2) {
		t.Errorf("similarity is %v after a bundle, was %v", got.Similarities.At(1, 2), want.Similarities.At(1, 2))
	}
	if err := b.Accepts(video, text, text, "p"); err != nil {
		t.Errorf("the model refuses its own encoders: %v", err)
	}
	for _, other := range []error{b.Accepts(text, text, text, "p"), b.Accepts(video, video, text, "p"), b.Accepts(video, text, video, "p")} {
		if other == nil {
			t.Error("the model takes the features of another encoder")
		}
	}
	if _, err := locate.Save(dir, "trial", model, b.Space, text); err == nil {
		t.Error("a second model overwrote the first")
	}
	if kind, err := align.KindOf(dir); err != nil || kind != locate.Kind {
		t.Errorf("the folder holds a model of kind %q (%v)", kind, err)
	}
	if _, _, err := align.Open(model.Engine, dir); err == nil {
		t.Error("a model of moments opened as one of videos")
	}
}
