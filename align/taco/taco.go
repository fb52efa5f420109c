// Package taco is TACo, token-aware cascade contrastive learning: a sentence is compared with a video three times, each
// dearer and finer than the one before. S1 compares the sentence's vector with the video's mean, S2 every word that tells
// something with the frame that fits it best, S3 is a transformer over the words and frames of one pair. Each has its
// contrastive loss, and the pairs that S1 and S2 find hard are the negatives of S3, the only ones it is run on.
//
// Source: Yang, Bisk and Gao, TACo: Token-aware Cascade Contrastive Learning for Video-Text Alignment, ICCV 2021
// (arXiv 2108.09980). There is no published code; docs/methods.md says where the paper was read one way or another.
//
// It sits between encoder and search, beside align.Model, because a model keeps every word and every frame. Start at Model:
// EncodeVideos and EncodeTexts make what is stored, ScoreBlock compares all pairs and Search only the likely ones, Step and
// Gradient are what package train learns it with, Save and Open keep it as a folder. Which words tell something is package
// tagger's to say. It ranks nothing inside a video.
package taco

import "sightline"

// Video is what a model keeps of one video. It knows no text.
type Video struct {
	VideoID string
	Rows    sightline.Matrix // x [m, D], not normalised
	Spans   []sightline.Span // m stretches of time; nil where the features had none
}

// Text is what a model makes of one sentence. It knows no video.
type Text struct {
	Text    string
	Rows    sightline.Matrix // y [n, D], not normalised: the sentence, then its words
	Weights []float32        // [n], how much each row tells; 0 for the sentence and outside the tokens of interest
	Words   []string         // [n], what each row stands for in Text as it was read; "" for the sentence
}

// Scores are the parts of the similarity of A texts and N videos, [A, N] each; a part that the model does not have is the
// zero Matrix.
type Scores struct {
	Sentence sightline.Matrix // S1
	Token    sightline.Matrix // S2
	Fusion   sightline.Matrix // S3
}

// First returns S1 + S2 [A, N], by which candidates are found.
func (s Scores) First() sightline.Matrix { return Scores{Sentence: s.Sentence, Token: s.Token}.Sum() }

// Sum returns S1 + S2 + S3 [A, N], by which videos are ranked.
func (s Scores) Sum() sightline.Matrix {
	var sum sightline.Matrix
	for _, part := range []sightline.Matrix{s.Sentence, s.Token, s.Fusion} {
		if part.Rows == 0 {
			continue
		}
		if sum.Rows == 0 {
			sum = sightline.NewMatrix(part.Rows, part.Cols)
		}
		for i, v := range part.Data {
			sum.Data[i] += v
		}
	}
	return sum
}
