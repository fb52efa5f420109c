package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sightline"
	"sightline/encoder"
	"sightline/encoder/tiny"
	"sightline/engine"
	"sightline/internal/ffmpeg"
	"sightline/internal/terminal"
	"sightline/library"
	"sightline/video"
)

// doctorJSON is the contract of doctor --json.
type doctorJSON struct {
	Checks     []check     `json:"checks"`
	Prediction *prediction `json:"prediction,omitempty"`
}

// check is one thing that doctor looked at.
type check struct {
	Name  string `json:"name"`
	State string `json:"state"` // "ok", "note", "warn" (it works, badly) or "fail"
	Fact  string `json:"fact"`
	Try   string `json:"try,omitempty"`
}

func ok(name, format string, args ...any) check {
	return check{Name: name, State: "ok", Fact: fmt.Sprintf(format, args...)}
}

func failed(name string, err error) check {
	return check{Name: name, State: "fail", Fact: err.Error(), Try: sightline.TryOf(err)}
}

func (a *app) doctorCommand() *cobra.Command {
	var encoder string
	cmd := &cobra.Command{
		Use:   "doctor [FOLDER]",
		Short: "Check that everything is in place, and predict the work for a folder",
		Long: `Doctor checks ffmpeg, the build, the backend, the encoder, the archive and the disk, and decodes
and encodes a sample that it makes. With a folder it predicts the hours that add would take there
and the bytes it would write. It changes nothing and downloads nothing.

It exits with 3 when something must be put right before videos can be added.`,
		Example: `  sightline doctor
  sightline doctor ~/Videos
  sightline doctor --encoder tiny --json | jq '.checks[] | select(.state != "ok")'`,
		Args: operands(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if len(args) == 1 && !isDir(args[0]) {
				return usage("doctor "+args[0], "name a folder of videos", "it is no folder")
			}
			d := doctor{app: a, predicting: len(args) == 1}
			defer d.close()
			d.look(ctx, encoder)
			result := doctorJSON{}
			if d.predicting && d.encoding > 0 {
				predicted, err := d.predict(ctx, args[0])
				if err != nil {
					return err
				}
				result.Prediction = &predicted
			}
			result.Checks = d.checks
			if err := a.print(result, func() error { return a.printDoctor(result) }); err != nil {
				return err
			}
			var broken []string
			for _, c := range d.checks {
				if c.State == "fail" {
					broken = append(broken, c.Name)
				}
			}
			if broken != nil {
				return &sightline.Error{Kind: sightline.NotReady, What: "doctor", Err: fmt.Errorf("not in order: %s", strings.Join(broken, ", "))}
			}
			return nil
		},
	}
	a.encoderFlag(cmd, &encoder)
	return cmd
}

// doctor gathers checks, and the speeds that a prediction needs.
type doctor struct {
	app        *app
	predicting bool // a prediction will follow
	checks     []check
	folder     string // for the sample

	settings settings
	encoder  encoder.FrameEncoder
	decoding float64 // seconds of the sample decoded a second; 0 when it could not be
	encoding float64 // frames encoded a second; 0 when none could be
}

func (d *doctor) add(c check) { d.checks = append(d.checks, c) }

func (d *doctor) close() {
	if d.folder != "" {
		os.RemoveAll(d.folder)
	}
}

// look makes every check in turn. One that fails keeps only those from being made that need it.
func (d *doctor) look(ctx context.Context, encoderName string) {
	d.add(buildCheck())
	s, err := d.app.settings(encoderName, "")
	if err != nil {
		d.add(failed("settings", err))
		return
	}
	d.settings = s
	d.checkFFmpeg(ctx)
	frames := d.checkDecoding(ctx)
	o, err := s.opener()
	if err != nil {
		d.add(failed("backend", err))
	} else {
		d.add(ok("backend", "%s", o.engine.Name()))
		d.checkEncoder(ctx, o, frames)
	}
	d.checkArchive(ctx)
	d.checkDisk("disk of the archive", s.Archive.Value)
	d.checkDisk("disk of the features", s.Features.Value)
}

