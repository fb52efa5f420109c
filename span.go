package sightline

import (
	"fmt"
	"math"
	"strconv"
)

// Span is the half-open stretch of time [Start, End), in seconds from the start of a video.
type Span struct {
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

// Length returns the seconds the span covers; a span that ends before it starts covers none.
func (s Span) Length() float64 { return max(0, s.End-s.Start) }

// Intersect returns the seconds that both spans cover.
func (s Span) Intersect(t Span) float64 {
	return max(0, min(s.End, t.End)-max(s.Start, t.Start))
}

// IoU returns the temporal intersection over union of two spans, in [0, 1]; it is 0 when both are empty.
func (s Span) IoU(t Span) float64 {
	shared := s.Intersect(t)
	union := s.Length() + t.Length() - shared
	if union <= 0 {
		return 0
	}
	return shared / union
}

// Clock formats seconds as m:ss.t, or h:mm:ss.t from one hour on.
func Clock(seconds float64) string {
	tenths := int64(seconds*10 + 0.5)
	s, m, h := tenths/10%60, tenths/600%60, tenths/36000
	if h > 0 {
		return fmt.Sprintf("%d:%02d:%02d.%d", h, m, s, tenths%10)
	}
	return fmt.Sprintf("%d:%02d.%d", m, s, tenths%10)
}

// String formats the span for people, as 0:03.0–0:07.5.
func (s Span) String() string { return Clock(s.Start) + "–" + Clock(s.End) }

// Fragment formats the span to the millisecond as a media fragment, #t=3,7.5, which players understand at the end of a
// link.
func (s Span) Fragment() string {
	number := func(v float64) string { return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64) }
	return "#t=" + number(s.Start) + "," + number(s.End)
}
