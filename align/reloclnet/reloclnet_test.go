package reloclnet_test

import (
	"testing"

	"sightline/align"
	"sightline/align/locate/locatetest"
	"sightline/align/reloclnet"
)

func TestMethod(t *testing.T) { locatetest.Method(t, align.Choice{Kind: reloclnet.Name}) }
