// Package heads makes every head and every part known by its name: import it for that effect.
package heads

import (
	_ "sightline/align/emcl"        // EMCL's layer
	_ "sightline/align/emclnet"     // EMCL-Net
	_ "sightline/align/meanpool"    // CLIP4Clip's mean
	_ "sightline/align/rival"       // the layers that EMCL is compared with
	_ "sightline/align/seqlstm"     // CLIP4Clip's LSTM over frames
	_ "sightline/align/seqtransf"   // CLIP4Clip's transformer over frames
	_ "sightline/align/tighttransf" // CLIP4Clip's transformer over sentence and frames
	_ "sightline/align/xpool"       // X-Pool's sentence-conditioned pooling
)
