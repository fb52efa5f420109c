// Package ffmpeg runs the ffmpeg and ffprobe programs the way hostile files require: every process has limits on
// pixels, memory and time, and dies with its context together with all it started.
//
// It stands below video (which decodes) and dataset/world (which encodes). Start at Command:
//
//	args := append(ffmpeg.Input(path), "-f", "null", "-")
//	cmd, err := ffmpeg.Command(ctx, ffmpeg.Guards{}, args...)
//	err = cmd.Run()
//
// Input turns a file name into arguments that open that very file and nothing else: only the file and pipe protocols,
// only the containers of Containers, the name taken literally whatever it contains. A playlist named x.mp4 is
// therefore an error and not a list of further files to open.
//
// A program that produces video writes raw pictures into one process that cuts them into many files, because starting
// ffmpeg costs more than encoding a short clip:
//
//	cmd, err := ffmpeg.Command(ctx, ffmpeg.Guards{},
//		"-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "256x256", "-r", "8", "-i", "pipe:0",
//		"-c:v", "libx264", "-bf", "0", "-pix_fmt", "yuv420p", "-force_key_frames", "expr:gte(t,n_forced*4)",
//		"-f", "segment", "-segment_time", "4", "-reset_timestamps", "1", ffmpeg.Literal(dir)+"/%06d.mp4")
//	in, err := cmd.StdinPipe() // then cmd.Start, write width·height·3 bytes a picture, in.Close, cmd.Wait
//
// The package does not know what a video is, parses no output and keeps no state but the versions it has looked up.
package ffmpeg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"sightline"
)

// Containers are the demuxers a file may be opened with: MP4 and MOV, Matroska and WebM, AVI, GIF.
const Containers = "mov,mp4,matroska,webm,avi,gif"

// Find returns the path of the program named tool, "ffmpeg" or "ffprobe": what SIGHTLINE_FFMPEG or SIGHTLINE_FFPROBE
// names when set, else what the PATH offers. When there is none the error is a sightline.Error of kind NotReady that
// says how to install it.
func Find(tool string) (string, error) {
	variable := "SIGHTLINE_" + strings.ToUpper(tool)
	name := os.Getenv(variable)
	if name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", &sightline.Error{
				Kind: sightline.NotReady,
				What: "find " + tool,
				Err:  fmt.Errorf("%s=%q: %w", variable, name, errors.Unwrap(err)),
				Try:  "unset " + variable + ", or set it to the path of " + tool,
			}
		}
		return path, nil
	}
	path, err := exec.LookPath(tool)
	if err != nil {
		return "", &sightline.Error{
			Kind: sightline.NotReady,
			What: "find " + tool,
			Err:  errors.New(tool + " is not installed, or not on the PATH"),
			Try:  install(),
		}
	}
	return path, nil
}

// install returns the command that installs ffmpeg and ffprobe on this system.
func install() string {
	if runtime.GOOS == "darwin" {
		return "brew install ffmpeg"
	}
	return "apt-get install ffmpeg"
}

// Input returns the arguments that open the file at path for reading, and only it, as one of Containers. Options that
// belong to the input, such as -ss, go before them.
func Input(path string) []string {
	return []string{
		"-protocol_whitelist", "file,pipe",
		"-format_whitelist", Containers,
		"-i", Literal(path),
	}
}

// Literal returns path as a URL that ffmpeg reads as exactly that file name: a leading dash is no option, a colon no
// protocol. As an output of a muxer that numbers its files (segment, image2) a % in it still is a pattern: double it.
func Literal(path string) string {
	return "file:" + filepath.Clean(path)
}
