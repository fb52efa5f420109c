package subtitle

import (
	"testing"

	"sightline"
)

func TestFormats(t *testing.T) {
	cues := []sightline.Cue{
		{Span: sightline.Span{Start: 0, End: 1.2345}, Text: "a < b"}, {Span: sightline.Span{Start: 3661.5, End: 3662}, Text: "later"},
	}
	if got, want := SubRip(cues), "1\n00:00:00,000 --> 00:00:01,235\na < b\n\n2\n01:01:01,500 --> 01:01:02,000\nlater\n\n"; got != want {
		t.Errorf("SubRip is %q, want %q", got, want)
	}
	if got, want := WebVTT(cues), "WEBVTT\n\n00:00:00.000 --> 00:00:01.235\na &lt; b\n\n01:01:01.500 --> 01:01:02.000\nlater\n\n"; got != want {
		t.Errorf("WebVTT is %q, want %q", got, want)
	}
}
