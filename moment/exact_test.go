package moment

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sightline"
	"sightline/align/locate"
	"sightline/index"
	"sightline/index/scan"
)

var testSpace = sightline.Space{
	Head: sightline.ModelID{Name: "qacln", Hash: "0123456789abcdef"}, Preprocess: "none", Sampling: "1.5s",
}

// boundary finds steps: it starts where the curve rises and ends where it falls.
var boundary = locate.Boundary{Start: []float32{-1, -2, 1, 2, 1}, End: []float32{1, 2, -1, -2, -1}}

const clip = 1.5 // seconds

func gaussian(rng *rand.Rand, rows, cols int) sightline.Matrix {
	m := sightline.NewMatrix(rows, cols)
	for i := range m.Data {
		m.Data[i] = float32(rng.NormFloat64())
	}
	return m
}

// clipsOf gives rows spans. A nil subtitle makes a video without.
func clipsOf(id string, visual sightline.Matrix, subtitle *sightline.Matrix) locate.Clips {
	c := locate.Clips{VideoID: id}
	c.Rows[locate.Visual] = visual
	if subtitle != nil {
		c.Rows[locate.Subtitle] = *subtitle
	}
	for l := range visual.Rows {
		c.Spans = append(c.Spans, sightline.Span{Start: clip * float64(l), End: clip * float64(l+1)})
	}
	return c
}

// worlds are corpora that make a bounded search go wrong in different ways.
var worlds = map[string]func(rng *rand.Rand, videos, dim int) []locate.Clips{
	"random": func(rng *rand.Rand, videos, dim int) []locate.Clips {
		return fill(rng, videos, func(_, l int) sightline.Matrix { return gaussian(rng, l, dim) })
	},
	"near ties": func(rng *rand.Rand, videos, dim int) []locate.Clips { // far closer than one step of the codes
		one := gaussian(rng, 1, dim)
		return fill(rng, videos, func(_, l int) sightline.Matrix {
			m := gaussian(rng, l, dim)
			for i := range m.Data {
				m.Data[i] = one.Data[i%dim] + 1e-3*m.Data[i]
			}
			return m
		})
	},
	"ties": func(rng *rand.Rand, videos, dim int) []locate.Clips { // few different clips
		few := gaussian(rng, 7, dim)
		return fill(rng, videos, func(_, l int) sightline.Matrix {
			m := sightline.NewMatrix(l, dim)
			for i := range l {
				copy(m.Row(i), few.Row(rng.IntN(7)))
			}
			return m
		})
	},
	"common part": func(rng *rand.Rand, videos, dim int) []locate.Clips { // as the outputs of a layer norm
		common := [2]sightline.Matrix{gaussian(rng, 1, dim), gaussian(rng, 1, dim)}
		return fill(rng, videos, func(side, l int) sightline.Matrix {
			m := gaussian(rng, l, dim)
			for i := range m.Data {
				m.Data[i] = 3*common[side].Data[i%dim] + m.Data[i]
			}
			return m
		})
	},
	"all sizes, zeros, opposites": func(rng *rand.Rand, videos, dim int) []locate.Clips {
		clips := fill(rng, videos, func(_, l int) sightline.Matrix { return gaussian(rng, l, dim) })
		for _, c := range clips {
			for l := range c.Spans {
				visual, subtitle := c.Rows[0].Row(l), c.Rows[1]
				for j := range visual {
					visual[j] *= float32(math.Pow(10, float64(l%9-5)))
				}
				switch {
				case l%7 == 3:
					clear(visual)
				case subtitle.Rows > 0 && l%3 == 0: // what the gates ½, ½ leave of it is zero, or nearly
					for j := range visual {
						subtitle.Row(l)[j] = -visual[j] * (1 + float32(l%2)*1e-4)
					}
				}
			}
		}
		return clips
	},
}

// fill makes videos of 1 to 60 clips, every fifth without subtitles.
func fill(rng *rand.Rand, videos int, rows func(side, l int) sightline.Matrix) []locate.Clips {
	var all []locate.Clips
	for i := range videos {
		l := 1 + rng.IntN(60)
		visual := rows(locate.Visual, l)
		if i%5 == 4 {
			all = append(all, clipsOf(fmt.Sprint("v", i), visual, nil))
			continue
		}
		subtitle := rows(locate.Subtitle, l)
		all = append(all, clipsOf(fmt.Sprint("v", i), visual, &subtitle))
	}
	return all
}

