package train

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"sightline"
	"sightline/align"
	"sightline/align/locate"
	"sightline/corpus"
	"sightline/dataset"
	"sightline/encoder"
	metrics "sightline/metric/moments"
	"sightline/moment"
)

// Timed is Data over videos with timed sentences, as models that find moments learn from. Every epoch goes through all
// sentences, those of one video as far apart as they can be.
type Timed struct {
	Set    dataset.Set
	Seed   uint64
	Videos []align.Video    // features, spans and, where somebody speaks, subtitle rows
	Texts  []align.Sentence // sentence and word vectors

	Asked []sightline.MomentQuery // the sentences as their file has them; nil where there is no file of queries
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
	var splits [2]Timed
	var records []DataRecord
	for i, part := range []struct{ role, name string }{{"train", config.Data.Train}, {"val", config.Data.Val}} {
		record, err := DataRecord{}, error(nil)
		if splits[i], record, err = OpenMoments(ctx, part.name, config.Data, setting); err != nil {
			return fail(err)
		}
		record.Role = part.role
		splits[i].Seed, records = config.Seed, append(records, record)
	}
	built := *config.Moments
	built.Video, built.Text, built.Subtitle = splits[0].widths()
	if built.Longest == 0 {
		built.Longest = splits[0].longest()
	}
	model, err := locate.New(setting.Engine, built, config.Seed)
	if err != nil {
		return fail(err)
	}
	job := Job{
		Config: config, Model: model, Weights: model.Weights, Backend: setting.Engine.Name(),
		Data: splits[0], Dir: setting.Dir, Progress: setting.Progress,
		Validate: func(ctx context.Context) (Validation, error) { return validateMoments(ctx, model, splits[1]) },
	}
	return job, model, records, nil
}

// OpenMoments opens a split as models that find moments see it: features of the setting's encoders, or those made elsewhere
// that data.Features holds. Role is left out of the record.
func OpenMoments(ctx context.Context, name string, data DataConfig, setting Setting) (Timed, DataRecord, error) {
	if data.Features != "" {
		return importedMoments(name, data)
	}
	c, err := corpus.Open(name)
	if err != nil {
		return Timed{}, DataRecord{}, err
	}
	timed, err := StoredMoments(ctx, c, setting, data.Rate)
	return timed, describe(ctx, "", c, corpus.Rate(data.Rate)), err
}

// widths returns those of picture, word and subtitle rows; 0 for subtitles where nobody speaks.
func (m Timed) widths() (video, text, subtitle int) {
	for _, v := range m.Videos {
		video, subtitle = v.Features.Cols, max(subtitle, v.Subtitle.Cols)
	}
	for _, t := range m.Texts {
		text = t.Tokens.Cols
	}
	return video, text, subtitle
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
	words, err := setting.Encoders.Words()
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

// Words returns the encoder of words, which is that of sentences where it can do both.
func (e Encoders) Words() (encoder.WordEncoder, error) {
	words, ok := e.Texts.(encoder.WordEncoder)
	if !ok {
		return nil, &sightline.Error{Kind: sightline.Usage, What: "encode words",
			Err: fmt.Errorf("the encoder %T gives vectors of sentences alone", e.Texts), Try: "use the encoder tiny or clip, or a BERT as text_encoder"}
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
// (XML, ReLoCLNet). Size is how many it keeps; spans are at most as long as the model's config says.
func (m Timed) Locate(ctx context.Context, model *locate.Model, size int) (Located, error) {
	window := m.window(model.Config.Longest)
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

// longest returns how long moments of a split are at most, in seconds, in whole clips.
func (m Timed) longest() float64 {
	longest := 0.0
	for _, caption := range m.Set.Captions {
		stretch := 0.0
		for _, span := range m.Videos[caption.Video].Spans {
			if span.Intersect(caption.Span) > 0 {
				stretch += span.Length()
			}
		}
		longest = max(longest, stretch)
	}
	return longest
}

// window returns how many clips moments of at most that many seconds have; of 0, those that the papers rank.
func (m Timed) window(longest float64) moment.Window {
	if longest == 0 {
		return moment.Window{Min: 1, Max: moment.RankedWindow.Max}
	}
	most := 1
	for _, v := range m.Videos {
		if len(v.Spans) > 0 {
			most = max(most, int(math.Ceil(longest/v.Spans[0].Length()-1e-9)))
		}
	}
	return moment.Window{Min: 1, Max: most + 1}
}

// Queries returns the sentences of a split as evaluators ask them, under their own ids or their number.
func (m Timed) Queries() []sightline.MomentQuery {
	if m.Asked != nil {
		return m.Asked
	}
	var queries []sightline.MomentQuery
	for i, c := range m.Set.Captions {
		v := m.Set.Videos[c.Video]
		queries = append(queries, sightline.MomentQuery{
			ID: strconv.Itoa(i), Text: c.Text, Video: v.ID, Duration: v.Duration, Gold: []sightline.Span{c.Span}, Kind: c.Kind,
		})
	}
	return queries
}

// Answers returns what a model answers to the queries of a split in the tasks VCMR, SVMR and VR: size predictions each.
func (m Timed) Answers(ctx context.Context, model *locate.Model, size int) (map[metrics.Task]metrics.Lists, error) {
	located, err := m.Locate(ctx, model, size)
	if err != nil {
		return nil, err
	}
	corpus, own, videos := metrics.Lists{}, metrics.Lists{}, metrics.Lists{}
	for a, q := range m.Queries() {
		corpus[q.ID], own[q.ID] = m.spans(located.Corpus[a]), m.spans(located.Own[a])
		similarities := located.Similarities.Row(a)
		order := make([]int, len(similarities))
		for n := range order {
			order[n] = n
		}
		slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(similarities[y], similarities[x]) })
		for _, n := range order[:min(size, len(order))] {
			video := sightline.VideoMoment{Video: m.Set.Videos[n].ID}
			video.Score = float64(similarities[n])
			videos[q.ID] = append(videos[q.ID], video)
		}
	}
	return map[metrics.Task]metrics.Lists{metrics.VCMR: corpus, metrics.SVMR: own, metrics.VR: videos}, nil
}

func (m Timed) spans(candidates []moment.Candidate) []sightline.VideoMoment {
	list := make([]sightline.VideoMoment, len(candidates))
	for i, c := range candidates {
		list[i].Video, list[i].Span, list[i].Score = m.Set.Videos[c.Video].ID, m.Span(c), float64(c.Score)
	}
	return list
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
func validateMoments(ctx context.Context, model *locate.Model, data Timed) (Validation, error) {
	const places = 10
	located, err := data.Locate(ctx, model, places)
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
