//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sightline/dataset/world"
)

// How many videos clips and rendered make.
const (
	clipCount  = 12
	trainClips = 8
	valClips   = 6
)

// clips returns a folder with short videos, 00.mp4 and so on, some with subtitles, and pairs.jsonl, which names them all.
func clips(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cut(t, nil, filepath.Join(dir, "%02d.mp4"), "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=60",
		"-segment_times", "2,5,9,14,20,23,27,32,38,41,45")
	var pairs strings.Builder
	for i := range clipCount {
		fmt.Fprintf(&pairs, "{\"video\": \"%02d.mp4\", \"caption\": \"a test pattern\"}\n", i)
	}
	write(t, filepath.Join(dir, "pairs.jsonl"), pairs.String())
	for _, name := range []string{"03.srt", "11.srt"} {
		write(t, filepath.Join(dir, name), "1\n00:00:00,500 --> 00:00:01,500\nThis is "+name+".\n\n2\n00:00:02,000 --> 00:00:03,000\nNothing else.\n")
	}
	return dir
}

// rendered returns a folder with a slice of the rendered world as files, and the pairs of its two splits in train.jsonl
// and val.jsonl.
func rendered(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	drawn := world.New(world.A, world.Options{Seed: 1, Rho: 0.5, Extent: world.Extent{Train: trainClips, Val: valClips}})
	for _, split := range []world.Split{world.Train, world.Val} {
		var pixels, pairs bytes.Buffer
		var ends []string
		frames := 0
		for i, clip := range drawn.Clips[split] {
			for _, frame := range clip.Frames(clip.Length()) {
				pixels.Write(frame.RGB)
			}
			frames += clip.Length()
			ends = append(ends, fmt.Sprint(frames))
			captions := make([]string, len(clip.Captions))
			for k, caption := range clip.Captions {
				captions[k] = caption.Text
			}
			line, err := json.Marshal(map[string]any{"video": fmt.Sprintf("%v-%02d.mp4", split, i), "captions": captions})
			if err != nil {
				t.Fatal(err)
			}
			pairs.Write(append(line, '\n'))
		}
		cut(t, &pixels, filepath.Join(dir, split.String()+"-%02d.mp4"), "-f", "rawvideo", "-pixel_format", "rgb24",
			"-video_size", fmt.Sprintf("%dx%d", world.Side, world.Side), "-framerate", fmt.Sprint(world.FPS), "-i", "pipe:0",
			"-segment_frames", strings.Join(ends[:len(ends)-1], ","))
		write(t, filepath.Join(dir, split.String()+".jsonl"), pairs.String())
	}
	return dir
}

// cut writes one ffmpeg input as many videos. It skips the test where there is no ffmpeg.
func cut(t *testing.T, stdin *bytes.Buffer, pattern string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	cmd := exec.Command("ffmpeg", append(append([]string{"-v", "error"}, args...),
		"-pix_fmt", "yuv420p", "-c:v", "mpeg4", "-g", "1", "-f", "segment", "-reset_timestamps", "1", pattern)...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
