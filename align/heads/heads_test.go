package heads

import (
	"testing"

	"sightline/align"
	"sightline/align/aligntest"
)

// No score knows what belongs together, whichever head and part it comes from: shuffled, taken away or padded, videos and
// sentences leave it where it was. Of a part with a say in the scores, that say is on; layers are as small as the vectors
// are, and are also fitted after training.
func TestEveryHeadWithEveryPart(t *testing.T) {
	options := map[string][]map[string]any{
		"calm":        {nil, {"anchors": 12, "hidden": []int{8}, "latent": 4, "beyond": map[string]any{"mix": 0.3}}},
		"emcl":        {{"bases": 4, "iterations": 3}, {"bases": 4, "iterations": 3, "lambda": 0.5, "init": "random"}},
		"pca":         {{"axes": 3}, {"axes": 3, "train": false}},
		"sparse":      {{"hidden": 12}, {"hidden": 12, "train": false}},
		"transformer": {{"width": 4}},
	}
	choices := [][]align.Choice{nil}
	for _, part := range align.KnownParts() {
		chosen := options[part]
		if chosen == nil {
			chosen = []map[string]any{nil}
		}
		for _, one := range chosen {
			choices = append(choices, []align.Choice{{Kind: part, Options: one}})
		}
	}
	choices = append(choices, []align.Choice{{Kind: "calm", Options: options["calm"][1]}, {Kind: "emcl", Options: options["emcl"][1]}}) // together
	for _, name := range align.Heads() {
		for _, choice := range choices {
			label := name
			for _, c := range choice {
				label += " with " + c.String()
			}
			t.Run(label, func(t *testing.T) {
				head, err := align.NewHead(align.Choice{Kind: name})
				if err != nil {
					t.Fatal(err)
				}
				parts, err := align.NewParts(choice)
				if err != nil {
					t.Fatal(err)
				}
				aligntest.Head(t, head, parts...)
			})
		}
	}
}
