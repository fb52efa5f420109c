package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"sightline"
	"sightline/align"
	"sightline/align/locate"
	"sightline/corpus"
	"sightline/dataset"
	"sightline/encoder"
	"sightline/moment"
)

// Timed is Data over videos with timed sentences, as models that find moments learn from. Every epoch goes through all
// sentences, those of one video as far apart as they can be.
type Timed struct {
	Set    dataset.Set
	Seed   uint64
	Videos []align.Video    // features, spans and, where somebody speaks, subtitle rows
	Texts  []align.Sentence // sentence and word vectors
}

// Len returns the number of sentences.
func (m Timed) Len() int { return len(m.Set.Captions) }

// Batch returns size sentences of an epoch with their videos and spans, from the given place in its order on.
func (m Timed) Batch(_ context.Context, epoch, from, size int, _ *rand.Rand) (align.Batch, error) {
	var batch align.Batch
	for _, pair := range m.Set.Epoch(dataset.EachCaption, m.Seed, epoch)[from : from+size] {
		batch.Videos = append(batch.Videos, m.Videos[pair.Video])
		batch.Texts = append(batch.Texts, m.Texts[pair.Caption])
		batch.Spans = append(batch.Spans, m.Set.Captions[pair.Caption].Span)
	}
	return batch, nil
}

// PrepareMoments opens the splits of a run that learns to find moments, encodes what is missing and builds the model, which
// it returns beside the job that trains it.
func PrepareMoments(ctx context.Context, config Config, setting Setting) (Job, *locate.Model, []DataRecord, error) {
	fail := func(err error) (Job, *locate.Model, []DataRecord, error) { return Job{}, nil, nil, err }
	if err := config.Check(); err != nil {
		return fail(&sightline.Error{Kind: sightline.Usage, What: "train", Err: err})
	}
	if err := claim(setting.Dir, config); err != nil { // before hours of encoding
		return fail(err)
	}
	words, err := setting.Encoders.words()
	if err != nil {
		return fail(err)
	}
	var splits [2]Timed
	var records []DataRecord
	for i, part := range []struct{ role, name string }{{"train", config.Data.Train}, {"val", config.Data.Val}} {
		c, err := corpus.Open(part.name)
		if err != nil {
			return fail(err)
		}
		if splits[i], err = StoredMoments(ctx, c, setting, config.Data.Rate); err != nil {
			return fail(err)
		}
		splits[i].Seed = config.Seed
		records = append(records, describe(ctx, part.role, c, corpus.Rate(config.Data.Rate)))
	}
	built := *config.Moments
	built.Video, built.Text, built.Subtitle = setting.Encoders.Frames.FrameDim(), words.WordDim(), 0
	if splits[0].spoken() {
		built.Subtitle = words.WordDim()
	}
	window := splits[0].Window()
	built.Longest = float64(window.Max-1) / config.Data.Rate
	model, err := locate.New(setting.Engine, built, config.Seed)
	if err != nil {
		return fail(err)
	}
	job := Job{
		Config: config, Model: model, Weights: model.Weights, Backend: setting.Engine.Name(),
		Data: splits[0], Dir: setting.Dir, Progress: setting.Progress,
		Validate: func(ctx context.Context) (Validation, error) { return validateMoments(ctx, model, splits[1], window) },
	}
	return job, model, records, nil
}

// spoken tells whether anybody speaks in any video.
func (m Timed) spoken() bool {
	return slices.ContainsFunc(m.Videos, func(v align.Video) bool { return v.Subtitle.Rows > 0 })
}

// StoredMoments returns a split as models that find moments see it: the features of frames at a rate a second, subtitle
// rows beside them, and the vectors of the sentences' words. Sentences without a span are an error.
func StoredMoments(ctx context.Context, c *corpus.Corpus, setting Setting, rate float64) (Timed, error) {
	for i, caption := range c.Set.Captions {
		if caption.Span.Length() == 0 {
			return Timed{}, &sightline.Error{Kind: sightline.Usage, What: "read moments of " + c.Name,
				Err: fmt.Errorf("sentence %d, %q, has no span", i+1, caption.Text),
				Try: "give every sentence its start and end in seconds (docs/formats.md)"}
		}
	}
	words, err := setting.Encoders.words()
	if err != nil {
		return Timed{}, err
	}
	pairs, err := StoredPairs(ctx, c, setting, corpus.Rate(rate))
	if err != nil {
		return Timed{}, err
	}
	data := Timed{Set: c.Set, Videos: pairs.Videos, Texts: pairs.Texts}
	if err := align.ReadWords(ctx, words, data.Texts); err != nil {
		return Timed{}, err
	}
	for i := range data.Videos {
		cues, _, err := c.Cues(ctx, i)
		if err != nil {
			return Timed{}, err
		}
		if data.Videos[i].Subtitle, err = align.Speech(ctx, words, data.Videos[i].Spans, cues); err != nil {
			return Timed{}, fmt.Errorf("subtitles of %s: %w", data.Videos[i].ID, err)
		}
	}
	return data, nil
}

