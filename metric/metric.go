// Package metric says how good a retrieval run is, and how sure one can be of it.
//
// It stands at the end of the pipeline: align scores texts against videos, metric ranks the scores. Start at Judge,
// which turns a similarity matrix [texts, videos] into a Report of recall at K, median and mean rank in both directions
// with bootstrap intervals and the values of chance; Rank and RankRows give the ranks themselves (RankRows without
// holding the matrix), Compare tests two runs on the same queries, OverSeeds summarises several trainings, and Table
// prints runs below one another. Numbers that are no ranks get intervals and paired tests through Totals; packages captions
// and steps use it. Answers says whether a confidence tells right first answers from wrong ones.
//
// Ranks are found by counting, so tied scores are seen and reported, never hidden: see Ties. A NaN is an error.
//
// It will not decide which checkpoint or post-processing is honest, and it never touches the scores. It imports only the
// vocabulary of the root package.
//
// The rules are those of the field's evaluators, with their known defects named: CLIP4Clip and its descendants count
// every position of a tie as one more query (60 queries became 429 on a coarsely rounded matrix, and a constant 8×8
// matrix reports R@5 62.5 from 64 "queries"), and let NaN rows vanish from the denominator. Collaborative Experts'
// average rank, the default here, does neither.
package metric

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"sightline"
)

// Ties says where a query's own item stands among candidates that score exactly the same.
type Ties int

// The ways to count a tie of the own item with e other candidates below g better ones. Ranks here are 0-based.
const (
	// Average takes g + e/2 as Collaborative Experts does; R@1 counts rank 0 only, R@K counts ranks below K.
	Average Ties = iota
	// Optimistic takes g: the own item comes first. Constant scores are then perfect.
	Optimistic
	// Pessimistic takes g + e: the own item comes last.
	Pessimistic
	// Expected takes the mean over every order of the tied candidates: the own item is at each of the positions g … g+e
	// with equal weight. It is the value to print for a scorer that ties by nature, such as an oracle that knows the facts:
	// a scorer without ties that knows as much reaches this on average, and constant scores give exactly chance.
	Expected
)

var tieNames = []string{"average", "optimistic", "pessimistic", "expected"}

// String returns the name that ParseTies reads.
func (t Ties) String() string {
	if t < 0 || int(t) >= len(tieNames) {
		return fmt.Sprintf("Ties(%d)", int(t))
	}
	return tieNames[t]
}

// ParseTies reads "average", "optimistic", "pessimistic" or "expected".
func ParseTies(name string) (Ties, error) {
	if i := slices.Index(tieNames, name); i >= 0 {
		return Ties(i), nil
	}
	return 0, &sightline.Error{
		Kind: sightline.Usage,
		What: fmt.Sprintf("ties %q", name),
		Err:  fmt.Errorf("no such way to count ties"),
		Try:  "one of " + strings.Join(tieNames, ", "),
	}
}

// MarshalText writes the name.
func (t Ties) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads the name.
func (t *Ties) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTies(string(text))
	return err
}

// Options are what a judgement depends on besides the scores. The zero value is ready to use.
type Options struct {
	Ties       Ties
	K          []int   // cut-offs of R@K, ascending; none means 1, 5, 10
	Confidence float64 // of the intervals, in (0, 1); 0 means 0.95
	Resamples  int     // of the bootstrap and of the randomisation test; 0 means 2000, negative means no intervals
	Seed       uint64  // of the resampling; equal options give equal intervals on every machine
}

func (o Options) withDefaults() (Options, error) {
	if len(o.K) == 0 {
		o.K = []int{1, 5, 10}
	}
	if o.Confidence == 0 {
		o.Confidence = 0.95
	}
	if o.Resamples == 0 {
		o.Resamples = 2000
	}
	switch {
	case o.Ties < Average || o.Ties > Expected:
		return o, usage("judge retrieval", "choose one of "+strings.Join(tieNames, ", "), "%v is no way to count ties", o.Ties)
	case !(o.Confidence > 0 && o.Confidence < 1):
		return o, usage("judge retrieval", "use 0.95", "confidence %v is not between 0 and 1", o.Confidence)
	case o.K[0] < 1 || !slices.IsSorted(o.K) || len(slices.Compact(slices.Clone(o.K))) != len(o.K):
		return o, usage("judge retrieval", "use 1,5,10", "the cut-offs %v of R@K are not positive and ascending", o.K)
	}
	return o, nil
}

func usage(what, try, format string, args ...any) error {
	return &sightline.Error{Kind: sightline.Usage, What: what, Err: fmt.Errorf(format, args...), Try: try}
}

// Interval is a range that covers the true value with the confidence asked for.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Estimate is a value and, when one was computed, its interval.
type Estimate struct {
	Value    float64   `json:"value"`
	Interval *Interval `json:"interval,omitempty"`
}

// Margin returns half the length of the interval, the number to print after "±", and 0 without one. Bootstrap intervals
// need not be symmetric: Interval has both ends.
func (e Estimate) Margin() float64 {
	if e.Interval == nil {
		return 0
	}
	return (e.Interval.High - e.Interval.Low) / 2
}

// Recall is R@K: the percentage of queries whose own item is among the first K.
type Recall struct {
	K int `json:"k"`
	Estimate
}

