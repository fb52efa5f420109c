package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"sightline"
)

// TestContainers decodes the same pictures from every container.
func TestContainers(t *testing.T) {
	need(t)
	for _, name := range []string{"a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi", "a.gif"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var options []string
			if name == "a.avi" {
				options = []string{"-c:v", "mjpeg", "-pix_fmt", "yuvj420p"}
			}
			path := barVideo(t, name, 25, 10, options...)
			info, err := Probe(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if info.Container != filepath.Ext(name)[1:] || info.Width != barWidth || info.Height != barHeight ||
				info.FPS != (Rational{10, 1}) || math.Abs(info.Duration-2.5) > 0.011 || len(info.Streams) != 1 {
				t.Errorf("probed %+v", *info)
			}
			times, numbers := sample(t, path, Rate(1))
			wantTimes(t, "1 fps", times, []float64{0, 1, 2})
			wantNumbers(t, "1 fps", numbers, []int{0, 10, 20})
			times, numbers = sample(t, path, Uniform(5))
			wantTimes(t, "uniform", times, []float64{0.2, 0.7, 1.2, 1.7, 2.2})
			wantNumbers(t, "uniform", numbers, []int{2, 7, 12, 17, 22})
			times, numbers = sample(t, path, At{-1, 0.95, 1, 99})
			wantTimes(t, "at", times, []float64{0, 0.9, 1, 2.4})
			wantNumbers(t, "at", numbers, []int{0, 9, 10, 24})
		})
	}
}

// TestVariableRate holds single pictures for long and shows others in a burst.
func TestVariableRate(t *testing.T) {
	need(t)
	ms := []int{0, 10, 20, 30, 40, 1500, 1510, 3999, 4000, 4001, 9000}
	end := 9.033 // what is left of the last picture is the encoder's guess; read from the file below
	for _, name := range []string{"a.mp4", "a.mkv", "a.mov"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := barVideo(t, name, len(ms), 25, append(variable(ms), "-bf", "0")...)
			info, err := Probe(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(info.Duration-end) > 0.1 {
				t.Errorf("duration %v, want about %v", info.Duration, end)
			}
			times, numbers := sample(t, path, Rate(1))
			wantTimes(t, "1 fps", times, []float64{0, 1.5, 3.999, 4, 9})
			wantNumbers(t, "1 fps", numbers, []int{0, 5, 7, 8, 10})
			for _, n := range []int{4, 23} {
				var wantT []float64
				var wantN []int
				for k := range n {
					at := info.Duration * (float64(k) + 0.5) / float64(n)
					shown := 0
					for j, m := range ms {
						if float64(m)/1000 <= at {
							shown = j
						}
					}
					wantT, wantN = append(wantT, float64(ms[shown])/1000), append(wantN, shown)
				}
				times, numbers := sample(t, path, Uniform(n))
				wantTimes(t, fmt.Sprint("uniform ", n), times, wantT)
				wantNumbers(t, fmt.Sprint("uniform ", n), numbers, wantN)
			}
		})
	}
}

// TestFractionalRate asks for the exact times of NTSC video, which no decimal rate gives.
func TestFractionalRate(t *testing.T) {
	need(t)
	path := barVideo(t, "a.mp4", 100, 30, "-vf", "setpts=N*1001/30000/TB", "-r", "30000/1001")
	info, err := Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if info.FPS != (Rational{30000, 1001}) {
		t.Errorf("rate %v, want 30000/1001", info.FPS)
	}
	times, numbers := sample(t, path, Rate(1))
	wantTimes(t, "1 fps", times, []float64{0, 30 * 1001.0 / 30000, 60 * 1001.0 / 30000, 90 * 1001.0 / 30000})
	wantNumbers(t, "1 fps", numbers, []int{0, 30, 60, 90})
}

