// Package sightline is the vocabulary of the program that finds the moment in a video that a sentence describes.
//
// The pipeline reads as one sentence: video → frames → features → aligned model → index → search, moments, captions.
// This package holds the nouns that cross its joints (Video, Frame, Cue, Span, Space, Query, Hit, Moment, MomentQuery,
// Matrix) and the kinds of error a person can meet. Start at Space, which says what a vector means, and at Hit, which is
// what a search returns. It imports nothing of ours, does no work and holds no state.
package sightline

// Video names one video and what is known of it before its pictures are looked at.
type Video struct {
	ID       string  `json:"id"`       // stable name: the content hash in an archive, the annotation's id in a benchmark
	Path     string  `json:"path"`     // file the pictures come from; "" for features made elsewhere
	Duration float64 `json:"duration"` // seconds
}

// Frame is one decoded picture: packed 8-bit RGB, rows from the top, no padding, rotated as a player would show it.
type Frame struct {
	Time          float64 // presentation time in seconds from the start of the video
	Width, Height int     // pixels
	RGB           []byte  // len = 3·Width·Height
}

// Cue is one timed line of a subtitle.
type Cue struct {
	Span
	Text string `json:"text"`
}

// Query is what a person asks.
type Query struct {
	Text  string `json:"text"`
	Limit int    `json:"limit"` // hits wanted; ≤ 0 means the searcher's default
}

// Hit is one answer to a Query: a stretch of a video with the evidence for it.
type Hit struct {
	Video Video   `json:"video"`
	Span  Span    `json:"span"`
	Score float64 `json:"score"` // the model's similarity; comparable within one Space only
}