// Summary is the retrieval quality of one run in one direction.
type Summary struct {
	Protocol   Protocol `json:"protocol"`
	Queries    int      `json:"queries"`
	Candidates int      `json:"candidates"`
	// TiedQueries counts queries whose own item scores exactly as some other candidate does; TiedCandidates counts those
	// others. More than a few mean that the scores were rounded or that the model collapsed.
	TiedQueries    int      `json:"tied_queries"`
	TiedCandidates int64    `json:"tied_candidates"`
	Recall         []Recall `json:"recall"`
	MedianRank     Estimate `json:"median_rank"`          // from 1, best 1; the mean of the middle two (np.median)
	MeanRank       Estimate `json:"mean_rank"`            // from 1, best 1
	Reciprocal     Estimate `json:"mean_reciprocal_rank"` // mean of 1/rank, in (0, 1]
}

// At returns R@K, and false when K was not among the cut-offs.
func (s Summary) At(k int) (Estimate, bool) {
	for _, recall := range s.Recall {
		if recall.K == k {
			return recall.Estimate, true
		}
	}
	return Estimate{}, false
}

// Line formats the summary as CLIP4Clip logs it:
//
//	>>>  R@1: 42.9 - R@5: 70.4 - R@10: 80.8 - Median R: 2.0 - Mean R: 16.2
//
// In the other direction CLIP4Clip puts V2T$ before each name, and so does Line.
func (s Summary) Line() string {
	prefix := ""
	if s.Protocol != TextToVideo {
		prefix = "V2T$"
	}
	var line strings.Builder
	line.WriteString(">>>  ")
	for _, recall := range s.Recall {
		fmt.Fprintf(&line, "%sR@%d: %.1f - ", prefix, recall.K, recall.Value)
	}
	fmt.Fprintf(&line, "%sMedian R: %.1f - %sMean R: %.1f", prefix, s.MedianRank.Value, prefix, s.MeanRank.Value)
	return line.String()
}

// estimates returns the summary's numbers in the order of metricNames.
func (s *Summary) estimates() []*Estimate {
	all := make([]*Estimate, 0, len(s.Recall)+3)
	for i := range s.Recall {
		all = append(all, &s.Recall[i].Estimate)
	}
	return append(all, &s.MedianRank, &s.MeanRank, &s.Reciprocal)
}

func (s *Summary) setValues(values []float64) {
	for i, estimate := range s.estimates() {
		estimate.Value = values[i]
	}
}

// metricNames names the numbers of a summary, in the one order used throughout the package.
func metricNames(ks []int) []string {
	names := make([]string, 0, len(ks)+3)
	for _, k := range ks {
		names = append(names, fmt.Sprintf("R@%d", k))
	}
	return append(names, "MdR", "MnR", "MRR")
}

// newSummary returns a summary of ranks r whose numbers are still zero.
func newSummary(r Ranks, ks []int) Summary {
	s := Summary{Protocol: r.Protocol, Queries: r.Queries(), Candidates: r.Candidates}
	for _, k := range ks {
		s.Recall = append(s.Recall, Recall{K: k})
	}
	return s
}

// Report is the judgement of one similarity matrix. Its JSON is the contract of `sightline judge --json`.
type Report struct {
	Texts      int     `json:"texts"`
	Videos     int     `json:"videos"`
	Ties       Ties    `json:"ties"`
	Confidence float64 `json:"confidence,omitempty"` // of the intervals; 0 without them
	Results    []Pair  `json:"results"`              // one for each protocol that applies, text to video first
}

// Pair is a result beside what a random scorer would reach on the same queries.
type Pair struct {
	Summary
	Chance Summary `json:"chance"`
}

// Judge ranks a similarity matrix [texts, videos] and summarises both directions. owner[i] is the video that text i
// describes; nil means that text i describes video i, which needs a square matrix. With several captions to a video the
// report has both video-to-text protocols.
func Judge(sims sightline.Matrix, owner []int, options Options) (Report, error) {
	ranking, err := Rank(sims, owner)
	if err != nil {
		return Report{}, err
	}
	return ranking.Report(options)
}

// Report summarises every direction of the ranking.
func (r Ranking) Report(options Options) (Report, error) {
	o, err := options.withDefaults()
	if err != nil {
		return Report{}, err
	}
	report := Report{Texts: r.Texts, Videos: r.Videos, Ties: o.Ties}
	if o.Resamples > 0 {
		report.Confidence = o.Confidence
	}
	for _, ranks := range r.All() {
		summary, err := ranks.Summarize(o)
		if err != nil {
			return Report{}, err
		}
		chance, err := ranks.Chance(o.K)
		if err != nil {
			return Report{}, err
		}
		report.Results = append(report.Results, Pair{summary, chance})
	}
	return report, nil
}

// Result returns the result of the given protocol, and false when the report has none.
func (r Report) Result(p Protocol) (Pair, bool) {
	for _, pair := range r.Results {
		if pair.Protocol == p {
			return pair, true
		}
	}
	return Pair{}, false
}

// Write prints the report for people: for each direction CLIP4Clip's line and, in a table that fits width columns, the
// intervals with chance beneath. Width 0 means unlimited.
func (r Report) Write(w io.Writer, width int) error {
	for i, pair := range r.Results {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s:\n\t%s\n", pair.Protocol.Title(), pair.Line())
		table := Table{Rows: []Row{{"this run", pair.Summary}, {"chance", pair.Chance}}}
		if err := table.Write(w, width); err != nil {
			return err
		}
		note := fmt.Sprintf("%d queries, %d candidates", pair.Queries, pair.Candidates)
		if r.Confidence > 0 {
			note += fmt.Sprintf("; ± half the %g %% bootstrap interval", 100*r.Confidence)
		}
		if pair.TiedQueries > 0 {
			note += fmt.Sprintf("; %d queries tie with other candidates (%d in all), counted as %v", pair.TiedQueries, pair.TiedCandidates, r.Ties)
		}
		if _, err := fmt.Fprintln(w, note); err != nil {
			return err
		}
	}
	return nil
}