// words returns the encoder of words, which is that of sentences where it can do both.
func (e Encoders) words() (encoder.WordEncoder, error) {
	words, ok := e.Texts.(encoder.WordEncoder)
	if !ok {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "encode words",
			Err: fmt.Errorf("the encoder %T gives vectors of sentences alone", e.Texts), Try: "use the encoder tiny or clip"}
	}
	return words, nil
}

// Located is what a model says of the sentences of a split: for each, how alike every video is, and the best spans.
type Located struct {
	Similarities sightline.Matrix     // φ [sentences, videos]
	Corpus       [][]moment.Candidate // the best spans of all videos, for each sentence (VCMR)
	Own          [][]moment.Candidate // the best spans of its own video (SVMR)
}

// Locate ranks the spans of all videos for every sentence: by exp(α·φ)·P_start·P_end, and in its own video by P_start·P_end
// (XML, ReLoCLNet). Size is how many it keeps. Spans are as long as those of the given split can be.
func (m Timed) Locate(ctx context.Context, model *locate.Model, window moment.Window, size int) (Located, error) {
	compared, err := model.Compare(ctx, m.Texts, m.Videos)
	if err != nil {
		return Located{}, err
	}
	located := Located{Similarities: compared.Similarities}
	for a, caption := range m.Set.Captions {
		corpus, own := moment.NewRanking(size, window), moment.NewRanking(size, window)
		for n := range m.Videos {
			start, end := softmax(compared.Start[n].Row(a)), softmax(compared.End[n].Row(a))
			weight := float32(math.Exp(model.Config.Alpha * float64(compared.Similarities.At(a, n))))
			if err := corpus.Add(n, weight, start, end); err != nil {
				return Located{}, fmt.Errorf("%q: %w", caption.Text, err)
			}
			if n == caption.Video {
				if err := own.Add(n, 1, start, end); err != nil {
					return Located{}, fmt.Errorf("%q: %w", caption.Text, err)
				}
			}
		}
		located.Corpus, located.Own = append(located.Corpus, corpus.Best()), append(located.Own, own.Best())
	}
	return located, nil
}

// softmax returns exp(x) over its sum.
func softmax(logits []float32) []float32 {
	largest := slices.Max(logits)
	shares, sum := make([]float32, len(logits)), 0.0
	for i, v := range logits {
		e := math.Exp(float64(v - largest))
		shares[i] = float32(e)
		sum += e
	}
	for i := range shares {
		shares[i] = float32(float64(shares[i]) / sum)
	}
	return shares
}

// Window returns which lengths in clips the spans of a split have: from one clip to the longest.
func (m Timed) Window() moment.Window {
	longest := 1
	for _, caption := range m.Set.Captions {
		clips := 0
		for _, span := range m.Videos[caption.Video].Spans {
			if span.Intersect(caption.Span) > 0 {
				clips++
			}
		}
		longest = max(longest, clips)
	}
	return moment.Window{Min: 1, Max: longest + 1}
}

// Span returns the time of a candidate.
func (m Timed) Span(c moment.Candidate) sightline.Span {
	spans := m.Videos[c.Video].Spans
	return sightline.Span{Start: spans[c.Start].Start, End: spans[c.End-1].End}
}

// thresholds are the IoU from which on a span counts as found.
var thresholds = [2]float64{0.5, 0.7}

// MomentRecalls is how often a span of the right video, found as well as the thresholds 0.5 and 0.7 ask for, is the first of
// all videos' and is among the first ten, in percent: R@1, IoU 0.5; R@1, IoU 0.7; R@10, IoU 0.5; R@10, IoU 0.7.
type MomentRecalls [4]float64

// validateMoments judges a model on a split.
func validateMoments(ctx context.Context, model *locate.Model, data Timed, window moment.Window) (Validation, error) {
	const places = 10
	located, err := data.Locate(ctx, model, window, places)
	if err != nil {
		return Validation{}, err
	}
	var recalls MomentRecalls
	one := 100 / float64(len(data.Set.Captions))
	for a, caption := range data.Set.Captions {
		for t, threshold := range thresholds {
			at := slices.IndexFunc(located.Corpus[a], func(c moment.Candidate) bool {
				return c.Video == caption.Video && data.Span(c).IoU(caption.Span) >= threshold
			})
			if at == 0 {
				recalls[t] += one
			}
			if at >= 0 {
				recalls[2+t] += one
			}
		}
	}
	return Validation{Moments: &recalls}, nil
}
