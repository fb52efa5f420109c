// Package locate holds what models that find a moment inside a video have in common: encoders of query, clips and subtitles,
// and the shape in which a trained model hands a corpus and its queries to an index.
//
// A video is L clips, stretches of equal length, each with a vector of the picture and, where somebody speaks, one of the
// subtitles. A model encodes the clips once, without any query (Clips), and a query once, without any video (Query); all
// that is left to do for a pair are dot products, so a corpus of stored clips is searched without a tensor library (package
// moment). The packages xml, reloclnet and qacln beside this one are the methods.
//
// It sits between encoder and index, beside align.Model, which finds whole videos. Start at Model: EncodeVideos and
// EncodeTexts make what an index holds, Step and Gradient are what package train learns it with, Save and Open keep it as a
// folder. It turns no logits into spans and ranks nothing.
package locate

import "sightline"

// The two modalities of a clip.
const (
	Visual = iota
	Subtitle
	Modalities
)

// Clips is what a model keeps of one video: L rows of width D for each modality, one a clip.
type Clips struct {
	VideoID string
	Rows    [Modalities]sightline.Matrix // [L, D]; the zero Matrix where the video has no subtitles
	Spans   []sightline.Span             // L stretches of time, in order
}

// Query is what a model makes of a sentence. With H the rows of Clips, its pair with a video comes to
//
//	curve_l = Σ_m Gate_m · H_m,l · Locate_m                              which clips it speaks of, [L]
//	φ       = max_l cos(Σ_m Gate_m · H_m,l, Retrieve_Visual)             where Fused: QACLN, equations 3 and 13
//	φ       = Σ_m Gate_m · max_l cos(H_m,l, Retrieve_m)                  elsewhere: XML and ReLoCLNet
//
// A video without subtitles is compared as if Gate were 1 for Visual and 0 for Subtitle.
type Query struct {
	Retrieve [Modalities][]float32 // [D] each; the same vector twice where Fused
	Locate   [Modalities][]float32 // [D] each
	Gate     [Modalities]float32   // not negative, sum 1
	Fused    bool
}

// Boundary turns the curve of a pair into logits of where the moment starts and ends: two convolutions over clips without
// bias, of odd width, with zeros beyond both ends. A softmax over the clips of the video makes probabilities of them. A moment
// starts where its start clip starts and ends where its end clip starts; models learn the last clip for one that lasts to
// the end of the video.
type Boundary struct {
	Start, End []float32
}
