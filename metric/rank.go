package metric

import (
	"fmt"
	"iter"
	"math"
	"runtime"
	"sync"

	"sightline"
)

// Protocol names what is ranked among what.
type Protocol string

const (
	// TextToVideo: each caption is a query, all videos are candidates.
	TextToVideo Protocol = "text_to_video"
	// VideoToText: each captioned video is a query, the captioned videos are candidates ("slots"), and a slot scores as the
	// best of its captions. This is what CLIP4Clip and X-Pool report on MSVD. With one caption a video it is plain V2T.
	VideoToText Protocol = "video_to_text"
	// VideoToCaption: each captioned video is a query, all captions are candidates, and the rank is that of the best own
	// caption. This is what Collaborative Experts and QB-Norm report: a different and harder number than VideoToText. Own
	// captions that tie with each other count as tied, as they do there.
	VideoToCaption Protocol = "video_to_caption"
)

// Title returns the protocol's name for people.
func (p Protocol) Title() string {
	switch p {
	case TextToVideo:
		return "Text-to-Video"
	case VideoToText:
		return "Video-to-Text"
	case VideoToCaption:
		return "Video-to-Text, best own caption among all captions"
	}
	return string(p)
}

// Ranks holds, for each query, how many candidates stand above its own item and how many tie with it.
type Ranks struct {
	Protocol   Protocol
	Candidates int
	Greater    []int32 // per query: candidates that score more than the own item
	Equal      []int32 // per query: other candidates that score exactly the same
	// Video is the video of each query: queries about one video are not independent, so they are resampled together.
	Video []int
	Own   []int // per query: how many candidates are its own; 1 except in VideoToCaption
}

// Queries returns the number of queries.
func (r Ranks) Queries() int { return len(r.Greater) }

// Value returns the 0-based rank of query i. Expected ties have the average rank.
func (r Ranks) Value(i int, t Ties) float64 {
	switch t {
	case Optimistic:
		return float64(r.Greater[i])
	case Pessimistic:
		return float64(r.Greater[i]) + float64(r.Equal[i])
	}
	return float64(r.Greater[i]) + float64(r.Equal[i])/2
}

// Ranking is the ranks of one similarity matrix in every direction.
type Ranking struct {
	Texts, Videos  int
	TextToVideo    Ranks
	VideoToText    Ranks
	VideoToCaption Ranks // without queries when no video has two captions: it would repeat VideoToText
}

// All returns the directions that have queries.
func (r Ranking) All() []Ranks {
	all := []Ranks{r.TextToVideo, r.VideoToText}
	if r.VideoToCaption.Queries() > 0 {
		all = append(all, r.VideoToCaption)
	}
	return all
}

// Rows yields a similarity matrix [texts, videos] from its first row to its last, a block of texts at a time. It is
// ranged over twice and must yield the same scores both times; a block may be reused once the loop comes back for the
// next.
type Rows = iter.Seq2[sightline.Matrix, error]

// Owners returns the owner of each text when the texts are grouped by video, captions[j] of them for video j.
func Owners(captions []int) []int {
	var owner []int
	for video, n := range captions {
		for range n {
			owner = append(owner, video)
		}
	}
	return owner
}

// Rank ranks a similarity matrix [texts, videos] held in memory; owner is as in Judge.
func Rank(sims sightline.Matrix, owner []int) (Ranking, error) {
	if len(sims.Data) != sims.Rows*sims.Cols {
		return Ranking{}, fmt.Errorf("rank similarities: %d numbers do not fill a %d×%d matrix", len(sims.Data), sims.Rows, sims.Cols)
	}
	whole := func(yield func(sightline.Matrix, error) bool) { yield(sims, nil) }
	return RankRows(sims.Rows, sims.Cols, owner, whole)
}