// ask returns a query: random, or one that resembles a clip.
func ask(rng *rand.Rand, dim int, fused bool, like []locate.Clips) locate.Query {
	q := locate.Query{Fused: fused}
	share := rng.Float32()
	switch rng.IntN(8) {
	case 0:
		share = 0
	case 1:
		share = 1
	case 2:
		share = 0.5
	}
	q.Gate = [2]float32{share, 1 - share}
	for m := range locate.Modalities {
		q.Retrieve[m], q.Locate[m] = gaussian(rng, 1, dim).Data, gaussian(rng, 1, dim).Data
		if like != nil {
			v := like[rng.IntN(len(like))]
			copy(q.Retrieve[m], v.Rows[0].Row(rng.IntN(v.Rows[0].Rows)))
		}
	}
	if fused {
		q.Retrieve[1] = q.Retrieve[0]
	}
	return q
}

// kept is a video as a layout keeps it: its rows, their squared lengths, and their products with each other.
type kept struct {
	locate.Clips
	square [2][]float64
	cross  []float64
}

func keep(layout index.Layout, corpus []locate.Clips) []kept {
	all := make([]kept, len(corpus))
	product := func(x, y []float32) float64 { return float64(float32(index.Dot(x, y))) }
	for i, c := range corpus {
		k := kept{Clips: c}
		for m, rows := range c.Rows {
			if rows.Rows > 0 {
				k.Rows[m] = sightline.NewMatrix(rows.Rows, rows.Cols)
			}
			for l := range rows.Rows {
				row := k.Rows[m].Row(l)
				copy(row, layout.Keep(rows.Row(l)))
				k.square[m] = append(k.square[m], product(row, row))
				if m == locate.Subtitle {
					k.cross = append(k.cross, product(row, k.Rows[0].Row(l)))
				}
			}
		}
		all[i] = k
	}
	return all
}

// found is a moment that loop finds: clips [from, to) of the video at a place of the ranking.
type found struct {
	place, from, to int
	score           float32
}

// loop is the search as the definitions have it: float32 products with every clip, every video, every span.
func loop(corpus []kept, q locate.Query, o Options) (videos []string, phis []float64, moments []found) {
	product := scan.Best().Product
	gate := func(c kept) [2]float64 {
		if c.Rows[1].Rows == 0 {
			return [2]float64{1, 0}
		}
		return [2]float64{float64(q.Gate[0]), float64(q.Gate[1])}
	}
	query := [2][]float32{unit(q.Retrieve[0]), unit(q.Retrieve[1])}
	cosine := func(product, length, parts float64) float64 {
		if length <= parts*0x1p-40 {
			return 0
		}
		return max(-1, min(1, product/math.Sqrt(length)))
	}
	type scored struct {
		number int
		phi    float64
	}
	var ranking []scored
	for i, c := range corpus {
		g, fused, single := gate(c), -1.0, [2]float64{-1, -1}
		for l := range c.Spans {
			visual := float64(product(c.Rows[0].Row(l), query[0]))
			num, parts := g[0]*visual, g[0]*g[0]*c.square[0][l]
			length := parts
			single[0] = max(single[0], cosine(visual, c.square[0][l], c.square[0][l]))
			if c.Rows[1].Rows > 0 {
				spoken := float64(product(c.Rows[1].Row(l), query[1]))
				num += g[1] * spoken
				parts += g[1] * g[1] * c.square[1][l]
				length = parts + 2*g[0]*g[1]*c.cross[l]
				single[1] = max(single[1], cosine(spoken, c.square[1][l], c.square[1][l]))
			}
			fused = max(fused, cosine(num, length, parts))
		}
		phi := fused
		if !q.Fused {
			phi = g[0] * single[0]
			if c.Rows[1].Rows > 0 {
				phi += g[1] * single[1]
			}
		}
		ranking = append(ranking, scored{i, phi})
	}
	slices.SortStableFunc(ranking, func(a, b scored) int { return cmp.Compare(b.phi, a.phi) })
	ranking = ranking[:min(o.Videos, len(ranking))]
	for place, r := range ranking {
		c := corpus[r.number]
		g := gate(c)
		videos, phis = append(videos, c.VideoID), append(phis, r.phi)
		curve := make([]float32, len(c.Spans))
		for l := range curve {
			sum := g[0] * float64(product(c.Rows[0].Row(l), q.Locate[0]))
			if c.Rows[1].Rows > 0 {
				sum += g[1] * float64(product(c.Rows[1].Row(l), q.Locate[1]))
			}
			curve[l] = float32(sum)
		}
		start, end := likelihoods(curve, o.Boundary.Start), likelihoods(curve, o.Boundary.End)
		for s := range start {
			for e := s + 2; e < min(s+16, len(end)); e++ {
				moments = append(moments, found{place, s, e, start[s] * float32(math.Exp(o.Alpha*r.phi)) * end[e]})
			}
		}
	}
	slices.SortFunc(moments, func(a, b found) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.place, b.place), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	return videos, phis, moments[:min(o.Moments, len(moments))]
}