func buildCheck() check {
	c := ok("build", "%s on %s/%s, %s", runtime.Version(), runtime.GOOS, runtime.GOARCH, terminal.Count(runtime.NumCPU(), "core", "cores"))
	switch {
	case engine.SIMD && runtime.GOARCH == "amd64":
		c.Fact += ", with SIMD"
	case runtime.GOARCH == "amd64":
		c.State = "warn"
		c.Fact += ": built WITHOUT SIMD, encoding and training are thirteen times slower than they could be"
		c.Try = "build with GOEXPERIMENT=simd, as make build does"
	default:
		c.State = "note"
		c.Fact += ": Go has no SIMD for this processor yet; results are the same, encoding and training are slow"
		c.Try = "sightline doctor FOLDER predicts how slow; the onnx build is the answer where there is one (docs/operations.md)"
	}
	return c
}

// The oldest ffmpeg that is known to work.
const oldestMajor, oldestMinor = 4, 4

func (d *doctor) checkFFmpeg(ctx context.Context) {
	version, err := ffmpeg.LookUp(ctx)
	if err == nil {
		_, err = ffmpeg.Find("ffprobe")
	}
	switch {
	case err != nil:
		d.add(failed("ffmpeg", err))
	case !version.AtLeast(oldestMajor, oldestMinor):
		d.add(check{Name: "ffmpeg", State: "fail", Fact: fmt.Sprintf("version %s is too old", version.Text),
			Try: fmt.Sprintf("install version %d.%d or later", oldestMajor, oldestMinor)})
	default:
		d.add(ok("ffmpeg", "version %s", version.Text))
	}
}

// The sample that doctor makes and decodes.
const (
	sampleSeconds = 6
	sampleSize    = "640x360"
)

// checkDecoding makes a video, decodes it again, and returns its frames, one a second.
func (d *doctor) checkDecoding(ctx context.Context) []sightline.Frame {
	const name = "decoding"
	var err error
	if d.folder, err = os.MkdirTemp("", "sightline-doctor-"); err != nil {
		d.add(failed(name, err))
		return nil
	}
	path := filepath.Join(d.folder, "sample.mp4")
	source := []string{"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%s:rate=25:duration=%d", sampleSize, sampleSeconds), "-pix_fmt", "yuv420p"}
	render := func(codec ...string) error {
		args := slices.Concat(source, []string{"-c:v"}, codec, []string{ffmpeg.Literal(path)})
		command, err := ffmpeg.Command(ctx, ffmpeg.Guards{}, args...)
		if err != nil {
			return err
		}
		return command.Run()
	}
	if err := render("libx264", "-preset", "ultrafast"); err != nil {
		if render("mpeg4") != nil { // what every ffmpeg can write
			d.add(failed(name, fmt.Errorf("make a sample: %w", err)))
			return nil
		}
		d.add(check{Name: "h.264", State: "note", Fact: "this ffmpeg cannot write it, which sightline world needs", Try: "install an ffmpeg with libx264"})
	}
	var frames []sightline.Frame
	started := time.Now()
	for frame, err := range video.Sample(ctx, path, video.Rate(1), 0) {
		if err != nil {
			d.add(failed(name, err))
			return nil
		}
		frames = append(frames, frame)
	}
	d.decoding = sampleSeconds / time.Since(started).Seconds()
	d.add(ok(name, "%d frames of a %s sample, %.0f times as fast as it plays", len(frames), sampleSize, d.decoding))
	return frames
}

