package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sightline"
	"sightline/dataset/world"
)

func taskFilm(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: taskfilm FOLDER")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	films := drawFilms(world.Extent{Tasks: [3]int{0, 0, 1}}).Tasks[world.Test]
	ts.Check(renderFilms(dir, films))
	ts.Check(os.WriteFile(filepath.Join(dir, "steps.txt"), []byte(strings.Join(films[0].Script, "\n")+"\n"), 0o666))
}

// A strip has a column a frame where there is room, marks under what was found, and signs for as many steps as there are.
func TestStepStrip(t *testing.T) {
	var result stepsJSON
	for i, step := range []int{0, 1, 1, 0, 2, 2} {
		result.Frames = append(result.Frames, frameSteps{Span: sightline.Span{Start: float64(i), End: float64(i + 1)}, Step: step})
	}
	for k, at := range []float64{2, 4} {
		result.Steps = append(result.Steps, locatedStep{Number: k + 1, Span: sightline.Span{Start: at, End: at + 1}})
	}
	if columns, marks := stepStrip(result, 0); columns != "·11·22" || marks != "  ▔ ▔" {
		t.Errorf("%q, %q", columns, marks)
	}
	if columns, marks := stepStrip(result, 4); columns != "··2" || marks != " ▔▔" {
		t.Errorf("%q, %q", columns, marks)
	}
}
