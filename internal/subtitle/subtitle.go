// Package subtitle writes cues as the subtitle files that players read; package video reads them. Start at SubRip.
package subtitle

import (
	"fmt"
	"strings"

	"sightline"
)

// SubRip formats cues as an .srt file.
func SubRip(cues []sightline.Cue) string {
	var b strings.Builder
	for i, c := range cues {
		fmt.Fprintf(&b, "%d\n%s --> %s\n%s\n\n", i+1, clock(c.Start, ","), clock(c.End, ","), c.Text)
	}
	return b.String()
}

// WebVTT formats cues as a .vtt file, with the signs that mean something there written as entities.
func WebVTT(cues []sightline.Cue) string {
	var b strings.Builder
	b.WriteString("WEBVTT\n\n")
	entities := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	for _, c := range cues {
		fmt.Fprintf(&b, "%s --> %s\n%s\n\n", clock(c.Start, "."), clock(c.End, "."), entities.Replace(c.Text))
	}
	return b.String()
}

// clock formats seconds to the millisecond as 01:02:03,456.
func clock(seconds float64, point string) string {
	ms := int(seconds*1000 + 0.5)
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3600000, ms/60000%60, ms/1000%60, point, ms%1000)
}
