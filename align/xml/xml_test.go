package xml_test

import (
	"testing"

	"sightline/align"
	"sightline/align/locate/locatetest"
	"sightline/align/xml"
)

func TestMethod(t *testing.T) { locatetest.Method(t, align.Choice{Kind: xml.Name}) }
