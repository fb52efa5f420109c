package world

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sightline"
	"sightline/internal/ffmpeg"
)

// movie is a video to be written: its final path and its frames, length of them.
type movie struct {
	path   string
	length int
	frames iter.Seq[sightline.Frame]
}

// perProcess is how many movies one ffmpeg process writes. Starting ffmpeg costs more than rendering a clip; one process
// for all would lose everything when interrupted.
const perProcess = 250

// writeMovies encodes movies as H.264 in MP4, many to a process: all frames go through one pipe and the segment muxer
// cuts where a movie ends. A movie appears under its path only when it is complete; those that are there already are left
// alone. The folders of the paths must exist and lie in one file system with staging, a folder for unfinished files.
func writeMovies(ctx context.Context, staging string, movies []movie, done func()) error {
	var missing []movie
	for _, m := range movies {
		if _, err := os.Stat(m.path); err == nil {
			done()
		} else {
			missing = append(missing, m)
		}
	}
	for from := 0; from < len(missing); from += perProcess {
		if err := writeBatch(ctx, staging, missing[from:min(from+perProcess, len(missing))], done); err != nil {
			return err
		}
	}
	return nil
}

func writeBatch(ctx context.Context, staging string, movies []movie, done func()) error {
	dir, err := os.MkdirTemp(staging, "batch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := encode(ctx, dir, movies); err != nil {
		return err
	}
	for i, m := range movies {
		if err := os.Rename(segment(dir, i), m.path); err != nil {
			return err
		}
		done()
	}
	return nil
}

func segment(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("%06d.mp4", i)) }

// encode pipes the movies through one ffmpeg. Key frames are forced where movies begin and appear nowhere else, and there
// are no B-frames, so no frame moves into a neighbour's file and time starts at zero in each.
func encode(ctx context.Context, dir string, movies []movie) error {
	var cuts, keys []string
	frames := 0
	for _, m := range movies {
		if frames > 0 {
			cuts = append(cuts, strconv.Itoa(frames))
		}
		keys = append(keys, strconv.FormatFloat(float64(frames)/FPS, 'f', -1, 64))
		frames += m.length
	}
	args := []string{
		"-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", Side, Side), "-r", strconv.Itoa(FPS), "-i", "pipe:0",
		"-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-pix_fmt", "yuv420p", "-bf", "0", "-g", "1000000",
		"-sc_threshold", "0", "-threads", "1", "-force_key_frames", strings.Join(keys, ","),
		"-f", "segment", "-segment_format", "mp4", "-reset_timestamps", "1",
	}
	if len(cuts) > 0 {
		args = append(args, "-segment_frames", strings.Join(cuts, ","))
	} else {
		args = append(args, "-segment_time", "1000000")
	}
	pattern := strings.ReplaceAll(ffmpeg.Literal(dir), "%", "%%") + "/%06d.mp4"
	cmd, err := ffmpeg.Command(ctx, ffmpeg.Guards{}, append(args, pattern)...)
	if err != nil {
		return err
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	writeErr := feed(ctx, pipe, movies)
	if err := pipe.Close(); writeErr == nil {
		writeErr = err
	}
	if err := cmd.Wait(); err != nil {
		return err // it says more than the broken pipe
	}
	return writeErr
}

func feed(ctx context.Context, w io.Writer, movies []movie) error {
	for _, m := range movies {
		n := 0
		for f := range m.frames {
			if _, err := w.Write(f.RGB); err != nil {
				return err
			}
			n++
		}
		if n != m.length {
			return fmt.Errorf("%s: drew %d frames, not %d", m.path, n, m.length)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