// RankRows ranks a similarity matrix [texts, videos] that arrives in blocks of rows and is never held as a whole; owner is
// as in Judge. The first pass finds the score of every text with its own video, the second counts what stands above. It
// keeps a few numbers for each text and video, and one row for each video whose captions have only partly arrived (so
// captions grouped by video cost nothing). Infinite scores are ranked; NaN is an error that names the element.
func RankRows(texts, videos int, owner []int, rows Rows) (Ranking, error) {
	owner, err := checkOwners(texts, videos, owner)
	if err != nil {
		return Ranking{}, err
	}
	c := newCounter(videos, owner)
	if err := eachBlock(texts, videos, rows, c.ownScores); err != nil {
		return Ranking{}, err
	}
	if err := eachBlock(texts, videos, rows, c.columns); err != nil {
		return Ranking{}, err
	}
	return c.ranking(), nil
}

func checkOwners(texts, videos int, owner []int) ([]int, error) {
	const what = "rank similarities"
	if texts == 0 || videos == 0 {
		return nil, usage(what, "give a matrix of texts × videos", "the matrix is %d×%d: there is nothing to rank", texts, videos)
	}
	if owner == nil {
		if texts != videos {
			return nil, usage(what, "say which video each text describes", "the matrix has %d texts and %d videos, so text i cannot simply belong to video i", texts, videos)
		}
		owner = make([]int, texts)
		for i := range owner {
			owner[i] = i
		}
	}
	if len(owner) != texts {
		return nil, usage(what, "give one video number for each text", "%d owners for %d texts", len(owner), texts)
	}
	for i, v := range owner {
		if v < 0 || v >= videos {
			return nil, usage(what, "number the videos from 0", "text %d belongs to video %d, but the videos are 0 to %d", i, v, videos-1)
		}
	}
	return owner, nil
}

// eachBlock ranges over rows once and hands each block on with the number of its first row.
func eachBlock(texts, videos int, rows Rows, visit func(first int, block sightline.Matrix) error) error {
	seen := 0
	for block, err := range rows {
		if err != nil {
			return fmt.Errorf("rank similarities: row %d: %w", seen, err)
		}
		if block.Cols != videos || seen+block.Rows > texts || len(block.Data) != block.Rows*block.Cols {
			return fmt.Errorf("rank similarities: a %d×%d block at row %d does not fit a %d×%d matrix", block.Rows, block.Cols, seen, texts, videos)
		}
		if err := visit(seen, block); err != nil {
			return err
		}
		seen += block.Rows
	}
	if seen != texts {
		return fmt.Errorf("rank similarities: the matrix ended after %d of %d rows", seen, texts)
	}
	return nil
}

// counter holds what is known while the rows stream by.
type counter struct {
	owner       []int
	first, last []int     // per video: its first and last caption, -1 without captions
	captions    []int     // per video
	own         []float32 // per text: score with its own video
	best        []float32 // per video: score of its best own caption
	text        Ranks     // filled in the first pass
	// Counted over columns in the second pass, per video; the own item is counted as equal to itself.
	slotGreater, slotEqual       []int32
	captionGreater, captionEqual []int32
	open                         map[int][]float32 // per video with captions still to come: the best score in each column so far
	several                      bool              // some video has two captions
}

func newCounter(videos int, owner []int) *counter {
	c := &counter{
		owner: owner, first: make([]int, videos), last: make([]int, videos), captions: make([]int, videos),
		own: make([]float32, len(owner)), best: make([]float32, videos),
		slotGreater: make([]int32, videos), slotEqual: make([]int32, videos),
		captionGreater: make([]int32, videos), captionEqual: make([]int32, videos),
		open: map[int][]float32{},
	}
	for j := range videos {
		c.first[j], c.last[j], c.best[j] = -1, -1, float32(math.Inf(-1))
	}
	for i, v := range owner {
		if c.captions[v] == 0 {
			c.first[v] = i
		}
		c.last[v] = i
		c.captions[v]++
		c.several = c.several || c.captions[v] > 1
	}
	c.text = Ranks{
		Protocol: TextToVideo, Candidates: videos, Video: owner,
		Greater: make([]int32, len(owner)), Equal: make([]int32, len(owner)), Own: make([]int, len(owner)),
	}
	for i := range c.text.Own {
		c.text.Own[i] = 1
	}
	return c
}

