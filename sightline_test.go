package sightline_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sightline"
)

func TestSpan(t *testing.T) {
	a, b := sightline.Span{Start: 0, End: 4}, sightline.Span{Start: 2, End: 6}
	if got := a.IoU(b); got != 2.0/6 {
		t.Errorf("IoU is %v", got)
	}
	if got := (sightline.Span{Start: 5, End: 3}).IoU(a); got != 0 {
		t.Errorf("IoU with a span that ends before it starts is %v", got)
	}
	if got := (sightline.Span{Start: 1.7083059999999999, End: 7.5}).Fragment(); got != "#t=1.708,7.5" {
		t.Errorf("fragment is %s", got)
	}
	for seconds, want := range map[float64]string{0: "0:00.0", 59.96: "1:00.0", 3599.94: "59:59.9", 3661.5: "1:01:01.5"} {
		if got := sightline.Clock(seconds); got != want {
			t.Errorf("%v s is %s, want %s", seconds, got, want)
		}
	}
}

func TestSpaceNamesWhatDiffers(t *testing.T) {
	a := sightline.Space{Video: sightline.ModelID{Name: "clip", Hash: "1"}, Sampling: "1fps"}
	b := a
	if err := a.Check(b); err != nil {
		t.Error(err)
	}
	if a.Key() != b.Key() || len(a.Key()) != 16 {
		t.Errorf("keys are %s and %s", a.Key(), b.Key())
	}
	b.Video.Hash = "2"
	err := a.Check(b)
	if err == nil || !strings.Contains(err.Error(), "video encoder") || !strings.Contains(err.Error(), "clip@1") || !strings.Contains(err.Error(), "clip@2") {
		t.Errorf("two encoders give %v", err)
	}
	if a.Key() == b.Key() {
		t.Error("two spaces have one key")
	}
}

func TestErrorsKeepKindAndAdvice(t *testing.T) {
	inner := &sightline.Error{Kind: sightline.NotReady, What: "open", Err: errors.New("gone"), Try: "fetch"}
	err := fmt.Errorf("add: %w", inner)
	if sightline.KindOf(err) != sightline.NotReady || sightline.TryOf(err) != "fetch" || err.Error() != "add: open: gone" {
		t.Errorf("%v is of kind %v, try %q", err, sightline.KindOf(err), sightline.TryOf(err))
	}
	outer := &sightline.Error{Kind: sightline.Failed, What: "work", Err: inner}
	if sightline.KindOf(outer) != sightline.Failed || sightline.TryOf(outer) != "fetch" {
		t.Errorf("kind %v, try %q", sightline.KindOf(outer), sightline.TryOf(outer))
	}
	if sightline.KindOf(errors.New("plain")) != sightline.Failed || sightline.TryOf(nil) != "" {
		t.Error("a plain error is no failure")
	}
}

func TestMatrix(t *testing.T) {
	m := sightline.Matrix{Rows: 2, Cols: 3, Data: []float32{1, 2, 3, 4, 5, 6}}
	if tr := m.T(); tr.Rows != 3 || tr.At(2, 1) != 6 || tr.At(0, 1) != 4 {
		t.Errorf("transposed: %+v", tr)
	}
	zero := float32(0)
	m.Data[4] = zero / zero
	if err := m.Finite(); err == nil || !strings.Contains(err.Error(), "(1, 1)") {
		t.Errorf("a NaN gives %v", err)
	}
}
