package heads

import (
	"testing"

	"sightline/align"
	"sightline/align/aligntest"
)

// No score knows what belongs together, whichever head and part it comes from: shuffled, taken away or padded, videos and
// sentences leave it where it was. Of a part with a say in the scores, that say is on.
func TestEveryHeadWithEveryPart(t *testing.T) {
	say := map[string]map[string]any{"calm": {"anchors": 12, "hidden": []int{8}, "latent": 4, "beyond": map[string]any{"mix": 0.3}}}
	choices := [][]align.Choice{nil}
	for _, part := range align.KnownParts() {
		choices = append(choices, []align.Choice{{Kind: part}})
		if say[part] != nil {
			choices = append(choices, []align.Choice{{Kind: part, Options: say[part]}})
		}
	}
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
