// Package heads makes every head, every part beside them, and every method of finding moments known by its name: import it
// for that effect.
package heads

import (
	_ "sightline/align/calm"        // CALM's class anchors and generative loss, a part
	_ "sightline/align/emcl"        // EMCL's layer, a part
	_ "sightline/align/emclnet"     // EMCL-Net
	_ "sightline/align/meanpool"    // CLIP4Clip's mean
	_ "sightline/align/qacln"       // QACLN's query-aware fusion of picture and subtitles
	_ "sightline/align/reloclnet"   // ReLoCLNet's contrasts over XML
	_ "sightline/align/rival"       // the layers that EMCL is compared with, parts
	_ "sightline/align/seqlstm"     // CLIP4Clip's LSTM over frames
	_ "sightline/align/seqtransf"   // CLIP4Clip's transformer over frames
	_ "sightline/align/tighttransf" // CLIP4Clip's transformer over sentence and frames
	_ "sightline/align/tmass"       // T-MASS's clouds around sentences, over X-Pool
	_ "sightline/align/xml"         // XML's moments from similarity curves
	_ "sightline/align/xpool"       // X-Pool's sentence-conditioned pooling
)