// likelihoods is the softmax over a convolved curve.
func likelihoods(curve, taps []float32) []float32 {
	logits := make([]float64, len(curve))
	for l := range curve {
		for k, tap := range taps {
			if at := l + k - len(taps)/2; at >= 0 && at < len(curve) {
				logits[l] += float64(tap) * float64(curve[at])
			}
		}
	}
	greatest, sum := slices.Max(logits), 0.0
	for _, x := range logits {
		sum += math.Exp(x - greatest)
	}
	p := make([]float32, len(logits))
	for l, x := range logits {
		p[l] = float32(float64(float32(math.Exp(x-greatest))) / sum)
	}
	return p
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestExact compares thousands of searches with the loop over all clips: the same videos, the same moments, the same bits
// of φ and of the scores.
func TestExact(t *testing.T) {
	for name, world := range worlds {
		for precision, dim := range map[index.Precision]int{index.Single: 48, index.Half: 100} {
			for _, fused := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%v/fused=%v", name, precision, fused), func(t *testing.T) {
					t.Parallel()
					testExact(t, rand.New(rand.NewPCG(uint64(dim), 1)), world, precision, fused, dim)
				})
			}
		}
	}
}

func testExact(t *testing.T, rng *rand.Rand, world func(*rand.Rand, int, int) []locate.Clips, precision index.Precision, fused bool, dim int) {
	const videos, queries = 80, 120
	clips := world(rng, videos, dim)
	w := NewMemory(testSpace, precision)
	defer w.Close()
	must(t, w.Add(t.Context(), clips[:videos/2]...), w.Publish(t.Context()))
	must(t, w.Add(t.Context(), clips[videos/2:]...), w.Publish(t.Context()))
	stored := keep(w.layout, clips)
	var asked []locate.Query
	for i := range queries {
		like := clips
		if i%2 == 0 {
			like = nil
		}
		asked = append(asked, ask(rng, dim, fused, like))
	}
	o := Options{Boundary: boundary, Alpha: 30, Videos: 15, Moments: 100}
	must(t, w.SearchAll(t.Context(), asked, o, func(i int, a Answer) error { return compare(a, stored, asked[i], o) }))
}

func compare(a Answer, corpus []kept, q locate.Query, o Options) error {
	videos, phis, moments := loop(corpus, q, o)
	if len(a.Videos) != len(videos) || len(a.Moments) != len(moments) {
		return fmt.Errorf("%d videos and %d moments, want %d and %d", len(a.Videos), len(a.Moments), len(videos), len(moments))
	}
	for i, v := range a.Videos {
		if v.VideoID != videos[i] || v.Phi != phis[i] {
			return fmt.Errorf("place %d of the videos is %s with %v, want %s with %v", i, v.VideoID, v.Phi, videos[i], phis[i])
		}
	}
	for i, m := range a.Moments {
		w := moments[i]
		want := sightline.Moment{Span: sightline.Span{Start: float64(w.from) * clip, End: float64(w.to) * clip}, Score: float64(w.score)}
		if m.VideoID != videos[w.place] || m.Moment != want || m.First != w.from || m.Until != w.to {
			return fmt.Errorf("place %d of the moments is %s %+v, want %s %+v", i, m.VideoID, m.Moment, videos[w.place], want)
		}
	}
	return nil
}
