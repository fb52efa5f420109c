package train

import (
	"context"
	"fmt"
	"math/rand/v2"

	"sightline"
	"sightline/align"
	"sightline/corpus"
	"sightline/dataset"
	"sightline/encoder"
)

// Moments is Data over videos with timed sentences, as models that find moments learn from. Every epoch goes through all
// sentences, those of one video as far apart as they can be.
type Moments struct {
	Set    dataset.Set
	Seed   uint64
	Videos []align.Video    // features, spans and, where somebody speaks, subtitle rows
	Texts  []align.Sentence // sentence and word vectors
}

// Len returns the number of sentences.
func (m Moments) Len() int { return len(m.Set.Captions) }

// Batch returns size sentences of an epoch with their videos and spans, from the given place in its order on.
func (m Moments) Batch(_ context.Context, epoch, from, size int, _ *rand.Rand) (align.Batch, error) {
	var batch align.Batch
	for _, pair := range m.Set.Epoch(dataset.EachCaption, m.Seed, epoch)[from : from+size] {
		batch.Videos = append(batch.Videos, m.Videos[pair.Video])
		batch.Texts = append(batch.Texts, m.Texts[pair.Caption])
		batch.Spans = append(batch.Spans, m.Set.Captions[pair.Caption].Span)
	}
	return batch, nil
}

// StoredMoments returns a split as models that find moments see it: the features of frames at a rate a second, subtitle
// rows beside them, and the vectors of the sentences' words. Sentences without a span are an error.
func StoredMoments(ctx context.Context, c *corpus.Corpus, setting Setting, rate float64) (Moments, error) {
	for i, caption := range c.Set.Captions {
		if caption.Span.Length() == 0 {
			return Moments{}, &sightline.Error{Kind: sightline.Usage, What: "read moments of " + c.Name,
				Err: fmt.Errorf("sentence %d, %q, has no span", i+1, caption.Text),
				Try: "give every sentence its start and end in seconds (docs/formats.md)"}
		}
	}
	words, err := setting.Encoders.words()
	if err != nil {
		return Moments{}, err
	}
	pairs, err := StoredPairs(ctx, c, setting, corpus.Rate(rate))
	if err != nil {
		return Moments{}, err
	}
	data := Moments{Set: c.Set, Videos: pairs.Videos, Texts: pairs.Texts}
	if err := align.ReadWords(ctx, words, data.Texts); err != nil {
		return Moments{}, err
	}
	for i := range data.Videos {
		cues, _, err := c.Cues(ctx, i)
		if err != nil {
			return Moments{}, err
		}
		if data.Videos[i].Subtitle, err = align.Speech(ctx, words, data.Videos[i].Spans, cues); err != nil {
			return Moments{}, fmt.Errorf("subtitles of %s: %w", data.Videos[i].ID, err)
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
