package qacln_test

import (
	"testing"

	"sightline/align"
	"sightline/align/locate/locatetest"
	"sightline/align/qacln"
)

func TestMethod(t *testing.T) { locatetest.Method(t, align.Choice{Kind: qacln.Name}) }

func TestMethodWithNetVLAD(t *testing.T) {
	locatetest.Method(t, align.Choice{Kind: qacln.Name, Options: map[string]any{"clusters": 3, "video_contrast": "once"}})
}

func TestMethodWithEvenGates(t *testing.T) {
	locatetest.Method(t, align.Choice{Kind: qacln.Name, Options: map[string]any{"even_gates": true, "video_contrast": "batch"}})
}
