package calm

import (
	"fmt"

	"sightline/align"
)

// Kinds of collapse that Warn tells of.
const (
	entropyCollapse   = "entropy"   // the target distributions became sharp on their own
	posteriorCollapse = "posterior" // z tells nothing of the video
	anchorCollapse    = "anchors"   // the anchors cannot be told apart
)

// When it tells of them.
const (
	earliest      = 20   // steps before which nothing is judged
	sharpened     = 0.3  // share of the entropy at the start below which it has collapsed
	nothingToTell = 0.01 // nats of KL below which the posterior is the prior
	alike         = 0.98 // mean cosine of two anchors above which they are one
)

// Warn returns what is wrong with the last steps, a tenth of all but 50 at most, compared with as many first ones.
func (p *Part) Warn(_ []float64, watched map[string][]float64) []align.Warning {
	steps := len(watched[watchRec])
	if steps < earliest {
		return nil
	}
	window := min(max(1, steps/10), 50)
	at := func(name string) (start, now float64) {
		values := watched[name]
		for i := range window {
			start += values[i] / float64(window)
			now += values[len(values)-1-i] / float64(window)
		}
		return start, now
	}
	var found []align.Warning
	tell := func(kind, format string, args ...any) {
		found = append(found, align.Warning{Kind: kind, Text: fmt.Sprintf(format, args...)})
	}
	recStart, rec := at(watchRec)
	if start, now := at(watchEntropy); now < sharpened*start && rec < recStart {
		tell(entropyCollapse, "the entropy of the target distributions fell from %.2f to %.2f nats while the loss on them fell from %.2f to %.2f: "+
			"the target yields, nothing may have been learned; try detach: true", start, now, recStart, rec)
	}
	if p.loss() == vae && steps > p.Beyond.Anneal+window {
		if _, now := at(watchKL); now < nothingToTell {
			tell(posteriorCollapse, "the KL divergence is %.4f nats: the latent vector tells nothing of the video; "+
				"try a smaller alpha, or beyond: {anneal: N} or {free_bits: 0.05}", now)
		}
	}
	if _, now := at(watchCosine); now > alike {
		tell(anchorCollapse, "two anchors have a cosine of %.3f on average: the encoder hardly tells the labels apart; "+
			"try other labels, or beyond: {anchors: centred}", now)
	}
	return found
}
