package video

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sightline"
	"sightline/internal/ffmpeg"
)

// The test videos carry the number of each picture in its pixels, eight white or black bars of 8×48 pixels, so that a
// test sees which picture it was handed whatever its time says.
const (
	barWidth, barHeight = 64, 48
	barBits             = 8
)

// need skips the test unless ffmpeg and ffprobe are there.
func need(t testing.TB) {
	t.Helper()
	for _, tool := range []string{"ffmpeg", "ffprobe"} {
		if _, err := ffmpeg.Find(tool); err != nil {
			t.Skipf("skipped: %v (%s)", err, sightline.TryOf(err))
		}
	}
}

// run runs ffmpeg with stdin.
func run(t testing.TB, stdin []byte, args ...string) {
	t.Helper()
	cmd, err := ffmpeg.Command(t.Context(), ffmpeg.Guards{}, args...)
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Write(stdin)
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("ffmpeg %q: %v", args, err)
	}
}

// bars returns n numbered pictures as raw gray video.
func bars(n int) []byte {
	var out bytes.Buffer
	for k := range n {
		row := make([]byte, barWidth)
		for x := range row {
			if k>>(x*barBits/barWidth)&1 == 1 {
				row[x] = 255
			}
		}
		out.Write(bytes.Repeat(row, barHeight))
	}
	return out.Bytes()
}

// number reads the number off a picture of bars.
func number(t testing.TB, f sightline.Frame) int {
	t.Helper()
	if len(f.RGB) != 3*f.Width*f.Height {
		t.Fatalf("%d bytes in a frame of %d×%d", len(f.RGB), f.Width, f.Height)
	}
	k := 0
	for b := range barBits {
		x := (2*b + 1) * f.Width / (2 * barBits)
		if f.RGB[3*((f.Height/2)*f.Width+x)] > 127 {
			k |= 1 << b
		}
	}
	return k
}

// barVideo writes n numbered pictures at rate a second to a new file of the given name. options go before the output.
func barVideo(t testing.TB, name string, n, rate int, options ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	args := []string{"-f", "rawvideo", "-pix_fmt", "gray", "-s", fmt.Sprintf("%dx%d", barWidth, barHeight),
		"-r", fmt.Sprint(rate), "-i", "pipe:0"}
	args = append(args, options...)
	if ext := filepath.Ext(name); ext != ".gif" && ext != ".webm" && !slices.Contains(options, "-c:v") {
		args = append(args, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
	} else if ext == ".webm" {
		args = append(args, "-c:v", "libvpx", "-deadline", "realtime", "-b:v", "1M", "-pix_fmt", "yuv420p")
	}
	run(t, bars(n), append(args, ffmpeg.Literal(path))...)
	return path
}

// variable returns options that give picture k the time of times[k] milliseconds, and the last one a second.
func variable(times []int) []string {
	var expr strings.Builder
	for k, t := range times {
		fmt.Fprintf(&expr, "+%d*eq(N,%d)", t, k)
	}
	return []string{"-vf", "settb=1/1000,setpts='" + expr.String()[1:] + "'", "-vsync", "passthrough",
		"-enc_time_base", "1:1000", "-video_track_timescale", "1000"}
}

// sample collects the times of the frames and the numbers on them.
func sample(t testing.TB, path string, plan Plan) (times []float64, numbers []int) {
	t.Helper()
	for f, err := range Sample(t.Context(), path, plan, 0) {
		if err != nil {
			t.Fatalf("%s of %q: %v", plan, path, err)
		}
		times = append(times, f.Time)
		numbers = append(numbers, number(t, f))
	}
	return times, numbers
}

func wantTimes(t testing.TB, what string, got, want []float64) {
	t.Helper()
	ok := len(got) == len(want)
	for k := range min(len(got), len(want)) {
		ok = ok && math.Abs(got[k]-want[k]) < 1e-9
	}
	if !ok {
		t.Errorf("%s: times %v, want %v", what, got, want)
	}
}

func wantNumbers(t testing.TB, what string, got, want []int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: pictures %v, want %v", what, got, want)
	}
}

// turn writes a rotation by degrees clockwise into the first track header of the MP4 file at path. The matrix lies 40
// bytes into the version 0 box. ISO/IEC 14496-12, 8.3.2.
func turn(t testing.TB, path string, degrees int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("tkhd"))
	if at < 0 || data[at+4] != 0 {
		t.Fatal("no track header of version 0")
	}
	sin, cos := math.Sincos(float64(degrees) * math.Pi / 180)
	matrix := []float64{cos, sin, 0, -sin, cos, 0, 0, 0, 16384}
	for k, v := range matrix {
		binary.BigEndian.PutUint32(data[at+4+40+4*k:], uint32(int32(math.Round(v*65536))))
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