func (d *doctor) checkEncoder(ctx context.Context, o *opener, frames []sightline.Frame) {
	const name = "encoder"
	encoders, err := o.encoders(d.settings.Encoder.Value)
	switch {
	case err != nil && sightline.KindOf(err) == sightline.NotReady && !d.settings.Encoder.asked():
		c := failed(name, err)
		c.State = "note" // there is work to do without it: the world, training, judging
		c.Try += "; until then only the rendered world can be searched, with --encoder tiny"
		d.add(c)
		if d.predicting {
			d.encoder = standIn(o.engine, d.settings.Encoder.Value)
		}
	case err != nil:
		d.add(failed(name, err))
		return
	default:
		d.encoder = encoders.Frames
	}
	if d.encoder == nil || frames == nil {
		return
	}
	rate, err := encodingRate(ctx, d.encoder, frames)
	if err != nil {
		d.add(failed(name, err))
		return
	}
	d.encoding = rate
	if encoders.Frames == nil {
		return
	}
	c := ok(name, "%v makes vectors of width %d, %.0f frames a second", d.encoder.ID(), d.encoder.FrameDim(), rate)
	if d.settings.Encoder.Value == tiny.Name {
		c.State = "note"
		c.Fact += "; it knows only the rendered world"
	}
	d.add(c)
}

// encodingRate returns how many frames an encoder takes in a second, once it is warm.
func encodingRate(ctx context.Context, encoder encoder.FrameEncoder, frames []sightline.Frame) (float64, error) {
	if _, err := encoder.EncodeFrames(ctx, frames); err != nil {
		return 0, err
	}
	started := time.Now()
	vectors, err := encoder.EncodeFrames(ctx, frames)
	if err != nil {
		return 0, err
	}
	if err := vectors.Finite(); err != nil {
		return 0, fmt.Errorf("it made a vector that is no use: %w", err)
	}
	return float64(len(frames)) / time.Since(started).Seconds(), nil
}

func (d *doctor) checkArchive(ctx context.Context) {
	const name = "archive"
	archive, err := library.Open(d.settings.Archive.Value)
	if sightline.KindOf(err) == sightline.NotReady {
		d.add(ok(name, "none yet; it will be in %s", d.settings.Archive.Value))
		return
	}
	if err != nil {
		d.add(failed(name, err))
		return
	}
	defer archive.Close()
	videos, err := archive.Videos(ctx)
	if err != nil {
		d.add(failed(name, err))
		return
	}
	serving := "nothing serves it yet"
	if s, err := archive.Serving(ctx); err == nil {
		serving = "searched with " + s.Model
	}
	d.add(ok(name, "%s in %s, %s", terminal.Count(len(videos), "video", "videos"), archive.Dir(), serving))
}

// scarce is the free space below which doctor warns.
const scarce = 2_000_000_000

// checkDisk looks at the disk that a folder is on, or will be on.
func (d *doctor) checkDisk(name, dir string) {
	dir = existing(dir)
	free, err := freeBytes(dir)
	switch {
	case err != nil:
		d.add(check{Name: name, State: "note", Fact: fmt.Sprintf("free space below %s is unknown: %v", dir, err)})
	case free < scarce:
		d.add(check{Name: name, State: "warn", Fact: fmt.Sprintf("only %s free below %s", terminal.Bytes(free), dir), Try: "choose another disk with --archive DIR"})
	default:
		d.add(ok(name, "%s free below %s", terminal.Bytes(free), dir))
	}
}

func (a *app) printDoctor(result doctorJSON) error {
	width := 0
	for _, c := range result.Checks {
		width = max(width, len(c.Name))
	}
	for _, c := range result.Checks {
		mark := map[string]string{
			"ok":   a.out.Paint(terminal.Green, "ok  "),
			"note": a.out.Paint(terminal.Yellow, "note"),
			"warn": a.out.Paint(terminal.Red, "WARN"),
			"fail": a.out.Paint(terminal.Red, "FAIL"),
		}[c.State]
		a.out.Printf("%s  %-*s  %s\n", mark, width, c.Name, terminal.Clean(c.Fact))
		if c.Try != "" {
			a.out.Printf("      %-*s  Try: %s\n", width, "", terminal.Clean(c.Try))
		}
	}
	if result.Prediction != nil {
		a.printPrediction(*result.Prediction)
	}
	return nil
}
