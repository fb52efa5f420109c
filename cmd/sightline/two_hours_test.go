//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sightline"
	"sightline/dataset/world"
)

// planted is a sentence with the place in a long video where what it describes is shown.
type planted struct {
	text string
	span sightline.Span
}

// TestTwoHours plants scenes of things that no film shows into an hour, and into two hours, of films one after the other. The
// real program adds both and finds them: most among the first three moments, in bounded memory, in a time that grows as the
// video does.
func TestTwoHours(t *testing.T) {
	if os.Getenv("SIGHTLINE_LONG") == "" {
		t.Skip("SIGHTLINE_LONG is not set: this writes and reads three hours of video")
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	const needles = 12
	options := world.Options{Seed: 2026, Rho: 1}
	var err error
	if options.Extent, err = world.ExtentOf("base"); err != nil {
		t.Fatal(err)
	}
	films := world.New(world.A, options).Moments[world.Train]
	var adding, finding [2]time.Duration
	for i, seconds := range []float64{3600, 7200} {
		dir := t.TempDir()
		video := filepath.Join(dir, "long.mp4")
		all := writeLong(t, video, films, seconds, strangers(needles))
		archive := filepath.Join(dir, "archive")
		var most int64
		adding[i], most = measured(t, nil, "add", video, "--encoder", "tiny", "--archive", archive)
		found := 0
		for _, p := range all {
			var answer foundMomentsJSON
			took, memory := measured(t, &answer, "moments", p.text, "--video", "long.mp4", "--limit", "3", "--encoder", "tiny", "--archive", archive, "--json")
			finding[i] += took / time.Duration(len(all))
			most = max(most, memory)
			if slices.ContainsFunc(answer.Hits, func(m foundMomentJSON) bool { return m.Span.IoU(p.span) >= 0.3 }) {
				found++
			} else {
				t.Logf("not found in %.0f s: %q at %v", seconds, p.text, p.span)
			}
		}
		t.Logf("%.0f s of video: added in %v, a query in %v (program start included), %d of %d planted scenes among the first three, at most %d MB",
			seconds, adding[i].Round(time.Millisecond), finding[i].Round(time.Millisecond), found, len(all), most>>20)
		if found < len(all)*2/3 {
			t.Errorf("%d of %d planted scenes are found in %.0f s", found, len(all), seconds)
		}
		if most > 1<<30 {
			t.Errorf("it took %d MB", most>>20)
		}
	}
	if adding[1] > 3*adding[0] || finding[1] > 3*finding[0] {
		t.Errorf("twice the video: %v became %v, %v became %v", adding[0], adding[1], finding[0], finding[1])
	}
}

// strangers returns pictures of one object each, of kinds that no film shows, whose captions state kind and colour, each once.
func strangers(n int) []world.Still {
	var taken []world.Still
	seen := map[string]bool{}
	for i := 0; len(taken) < n; i++ {
		still := world.StillAt(77, i, world.StillOptions{OneObject: true})
		object := still.Facts.Objects[0]
		name := fmt.Sprint(object.Kind, object.Colour)
		stated := still.Caption.Objects[0]
		if object.Kind >= world.Kinds && stated.Kind >= 0 && stated.Colour >= 0 && !seen[name] {
			seen[name] = true
			taken = append(taken, still)
		}
	}
	return taken
}

// writeLong writes films one after the other until they last so long, with a picture held for four seconds at equal
// distances between them.
func writeLong(t *testing.T, path string, films []world.Film, seconds float64, scenes []world.Still) []planted {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", world.Side, world.Side),
		"-r", fmt.Sprint(world.FPS), "-i", "-", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-pix_fmt", "yuv420p", path)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const held = 4 * world.FPS
	var all []planted
	written := 0
	write := func(frame sightline.Frame) {
		if _, err := io.Copy(in, bytes.NewReader(frame.RGB)); err != nil {
			t.Fatalf("write %s: %v: %s", path, err, talk.String())
		}
		written++
	}
	for f := 0; float64(written)/world.FPS < seconds; f++ {
		for frame := range films[f%len(films)].Frames() {
			write(frame)
		}
		if len(all) < len(scenes) && float64(written)/world.FPS > seconds*float64(len(all)+1)/float64(len(scenes)+1) {
			scene := scenes[len(all)]
			start := float64(written) / world.FPS
			for range held {
				write(scene.Frame)
			}
			all = append(all, planted{scene.Caption.Text, sightline.Span{Start: start, End: float64(written) / world.FPS}})
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("write %s: %v: %s", path, err, talk.String())
	}
	return all
}

// measured runs sightline and returns how long it took and how much memory it had at most, in bytes.
func measured(t *testing.T, into any, args ...string) (time.Duration, int64) {
	t.Helper()
	cmd := exec.Command("sightline", args...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	start := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("sightline %s: %v\n%s", strings.Join(args, " "), err, talk.String())
	}
	if into != nil {
		if err := json.Unmarshal(out.Bytes(), into); err != nil {
			t.Fatalf("sightline %s printed %q: %v", strings.Join(args, " "), out.String(), err)
		}
	}
	return time.Since(start), cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
}