// TestRotation looks for the bars where a player would show them.
func TestRotation(t *testing.T) {
	need(t)
	const k = 0b00001111                        // bars 0 to 3, the left half, white
	for degrees, white := range map[int][2]int{ // where the white half is, in quarters from the middle
		0:   {-1, 0},
		90:  {0, -1},
		180: {1, 0},
		270: {0, 1},
	} {
		t.Run(fmt.Sprint(degrees), func(t *testing.T) {
			path := barVideo(t, "a.mp4", k+1, 10)
			turn(t, path, degrees)
			info, err := Probe(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			width, height := barWidth, barHeight
			if degrees%180 != 0 {
				width, height = height, width
			}
			if info.Rotation != degrees || info.Width != width || info.Height != height {
				t.Errorf("probed rotation %d, %d×%d; want %d, %d×%d", info.Rotation, info.Width, info.Height, degrees, width, height)
			}
			for _, size := range []int{0, 24} {
				w, h := Fit(width, height, size)
				for f, err := range info.Sample(t.Context(), At{float64(k) / 10}, size) {
					if err != nil {
						t.Fatal(err)
					}
					if f.Width != w || f.Height != h {
						t.Errorf("frame of %d×%d, want %d×%d", f.Width, f.Height, w, h)
					}
					lit := func(side int) bool {
						x, y := w/2+side*white[0]*w/4, h/2+side*white[1]*h/4
						return f.RGB[3*(y*w+x)] > 127
					}
					if !lit(1) || lit(-1) {
						t.Errorf("size %d: the white half is not where it should be", size)
					}
				}
			}
		})
	}
}

func TestPixelAspect(t *testing.T) {
	need(t)
	path := barVideo(t, "a.mp4", 5, 10, "-vf", "setsar=4/3")
	for f, err := range Sample(t.Context(), path, Uniform(2), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Width != 85 || f.Height != barHeight {
			t.Errorf("frame of %d×%d, want 85×48", f.Width, f.Height)
		}
		number(t, f)
	}
}

func TestFit(t *testing.T) {
	for _, c := range [][5]int{ // width, height, size → width, height
		{320, 240, 224, 298, 224}, {240, 320, 224, 224, 298}, {1920, 1080, 224, 398, 224}, {100, 80, 224, 100, 80},
		{224, 224, 224, 224, 224}, {300, 200, 0, 300, 200}, {70, 48, 32, 46, 32}, {8192, 1, 224, 8192, 1},
	} {
		if w, h := Fit(c[0], c[1], c[2]); w != c[3] || h != c[4] {
			t.Errorf("Fit(%d, %d, %d) = %d, %d; want %d, %d", c[0], c[1], c[2], w, h, c[3], c[4])
		}
	}
}

func TestFewerPicturesThanFrames(t *testing.T) {
	need(t)
	path := barVideo(t, "a.mp4", 3, 1)
	times, numbers := sample(t, path, Uniform(8))
	wantTimes(t, "uniform", times, []float64{0, 0, 0, 1, 1, 2, 2, 2})
	wantNumbers(t, "uniform", numbers, []int{0, 0, 0, 1, 1, 2, 2, 2})
	path = barVideo(t, "one.mp4", 1, 25)
	times, _ = sample(t, path, Uniform(3))
	wantTimes(t, "one picture", times, []float64{0, 0, 0})
	times, _ = sample(t, path, Rate(1))
	wantTimes(t, "one picture", times, []float64{0})
}

// TestManyFrames asks for as many as there may be, which makes ffmpeg's longest command line.
func TestManyFrames(t *testing.T) {
	need(t)
	path := barVideo(t, "a.mp4", 200, 25)
	times, _ := sample(t, path, Uniform(maxFrames))
	if len(times) != maxFrames || times[0] != 0 || times[maxFrames-1] != 199.0/25 {
		t.Errorf("%d times from %v to %v", len(times), times[0], times[len(times)-1])
	}
}

// TestLateStart has sound from 0 and pictures from half a second on.
func TestLateStart(t *testing.T) {
	need(t)
	for _, name := range []string{"late.mp4", "late.mkv"} {
		source := barVideo(t, "a.mkv", 30, 10)
		path := filepath.Join(t.TempDir(), name)
		run(t, nil, "-f", "lavfi", "-i", "sine=duration=4", "-itsoffset", "0.5", "-i", source,
			"-map", "0:a", "-map", "1:v", "-c:v", "copy", "-c:a", "pcm_s16le", "-f", "mov", path)
		if name == "late.mkv" {
			run(t, nil, "-f", "lavfi", "-i", "sine=duration=4", "-itsoffset", "0.5", "-i", source,
				"-map", "0:a", "-map", "1:v", "-c:v", "copy", "-c:a", "pcm_s16le", path)
		}
		times, numbers := sample(t, path, Rate(1))
		wantTimes(t, name, times, []float64{0.5, 1, 2, 3})
		wantNumbers(t, name, numbers, []int{0, 5, 15, 25})
		times, numbers = sample(t, path, Uniform(3)) // of the pictures' three seconds
		wantTimes(t, name, times, []float64{1, 2, 3})
		wantNumbers(t, name, numbers, []int{5, 15, 25})
	}
}

// TestUnknownDuration reads a recording that was written to a pipe and says neither its length nor its pictures' number.
func TestUnknownDuration(t *testing.T) {
	need(t)
	path := barVideo(t, "live.mkv", 30, 10, "-live", "1")
	info, err := Probe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(info.Duration-3) > 0.01 {
		t.Errorf("duration %v, want 3", info.Duration)
	}
	_, numbers := sample(t, path, Uniform(3))
	wantNumbers(t, "uniform", numbers, []int{5, 15, 25})
}

// TestJumps compares jumping into a long video with decoding it from the start.
func TestJumps(t *testing.T) {
	need(t)
	for _, c := range []struct {
		name    string
		options []string
	}{
		{"a.mp4", []string{"-g", "50"}},
		{"open.mp4", []string{"-x264-params", "open-gop=1:keyint=60:bframes=3"}},
		{"a.mkv", []string{"-g", "50"}},
		{"a.avi", []string{"-c:v", "mpeg4", "-g", "50"}},
		{"a.webm", []string{"-g", "50"}},
		{"variable.mp4", []string{"-vf", "setpts='(N+mod(N,3)*0.4)/TB'", "-vsync", "passthrough"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := barVideo(t, c.name, 250, 1, c.options...)
			info, err := Probe(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			at := []float64{33.3, 130, 210.5}
			var walked []sightline.Frame
			for f, err := range info.walk(t.Context(), 0, at, true, barWidth, barHeight) {
				if err != nil {
					t.Fatal(err)
				}
				walked = append(walked, f)
			}
			for k, when := range at {
				f, err := info.jump(t.Context(), when, barWidth, barHeight)
				if err != nil {
					t.Fatal(err)
				}
				if f.Time != walked[k].Time || !bytes.Equal(f.RGB, walked[k].RGB) {
					t.Errorf("at %v s a jump shows picture %d of %v s, decoding all shows %d of %v s", when,
						number(t, f), f.Time, number(t, walked[k]), walked[k].Time)
				}
			}
			times, _ := sample(t, path, At(at))
			for k := range times {
				if times[k] != walked[k].Time {
					t.Errorf("Sample took %v, want %v", times[k], walked[k].Time)
				}
			}
		})
	}
}

// TestPictureComesAtOnce takes one picture of a video whose further timestamps fill every buffer on the way, and so
// would wait for ever if ffmpeg held the picture back.
func TestPictureComesAtOnce(t *testing.T) {
	need(t)
	path := filepath.Join(t.TempDir(), "a.mkv")
	run(t, nil, "-f", "lavfi", "-i", "color=size=16x16:rate=100:duration=120", "-c:v", "mpeg4", "-g", "12000", path)
	defer func(d time.Duration) { stall = d }(stall)
	stall = 10 * time.Second
	for _, at := range []float64{0.5, 60} {
		for f, err := range Sample(t.Context(), path, At{at}, 0) {
			if err != nil || f.Time != at {
				t.Errorf("at %v s: frame of %v s, error %v", at, f.Time, err)
			}
		}
	}
}

func TestThumbnail(t *testing.T) {
	need(t)
	path := barVideo(t, "a.mp4", 25, 10)
	data, err := Thumbnail(t.Context(), path, 1.55, 24)
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	b := img.Bounds()
	f := sightline.Frame{Width: b.Dx(), Height: b.Dy()}
	for y := range f.Height {
		for x := range f.Width {
			r, g, b, _ := img.At(x, y).RGBA()
			f.RGB = append(f.RGB, byte(r>>8), byte(g>>8), byte(b>>8))
		}
	}
	if f.Width != 32 || f.Height != 24 || number(t, f) != 15 {
		t.Errorf("picture %d of %d×%d, want 15 of 32×24", number(t, f), f.Width, f.Height)
	}
}

func TestPlansThatMakeNoSense(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.mp4")
	for _, plan := range []Plan{Rate(0), Rate(-1), Rate(math.NaN()), Rate(math.Inf(1)), Uniform(0), Uniform(-3),
		Uniform(maxFrames + 1), At{}, At{2, 1}, At{math.NaN()}} {
		n := 0
		for _, err := range (&Info{Path: path}).Sample(t.Context(), plan, 0) {
			n++
			if sightline.KindOf(err) != sightline.Usage {
				t.Errorf("%T %v: error %v, want one of usage", plan, plan, err)
			}
		}
		if n != 1 {
			t.Errorf("%T %v: %d steps", plan, plan, n)
		}
	}
	for plan, want := range map[Plan]string{Rate(1): "1fps", Rate(0.5): "0.5fps", Uniform(8): "uniform-8"} {
		if plan.String() != want {
			t.Errorf("%T is called %s, want %s", plan, plan, want)
		}
	}
}

func TestStopsWhenAsked(t *testing.T) {
	need(t)
	path := barVideo(t, "a.mp4", 250, 10)
	before := runtime.NumGoroutine()
	for _, err := range Sample(t.Context(), path, Rate(10), 0) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range Sample(ctx, path, Rate(10), 0) {
		cancel()
		last = err
	}
	var refusal *Refusal
	if !errors.Is(last, context.Canceled) || errors.As(last, &refusal) {
		t.Errorf("error %v, want canceled and no refusal", last)
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// TestStall stands a shell in for ffmpeg that says its version and then nothing.
func TestStall(t *testing.T) {
	need(t)
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("skipped: needs a shell")
	}
	info, err := Probe(t.Context(), barVideo(t, "a.mp4", 5, 10))
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "ffmpeg")
	text := "#!" + sh + "\ncase \"$*\" in *-version) echo ffmpeg version 5.1;; *) sleep 60;; esac\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SIGHTLINE_FFMPEG", script)
	defer func(d time.Duration) { stall = d }(stall)
	stall = 300 * time.Millisecond
	start := time.Now()
	for _, err := range info.Sample(t.Context(), Rate(1), 0) {
		var refusal *Refusal
		if !errors.As(err, &refusal) || !errors.Is(err, ErrBroken) {
			t.Errorf("error %v, want a refusal", err)
		}
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("ended after %v", took)
	}
}
