package world

import (
	"math"

	"sightline"
	"sightline/metric"
)

// Sight is what a matcher can see of a video.
type Sight int

// The sights. They bound from above what any model of the same sight can reach.
const (
	// FullSight knows every fact.
	FullSight Sight = iota
	// OrderBlind sees the frames as a bag: it cannot tell left from right, up from down, a pan left from a pan right.
	OrderBlind
	// Motionless sees one frame: neither motion nor camera.
	Motionless
)

// String names the sight for tables.
func (s Sight) String() string {
	return [...]string{"oracle", "order-blind oracle", "oracle without motion and camera"}[s]
}

// motion returns the class the sight puts a motion in, and the share of motions in that class.
func (s Sight) motion(m int) (class int, share float64) {
	switch {
	case s == Motionless:
		return 0, 1
	case s == OrderBlind && m <= int(Down):
		return m / 2, 2.0 / Motions
	}
	return 10 + m, 1.0 / Motions
}

func (s Sight) camera(c int) (class int, share float64) {
	switch {
	case s == Motionless:
		return 0, 1
	case s == OrderBlind && (c == int(PanLeft) || c == int(PanRight)):
		return 0, 2.0 / Cameras
	}
	return 10 + c, 1.0 / Cameras
}

// unfit is the score of a caption that says something that is not so.
const unfit = -100

// Score returns the similarities [captions, videos] of a perfect matcher: the logarithm of P(caption | video) / P(caption),
// how much likelier a caption is for this video than for a video drawn at random. It knows how captions are made (a share
// rho of the facts, the kind of one object always among them) and the facts as far as the sight goes; captions it cannot
// tell from one another tie. Ranking by this ratio is the best that can be done in either direction without looking at
// the rest of the gallery.
func (s Sight) Score(rho float64, captions []Caption, videos []Facts) sightline.Matrix {
	scores := sightline.NewMatrix(len(captions), len(videos))
	for i, c := range captions {
		base := math.Log(s.prior(rho, c))
		row := scores.Row(i)
		for j, f := range videos {
			row[j] = unfit
			if p := s.likelihood(rho, c, f); p > 0 {
				row[j] = float32(math.Log(p) - base)
			}
		}
	}
	return scores
}

// likelihood is the probability that captions of a video with these facts state what c states.
func (s Sight) likelihood(rho float64, c Caption, f Facts) float64 {
	if ways := s.ways(c, f); ways > 0 {
		return float64(ways) * choosing(rho, c, len(f.Objects))
	}
	return 0
}

// Fits reports whether everything the caption states is so.
func (c Caption) Fits(f Facts) bool { return FullSight.ways(c, f) > 0 }

// ways counts in how many ways the caption's mentions can stand for the objects.
func (s Sight) ways(c Caption, f Facts) int {
	if len(c.Objects) > len(f.Objects) || c.Place >= 0 && c.Place != int(f.Place) {
		return 0
	}
	if c.Camera >= 0 {
		said, _ := s.camera(c.Camera)
		if is, _ := s.camera(int(f.Camera)); said != is {
			return 0
		}
	}
	ways := 0
	if len(c.Objects) == 1 {
		for _, o := range f.Objects {
			if s.fits(c.Objects[0], o) {
				ways++
			}
		}
		return ways
	}
	for i, o := range f.Objects {
		if s.fits(c.Objects[0], o) && s.fits(c.Objects[1], f.Objects[1-i]) {
			ways++
		}
	}
	return ways
}

func (s Sight) fits(said Stated, o Object) bool {
	if said.Kind >= 0 && said.Kind != int(o.Kind) || said.Colour >= 0 && said.Colour != int(o.Colour) ||
		said.Size >= 0 && said.Size != int(o.Size) {
		return false
	}
	if said.Motion < 0 {
		return true
	}
	want, _ := s.motion(said.Motion)
	have, _ := s.motion(int(o.Motion))
	return want == have
}

// choosing is the probability that a caption of a scene with the given number of objects states just the facts that c
// states, for one way of matching mentions to objects.
func choosing(rho float64, c Caption, objects int) float64 {
	n, k, kinds := 4*objects+2, 0, 0
	for _, o := range c.Objects {
		if o.Kind >= 0 {
			kinds++
		}
		for _, v := range [...]int{o.Kind, o.Colour, o.Size, o.Motion} {
			if v >= 0 {
				k++
			}
		}
	}
	for _, v := range [...]int{c.Place, c.Camera} {
		if v >= 0 {
			k++
		}
	}
	// choose states floor(rho·n + u) facts, u uniform in [0, 1).
	expected := min(rho, 1) * float64(n)
	count := max(0, 1-math.Abs(float64(k)-expected))
	return count * float64(kinds) / float64(objects) / binomial(n-1, k-1)
}

func binomial(n, k int) float64 {
	b := 1.0
	for i := range k {
		b = b * float64(n-i) / float64(i+1)
	}
	return b
}

// prior is the probability of the caption for a video drawn at random, facts taken as independent.
func (s Sight) prior(rho float64, c Caption) float64 {
	values := 1.0
	for _, o := range c.Objects {
		if o.Kind >= 0 {
			values /= Kinds
		}
		if o.Colour >= 0 {
			values /= Colours
		}
		if o.Size >= 0 {
			values /= SizeCount
		}
		if o.Motion >= 0 {
			_, share := s.motion(o.Motion)
			values *= share
		}
	}
	if c.Place >= 0 {
		values /= Places
	}
	if c.Camera >= 0 {
		_, share := s.camera(c.Camera)
		values *= share
	}
	p := 2 * choosing(rho, c, 2)
	if len(c.Objects) == 1 {
		p += choosing(rho, c, 1)
	}
	return values * p / 2
}

// Ceiling returns what the sight reaches at best on these captions and videos, owner[i] being the video of caption i: text to
// video, then video to text. Recall is the expectation when ties are broken at random, which is what a model that never
// ties can reach; ranks are the average over ties. There are no intervals.
func (s Sight) Ceiling(rho float64, captions []Caption, owner []int, videos []Facts) ([]metric.Summary, error) {
	ranking, err := metric.Rank(s.Score(rho, captions, videos), owner)
	if err != nil {
		return nil, err
	}
	var summaries []metric.Summary
	for _, ranks := range []metric.Ranks{ranking.TextToVideo, ranking.VideoToText} {
		summary, err := ranks.Summarize(metric.Options{Resamples: -1})
		if err != nil {
			return nil, err
		}
		for i := range summary.Recall {
			summary.Recall[i].Value = expectedRecall(ranks, summary.Recall[i].K)
		}
		summaries = append(summaries, summary)
	}
	return summaries, nil
}

// expectedRecall is the mean over queries of the chance that the own item is among the first k, ties in random order.
func expectedRecall(ranks metric.Ranks, k int) float64 {
	sum := 0.0
	for i, greater := range ranks.Greater {
		sum += min(max(float64(k-int(greater))/float64(ranks.Equal[i]+1), 0), 1)
	}
	return 100 * sum / float64(ranks.Queries())
}
