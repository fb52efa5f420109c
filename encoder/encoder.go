// Package encoder says what turns frames and sentences into feature vectors. It stands between video, which decodes
// frames, and feature, which keeps what comes out; align learns on top of it.
//
// Start at the interfaces. A model may offer one side only, and the two sides of a search may come from different
// models of different width. Package clip implements both for Hugging Face CLIP directories, package tiny for the small
// encoder trained here; package bert reads sentences alone; package pixels turns a frame into what CLIP looks at. Nothing
// here normalises a vector: some methods need its length.
package encoder

import (
	"context"

	"sightline"
)

// FrameEncoder turns pictures into vectors. It is safe for concurrent use.
type FrameEncoder interface {
	// ID names the weights.
	ID() sightline.ModelID

	// Preprocess names how pixels become the model's input, for Space.Preprocess.
	Preprocess() string

	// FrameSize returns the short side in pixels that frames should have at least; larger ones are scaled down.
	FrameSize() int

	// FrameDim returns D, the width of a frame vector.
	FrameDim() int

	// EncodeFrames returns one row a frame, [len(frames), D], not normalised. A frame's row depends on no other frame.
	// It returns ctx's error soon after ctx is done.
	EncodeFrames(ctx context.Context, frames []sightline.Frame) (sightline.Matrix, error)
}

// TextEncoder turns sentences into vectors. It is safe for concurrent use.
type TextEncoder interface {
	// ID names the weights.
	ID() sightline.ModelID

	// TextDim returns D, the width of a text vector.
	TextDim() int

	// EncodeTexts returns one row a text, [len(texts), D], not normalised. Text beyond the model's context is cut off.
	// It returns ctx's error soon after ctx is done.
	EncodeTexts(ctx context.Context, texts []string) (sightline.Matrix, error)
}

// Words are the vectors of one text's tokens, words or pieces of words, in order.
type Words struct {
	Text    string           // that Offsets count in: as it was given, or as the model cleans it
	Vectors sightline.Matrix // [L, D], not normalised; L ≥ 1
	Offsets [][2]int         // L byte ranges of Text; an empty range for a token that stands for none of it
}

// WordEncoder turns sentences into a vector for every token. It is safe for concurrent use.
type WordEncoder interface {
	// ID names the weights.
	ID() sightline.ModelID

	// WordDim returns D, the width of a token vector.
	WordDim() int

	// EncodeWords returns the tokens of each text. Text beyond the model's context is cut off. It returns ctx's error soon
	// after ctx is done.
	EncodeWords(ctx context.Context, texts []string) ([]Words, error)
}