// ownScores is the first pass: it refuses NaN, ranks each text among the videos and keeps the own scores.
func (c *counter) ownScores(first int, block sightline.Matrix) error {
	faults := make([]error, block.Rows)
	inParallel(block.Rows, func(low, high int) {
		for r := low; r < high; r++ {
			i, row := first+r, block.Row(r)
			own := row[c.owner[i]]
			var greater, equal, nan int32
			for _, v := range row {
				greater += bit(v > own)
				equal += bit(v == own)
				nan += bit(v != v)
			}
			if nan > 0 {
				faults[r] = nanError(i, row)
				return
			}
			c.own[i], c.text.Greater[i], c.text.Equal[i] = own, greater, equal-1
		}
	})
	for r, err := range faults {
		if err != nil {
			return err
		}
		i := first + r
		c.best[c.owner[i]] = max(c.best[c.owner[i]], c.own[i])
	}
	return nil
}

func nanError(text int, row []float32) error {
	for j, v := range row {
		if v != v {
			return &sightline.Error{
				Kind: sightline.Failed,
				What: "rank similarities",
				Err:  fmt.Errorf("the score of text %d with video %d is NaN (counting from 0)", text, j),
				Try:  "find the text or video whose features are NaN or all zero; a NaN has no rank",
			}
		}
	}
	return nil
}

// columns is the second pass: it counts, in every column, the slots and captions at or above the column's own best.
func (c *counter) columns(first int, block sightline.Matrix) error {
	slots := make([][]float32, block.Rows) // the row that collects the video's slot; nil for the plain row
	for r := range block.Rows {
		i := first + r
		v := c.owner[i]
		if got := block.At(r, v); got != c.own[i] {
			return fmt.Errorf("rank similarities: the score of text %d with video %d was %v in the first pass and is %v in the second", i, v, c.own[i], got)
		}
		if c.captions[v] == 1 {
			continue
		}
		if c.first[v] == i {
			c.open[v] = make([]float32, block.Cols)
		}
		slots[r] = c.open[v]
		if c.last[v] == i {
			delete(c.open, v)
		}
	}
	inParallel(block.Cols, func(low, high int) {
		best := c.best[low:high]
		for r := range block.Rows {
			i, row := first+r, block.Row(r)[low:high]
			if c.several {
				count(row, best, c.captionGreater[low:high], c.captionEqual[low:high])
			}
			v := c.owner[i]
			if slot := slots[r]; slot != nil {
				slot = slot[low:high]
				if c.first[v] == i {
					copy(slot, row)
				} else {
					for j, s := range row {
						slot[j] = max(slot[j], s)
					}
				}
				row = slot
			}
			if c.last[v] == i {
				count(row, best, c.slotGreater[low:high], c.slotEqual[low:high])
			}
		}
	})
	return nil
}

// count adds, column by column, whether the row's score is above or equal to the column's best own score.
func count(row, best []float32, greater, equal []int32) {
	best, greater, equal = best[:len(row)], greater[:len(row)], equal[:len(row)]
	for j, v := range row {
		greater[j] += bit(v > best[j])
		equal[j] += bit(v == best[j])
	}
}

// bit is 1 for true; the compiler makes it free of branches, which random scores would mispredict half the time.
func bit(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

func (c *counter) ranking() Ranking {
	slots := Ranks{Protocol: VideoToText}
	captions := Ranks{Protocol: VideoToCaption, Candidates: len(c.owner)}
	for v, n := range c.captions {
		if n == 0 {
			continue
		}
		slots.add(v, 1, c.slotGreater[v], c.slotEqual[v]-1)
		captions.add(v, n, c.captionGreater[v], c.captionEqual[v]-1)
	}
	slots.Candidates = slots.Queries()
	ranking := Ranking{Texts: len(c.owner), Videos: len(c.captions), TextToVideo: c.text, VideoToText: slots}
	if c.several {
		ranking.VideoToCaption = captions
	}
	return ranking
}

func (r *Ranks) add(video, own int, greater, equal int32) {
	r.Video = append(r.Video, video)
	r.Own = append(r.Own, own)
	r.Greater = append(r.Greater, greater)
	r.Equal = append(r.Equal, equal)
}

// inParallel splits [0, n) into one stretch for each processor and waits for all of them.
func inParallel(n int, work func(low, high int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() { work(n*w/workers, n*(w+1)/workers) })
	}
	group.Wait()
}
