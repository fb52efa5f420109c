// Package moment finds the stretch of video that a sentence speaks of: in a corpus of clips that a moment model encoded, and in
// frames that no moment model ever saw.
//
// It stands between align and search. A model of package align/locate hands over clips and queries; Corpus keeps the clips
// in an index and searches them without a tensor library: the videos of highest φ by one pass over int8 codes with a proven
// bound, then spans in the best of them. The answer is that of float32 products with every clip. Propose needs no such
// model: it reads the similarities of one sentence with the rows of a video.
//
// Start at OpenWriter and Corpus.Search, at Propose for frames, and at NewRanking for spans from probabilities that come from
// elsewhere. It encodes nothing, trains nothing and judges nothing; metric/moments does that.
package moment

import (
	"errors"
	"fmt"
	"math"

	"sightline"
	"sightline/align/locate"
)

// Options says how a search turns curves into moments. The zero value of a field is its default; Boundary has none.
type Options struct {
	Boundary locate.Boundary // the model's

	// Alpha weighs a video against its spans: a moment scores P_start·P_end·exp(Alpha·φ). 0 means 30, as ReLoCLNet and QACLN
	// have it; XML has 20.
	Alpha float64

	Videos  int // how many videos are looked into; 0 means 100
	Moments int // how many moments are returned; 0 means 100

	// Shortest and Longest bound a moment, in seconds, the bounds included. 0 means 3 and 22.5: the 2 to 15 clips of 1.5 s
	// that XML and ReLoCLNet rank.
	Shortest, Longest float64

	// Distinct drops moments that overlap with a better one of the same video by a greater IoU. 0 drops none.
	Distinct float64

	// A video of more than Window clips is searched in windows of so many that share Overlap clips, each as if it were a
	// video. A moment longer than Overlap clips may be missed. 0 means 128, the longest that models of TVR see, and 32.
	Window, Overlap int

	Curves bool // whether a Match comes with its curve
}

// Match is a video beside a query.
type Match struct {
	VideoID string
	Phi     float64                    // φ
	Gate    [locate.Modalities]float32 // how much picture and subtitles decided
	Curve   []float32                  // [L] how much each clip fits; nil unless asked for
	Spans   []sightline.Span           // [L] the clips; nil unless the curve was asked for
}

// Moment is a stretch of a video that fits a query: from the start of clip First to the start of clip Until, as the models
// are trained.
type Moment struct {
	*Match
	sightline.Moment
	First, Until int // clips
}

// Answer is what a search finds.
type Answer struct {
	Videos  []*Match // by φ, the best first, of equals the one added earlier
	Moments []Moment // by score, the best first, of equals by video as above, then start, then end
}

// filled returns the options with defaults in place, or an error that says what makes no sense.
func (o Options) filled() (Options, error) {
	set := func(v *float64, to float64) {
		if *v == 0 {
			*v = to
		}
	}
	count := func(v *int, to int) {
		if *v == 0 {
			*v = to
		}
	}
	set(&o.Alpha, 30)
	set(&o.Shortest, 3)
	set(&o.Longest, 22.5)
	count(&o.Videos, 100)
	count(&o.Moments, 100)
	count(&o.Window, 128)
	count(&o.Overlap, min(32, o.Window/2))
	var err error
	switch {
	case len(o.Boundary.Start)%2 == 0 || len(o.Boundary.End)%2 == 0:
		err = errors.New("the boundary filters must have an odd number of taps each")
	case !(math.Abs(o.Alpha) <= 80):
		err = fmt.Errorf("alpha is %v: exp(alpha) leaves float32 beyond 80", o.Alpha)
	case !(o.Shortest > 0 && o.Shortest <= o.Longest):
		err = fmt.Errorf("moments of %v to %v s", o.Shortest, o.Longest)
	case o.Videos < 1 || o.Moments < 1:
		err = fmt.Errorf("%d videos and %d moments", o.Videos, o.Moments)
	case o.Overlap < 0 || o.Overlap > o.Window/2:
		err = fmt.Errorf("windows of %d clips cannot share %d: at most half", o.Window, o.Overlap)
	case !(o.Distinct >= 0 && o.Distinct <= 1):
		err = fmt.Errorf("an IoU of %v", o.Distinct)
	}
	if err != nil {
		return o, &sightline.Error{Kind: sightline.Usage, What: "options of a moment search", Err: err}
	}
	return o, nil
}
